//! Asks: one first answer, an end for each, nothing that is broader than what was asked.

use super::{Script, allowed, at, call, chat, command, denied, digest, from, open_to_all, pending, turn_end};
use crate::{Admission, Config, Input};
use leashd_types::{
    AgentEvent, Answer, AskState, CallId, Chat, Command, ConnectorKind, Digest, GrantRow, Mode, OpenSession,
    Seen, SessionId, TurnOutcome, UserId,
};

#[test]
fn the_first_answer_wins_and_is_shown_when_it_landed() {
    let mut script = Script::asking();
    let ask = script.ask();
    let answer = Command::Answer { ask: ask.clone(), answer: Answer::AllowOnce, digest: digest() };
    script.check_facts(command(answer), &["ask answered"]);
    script.answer(Answer::Deny, digest(), &["refused closed"]);
    script.check_facts(script.settlement(allowed(), Answer::AllowOnce), &["ask landed"]);
    let late = Command::Answer { ask, answer: Answer::Deny, digest: digest() };
    let actions = script.actions(command(late));
    assert!(format!("{actions:?}").contains("already answered by ann: approved"), "{actions:?}");
}

#[test]
fn how_an_ask_ended_is_told_only_where_it_was_shown() {
    let mut script = Script::asking();
    script.answer(Answer::AllowOnce, digest(), &["settle allow-once", "show ask.answered", "accepted"]);
    script.check_facts(script.settlement(allowed(), Answer::AllowOnce), &["ask landed"]);
    let late = Command::Answer { ask: script.ask(), answer: Answer::Deny, digest: digest() };
    let elsewhere = Chat::new(ConnectorKind::Telegram, "7");
    script.check(from(elsewhere, "7", late.clone()), &["refused unknown"]);
    script.check(command(late), &["refused closed"]);
}

#[test]
fn an_answer_to_something_else_is_refused_and_the_ask_stays_open() {
    let mut script = Script::asking();
    script.answer(Answer::AllowOnce, Digest::ZERO, &["refused changed"]);
    script.answer(Answer::Expired, digest(), &["refused rejected"]);
    script.answer(Answer::AllowOnce, digest(), &["settle allow-once", "show ask.answered", "accepted"]);
}

#[test]
fn nobody_in_time_is_a_denial() {
    let mut script = Script::asking();
    assert_eq!(script.engine.next_deadline(), Some(at(300)));
    script.tick_at(299, &[]);
    script.tick_at(300, &["settle expired"]);
    script.tick_at(301, &[]);
    script.settled(denied(), Answer::Expired, &["show approval.resolved deny", "show tool.denied"]);
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed on denial"]);
}

#[test]
fn the_policy_says_how_long_an_approval_waits() {
    let mut script = Script::running();
    let tool = AgentEvent::ToolCall(call(&script.session, "c1"));
    script.agent(tool, &["show tool.gated make ⏎ test", "judge c1"]);
    let crate::Gated::Pending { kind, digest, .. } = pending() else { panic!() };
    let patience = Some(std::time::Duration::from_secs(7));
    script.judged(crate::Gated::Pending { kind, digest, patience }, &["show approval.requested"]);
    assert_eq!(script.engine.next_deadline(), Some(at(7)));
}

#[test]
fn an_interrupt_withdraws_open_asks() {
    let mut script = Script::asking();
    script.check(
        command(Command::Interrupt { session: script.session.clone() }),
        &["settle withdrawn", "interrupt", "show execution.interrupted", "accepted"],
    );
    script.answer(Answer::AllowOnce, digest(), &["refused closed"]);
}

#[test]
fn a_call_taken_back_before_it_was_judged_asks_nobody() {
    let mut script = Script::running();
    let tool = AgentEvent::ToolCall(call(&script.session, "c1"));
    script.agent(tool, &["show tool.gated make ⏎ test", "judge c1"]);
    script.agent(AgentEvent::Withdrawn { call: CallId::new("c1") }, &[]);
    script.judged(pending(), &["settle withdrawn"]);
    assert!(script.engine.asks().is_empty());
}

