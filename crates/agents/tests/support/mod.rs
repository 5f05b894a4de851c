//! Drives an agent in a test: a real gate decides, a closure plays the person, every event is kept.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use leashd_agents::claude::ClaudeCode;
use leashd_agents::{AfterDenial, Agent, Launch, Message, Order, Reply, Running, StartError};
use leashd_gate::{AuditLog, Durability, Gate, Interactive, Outcome, Permit, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_testkit::Rig;
use leashd_types::{
    AgentEvent, Answer, Approver, Attendance, CallId, Containment, Facts, Fault, GitGrants, Mode, RanCall,
    ResolvedPath, Timestamp, ToolCall, TurnEnd, UserId,
};
use std::ffi::OsStr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Far more than anything here takes; a test that waits longer hangs.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) const SUPERVISOR: &str = env!("CARGO_BIN_EXE_supervise-for-tests");

/// What the person does about a call.
#[derive(Clone, Debug)]
pub(crate) enum Person {
    Allows,
    Answers(Answer),
    Denies,
    DeniesAndEnds,
    /// Thinks for ever.
    Thinks,
}

/// The real gate, with rules that ask about everything.
#[derive(Debug)]
pub(crate) struct Warden {
    gate: Gate,
    snapshot: Snapshot,
}

const ASKS: &str = "version: \"1.0\"\nname: asks\nrules: []\nsettings:\n  default_action: require_approval\n";

impl Warden {
    pub(crate) fn new(rig: &Rig) -> Self {
        let path = rig.path("audit.jsonl");
        let audit = AuditLog::open(&path, Durability::Never, Secrets::default()).unwrap();
        let real = |path: std::path::PathBuf| ResolvedPath::assume_resolved(path.canonicalize().unwrap());
        let facts = Facts {
            cwd: real(rig.project()),
            home: real(rig.home()),
            approved: vec![real(rig.project())],
            temporary: vec![real(rig.path("tmp"))],
            protected: vec![],
            containment: Containment::NotProven,
            attendance: Attendance::Attended,
            mode: Mode::Default,
            git_grants: GitGrants::default(),
            paths: std::collections::BTreeMap::new(),
            files: std::collections::BTreeMap::new(),
            globs: std::collections::BTreeMap::new(),
        };
        let rules = Rules::load(&[Source::user("asks", ASKS)]).unwrap();
        let snapshot = Snapshot {
            generation: rules.generation(),
            rules: Arc::new(rules),
            facts,
            grants: vec![],
            interactive: Interactive::Somebody,
        };
        Self { gate: Gate::new(audit, || Timestamp::from_micros(1_790_000_000_000_000)), snapshot }
    }

    /// A permit, if the gate gives one when the person answers so.
    pub(crate) fn permit(&self, call: &ToolCall, answer: &Answer) -> Result<Permit, String> {
        match self.gate.begin(call.clone(), &self.snapshot) {
            Outcome::Permit(permit) => Ok(permit),
            Outcome::Denied(denial) => Err(denial.for_model),
            Outcome::Pending(pending) => {
                let by = Approver::Human { user: UserId::new("tester") };
                let digest = pending.digest();
                match self.gate.settle(pending, answer, &by, digest, &self.snapshot) {
                    Outcome::Permit(permit) => Ok(permit),
                    Outcome::Denied(denial) => Err(denial.for_model),
                    Outcome::Pending(_) => panic!("an answer leaves a question open"),
                }
            }
        }
    }

    pub(crate) fn observe(
        &self,
        session: &leashd_types::SessionId,
        ran: &RanCall,
    ) -> leashd_gate::Observation {
        self.gate.observe(session, ran)
    }
}

/// The pinned Claude Code.
pub(crate) async fn claude() -> ClaudeCode {
    let program = leashd_testkit::claude_program();
    ClaudeCode::find(program.as_os_str(), OsStr::new(""), Path::new(SUPERVISOR)).await.unwrap()
}

#[derive(Debug)]
pub(crate) struct Driven {
    pub(crate) running: Running,
    pub(crate) warden: Arc<Warden>,
    pub(crate) seen: Vec<AgentEvent>,
}

impl Driven {
    pub(crate) async fn start(agent: &dyn Agent, rig: &Rig, launch: Launch) -> Result<Self, StartError> {
        let running = timeout(PATIENCE, agent.start(launch)).await.expect("a start has an end")?;
        Ok(Self { running, warden: Arc::new(Warden::new(rig)), seen: vec![] })
    }

    /// The real Claude Code in a fresh session.
    pub(crate) async fn claude(rig: &Rig) -> Self {
        Self::start(&claude().await, rig, rig.launch()).await.unwrap()
    }

