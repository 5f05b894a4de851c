//! The hook as a process: whatever is broken, it is exit status 2 and one line, or a judgement. Needs no agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod doctor;
mod place;
mod placing;
mod repository;
mod settings;

use place::{Place, blocked, decision, feed, set, unset};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

#[test]
fn it_answers_allow_ask_and_deny() {
    let place = Place::new();
    let allowed = place.run(&place.event("ls"));
    assert_eq!(decision(&allowed), "allow");
    let answer: Value = serde_json::from_slice(&allowed.stdout).unwrap();
    assert_eq!(answer["hookSpecificOutput"]["updatedInput"], json!({"command": "ls"}));
    assert_eq!(place.decision("curl https://example.com"), "ask");
    assert_eq!(place.decision("sudo ls"), "deny");
    let audit = place.audit();
    let seen: Vec<_> = audit.iter().map(|entry| (&entry["event"], &entry["decision"])).collect();
    assert_eq!(
        seen,
        [
            (&json!("tool_attempt"), &json!("allow")),
            (&json!("tool_attempt"), &json!("ask")),
            (&json!("approval"), &json!("ask")),
            (&json!("tool_attempt"), &json!("deny")),
        ]
    );
    assert_eq!(audit[0]["origin"], "hook");
    assert_eq!(audit[2]["approver_type"], "deferred");
    assert!(place.leashd(&["audit", "verify"]).status.success());
}

#[test]
fn what_comes_back_is_compared_with_what_was_let_out() {
    let place = Place::new();
    let stops = |output: &Output| {
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        !output.stdout.is_empty()
            && serde_json::from_slice::<Value>(&output.stdout).unwrap()["continue"] == false
    };
    assert_eq!(place.decision("ls"), "allow");
    assert!(!stops(&place.run(&place.after("ls"))));
    assert!(stops(&place.run(&place.after("ls"))), "a permit is used once");
    assert_eq!(place.decision("ls"), "allow");
    assert!(stops(&place.run(&place.after("ls; touch x"))), "another command");
    assert_eq!(place.decision("sudo ls"), "deny");
    assert!(stops(&place.run(&place.after("sudo ls"))), "it was denied");
    let events: Vec<_> =
        place.audit().iter().map(|entry| entry["event"].as_str().unwrap().to_owned()).collect();
    for event in ["tool_finished", "input_changed", "tool_ran_ungated"] {
        assert!(events.iter().any(|other| other == event), "{event}: {events:?}");
    }
}

#[test]
fn the_directory_in_the_event_approves_nothing() {
    let place = Place::new();
    fs::create_dir(place.path("elsewhere")).unwrap();
    let event = |tool: &str, input: Value, cwd: PathBuf| {
        json!({"session_id": "s", "cwd": cwd, "hook_event_name": "PreToolUse", "tool_name": tool,
            "tool_input": input, "tool_use_id": "t"})
        .to_string()
    };
    let read = |path: &str| json!({"file_path": path});
    let elsewhere = place.path("elsewhere");
    assert_eq!(decision(&place.run(&event("Read", read("x"), elsewhere.clone()))), "deny");
    assert_eq!(decision(&place.run(&event("Read", read("/etc/hosts"), PathBuf::from("/")))), "deny");
    fs::write(place.path("project/x"), "").unwrap();
    assert_eq!(decision(&place.run(&event("Read", read("x"), place.path("project")))), "allow");
    // A link inside that leads out is where it leads.
    symlink("/etc", place.path("project/out")).unwrap();
    assert_eq!(decision(&place.run(&event("Read", read("out/hosts"), place.path("project")))), "deny");
}

#[test]
fn settings_that_could_switch_it_off_are_not_the_agents_to_change() {
    let place = Place::new();
    for command in [
        "echo '{\"disableAllHooks\":true}' > .claude/settings.local.json",
        "mkdir -p .claude && touch .claude/settings.json",
        "rm ~/.claude/settings.json",
        "sed -i s/hook/x/ ~/.claude/settings.json",
        "rm -r ~/.leashd",
    ] {
        assert_eq!(place.decision(command), "deny", "{command}");
    }
}

/// A repository's settings put variables into the hook's environment: what they name is no secret of the person's.
#[test]
fn only_the_persons_own_secrets_are_blacked_out() {
    let place = Place::new();
    let mut install = place.leashd_command(&["hook", "install", "--yes"]);
    assert!(install.env("MY_API_KEY", "person-hunter2").output().unwrap().status.success());
    let pinned = fs::read_to_string(place.path("home/.leashd/hook.json")).unwrap();
    assert!(!pinned.contains("hunter2"), "{pinned}");
    for (name, value) in [("ITS_KEY", "ls evidence"), ("MY_API_KEY", "ls evidence")] {
        let mut hook = place.command();
        hook.env("THE_SAME_TOKEN", "person-hunter2").env(name, value);
        assert_eq!(decision(&feed(&mut hook, &place.event("ls evidence person-hunter2"))), "allow");
        let entry = place.audit().pop().unwrap().to_string();
        assert!(entry.contains("ls evidence [redacted]") && !entry.contains("hunter2"), "{name}: {entry}");
    }
}

