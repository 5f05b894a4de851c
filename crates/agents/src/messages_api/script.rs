//! The script that rides in a prompt, and which of its steps a request has reached. Pure.
//!
//! A prompt that contains `SCRIPT:[…]` says what the model will answer, one item per model call:
//! `{"text": "…"}`, `{"tool": "Bash", "input": {…}}`, `{"tools": [{"tool": …, "input": …}, …]}`, `{"think": "…"}`
//! (may stand beside the others), `{"error": 529, "times": 2}` (then the rest of the item), `{"hang": true}`,
//! `{"cut": true}` (the connection breaks in the middle), `{"slow": 50}` (milliseconds between pieces),
//! `{"usage": {…}}`, `{"stop": "max_tokens"}`. `{{re:pattern}}` in any string becomes what the pattern finds in the
//! request (its first group, if it has one), for paths and ids the agent invents.
//!
//! The step is the number of model answers since that prompt, so nothing has to be remembered: several sessions,
//! subagents (a script inside the prompt of an `Agent` call) and a resume after a kill all find their place.

use regex::Regex;
use serde::Deserialize;
use serde_json::{Value, json};

const MARK: &str = "SCRIPT:";

/// One model call.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Item {
    pub(super) text: Option<String>,
    pub(super) think: Option<String>,
    pub(super) tool: Option<String>,
    pub(super) input: Value,
    pub(super) tools: Vec<ToolUse>,
    /// An HTTP status, answered `times` times (default: always) before the item itself.
    pub(super) error: Option<u16>,
    pub(super) times: Option<u32>,
    pub(super) hang: bool,
    pub(super) cut: bool,
    /// Milliseconds between pieces.
    pub(super) slow: Option<u64>,
    pub(super) usage: Option<Value>,
    pub(super) stop: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ToolUse {
    pub(super) tool: String,
    pub(super) input: Value,
}

/// Where a request is in which script.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) item: Item,
    /// Names the step among all scripts and sessions: the start of call ids, the key of counted errors.
    pub(super) key: String,
}

/// The step that answers `request`. Requests without tools are the agent's own side business (titles, summaries).
pub(super) fn place(request: &Value) -> Place {
    let has_tools = request.get("tools").and_then(Value::as_array).is_some_and(|tools| !tools.is_empty());
    let found = if has_tools { latest_script(request) } else { None };
    let Some((script, step)) = found else {
        return Place { item: said("aux"), key: "aux".to_owned() };
    };
    let key = format!("{:016x}_{step}", fingerprint(&script));
    let item = match serde_json::from_str::<Vec<Value>>(&script) {
        Err(error) => said(&format!("the script cannot be read: {error}")),
        Ok(items) => match items.into_iter().nth(step) {
            None => said("done"),
            Some(item) => serde_json::from_value(filled_in(item, request))
                .unwrap_or_else(|error| said(&format!("item {step} of the script cannot be read: {error}"))),
        },
    };
    Place { item, key }
}

fn said(text: &str) -> Item {
    Item { text: Some(text.to_owned()), ..Item::default() }
}

/// The last script in what the user said, and the number of answers since.
fn latest_script(request: &Value) -> Option<(String, usize)> {
    let mut latest = None;
    for message in request.get("messages")?.as_array()? {
        match message.get("role").and_then(Value::as_str) {
            Some("user") => {
                for text in texts(message) {
                    if let Some((_, rest)) = text.split_once(MARK) {
                        latest = Some((first_array(rest)?, 0));
                    }
                }
            }
            Some("assistant") => {
                if let Some((_, step)) = &mut latest {
                    *step += 1;
                }
            }
            _ => {}
        }
    }
    latest
}

/// What a person said: text, not the results of tools.
fn texts(message: &Value) -> Vec<&str> {
    match message.get("content") {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(blocks)) => {
            blocks.iter().filter_map(|block| block.get("text").and_then(Value::as_str)).collect()
        }
        _ => vec![],
    }
}

/// The JSON array at the start of `text`; what follows it is ordinary text.
fn first_array(text: &str) -> Option<String> {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    stream.next()?.ok().filter(Value::is_array).map(|array| array.to_string())
}

/// FNV-1a: short, and the same in every process.
fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn filled_in(item: Value, request: &Value) -> Value {
    match item {
        Value::String(text) => Value::String(filled_in_text(&text, request)),
        Value::Array(items) => items.into_iter().map(|item| filled_in(item, request)).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(name, value)| (name, filled_in(value, request))).collect()
        }
        other => other,
    }
}

