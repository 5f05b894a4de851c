//! Turns: what is allowed happens, what is not does not, and a repository has no say in it.

use crate::support::{Bench, call, script, shell, shown};
use leashd_testkit::Hostile;
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::thread::JoinHandle;

#[test]
fn an_allowed_edit_happens_and_stands_in_the_audit() {
    let bench = Bench::new();
    let file = bench.rig.write("project/README.md", "teh text\n");
    let items = [
        call("Read", json!({"file_path": file})),
        call("Edit", json!({"file_path": file, "old_string": "teh", "new_string": "the"})),
    ];
    let output = bench.exec(&["--policy", "permissive"], &items);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(fs::read_to_string(&file).unwrap(), "the text\n");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "done\n");
    let allowed = bench.decisions();
    assert_eq!(allowed.len(), 2, "{allowed:?}");
    assert!(allowed.iter().all(|(decision, _)| decision == "allow"), "{allowed:?}");
    assert!(bench.verify().status.success());
}

/// A server that takes webhooks and says thank you; the bodies it got, once nobody sends any more.
fn receiver() -> (String, JoinHandle<Vec<Value>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/in", listener.local_addr().unwrap());
    let work = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().unwrap().0);
        let mut bodies = Vec::new();
        loop {
            let mut length = 0;
            let mut line = String::new();
            while stream.read_line(&mut line).unwrap() > 2 {
                if let Some((_, bytes)) = line.to_lowercase().split_once("content-length: ") {
                    length = bytes.trim().parse().unwrap();
                }
                line.clear();
            }
            if length == 0 {
                return bodies;
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            bodies.push(serde_json::from_slice(&body).unwrap());
            stream.get_mut().write_all(b"HTTP/1.1 204 Thanks\r\n\r\n").unwrap();
        }
    });
    (url, work)
}

#[test]
fn a_turn_stands_in_the_log_in_order_and_without_its_words() {
    let bench = Bench::new();
    let (url, received) = receiver();
    let hooks = json!([{"url": url, "secret": "0123456789abcdef", "events": ["tool.denied", "session.*"]}]);
    let output = bench
        .leashd(&["exec", "--policy", "permissive", &script(&[shell("rm -rf ~/work")])])
        .env("LEASHD_LOG_DIR", "own")
        .env("LEASHD_LOG_LEVEL", "DEBUG")
        .env("LEASHD_WEBHOOKS", hooks.to_string())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
    let path = bench.log().with_file_name("own").join("app.log");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let names: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    let expected = [
        "engine_building",
        "engine_built",
        "daemon_starting",
        "session_created",
        "request_started",
        "agent_execute_started",
        "policy_evaluated",
        "tool_denied",
        "agent_execute_completed",
        "request_completed",
    ];
    let key: Vec<_> = names.iter().filter(|name| expected.contains(name)).copied().collect();
    assert_eq!(key, expected, "{text}");
    assert!(lines.iter().skip(3).all(|line| line["session_id"] == lines[3]["session_id"]), "{text}");
    assert!(!text.contains("SCRIPT:") && !text.contains(&url), "{text}");
    let received = received.join().unwrap();
    let names: Vec<_> = received.iter().map(|event| event["event"].as_str().unwrap()).collect();
    let expected = ["session.opened", "session.started", "tool.denied", "session.completed"];
    assert!(names.starts_with(&expected), "{received:?}");
    assert!(received.is_sorted_by_key(|event| event["seq"].as_u64()), "{received:?}");
}

#[test]
fn a_denied_command_does_not_happen_and_the_exit_status_says_so() {
    let bench = Bench::new();
    let precious = bench.rig.write("home/work/precious.txt", "keep\n");
    let output = bench.exec(&["--policy", "permissive"], &[shell("rm -rf ~/work")]);
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
    assert!(precious.exists());
    let decisions = bench.decisions();
    assert_eq!(decisions.len(), 1);
    assert_eq!(decisions[0].0, "deny");
}

#[test]
fn a_line_is_judged_as_what_the_shell_would_run() {
    let bench = Bench::new();
    for (line, floor) in [
        ("s''udo touch marked", "privilege"),
        ("ls\nsudo touch marked", "privilege"),
        ("ls & s\\udo touch marked", "privilege"),
        ("bash -c \"$(echo c3VkbyB0b3VjaCBtYXJrZWQ= | base64 -d)\"", "privilege"),
        ("rm -r\"f\" ~/work", "delete"),
    ] {
        let output = bench.exec(&["--policy", "permissive", "--policy", "dev-tools"], &[shell(line)]);
        assert_eq!(output.status.code(), Some(4), "{line}: {}", shown(&output));
        let decisions = bench.decisions();
        let (decision, rule) = decisions.last().unwrap();
        assert_eq!(decision, "deny", "{line}: {rule}");
        assert!(rule.contains(floor), "{line}: {rule}");
    }
    assert!(!bench.rig.project().join("marked").exists());
}

#[test]
fn without_a_terminal_an_ask_is_denied_at_once_and_says_so() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let output = bench.exec(&["--json"], &[call("Write", json!({"file_path": file, "content": "x"}))]);
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
    assert!(!file.exists());
    let events: Vec<Value> = String::from_utf8_lossy(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert!(events.iter().all(|event| event["v"] == 1), "{events:?}");
    let denied = events.iter().find(|event| event["event"] == "tool.denied").unwrap();
    assert!(denied["reason"].as_str().unwrap().contains("nobody to ask"), "{denied}");
    let last = events.last().unwrap();
    assert_eq!(last["event"], "session.ended");
}

#[test]
fn a_hostile_repository_changes_nothing_and_runs_nothing() {
    let bench = Bench::new();
    let hostile = Hostile::plant(&bench.rig);
    let marked = bench.rig.project().join("marked");
    let items =
        [shell("ls"), shell("touch marked"), call("Write", json!({"file_path": marked, "content": "x"}))];
    let output = bench.exec(&[], &items);
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
    assert_eq!(hostile.marks(), Vec::<String>::new());
    assert!(!marked.exists());
    let decisions: Vec<String> = bench.decisions().into_iter().map(|(decision, _)| decision).collect();
    assert_eq!(decisions, ["allow", "deny", "deny"]);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.contains(".mcp.json is not trusted"), "{stderr}");
}

#[test]
fn a_file_tool_outside_is_a_security_violation_under_every_policy() {
    let bench = Bench::new();
    let outside = bench.rig.home().join("outside.txt");
    for policy in ["default", "permissive", "autonomous"] {
        let write = call("Write", json!({"file_path": outside, "content": "x"}));
        let output = bench.exec(&["--policy", policy], &[write]);
        assert_eq!(output.status.code(), Some(4), "{policy}: {}", shown(&output));
        assert_eq!(bench.audit().iter().filter(|entry| entry["event"] == "security_violation").count(), 1);
        assert!(!outside.exists());
        fs::remove_file(bench.log()).unwrap();
    }
}

#[test]
fn an_api_that_is_overloaded_is_worth_trying_later() {
    let bench = Bench::new();
    let output = bench.exec(&[], &[json!({"error": 400, "text": "x"})]);
    assert_eq!(output.status.code(), Some(1), "{}", shown(&output));
    let output = bench.exec(&[], &[json!({"error": 529, "text": "x"})]);
    assert_eq!(output.status.code(), Some(75), "{}", shown(&output));
}
