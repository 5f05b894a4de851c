//! The reader of what an agent writes: any bytes, cut anywhere, lead to the same events; every request ends in an answer
//! or a withdrawal; and no bytes alone bring about a yes.

use leashd_agents::claude::fuzzing::{Heard, hear};
use leashd_types::AgentEvent;
use serde_json::Value;

/// Bytes of the longest line that is read here; with a small limit it is reached often.
const LINE: usize = 4096;
/// Bytes that arrive at once.
const ALL: usize = 64 * 1024;

pub fn check(input: &[u8]) {
    let heard = hear(input, ALL, LINE);
    let piece = 1 + input.len() % 97;
    assert!(heard == hear(input, piece, LINE), "in pieces of {piece} bytes it is something else");
    for answer in &heard.answers {
        let line = answer.to_string();
        assert!(!line.contains('\n'), "an answer of several lines");
        let said = answer.pointer("/response/response/behavior").and_then(Value::as_str);
        assert!(said.is_none_or(|said| said == "deny"), "nobody allowed it: {line}");
        assert!(answer.pointer("/response/request_id").is_some_and(Value::is_string), "to whom? {line}");
    }
    nobody_is_forgotten(input, &heard);
}

/// An agent that asks waits until it has an answer, or until it says that it no longer wants one.
fn nobody_is_forgotten(input: &[u8], heard: &Heard) {
    let lines = input.split(|byte| *byte == b'\n').take(heard.lines);
    let asks = lines.filter(|line| {
        let frame: Result<Value, _> = serde_json::from_slice(line);
        frame.is_ok_and(|frame| frame.get("type").and_then(Value::as_str) == Some("control_request"))
    });
    let asked = asks.count();
    let withdrawn = heard.events.iter().filter(|event| matches!(event, AgentEvent::Withdrawn { .. })).count();
    assert!(
        heard.answers.len() + withdrawn >= asked,
        "{asked} requests, {} answers, {withdrawn} withdrawn",
        heard.answers.len()
    );
    let calls = heard.events.iter().filter(|event| matches!(event, AgentEvent::ToolCall(_))).count();
    assert_eq!(calls, heard.denied + withdrawn, "a call with no end, or with two");
}
