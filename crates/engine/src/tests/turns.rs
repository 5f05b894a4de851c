//! Turns: messages go in, answers come out, and every way a turn can end.

use super::{Script, allowed, call, command, exited, open_to_all, pending, say, short, turn_end};
use crate::agents::{JUDGED_MAX, OBSERVED_MAX};
use crate::{Action, Config, Input, Limits, Observed};
use leashd_types::{
    AgentEvent, AgentKind, CallId, Command, Event, Fault, Mode, NETWORK_TOOL, Origin, RanCall, RanOutcome,
    SessionId, ToolCall, TurnOutcome,
};
use std::time::Duration;

#[test]
fn a_turn_from_message_to_summary() {
    let mut script = Script::running();
    let text = AgentEvent::Text { text: "hi".to_owned(), origin: Origin::Main };
    script.agent(text, &["show message.out"]);
    let tool = AgentEvent::ToolCall(call(&script.session, "c1"));
    script.agent(tool, &["show tool.gated make ⏎ test", "judge c1"]);
    script.judged(super::allowed(), &["show tool.allowed"]);
    let ran = RanCall {
        id: CallId::new("c1"),
        tool: "Bash".to_owned(),
        input: None,
        outcome: RanOutcome::Ran,
        subagent: None,
    };
    script.agent(AgentEvent::Ran(ran), &["observe"]);
    script.check_facts(
        script.input(turn_end(TurnOutcome::Completed)),
        &["session s1", "user done go", "assistant done hi"],
    );
    let view = script.engine.view(&script.session).unwrap();
    assert_eq!((view.turns, view.messages, view.running_since), (1, 2, None));
    assert_eq!(view.total_cost.to_string(), "$0.0100");
}

#[test]
fn messages_during_a_turn_wait_and_are_joined() {
    let mut script = Script::running();
    script.say("two", &["show message.queued", "accepted"]);
    script.say("three", &["show message.queued", "accepted"]);
    script.agent(
        turn_end(TurnOutcome::Completed),
        &["show session.completed", "show message.in", "prompt two||three"],
    );
}

#[test]
fn an_interrupt_sends_what_waits() {
    let mut script = Script::running();
    script.say("rather this", &["show message.queued", "accepted"]);
    let interrupt = Command::Interrupt { session: script.session.clone() };
    script.check(command(interrupt), &["interrupt", "show execution.interrupted", "accepted"]);
    script.agent(
        turn_end(TurnOutcome::Interrupted),
        &["show session.completed interrupted", "show message.in", "prompt rather this"],
    );
}

#[test]
fn a_stop_drops_what_waits_and_keeps_the_conversation() {
    let mut script = Script::asking();
    script.say("two", &["show message.queued", "accepted"]);
    let stop = Command::Stop { session: script.session.clone() };
    script.check(
        command(stop.clone()),
        &[
            "warn 1 message that waited is dropped",
            "settle withdrawn",
            "interrupt",
            "show execution.interrupted",
            "accepted",
        ],
    );
    script.agent(turn_end(TurnOutcome::Interrupted), &["show session.completed interrupted"]);
    script.check(command(stop), &["accepted"]);
    script.say("go on", &["accepted", "show message.in", "prompt go on"]);
}

#[test]
fn a_clear_begins_anew_and_what_the_old_agent_says_concerns_nobody() {
    let mut script = Script::running();
    script.say("two", &["show message.queued", "accepted"]);
    let old = script.incarnation();
    let clear = Command::Clear { session: script.session.clone() };
    script.check(command(clear), &["show session.cleared", "stop", "accepted"]);
    script.say("new", &["show message.queued", "accepted"]);
    script.agent(exited(Some(0)), &["show session.completed interrupted", "ended", "start fresh"]);
    let late = AgentEvent::Text { text: "late".to_owned(), origin: Origin::Main };
    let (session, event) = (script.session.clone(), late);
    script.check(Input::Agent { session, incarnation: old, event }, &[]);
    script.agent(super::ready("a2"), &["show session.started", "show message.in", "prompt new"]);
    for event in [turn_end(TurnOutcome::Completed), exited(None), super::ready("a1")] {
        let session = script.session.clone();
        script.check(Input::Agent { session, incarnation: old, event }, &[]);
    }
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
}

