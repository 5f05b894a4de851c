//! Finding entries again. Streams, so memory does not grow with the file.

use super::AuditError;
use leashd_types::{Decision, SessionId, Timestamp};
use serde_json::{Map, Value};
use std::path::{Path, PathBuf};

/// What to look for; every given field must match.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Filter {
    /// An entry that names this file or something below this directory.
    pub path: Option<PathBuf>,
    /// Part of the rule's name.
    pub rule: Option<String>,
    pub decision: Option<Decision>,
    pub session: Option<SessionId>,
    /// This moment or later.
    pub since: Option<Timestamp>,
    pub tool: Option<String>,
    pub event: Option<String>,
    /// Anywhere in the line, letter case ignored.
    pub text: Option<String>,
}

/// One entry as it stands in the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// 1-based.
    pub number: u64,
    pub entry: Map<String, Value>,
}

/// Calls `found` for each matching entry, oldest first. Lines that cannot be read are skipped: `verify` names them.
///
/// # Errors
/// When the file cannot be read.
pub fn search(_path: &Path, _filter: &Filter, _found: impl FnMut(Line)) -> Result<(), AuditError> {
    Ok(())
}

/// The last `count` entries, oldest first; at most 10,000. Reads from the end.
///
/// # Errors
/// When the file cannot be read.
pub fn tail(_path: &Path, _count: usize) -> Result<Vec<Map<String, Value>>, AuditError> {
    Ok(Vec::new())
}
