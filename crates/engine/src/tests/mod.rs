//! Scripts: what goes in, and in short form what has to come out.

mod admission;
mod asks;
mod chats;
mod durable;
mod laws;
mod places;
mod restore;
mod retries;
mod speed;
mod turns;

use crate::{Action, Admission, Config, Engine, Gated, Incarnation, Input, RequestId};
use leashd_types::{
    AgentEvent, AgentKind, Answer, Approver, AskId, AskKind, Band, CallId, Chat, Command, ConnectorKind,
    Containment, Decision, Digest, Envelope, Event, Form, Kept, Money, OpenSession, Receipt, RuleRef,
    SessionId, Stage, Timestamp, ToolCall, TurnEnd, TurnOutcome, Usage, UserId, Verdict,
};
use serde_json::json;
use std::time::Duration;

pub(crate) struct Script {
    pub(crate) engine: Engine,
    pub(crate) now: Timestamp,
    pub(crate) session: SessionId,
    pub(crate) last_ask: Option<AskId>,
}

fn session() -> SessionId {
    SessionId::new("s1")
}

fn person() -> UserId {
    UserId::new("ann")
}

fn chat() -> Chat {
    Chat::new(ConnectorKind::Terminal, "1")
}

fn open_to_all() -> Config {
    Config { admission: Admission::open(), ..Config::default() }
}

fn from(chat: Chat, user: &str, command: Command) -> Input {
    let envelope = Envelope { chat, from: UserId::new(user), form: Form::Text, command };
    Input::Command { request: RequestId(1), envelope }
}

fn command(command: Command) -> Input {
    from(chat(), "ann", command)
}

fn open(session: &str) -> Command {
    let order = OpenSession {
        session: Some(SessionId::new(session)),
        agent: AgentKind::Scripted,
        directory: Some("/p".into()),
        ..OpenSession::default()
    };
    Command::Open { order }
}

fn say(session: &str, text: &str) -> Command {
    let (session, text) = (SessionId::new(session), text.to_owned());
    Command::Say { session, text, attachments: Vec::new(), key: None }
}

fn digest() -> Digest {
    Digest::plain(&[b"what was asked"])
}

fn call(session: &SessionId, id: &str) -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: session.clone(),
        tool: "Bash".to_owned(),
        input: json!({"command": "make\ntest"}),
        cwd: "/p".into(),
        id: CallId::new(id),
        subagent: None,
    }
}

fn allowed() -> Gated {
    Gated::Allowed { rule: RuleRef::floor("x"), via: Approver::Policy }
}

fn denied() -> Gated {
    let (rule, reason) = (RuleRef::floor("x"), "no".to_owned());
    Gated::Denied { rule, stage: Stage::Floor, band: Band::Critical, reason }
}

fn pending() -> Gated {
    let verdict = Verdict { decision: Decision::Ask, ..Verdict::failure(Stage::Policy, "asks") };
    let call = call(&session(), "c1");
    let kind = AskKind::Approval { call, verdict, session_rule: None, containment: Containment::NotProven };
    Gated::Pending { kind, digest: digest(), patience: None }
}

fn turn_end(outcome: TurnOutcome) -> AgentEvent {
    AgentEvent::TurnEnded(TurnEnd {
        outcome,
        result: "done".to_owned(),
        cost: Money::from_usd(0.01),
        usage: Usage::default(),
        turns: 1,
        duration: Duration::from_secs(1),
    })
}

fn ready(agent_session: &str) -> AgentEvent {
    AgentEvent::Ready {
        agent_session: agent_session.to_owned(),
        model: "m".to_owned(),
        version: "1".to_owned(),
        tools: Vec::new(),
    }
}

fn exited(code: Option<i32>) -> AgentEvent {
    AgentEvent::Exited { code, signal: code.is_none().then_some(9), stderr_tail: String::new() }
}