#[test]
fn the_queue_has_a_limit_and_so_has_a_message() {
    let limits = Limits { queued_messages_max: 1, message_bytes_max: 8, ..Limits::default() };
    let mut script = Script::running_with(Config { limits, ..open_to_all() });
    script.say("two", &["show message.queued", "accepted"]);
    script.say("three", &["refused rejected"]);
    script.agent(
        turn_end(TurnOutcome::Completed),
        &["show session.completed", "show message.in", "prompt two"],
    );
    script.say("nine bytes", &["refused rejected"]);
    script.say(" \n", &["refused rejected"]);
}

#[test]
fn a_dead_agent_ends_the_turn_and_its_asks_and_the_next_message_resumes() {
    let mut script = Script::asking();
    script.say("two", &["show message.queued", "accepted"]);
    script.agent(
        exited(None),
        &[
            "settle withdrawn",
            "show session.completed failed",
            "show session.ended failed",
            "warn 1 message not given to the agent; your next message starts it again",
        ],
    );
    script.say("again", &["accepted", "start resume a1"]);
    script.agent(super::ready("a1"), &["show session.started", "show message.in", "prompt two||again"]);
}

#[test]
fn a_conversation_that_cannot_be_resumed_begins_anew_once() {
    let mut script = Script::running();
    script.agent(exited(Some(0)), &["show session.completed failed", "show session.ended"]);
    script.say("again", &["accepted", "start resume a1"]);
    let refused = || AgentEvent::Fault(Fault::Start { reason: "no such conversation".to_owned() });
    script.agent(refused(), &[]);
    let told = "warn the earlier conversation cannot be gone on with, a new one begins: the agent could not be \
                started: no such conversation";
    script.agent(exited(None), &[told, "start fresh"]);
    // Why it never was stands in its end.
    script.agent(refused(), &[]);
    let waits = "warn 1 message not given to the agent; your next message starts it again";
    script.agent(exited(None), &["show session.ended failed", waits]);
    // The conversation is not lost because a start failed.
    script.say("and now", &["accepted", "start resume a1"]);
}

#[test]
fn an_agent_that_asks_faster_than_it_is_answered_is_stopped() {
    let mut script = Script::asking();
    let tool = |script: &Script, number: usize| {
        let name = format!("n{number}");
        script.input(AgentEvent::ToolCall(call(&script.session, &name)))
    };
    // What waits for a person, and what was judged, is not counted.
    for number in 0..2 * JUDGED_MAX {
        let input = tool(&script, number);
        assert_eq!(
            script.actions(input).iter().filter_map(short).next_back().unwrap(),
            format!("judge n{number}")
        );
        let (session, incarnation) = (script.session.clone(), script.incarnation());
        let call = CallId::new(format!("n{number}"));
        script.actions(Input::Judged { session, incarnation, call, gated: allowed() });
    }
    for number in 2 * JUDGED_MAX..3 * JUDGED_MAX {
        let input = tool(&script, number);
        assert_eq!(
            script.actions(input).iter().filter_map(short).next_back().unwrap(),
            format!("judge n{number}")
        );
    }
    let input = tool(&script, 3 * JUDGED_MAX);
    script.check(input, &["settle withdrawn", "stop"]);
    script.agent(exited(Some(0)), &["show session.completed failed", "show session.ended failed"]);
}

/// A denied host is not shown, and ends no turn; an agent's own tool gets nothing of that by its name.
#[test]
fn an_agents_tool_is_no_question_of_leashds_by_its_name() {
    let mut script = Script::running();
    for (agent, expected) in [(AgentKind::Leashd, "Network"), (AgentKind::Claude, "Network of the agent")] {
        let call = ToolCall { agent, tool: NETWORK_TOOL.to_owned(), ..call(&script.session, "c1") };
        let actions = script.actions(script.input(AgentEvent::ToolCall(call)));
        let gated = actions.iter().find_map(|action| match action {
            Action::Show(Event::ToolGated { tool, .. }) => Some(tool.as_str()),
            _ => None,
        });
        assert_eq!(gated, Some(expected));
    }
}

