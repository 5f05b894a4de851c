//! Finding entries again. Streams, so memory does not grow with the file.

use super::read::{Lines, RawLine};
use super::{AuditError, file};
use leashd_types::{Decision, SessionId, Timestamp};
use serde_json::{Map, Value};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// Entries [`tail`] gives at most.
const TAIL_ENTRIES: usize = 10_000;
/// Bytes [`tail`] reads at most.
const TAIL_BYTES: u64 = 64 * 1024 * 1024;
const BLOCK: u64 = 64 * 1024;

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
pub fn search(path: &Path, filter: &Filter, mut found: impl FnMut(Line)) -> Result<(), AuditError> {
    let wanted = filter.text.as_deref().map(str::to_lowercase);
    let mut lines = Lines::open(path)?;
    loop {
        let entry = match lines.next()? {
            None => return Ok(()),
            Some(RawLine::Whole(bytes)) => read(bytes, wanted.as_deref()),
            Some(RawLine::Unfinished(_) | RawLine::TooLong) => None,
        };
        if let Some(entry) = entry.filter(|entry| filter.matches(entry)) {
            found(Line { number: lines.number, entry });
        }
    }
}

/// The last `count` entries, oldest first; at most 10,000 entries and 64 MiB. Reads from the end.
///
/// # Errors
/// When the file cannot be read.
pub fn tail(path: &Path, count: usize) -> Result<Vec<Map<String, Value>>, AuditError> {
    let (file, size) = file::snapshot(path)?;
    let count = count.min(TAIL_ENTRIES);
    let mut blocks: Vec<Vec<u8>> = Vec::new();
    let mut start = size;
    let mut newlines = 0;
    // The newline that ends the last entry counts too.
    while start > 0 && newlines <= count && size - start < TAIL_BYTES {
        let end = start;
        start = end.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(&mut block, start).map_err(AuditError::io("read", path))?;
        newlines += block.iter().filter(|byte| **byte == b'\n').count();
        blocks.push(block);
    }
    let bytes: Vec<u8> = blocks.into_iter().rev().flatten().collect();
    let mut entries: Vec<_> =
        bytes.split(|byte| *byte == b'\n').rev().filter_map(|line| read(line, None)).take(count).collect();
    entries.reverse();
    Ok(entries)
}

/// `None` if it is no entry or does not hold the text.
fn read(line: &[u8], wanted: Option<&str>) -> Option<Map<String, Value>> {
    let line = std::str::from_utf8(line).ok()?;
    if let Some(wanted) = wanted
        && !line.to_lowercase().contains(wanted)
    {
        return None;
    }
    serde_json::from_str(line).ok()
}

impl Filter {
    fn matches(&self, entry: &Map<String, Value>) -> bool {
        let text = |key: &str| entry.get(key).and_then(Value::as_str);
        let same = |key: &str, wanted: Option<&str>| wanted.is_none_or(|wanted| text(key) == Some(wanted));
        same("session_id", self.session.as_ref().map(SessionId::as_str))
            && same("tool_name", self.tool.as_deref())
            && same("event", self.event.as_deref())
            && same("decision", self.decision.map(|decision| decision.to_string()).as_deref())
            && self
                .rule
                .as_deref()
                .is_none_or(|rule| text("matched_rule").is_some_and(|at| at.contains(rule)))
            && self.since.is_none_or(|since| {
                text("timestamp").and_then(Timestamp::parse).is_some_and(|moment| moment >= since)
            })
            && self.path.as_deref().is_none_or(|path| names(entry, path))
    }
}

/// Whether an entry names `path` or something below it.
fn names(entry: &Map<String, Value>, path: &Path) -> bool {
    let real = entry.get("paths").and_then(Value::as_array).into_iter().flatten();
    let input = entry.get("tool_input").and_then(Value::as_object);
    let given = ["file_path", "notebook_path", "path"].into_iter().filter_map(|key| input?.get(key));
    real.chain(given).filter_map(Value::as_str).any(|named| Path::new(named).starts_with(path))
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
