//! The ledger of open asks: each has one owner, one first answer, and an end.

use crate::Limits;
use crate::input::{Action, Gated};
use leashd_types::{
    Answer, Approver, Ask, AskId, AskKind, AskOutcome, CallId, Decision, Digest, Event, Refusal, SessionId,
    Timestamp,
};
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    opened: u64,
    asks: BTreeMap<AskId, Entry>,
}

#[derive(Debug)]
struct Entry {
    ask: Ask,
    call: CallId,
    state: State,
}

/// INVARIANT: an ask leaves `Open` once; only the first answer goes to the gate.
#[derive(Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Answered; the gate is settling it and the agent does not have the reply yet.
    Answered(Approver),
}

impl Ledger {
    pub(crate) fn open(
        &mut self,
        session: &SessionId,
        call: &CallId,
        kind: AskKind,
        digest: Digest,
        now: Timestamp,
        limits: &Limits,
    ) -> Vec<Action> {
        self.opened = self.opened.saturating_add(1);
        let short = session.as_str().split('-').next().unwrap_or_default();
        let wait = match &kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => limits.approval,
            AskKind::PlanReview { .. } | AskKind::Question { .. } => limits.interaction,
        };
        let ask = Ask {
            id: AskId::new(format!("{short}-{}", self.opened)),
            session: session.clone(),
            kind,
            digest,
            created: now,
            expires: now.after(wait),
        };
        let shown = match &ask.kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
                Event::ApprovalRequested { ask: ask.clone() }
            }
            AskKind::PlanReview { .. } | AskKind::Question { .. } => {
                Event::InteractionRequested { ask: ask.clone() }
            }
        };
        self.asks.insert(ask.id.clone(), Entry { ask, call: call.clone(), state: State::Open });
        vec![Action::Show(shown)]
    }

    /// A person's answer. The first one wins; a later one is told so.
    pub(crate) fn answer(
        &mut self,
        id: &AskId,
        answer: Answer,
        digest: Digest,
        by: Approver,
    ) -> Result<Vec<Action>, Refusal> {
        let Some(entry) = self.asks.get_mut(id) else {
            return Err(Refusal::Unknown { what: format!("ask {id}") });
        };
        match &entry.state {
            State::Answered(first) => Err(Refusal::Closed { how: how_closed(first) }),
            State::Open if digest != entry.ask.digest => Err(Refusal::Changed),
            State::Open => Ok(entry.settle(answer, by)),
        }
    }

    pub(crate) fn expired(&self, now: Timestamp) -> Vec<AskId> {
        self.asks
            .values()
            .filter(|entry| entry.state == State::Open && entry.ask.expires <= now)
            .map(|entry| entry.ask.id.clone())
            .collect()
    }

    pub(crate) fn expire(&mut self, id: &AskId) -> Vec<Action> {
        self.asks.get_mut(id).map(|entry| entry.settle(Answer::Expired, Approver::Nobody)).unwrap_or_default()
    }

    /// The agent no longer waits for this call.
    pub(crate) fn withdraw_call(&mut self, session: &SessionId, call: &CallId) -> Vec<Action> {
        self.withdraw(|entry| entry.ask.session == *session && entry.call == *call)
    }

    /// The session's turn or agent is gone.
    pub(crate) fn withdraw_session(&mut self, session: &SessionId) -> Vec<Action> {
        self.withdraw(|entry| entry.ask.session == *session)
    }

    fn withdraw(&mut self, concerns: impl Fn(&Entry) -> bool) -> Vec<Action> {
        self.asks
            .values_mut()
            .filter(|entry| entry.state == State::Open && concerns(entry))
            .flat_map(|entry| entry.settle(Answer::Withdrawn, Approver::Nobody))
            .collect()
    }

    /// The gate settled the call and the agent has the reply: the ask is over.
    pub(crate) fn landed(
        &mut self,
        session: &SessionId,
        call: &CallId,
        gated: &Gated,
        answer: Answer,
        by: Approver,
    ) -> Vec<Action> {
        let found = self
            .asks
            .values()
            .find(|entry| entry.ask.session == *session && entry.call == *call)
            .map(|entry| entry.ask.id.clone());
        let Some(entry) = found.and_then(|id| self.asks.remove(&id)) else { return Vec::new() };
        let decision = match gated {
            Gated::Allowed { .. } => Decision::Allow,
            Gated::Denied { .. } | Gated::Pending { .. } => Decision::Deny,
        };
        let outcome = AskOutcome { decision, answer, by };
        let session = session.clone();
        let ask = entry.ask.id;
        vec![Action::Show(match entry.ask.kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
                Event::ApprovalResolved { ask, session, outcome }
            }
            AskKind::PlanReview { .. } | AskKind::Question { .. } => {
                Event::InteractionResolved { ask, session, outcome }
            }
        })]
    }

    pub(crate) fn next_deadline(&self) -> Option<Timestamp> {
        self.asks.values().filter(|entry| entry.state == State::Open).map(|entry| entry.ask.expires).min()
    }

    pub(crate) fn of_session(&self, session: &SessionId) -> Vec<Ask> {
        self.asks
            .values()
            .filter(|entry| entry.state == State::Open && entry.ask.session == *session)
            .map(|entry| entry.ask.clone())
            .collect()
    }
}

impl Entry {
    fn settle(&mut self, answer: Answer, by: Approver) -> Vec<Action> {
        self.state = State::Answered(by.clone());
        vec![Action::Settle {
            session: self.ask.session.clone(),
            call: self.call.clone(),
            answer,
            by,
            digest: self.ask.digest,
        }]
    }
}

fn how_closed(by: &Approver) -> String {
    match by {
        Approver::Human { user } => format!("already answered by {user}"),
        Approver::Ai { model } => format!("already answered by {model}"),
        Approver::Grant { name } => format!("already covered by the grant {name}"),
        Approver::Policy => "the policy decided".to_owned(),
        Approver::Nobody => "it expired or the agent no longer waits".to_owned(),
        Approver::Deferred => "the agent's own prompt decided".to_owned(),
    }
}
