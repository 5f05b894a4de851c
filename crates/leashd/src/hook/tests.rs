//! Events as Claude Code sends them, frames as they arrive broken, settings as repositories write them.

use super::event::{Event, Stopping};
use super::frame::{read_reply, read_request, request, write_reply};
use super::line::Own;
use super::reply::{Permission, Reply};
use super::weakness::{self, Grade};
use super::{Order, order};
use leashd_types::{Mode, RanOutcome};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;

fn event(changes: &Value) -> Value {
    let mut event = json!({
        "session_id": "s", "transcript_path": "/t", "cwd": "/p", "prompt_id": "x", "permission_mode": "default",
        "effort": {"level": "medium"}, "hook_event_name": "PreToolUse", "tool_name": "Bash",
        "tool_input": {"command": "ls"}, "tool_use_id": "toolu_1"
    });
    for (key, value) in changes.as_object().unwrap() {
        match value {
            Value::Null => drop(event.as_object_mut().unwrap().remove(key)),
            value => event[key] = value.clone(),
        }
    }
    event
}

fn read(changes: &Value) -> Result<Event, String> {
    Event::read(event(changes).to_string().as_bytes()).map_err(|failure| failure.message)
}

#[test]
fn the_command_line_of_the_hook_itself() {
    let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    assert_eq!(order(&[]), Some(Order { home: None }));
    assert_eq!(order(&args(&["--home", "/h"])), Some(Order { home: Some(PathBuf::from("/h")) }));
    for other in [&["install"][..], &["--home"], &["--help"], &["--home", "/h", "x"], &["status"]] {
        assert_eq!(order(&args(other)), None, "{other:?}");
    }
}

#[test]
fn events_are_read() {
    let Event::Before { call, mode } = read(&json!({"agent_id": "a"})).unwrap() else { panic!() };
    assert_eq!((call.tool.as_str(), call.cwd.to_str(), mode), ("Bash", Some("/p"), None));
    assert!(call.subagent.is_some());
    let Event::Before { mode, .. } = read(&json!({"permission_mode": "plan"})).unwrap() else { panic!() };
    assert_eq!(mode, Some(Mode::Plan));
    for loose in ["acceptEdits", "bypassPermissions", "auto", "dontAsk"] {
        let Event::Before { mode, .. } = read(&json!({"permission_mode": loose})).unwrap() else { panic!() };
        assert_eq!(mode, None, "{loose}");
    }
    let after = json!({"hook_event_name": "PostToolUse", "tool_response": {"stdout": "x"}, "duration_ms": 3});
    let Event::After { ran, .. } = read(&after).unwrap() else { panic!() };
    assert_eq!(ran.outcome, RanOutcome::Ran);
    let failed = json!({"hook_event_name": "PostToolUseFailure", "error": "Exit code 1"});
    let Event::After { ran, .. } = read(&failed).unwrap() else { panic!() };
    assert_eq!(ran.outcome, RanOutcome::Failed { message: "Exit code 1".to_owned() });
    let stop = json!({"hook_event_name": "Stop", "stop_hook_active": true, "tool_name": null});
    assert_eq!(read(&stop), Ok(Event::Stop(Stopping::Again)));
    assert_eq!(read(&json!({"hook_event_name": "StopFailure"})), Ok(Event::StopFailure));
}

