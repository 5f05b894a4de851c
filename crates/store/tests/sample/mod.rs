//! Rows to keep, for tests and benchmarks. Knows nothing of the store.

#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test uses some of it")]

use leashd_types::{
    AgentKind, Ask, AskId, AskKind, AskRow, AskState, AskStep, Attended, Band, CallId, Chat, ConnectorKind,
    Containment, Decision, Event, EventRow, GrantRow, Kept, MessageId, MessageRow, MessageState, Mode, Money,
    Role, RunId, RunRow, SessionId, SessionRow, SessionState, Timestamp, ToolCall, TurnId, UserId,
};
use serde_json::json;

/// A directory that is ours alone.
pub fn private_directory() -> tempfile::TempDir {
    private_directory_in(&std::env::temp_dir())
}

pub fn private_directory_in(parent: &std::path::Path) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::Permissions::from_mode(0o700);
    tempfile::Builder::new().permissions(mode).tempdir_in(parent).unwrap()
}

pub fn at(second: i64) -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000 + second * 1_000_000 + 7)
}

pub fn chat(id: &str) -> Chat {
    Chat::new(ConnectorKind::Telegram, id)
}

pub fn session(id: &str) -> SessionRow {
    SessionRow {
        session: SessionId::new(id),
        chat: chat("42"),
        user: UserId::new("dev"),
        agent: AgentKind::Claude,
        directory: "/home/dev/proj".into(),
        workspace: Some("näher".to_owned()),
        mode: Mode::Edit,
        model: None,
        policy: vec!["default".to_owned(), "dev-tools".to_owned()],
        agent_session: Some("0c1f".to_owned()),
        state: SessionState::Open,
        current: true,
        created: at(0),
        last_used: at(1),
        turns: 3,
        messages: 5,
        total_cost: Money::from_nano_usd(1_234_567),
        attended: Attended::Somebody,
    }
}

pub fn closed(id: &str) -> SessionRow {
    SessionRow { state: SessionState::Closed, current: false, ..session(id) }
}

pub fn message(id: &str, session: &str) -> MessageRow {
    MessageRow {
        id: MessageId::new(id),
        session: SessionId::new(session),
        chat: chat("42"),
        turn: Some(TurnId::new("t1")),
        role: Role::User,
        from: Some(UserId::new("dev")),
        key: Some(format!("key of {id}")),
        text: format!("the text of {id}"),
        attachments: Vec::new(),
        state: MessageState::Waiting,
        cost: Money::ZERO,
        duration_ms: 0,
        at: at(2),
    }
}

pub fn ask(id: &str, session: &str) -> AskRow {
    let call = ToolCall {
        agent: AgentKind::Claude,
        session: SessionId::new(session),
        tool: "Edit".to_owned(),
        // The last digits of a float are what a careless reader of JSON loses.
        input: json!({"file_path": "a.rs", "new_string": "x\u{0}y", "ratio": 0.1 + 0.2, "small": 2.0e-73, "n": u64::MAX}),
        cwd: "/home/dev/proj".into(),
        id: CallId::new(format!("toolu_{id}")),
        subagent: None,
    };
    let digest = call.digest();
    AskRow {
        ask: Ask {
            id: AskId::new(id),
            session: SessionId::new(session),
            kind: AskKind::PlanReview { call, plan: "1. look\n2. leap".to_owned() },
            digest,
            created: at(3),
            expires: at(300),
        },
        call: CallId::new(format!("toolu_{id}")),
        chat: chat("42"),
        state: AskState::Created,
        steps: vec![step(AskState::Created, 3)],
    }
}

pub fn step(state: AskState, second: i64) -> AskStep {
    AskStep { state, at: at(second), chat: None, answer: None, by: None, decision: Some(Decision::Ask) }
}

pub fn ask_in(id: &str, session: &str, state: AskState) -> AskRow {
    let mut row = ask(id, session);
    row.state = state;
    row.steps.push(step(state, 4));
    row
}

pub fn grant(id: &str, session: &str) -> GrantRow {
    GrantRow {
        id: id.to_owned(),
        session: SessionId::new(session),
        rule: "git push in /home/dev/proj".to_owned(),
        by: UserId::new("dev"),
        given: at(4),
        revoked: None,
        body: json!({"prefix": ["git", "push"], "band": Band::Medium, "held": Containment::default()}),
    }
}

pub fn run(id: &str, state: &str) -> RunRow {
    RunRow {
        run: RunId::new(id),
        session: None,
        state: state.to_owned(),
        created: at(5),
        updated: at(6),
        body: json!({"task": "mend it", "phases": [1, 2, 3]}),
    }
}

pub fn event(seq: u64, session: &str) -> EventRow {
    let event = Event::MessageOut { session: SessionId::new(session), text: format!("piece {seq}") };
    EventRow { seq, at: at(7), event }
}

pub fn started(seq: u64) -> EventRow {
    EventRow { seq, at: at(7), event: Event::EngineStarted { version: "0.1.0".to_owned() } }
}

/// A session and one of each kind below it.
pub fn one_of_each() -> Vec<Kept> {
    vec![
        Kept::Event(event(1, "s1")),
        Kept::Grant(grant("g1", "s1")),
        Kept::Ask(ask("a1", "s1")),
        Kept::Message(message("m1", "s1")),
        Kept::Run(RunRow { session: Some(SessionId::new("s1")), ..run("r1", "running") }),
        Kept::Session(session("s1")),
    ]
}
