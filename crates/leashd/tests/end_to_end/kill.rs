//! leashd is killed while somebody is asked: nothing ran, nothing survives, the record is whole, the session goes on.

use crate::support::{Bench, call, script, shell, shown};
use leashd_testkit::Terminal;
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn kill_while_an_ask_is_open() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[shell("ls"), call("Write", json!({"file_path": file, "content": "x"}))]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("WRITE");
    terminal.expect("[a] Approve");
    assert!(!processes_below(&bench).is_empty(), "the agent is running");
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(5);
    while !processes_below(&bench).is_empty() {
        assert!(Instant::now() < deadline, "survivors: {:?}", processes_below(&bench));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!file.exists());
    let verified = bench.verify();
    assert!(verified.status.success(), "{}", shown(&verified));
    let audit = bench.audit();
    assert_eq!(audit.last().unwrap()["decision"], "ask");

    let session = audit.last().unwrap()["session_id"].as_str().unwrap().to_owned();
    let resumed = bench.exec(&["--resume", &session, "--policy", "permissive"], &[shell("pwd")]);
    assert_eq!(resumed.status.code(), Some(0), "{}", shown(&resumed));
    let requests = bench.rig.api.requests();
    let last = requests.last().unwrap().to_string();
    assert!(last.contains("new.txt"), "the earlier conversation is there");
}

#[test]
fn a_person_approves_with_a_key() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("WRITE");
    terminal.expect("+ hello");
    terminal.expect("[a] Approve");
    terminal.type_keys("a");
    terminal.expect("approved");
    terminal.expect("done");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(0), "{rest}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "hello");
}

#[test]
fn a_person_rejects_with_instructions_that_reach_the_model() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("[i] Reject with instructions");
    terminal.type_keys("i");
    terminal.expect("What should it do instead?");
    terminal.type_keys("write it in capitals\r");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(4), "{rest}");
    assert!(!file.exists());
    assert!(bench.rig.api.requests().last().unwrap().to_string().contains("write it in capitals"));
}

#[test]
fn nobody_in_time_is_a_denial_of_its_own_kind() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut command = bench.leashd(&["exec", &prompt]);
    let mut terminal = Terminal::spawn(command.env("LEASHD_APPROVAL_TIMEOUT_SECONDS", "1"));
    terminal.expect("[a] Approve");
    terminal.expect("nobody answered in time");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(5), "{rest}");
    assert!(!file.exists());
}

/// Processes that work in the bench's project: the agent's whole tree.
pub(crate) fn processes_below(bench: &Bench) -> Vec<String> {
    let project = bench.rig.project().canonicalize().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&project)) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.push(String::from_utf8_lossy(&line).replace('\0', " "));
        }
    }
    found
}
