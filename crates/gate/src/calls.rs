//! Which calls were permitted, denied or are waiting, so that what ran can be compared with what was decided, and
//! so that one decision is used once. Knows no policy.

use crate::decide::Digests;
use leashd_types::{CallId, Digest, SessionId};
use std::collections::{HashMap, VecDeque};

/// Sessions known at once.
const SESSIONS: usize = 1024;
/// Calls remembered per session; the oldest that is over makes room.
const CALLS: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct Calls {
    sessions: HashMap<SessionId, Session>,
}

#[derive(Debug, Default)]
struct Session {
    calls: HashMap<CallId, State>,
    /// Oldest first.
    order: VecDeque<CallId>,
}

/// Where a call stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Being judged.
    Begun,
    /// Waiting for an answer to the question with this digest.
    Asked(Digest),
    /// It may run.
    Permitted(Allowed),
    /// The agent's own prompt decides.
    Deferred(Allowed),
    /// It may not run, now or later.
    Denied,
    /// It ran, or failed: its permit is used up.
    Over,
}

/// What may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Allowed {
    pub(crate) tool: String,
    pub(crate) digests: Digests,
}

impl Calls {
    /// Registers a new call.
    ///
    /// # Errors
    /// If its id was used before, or too many calls are open: in words.
    pub(crate) fn begin(&mut self, session: &SessionId, call: &CallId) -> Result<(), String> {
        if !self.sessions.contains_key(session) && self.sessions.len() >= SESSIONS {
            return Err(format!("{SESSIONS} sessions are open already"));
        }
        let session = self.sessions.entry(session.clone()).or_default();
        if session.calls.contains_key(call) {
            return Err(format!("the call id {call} was used before"));
        }
        if session.order.len() >= CALLS && !session.make_room() {
            return Err(format!("{CALLS} calls of this session are still open"));
        }
        session.order.push_back(call.clone());
        session.calls.insert(call.clone(), State::Begun);
        Ok(())
    }

    pub(crate) fn state(&self, session: &SessionId, call: &CallId) -> Option<&State> {
        self.sessions.get(session)?.calls.get(call)
    }

    /// Does nothing for a call that was never begun.
    pub(crate) fn set(&mut self, session: &SessionId, call: &CallId, state: State) {
        if let Some(known) = self.sessions.get_mut(session).and_then(|session| session.calls.get_mut(call)) {
            *known = state;
        }
    }

    /// Takes over a call that another process began.
    pub(crate) fn adopt(&mut self, session: &SessionId, call: &CallId, state: State) {
        let known = self.sessions.entry(session.clone()).or_default();
        if known.calls.insert(call.clone(), state).is_none() {
            known.order.push_back(call.clone());
        }
    }

    pub(crate) fn forget_call(&mut self, session: &SessionId, call: &CallId) {
        let Some(known) = self.sessions.get_mut(session) else { return };
        known.calls.remove(call);
        known.order.retain(|other| other != call);
        if known.calls.is_empty() {
            self.sessions.remove(session);
        }
    }

    pub(crate) fn forget(&mut self, session: &SessionId) {
        self.sessions.remove(session);
    }
}

impl Session {
    fn make_room(&mut self) -> bool {
        let over = |call: &CallId| matches!(self.calls.get(call), None | Some(State::Denied | State::Over));
        let Some(oldest) = self.order.iter().position(over).and_then(|at| self.order.remove(at)) else {
            return false;
        };
        self.calls.remove(&oldest);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{CALLS, Calls, SESSIONS, State};
    use leashd_types::{CallId, SessionId};

    #[test]
    fn an_id_is_used_once_and_the_number_is_bounded() {
        let mut calls = Calls::default();
        let session = SessionId::new("s");
        let id = |number: usize| CallId::new(number.to_string());
        for number in 0..CALLS {
            calls.begin(&session, &id(number)).unwrap();
        }
        calls.begin(&session, &id(3)).unwrap_err();
        calls.begin(&session, &id(CALLS)).unwrap_err();
        calls.set(&session, &id(7), State::Over);
        calls.begin(&session, &id(CALLS)).unwrap();
        assert_eq!(calls.state(&session, &id(7)), None);
        calls.begin(&session, &id(CALLS + 1)).unwrap_err();
        calls.forget(&session);
        calls.begin(&session, &id(3)).unwrap();
    }

    #[test]
    fn the_number_of_sessions_is_bounded() {
        let mut calls = Calls::default();
        let id = |number: usize| SessionId::new(number.to_string());
        for number in 0..SESSIONS {
            calls.begin(&id(number), &CallId::new("c")).unwrap();
        }
        calls.begin(&id(SESSIONS), &CallId::new("c")).unwrap_err();
        calls.begin(&id(0), &CallId::new("d")).unwrap();
    }
}