impl Script {
    fn blank(config: Config) -> Self {
        let now = Timestamp::from_micros(0);
        Self { engine: Engine::new(config), now, session: session(), last_ask: None }
    }

    /// An open session without an agent.
    fn opened() -> Self {
        Self::opened_with(open_to_all())
    }

    fn opened_with(config: Config) -> Self {
        let mut script = Self::blank(config);
        script.check(command(open("s1")), &["show session.opened", "accepted"]);
        script
    }

    /// An agent that is there and works on `go`.
    fn running() -> Self {
        Self::running_with(open_to_all())
    }

    fn running_with(config: Config) -> Self {
        let mut script = Self::opened_with(config);
        script.say("go", &["accepted", "start first"]);
        script.agent(ready("a1"), &["show session.started", "show message.in", "prompt go"]);
        script
    }

    /// A running turn with one open approval.
    fn asking() -> Self {
        let mut script = Self::running();
        let call = call(&script.session, "c1");
        script.agent(AgentEvent::ToolCall(call), &["show tool.gated make ⏎ test", "judge c1"]);
        script.judged(pending(), &["show approval.requested"]);
        script
    }

    /// One input and what it leads to, `Input::Continue` included; facts are left out.
    #[track_caller]
    pub(crate) fn check(&mut self, input: Input, expected: &[&str]) {
        let short: Vec<String> = self.actions(input).iter().filter_map(short).collect();
        assert_eq!(short, expected);
    }

    /// One input and the facts that have to be kept for it.
    #[track_caller]
    pub(crate) fn check_facts(&mut self, input: Input, expected: &[&str]) {
        let actions = self.actions(input);
        let facts = actions.iter().flat_map(|action| match action {
            Action::Keep(facts) => facts.iter().map(fact).collect(),
            _ => Vec::new(),
        });
        assert_eq!(facts.collect::<Vec<_>>(), expected);
    }

    pub(crate) fn actions(&mut self, input: Input) -> Vec<Action> {
        let mut all = self.step(input);
        while all.last() == Some(&Action::Continue) {
            all.pop();
            all.extend(self.step(Input::Continue));
        }
        all
    }

    /// INVARIANT: facts come first, once.
    pub(crate) fn step(&mut self, input: Input) -> Vec<Action> {
        let actions = self.engine.step(input, self.now);
        let keeps = actions.iter().filter(|action| matches!(action, Action::Keep(_))).count();
        assert!(keeps == 0 || keeps == 1 && matches!(actions.first(), Some(Action::Keep(_))));
        for action in &actions {
            if let Action::Show(Event::ApprovalRequested { ask } | Event::InteractionRequested { ask }) =
                action
            {
                self.last_ask = Some(ask.id.clone());
            }
        }
        actions
    }

    #[track_caller]
    fn say(&mut self, text: &str, expected: &[&str]) {
        let say = say(self.session.as_str(), text);
        self.check(command(say), expected);
    }

    fn incarnation(&self) -> Incarnation {
        let found = self.engine.sessions.get(&self.session).and_then(|found| found.agent.incarnation());
        found.unwrap_or(Incarnation(0))
    }

    fn input(&self, event: AgentEvent) -> Input {
        Input::Agent { session: self.session.clone(), incarnation: self.incarnation(), event }
    }

    #[track_caller]
    fn agent(&mut self, event: AgentEvent, expected: &[&str]) {
        self.check(self.input(event), expected);
    }

    fn judgement(&self, gated: Gated) -> Input {
        let (session, incarnation) = (self.session.clone(), self.incarnation());
        Input::Judged { session, incarnation, call: CallId::new("c1"), gated }
    }

    #[track_caller]
    fn judged(&mut self, gated: Gated, expected: &[&str]) {
        self.check(self.judgement(gated), expected);
    }

    fn ask(&self) -> AskId {
        self.last_ask.clone().unwrap()
    }

