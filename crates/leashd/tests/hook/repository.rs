//! What a repository tries through its files: to be read for, to be run, to be believed.

use super::place::{Place, blocked, decision, feed};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::{Duration, Instant};

const EVENTS: [&str; 5] = ["PreToolUse", "PostToolUse", "PostToolUseFailure", "Stop", "StopFailure"];

/// Settings with this command where leashd's would be.
fn settings_with(command: &str) -> String {
    let group = json!([{"matcher": "*", "hooks": [{"type": "command", "command": command, "timeout": 30}]}]);
    let hooks: serde_json::Map<String, Value> =
        EVENTS.iter().map(|event| ((*event).to_owned(), group.clone())).collect();
    json!({ "hooks": hooks }).to_string()
}

/// People look with `hook status` before they trust a repository: looking must not run it.
#[test]
fn no_command_of_a_repository_is_run_to_see_whether_it_works() {
    let place = Place::new();
    let witness = place.path("witness");
    let line = format!("touch '{}'; true # hook --home '/h' || exit 2", witness.display());
    fs::create_dir(place.path("project/.claude")).unwrap();
    for name in ["settings.json", "settings.local.json"] {
        fs::write(place.path("project/.claude").join(name), settings_with(&line)).unwrap();
        for args in [&["hook", "status"][..], &["doctor"], &["hook", "install", "--yes"]] {
            let output = place.leashd(args);
            assert!(!witness.exists(), "{name}: {args:?}");
            let said = String::from_utf8_lossy(&output.stdout).into_owned();
            if said.contains("installed in") {
                continue;
            }
            assert!(said.contains("no hook of ours sees"), "{args:?}: {said}");
        }
        fs::remove_file(place.path("project/.claude").join(name)).unwrap();
    }
}

/// `PATH` may have a directory that is the project's.
#[test]
fn no_claude_of_a_repository_is_asked_for_its_version() {
    let place = Place::new();
    fs::write(place.path("project/claude"), format!("#!/bin/sh\ntouch '{}'\n", place.path("w").display()))
        .unwrap();
    assert!(Command::new("chmod").arg("+x").arg(place.path("project/claude")).status().unwrap().success());
    for path in [".:/usr/bin:/bin", ":/usr/bin:/bin", "./bin:.:/bin"] {
        let mut command = place.leashd_command(&["hook", "status"]);
        drop(command.env("PATH", path).output().unwrap());
        assert!(!place.path("w").exists(), "{path}");
    }
}

/// What does not load is shown with its text, to the agent as well.
#[test]
fn a_policy_of_a_project_is_no_link_to_a_file_of_the_persons() {
    let place = Place::new();
    fs::create_dir(place.path("home/.ssh")).unwrap();
    fs::write(place.path("home/.ssh/id_rsa"), "hunter2 abc: def\n").unwrap();
    fs::create_dir(place.path("project/.leashd")).unwrap();
    let policy = place.path("project/.leashd/policy.yaml");
    symlink(place.path("home/.ssh/id_rsa"), &policy).unwrap();
    let told = place.run(&place.event("ls"));
    blocked(&told, "it is a link");
    assert!(!String::from_utf8_lossy(&told.stderr).contains("hunter2"), "{told:?}");
    for args in [&["policy", "check", "ls"][..], &["doctor"], &["hook", "status"]] {
        let output = place.leashd(args);
        let said = [output.stdout, output.stderr].concat();
        assert!(!String::from_utf8_lossy(&said).contains("hunter2"), "{args:?}");
    }
    fs::remove_file(policy).unwrap();
    fs::remove_dir(place.path("project/.leashd")).unwrap();
    fs::create_dir(place.path("elsewhere")).unwrap();
    fs::write(place.path("elsewhere/policy.yaml"), "hunter2: 1\n").unwrap();
    symlink(place.path("elsewhere"), place.path("project/.leashd")).unwrap();
    blocked(&place.run(&place.event("ls")), "it is a link");
}

