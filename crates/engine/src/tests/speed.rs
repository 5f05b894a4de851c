//! What one step costs does not grow with what waits.

#![expect(clippy::disallowed_methods, reason = "a test that looks at the clock")]

use super::{Script, at, call};
use crate::{Config, Input, Limits};
use leashd_types::{AgentEvent, CallId, Origin};
use std::time::{Duration, Instant};

/// A running turn with so many open asks.
fn with_asks(count: usize) -> Script {
    let mut script = Script::running_with(Config {
        limits: Limits { turn: Duration::from_secs(1 << 30), ..Limits::default() },
        ..super::open_to_all()
    });
    for number in 0..count {
        let id = format!("c{number}");
        let tool = AgentEvent::ToolCall(call(&script.session, &id));
        drop(script.actions(script.input(tool)));
        let (session, incarnation) = (script.session.clone(), script.incarnation());
        let judged = Input::Judged { session, incarnation, call: CallId::new(id), gated: super::pending() };
        drop(script.actions(judged));
    }
    assert_eq!(script.engine.asks().len(), count);
    script
}

/// The best of many rounds of what happens most: text, a judged call, a message, time.
fn step(script: &mut Script, number: &mut usize) -> Duration {
    let mut best = Duration::MAX;
    for _ in 0..200 {
        *number += 1;
        let id = format!("x{number}");
        let text = script.input(AgentEvent::Text { text: "hi".to_owned(), origin: Origin::Main });
        let tool = script.input(AgentEvent::ToolCall(call(&script.session, &id)));
        let (session, incarnation) = (script.session.clone(), script.incarnation());
        let judged = Input::Judged { session, incarnation, call: CallId::new(id), gated: super::allowed() };
        let began = Instant::now();
        for input in [text, tool, judged, Input::Tick] {
            drop(script.engine.step(input, script.now));
        }
        let _deadline = script.engine.next_deadline();
        best = best.min(began.elapsed());
    }
    best
}

#[test]
fn ten_thousand_open_asks_make_no_step_slow() {
    let mut number = 0;
    let (mut few, mut many) = (with_asks(10), with_asks(10_000));
    let few = step(&mut few, &mut number);
    let many = step(&mut many, &mut number);
    // Looking at each of them would make it some hundred times slower.
    assert!(many < few * 10 + Duration::from_micros(50), "{few:?} with 10, {many:?} with 10,000");
}

#[test]
fn all_of_them_expire_at_once() {
    let mut script = with_asks(10_000);
    script.now = at(300);
    let began = Instant::now();
    let actions = script.actions(Input::Tick);
    assert_eq!(actions.len(), 10_001, "one Keep, and one Settle each");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
