//! What the log says about one call: for a process that has to compare what ran with what another one decided.

use super::chain::{self, LINE_LIMIT};
use super::{AuditError, file};
use leashd_types::{CallId, Digest, SessionId};
use serde_json::{Map, Value};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// A call older than this many bytes of later entries is not found.
const LOOK_BACK: u64 = 64 * 1024 * 1024;
const BLOCK: u64 = 16 * 1024;

/// The last word about a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Recorded {
    Allowed {
        tool_name: String,
        digest: Digest,
    },
    /// The agent's own prompt decides.
    Deferred {
        tool_name: String,
        digest: Digest,
    },
    /// A question nobody has answered.
    Asked,
    Denied,
    /// It came back already.
    Over,
}

/// The last word about a call, or `None` if there is none within the last 64 MiB. Reads from the end; an entry that is
/// not as it was written is no entry.
///
/// # Errors
/// When the file cannot be read.
pub fn recall(path: &Path, session: &SessionId, call: &CallId) -> Result<Option<Recorded>, AuditError> {
    let (file, size) = file::snapshot(path)?;
    // As it stands in a line: quoted and escaped. Most lines do not hold it and are not read any closer.
    let quoted = serde_json::to_string(call.as_str())
        .map_err(|error| AuditError::Encode { why: error.to_string() })?;
    let mut start = size;
    let mut rest: Vec<u8> = Vec::new();
    while start > 0 && size - start < LOOK_BACK {
        let end = start;
        start = end.saturating_sub(BLOCK);
        let mut block = vec![0; usize::try_from(end - start).unwrap_or(0)];
        file.read_exact_at(&mut block, start).map_err(AuditError::io("read", path))?;
        block.append(&mut rest);
        // The first line may begin further up.
        let whole = match block.iter().position(|byte| *byte == b'\n') {
            _ if start == 0 => 0,
            Some(newline) => newline + 1,
            None => block.len(),
        };
        let (head, lines) = block.split_at(whole);
        for line in lines.split(|byte| *byte == b'\n').rev() {
            if let Some(found) = read(line, &quoted, session, call) {
                return Ok(Some(found));
            }
        }
        // A longer line was not written by us.
        rest = if head.len() > LINE_LIMIT { Vec::new() } else { head.to_vec() };
    }
    Ok(None)
}

fn read(line: &[u8], quoted: &str, session: &SessionId, call: &CallId) -> Option<Recorded> {
    if !line.windows(quoted.len()).any(|window| window == quoted.as_bytes()) || chain::open(line).is_none() {
        return None;
    }
    let entry: Map<String, Value> = serde_json::from_slice(line).ok()?;
    let text = |key: &str| entry.get(key).and_then(Value::as_str).unwrap_or_default();
    if text("call_id") != call.as_str() || text("session_id") != session.as_str() {
        return None;
    }
    let tool_name = text("tool_name").to_owned();
    let digest = Digest::parse(text("digest")).unwrap_or(Digest::ZERO);
    Some(match (text("event"), text("decision")) {
        ("tool_attempt" | "approval", "allow") => Recorded::Allowed { tool_name, digest },
        ("approval", "ask") => Recorded::Deferred { tool_name, digest },
        ("tool_attempt", "ask") => Recorded::Asked,
        ("tool_attempt" | "approval" | "security_violation", _) => Recorded::Denied,
        ("tool_finished" | "input_changed" | "tool_ran_ungated", _) => Recorded::Over,
        (_, _) => return None,
    })
}

#[cfg(test)]
#[path = "recall_tests.rs"]
mod tests;
