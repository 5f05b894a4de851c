//! A start with what was kept.

use super::{Script, at, chat, open_to_all, pending, session, short};
use crate::{Action, Engine, Input};
use leashd_types::{
    AskState, Attended, Decision, Digest, Kept, MessageId, MessageRow, MessageState, Money, Restored, Role,
    SessionRow,
};

fn row(state: MessageState, text: &str) -> MessageRow {
    MessageRow {
        id: MessageId::new(text),
        session: session(),
        chat: chat(),
        turn: None,
        role: Role::User,
        from: None,
        key: None,
        text: text.to_owned(),
        attachments: Vec::new(),
        state,
        cost: Money::ZERO,
        duration_ms: 0,
        at: at(0),
    }
}

fn session_row() -> SessionRow {
    let mut script = Script::running();
    let facts = script.actions(script.input(super::ready("a1")));
    drop(facts);
    let found = script.engine.sessions.remove(&session()).unwrap();
    found.row
}

#[track_caller]
fn check(restored: Restored, expected: &[&str]) -> Script {
    let (engine, actions) = Engine::restore(restored, open_to_all(), at(10));
    let mut script = Script { engine, now: at(10), session: session(), last_ask: None };
    let mut all = actions;
    while all.last() == Some(&Action::Continue) {
        all.pop();
        all.extend(script.step(Input::Continue));
    }
    assert_eq!(all.iter().filter_map(short).collect::<Vec<_>>(), expected);
    script
}

#[test]
fn what_waited_is_given_and_what_was_given_is_told() {
    let restored = Restored {
        sessions: vec![session_row()],
        messages: vec![row(MessageState::Given, "half done"), row(MessageState::Waiting, "next")],
        ..Restored::default()
    };
    let told = "warn leashd stopped while this was worked on: “half done”; look at what was done, and say so to go on";
    let mut script = check(restored, &[told, "start resume a1"]);
    script.agent(super::ready("a1"), &["show session.started", "show message.in", "prompt next"]);
}

#[test]
fn a_session_that_nobody_attends_is_attended_by_nobody_afterwards() {
    for attended in [Attended::Nobody, Attended::Somebody] {
        let restored = Restored {
            sessions: vec![SessionRow { attended, ..session_row() }],
            messages: vec![row(MessageState::Waiting, "next")],
            ..Restored::default()
        };
        let (mut engine, mut actions) = Engine::restore(restored, open_to_all(), at(10));
        while actions.last() == Some(&Action::Continue) {
            actions.pop();
            actions.extend(engine.step(Input::Continue, at(10)));
        }
        let started = actions.iter().find_map(|action| match action {
            Action::Start { attended, .. } => Some(*attended),
            _ => None,
        });
        assert_eq!(started, Some(attended), "{actions:?}");
    }
}

#[test]
fn asks_whose_agent_is_gone_are_withdrawn() {
    for (state, expected) in [
        (AskState::Created, &["show approval.resolved deny"][..]),
        (AskState::Seen, &["show approval.resolved deny"]),
        (
            AskState::Answered,
            &[
                "show approval.resolved deny",
                "warn your answer to x was kept, but the agent that asked was gone before it heard it; it may ask \
                 again",
            ],
        ),
        (AskState::Landed, &[]),
    ] {
        let crate::Gated::Pending { kind, .. } = pending() else { panic!() };
        let ask = leashd_types::Ask {
            id: leashd_types::AskId::new("x"),
            session: session(),
            kind,
            digest: Digest::ZERO,
            created: at(0),
            expires: at(300),
        };
        let call = leashd_types::CallId::new("c1");
        let asks = vec![leashd_types::AskRow { ask, call, chat: chat(), state, steps: Vec::new() }];
        let restored = Restored { sessions: vec![session_row()], asks, ..Restored::default() };
        let script = check(restored, expected);
        assert!(script.engine.asks().is_empty());
        assert_eq!(script.engine.next_deadline(), None);
    }
    assert!(Decision::Deny > Decision::Allow);
}

#[test]
fn what_is_told_once_is_kept_as_done() {
    let restored = Restored {
        sessions: vec![session_row()],
        messages: vec![row(MessageState::Given, "half done")],
        ..Restored::default()
    };
    let (_, actions) = Engine::restore(restored, open_to_all(), at(10));
    let Some(Action::Keep(facts)) = actions.first() else { panic!("{actions:?}") };
    assert!(matches!(&facts[..], [Kept::Message(row)] if row.state == MessageState::Done));
}

#[test]
fn whether_anybody_watches_is_as_it_was() {
    for attended in [Attended::Somebody, Attended::Nobody] {
        let restored = Restored {
            sessions: vec![SessionRow { attended, ..session_row() }],
            messages: vec![row(MessageState::Waiting, "next")],
            ..Restored::default()
        };
        let (mut engine, _) = Engine::restore(restored, open_to_all(), at(10));
        let actions = engine.step(Input::Continue, at(10));
        let started = actions.iter().find_map(|action| match action {
            Action::Start { attended, .. } => Some(*attended),
            _ => None,
        });
        assert_eq!(started, Some(attended));
    }
}
