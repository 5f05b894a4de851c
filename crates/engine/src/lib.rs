//! What next? Sessions, turns and asks as one pure state machine.
//!
//! Inputs are commands from people, events from agents, judgements of the gate, and time. Actions are things for the
//! binary to perform; their results come back as inputs. Knows no file, clock, process or network.

mod asks;
mod input;
mod session;
#[cfg(test)]
mod tests;
mod turn;

use asks::Ledger;
use leashd_types::{
    AgentEvent, Answer, Approver, AskId, Command, Envelope, Event, Receipt, Refusal, SessionId, SessionView,
    Stage, Timestamp,
};
use session::Session;
use std::collections::BTreeMap;
use std::time::Duration;

pub use input::{Action, Gated, Input, Observed, Opening, RequestId};

/// Bounds of everything that waits here.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// An approval nobody answers for this long is denied.
    pub approval: Duration,
    /// A question or plan review nobody answers for this long is declined.
    pub interaction: Duration,
    /// Messages that may wait behind a running turn, per session.
    pub queued_messages_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            approval: Duration::from_secs(300),
            interaction: Duration::from_secs(300),
            queued_messages_max: 100,
        }
    }
}

/// All sessions and all open asks.
#[derive(Debug)]
pub struct Engine {
    limits: Limits,
    sessions: BTreeMap<SessionId, Session>,
    asks: Ledger,
}