#[test]
fn every_step_of_an_ask_stands_in_its_row() {
    let mut script = Script::asking();
    let telegram = Chat::new(ConnectorKind::Telegram, "7");
    let shown = |script: &Script, seen| Command::Shown { ask: script.ask(), seen };
    for (chat, seen, expected) in [
        (chat(), Seen::Delivered, &["show ask.delivered", "accepted"][..]),
        (telegram.clone(), Seen::Delivered, &["show ask.delivered", "accepted"]),
        (chat(), Seen::Delivered, &["accepted"]),
        (chat(), Seen::Seen, &["accepted"]),
    ] {
        let input = from(chat, "7", shown(&script, seen));
        script.check(input, expected);
    }
    // It was shown there, so it may be answered from there.
    let answer = Command::Answer { ask: script.ask(), answer: Answer::Deny, digest: digest() };
    script.check(from(telegram, "7", answer), &["settle deny", "show ask.answered", "accepted"]);
    let rows = script.engine.asks();
    let states: Vec<AskState> = rows[0].steps.iter().map(|step| step.state).collect();
    use AskState::{Answered, Created, Delivered, Seen as Looked};
    assert_eq!(states, [Created, Delivered, Delivered, Looked, Answered]);
}

#[test]
fn a_telegram_chat_reaches_its_own_sessions_only() {
    let mut script = Script::asking();
    let telegram = || Chat::new(ConnectorKind::Telegram, "7");
    let session = script.session.clone();
    for command in [
        super::say("s1", "x"),
        Command::Stop { session: session.clone() },
        Command::Close { session },
        Command::Answer { ask: script.ask(), answer: Answer::AllowOnce, digest: digest() },
        resume("s1"),
    ] {
        script.check(from(telegram(), "7", command), &["refused unknown"]);
    }
}

/// The name of a session stands on every card: whoever reads it has no right to the conversation.
#[test]
fn a_session_of_telegram_stays_in_its_chat() {
    let groups = ["-100".to_owned()].into();
    let admission = Admission { groups, ..Admission::open() };
    let mut script = Script::opened_with(Config { admission, ..open_to_all() });
    let telegram = |id: &str| Chat::new(ConnectorKind::Telegram, id);
    script.check(from(telegram("-100"), "7", super::open("s2")), &["show session.opened", "accepted"]);
    script.check(from(telegram("8"), "8", resume("s2")), &["refused unknown"]);
    script.check(from(telegram("-100"), "8", resume("s2")), &["show session.switched", "accepted"]);
}

fn resume(id: &str) -> Command {
    let order = OpenSession { resume: Some(SessionId::new(id)), ..OpenSession::default() };
    Command::Open { order }
}

fn grant(id: &str) -> GrantRow {
    GrantRow {
        id: id.to_owned(),
        session: SessionId::new("s1"),
        rule: "Bash: make".to_owned(),
        by: UserId::new("ann"),
        given: at(0),
        revoked: None,
        body: serde_json::Value::Null,
    }
}

#[test]
fn grants_are_kept_listed_revoked_and_dropped_where_more_is_asked() {
    let mut script = Script::running();
    script.check_facts(Input::Granted(grant("g1")), &["grant g1 given"]);
    script.check(Input::Granted(grant("g2")), &["show grant.given", "terms Default 2"]);
    let revoke = |id: &str| command(Command::Revoke { grant: id.to_owned() });
    script.check(revoke("g1"), &["show grant.revoked", "terms Default 1", "accepted"]);
    script.check(revoke("g1"), &["refused unknown"]);
    assert_eq!(script.engine.grants().len(), 1);
    let set = |mode| command(Command::SetMode { session: SessionId::new("s1"), mode });
    script.check(set(Mode::Edit), &["terms Edit 1", "mode Edit", "show session.mode", "accepted"]);
    script.check_facts(set(Mode::Plan), &["session s1", "grant g2 revoked"]);
    assert!(script.engine.grants().is_empty());
}
