//! Turns through the daemon: the newcomer's path, an ask answered from another terminal, a daemon killed in the middle.

use crate::kill::processes_below;
use crate::support::{Bench, call, script, shell, shown};
use leashd_testkit::Terminal;
use serde_json::{Value, json};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

/// Ends the daemon with the test, however it ends.
pub(crate) struct Running<'a>(&'a Bench);

impl<'a> Running<'a> {
    pub(crate) fn start(bench: &'a Bench) -> Self {
        let started = bench.leashd(&["start"]).output().unwrap();
        assert_eq!(started.status.code(), Some(0), "{}", shown(&started));
        Self(bench)
    }

    /// One that was started otherwise.
    pub(crate) fn found(bench: &'a Bench) -> Self {
        Self(bench)
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_slice(&self.0.leashd(&["status", "--json"]).output().unwrap().stdout).unwrap()
    }

    pub(crate) fn asks(&self) -> Vec<Value> {
        let output = self.0.leashd(&["inbox", "--json"]).output().unwrap();
        String::from_utf8_lossy(&output.stdout)
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// The one ask that is open, as soon as there is one.
    pub(crate) fn ask(&self) -> String {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let [ask] = self.asks().as_slice() {
                return ask["ask"]["id"].as_str().unwrap().to_owned();
            }
            assert!(Instant::now() < deadline, "nothing is asked: {}", self.status());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub(crate) fn say(&self, args: &[&str], status: i32) -> Output {
        let output = self.0.leashd(args).output().unwrap();
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", shown(&output));
        output
    }

    pub(crate) fn exec(&self, flags: &[&str], items: &[Value]) -> Child {
        let prompt = script(items);
        let args: Vec<&str> = ["exec"].iter().chain(flags).copied().chain([prompt.as_str()]).collect();
        self.0
            .leashd(&args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }
}

impl Running<'_> {
    /// A command over the socket: the status and the receipt.
    pub(crate) fn tell(&self, command: &Value) -> (u16, Value) {
        let body = json!({"chat": "test", "command": command}).to_string();
        self.request("POST", "/v1/envelopes", &body)
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let home = self.0.rig.home().join(".leashd/run");
        let token = fs::read_to_string(home.join("token-terminal")).unwrap();
        let mut stream = UnixStream::connect(home.join("leashd.sock")).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: leashd\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        let body = serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned()));
        (text.split(' ').nth(1).unwrap().parse().unwrap(), body)
    }

