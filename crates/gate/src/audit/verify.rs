//! Checks a log from its first byte to its last and names the first entry that is not as it was written.
//!
//! What it can tell: that a byte changed, that entries are missing, moved or exchanged, that the beginning is gone.
//! What it cannot tell alone: that the end is gone, or that somebody wrote the whole log anew. For that a head kept
//! somewhere else is needed ([`verify_against`]). An unfinished last entry is what a crash leaves and is a warning.

use super::chain::{self, Sealed};
use super::read::{Lines, RawLine};
use super::{AuditError, Head};
use std::fmt;
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
    /// The number of the entry that should stand there; for one that is whole, its own.
    pub seq: u64,
    pub problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The bytes are not those that were hashed.
    BytesChanged,
    /// The entries `first` to `last` are gone.
    Missing { first: u64, last: u64 },
    /// This entry stands in another place than it was written.
    Reordered { expected: u64 },
    /// The entry is whole but follows another predecessor: the log before it was rewritten.
    Rewritten,
    /// The beginning of the log is gone.
    PrefixCut,
    /// The last write was cut short by a crash. A warning: nothing before it is affected.
    TornTail { bytes: u64 },
    /// A published head is not in this log: its end was cut off, or it is an older or another copy.
    HeadLost { published: Head },
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { line, seq, problem } = self;
        write!(formatter, "line {line}, entry {seq}: ")?;
        match problem {
            Problem::BytesChanged => formatter.write_str("its bytes were changed after it was written"),
            Problem::Missing { first, last } if first == last => {
                write!(formatter, "entry {first} before it is missing")
            }
            Problem::Missing { first, last } => {
                write!(formatter, "entries {first} to {last} before it are missing")
            }
            Problem::Reordered { expected } => write!(formatter, "entry {expected} should stand here"),
            Problem::Rewritten => {
                formatter.write_str("the entry before it is not the one it was written after")
            }
            Problem::PrefixCut => formatter.write_str("the beginning of the log is missing"),
            Problem::TornTail { bytes } => {
                write!(formatter, "unfinished ({bytes} bytes), as a crash leaves it; the next entry mends it")
            }
            Problem::HeadLost { published } => {
                write!(
                    formatter,
                    "entry {} with hash {} was published and is not here",
                    published.seq, published.hash
                )
            }
        }
    }
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
pub fn verify_against(path: &Path, published: &[Head]) -> Result<Report, AuditError> {
    let mut lines = Lines::open(path)?;
    let mut report = Report { entries: 0, head: Head::EMPTY, finding: None };
    let mut misplaced = None;
    while let Some(raw) = lines.next()? {
        match follow(report.head, &raw) {
            Step::Good(head) => {
                report.head = head;
                report.entries += 1;
                report.finding =
                    lost(published, |known| known.seq == head.seq && *known != head, &lines, head.seq);
            }
            Step::Bad(problem) => {
                let seq = report.head.seq.saturating_add(1);
                report.finding = Some(Finding { line: lines.number, seq, problem });
            }
            Step::Misplaced(found) => misplaced = Some(found),
        }
        if report.finding.is_some() || misplaced.is_some() {
            break;
        }
    }
    if let Some(found) = misplaced {
        report.finding = Some(explain(&mut lines, report.head, found)?);
    }
    if report.is_intact() {
        let end = report.head.seq;
        let cut = lost(published, |known| known.seq > end, &lines, end.saturating_add(1));
        report.finding = cut.or(report.finding);
    }
    Ok(report)
}

enum Step {
    Good(Head),
    Bad(Problem),
    /// Whole, but not the entry that belongs here.
    Misplaced(Sealed),
}

fn follow(after: Head, raw: &RawLine<'_>) -> Step {
    match raw {
        RawLine::TooLong => Step::Bad(Problem::BytesChanged),
        RawLine::Unfinished(bytes) if chain::is_torn(bytes) => {
            Step::Bad(Problem::TornTail { bytes: bytes.len() as u64 })
        }
        RawLine::Unfinished(_) => Step::Bad(Problem::BytesChanged),
        RawLine::Whole(bytes) => match chain::open(bytes) {
            None => Step::Bad(Problem::BytesChanged),
            Some(found) if found.prev == after.hash && found.head.seq == after.seq.saturating_add(1) => {
                Step::Good(found.head)
            }
            Some(found) => Step::Misplaced(found),
        },
    }
}

/// Says why a whole entry stands in the wrong place: reads on to see whether the right one comes later.
fn explain(lines: &mut Lines, after: Head, found: Sealed) -> Result<Finding, AuditError> {
    let line = lines.number;
    let seq = found.head.seq;
    let expected = after.seq.saturating_add(1);
    let finding = |problem| Finding { line, seq, problem };
    if seq == expected {
        return Ok(finding(Problem::Rewritten));
    }
    if seq < expected {
        return Ok(finding(Problem::Reordered { expected }));
    }
    while let Some(raw) = lines.next()? {
        if let RawLine::Whole(bytes) = raw
            && chain::open(bytes).is_some_and(|later| later.head.seq == expected)
        {
            return Ok(finding(Problem::Reordered { expected }));
        }
    }
    Ok(finding(match after.seq {
        0 => Problem::PrefixCut,
        _ => Problem::Missing { first: expected, last: seq - 1 },
    }))
}

fn lost(published: &[Head], is_lost: impl Fn(&Head) -> bool, lines: &Lines, seq: u64) -> Option<Finding> {
    let published = *published.iter().find(|known| is_lost(known))?;
    Some(Finding { line: lines.number, seq, problem: Problem::HeadLost { published } })
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