#[test]
fn an_event_that_cannot_be_read_is_blocked() {
    let place = Place::new();
    let good = place.event("ls");
    for (event, part) in [
        (String::new(), "no event"),
        (" \n".to_owned(), "no event"),
        ("ls".to_owned(), "cannot be read"),
        (good.split_at(good.len() / 2).0.to_owned(), "cannot be read"),
        (format!("{good}{good}"), "cannot be read"),
        (good.replace("PreToolUse", "Notification"), "no event \"Notification\""),
        (good.replace("tool_use_id", "id"), "no tool_use_id"),
        ("[".repeat(1_000_000), "cannot be read"),
        ("\u{0}\u{1}\u{2}".to_owned(), "cannot be read"),
    ] {
        blocked(&place.run(&event), part);
    }
    let mut nothing = place.command();
    nothing.stdin(Stdio::null());
    blocked(&nothing.spawn().unwrap().wait_with_output().unwrap(), "no event");
    let mut directory = place.command();
    directory.stdin(fs::File::open("/").unwrap());
    blocked(&directory.spawn().unwrap().wait_with_output().unwrap(), "cannot read the event");
}

/// A policy that allows everything it may.
const ALL: &str =
    "version: \"1.0\"\nname: all\nrules:\n  - name: all\n    tools: [\"*\"]\n    action: allow\n";

type Break = (&'static str, fn(&Place, &mut Command), &'static str);
/// How the surroundings are broken, and what the line says.
const BREAKS: [Break; 16] = [
    ("no project", |_, it| unset(it, "CLAUDE_PROJECT_DIR"), "CLAUDE_PROJECT_DIR is not set"),
    ("empty project", |_, it| set(it, "CLAUDE_PROJECT_DIR", ""), "CLAUDE_PROJECT_DIR is not set"),
    ("project is gone", |_, it| set(it, "CLAUDE_PROJECT_DIR", "/nowhere/x"), "/nowhere/x"),
    ("project is a file", |_, it| set(it, "CLAUDE_PROJECT_DIR", "/etc/hosts"), "not a directory"),
    ("home is gone", |place, _| fs::remove_dir_all(place.path("home/.leashd")).unwrap(), "no hook.json"),
    (
        "settings are gone",
        |place, _| fs::remove_file(place.path("home/.leashd/hook.json")).unwrap(),
        "run `leashd hook install`",
    ),
    (
        "home is open",
        |place, _| {
            fs::set_permissions(place.path("home/.leashd"), fs::Permissions::from_mode(0o777)).unwrap();
        },
        "chmod 700",
    ),
    ("settings are no JSON", |place, _| place.write_pinned("{"), "run `leashd hook install`"),
    (
        "settings of another version",
        |place, _| place.write_pinned("{\"v\":2,\"environment\":{}}"),
        "this leashd knows 1",
    ),
    (
        "settings name no policy",
        |place, _| place.pin(&[("LEASHD_POLICY_FILES", "/no/such.yaml")]),
        "/no/such.yaml",
    ),
    (
        "the project's policy does not load",
        |place, _| {
            fs::create_dir(place.path("project/.leashd")).unwrap();
            fs::write(place.path("project/.leashd/policy.yaml"), "rules: {").unwrap();
        },
        "policy.yaml",
    ),
    (
        "the log is a directory",
        |place, _| fs::create_dir(place.path("home/.leashd/audit.jsonl")).unwrap(),
        "audit.jsonl",
    ),
    (
        "the log is a link",
        |place, _| symlink("/dev/null", place.path("home/.leashd/audit.jsonl")).unwrap(),
        "symbolic link",
    ),
    (
        "the log is damaged",
        |place, _| fs::write(place.path("home/.leashd/audit.jsonl"), "hello\n").unwrap(),
        "damaged",
    ),
    (
        "the log is open to others",
        |place, _| {
            let log = place.path("home/.leashd/audit.jsonl");
            fs::write(&log, "").unwrap();
            fs::set_permissions(log, fs::Permissions::from_mode(0o666)).unwrap();
        },
        "others may write it",
    ),
    ("no room for the log", |place, _| place.pin(&[("LEASHD_AUDIT_LOG_PATH", "/dev/full")]), "/dev/full"),
];

#[test]
fn surroundings_that_are_broken_are_blocked() {
    for (name, break_it, part) in BREAKS {
        let place = Place::new();
        let mut command = place.command();
        break_it(&place, &mut command);
        let output = feed(&mut command, &place.event("ls"));
        eprintln!("{name}: {}", String::from_utf8_lossy(&output.stderr));
        blocked(&output, part);
    }
}