fn filled_in_text(text: &str, request: &Value) -> String {
    let Some((before, rest)) = text.split_once("{{re:") else { return text.to_owned() };
    let Some((pattern, after)) = rest.split_once("}}") else { return text.to_owned() };
    let said = everything_said(request);
    let found = Regex::new(pattern).ok().and_then(|regex| {
        let captures = regex.captures(&said)?;
        captures.get(1).or_else(|| captures.get(0)).map(|found| found.as_str().to_owned())
    });
    format!("{before}{}{}", found.unwrap_or_default(), filled_in_text(after, request))
}

fn everything_said(request: &Value) -> String {
    let mut all = Vec::new();
    collect_strings(request.get("system").unwrap_or(&Value::Null), &mut all);
    collect_strings(request.get("messages").unwrap_or(&Value::Null), &mut all);
    all.join("\n")
}

fn collect_strings<'a>(value: &'a Value, all: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => all.push(text),
        Value::Array(items) => items.iter().for_each(|item| collect_strings(item, all)),
        Value::Object(fields) => fields.values().for_each(|field| collect_strings(field, all)),
        _ => {}
    }
}

impl Item {
    /// The content blocks of the answer.
    pub(super) fn blocks(&self, key: &str) -> Vec<Value> {
        let mut blocks = Vec::new();
        if let Some(think) = &self.think {
            blocks.push(json!({"type": "thinking", "thinking": think, "signature": "c2NyaXB0ZWQ="}));
        }
        if let Some(text) = &self.text {
            blocks.push(json!({"type": "text", "text": text}));
        }
        let single = self.tool.iter().map(|tool| (tool, &self.input));
        for (index, (tool, input)) in
            single.chain(self.tools.iter().map(|it| (&it.tool, &it.input))).enumerate()
        {
            let input = if input.is_null() { json!({}) } else { input.clone() };
            blocks.push(json!({"type": "tool_use", "id": format!("toolu_{key}_{index}"), "name": tool, "input": input}));
        }
        blocks
    }

    pub(super) fn stop_reason(&self) -> &str {
        match &self.stop {
            Some(stop) => stop,
            None if self.tool.is_some() || !self.tools.is_empty() => "tool_use",
            None => "end_turn",
        }
    }

    pub(super) fn usage(&self) -> Value {
        self.usage.clone().unwrap_or_else(|| json!({"input_tokens": 10, "output_tokens": 5}))
    }
}

#[cfg(test)]
mod tests {
    use super::place;
    use serde_json::{Value, json};

    /// The content blocks of the answer to these messages.
    #[track_caller]
    fn check(messages: Value, expected: Value) {
        let request = json!({"tools": [{"name": "Bash"}], "messages": messages});
        let place = place(&request);
        let mut blocks = Value::Array(place.item.blocks("k"));
        for block in blocks.as_array_mut().unwrap() {
            block.as_object_mut().unwrap().remove("id");
        }
        assert_eq!(blocks, expected);
    }

    #[test]
    fn the_step_is_the_number_of_answers_since_the_script() {
        let script =
            json!({"role": "user", "content": r#"please SCRIPT:[{"text":"one"},{"text":"two"}] now"#});
        let answer = json!({"role": "assistant", "content": "x"});
        check(json!([script]), json!([{"type": "text", "text": "one"}]));
        check(json!([script, answer]), json!([{"type": "text", "text": "two"}]));
        check(json!([script, answer, answer]), json!([{"type": "text", "text": "done"}]));
        check(json!([script, answer, answer, script]), json!([{"type": "text", "text": "one"}]));
    }

    #[test]
    fn results_of_tools_are_not_read_as_scripts() {
        let result = json!({"role": "user", "content": [{"type": "tool_result", "content": "SCRIPT:[{\"text\":\"no\"}]"}]});
        check(json!([result]), json!([{"type": "text", "text": "aux"}]));
    }

    #[test]
    fn patterns_are_filled_in_from_the_request() {
        let script = r#"SCRIPT:[{"tool":"Write","input":{"file_path":"{{re:plan at (\\S+)}}"}}]"#;
        check(
            json!([{"role": "user", "content": [{"type": "text", "text": "plan at /p/x.md ok"}, {"type": "text", "text": script}]}]),
            json!([{"type": "tool_use", "name": "Write", "input": {"file_path": "/p/x.md"}}]),
        );
    }

    #[test]
    fn side_business_and_broken_scripts_get_a_text() {
        assert_eq!(
            place(&json!({"messages": [{"role": "user", "content": "SCRIPT:[]"}]})).item.text.unwrap(),
            "aux"
        );
        let request =
            json!({"tools": [1], "messages": [{"role": "user", "content": "SCRIPT:[{\"txt\":1}]"}]});
        assert!(place(&request).item.text.unwrap().contains("item 0 of the script"));
    }
}