#[test]
fn an_event_that_is_not_understood_is_an_error() {
    for (changes, part) in [
        (json!({"hook_event_name": "SessionStart"}), "no event \"SessionStart\""),
        (json!({"hook_event_name": null}), "hook_event_name"),
        (json!({"session_id": null}), "session_id"),
        (json!({"session_id": ""}), "session_id is empty"),
        (json!({"cwd": null}), "no cwd"),
        (json!({"cwd": "p"}), "not absolute"),
        (json!({"tool_name": null}), "no tool_name"),
        (json!({"tool_name": 3}), "cannot be read"),
        (json!({"tool_input": null}), "no tool_input"),
        (json!({"tool_use_id": null}), "no tool_use_id"),
        (json!({"tool_use_id": "x".repeat(300)}), "longer than 256"),
    ] {
        let message = read(&changes).unwrap_err();
        assert!(message.contains(part), "{changes}: {message}");
    }
    let twice = event(&json!({})).to_string().replacen('{', r#"{"tool_name":"Read","#, 1);
    assert!(Event::read(twice.as_bytes()).unwrap_err().message.contains("duplicate field"));
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    Event::read(event(&json!({})).to_string().replace(r#"{"command":"ls"}"#, &deep).as_bytes()).unwrap_err();
    let whole = event(&json!({})).to_string();
    for end in 0..whole.len() {
        Event::read(&whole.as_bytes()[..end]).unwrap_err();
    }
    Event::read(format!("{whole}x").as_bytes()).unwrap_err();
}

#[test]
fn a_reply_is_the_whole_of_it_or_nothing() {
    for reply in [Reply::Answer("{\"x\":1}".to_owned()), Reply::Block("no".to_owned()), Reply::nothing()] {
        let mut bytes = Vec::new();
        write_reply(&mut bytes, &reply).unwrap();
        assert_eq!(read_reply(&mut bytes.as_slice()).unwrap(), reply);
        for end in 0..bytes.len() {
            read_reply(&mut &bytes[..end]).unwrap_err();
        }
        let mut longer = bytes.clone();
        longer.push(b'x');
        read_reply(&mut longer.as_slice()).unwrap_err();
        for at in 0..10 {
            let mut other = bytes.clone();
            other[at] ^= 0x40;
            read_reply(&mut other.as_slice()).unwrap_err();
        }
    }
    read_reply(&mut b"LSHR\x01\x00\x00\x00\x00\x02\xff\xfe".as_slice()).unwrap_err();
}

#[test]
fn a_request_is_the_whole_of_it_or_nothing() {
    let bytes = request(b"/p", b"{}").unwrap();
    let read = read_request(&mut bytes.as_slice()).unwrap();
    assert_eq!((read.project.as_slice(), read.event.as_slice()), (&b"/p"[..], &b"{}"[..]));
    for end in 0..bytes.len() {
        read_request(&mut &bytes[..end]).unwrap_err();
    }
    // Announces 4 GiB.
    read_request(&mut b"LSHQ\x01\x00\x00\x00\x01\xff\xff\xff\xff/".as_slice()).unwrap_err();
    assert!(request(b"/p", &vec![b'x'; 9 * 1024 * 1024]).is_none());
    assert!(request(&[b'p'; 5000], b"{}").is_none());
}

#[test]
fn answers_have_the_documented_shape() {
    let text = |reply| match reply {
        Reply::Answer(text) => serde_json::from_str::<Value>(&text).unwrap(),
        Reply::Block(text) => panic!("{text}"),
    };
    for (permission, word) in
        [(Permission::Allow, "allow"), (Permission::Ask, "ask"), (Permission::Deny, "deny")]
    {
        let answer = text(Reply::before(permission, "why", Some(json!({"command": "ls"}))));
        let output = &answer["hookSpecificOutput"];
        assert_eq!(output["hookEventName"], "PreToolUse");
        assert_eq!(output["permissionDecision"], word);
        assert_eq!(output["permissionDecisionReason"], "why");
        assert_eq!(output["updatedInput"]["command"], "ls");
    }
    assert!(
        text(Reply::before(Permission::Deny, "", None))["hookSpecificOutput"].get("updatedInput").is_none()
    );
    let stop = text(Reply::stop("it ran\nungated"));
    assert_eq!((&stop["continue"], &stop["stopReason"]), (&json!(false), &json!("it ran ungated")));
}

const LINE: &str = "'/l' hook --home '/h' || exit 2";

/// What one file of the project says, as `[grave]: …` lines.
#[track_caller]
fn check_settings(name: &str, settings: &Value, wanted: &[(Grade, &str)]) {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir_all(place.path().join("project/.claude")).unwrap();
    fs::create_dir_all(place.path().join("claude")).unwrap();
    fs::write(place.path().join(name), settings.to_string()).unwrap();
    let own = Own::of_line(LINE);
    let found: Vec<_> =
        weakness::find(&place.path().join("claude"), Some(&place.path().join("project")), &own)
            .into_iter()
            .filter(|weakness| weakness.file.path.starts_with(place.path()))
            .collect();
    assert_eq!(found.len(), wanted.len(), "{settings}: {found:?}");
    for (weakness, (grade, part)) in found.iter().zip(wanted) {
        assert_eq!(weakness.grade, *grade, "{weakness}");
        assert!(weakness.what.contains(part), "{weakness}");
    }
}

const PROJECT: &str = "project/.claude/settings.json";
const LOCAL: &str = "project/.claude/settings.local.json";
const USER: &str = "claude/settings.json";

fn command(command: &str) -> Value {
    json!([{"matcher": "*", "hooks": [{"type": "command", "command": command}]}])
}

#[test]
fn settings_that_weaken_the_hook_are_named() {
    use Grade::{Grave, Note};
    for file in [PROJECT, LOCAL, USER] {
        check_settings(file, &json!({"disableAllHooks": true}), &[(Grave, "disableAllHooks")]);
        check_settings(file, &json!({"disableAllHooks": false, "model": "x"}), &[]);
        check_settings(file, &json!({"permissions": {"allow": ["Bash", "Edit"]}}), &[(Note, "has 2 rules")]);
        check_settings(
            file,
            &json!({"permissions": {"defaultMode": "bypassPermissions"}}),
            &[(Note, "bypass")],
        );
        check_settings(file, &json!({"sandbox": {"enabled": true}}), &[(Note, "autoAllowBash")]);
        let off = json!({"sandbox": {"enabled": true, "autoAllowBashIfSandboxed": false}});
        check_settings(file, &off, &[]);
        check_settings(file, &json!([]), &[(Grave, "not a JSON object")]);
        let late = json!({"hooks": {"PreToolUse": [{"hooks": [
            {"type": "command", "command": LINE, "async": true}]}]}});
        check_settings(file, &late, &[(Grave, "async")]);
    }
    for file in [PROJECT, LOCAL] {
        check_settings(file, &json!({"apiKeyHelper": "x"}), &[(Grave, "apiKeyHelper")]);
        check_settings(file, &json!({"env": {"BASH_ENV": "x", "EDITOR": "vi"}}), &[(Grave, "BASH_ENV")]);
        check_settings(file, &json!({"env": {"LD_PRELOAD": "x"}}), &[(Grave, "every program")]);
        check_settings(file, &json!({"env": {"ANTHROPIC_BASE_URL": "x"}}), &[(Grave, "elsewhere")]);
        check_settings(
            file,
            &json!({"hooks": {"PermissionRequest": command("x")}}),
            &[(Grave, "in your place")],
        );
        check_settings(
            file,
            &json!({"hooks": {"PreToolUse": command("x")}}),
            &[(Note, "may change a call"), (Grave, "no hook of ours sees")],
        );
    }
    for file in [PROJECT, LOCAL] {
        // What has our words in it is not ours.
        let disguised = command("evil # hook --home '/h' || exit 2");
        check_settings(
            file,
            &json!({"hooks": {"SessionStart": disguised}}),
            &[(Grave, "no hook of ours sees")],
        );
        check_settings(
            file,
            &json!({"hooks": {"SubagentStop": command("x")}}),
            &[(Grave, "no hook of ours sees")],
        );
        check_settings(
            file,
            &json!({"enabledMcpjsonServers": ["x"]}),
            &[(Grave, "servers of the project's")],
        );
        check_settings(
            file,
            &json!({"enabledPlugins": {"x@y": true}}),
            &[(Grave, "their hooks and servers")],
        );
    }
    check_settings(USER, &json!({"apiKeyHelper": "x", "statusLine": {}}), &[]);
    check_settings(
        USER,
        &json!({"hooks": {"SessionStart": command("x")}, "enabledPlugins": {"a@b": true}}),
        &[],
    );
    check_settings(USER, &json!({"hooks": {"Stop": command("'/another' hook --home '/h' || exit 2")}}), &[]);
    check_settings(USER, &json!({"env": {"ANTHROPIC_BASE_URL": "x"}}), &[(Note, "elsewhere")]);
}

#[test]
fn what_a_repository_would_run_is_named() {
    use Grade::{Grave, Note};
    for file in [PROJECT, LOCAL] {
        for event in ["SessionStart", "SubagentStart", "InstructionsLoaded", "OfNextYear"] {
            check_settings(
                file,
                &json!({"hooks": {event: command("x")}}),
                &[(Grave, "no hook of ours sees")],
            );
        }
        check_settings(file, &json!({"hooks": {"Stop": command(LINE)}}), &[]);
        for other in ["'/evil' hook --home '/h' || exit 2", "'/l' hook --home '/h' || exit 2; evil"] {
            check_settings(
                file,
                &json!({"hooks": {"Stop": command(other)}}),
                &[(Grave, "no hook of ours sees"), (Grave, "looks like leashd's")],
            );
        }
        check_settings(file, &json!({"enabledPlugins": {"a@b": true, "c@d": false}}), &[(Grave, "has 1")]);
        check_settings(file, &json!({"enabledMcpjsonServers": ["a"]}), &[(Grave, "1 servers")]);
        check_settings(file, &json!({"extraKnownMarketplaces": {}}), &[(Note, "plugins come from")]);
        for helper in ["proxyAuthHelper", "statusLine", "subagentStatusLine"] {
            check_settings(file, &json!({helper: "x"}), &[(Grave, helper)]);
        }
        for name in ["HTTPS_PROXY", "https_proxy", "NODE_EXTRA_CA_CERTS", "GIT_SSH", "PYTHONPATH", "PERL5OPT"]
        {
            check_settings(file, &json!({"env": {name: "x"}}), &[(Grave, name)]);
        }
        for name in ["EDITOR", "RUSTC_WRAPPER", "MANPAGER"] {
            check_settings(file, &json!({"env": {name: "./x"}}), &[(Grave, name)]);
        }
        check_settings(file, &json!({"env": {"GIT_AUTHOR_NAME": "x", "RUST_LOG": "x"}}), &[]);
    }
}

#[test]
fn a_settings_file_that_is_no_json_is_ignored_by_claude_code_and_named() {
    let place = tempfile::tempdir().unwrap();
    for text in ["{", "// x\n{}", "{\"a\":1,}"] {
        fs::write(place.path().join("settings.json"), text).unwrap();
        let found = weakness::find(place.path(), None, &Own::default());
        assert!(
            found.iter().any(|weakness| weakness.is_grave() && weakness.what.contains("not valid JSON")),
            "{text}"
        );
    }
    let marked = "\u{feff}{\"disableAllHooks\": true}";
    fs::write(place.path().join("settings.json"), marked).unwrap();
    let found = weakness::find(place.path(), None, &Own::default());
    assert!(found.iter().any(|weakness| weakness.what.contains("disableAllHooks")), "{found:?}");
    fs::write(place.path().join("settings.json"), "").unwrap();
    assert!(
        weakness::find(place.path(), None, &Own::default())
            .iter()
            .all(|weakness| !weakness.file.path.starts_with(place.path()))
    );
}
