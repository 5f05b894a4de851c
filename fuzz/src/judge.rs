//! The judge, on calls of every tool with any input: total, the same every time, and a denied command stays denied with
//! anything behind it.

use crate::facts::{answered, call};
use leashd_policy::{Rules, Source, judge, plan};
use leashd_types::{Decision, ToolCall, Verdict};
use serde_json::{Value, json};
use std::sync::OnceLock;

const SEPARATOR: char = '\u{1e}';
const TOOLS: [&str; 8] = ["Read", "Write", "Edit", "Glob", "Grep", "WebFetch", "NotebookEdit", "mcp__x__y"];

/// What the floor denies, whatever follows it.
const DENIED: &str = "rm -rf /";

pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (first, script) = text.split_once(SEPARATOR).unwrap_or((&text, "echo script"));
    let call = match first.split_once(':').and_then(|(tool, rest)| Some((known(tool)?, rest))) {
        Some((tool, rest)) => call(tool, arguments(rest)),
        None => call("Bash", json!({ "command": first })),
    };
    for rules in rules() {
        let verdict = verdict(rules, &call, script);
        assert!(verdict == self::verdict(rules, &call, script), "the same call, judged twice, is not the same");
        assert!(!verdict.reason.is_empty(), "a verdict without a reason");
        if call.tool == "Bash" {
            let longer = self::call_after(DENIED, first);
            let decision = self::verdict(rules, &longer, script).decision;
            // A line that cannot be read to its end is a question at least.
            assert!(decision != Decision::Allow, "`{DENIED}` before the line is allowed");
        }
    }
}

fn call_after(denied: &str, line: &str) -> ToolCall {
    call("Bash", json!({ "command": format!("{denied}\n{line}") }))
}

fn known(tool: &str) -> Option<&'static str> {
    TOOLS.into_iter().find(|known| *known == tool)
}

/// JSON as it is; anything else stands for the argument such tools have.
fn arguments(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(value) => value,
        Err(_) => json!({ "file_path": text, "path": text, "url": text, "pattern": text, "content": text }),
    }
}

fn verdict(rules: &Rules, call: &ToolCall, script: &str) -> Verdict {
    let facts = answered(call, script);
    judge(rules, call, &plan(call, &facts), &facts)
}

fn rules() -> &'static [Rules] {
    static RULES: OnceLock<Vec<Rules>> = OnceLock::new();
    RULES.get_or_init(|| {
        let load = |names: &[&str]| {
            let sources: Vec<_> = names.iter().filter_map(|name| Source::builtin(name)).collect();
            assert_eq!(sources.len(), names.len(), "a policy that ships is gone: {names:?}");
            Rules::load(&sources).expect("what ships loads")
        };
        vec![load(&["default", "dev-tools"]), load(&["contained"]), load(&["permissive"])]
    })
}
