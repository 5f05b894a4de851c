//! One event of every kind, and what they are made of.

use super::clock;
use leashd_types::{
    AgentKind, Answer, Approver, Ask, AskId, AskKind, AskOutcome, Band, CallId, Chat, ConnectorKind,
    Containment, Decision, Digest, Event, Form, Mode, Money, RuleRef, SessionId, Stage, ToolCall,
    ToolSummary, TurnId, TurnOutcome, Usage, UserId, Verdict,
};
use serde_json::json;
use std::path::PathBuf;

pub(super) fn session() -> SessionId {
    SessionId::new("s-1")
}

pub(super) fn turn() -> TurnId {
    TurnId::new("7")
}

pub(super) fn call() -> ToolCall {
    ToolCall {
        id: CallId::new("c-1"),
        session: session(),
        tool: "Bash".to_owned(),
        input: json!({"command": "rm -rf target"}),
        cwd: PathBuf::from("/p"),
        subagent: None,
        agent: AgentKind::Claude,
    }
}

pub(super) fn ask() -> Ask {
    let kind = AskKind::Approval {
        call: call(),
        verdict: Verdict { decision: Decision::Ask, ..Verdict::failure(Stage::Policy, "because") },
        session_rule: None,
        containment: Containment::NotProven,
    };
    let digest = Digest::plain(&[b"x"]);
    Ask { id: AskId::new("a-1"), session: session(), kind, digest, created: clock(), expires: clock() }
}

pub(super) fn outcome(answer: Answer, decision: Decision) -> AskOutcome {
    AskOutcome { decision, answer, by: Approver::Human { user: UserId::new("u") } }
}

pub(in crate::observe) fn started() -> Event {
    Event::SessionStarted {
        session: session(),
        agent: AgentKind::Claude,
        version: "2".to_owned(),
        model: "m".to_owned(),
        directory: "/p".into(),
        containment: "contained (namespaces)".to_owned(),
    }
}

pub(in crate::observe) fn said(text: &str) -> Event {
    Event::MessageOut { session: session(), text: text.to_owned() }
}

pub(super) fn allowed(rule: &str, via: Approver) -> Event {
    let rule = RuleRef { name: rule.to_owned(), source: "default".to_owned(), line: 4 };
    Event::ToolAllowed { session: session(), call: call().id, tool: "Bash".to_owned(), rule, via }
}

pub(super) fn denied(stage: Stage) -> Event {
    Event::ToolDenied {
        session: session(),
        call: call().id,
        tool: "Bash".to_owned(),
        rule: RuleRef::floor("no-rm"),
        stage,
        band: Band::High,
        reason: "no".to_owned(),
        via: Approver::Policy,
    }
}

pub(super) fn completed(outcome: TurnOutcome) -> Event {
    Event::TurnCompleted {
        session: session(),
        turn: turn(),
        outcome,
        ended_on_denial: false,
        tools: vec![ToolSummary { tool: "Bash".to_owned(), times: 2 }],
        cost: Money::from_usd(0.5),
        total_cost: Money::from_usd(1.5),
        usage: Usage::default(),
        duration_ms: 12,
    }
}

pub(super) fn chat() -> Chat {
    Chat::new(ConnectorKind::Telegram, "42")
}

pub(super) fn opened() -> Event {
    Event::SessionOpened {
        session: session(),
        chat: chat(),
        user: UserId::new("u"),
        directory: "/p".into(),
        workspace: None,
        mode: Mode::Default,
        resumed: false,
    }
}

/// One of each of those a session does not need.
pub(super) fn the_other_events() -> Vec<Event> {
    let (session, by, ask) = (session(), UserId::new("u"), ask().id);
    let (grant, rule) = ("g".to_owned(), "r".to_owned());
    let answer = Answer::DenyWith { instructions: "private words".to_owned() };
    let via = Approver::Human { user: by.clone() };
    vec![
        Event::EngineStarted { version: "1".to_owned() },
        Event::ConfigReloaded { generation: 2, changed: vec!["x".to_owned()] },
        Event::ConfigRejected { reason: "r".to_owned() },
        Event::AuthRejected { chat: chat(), from: by.clone(), form: Form::Command },
        Event::RateLimited { chat: chat(), from: by.clone(), retry_after_ms: 9 },
        opened(),
        Event::SessionSwitched { chat: chat(), session: session.clone() },
        Event::SessionCleared { session: session.clone(), dropped: 1 },
        Event::ModeChanged { session: session.clone(), mode: Mode::Plan },
        Event::DirectoryChanged { session: session.clone(), directory: "/q".into(), workspace: None },
        Event::AskAnswered { ask: ask.clone(), session: session.clone(), answer, by: via },
        Event::AskDelivered { ask, session: session.clone(), chat: chat() },
        Event::GrantGiven { grant: grant.clone(), session: session.clone(), rule, by: by.clone() },
        Event::GrantRevoked { grant, session, by },
        Event::EngineStopped { reason: "r".to_owned() },
    ]
}

/// One of each, as a session goes.
pub(super) fn every_event() -> Vec<Event> {
    let (session, tool, id) = (session(), || "Bash".to_owned(), || call().id);
    vec![
        started(),
        Event::MessageIn { session: session.clone(), turn: turn(), text: "fix it".to_owned() },
        Event::MessageQueued { session: session.clone(), waiting: 1, preview: "private words".to_owned() },
        Event::ToolGated {
            session: session.clone(),
            call: id(),
            tool: tool(),
            summary: "rm".to_owned(),
            subagent: false,
        },
        Event::ApprovalRequested { ask: ask() },
        Event::ApprovalResolved {
            ask: ask().id,
            session: session.clone(),
            outcome: outcome(Answer::AllowOnce, Decision::Allow),
        },
        allowed("r", Approver::Policy),
        denied(Stage::Policy),
        Event::ToolFinished { session: session.clone(), call: id(), tool: tool(), failed: None },
        Event::ToolRefusedByAgent {
            session: session.clone(),
            call: id(),
            tool: tool(),
            message: "m".to_owned(),
        },
        Event::ToolRanUngated { session: session.clone(), call: id(), tool: tool() },
        Event::InteractionRequested {
            ask: Ask { kind: AskKind::Confirmation { what: "w".to_owned() }, ..ask() },
        },
        Event::InteractionResolved {
            ask: ask().id,
            session: session.clone(),
            outcome: outcome(Answer::Expired, Decision::Deny),
        },
        Event::Interrupted { session: session.clone(), turn: turn() },
        Event::Retry { session: session.clone(), attempt: 1, max_attempts: 10, error: "529".to_owned() },
        said("done"),
        completed(TurnOutcome::Completed),
        Event::Warning { session: session.clone(), message: "w".to_owned() },
        Event::SessionEnded { session, reason: "stopped".to_owned(), failed: false },
    ]
}
