//! Places for agents, and all of them going.

use super::{Script, command, exited, open, open_to_all, ready, say, turn_end};
use crate::{Config, Drain, Input, Limits};
use leashd_types::{Command, SessionId, TurnOutcome};
use std::time::Duration;

fn one_place() -> Config {
    let limits = Limits { agents_max: 1, idle: Duration::from_secs(60), ..Limits::default() };
    Config { limits, ..open_to_all() }
}

#[test]
fn who_waits_is_told_and_idle_agents_make_room() {
    let mut script = Script::running_with(one_place());
    script.check(command(open("s2")), &["show session.opened", "accepted"]);
    script.check(command(open("s3")), &["show session.opened", "accepted"]);
    script
        .check(command(say("s2", "two")), &["accepted", "warn all 1 agents are busy; this session is next"]);
    script.check(
        command(say("s3", "three")),
        &["accepted", "warn all 1 agents are busy; 1 sessions wait before this one"],
    );
    script.check(command(say("s2", "more")), &["accepted"]);
    script.now = super::at(10);
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
    assert_eq!(script.engine.next_deadline(), Some(super::at(70)));
    script.tick_at(69, &[]);
    script.tick_at(70, &["stop"]);
    script.agent(exited(Some(0)), &["ended", "start first"]);
    // First come, first served: s2 has the place, s1 stands behind s3 now.
    script.say("again", &["accepted", "warn all 1 agents are busy; 1 sessions wait before this one"]);
    script.session = SessionId::new("s2");
    script.agent(ready("a2"), &["show session.started", "show message.in", "prompt two||more"]);
    let close = Command::Close { session: script.session.clone() };
    script.check(command(close), &["stop", "accepted"]);
    script
        .agent(exited(Some(0)), &["show session.completed interrupted", "show session.ended", "start first"]);
    assert_eq!(script.engine.agents(), 1);
}

#[test]
fn a_stop_leaves_the_line() {
    let mut script = Script::running_with(one_place());
    script.check(command(open("s2")), &["show session.opened", "accepted"]);
    script
        .check(command(say("s2", "two")), &["accepted", "warn all 1 agents are busy; this session is next"]);
    let stop = Command::Stop { session: SessionId::new("s2") };
    script.check(command(stop), &["warn 1 message that waited is dropped", "accepted"]);
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
    assert_eq!(script.engine.next_deadline(), None);
}

#[test]
fn draining_ends_turns_and_keeps_what_waits() {
    for (how, first) in
        [(Drain::AfterTurns, &[][..]), (Drain::Now, &["interrupt", "show execution.interrupted"])]
    {
        let mut script = Script::running();
        script.check(Input::Drain(how), first);
        script.say("later", &["show message.queued", "accepted"]);
        script.agent(turn_end(TurnOutcome::Completed), &["show session.completed", "stop"]);
        script.agent(exited(Some(0)), &["ended"]);
        assert_eq!((script.engine.agents(), script.engine.turns()), (0, 0));
        assert_eq!(script.engine.view(&script.session).unwrap().queued, 1);
    }
}
