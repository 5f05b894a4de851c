//! Checks a log from its first byte to its last and names the first entry that is not as it was written.

use super::{AuditError, Head};
use std::path::Path;

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Good entries before the first bad one.
    pub entries: u64,
    /// The end of the good part.
    pub head: Head,
    /// The first thing wrong.
    pub finding: Option<Finding>,
}

impl Report {
    /// True if every entry is as it was written. A torn tail after a crash does not make it untrue.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.finding.as_ref().is_none_or(|finding| matches!(finding.problem, Problem::TornTail { .. }))
    }
}

/// Where and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// 1-based line.
    pub line: u64,
    /// The entry's number: as it says itself, else as it should be.
    pub seq: u64,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The bytes are not those that were hashed.
    BytesChanged,
    /// Entries before this one are gone.
    Missing { first: u64, last: u64 },
    /// This entry stands in another place than it was written.
    Reordered { expected: u64 },
    /// The entry is whole but follows another predecessor: the log before it was rewritten.
    Rewritten,
    /// The beginning of the log is gone.
    PrefixCut,
    /// The last write was cut short by a crash. A warning: nothing before it is affected.
    TornTail { bytes: u64 },
    /// A published head is not in this log: it was replaced by an older or another copy.
    HeadLost { published: Head },
}

/// Checks a log.
///
/// # Errors
/// When the file cannot be read.
pub fn verify(path: &Path) -> Result<Report, AuditError> {
    verify_against(path, &[])
}

/// Checks a log and that each published head is in it.
///
/// # Errors
/// When the file cannot be read.
pub fn verify_against(path: &Path, _published: &[Head]) -> Result<Report, AuditError> {
    Err(AuditError::Suspect { path: path.to_owned() })
}
