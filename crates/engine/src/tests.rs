//! Scripts: what goes in, and in short form what has to come out.

use crate::{Action, Engine, Gated, Input, Limits, Observed, Opening, RequestId};
use leashd_types::{
    AgentEvent, AgentKind, Answer, Approver, AskKind, Band, CallId, Chat, Command, ConnectorKind,
    Containment, Decision, Digest, Envelope, Event, Fault, Form, Mode, Money, Origin, RanCall, RanOutcome,
    Receipt, RuleRef, SessionId, Stage, Timestamp, ToolCall, TurnEnd, TurnOutcome, Usage, UserId, Verdict,
};
use serde_json::json;
use std::time::Duration;

struct Script {
    engine: Engine,
    now: Timestamp,
}

fn session() -> SessionId {
    SessionId::new("s1-rest")
}

fn person() -> UserId {
    UserId::new("terminal")
}

fn chat() -> Chat {
    Chat::new(ConnectorKind::Terminal, "1")
}

fn command(command: Command) -> Input {
    let envelope = Envelope { chat: chat(), from: person(), form: Form::Text, command };
    Input::Command { request: RequestId(1), envelope }
}

fn digest() -> Digest {
    Digest::plain(&[b"what was asked"])
}

fn call() -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: session(),
        tool: "Bash".to_owned(),
        input: json!({"command": "make\ntest"}),
        cwd: "/p".into(),
        id: CallId::new("c1"),
        subagent: None,
    }
}

fn allowed() -> Gated {
    Gated::Allowed { rule: RuleRef::floor("r"), via: Approver::Policy }
}

fn denied() -> Gated {
    Gated::Denied {
        rule: RuleRef::floor("r"),
        stage: Stage::Floor,
        band: Band::Critical,
        reason: "no".to_owned(),
    }
}

