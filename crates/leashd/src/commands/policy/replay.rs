//! Calls from the audit log, to be judged again. The same call in the same place counts as often as it was made.

use super::judging::Asked;
use crate::failure::Failure;
use leashd_gate::audit::{self, Filter};
use leashd_types::{Containment, Mode, Timestamp};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Different calls judged again.
const CALLS_MAX: usize = 100_000;

/// What the log gives.
#[derive(Debug, Default)]
pub(super) struct Replay {
    /// Each different call and how often it was made, in the order of the log.
    pub(super) calls: Vec<(Asked, usize)>,
    /// Calls that cannot be judged again, by the reason.
    pub(super) left_out: BTreeMap<&'static str, usize>,
}

impl Replay {
    /// Reads the judged calls of a log.
    pub(super) fn read(path: &Path, since: Option<Timestamp>) -> Result<Self, Failure> {
        let mut replay = Replay::default();
        let mut sessions: HashMap<String, Opening> = HashMap::new();
        let mut seen: HashMap<String, usize> = HashMap::new();
        audit::search(path, &Filter::default(), |line| {
            let entry = line.entry;
            match text(&entry, "event") {
                Some("session_started") => {
                    if let Some(session) = text(&entry, "session_id") {
                        sessions.insert(session.to_owned(), Opening::of(&entry));
                    }
                }
                Some("tool_attempt") if is_since(&entry, since) => {
                    let opening = text(&entry, "session_id").and_then(|session| sessions.get(session));
                    replay.add(&entry, opening, &mut seen);
                }
                _ => {}
            }
        })
        .map_err(Failure::failed)?;
        Ok(replay)
    }

    fn add(
        &mut self,
        entry: &Map<String, Value>,
        opening: Option<&Opening>,
        seen: &mut HashMap<String, usize>,
    ) {
        let asked = match asked(entry, opening) {
            Ok(asked) => asked,
            Err(why) => return self.leave_out(why),
        };
        let key = format!("{asked:?}");
        if let Some((_, times)) = seen.get(&key).and_then(|index| self.calls.get_mut(*index)) {
            *times += 1;
        } else if self.calls.len() >= CALLS_MAX {
            self.leave_out("past the first 100000 different calls");
        } else {
            seen.insert(key, self.calls.len());
            self.calls.push((asked, 1));
        }
    }

    fn leave_out(&mut self, why: &'static str) {
        *self.left_out.entry(why).or_default() += 1;
    }
}

/// What a session was started with.
#[derive(Debug)]
struct Opening {
    root: Option<PathBuf>,
    containment: Option<Containment>,
}

impl Opening {
    fn of(entry: &Map<String, Value>) -> Self {
        Self {
            root: text(entry, "working_directory").map(PathBuf::from),
            containment: parsed(entry, "containment"),
        }
    }
}

fn asked(entry: &Map<String, Value>, opening: Option<&Opening>) -> Result<Asked, &'static str> {
    let tool = text(entry, "tool_name").ok_or("the entry has no tool")?;
    let input = entry.get("tool_input").ok_or("the entry has no input")?;
    let cwd = text(entry, "working_directory").map(PathBuf::from).ok_or("the entry has no directory")?;
    if is_cut(input) {
        return Err("the log holds only the beginning of the input");
    }
    if is_redacted(input) {
        return Err("a secret was taken out of the input");
    }
    if !cwd.is_dir() {
        return Err("its directory is gone");
    }
    let root = opening.and_then(|opening| opening.root.clone()).unwrap_or_else(|| cwd.clone());
    Ok(Asked {
        tool: tool.to_owned(),
        input: input.clone(),
        root: Some(root),
        cwd: Some(cwd),
        mode: parsed::<Mode>(entry, "session_mode"),
        containment: opening.and_then(|opening| opening.containment),
        ..Asked::default()
    })
}

fn text<'e>(entry: &'e Map<String, Value>, key: &str) -> Option<&'e str> {
    entry.get(key).and_then(Value::as_str)
}

fn parsed<T: serde::de::DeserializeOwned>(entry: &Map<String, Value>, key: &str) -> Option<T> {
    serde_json::from_value(entry.get(key)?.clone()).ok()
}

fn is_since(entry: &Map<String, Value>, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| {
        text(entry, "timestamp").and_then(Timestamp::parse).is_some_and(|moment| moment >= since)
    })
}

/// The marks the log leaves where it cut something.
fn is_cut(input: &Value) -> bool {
    let whole = input.as_object().is_some_and(|input| {
        input.len() == 1 && input.get("cut").is_some_and(|cut| cut.get("sha256").is_some())
    });
    whole || any_text(input, &|text| text.contains("…[cut: ") && text.contains(" bytes, sha256 "))
}

fn is_redacted(input: &Value) -> bool {
    any_text(input, &|text| text.contains("[redacted"))
}

fn any_text(value: &Value, wanted: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => wanted(text),
        Value::Array(items) => items.iter().any(|item| any_text(item, wanted)),
        Value::Object(object) => object.iter().any(|(key, value)| wanted(key) || any_text(value, wanted)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}
