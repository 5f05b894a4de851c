//! What an agent waits for: from writing a permission request to having read the reply, as the agent's own process sees
//! it. Everything in between is real: two pipes, the session loop, the gate with its judge and its record. Also a report
//! that is only noted, which is the same way without gate and judge.
//!
//! The program plays all three parts: called as an agent it is the peer that asks and measures, called as a supervisor it
//! is the process between, else it is the side that answers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on has failed"
)]

use criterion::Criterion;
use leashd_agents::claude::ClaudeCode;
use leashd_agents::{AfterDenial, Agent, Launch, Message, Order, Reply, Running};
use leashd_gate::{AuditLog, Durability, Gate, Interactive, Outcome, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_testkit::Rig;
use leashd_types::{
    AgentEvent, Attendance, Containment, Facts, GitGrants, Mode, ResolvedPath, Timestamp, ToolCall,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Stdin, Stdout, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Requests of the run whose distribution is printed.
const REQUESTS: u64 = 2000;
/// Calls the gate may hold open before it is told to forget them; its own limit is 1024.
const OPEN: u64 = 500;
/// Far more than any request takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let mut args = std::env::args_os().skip(1);
    match args.next() {
        Some(first) if first == leashd_sandbox::SUPERVISE => {
            let status = leashd_sandbox::supervise_main(args);
            return ExitCode::from(u8::try_from(status).unwrap_or(u8::MAX));
        }
        Some(first) if first == "--version" => println!("2.1.330 (a stand-in)"),
        Some(first) if first == "-p" => Peer::new().play(),
        _ => measure(&mut Criterion::default().configure_from_args()),
    }
    ExitCode::SUCCESS
}

fn measure(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let read = json!({"tool": "Read", "input": {"file_path": "main.rs"}});
    let bash = json!({"tool": "Bash", "input": {"command": "git status --short && ls -la src"}});
    let cases = [
        ("a report, noted", Durability::Never, Value::Null),
        ("a file tool, allowed", Durability::Never, read.clone()),
        ("a shell line, allowed", Durability::Never, bash),
        ("a file tool, allowed, durable", Durability::Group, read),
    ];
    let mut lines = Vec::new();
    for (name, durability, call) in cases {
        let mut driver = runtime.block_on(Driver::start(durability));
        let all = runtime.block_on(driver.requests(REQUESTS, &call));
        lines.push(format!("{name:<30}  {all}"));
        criterion.bench_function(&format!("driver: {name}"), |bencher| {
            bencher.iter_custom(|count| runtime.block_on(driver.requests(count, &call)).total);
        });
        runtime.block_on(driver.stop());
    }
    println!("from the request to the reply, {REQUESTS} requests each:\n{}", lines.join("\n"));
}

/// A session with the peer, and the gate that decides.
struct Driver {
    running: Running,
    gate: Gate,
    snapshot: Snapshot,
    session: leashd_types::SessionId,
    answered: u64,
    _rig: Rig,
    _log: tempfile::TempDir,
}

impl Driver {
    async fn start(durability: Durability) -> Self {
        let rig = Rig::new().await;
        let project = rig.project().canonicalize().unwrap();
        std::fs::write(project.join("main.rs"), "fn main() {}").unwrap();
        // Inside the repository's target directory: /tmp may be memory, where a flush costs nothing.
        let log = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let audit = AuditLog::open(&log.path().join("audit.jsonl"), durability, Secrets::default()).unwrap();
        let own = std::env::current_exe().unwrap();
        let agent = ClaudeCode::find(own.as_os_str(), OsStr::new(""), &own).await.unwrap();
        let launch = Launch { directory: project.clone(), ..rig.launch() };
        let session = launch.session.clone();
        let running = agent.start(launch).await.unwrap();
        let gate = Gate::new(audit, || Timestamp::from_micros(1_790_000_000_000_000));
        let snapshot = snapshot(&project, &rig.home());
        Self { running, gate, snapshot, session, answered: 0, _rig: rig, _log: log }
    }

    /// Lets the peer ask `count` times; `call` is what for, null for a report.
    async fn requests(&mut self, count: u64, call: &Value) -> Times {
        let prompt = json!({"count": count, "call": call}).to_string();
        self.running.orders.send(Order::Prompt(Message::text(prompt))).await.unwrap();
        let end = loop {
            let event = tokio::time::timeout(PATIENCE, self.running.events.recv()).await;
            match event.expect("the peer goes on").expect("the peer lives") {
                AgentEvent::ToolCall(call) => self.answer(call).await,
                AgentEvent::TurnEnded(end) => break end,
                AgentEvent::Fault(fault) => panic!("{fault:?}"),
                _ => {}
            }
        };
        Times::read(&end.result)
    }

    async fn answer(&mut self, call: ToolCall) {
        self.answered += 1;
        if self.answered.is_multiple_of(OPEN) {
            // No call comes back here, and the gate remembers those that are open.
            self.gate.forget(&self.session);
        }
        let id = call.id.clone();
        let reply = match self.gate.begin(call, &self.snapshot) {
            Outcome::Permit(permit) => Reply::Allow(Box::new(permit)),
            Outcome::Denied(denial) => Reply::Deny { message: denial.for_model, then: AfterDenial::EndTurn },
            Outcome::Pending(_) => panic!("the call was to be allowed"),
        };
        assert!(matches!(reply, Reply::Allow(_)), "the call was to be allowed: {reply:?}");
        self.running.orders.send(Order::Reply { call: id, reply }).await.unwrap();
    }

    async fn stop(mut self) {
        self.running.orders.send(Order::Stop).await.unwrap();
        while self.running.events.recv().await.is_some() {}
    }
}

fn snapshot(project: &Path, home: &Path) -> Snapshot {
    let resolved = |path: &Path| ResolvedPath::assume_resolved(path.to_owned());
    let sources = [Source::builtin("default").unwrap(), Source::builtin("dev-tools").unwrap()];
    let facts = Facts {
        cwd: resolved(project),
        home: resolved(home),
        approved: vec![resolved(project)],
        temporary: Vec::new(),
        protected: Vec::new(),
        containment: Containment::NotProven,
        attendance: Attendance::Attended,
        mode: Mode::Default,
        git_grants: GitGrants::default(),
        paths: BTreeMap::new(),
        files: BTreeMap::new(),
        globs: BTreeMap::new(),
    };
    let rules = Arc::new(Rules::load(&sources).unwrap());
    let interactive = Interactive::Somebody;
    Snapshot { generation: rules.generation(), rules, facts, grants: Vec::new(), interactive }
}

/// What the peer measured.
#[derive(Debug)]
struct Times {
    total: Duration,
    median: Duration,
    p99: Duration,
    max: Duration,
}

impl Times {
    fn of(mut all: Vec<Duration>) -> Self {
        all.sort_unstable();
        let at = |percent: usize| all[(all.len() - 1) * percent / 100];
        Self { total: all.iter().sum(), median: at(50), p99: at(99), max: at(100) }
    }

    fn write(&self) -> String {
        let times = [self.total, self.median, self.p99, self.max];
        times.map(|time| time.as_nanos().to_string()).join(" ")
    }

    fn read(text: &str) -> Self {
        let numbers: Vec<u64> = text.split(' ').map(|number| number.parse().unwrap()).collect();
        let [total, median, p99, max] = numbers[..] else { panic!("not four times: {text}") };
        let time = Duration::from_nanos;
        Self { total: time(total), median: time(median), p99: time(p99), max: time(max) }
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "median {:?}, p99 {:?}, max {:?}", self.median, self.p99, self.max)
    }
}

