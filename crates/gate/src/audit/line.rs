//! Puts a record into words: secrets out, long texts cut, one JSON object without its place in the chain.

use super::chain::LINE_LIMIT;
use super::redact::names_a_secret;
use super::{AuditError, Record, Secrets};
use leashd_types::{CallId, Digest, SessionId, Timestamp};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Bytes kept of a string. What is cut is replaced by its length and the SHA-256 of the whole.
pub(super) const STRING_LIMIT: usize = 2048;
/// Bytes of a tool input as JSON, after its strings were cut; a longer one is replaced by length and SHA-256.
pub(super) const INPUT_LIMIT: usize = 32 * 1024;
/// Bytes looked at beyond a cut, so that a secret that straddles it is still recognised.
const MARGIN: usize = 1024;

/// The members of an entry (`"timestamp":…,"event":…`), without braces.
pub(super) fn members(
    at: Timestamp,
    session: Option<&SessionId>,
    call: Option<&CallId>,
    record: &Record,
    secrets: &Secrets,
) -> Result<String, AuditError> {
    let encode = |error: serde_json::Error| AuditError::Encode { why: error.to_string() };
    let Value::Object(mut entry) = serde_json::to_value(record).map_err(encode)? else {
        return Err(AuditError::Encode { why: "a record is not an object".to_owned() });
    };
    let event = entry.remove("event").unwrap_or(Value::Null);
    if let Some(session) = session {
        entry.insert("session_id".to_owned(), session.as_str().into());
    }
    if let Some(call) = call {
        entry.insert("call_id".to_owned(), call.as_str().into());
    }
    entry.values_mut().for_each(|value| clean(value, secrets));
    shorten_input(&mut entry)?;
    let rest = serde_json::to_string(&entry).map_err(encode)?;
    let rest = rest.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')).unwrap_or_default();
    let comma = if rest.is_empty() { "" } else { "," };
    let members = format!("\"timestamp\":\"{at}\",\"event\":{event}{comma}{rest}");
    if members.len() + 512 > LINE_LIMIT {
        return Err(AuditError::Encode { why: format!("an entry of {} bytes is too long", members.len()) });
    }
    Ok(members)
}

fn shorten_input(entry: &mut Map<String, Value>) -> Result<(), AuditError> {
    let Some(input) = entry.get_mut("tool_input") else { return Ok(()) };
    let text = serde_json::to_string(input).map_err(|error| AuditError::Encode { why: error.to_string() })?;
    if text.len() > INPUT_LIMIT {
        *input = json!({ "cut": { "bytes": text.len(), "sha256": Digest::plain(&[text.as_bytes()]) } });
    }
    Ok(())
}

pub(super) fn clean(value: &mut Value, secrets: &Secrets) {
    match value {
        Value::String(text) => clean_text(text, secrets),
        Value::Array(items) => items.iter_mut().for_each(|item| clean(item, secrets)),
        Value::Object(object) => clean_object(object, secrets),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn clean_object(object: &mut Map<String, Value>, secrets: &Secrets) {
    for (key, value) in object.iter_mut() {
        match value {
            Value::String(text) if names_a_secret(key) => "[redacted]".clone_into(text),
            other => clean(other, secrets),
        }
    }
    let is_clean =
        |key: &String| key.len() <= STRING_LIMIT && matches!(secrets.redact(key), Cow::Borrowed(_));
    if !object.keys().all(is_clean) {
        let cleaned = std::mem::take(object).into_iter().map(|(mut key, value)| {
            clean_text(&mut key, secrets);
            (key, value)
        });
        *object = cleaned.collect();
    }
}

fn clean_text(text: &mut String, secrets: &Secrets) {
    if text.len() <= STRING_LIMIT {
        if let Cow::Owned(clean) = secrets.redact(text) {
            *text = clean;
        }
        return;
    }
    let margin = MARGIN.max(secrets.longest() + 4);
    let window = head(text, STRING_LIMIT + margin);
    let clean = secrets.redact(window);
    // A secret cut by the window's own end is still whole there: that part never gets out.
    let known =
        if window.len() < text.len() { head(&clean, clean.len().saturating_sub(margin)) } else { &clean };
    let kept = head(known, STRING_LIMIT);
    let whole = Digest::plain(&[text.as_bytes()]);
    *text = format!("{kept}…[cut: {} bytes, sha256 {whole}]", text.len());
}

/// The first `limit` bytes, less if a character would be split.
fn head(text: &str, limit: usize) -> &str {
    text.get(..text.floor_char_boundary(limit)).unwrap_or_default()
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