impl Engine {
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self { limits, sessions: BTreeMap::new(), asks: Ledger::default() }
    }

    /// The one function: everything that happens goes in here, everything to be done comes out.
    #[must_use]
    pub fn step(&mut self, input: Input, now: Timestamp) -> Vec<Action> {
        match input {
            Input::Open(opening) => self.open(opening),
            Input::Command { request, envelope } => self.command(request, envelope, now),
            Input::Agent(session, event) => self.agent(&session, event, now),
            Input::Judged { session, call, gated } => self.judged(&session, &call, gated, now),
            Input::Settled { session, call, gated, answer, by } => {
                self.settled(&session, &call, gated, answer, by)
            }
            Input::Observed { session, observed } => self.observed(&session, observed),
            Input::Tick => self.expire(now),
        }
    }

    /// When `Input::Tick` is next needed.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.asks.next_deadline()
    }

    /// What a screen may show about a session.
    #[must_use]
    pub fn view(&self, session: &SessionId) -> Option<SessionView> {
        self.sessions.get(session).map(|found| found.view(self.asks.of_session(session)))
    }

    /// All of them.
    #[must_use]
    pub fn views(&self) -> Vec<SessionView> {
        self.sessions.iter().map(|(id, found)| found.view(self.asks.of_session(id))).collect()
    }

    fn open(&mut self, opening: Opening) -> Vec<Action> {
        let id = opening.session.clone();
        if self.sessions.contains_key(&id) {
            return vec![warning(&id, "this session is open already")];
        }
        let resume = opening.resume.clone();
        self.sessions.insert(id.clone(), Session::new(opening));
        vec![Action::Start { session: id, resume }]
    }

    fn command(&mut self, request: RequestId, envelope: Envelope, now: Timestamp) -> Vec<Action> {
        let (receipt, mut actions) = match self.carry_out(envelope, now) {
            Ok((session, actions)) => (Receipt::Accepted { session }, actions),
            Err(refusal) => (Receipt::Refused { refusal }, Vec::new()),
        };
        actions.push(Action::Receipt { request, receipt });
        actions
    }

    fn carry_out(
        &mut self,
        envelope: Envelope,
        now: Timestamp,
    ) -> Result<(Option<SessionId>, Vec<Action>), Refusal> {
        match envelope.command {
            Command::Say { session, text, attachments, key: _ } => {
                let limit = self.limits.queued_messages_max;
                let actions = self.known(&session)?.say(text, attachments, now, limit)?;
                Ok((Some(session), actions))
            }
            Command::Answer { ask, answer, digest } => {
                let actions =
                    self.asks.answer(&ask, answer, digest, Approver::Human { user: envelope.from })?;
                Ok((None, actions))
            }
            Command::Shown { .. } => Ok((None, Vec::new())),
            Command::Interrupt { session } | Command::Stop { session } => {
                let mut actions = self.known(&session)?.interrupt()?;
                let mut withdrawn = self.withdraw_asks(&session);
                withdrawn.append(&mut actions);
                Ok((Some(session), withdrawn))
            }
            Command::SetMode { session, mode } => {
                let actions = self.known(&session)?.set_mode(mode);
                Ok((Some(session), actions))
            }
            Command::Close { session } => {
                let mut actions = self.withdraw_asks(&session);
                actions.extend(self.known(&session)?.close("closed"));
                Ok((Some(session), actions))
            }
            Command::Open { .. }
            | Command::Switch { .. }
            | Command::Clear { .. }
            | Command::SetDirectory { .. }
            | Command::Revoke { .. } => {
                Err(Refusal::Rejected { reason: "this is not possible here".to_owned() })
            }
        }
    }

    fn known(&mut self, id: &SessionId) -> Result<&mut Session, Refusal> {
        self.sessions.get_mut(id).ok_or_else(|| Refusal::Unknown { what: format!("session {id}") })
    }

    fn agent(&mut self, id: &SessionId, event: AgentEvent, now: Timestamp) -> Vec<Action> {
        match event {
            AgentEvent::Withdrawn { call } => self.asks.withdraw_call(id, &call),
            AgentEvent::TurnEnded(end) => {
                let mut actions = self.withdraw_asks(id);
                actions.extend(self.with(id, |found| found.turn_ended(end, now)));
                actions
            }
            AgentEvent::Exited { code, signal, stderr_tail } => {
                let mut actions = self.withdraw_asks(id);
                actions.extend(self.with(id, |found| found.exited(code, signal, &stderr_tail, now)));
                actions
            }
            other => self.with(id, |found| found.agent(other, now)),
        }
    }

    fn judged(
        &mut self,
        id: &SessionId,
        call: &leashd_types::CallId,
        gated: Gated,
        now: Timestamp,
    ) -> Vec<Action> {
        let Some(session) = self.sessions.get_mut(id) else { return Vec::new() };
        let Gated::Pending { kind, digest } = gated else {
            let by = match &gated {
                // The gate knew that nobody can be asked here.
                Gated::Denied { stage: Stage::Approval, .. } => Approver::Nobody,
                Gated::Allowed { .. } | Gated::Denied { .. } | Gated::Pending { .. } => Approver::Policy,
            };
            return session.gated(call, gated, by);
        };
        self.asks.open(id, call, kind, digest, now, &self.limits)
    }

    fn settled(
        &mut self,
        id: &SessionId,
        call: &leashd_types::CallId,
        gated: Gated,
        answer: Answer,
        by: Approver,
    ) -> Vec<Action> {
        let mut actions = self.asks.landed(id, call, &gated, answer, by.clone());
        actions.extend(self.with(id, |found| found.gated(call, gated, by)));
        actions
    }

    fn observed(&mut self, id: &SessionId, observed: Observed) -> Vec<Action> {
        let ends_session = matches!(observed, Observed::RanUngated { .. } | Observed::InputChanged { .. });
        let mut actions = if ends_session { self.withdraw_asks(id) } else { Vec::new() };
        actions.extend(self.with(id, |found| found.observed(observed)));
        actions
    }

    fn expire(&mut self, now: Timestamp) -> Vec<Action> {
        let expired: Vec<AskId> = self.asks.expired(now);
        expired.iter().flat_map(|ask| self.asks.expire(ask)).collect()
    }

    fn withdraw_asks(&mut self, id: &SessionId) -> Vec<Action> {
        self.asks.withdraw_session(id)
    }

    fn with(&mut self, id: &SessionId, act: impl FnOnce(&mut Session) -> Vec<Action>) -> Vec<Action> {
        match self.sessions.get_mut(id) {
            Some(session) => act(session),
            None => vec![warning(id, "there is no such session")],
        }
    }
}

fn warning(session: &SessionId, message: impl Into<String>) -> Action {
    Action::Show(Event::Warning { session: session.clone(), message: message.into() })
}
