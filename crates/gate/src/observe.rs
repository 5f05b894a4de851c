//! After the call: what ran is compared with what was decided. An adapter reports each call once.

use crate::audit::{self, Record, Recorded};
use crate::calls::{Allowed, State};
use crate::{Gate, Observation};
use leashd_types::{Digest, RanCall, RanOutcome, SessionId, digest_of};
use serde_json::Value;

impl Gate {
    /// Compares what became of a call with what was decided, and records it.
    pub fn observe(&self, session: &SessionId, ran: &RanCall) -> Observation {
        let state = match self.calls() {
            Ok(calls) => calls.state(session, &ran.id).cloned(),
            Err(error) => return unrecorded(Observation::RanUngated, error),
        };
        let (what, next) = compare(state.as_ref(), ran);
        if let Some(next) = next {
            match self.calls() {
                Ok(mut calls) => calls.set(session, &ran.id, next),
                Err(error) => return unrecorded(what, error),
            }
        }
        let Some(record) = record(&what, state.as_ref(), ran) else { return what };
        match self.append_for(session, &ran.id, record) {
            Ok(_) => what,
            Err(error) => unrecorded(what, error),
        }
    }

    /// As [`Gate::observe`], for a call that another process may have let out: the audit log knows what was decided.
    /// The agent reports in this way only what ran, so a failure is no sign that it did not.
    pub fn observe_recorded(&self, session: &SessionId, ran: &RanCall) -> Observation {
        let recorded = match audit::recall(self.audit().path(), session, &ran.id) {
            Ok(recorded) => recorded,
            Err(error) => return unrecorded(Observation::RanUngated, error),
        };
        match self.calls() {
            Ok(mut calls) => match recorded.and_then(|recorded| state_of(recorded, &ran.tool)) {
                Some(state) => calls.adopt(session, &ran.id, state),
                None => calls.forget_call(session, &ran.id),
            },
            Err(error) => return unrecorded(Observation::RanUngated, error),
        }
        let permitted = self.calls().is_ok_and(|calls| {
            matches!(calls.state(session, &ran.id), Some(State::Permitted(_) | State::Deferred(_)))
        });
        let what = match &ran.outcome {
            RanOutcome::Failed { .. } if !permitted => {
                self.observe(session, &RanCall { outcome: RanOutcome::Ran, ..ran.clone() })
            }
            RanOutcome::Ran | RanOutcome::Failed { .. } => self.observe(session, ran),
        };
        self.forget_call(session, &ran.id);
        what
    }
}

/// What an entry of another process means for the call it is about. The log keeps one digest: of what may run.
fn state_of(recorded: Recorded, tool: &str) -> Option<State> {
    let allowed = |digest| Allowed {
        tool: tool.to_owned(),
        digests: crate::decide::Digests { sent: digest, released: digest },
    };
    Some(match recorded {
        Recorded::Allowed { tool_name, digest } if tool_name == tool => State::Permitted(allowed(digest)),
        Recorded::Deferred { tool_name, digest } if tool_name == tool => State::Deferred(allowed(digest)),
        Recorded::Allowed { .. } | Recorded::Deferred { .. } => State::Denied,
        Recorded::Asked => State::Begun,
        Recorded::Denied => State::Denied,
        Recorded::Over => State::Over,
    })
}

fn unrecorded(what: Observation, error: crate::AuditError) -> Observation {
    Observation::Unrecorded { what: Box::new(what), error }
}

fn compare(state: Option<&State>, ran: &RanCall) -> (Observation, Option<State>) {
    match (state, &ran.outcome) {
        (Some(State::Permitted(allowed) | State::Deferred(allowed)), outcome) => {
            let what = match outcome {
                _ if !is_what_was_allowed(allowed, ran) => Observation::InputChanged,
                RanOutcome::Ran => Observation::Finished,
                RanOutcome::Failed { message } => Observation::Failed { message: message.clone() },
            };
            (what, Some(State::Over))
        }
        (None, RanOutcome::Failed { message }) => {
            (Observation::RefusedByAgent { message: message.clone() }, None)
        }
        // A question whose call is gone may not be answered with a permit any more.
        (Some(State::Begun | State::Asked(_)), RanOutcome::Failed { .. }) => {
            (Observation::Refused, Some(State::Denied))
        }
        (Some(State::Denied | State::Over), RanOutcome::Failed { .. }) => (Observation::Refused, None),
        (None, RanOutcome::Ran) => (Observation::RanUngated, None),
        (Some(State::Begun | State::Asked(_) | State::Denied | State::Over), RanOutcome::Ran) => {
            (Observation::RanUngated, Some(State::Denied))
        }
    }
}

/// An agent that does not tell what it ran is compared by the tool's name alone.
fn is_what_was_allowed(allowed: &Allowed, ran: &RanCall) -> bool {
    match &ran.input {
        None => ran.tool == allowed.tool,
        Some(input) => {
            let digest = digest_of(&ran.tool, input);
            digest == allowed.digests.released || digest == allowed.digests.sent
        }
    }
}

fn record(what: &Observation, state: Option<&State>, ran: &RanCall) -> Option<Record> {
    let approved = match state {
        Some(State::Permitted(allowed) | State::Deferred(allowed)) => allowed.digests.released,
        Some(State::Begun | State::Asked(_) | State::Denied | State::Over) | None => Digest::ZERO,
    };
    let tool_name = ran.tool.clone();
    let tool_input = ran.input.clone().unwrap_or(Value::Null);
    Some(match what {
        Observation::Finished => Record::ToolFinished { tool_name, digest: approved, failed: None },
        Observation::Failed { message } => {
            Record::ToolFinished { tool_name, digest: approved, failed: Some(message.clone()) }
        }
        Observation::RefusedByAgent { message } => {
            Record::RefusedByAgent { tool_name, reason: message.clone() }
        }
        Observation::InputChanged => {
            let digest = digest_of(&ran.tool, &tool_input);
            Record::InputChanged { tool_name, tool_input, digest, approved_digest: approved }
        }
        Observation::RanUngated => {
            Record::ToolRanUngated { tool_name, tool_input, reason: why(state).to_owned() }
        }
        Observation::Refused | Observation::Unrecorded { .. } => return None,
    })
}

fn why(state: Option<&State>) -> &'static str {
    match state {
        None => "the gate never saw the call",
        Some(State::Begun) => "it ran while it was judged",
        Some(State::Asked(_)) => "it ran while it waited for an answer",
        Some(State::Denied) => "it ran although it was denied",
        Some(State::Over) => "its permit was used up",
        Some(State::Permitted(_) | State::Deferred(_)) => "it was permitted",
    }
}