#[test]
fn an_answer_that_nobody_hears_is_blocked() {
    let place = Place::new();
    for target in ["/dev/full", "/dev/null"] {
        let mut command = place.command();
        command.stdout(fs::OpenOptions::new().write(true).open(target).unwrap());
        blocked(&feed(&mut command, &place.event("ls")), "cannot answer");
    }
    for closed in [">&-", "| true"] {
        // `sleep` gives the reader time to be gone; either way the answer is lost.
        let line = format!("{{ sleep 0.2; \"$0\" hook --home \"$1\"; echo $? >&2; }} {closed}");
        let mut shell = Command::new("/bin/sh");
        shell
            .args(["-c", &line, env!("CARGO_BIN_EXE_leashd")])
            .arg(place.path("home/.leashd"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", place.path("home"))
            .env("CLAUDE_PROJECT_DIR", place.path("project"))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped());
        let output = feed(&mut shell, &place.event("ls"));
        assert!(String::from_utf8_lossy(&output.stderr).trim_end().ends_with('2'), "{closed}: {output:?}");
    }
}

/// Files of the repository that are called as the policies in force are.
#[test]
fn a_repository_does_not_stand_in_for_a_built_in_policy() {
    let place = Place::new();
    for name in ["default", "dev-tools", "default.yaml", "strict", "policies/default.yaml"] {
        let file = place.path("project").join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, ALL).unwrap();
    }
    for policies in [None, Some("strict"), Some("default.yaml"), Some("policies/default.yaml,dev-tools")] {
        place.pin(&policies.map(|names| ("LEASHD_POLICY_FILES", names)).into_iter().collect::<Vec<_>>());
        assert_eq!(place.decision("git push origin main"), "ask", "{policies:?}");
    }
    fs::write(place.path("project/mine.yaml"), ALL).unwrap();
    place.pin(&[("LEASHD_POLICY_FILES", "mine.yaml")]);
    blocked(&place.run(&place.event("git push origin main")), "there is no policy mine.yaml");
}

#[test]
fn a_repository_does_not_choose_what_it_is_judged_by() {
    let place = Place::new();
    let installed = place.leashd(&["hook", "install", "--yes"]);
    assert!(installed.status.success(), "{installed:?}");
    fs::write(place.path("project/all.yaml"), ALL).unwrap();
    let mut command = place.command();
    command
        .env("LEASHD_POLICY_FILES", place.path("project/all.yaml"))
        .env("LEASHD_APPROVED_DIRECTORIES", "/")
        .env("LEASHD_AUDIT_LOG_PATH", "/dev/null")
        .env("LEASHD_DEFAULT_MODE", "auto")
        .env("LEASHD_HOME", place.path("project"))
        .env("TMPDIR", "/")
        .env("HOME", place.path("project"));
    // What is in a temporary directory may be read and written.
    assert_eq!(decision(&feed(&mut command, &place.event("cp x /opt/planted"))), "deny");
    assert_eq!(decision(&feed(&mut command, &place.event("cat /opt/planted"))), "ask");
    assert_eq!(decision(&feed(&mut command, &place.event("curl https://example.com"))), "ask");
    assert_eq!(place.audit().last().unwrap()["approver_type"], "deferred");
}

#[test]
fn a_socket_that_does_not_answer_is_no_answer() {
    let place = Place::new();
    let run = place.path("home/.leashd/run");
    fs::DirBuilder::new().mode(0o700).create(&run).unwrap();
    let allow = r#"{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow"}}"#;
    let mut cut = b"LSHR\x01\x00\x00\x00\x00\x60".to_vec();
    cut.extend_from_slice(&allow.as_bytes()[..40]);
    let replies: [(&str, Vec<u8>); 5] = [
        ("nothing", Vec::new()),
        ("an answer without its frame", allow.as_bytes().to_vec()),
        ("garbage", vec![0xff; 4096]),
        ("a cut answer", cut),
        ("another version", b"LSHR\x02\x00\x00\x00\x00\x00".to_vec()),
    ];
    for (name, reply) in replies {
        let socket = run.join("hook.sock");
        drop(fs::remove_file(&socket));
        let listener = UnixListener::bind(&socket).unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            drop(stream.write_all(&reply));
        });
        assert_eq!(place.decision("sudo ls"), "deny", "{name}");
        server.join().unwrap();
    }
    // Nobody behind it.
    assert_eq!(place.decision("sudo ls"), "deny");
    // Somebody who accepts and stays silent.
    drop(fs::remove_file(run.join("hook.sock")));
    let listener = UnixListener::bind(run.join("hook.sock")).unwrap();
    let started = Instant::now();
    assert_eq!(place.decision("sudo ls"), "deny");
    assert!(started.elapsed() < Duration::from_secs(9), "{:?}", started.elapsed());
    drop(listener);
}

