//! What happened, in words for a person.

use leashd_types::{Fault, ToolCall};
use serde_json::Value;

/// Characters of a tool call shown while it runs.
const SUMMARY_CHARS_MAX: usize = 200;
/// Characters of a waiting message shown.
const PREVIEW_CHARS_MAX: usize = 200;

/// The argument that says most about a call, on one line; paths below the call's directory without it.
pub(crate) fn summary_of(call: &ToolCall) -> String {
    const TELLING: [&str; 9] =
        ["command", "file_path", "notebook_path", "path", "pattern", "url", "query", "description", "prompt"];
    let question = call.input.pointer("/questions/0/question").and_then(Value::as_str);
    let text = TELLING.iter().find_map(|key| call.text(key)).or(question).unwrap_or_default();
    let below =
        call.cwd.to_str().and_then(|cwd| text.strip_prefix(cwd)).and_then(|rest| rest.strip_prefix('/'));
    let line: String = below.unwrap_or(text).lines().collect::<Vec<_>>().join(" ⏎ ");
    beginning(&line, SUMMARY_CHARS_MAX)
}

pub(crate) fn preview_of(message: &str) -> String {
    beginning(message, PREVIEW_CHARS_MAX)
}

fn beginning(text: &str, chars: usize) -> String {
    match text.char_indices().nth(chars) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// Appends as much as fits into `most` bytes, whole characters only.
pub(crate) fn append_bounded(text: &mut String, more: &str, most: usize) {
    let room = most.saturating_sub(text.len());
    let end = (0..=room.min(more.len())).rev().find(|end| more.is_char_boundary(*end)).unwrap_or_default();
    text.push_str(more.get(..end).unwrap_or_default());
}

pub(crate) fn retry_text(status: Option<u16>, error: String) -> String {
    match status {
        Some(status) => format!("the model's API answered {status}"),
        None if error.is_empty() || error == "unknown" => "the model's API did not answer".to_owned(),
        None => error,
    }
}

pub(crate) fn exit_text(code: Option<i32>, signal: Option<i32>, stderr_tail: &str) -> String {
    let how = match (code, signal) {
        (_, Some(signal)) => format!("the agent was killed by signal {signal}"),
        (Some(code), None) => format!("the agent exited with status {code}"),
        (None, None) => "the agent is gone".to_owned(),
    };
    match stderr_tail.trim() {
        "" => how,
        tail => format!("{how}: {tail}"),
    }
}

pub(crate) fn fault_text(fault: &Fault) -> String {
    match fault {
        Fault::Start { reason } => format!("the agent could not be started: {reason}"),
        Fault::Garbage { line } => format!("the agent printed something that is not a message: {line}"),
        Fault::LineTooLong { limit } => format!("the agent sent a line longer than {limit} bytes"),
        Fault::Silent { after } => format!("nothing was heard from the agent for {} s", after.as_secs()),
        Fault::InputChanged { call, tool } => {
            format!("{tool} ({call}) ran with an input that was not approved")
        }
        Fault::Pipe { reason } => format!("the agent cannot be reached: {reason}"),
        Fault::Reported { message } => format!("the agent reports: {message}"),
    }
}

/// `1 message`, `3 messages`.
pub(crate) fn messages(count: usize) -> String {
    match count {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    }
}
