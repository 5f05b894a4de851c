//! What cannot be kept: nothing is announced that is not durable, nothing that only ends something is refused.

use super::{Script, allowed, at, call, command, denied, digest, pending, say, short, turn_end};
use crate::{Action, Input, KeepFailure};
use leashd_types::{AgentEvent, Answer, Command, SessionId, TurnOutcome};

fn failed() -> Input {
    Input::KeepFailed(KeepFailure::Failed { reason: "disk full".to_owned() })
}

impl Script {
    /// One input whose facts cannot be kept, and what follows from that.
    #[track_caller]
    fn check_failing(&mut self, input: Input, expected: &[&str]) {
        let first = self.step(input);
        assert!(matches!(first.first(), Some(Action::Keep(_))), "nothing was to be kept: {first:?}");
        let short: Vec<String> = self.actions(failed()).iter().filter_map(short).collect();
        assert_eq!(short, expected);
    }
}

#[test]
fn what_is_wanted_and_cannot_be_kept_is_as_if_it_had_never_been() {
    let mut script = Script::running();
    let before = format!("{:?}", script.engine.view(&script.session));
    let session = || SessionId::new("s1");
    for wanted in [
        say("s1", "two"),
        super::open("s2"),
        Command::SetMode { session: session(), mode: leashd_types::Mode::Edit },
        Command::SetDirectory { session: session(), directory: "/q".into(), workspace: None },
    ] {
        script.check_failing(command(wanted), &["refused not-durable"]);
        assert_eq!(format!("{:?}", script.engine.view(&script.session)), before);
        assert_eq!(script.engine.views().len(), 1);
    }
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
    let key =
        Command::Say { session: session(), text: "x".into(), attachments: Vec::new(), key: Some("1".into()) };
    script.check_failing(command(key.clone()), &["refused not-durable"]);
    script.check(command(key), &["accepted", "show message.in", "prompt x"]);
}

#[test]
fn a_message_the_store_knows_is_a_duplicate() {
    let mut script = Script::running();
    assert!(matches!(script.step(command(say("s1", "two")))[0], Action::Keep(_)));
    script.check(Input::KeepFailed(KeepFailure::Duplicate), &["duplicate"]);
    assert_eq!(script.engine.view(&script.session).unwrap().queued, 0);
}

#[test]
fn a_question_that_cannot_be_kept_is_a_denial() {
    let mut script = Script::running();
    let tool = AgentEvent::ToolCall(call(&script.session, "c1"));
    script.agent(tool, &["show tool.gated make ⏎ test", "judge c1"]);
    let told = "warn nobody can be asked, because the question cannot be kept: disk full";
    script.check_failing(script.judgement(pending()), &[told, "settle nobody"]);
    script.settled(denied(), Answer::Nobody, &["show tool.denied"]);
    assert!(script.engine.asks().is_empty());
}

#[test]
fn an_answer_that_cannot_be_kept_leaves_the_ask_open() {
    let mut script = Script::asking();
    let ask = script.ask();
    let answer = || Command::Answer { ask: ask.clone(), answer: Answer::AllowOnce, digest: digest() };
    script.check_failing(command(answer()), &["refused not-durable"]);
    assert_eq!(script.engine.next_deadline(), Some(at(300)));
    script.check(command(answer()), &["settle allow-once", "show ask.answered", "accepted"]);
    script.settled(allowed(), Answer::AllowOnce, &["show approval.resolved allow", "show tool.allowed"]);
}

#[test]
fn a_turn_that_cannot_be_kept_does_not_begin_and_is_tried_again() {
    let mut script = Script::running();
    script.say("two", &["show message.queued", "accepted"]);
    let ended = script.step(script.input(turn_end(TurnOutcome::Completed)));
    assert_eq!(ended.last(), Some(&Action::Continue));
    script
        .check_failing(Input::Continue, &["warn the message waits, it cannot be marked as given: disk full"]);
    script.now = at(1);
    let again = script.step(Input::Tick);
    assert_eq!(again.last(), Some(&Action::Continue));
    script.check_failing(Input::Continue, &[]);
    script.tick_at(2, &[]);
    script.tick_at(3, &["show message.in", "prompt two"]);
}

#[test]
fn what_happened_is_told_and_kept_later() {
    let mut script = Script::running();
    script.check_failing(
        script.input(turn_end(TurnOutcome::Completed)),
        &["warn not written down so far, it is tried again: disk full", "show session.completed"],
    );
    script.now = at(1);
    script.check_failing(Input::Tick, &[]);
    script.now = at(2);
    script.check_facts(Input::Tick, &[]);
    script.now = at(3);
    script.check_facts(Input::Tick, &["session s1", "user done go", "assistant done done"]);
    script.now = at(60);
    script.check_facts(Input::Tick, &[]);
}

#[test]
fn what_was_not_kept_goes_first_with_the_next() {
    let mut script = Script::running();
    let stop = Command::Stop { session: script.session.clone() };
    script.say("two", &["show message.queued", "accepted"]);
    // A stop works also where nothing can be written.
    script.check_failing(
        command(stop),
        &[
            "warn not written down so far, it is tried again: disk full",
            "warn 1 message that waited is dropped",
            "interrupt",
            "show execution.interrupted",
            "accepted",
        ],
    );
    script
        .check_facts(command(say("s1", "three")), &["session s1", "user dropped two", "user waiting three"]);
    assert_eq!(script.engine.next_deadline(), Some(at(1)));
    script.tick_at(1, &[]);
}