    #[track_caller]
    fn answer(&mut self, answer: Answer, digest: Digest, expected: &[&str]) {
        let ask = self.ask();
        self.check(command(Command::Answer { ask, answer, digest }), expected);
    }

    fn settlement(&self, gated: Gated, answer: Answer) -> Input {
        let (session, incarnation) = (self.session.clone(), self.incarnation());
        let by = Approver::Human { user: person() };
        Input::Settled { session, incarnation, call: CallId::new("c1"), gated, answer, by }
    }

    #[track_caller]
    fn settled(&mut self, gated: Gated, answer: Answer, expected: &[&str]) {
        self.check(self.settlement(gated, answer), expected);
    }

    #[track_caller]
    fn tick_at(&mut self, seconds: i64, expected: &[&str]) {
        self.now = at(seconds);
        self.check(Input::Tick, expected);
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// A word or two for everything but facts.
pub(crate) fn short(action: &Action) -> Option<String> {
    use crate::Begin;
    Some(match action {
        Action::Keep(_) => return None,
        Action::Start { begin: Begin::First, .. } => "start first".to_owned(),
        Action::Start { begin: Begin::Fresh(_), .. } => "start fresh".to_owned(),
        Action::Start { begin: Begin::Resume(id), .. } => format!("start resume {id}"),
        Action::Prompt { text, .. } => format!("prompt {}", text.replace('\n', "|")),
        Action::Judge { call, .. } => format!("judge {}", call.id),
        Action::Settle { answer, .. } => format!("settle {}", name(&json!(answer), "answer")),
        Action::Observe { .. } => "observe".to_owned(),
        Action::Interrupt { .. } => "interrupt".to_owned(),
        Action::SetMode { mode, .. } => format!("mode {mode:?}"),
        Action::Terms { mode, grants, .. } => format!("terms {mode:?} {}", grants.len()),
        Action::Stop { .. } => "stop".to_owned(),
        Action::Ended { .. } => "ended".to_owned(),
        Action::Continue => "continue".to_owned(),
        Action::Receipt { receipt: Receipt::Refused { refusal }, .. } => {
            format!("refused {}", name(&json!(refusal), "refusal"))
        }
        Action::Receipt { receipt, .. } => name(&json!(receipt), "receipt"),
        Action::Show(event) => match event {
            Event::ToolGated { summary, .. } => format!("show tool.gated {summary}"),
            Event::TurnCompleted { ended_on_denial: true, .. } => {
                "show session.completed on denial".to_owned()
            }
            Event::TurnCompleted { outcome: TurnOutcome::Completed, .. } => {
                "show session.completed".to_owned()
            }
            Event::TurnCompleted { outcome, .. } => {
                let outcome = json!(outcome);
                let outcome =
                    outcome.as_str().or_else(|| outcome.as_object()?.keys().next().map(String::as_str));
                format!("show session.completed {}", outcome.unwrap())
            }
            Event::SessionEnded { failed: true, .. } => "show session.ended failed".to_owned(),
            Event::ApprovalResolved { outcome, .. } => format!("show approval.resolved {}", outcome.decision),
            Event::Warning { message, .. } => format!("warn {message}"),
            other => format!("show {}", name(&json!(other), "event")),
        },
    })
}

fn fact(fact: &Kept) -> String {
    match fact {
        Kept::Session(row) => format!("session {}", row.session),
        Kept::Message(row) => format!("{:?} {:?} {}", row.role, row.state, row.text).to_lowercase(),
        Kept::Ask(row) => format!("ask {:?}", row.state).to_lowercase(),
        Kept::Grant(row) => {
            format!("grant {} {}", row.id, if row.revoked.is_some() { "revoked" } else { "given" })
        }
        Kept::Run(_) => "run".to_owned(),
        Kept::Event(_) => "event".to_owned(),
    }
}

fn name(value: &serde_json::Value, tag: &str) -> String {
    value[tag].as_str().unwrap().to_owned()
}