fn pending() -> Gated {
    let verdict = Verdict { decision: Decision::Ask, ..Verdict::failure(Stage::Policy, "asks") };
    Gated::Pending {
        kind: AskKind::Approval {
            call: call(),
            verdict,
            session_rule: None,
            containment: Containment::NotProven,
        },
        digest: digest(),
    }
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

impl Script {
    fn new() -> Self {
        let mut script = Self { engine: Engine::new(Limits::default()), now: Timestamp::from_micros(0) };
        let opening = Opening {
            session: session(),
            chat: chat(),
            user: person(),
            agent: AgentKind::Scripted,
            directory: "/p".into(),
            mode: Mode::Default,
            resume: None,
        };
        script.check(Input::Open(opening), &["start"]);
        let ready = AgentEvent::Ready {
            agent_session: "a1".to_owned(),
            model: "m".to_owned(),
            version: "1".to_owned(),
            tools: Vec::new(),
        };
        script.check(Input::Agent(session(), ready), &["show session.started"]);
        script
    }

    /// The one place that calls the engine: one input, the actions in short form.
    #[track_caller]
    fn check(&mut self, input: Input, expected: &[&str]) {
        let actions = self.engine.step(input, self.now);
        let short: Vec<String> = actions.iter().map(short).collect();
        assert_eq!(short, expected);
    }

    #[track_caller]
    fn say(&mut self, text: &str, expected: &[&str]) {
        let text = text.to_owned();
        let say = Command::Say { session: session(), text, attachments: Vec::new(), key: None };
        self.check(command(say), expected);
    }

    #[track_caller]
    fn agent(&mut self, event: AgentEvent, expected: &[&str]) {
        self.check(Input::Agent(session(), event), expected);
    }

    #[track_caller]
    fn judged(&mut self, gated: Gated, expected: &[&str]) {
        self.check(Input::Judged { session: session(), call: CallId::new("c1"), gated }, expected);
    }

    #[track_caller]
    fn answer(&mut self, answer: Answer, digest: Digest, expected: &[&str]) {
        let ask = leashd_types::AskId::new("s1-1");
        self.check(command(Command::Answer { ask, answer, digest }), expected);
    }

    #[track_caller]
    fn settled(&mut self, gated: Gated, answer: Answer, expected: &[&str]) {
        let by = Approver::Human { user: person() };
        self.check(
            Input::Settled { session: session(), call: CallId::new("c1"), gated, answer, by },
            expected,
        );
    }

    /// A running turn with one open approval.
    fn with_open_ask() -> Self {
        let mut script = Self::new();
        script.say("go", &["show message.in", "prompt go", "accepted"]);
        script.agent(AgentEvent::ToolCall(call()), &["show tool.gated make ⏎ test", "judge Bash"]);
        script.judged(pending(), &["show approval.requested"]);
        script
    }
}

fn short(action: &Action) -> String {
    match action {
        Action::Start { resume: None, .. } => "start".to_owned(),
        Action::Start { resume: Some(id), .. } => format!("start resume {id}"),
        Action::Prompt { text, .. } => format!("prompt {}", text.replace('\n', "|")),
        Action::Judge(call) => format!("judge {}", call.tool),
        Action::Settle { answer, .. } => format!("settle {}", name(&json!(answer), "answer")),
        Action::Observe { .. } => "observe".to_owned(),
        Action::Interrupt { .. } => "interrupt".to_owned(),
        Action::SetMode { mode, .. } => format!("mode {mode:?}"),
        Action::Stop { .. } => "stop".to_owned(),
        Action::Receipt { receipt: Receipt::Refused { refusal }, .. } => {
            format!("refused {}", name(&json!(refusal), "refusal"))
        }
        Action::Receipt { receipt, .. } => name(&json!(receipt), "receipt"),
        Action::Show(event) => match event {
            Event::ToolGated { summary, .. } => format!("show tool.gated {summary}"),
            Event::TurnCompleted { ended_on_denial: true, .. } => {
                "show session.completed on denial".to_owned()
            }
            Event::SessionEnded { failed: true, .. } => "show session.ended failed".to_owned(),
            Event::ApprovalResolved { outcome, .. } => format!("show approval.resolved {}", outcome.decision),
            Event::Warning { message, .. } => format!("warn {message}"),
            other => format!("show {}", name(&json!(other), "event")),
        },
    }
}

fn name(value: &serde_json::Value, tag: &str) -> String {
    value[tag].as_str().unwrap().to_owned()
}

#[test]
fn a_turn_from_message_to_summary() {
    let mut script = Script::new();
    script.say("go", &["show message.in", "prompt go", "accepted"]);
    let text = AgentEvent::Text { text: "hi".to_owned(), origin: Origin::Main };
    script.agent(text, &["show message.out"]);
    script.agent(AgentEvent::ToolCall(call()), &["show tool.gated make ⏎ test", "judge Bash"]);
    script.judged(allowed(), &["show tool.allowed"]);
    let ran = RanCall {
        id: CallId::new("c1"),
        tool: "Bash".to_owned(),
        input: None,
        outcome: RanOutcome::Ran,
        subagent: None,
    };
    script.agent(AgentEvent::Ran(ran), &["observe"]);
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
}

#[test]
fn messages_during_a_turn_wait_and_are_joined() {
    let mut script = Script::new();
    script.say("one", &["show message.in", "prompt one", "accepted"]);
    script.say("two", &["show message.queued", "accepted"]);
    script.say("three", &["show message.queued", "accepted"]);
    script.agent(
        turn_end(TurnOutcome::Completed),
        &["show session.completed", "show message.in", "prompt two||three"],
    );
}

#[test]
fn the_queue_has_a_limit() {
    let mut script = Script::new();
    script.say("one", &["show message.in", "prompt one", "accepted"]);
    for _ in 0..Limits::default().queued_messages_max {
        script.say("more", &["show message.queued", "accepted"]);
    }
    script.say("too much", &["refused rejected"]);
}

#[test]
fn the_first_answer_wins_and_is_shown_when_it_landed() {
    let mut script = Script::with_open_ask();
    script.answer(Answer::AllowOnce, digest(), &["settle allow-once", "accepted"]);
    script.answer(Answer::Deny, digest(), &["refused closed"]);
    script.settled(allowed(), Answer::AllowOnce, &["show approval.resolved allow", "show tool.allowed"]);
    script.answer(Answer::Deny, digest(), &["refused unknown"]);
}

#[test]
fn an_answer_to_something_else_is_refused_and_the_ask_stays_open() {
    let mut script = Script::with_open_ask();
    script.answer(Answer::AllowOnce, Digest::ZERO, &["refused changed"]);
    script.answer(Answer::AllowOnce, digest(), &["settle allow-once", "accepted"]);
}

#[test]
fn nobody_in_time_is_a_denial() {
    let mut script = Script::with_open_ask();
    let deadline = script.engine.next_deadline().unwrap();
    assert_eq!(deadline, Timestamp::from_micros(300_000_000));
    script.now = Timestamp::from_micros(299_999_999);
    script.check(Input::Tick, &[]);
    script.now = deadline;
    script.check(Input::Tick, &["settle expired"]);
    script.check(Input::Tick, &[]);
    script.settled(denied(), Answer::Expired, &["show approval.resolved deny", "show tool.denied"]);
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed on denial"]);
}

#[test]
fn an_interrupt_withdraws_open_asks() {
    let mut script = Script::with_open_ask();
    script.check(
        command(Command::Interrupt { session: session() }),
        &["settle withdrawn", "interrupt", "show execution.interrupted", "accepted"],
    );
    script.answer(Answer::AllowOnce, digest(), &["refused closed"]);
}

#[test]
fn a_dead_agent_ends_the_turn_and_its_asks_and_the_next_message_resumes() {
    let mut script = Script::with_open_ask();
    let exited = AgentEvent::Exited { code: None, signal: Some(9), stderr_tail: String::new() };
    script.agent(exited, &["settle withdrawn", "show session.completed", "show session.ended failed"]);
    script.say("again", &["start resume a1", "accepted"]);
}

#[test]
fn an_ungated_call_stops_the_session() {
    let mut script = Script::new();
    script.say("go", &["show message.in", "prompt go", "accepted"]);
    let ungated = Observed::RanUngated { call: CallId::new("c9"), tool: "Bash".to_owned() };
    script
        .check(Input::Observed { session: session(), observed: ungated }, &["show tool.ran_ungated", "stop"]);
    let exited = AgentEvent::Exited { code: Some(0), signal: None, stderr_tail: String::new() };
    script.agent(exited, &["show session.completed", "show session.ended failed"]);
}

#[test]
fn a_fatal_fault_names_itself_as_the_end() {
    let mut script = Script::new();
    let fault = AgentEvent::Fault(Fault::LineTooLong { limit: 7 });
    script.agent(fault, &["warn the agent sent a line longer than 7 bytes"]);
    let exited = AgentEvent::Exited { code: Some(0), signal: None, stderr_tail: String::new() };
    script.agent(exited, &["show session.ended failed"]);
}

#[test]
fn an_unknown_session_is_said_so() {
    let mut script = Script::new();
    let input = command(Command::Interrupt { session: SessionId::new("other") });
    script.check(input, &["refused unknown"]);
}
