//! The table of docs/hook.md, row by row: what is broken there is broken, and what becomes of the call is what the column
//! of the agent under test says. `LEASHD_TEST_HOOK_CLAUDE` names another version, of another column.

use crate::hook::{agent, claude, edit, events, exists, guarded, replace_program, settings, touch};
use crate::support::{Bench, script, shell, shown};
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// Rows that wait for half a minute do not wait one after the other.
const AT_ONCE: usize = 6;

const ALLOW: &str =
    r#"echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"allow"}}'"#;

/// How a row is brought about, and the call that is made then.
enum Way {
    /// Something is changed before; the call is allowed by all policies.
    Broken(fn(&Bench)),
    /// As before; leashd denies the call.
    Denied(fn(&Bench)),
    /// As before; leashd asks.
    Asked(fn(&Bench)),
    /// The program's place has this shell script.
    Program(&'static str),
    /// Claude Code takes nothing of the file.
    Ignored(fn(&Bench)),
    /// Something is held, or changed, while the agent runs.
    Meanwhile(fn(&Bench)),
    /// Another test of this name shows it.
    Elsewhere(&'static str),
}
use Way::{Asked, Broken, Denied, Elsewhere, Ignored, Meanwhile, Program};

fn ways() -> Vec<(&'static str, Way)> {
    let mut ways = programs();
    ways.extend(surroundings());
    ways.extend(of_settings());
    ways.extend(of_repositories());
    ways
}

fn programs() -> Vec<(&'static str, Way)> {
    vec![
        ("nothing; an allowed call", Broken(|_| ())),
        ("nothing; a denied call", Denied(|_| ())),
        ("program missing", Broken(|bench| replace_program(bench, Path::new("/no/such/leashd")))),
        ("program not executable", Broken(|bench| put(bench, "exit 0", 0o644))),
        ("exits 1", Program("cat >/dev/null; exit 1")),
        ("exits 3", Program("cat >/dev/null; exit 3")),
        ("killed (SIGKILL)", Program("kill -9 $$")),
        ("SIGTERM", Program("kill -TERM $$")),
        ("segmentation fault", Program("kill -SEGV $$")),
        ("aborts", Program("kill -ABRT $$")),
        ("garbage, exit 1", Program("echo hello; exit 1")),
        ("an allow on standard output, exit 1", Program("ALLOW; exit 1")),
        ("an allow on standard output, then killed", Program("ALLOW; kill -9 $$")),
        ("half an answer, then killed", Program(r#"printf '{"hookSpecificOutput":{"hookEvent'; kill -9 $$"#)),
        ("the verdict on standard error, exit 1", Program("ALLOW >&2; exit 1")),
        ("does not read its input, exit 1", Program("exit 1")),
        (
            "killed at any moment while it judges",
            Elsewhere("killed_at_any_moment_nothing_runs_without_its_entry"),
        ),
        (
            "program stopped for ever",
            Broken(|bench| {
                put(bench, "kill -STOP $$", 0o755);
                // The other events would take as long again.
                change(bench, |settings| {
                    for (event, groups) in settings["hooks"].as_object_mut().unwrap() {
                        if event != "PreToolUse" {
                            groups[0]["hooks"][0]["command"] = json!("true");
                        }
                    }
                });
            }),
        ),
        ("the shell around it killed", Program("kill -9 $PPID")),
    ]
}

fn surroundings() -> Vec<(&'static str, Way)> {
    vec![
        ("`hook.json` gone", Broken(|bench| fs::remove_file(own(bench, "hook.json")).unwrap())),
        ("`hook.json` garbage", Broken(|bench| fs::write(own(bench, "hook.json"), "{").unwrap())),
        ("leashd's home gone", Broken(|bench| fs::remove_dir_all(own(bench, "")).unwrap())),
        (
            "leashd's home open to others",
            Broken(|bench| fs::set_permissions(own(bench, ""), fs::Permissions::from_mode(0o777)).unwrap()),
        ),
        ("policy missing", Broken(|bench| pin(bench, "LEASHD_POLICY_FILES", "/no/such.yaml"))),
        (
            "the project's policy does not load",
            Broken(|bench| drop(bench.rig.write("project/.leashd/policy.yaml", "rules: {"))),
        ),
        ("audit log on a full disk", Broken(|bench| pin(bench, "LEASHD_AUDIT_LOG_PATH", "/dev/full"))),
        ("audit log damaged", Broken(|bench| fs::write(bench.log(), "hello\n").unwrap())),
        (
            "audit log locked by another process",
            Meanwhile(|bench| {
                let log = File::open(bench.log()).unwrap();
                log.lock().unwrap();
                let output = call(bench, &touch("ran"));
                assert!(output.contains("held the lock"), "{output}");
            }),
        ),
        ("the serving leashd stopped, then killed", Elsewhere("served_or_not_the_answer_is_the_same")),
    ]
}

fn of_settings() -> Vec<(&'static str, Way)> {
    vec![
        (
            "the shell line too slow",
            Broken(|bench| {
                before_tools(bench, |group| {
                    let line = group["hooks"][0]["command"].as_str().unwrap().to_owned();
                    group["hooks"][0]["command"] = json!(format!("sleep 40; {line}"));
                });
            }),
        ),
        (
            "`\\|\\| exit 2` taken out, program missing",
            Broken(|bench| {
                edit(bench, |text| text.replace(" || exit 2", ""));
                replace_program(bench, Path::new("/no/such/leashd"));
            }),
        ),
        (
            "`async: true` put in",
            Denied(|bench| before_tools(bench, |group| group["hooks"][0]["async"] = json!(true))),
        ),
        (
            "a matcher that leaves the tool out",
            Broken(|bench| before_tools(bench, |group| group["matcher"] = json!("Write"))),
        ),
        (
            "an `if` put in that leaves the call out",
            Broken(|bench| before_tools(bench, |group| group["hooks"][0]["if"] = json!("Bash(never *)"))),
        ),
        ("your settings file is not valid JSON", Ignored(|bench| edit(bench, |text| format!("{text},")))),
        (
            "a value of the wrong type in your settings",
            Ignored(|bench| edit(bench, |text| text.replacen('{', "{\"model\": 5,", 1))),
        ),
        (
            "`acceptEdits`, or the sandbox's own auto-allow; an asked call",
            Asked(|bench| {
                change(bench, |settings| {
                    settings["permissions"]["defaultMode"] = json!("acceptEdits");
                    settings["sandbox"] = json!({"enabled": true, "autoAllowBashIfSandboxed": true});
                });
            }),
        ),
    ]
}

fn of_repositories() -> Vec<(&'static str, Way)> {
    vec![
        (
            "repository: `disableAllHooks`",
            Denied(|bench| repository(bench, &json!({"disableAllHooks": true}))),
        ),
        (
            "repository: `env.CLAUDE_CODE_SIMPLE`",
            Denied(|bench| repository(bench, &json!({"env": {"CLAUDE_CODE_SIMPLE": "1"}}))),
        ),
        (
            "repository: `env` with `LEASHD_…`, `HOME`, `PATH`",
            Elsewhere("what_a_repository_sets_does_not_change_the_judge"),
        ),
        (
            "repository: a hook rewrites an allowed call",
            Elsewhere("a_call_that_another_hook_rewrites_is_seen_and_the_turn_ends"),
        ),
        (
            "repository: a hook allows a denied call",
            Denied(|bench| {
                let hook = json!({"type": "command", "command": format!("cat >/dev/null; {ALLOW}")});
                repository(bench, &json!({"hooks": {"PreToolUse": [{"matcher": "*", "hooks": [hook]}]}}));
            }),
        ),
        (
            "a shell command writes `disableAllHooks` in the session",
            Elsewhere("what_a_repository_sets_does_not_change_the_judge"),
        ),
        (
            "somebody else writes `disableAllHooks` in the session",
            Meanwhile(|bench| {
                repository(bench, &json!({}));
                let (first, file) = (
                    bench.rig.project().join("first"),
                    bench.rig.path("project/.claude/settings.local.json"),
                );
                let writer = thread::spawn(move || {
                    let deadline = Instant::now() + Duration::from_secs(20);
                    while !first.exists() && Instant::now() < deadline {
                        thread::sleep(Duration::from_millis(10));
                    }
                    fs::write(file, r#"{"disableAllHooks": true}"#).unwrap();
                });
                calls(bench, &[shell("touch first; sleep 6"), shell(DENIED)]);
                writer.join().unwrap();
                assert_eq!(events(bench, "tool_attempt").len(), 1, "judged until then");
            }),
        ),
    ]
}

/// What an event after it needs is there by then.
const DENIED: &str = "touch ran; sleep 1; sudo -n true";

fn own(bench: &Bench, name: &str) -> std::path::PathBuf {
    bench.rig.home().join(".leashd").join(name)
}

/// Puts a script where leashd was.
fn put(bench: &Bench, body: &str, mode: u32) {
    let program =
        bench.rig.write("programs/leashd", &format!("#!/bin/sh\n{}\n", body.replace("ALLOW", ALLOW)));
    fs::set_permissions(&program, fs::Permissions::from_mode(mode)).unwrap();
    replace_program(bench, &program);
}

/// Changes what the hook judges with.
fn pin(bench: &Bench, name: &str, value: &str) {
    let file = own(bench, "hook.json");
    let mut pinned: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    pinned["environment"][name] = json!(value);
    fs::write(file, pinned.to_string()).unwrap();
}

fn change(bench: &Bench, change: impl FnOnce(&mut Value)) {
    edit(bench, |text| {
        let mut settings: Value = serde_json::from_str(&text).unwrap();
        change(&mut settings);
        settings.to_string()
    });
}

fn before_tools(bench: &Bench, with: impl FnOnce(&mut Value)) {
    change(bench, |settings| with(&mut settings["hooks"]["PreToolUse"][0]));
}

fn repository(bench: &Bench, settings: &Value) {
    bench.rig.write("project/.claude/settings.json", &settings.to_string());
}

fn call(bench: &Bench, item: &Value) -> String {
    calls(bench, std::slice::from_ref(item))
}

fn calls(bench: &Bench, items: &[Value]) -> String {
    let prompt = script(items);
    let output =
        claude(bench).args(["-p", "--output-format=stream-json", "--verbose", &prompt]).output().unwrap();
    shown(&output)
}

/// The column of the agent under test, as rows of its name, what is broken and what becomes of it.
fn rows() -> (String, Vec<(String, String)>) {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/hook.md")).unwrap();
    let said = Command::new(agent()).arg("--version").output().unwrap();
    let version = String::from_utf8_lossy(&said.stdout).split(' ').next().unwrap().trim().to_owned();
    let mut lines = text.lines().skip_while(|line| !line.starts_with("| what is broken |"));
    let cells = |line: &str| -> Vec<String> {
        let line = line.replace("\\|", "\u{0}");
        line.trim_matches('|').split('|').map(|cell| cell.trim().replace('\u{0}', "\\|")).collect()
    };
    let heads = cells(lines.next().unwrap());
    let column = heads.iter().position(|head| head.starts_with(&version));
    let column = column.unwrap_or_else(|| panic!("no column for {version} in {heads:?}"));
    let rows = lines.skip(1).take_while(|line| line.starts_with('|')).map(|line| {
        let cells = cells(line);
        let says = if cells[column].starts_with("the same") {
            cells[column].replacen("the same", cells[1].trim_end_matches("; reported"), 1)
        } else {
            cells[column].clone()
        };
        (cells[0].clone(), says)
    });
    (version, rows.collect())
}

#[test]
fn each_row_of_the_table_is_true() {
    let (version, rows) = rows();
    let ways = ways();
    let named: Vec<&str> = rows.iter().map(|(name, _)| name.as_str()).collect();
    let known: Vec<&str> = ways.iter().map(|(name, _)| *name).collect();
    assert!(rows.len() >= 30, "{} rows", rows.len());
    for name in &named {
        assert!(known.contains(name), "nobody brings about: {name}");
    }
    for name in &known {
        assert!(named.contains(name), "not in the table: {name}");
    }
    let waiting: Mutex<VecDeque<_>> = Mutex::new(rows.iter().collect());
    let wrong = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let Some((name, says)) = waiting.lock().unwrap().pop_front() else { return };
                    let (_, way) = ways.iter().find(|(known, _)| known == name).unwrap();
                    if let Err(why) = try_row(way, says) {
                        wrong.lock().unwrap().push(format!("{name}: {says:?}, but {why}"));
                    }
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{version}:\n{}", wrong.join("\n"));
}

fn try_row(way: &Way, says: &str) -> Result<(), String> {
    let bench = guarded();
    let output = match way {
        Broken(prepare) | Ignored(prepare) => {
            prepare(&bench);
            call(&bench, &shell("touch ran; sleep 1"))
        }
        Denied(prepare) => {
            prepare(&bench);
            call(&bench, &shell(DENIED))
        }
        Asked(prepare) => {
            prepare(&bench);
            call(&bench, &shell("curl -s http://127.0.0.1:9/; touch ran"))
        }
        Program(body) => {
            put(&bench, body, 0o755);
            call(&bench, &touch("ran"))
        }
        Meanwhile(run) => {
            run(&bench);
            String::new()
        }
        Elsewhere(test) => {
            let there = include_str!("hook.rs").contains(&format!("fn {test}()"));
            return if there { Ok(()) } else { Err(format!("there is no {test}")) };
        }
    };
    let is = |what: &str, found: bool, expected: bool| {
        if found == expected { Ok(()) } else { Err(format!("{what}: {found}\n{output}")) }
    };
    let runs = says.starts_with("runs") || says.starts_with("**runs**");
    is("it ran", exists(&bench, "ran"), runs)?;
    if matches!(way, Ignored(_)) {
        is("a hook was asked", !events(&bench, "tool_attempt").is_empty(), false)?;
    }
    if matches!(way, Asked(_)) {
        is("it was asked", bench.audit().iter().any(|entry| entry["approver_type"] == "deferred"), true)?;
    }
    if says.contains("seen") {
        is("it was seen", events(&bench, "tool_ran_ungated").len() == 1, true)?;
    }
    let mut status = bench.leashd(&["hook", "status"]);
    let path = format!("{}:/usr/bin:/bin", agent().parent().unwrap().display());
    let status = status.env("LEASHD_POLICY_FILES", "permissive").env("PATH", path).output().unwrap();
    let text = String::from_utf8_lossy(&status.stdout).into_owned();
    let reports = status.status.code() == Some(1) && (text.contains("BROKEN") || text.contains("\n! "));
    if says.contains("reported") && !says.contains("not reported") {
        is(&format!("it was reported in {text}"), reports, true)?;
    }
    if says == "runs" {
        // Nothing is wrong, and nothing is said to be. Of a version that is not supported something is always said.
        let supported = text.contains(": supported");
        is(&format!("something was reported in {text}"), supported && reports, false)?;
    }
    assert!(settings(&bench).exists());
    Ok(())
}