    pub(crate) async fn order(&self, order: Order) {
        timeout(PATIENCE, self.running.orders.send(order)).await.expect("orders are taken").unwrap();
    }

    pub(crate) async fn say(&self, text: impl Into<String>) {
        self.order(Order::Prompt(Message::text(text))).await;
    }

    /// The next event. `None` after the last.
    pub(crate) async fn next(&mut self) -> Option<AgentEvent> {
        let event = timeout(PATIENCE, self.running.events.recv()).await;
        let event = event.unwrap_or_else(|_| panic!("nothing happens any more after {:#?}", self.seen));
        self.seen.extend(event.clone());
        event
    }

    pub(crate) async fn reply(&self, call: &ToolCall, person: Person) {
        let reply = match person {
            Person::Thinks => return,
            Person::Denies => deny(AfterDenial::Continue),
            Person::DeniesAndEnds => deny(AfterDenial::EndTurn),
            Person::Allows => self.allowed(call, &Answer::AllowOnce),
            Person::Answers(answer) => self.allowed(call, &answer),
        };
        self.order(Order::Reply { call: call.id.clone(), reply }).await;
    }

    fn allowed(&self, call: &ToolCall, answer: &Answer) -> Reply {
        match self.warden.permit(call, answer) {
            Ok(permit) => Reply::Allow(Box::new(permit)),
            Err(message) => Reply::Deny { message, then: AfterDenial::Continue },
        }
    }

    /// Waits for the next tool call.
    pub(crate) async fn call(&mut self) -> ToolCall {
        loop {
            match self.next().await {
                Some(AgentEvent::ToolCall(call)) => return call,
                Some(_) => {}
                None => panic!("no call in {:#?}", self.seen),
            }
        }
    }

    /// Says `text`, lets the person answer every call, returns when the turn is over.
    pub(crate) async fn turn(
        &mut self,
        text: impl Into<String>,
        person: impl Fn(&ToolCall) -> Person,
    ) -> TurnEnd {
        self.say(text).await;
        self.rest(person).await
    }

    pub(crate) async fn rest(&mut self, person: impl Fn(&ToolCall) -> Person) -> TurnEnd {
        loop {
            match self.next().await {
                Some(AgentEvent::ToolCall(call)) => {
                    let person = person(&call);
                    self.reply(&call, person).await;
                }
                Some(AgentEvent::TurnEnded(end)) => return end,
                Some(_) => {}
                None => panic!("the turn has no end in {:#?}", self.seen),
            }
        }
    }

    /// Reads until the last event, which has to be `Exited`.
    pub(crate) async fn until_gone(&mut self) -> (Option<i32>, Option<i32>, String) {
        while self.next().await.is_some() {}
        match self.seen.last() {
            Some(AgentEvent::Exited { code, signal, stderr_tail }) => (*code, *signal, stderr_tail.clone()),
            other => panic!("the last event is {other:?}"),
        }
    }

    pub(crate) async fn stop(&mut self) -> (Option<i32>, Option<i32>, String) {
        self.order(Order::Stop).await;
        self.until_gone().await
    }

    pub(crate) fn calls(&self) -> Vec<&ToolCall> {
        self.seen
            .iter()
            .filter_map(|event| if let AgentEvent::ToolCall(call) = event { Some(call) } else { None })
            .collect()
    }

    pub(crate) fn ran(&self) -> Vec<&RanCall> {
        self.seen
            .iter()
            .filter_map(|event| if let AgentEvent::Ran(ran) = event { Some(ran) } else { None })
            .collect()
    }

    pub(crate) fn withdrawn(&self) -> Vec<&CallId> {
        let one = |event: &AgentEvent| matches!(event, AgentEvent::Withdrawn { .. });
        self.seen
            .iter()
            .filter(|event| one(event))
            .filter_map(|event| if let AgentEvent::Withdrawn { call } = event { Some(call) } else { None })
            .collect()
    }

    pub(crate) fn faults(&self) -> Vec<&Fault> {
        self.seen
            .iter()
            .filter_map(|event| if let AgentEvent::Fault(fault) = event { Some(fault) } else { None })
            .collect()
    }

    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        for event in &self.seen {
            if let AgentEvent::Text { text: piece, .. } = event {
                text.push_str(piece);
            }
        }
        text
    }
}

fn deny(then: AfterDenial) -> Reply {
    Reply::Deny { message: "Denied: the person said no.".to_owned(), then }
}

/// A prompt with a script of what the model does.
pub(crate) fn script(items: serde_json::Value) -> String {
    format!("SCRIPT:{items}")
}

/// One call of Bash.
pub(crate) fn bash(command: &str) -> serde_json::Value {
    serde_json::json!({"tool": "Bash", "input": {"command": command}})
}