/// The agent's side: speaks just enough of the protocol.
struct Peer {
    input: BufReader<Stdin>,
    output: Stdout,
    line: String,
    cwd: String,
    number: u64,
}

impl Peer {
    fn new() -> Self {
        let cwd = std::env::current_dir().unwrap().to_str().unwrap().to_owned();
        let input = BufReader::new(std::io::stdin());
        Self { input, output: std::io::stdout(), line: String::new(), cwd, number: 0 }
    }

    fn play(mut self) {
        while self.read() > 0 {
            let order: Value = serde_json::from_str(&self.line).unwrap();
            if order["type"] == "user" {
                self.turn(order.pointer("/message/content/0/text").and_then(Value::as_str).unwrap());
            } else {
                let response =
                    json!({"subtype": "success", "request_id": order["request_id"], "response": {}});
                self.write(&json!({"type": "control_response", "response": response}));
            }
        }
    }

    fn turn(&mut self, prompt: &str) {
        let prompt: Value = serde_json::from_str(prompt).unwrap();
        self.state("running");
        let mut times = Vec::new();
        for _request in 0..prompt["count"].as_u64().unwrap() {
            self.number += 1;
            let id = format!("toolu_{:020}", self.number);
            let reported = self.ask(&json!({
                "subtype": "hook_callback",
                "input": {"hook_event_name": "PreToolUse", "tool_use_id": id, "tool_name": "Read", "cwd": self.cwd},
            }));
            let call = &prompt["call"];
            if call.is_null() {
                times.push(reported);
                continue;
            }
            times.push(self.ask(&json!({
                "subtype": "can_use_tool",
                "tool_name": call["tool"],
                "tool_use_id": id,
                "input": call["input"],
            })));
            assert!(self.line.contains(r#""behavior":"allow""#), "{}", self.line);
            let result = json!({"type": "tool_result", "tool_use_id": id, "content": "done"});
            self.write(&json!({"type": "user", "message": {"role": "user", "content": [result]}}));
        }
        self.write(&json!({"type": "result", "subtype": "success", "result": Times::of(times).write()}));
        self.state("idle");
    }

    /// From before the first byte of the request is written to after the last byte of the reply is read.
    fn ask(&mut self, request: &Value) -> Duration {
        let request =
            json!({"type": "control_request", "request_id": format!("r{}", self.number), "request": request});
        let mut bytes = request.to_string().into_bytes();
        bytes.push(b'\n');
        let start = Instant::now();
        self.output.write_all(&bytes).unwrap();
        self.output.flush().unwrap();
        assert!(self.read() > 0, "no reply");
        start.elapsed()
    }

    fn state(&mut self, state: &str) {
        self.write(&json!({"type": "system", "subtype": "session_state_changed", "state": state}));
    }

    fn write(&mut self, line: &Value) {
        writeln!(self.output, "{line}").unwrap();
        self.output.flush().unwrap();
    }

    fn read(&mut self) -> usize {
        self.line.clear();
        self.input.read_line(&mut self.line).unwrap()
    }
}
