//! One step of the engine, with few and with many asks open. For a count of instructions: `valgrind --tool=callgrind
//! BENCH --test`.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use leashd_engine::{Action, Admission, Config, Engine, Gated, Incarnation, Input, RequestId};
use leashd_types::{
    AgentEvent, AgentKind, Approver, AskKind, CallId, Chat, Command, ConnectorKind, Digest, Envelope, Form,
    OpenSession, Origin, RuleRef, SessionId, Timestamp, ToolCall, UserId,
};
use std::hint::black_box;

const NOW: Timestamp = Timestamp::from_micros(1);

fn session() -> SessionId {
    SessionId::new("3f0c6c5a-6a0f-4c1e-9d57-0e9a6b1f2d30")
}

fn command(command: Command) -> Input {
    let chat = Chat::new(ConnectorKind::Terminal, "1");
    let envelope = Envelope { chat, from: UserId::new("ann"), form: Form::Text, command };
    Input::Command { request: RequestId(1), envelope }
}

fn agent(event: AgentEvent) -> Input {
    Input::Agent { session: session(), incarnation: Incarnation(1), event }
}

fn call(number: usize) -> AgentEvent {
    AgentEvent::ToolCall(ToolCall {
        agent: AgentKind::Scripted,
        session: session(),
        tool: "Bash".to_owned(),
        input: serde_json::json!({"command": "make test"}),
        cwd: "/p".into(),
        id: CallId::new(format!("toolu_{number}")),
        subagent: None,
    })
}

fn judged(number: usize, gated: Gated) -> Input {
    let call = CallId::new(format!("toolu_{number}"));
    Input::Judged { session: session(), incarnation: Incarnation(1), call, gated }
}

/// Everything a step leads to at once.
fn drive(engine: &mut Engine, input: Input) {
    let mut actions = engine.step(input, NOW);
    while actions.last() == Some(&Action::Continue) {
        actions = engine.step(Input::Continue, NOW);
    }
}

/// A running turn with so many open asks.
fn running(asks: usize) -> Engine {
    let mut engine = Engine::new(Config { admission: Admission::open(), ..Config::default() });
    let order = OpenSession {
        session: Some(session()),
        agent: AgentKind::Scripted,
        directory: Some("/p".into()),
        ..OpenSession::default()
    };
    drive(&mut engine, command(Command::Open { order }));
    let (attachments, key) = (Vec::new(), None);
    drive(&mut engine, command(Command::Say { session: session(), text: "go".to_owned(), attachments, key }));
    let (agent_session, model, version) = ("a".to_owned(), "m".to_owned(), "1".to_owned());
    drive(&mut engine, agent(AgentEvent::Ready { agent_session, model, version, tools: Vec::new() }));
    for number in 0..asks {
        drive(&mut engine, agent(call(number)));
        let kind = AskKind::Confirmation { what: "go on?".to_owned() };
        drive(&mut engine, judged(number, Gated::Pending { kind, digest: Digest::ZERO, patience: None }));
    }
    assert_eq!(engine.asks().len(), asks);
    engine
}

fn step(criterion: &mut Criterion) {
    for asks in [0, 10_000] {
        let mut engine = running(asks);
        let text = || agent(AgentEvent::Text { text: "some words".to_owned(), origin: Origin::Main });
        criterion.bench_function(&format!("text, {asks} asks open"), |bencher| {
            bencher.iter_batched(text, |input| black_box(engine.step(input, NOW)), BatchSize::SmallInput);
        });
        let mut number = asks;
        criterion.bench_function(&format!("call allowed, {asks} asks open"), |bencher| {
            let inputs = || {
                number += 1;
                let gated = Gated::Allowed { rule: RuleRef::floor("x"), via: Approver::Policy };
                (agent(call(number)), judged(number, gated))
            };
            let mut both = |(call, judged)| (engine.step(call, NOW), engine.step(judged, NOW));
            bencher.iter_batched(inputs, |inputs| black_box(both(inputs)), BatchSize::SmallInput);
        });
    }
}

criterion_group!(benches, step);
criterion_main!(benches);