    /// Says something in a session and waits until the turn is over.
    pub(crate) fn turn(&self, session: &str, text: &str) {
        let before = self.session(session)["turns"].as_u64().unwrap();
        let said = self.tell(&json!({"command": "say", "session": session, "text": text}));
        assert_eq!(said.0, 200, "{}", said.1);
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let view = self.session(session);
            if view["turns"].as_u64().unwrap() > before && view["running_since"].is_null() {
                return;
            }
            assert!(Instant::now() < deadline, "the turn does not end: {view}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn session(&self, session: &str) -> Value {
        self.request("GET", &format!("/v1/sessions/{session}"), "").1
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        drop(self.0.leashd(&["stop"]).output());
    }
}

#[test]
fn the_first_minute() {
    let bench = Bench::new();
    let said = bench.leashd(&["init", "--yes", "--dir", "."]).output().unwrap();
    assert!(said.status.success(), "{}", shown(&said));
    let running = Running::start(&bench);
    let output = bench.exec(&[], &[shell("pwd")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("done"), "{}", shown(&output));
    let events = String::from_utf8(running.say(&["events"], 0).stdout).unwrap();
    for name in ["session.opened", "session.started", "message.in", "tool.allowed", "session.completed"] {
        assert!(events.contains(name), "{name}: {events}");
    }
    assert_eq!(running.status()["sessions"], 0, "it was closed after the turn");
    running.say(&["stop"], 0);
    assert!(processes_below(&bench).is_empty(), "{:?}", processes_below(&bench));
    assert!(bench.verify().status.success());
}

#[test]
fn an_ask_is_answered_from_another_terminal() {
    let bench = Bench::new();
    let running = Running::start(&bench);
    let file = bench.rig.project().join("new.txt");
    let write = || [call("Write", json!({"file_path": file, "content": "hello"}))];

    let exec = running.exec(&["--inbox"], &write());
    let ask = running.ask();
    let card = String::from_utf8(running.say(&["inbox", ask.get(..3).unwrap()], 0).stdout).unwrap();
    assert!(card.contains("WRITE") && card.contains("+ hello"), "{card}");
    running.say(&["deny", &ask, "--reason", "write it in capitals"], 0);
    let output = exec.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
    assert!(!file.exists());
    assert!(bench.rig.api.requests().last().unwrap().to_string().contains("write it in capitals"));

    let exec = running.exec(&["--inbox"], &write());
    let ask = running.ask();
    running.say(&["approve", &ask], 0);
    let output = exec.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert_eq!(fs::read_to_string(&file).unwrap(), "hello");
    let again = running.say(&["approve", &ask], 1);
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(said.contains("is over: already answered by terminal: approved"), "{said}");
    // A daemon that was started anew knows it from the store.
    let row: Value = serde_json::from_slice(&running.say(&["inbox", &ask, "--json"], 0).stdout).unwrap();
    running.say(&["restart"], 0);
    let command = json!({"command": "answer", "ask": ask, "answer": {"answer": "deny"}, "digest": row["ask"]["digest"]});
    let (status, receipt) = running.tell(&command);
    let how = receipt["refusal"]["how"].as_str().unwrap_or_default();
    assert_eq!((status, how), (409, "already answered by terminal: approved"), "{receipt}");
    assert!(bench.verify().status.success());
}

#[test]
fn a_person_answers_with_a_key_where_they_asked() {
    let bench = Bench::new();
    let running = Running::start(&bench);
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("[a] Approve");
    assert_eq!(running.asks().len(), 1);
    terminal.type_keys("a");
    terminal.expect("done");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(0), "{rest}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "hello");
}

#[test]
fn without_anybody_to_ask_it_is_denied_at_once() {
    let bench = Bench::new();
    let running = Running::start(&bench);
    let file = bench.rig.project().join("new.txt");
    let exec = running.exec(&[], &[call("Write", json!({"file_path": file, "content": "x"}))]);
    let output = exec.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
    assert!(!file.exists());
}

#[test]
fn a_card_that_takes_the_place_of_another_has_the_keys() {
    let bench = Bench::new();
    let running = Running::start(&bench);
    let rule = "{name: hosts, tools: [Network], action: require_approval, reason: A host}";
    let policy = format!("version: \"1.0\"\nname: p\nrules: [{rule}]\nsettings: {{default_action: allow}}\n");
    let policy = bench.rig.write("policy.yaml", &policy).display().to_string();
    bench.rig.write("project/Makefile", "%:\n\t-curl -sS http://$@.invalid/\n");
    let prompt = script(&[shell("make one & make two & wait")]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", "--policy", &policy, &prompt]));
    terminal.expect("CONNECT");
    terminal.expect("[a] Approve");
    let deadline = Instant::now() + Duration::from_secs(60);
    while running.asks().len() < 2 {
        assert!(Instant::now() < deadline, "two hosts are asked about");
    }
    // The one on the screen is answered elsewhere, while the terminal reads keys for it.
    let asks = running.asks();
    let first = asks.iter().min_by_key(|ask| ask["ask"]["created"].as_str().unwrap().to_owned()).unwrap();
    running.say(&["approve", first["ask"]["id"].as_str().unwrap()], 0);
    terminal.expect("CONNECT");
    terminal.expect("[a] Approve");
    terminal.type_keys("r");
    let (status, said) = terminal.wait();
    assert_eq!(status, Some(0), "{said}");
    let answers = bench.audit().into_iter().filter(|entry| entry["event"] == "approval");
    let answers: Vec<_> = answers.map(|entry| entry["decision"].clone()).collect();
    assert_eq!(answers, ["allow", "deny"]);
}

#[test]
fn killed_while_it_asks_nothing_ran_and_the_ask_is_withdrawn() {
    let bench = Bench::new();
    let running = Running::start(&bench);
    let file = bench.rig.project().join("new.txt");
    let exec = running.exec(&["--inbox"], &[call("Write", json!({"file_path": file, "content": "x"}))]);
    let ask = running.ask();
    let pid = i32::try_from(running.status()["pid"].as_i64().unwrap()).unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    let output = exec.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(8), "{}", shown(&output));
    let deadline = Instant::now() + Duration::from_secs(10);
    while !processes_below(&bench).is_empty() {
        assert!(Instant::now() < deadline, "survivors: {:?}", processes_below(&bench));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!file.exists());

    let running = Running::start(&bench);
    assert!(running.asks().is_empty());
    let row: Value = serde_json::from_slice(&running.say(&["inbox", &ask, "--json"], 0).stdout).unwrap();
    assert_eq!(row["state"], "withdrawn", "{row}");
    running.say(&["approve", &ask], 1);
    assert!(bench.verify().status.success());
}

#[test]
fn a_conversation_on_the_terminal_is_the_daemon() {
    let bench = Bench::new();
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["start", "-f"]));
    terminal.expect("serving");
    terminal.expect("/quit");
    let status = bench.leashd(&["status"]).output().unwrap();
    assert!(String::from_utf8_lossy(&status.stdout).contains("1 open"), "{}", shown(&status));
    let second = bench.leashd(&["start"]).output().unwrap();
    assert_eq!(second.status.code(), Some(1), "{}", shown(&second));
    terminal.type_keys(&format!("{}\r", script(&[shell("pwd")])));
    terminal.expect("done");
    terminal.type_keys("/quit\r");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(0), "{rest}");
    assert_eq!(bench.leashd(&["status"]).output().unwrap().status.code(), Some(8));
}

#[test]
fn a_turn_goes_through_the_daemon_and_outlives_it() {
    let bench = Bench::new();
    let leashd = |args: &[&str]| bench.leashd(args).output().unwrap();
    let started = leashd(&["start"]);
    assert_eq!(started.status.code(), Some(0), "{}", shown(&started));
    let turn = leashd(&["exec", "--policy", "permissive", &script(&[shell("touch made")])]);
    assert_eq!(turn.status.code(), Some(0), "{}", shown(&turn));
    assert!(bench.rig.project().join("made").exists(), "{}", shown(&turn));
    let status: Value = serde_json::from_slice(&leashd(&["status", "--json"]).stdout).unwrap();
    let pid = status["pid"].as_u64().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let again = leashd(&["start"]);
    assert_eq!(again.status.code(), Some(0), "{}", shown(&again));
    let turn = leashd(&["exec", "--policy", "permissive", &script(&[shell("touch more")])]);
    assert_eq!(turn.status.code(), Some(0), "{}", shown(&turn));
    let stopped = leashd(&["stop"]);
    assert_eq!(stopped.status.code(), Some(0), "{}", shown(&stopped));
    assert!(bench.verify().status.success());
}