#[test]
fn what_a_project_says_hides_nothing() {
    let place = Place::new();
    fs::create_dir(place.path("project/.leashd")).unwrap();
    let hidden = ['\u{1b}', '\u{202e}', '\u{7}', '\u{200b}'];
    for action in ["require_approval", "deny"] {
        let text = format!(
            "rules:\n- {{name: \"n\\e[2J\u{202e}\", tool: Bash, commands: [ls], action: {action}, reason: \"r\\a\\nleashd: ok \u{200b}\"}}\n"
        );
        fs::write(place.path("project/.leashd/policy.yaml"), text).unwrap();
        let said = place.run(&place.event("ls"));
        let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
        let reason = answer["hookSpecificOutput"]["permissionDecisionReason"].as_str().unwrap();
        assert!(
            !reason.contains(hidden) && !reason.contains('\n') && reason.contains("\\u{202e}"),
            "{reason}"
        );
    }
    fs::remove_dir_all(place.path("project/.leashd")).unwrap();
    let name = json!({"hook_event_name": "PreToolUse", "session_id": "s", "tool_use_id": "t", "tool_name": "Write",
        "cwd": place.path("project"), "tool_input": {"file_path": "a\u{202e}\u{1b}[2Jb", "content": ""}});
    let said = place.run(&name.to_string());
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
    assert!(
        !answer["hookSpecificOutput"]["permissionDecisionReason"].as_str().unwrap().contains(hidden),
        "{answer}"
    );
    fs::create_dir(place.path("project/.claude")).unwrap();
    let settings = json!({"env": {"LD_\u{202e}\u{1b}[2J\nleashd: all is well": "x"}});
    fs::write(place.path("project/.claude/settings.json"), settings.to_string()).unwrap();
    let said = place.run(r#"{"hook_event_name":"Stop","session_id":"s"}"#);
    let answer: Value = serde_json::from_slice(&said.stdout).unwrap();
    let message = answer["systemMessage"].as_str().unwrap();
    assert!(
        message.contains("LD_\\u{202e}") && !message.contains(hidden) && !message.contains('\n'),
        "{message}"
    );
}

#[test]
fn a_pipe_in_place_of_a_file_is_not_waited_for() {
    let place = Place::new();
    for directory in ["project/.claude", "project/.leashd"] {
        fs::create_dir(place.path(directory)).unwrap();
    }
    let pipe = |name: &str| {
        assert!(Command::new("mkfifo").arg(place.path(name)).status().unwrap().success());
    };
    pipe("project/.claude/settings.json");
    let started = Instant::now();
    let said = place.run(r#"{"hook_event_name":"Stop","session_id":"s"}"#);
    assert!(String::from_utf8_lossy(&said.stdout).contains("not an ordinary file"), "{said:?}");
    pipe("project/.leashd/policy.yaml");
    blocked(&place.run(&place.event("ls")), "not an ordinary file");
    pipe("project/.mcp.json");
    assert!(!place.leashd(&["trust"]).status.success());
    assert!(started.elapsed() < Duration::from_secs(8), "{:?}", started.elapsed());
}

#[test]
fn the_project_is_an_absolute_path() {
    let place = Place::new();
    for project in [".", "..", "project"] {
        blocked(
            &feed(place.command().env("CLAUDE_PROJECT_DIR", project), &place.event("ls")),
            "not an absolute",
        );
    }
    assert_eq!(decision(&place.run(&place.event("ls"))), "allow");
}

/// Where the person keeps a policy is the person's business; what it says is not the agent's.
#[test]
fn a_policy_of_the_persons_in_the_project_is_not_the_agents_to_change() {
    let place = Place::new();
    let policy = place.path("project/rules.yaml");
    fs::write(&policy, "rules:\n- {name: no, tool: Bash, commands: [ls], action: deny}\n").unwrap();
    place.pin(&[("LEASHD_POLICY_FILES", &format!("contained,{}", policy.display()))]);
    for command in [
        "ls",
        "echo x > rules.yaml",
        "rm rules.yaml",
        "mv rules.yaml x",
        "cp a rules.yaml",
        "sed -i s/a/b/ rules.yaml",
    ] {
        assert_eq!(place.decision(command), "deny", "{command}");
    }
    assert_eq!(place.decision("cat rules.yaml"), "allow");
}
