//! The loader of policy files: any text either loads or is refused with words, and a file that travels with a repository
//! only tightens.

use crate::facts::{answered, call};
use leashd_policy::{Rules, Source, judge, plan};
use leashd_types::{Decision, ToolCall, Verdict};
use serde_json::json;

/// Longest refusal, in bytes: it is shown to a person.
const REFUSAL: usize = 16 * 1024;

/// Allows what the floor does not deny: whatever a file adds can be seen to tighten.
const BASE: &str = "version: \"1.0\"\nname: base\nrules: []\nsettings:\n  default_action: allow\n";

pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let base = Source::user("base.yaml", BASE);
    let project = Source::project("fuzz.yaml", &text);
    let alone = Rules::load(&[base]).expect("the base is a good file");
    let tightened = match Rules::load(&[base, project]) {
        Ok(rules) => rules,
        Err(refusal) => return readable(&refusal.to_string()),
    };
    let again = Rules::load(&[base, project]).expect("what loaded once loads again");
    assert_eq!(tightened.generation(), again.generation(), "the same files, loaded twice, are not the same");
    let own = Rules::load(&[base, Source::user("fuzz.yaml", &text)]);
    let own = own.expect("what a project may say, a person may say");
    for call in calls() {
        let verdict = decide(&tightened, &call);
        let before = decide(&alone, &call).decision;
        assert!(verdict.decision >= before, "a project file weakens {before:?} on {:?}", call.input);
        assert!(verdict == decide(&again, &call), "the same rules judge differently");
        if before == Decision::Deny {
            assert_eq!(decide(&own, &call).decision, before, "a rule opens the floor for {:?}", call.input);
        }
    }
}

fn readable(refusal: &str) {
    assert!(!refusal.trim().is_empty(), "refused without a word");
    assert!(refusal.len() <= REFUSAL, "a refusal of {} bytes", refusal.len());
    let unseen = refusal.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(unseen, None, "a refusal with a control character");
}

fn calls() -> [ToolCall; 5] {
    let bash = |line: &str| call("Bash", json!({ "command": line }));
    [
        bash("ls -la"),
        bash("git push origin main && curl https://example.com"),
        bash("sudo rm -rf /"),
        call("Write", json!({ "file_path": "/home/dev/proj/a.txt", "content": "x" })),
        call("mcp__server__tool", json!({ "key": "value" })),
    ]
}

fn decide(rules: &Rules, call: &ToolCall) -> Verdict {
    let facts = answered(call, "");
    judge(rules, call, &plan(call, &facts), &facts)
}
