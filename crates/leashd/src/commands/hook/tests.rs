//! The edit of settings files: what was there stays, byte for byte where nothing had to change.

use super::edit::{install, uninstall};
use crate::hook::line::quoted;
use serde_json::{Value, json};
use std::path::Path;

const LINE: &str = "'/usr/bin/leashd' hook --home '/home/you/.leashd' || exit 2";

/// Installs, installs again, uninstalls.
#[track_caller]
fn check(before: &str) -> String {
    let installed = install(before, LINE).unwrap();
    assert_ne!(installed, before);
    assert_eq!(install(&installed, LINE).unwrap(), installed, "again");
    let parse = |text: &str| serde_json::from_str::<Value>(text.trim_start_matches('\u{feff}')).unwrap();
    assert_eq!(installed.starts_with('\u{feff}'), before.starts_with('\u{feff}'));
    let value = parse(&installed);
    for event in ["PreToolUse", "PostToolUse", "PostToolUseFailure", "Stop", "StopFailure"] {
        let groups = value["hooks"][event].as_array().unwrap();
        let ours: Vec<_> = groups.iter().filter(|group| group["hooks"][0]["command"] == LINE).collect();
        assert_eq!(ours.len(), 1, "{event}: {installed}");
        assert_eq!(ours[0]["hooks"][0]["onFailure"], "block");
        assert_eq!(ours[0]["hooks"][0]["timeout"], 30);
    }
    let removed = uninstall(&installed).unwrap();
    let parsed = |text: &str| {
        let mut value = parse(if text.trim().is_empty() { "{}" } else { text });
        // An empty list of hooks says nothing and may go.
        if value["hooks"] == json!({}) {
            value.as_object_mut().unwrap().remove("hooks");
        }
        value
    };
    assert_eq!(parsed(&removed), parsed(before), "{removed}");
    assert_eq!(uninstall(&removed).unwrap(), removed);
    installed
}

#[test]
fn it_goes_in_and_out_of_settings_of_every_kind() {
    for text in [
        "",
        "{}",
        "{}\n",
        "{\n}\n",
        r#"{"model":"opus"}"#,
        "{\n  \"zebra\": 1,\n  \"apple\": [1, 2, 3],\n  \"hooks\": {}\n}\n",
        "{\n\t\"b\": {\"c\": null},\n\t\"a\": 1.50\n}\n",
        "{\r\n  \"model\": \"x\"\r\n}\r\n",
        "\u{feff}{\"model\":\"x\"}",
        r#"{"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":"other hook --home /x"}]}]}}"#,
        r#"{"hooks":{"PreToolUse":[{"matcher":"Bash","hooks":[{"type":"command","command":"mine"}]}]}}"#,
        "{\n  \"hooks\": {\n    \"Stop\": [\n      { \"hooks\": [ { \"type\": \"command\", \"command\": \"say\" } ] }\n    ]\n  },\n  \"x\": 1\n}\n",
    ] {
        check(text);
    }
}

#[test]
fn what_was_there_keeps_its_order_and_its_spelling() {
    let before = "{\n  \"zebra\":   1.50,\n  \"apple\": [1,2,   3],\n  \"text\": \"\\u00e9\"\n}\n";
    let installed = check(before);
    for line in ["  \"zebra\":   1.50,", "  \"apple\": [1,2,   3],", "  \"text\": \"\\u00e9\""] {
        assert!(installed.contains(line), "{line} is gone from {installed}");
    }
    assert_eq!(uninstall(&installed).unwrap(), before);
}

#[test]
fn another_path_replaces_the_old_hook_and_keeps_those_of_others() {
    let old = install(
        r#"{"hooks":{"PreToolUse":[{"hooks":[{"type":"command","command":"mine"}]}]}}"#,
        "'/old' hook --home '/h' || exit 2",
    );
    let new: Value = serde_json::from_str(&install(&old.unwrap(), LINE).unwrap()).unwrap();
    let groups = new["hooks"]["PreToolUse"].as_array().unwrap();
    let commands: Vec<_> =
        groups.iter().map(|group| group["hooks"][0]["command"].as_str().unwrap()).collect();
    assert_eq!(commands, ["mine", LINE]);
}

#[test]
fn a_hook_that_shares_a_group_leaves_the_others_in_it() {
    let shared = json!({"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [
        {"type": "command", "command": "mine"}, {"type": "command", "command": LINE}]}]}});
    let left: Value = serde_json::from_str(&uninstall(&shared.to_string()).unwrap()).unwrap();
    assert_eq!(
        left,
        json!({"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": "mine"}]}]}})
    );
}

#[test]
fn what_cannot_be_changed_without_harm_is_refused() {
    for (text, part) in [
        ("[]", "not a JSON object"),
        ("{", "not valid JSON"),
        ("// mine\n{}", "not valid JSON"),
        ("{\"a\": 1,}", "not valid JSON"),
        (r#"{"hooks": []}"#, "`hooks` is not an object"),
        (r#"{"hooks": {"Stop": {}}}"#, "`hooks.Stop` is not a list"),
        (r#"{"hooks": {"Stop": []}, "hooks": {"PreToolUse": []}}"#, "twice"),
    ] {
        let why = install(text, LINE).unwrap_err();
        assert!(why.contains(part), "{text}: {why}");
    }
}

#[test]
fn words_are_quoted_for_the_shell() {
    assert_eq!(quoted(Path::new("/a b/c")).unwrap(), "'/a b/c'");
    assert_eq!(quoted(Path::new("/it's")).unwrap(), r"'/it'\''s'");
}