#[test]
fn it_ends_itself_before_claude_code_gives_up_on_it() {
    let place = Place::new();
    let mut child = place.command().spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"{\"session_id\"").unwrap();
    let started = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(started.elapsed() < Duration::from_secs(25), "{:?}", started.elapsed());
    blocked(&output, "no whole event within 5 s");
    drop(stdin);
}

#[test]
fn a_log_that_others_hold_is_waited_for_and_then_blocked() {
    let place = Place::new();
    assert_eq!(place.decision("ls"), "allow");
    let log = fs::File::open(place.path("home/.leashd/audit.jsonl")).unwrap();
    log.lock().unwrap();
    blocked(&place.run(&place.event("ls")), "held the lock");
}

#[test]
fn install_status_uninstall() {
    let place = Place::new();
    let settings = place.path("home/.claude/settings.json");
    let before = "{\n  \"model\": \"opus\",\n  \"env\": {\"EDITOR\": \"vi\"}\n}\n";
    fs::write(&settings, before).unwrap();
    fs::set_permissions(&settings, fs::Permissions::from_mode(0o640)).unwrap();
    let refused = place.leashd(&["hook", "install"]);
    assert_eq!(refused.status.code(), Some(2), "nobody to ask: {refused:?}");
    assert_eq!(fs::read_to_string(&settings).unwrap(), before);
    let installed = place.leashd(&["hook", "install", "--yes"]);
    let said = String::from_utf8_lossy(&installed.stdout);
    assert!(
        installed.status.success() && said.contains("+") && said.contains("\"PreToolUse\""),
        "{installed:?}"
    );
    assert_eq!(fs::metadata(&settings).unwrap().permissions().mode() & 0o777, 0o640);
    let text = fs::read_to_string(&settings).unwrap();
    assert!(text.starts_with("{\n  \"model\": \"opus\",\n  \"env\": {\"EDITOR\": \"vi\"},\n"), "{text}");
    assert_eq!(
        fs::metadata(place.path("home/.leashd/hook.json")).unwrap().permissions().mode() & 0o777,
        0o600
    );

    let again = place.leashd(&["hook", "install", "--yes"]);
    assert!(String::from_utf8_lossy(&again.stdout).contains("already"), "{again:?}");
    assert_eq!(fs::read_to_string(&settings).unwrap(), text);

    let status = place.leashd(&["hook", "status"]);
    let said = String::from_utf8_lossy(&status.stdout);
    assert!(said.contains("installed: ") && !said.contains("BROKEN"), "{said}");

    fs::create_dir(place.path("project/.claude")).unwrap();
    fs::write(place.path("project/.claude/settings.json"), r#"{"disableAllHooks":true}"#).unwrap();
    let status = place.leashd(&["hook", "status"]);
    assert_eq!(status.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&status.stdout).contains("disableAllHooks"), "{status:?}");

    fs::create_dir(place.path("project/.leashd")).unwrap();
    fs::write(place.path("project/.leashd/policy.yaml"), "rules: {").unwrap();
    let status = place.leashd(&["hook", "status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("every call here is blocked"), "{status:?}");

    fs::write(&settings, text.replace("/leashd' hook", "/gone/leashd' hook")).unwrap();
    let status = place.leashd(&["hook", "status"]);
    assert!(String::from_utf8_lossy(&status.stdout).contains("BROKEN: it does not work"), "{status:?}");
    fs::write(&settings, &text).unwrap();

    let removed = place.leashd(&["hook", "uninstall", "--yes"]);
    assert!(removed.status.success(), "{removed:?}");
    assert_eq!(fs::read_to_string(&settings).unwrap(), before);
}

#[test]
fn a_linked_settings_file_stays_a_link_and_one_that_leads_nowhere_is_refused() {
    let place = Place::new();
    fs::create_dir(place.path("dotfiles")).unwrap();
    fs::write(place.path("dotfiles/claude.json"), "{}\n").unwrap();
    let settings = place.path("home/.claude/settings.json");
    symlink(place.path("dotfiles/claude.json"), &settings).unwrap();
    assert!(place.leashd(&["hook", "install", "--yes"]).status.success());
    assert!(fs::symlink_metadata(&settings).unwrap().is_symlink());
    assert!(fs::read_to_string(place.path("dotfiles/claude.json")).unwrap().contains("PreToolUse"));
    fs::remove_file(place.path("dotfiles/claude.json")).unwrap();
    let refused = place.leashd(&["hook", "install", "--yes"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    assert!(String::from_utf8_lossy(&refused.stderr).contains("leads nowhere"), "{refused:?}");
}