/// A result for a call that nobody knows is recorded too.
#[test]
fn an_agent_that_reports_faster_than_it_is_looked_at_is_stopped() {
    let mut script = Script::running();
    let report = |script: &Script, number: usize| {
        let outcome = RanOutcome::Failed { message: "no".to_owned() };
        let (id, tool) = (CallId::new(format!("n{number}")), String::new());
        script.input(AgentEvent::Ran(RanCall { id, tool, input: None, outcome, subagent: None }))
    };
    for number in 0..OBSERVED_MAX {
        script.check(report(&script, number), &["observe"]);
        let (session, incarnation) = (script.session.clone(), script.incarnation());
        script.actions(Input::Observed { session, incarnation, observed: Observed::Noted });
    }
    for number in OBSERVED_MAX..2 * OBSERVED_MAX {
        script.check(report(&script, number), &["observe"]);
    }
    let input = report(&script, 2 * OBSERVED_MAX);
    script.check(input, &["stop"]);
    script.agent(exited(Some(0)), &["show session.completed failed", "show session.ended failed"]);
}

#[test]
fn an_ungated_call_stops_the_session() {
    let mut script = Script::asking();
    let observed = Observed::RanUngated { call: CallId::new("c9"), tool: "Bash".to_owned() };
    let (session, incarnation) = (script.session.clone(), script.incarnation());
    script.check(
        Input::Observed { session, incarnation, observed },
        &["show tool.ran_ungated", "settle withdrawn", "stop"],
    );
    // Nothing it still wants is even judged.
    let tool = AgentEvent::ToolCall(call(&script.session, "c2"));
    script.agent(tool, &[]);
    script.agent(exited(Some(0)), &["show session.completed failed", "show session.ended failed"]);
}

#[test]
fn a_fatal_fault_names_itself_as_the_end() {
    let mut script = Script::running();
    let fault = AgentEvent::Fault(Fault::LineTooLong { limit: 7 });
    script.agent(fault, &["warn the agent sent a line longer than 7 bytes"]);
    script.agent(exited(Some(0)), &["show session.completed failed", "show session.ended failed"]);
}

#[test]
fn a_turn_has_an_end_and_thinking_people_do_not_count() {
    let limits = Limits { turn: Duration::from_secs(100), ..Limits::default() };
    let mut script = Script::running_with(Config { limits, ..open_to_all() });
    script.now = super::at(40);
    let tool = AgentEvent::ToolCall(call(&script.session, "c1"));
    script.agent(tool, &["show tool.gated make ⏎ test", "judge c1"]);
    script.judged(pending(), &["show approval.requested"]);
    script.now = super::at(300);
    script.answer(
        leashd_types::Answer::AllowOnce,
        super::digest(),
        &["settle allow-once", "show ask.answered", "accepted"],
    );
    script.settled(
        super::allowed(),
        leashd_types::Answer::AllowOnce,
        &["show approval.resolved allow", "show tool.allowed"],
    );
    assert_eq!(script.engine.next_deadline(), Some(super::at(360)));
    script.tick_at(359, &[]);
    script.tick_at(360, &["interrupt", "show execution.interrupted"]);
    script.tick_at(361, &[]);
    script.agent(turn_end(TurnOutcome::Interrupted), &["show session.completed failed"]);
}

#[test]
fn an_unknown_session_is_said_so() {
    let mut script = Script::opened();
    script.check(command(say("other", "x")), &["refused unknown"]);
    script.check(command(Command::Interrupt { session: SessionId::new("s1") }), &["refused rejected"]);
}

#[test]
fn a_mode_is_told_to_the_agent_and_to_the_gate() {
    let mut script = Script::running();
    let set = |mode| command(Command::SetMode { session: SessionId::new("s1"), mode });
    script.check(set(Mode::Plan), &["terms Plan 0", "mode Plan", "show session.mode", "accepted"]);
    // An approved plan changes the mode; the agent left its plan by itself.
    let approved = |mode| Input::Approved { session: SessionId::new("s1"), mode };
    script.check(approved(Mode::Edit), &["terms Edit 0", "show session.mode"]);
    script.check(approved(Mode::Edit), &[]);
}
