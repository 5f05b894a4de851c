//! Settings that an agent feels: each, set in the file, changes what happens.

use crate::daemon::Running;
use crate::support::{Bench, call, script, shell, shown};
use serde_json::{Value, json};
use std::fs;
use std::process::Output;

/// A bench whose file of settings says this.
fn bench(settings: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    for (key, value) in settings {
        let output = bench.leashd(&["config", "set", key, value]).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    }
    bench
}

fn write(bench: &Bench) -> Value {
    call("Write", json!({"file_path": bench.rig.project().join("new.txt"), "content": "x"}))
}

#[track_caller]
fn check(output: &Output, status: i32, says: &str) {
    let said = shown(output);
    assert!(output.status.code() == Some(status) && said.contains(says), "{says:?}, {status}: {said}");
}

#[test]
fn turns_and_the_system_prompt() {
    let bench = bench(&[("max_turns", "1"), ("system_prompt", "answer in rhymes")]);
    check(&bench.exec(&[], &[shell("pwd"), shell("pwd")]), 1, "");
    assert!(bench.rig.api.requests()[0].to_string().contains("answer in rhymes"));
    assert_eq!(bench.rig.api.requests().iter().filter(|request| request["tools"][0].is_object()).count(), 1);
}

#[test]
fn policies_tools_and_the_mode() {
    let strict = bench(&[("policy_files", "strict")]);
    check(&strict.exec(&[], &[shell("pwd")]), 4, "nobody to ask");
    let less = bench(&[("disallowed_tools", "Bash")]);
    check(&less.exec(&[], &[shell("pwd")]), 4, "");
    let few = bench(&[("allowed_tools", "Read")]);
    check(&few.exec(&[], &[shell("pwd")]), 4, "");
    let asks = bench(&[]);
    check(&asks.exec(&[], &[write(&asks)]), 4, "nobody to ask");
    let auto = bench(&[("default_mode", "auto")]);
    check(&auto.exec(&[], &[write(&auto)]), 0, "");
    assert!(auto.rig.project().join("new.txt").exists());
}

#[test]
fn how_long_people_and_agents_may_take() {
    let bench = bench(&[
        ("approval_timeout_seconds", "1"),
        ("interaction_timeout_seconds", "1"),
        ("agent_timeout_seconds", "3"),
    ]);
    let running = Running::start(&bench);
    check(&bench.exec(&["--inbox"], &[write(&bench)]), 5, "");
    let question = json!({"questions": [{"question": "Which?", "header": "Which", "multiSelect": false,
        "options": [{"label": "a", "description": "a"}, {"label": "b", "description": "b"}]}]});
    bench.exec(&["--inbox"], &[call("AskUserQuestion", question)]);
    let asks = running.request("GET", "/v1/asks?all", "").1;
    let states: Vec<&str> =
        asks.as_array().unwrap().iter().map(|ask| ask["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["expired", "expired"], "{asks}");
    let slow = bench.exec(&["--policy", "permissive"], &[shell("python3 -c 'import time; time.sleep(60)'")]);
    check(&slow, 1, "no end after 3 s");
    drop(running);
}

#[test]
fn how_many_agents_there_are() {
    let bench = bench(&[("max_agents", "1")]);
    let running = Running::start(&bench);
    let waits = running.exec(&["--inbox"], &[write(&bench)]);
    let ask = running.ask();
    let second = running.exec(&["--policy", "permissive"], &[shell("pwd")]);
    // It is said before the first one's place is free.
    let line = loop {
        let events = String::from_utf8(running.say(&["events"], 0).stdout).unwrap();
        if let Some(line) = events.lines().find(|line| line.contains("agents are busy")) {
            break line.to_owned();
        }
    };
    assert!(line.contains("all 1 agents are busy"), "{line}");
    running.say(&["deny", &ask], 0);
    assert_eq!(waits.wait_with_output().unwrap().status.code(), Some(4));
    check(&second.wait_with_output().unwrap(), 0, "");
}

#[test]
fn what_is_around_commands() {
    let off = bench(&[("sandbox", "off")]);
    check(&off.exec(&[], &[shell("pwd")]), 0, "not contained: LEASHD_SANDBOX=off");

    let show = |bench: &Bench| {
        fs::create_dir_all(bench.rig.home().join(".cargo/bin")).unwrap();
        let output = bench.leashd(&["sandbox", "show"]).output().unwrap();
        assert!(output.status.success(), "{}", shown(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    let usual = show(&bench(&[]));
    assert!(usual.contains("/.cargo") && usual.contains("/.cache/leashd"), "{usual}");
    let less = show(&bench(&[("toolchains", "git")]));
    assert!(!less.contains("/.cargo"), "{less}");
    let shared = show(&bench(&[("toolchain_caches", "shared")]));
    assert!(!shared.contains("/.cache/leashd"), "{shared}");
    // A session has what is shown.
    let output = off.exec(&["--policy", "permissive"], &[shell("pwd")]);
    assert!(script(&[]).contains("done") && output.status.success());
}
