//! Passing errors of the model's API.

use super::{Script, call, command, open_to_all, turn_end};
use crate::{Config, Input, Limits};
use leashd_types::{AgentEvent, Command, TurnOutcome};
use std::time::Duration;

fn error(status: Option<u16>) -> AgentEvent {
    turn_end(TurnOutcome::ApiError { status, message: "overloaded".to_owned() })
}

fn twice() -> Config {
    let limits = Limits { retries: 2, retry_first: Duration::from_secs(10), ..Limits::default() };
    Config { limits, ..open_to_all() }
}

impl Script {
    /// Lets time pass until the engine wants something.
    #[track_caller]
    fn wait(&mut self, between: std::ops::RangeInclusive<i64>, expected: &[&str]) {
        let deadline = self.engine.next_deadline().unwrap();
        let waited = deadline.since(self.now).as_secs();
        assert!(between.contains(&i64::try_from(waited).unwrap()), "{waited} s");
        self.now = deadline;
        self.check(Input::Tick, expected);
    }
}

#[test]
fn a_passing_error_is_tried_again_with_growing_pauses() {
    for status in [None, Some(429), Some(529), Some(500)] {
        let mut script = Script::running_with(twice());
        script.agent(error(status), &["show session.retry"]);
        script.wait(8..=12, &["prompt go"]);
        script.agent(error(status), &["show session.retry"]);
        script.wait(16..=24, &["prompt go"]);
        script.agent(error(status), &["show session.completed api-error"]);
        let view = script.engine.view(&script.session).unwrap();
        assert_eq!((view.turns, view.total_cost.to_string().as_str()), (1, "$0.0300"));
    }
}

#[test]
fn an_error_that_stays_is_not_tried_again() {
    let mut script = Script::running_with(twice());
    script.agent(error(Some(401)), &["show session.completed api-error"]);
}

#[test]
fn what_was_begun_goes_on_instead_of_beginning_again() {
    let mut script = Script::running_with(twice());
    let tool = AgentEvent::ToolCall(call(&script.session, "c1"));
    script.agent(tool, &["show tool.gated make ⏎ test", "judge c1"]);
    script.judged(super::allowed(), &["show tool.allowed"]);
    script.agent(error(None), &["show session.retry"]);
    let go_on = "prompt The request to the model failed in between. Go on where you were.";
    script.wait(8..=12, &[go_on]);
}

#[test]
fn a_pause_can_be_ended() {
    let mut script = Script::running_with(twice());
    script.agent(error(None), &["show session.retry"]);
    script.say("rather this", &["show message.queued", "accepted"]);
    let interrupt = Command::Interrupt { session: script.session.clone() };
    script.check(
        command(interrupt),
        &[
            "show execution.interrupted",
            "show session.completed interrupted",
            "accepted",
            "show message.in",
            "prompt rather this",
        ],
    );
}

#[test]
fn those_who_failed_together_do_not_come_back_together() {
    let pause = |seed| {
        let mut script = Script::running_with(Config { seed, ..twice() });
        script.agent(error(None), &["show session.retry"]);
        script.engine.next_deadline().unwrap()
    };
    assert_eq!(pause(1), pause(1));
    assert_ne!(pause(1), pause(2));
}
