//! The ledger of asks: each has one owner, one first answer, and an end. Every step of one is kept before it is told.

use crate::input::{Action, Gated, Incarnation};
use crate::names;
use crate::out::Out;
use crate::timers::{Timer, Timers};
use leashd_types::{
    Answer, Approver, Ask, AskId, AskKind, AskOutcome, AskRow, AskState, AskStep, CallId, Chat, Decision,
    Digest, Event, Kept, Refusal, Seen, SessionId, Timestamp,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Asks that are over and still remembered, so that a late answer can be told how they ended.
const CLOSED_MAX: usize = 1000;
/// Steps of one ask: so many screens may say that they show it.
const STEPS_MAX: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    asks: BTreeMap<AskId, Entry>,
    /// INVARIANT: exactly the asks above.
    by_call: BTreeMap<SessionId, BTreeMap<(Incarnation, CallId), AskId>>,
    closed: BTreeMap<AskId, Closed>,
    closed_in_order: VecDeque<AskId>,
}

/// What is remembered of an ask that is over.
#[derive(Debug)]
struct Closed {
    how: String,
    /// Where it was asked and shown.
    chats: Vec<Chat>,
}

/// INVARIANT: `row.state` leaves the open states once; only the first answer goes to the gate.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) row: AskRow,
    incarnation: Incarnation,
}

/// What a new ask is about.
pub(crate) struct Asked<'a> {
    pub(crate) session: &'a SessionId,
    pub(crate) chat: &'a Chat,
    pub(crate) incarnation: Incarnation,
    pub(crate) call: &'a CallId,
    pub(crate) kind: AskKind,
    pub(crate) digest: Digest,
    pub(crate) wait: Duration,
}

impl Ledger {
    pub(crate) fn open(&mut self, asked: Asked<'_>, timers: &mut Timers, out: &mut Out) -> AskId {
        let id = self.free_id(asked.session, asked.call, out.now);
        let ask = Ask {
            id: id.clone(),
            session: asked.session.clone(),
            kind: asked.kind,
            digest: asked.digest,
            created: out.now,
            expires: out.now.after(asked.wait),
        };
        let row = AskRow {
            ask: ask.clone(),
            call: asked.call.clone(),
            chat: asked.chat.clone(),
            state: AskState::Created,
            steps: vec![step(AskState::Created, out.now)],
        };
        out.keep(Kept::Ask(row.clone()));
        out.show(match &ask.kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => Event::ApprovalRequested { ask },
            AskKind::PlanReview { .. } | AskKind::Question { .. } => Event::InteractionRequested { ask },
        });
        self.put(Entry { row, incarnation: asked.incarnation }, timers);
        id
    }

    /// A person's answer. The first one wins; a later one is told so.
    pub(crate) fn answer(
        &mut self,
        id: &AskId,
        answer: Answer,
        digest: Digest,
        by: Approver,
        (timers, out): (&mut Timers, &mut Out),
    ) -> Result<SessionId, Refusal> {
        let Some(entry) = self.asks.get_mut(id) else { return Err(self.unknown(id)) };
        if !entry.row.state.is_open() {
            return Err(Refusal::Closed { how: entry.how_closed() });
        }
        if digest != entry.row.ask.digest {
            return Err(Refusal::Changed);
        }
        if matches!(answer, Answer::Expired | Answer::Withdrawn | Answer::Nobody) {
            return Err(Refusal::Rejected { reason: "only leashd says that".to_owned() });
        }
        let session = entry.row.ask.session.clone();
        let answered = Event::AskAnswered {
            ask: id.clone(),
            session: session.clone(),
            answer: answer.clone(),
            by: by.clone(),
        };
        entry.settle(AskState::Answered, answer, by, out);
        out.show(answered);
        timers.set(Timer::Ask(id.clone()), None);
        Ok(session)
    }

    /// A screen shows it, or a person looked at it.
    pub(crate) fn shown(
        &mut self,
        id: &AskId,
        seen: Seen,
        chat: &Chat,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Some(entry) = self.asks.get_mut(id) else { return Err(self.unknown(id)) };
        let row = &mut entry.row;
        let state = match seen {
            Seen::Delivered => AskState::Delivered,
            Seen::Seen => AskState::Seen,
        };
        let is_new = !row.steps.iter().any(|step| step.state == state && step.chat.as_ref() == Some(chat));
        if !row.state.is_open() || !is_new || row.steps.len() >= STEPS_MAX {
            return Ok(());
        }
        row.steps.push(AskStep { chat: Some(chat.clone()), ..step(state, out.now) });
        if row.state != AskState::Seen {
            row.state = state;
        }
        out.keep(Kept::Ask(row.clone()));
        if seen == Seen::Delivered {
            let session = row.ask.session.clone();
            out.show(Event::AskDelivered { ask: id.clone(), session, chat: chat.clone() });
        }
        Ok(())
    }

    pub(crate) fn expire(&mut self, id: &AskId, out: &mut Out) -> Option<SessionId> {
        let entry = self.asks.get_mut(id).filter(|entry| entry.row.state.is_open())?;
        entry.settle(AskState::Expired, Answer::Expired, Approver::Nobody, out);
        Some(entry.row.ask.session.clone())
    }

    /// The agent no longer waits for this call.
    pub(crate) fn withdraw_call(
        &mut self,
        session: &SessionId,
        call: (Incarnation, CallId),
        timers: &mut Timers,
        out: &mut Out,
    ) {
        let found = self.by_call.get(session).and_then(|calls| calls.get(&call)).cloned();
        self.withdraw(found.into_iter().collect(), timers, out);
    }

    /// The session's turn or agent is gone.
    pub(crate) fn withdraw_session(&mut self, session: &SessionId, timers: &mut Timers, out: &mut Out) {
        self.withdraw(self.ids_of(session), timers, out);
    }

    fn withdraw(&mut self, ids: Vec<AskId>, timers: &mut Timers, out: &mut Out) {
        for id in ids {
            if let Some(entry) = self.asks.get_mut(&id).filter(|entry| entry.row.state.is_open()) {
                entry.settle(AskState::Withdrawn, Answer::Withdrawn, Approver::Nobody, out);
                timers.set(Timer::Ask(id), None);
            }
        }
    }

    /// The gate settled the call and the agent has the reply: the ask is over.
    pub(crate) fn landed(
        &mut self,
        session: &SessionId,
        call: (Incarnation, CallId),
        gated: &Gated,
        (answer, by): (Answer, Approver),
        out: &mut Out,
    ) {
        let found = self.by_call.get(session).and_then(|calls| calls.get(&call)).cloned();
        let Some(mut entry) = found.and_then(|id| self.remove(&id)) else { return };
        let decision = match gated {
            Gated::Allowed { .. } => Decision::Allow,
            Gated::Denied { .. } | Gated::Pending { .. } => Decision::Deny,
        };
        if entry.row.state == AskState::Answered {
            entry.row.state = AskState::Landed;
            let landed = AskStep { decision: Some(decision), ..step(AskState::Landed, out.now) };
            entry.row.steps.push(landed);
            out.keep(Kept::Ask(entry.row.clone()));
        }
        self.close(&entry);
        out.show(resolved(&entry.row, AskOutcome { decision, answer, by }));
    }

    /// After a restart: the agent that asked is gone, so nobody waits for the answer.
    pub(crate) fn orphaned(mut row: AskRow, out: &mut Out) {
        let answered = row.state == AskState::Answered;
        row.state = AskState::Withdrawn;
        row.steps.push(AskStep {
            answer: Some(Answer::Withdrawn),
            by: Some(Approver::Nobody),
            ..step(AskState::Withdrawn, out.now)
        });
        out.keep(Kept::Ask(row.clone()));
        let outcome =
            AskOutcome { decision: Decision::Deny, answer: Answer::Withdrawn, by: Approver::Nobody };
        out.show(resolved(&row, outcome));
        if answered {
            let message = format!(
                "your answer to {} was kept, but the agent that asked was gone before it heard it; it may ask again",
                row.ask.id
            );
            out.warn(&row.ask.session, message);
        }
    }

    pub(crate) fn any_open(&self, session: &SessionId) -> bool {
        self.entries_of(session).any(|entry| entry.row.state.is_open())
    }

    pub(crate) fn of_session(&self, session: &SessionId) -> Vec<Ask> {
        self.entries_of(session)
            .filter(|entry| entry.row.state.is_open())
            .map(|entry| entry.row.ask.clone())
            .collect()
    }

    /// Those that are not over.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &AskRow> {
        self.asks.values().map(|entry| &entry.row).filter(|row| !row.state.is_over())
    }

    pub(crate) fn entry(&self, id: &AskId) -> Option<&Entry> {
        self.asks.get(id)
    }

    /// Whether it was asked or shown in this chat. `None` if there was no such ask.
    pub(crate) fn concerns(&self, id: &AskId, chat: &Chat) -> Option<bool> {
        match self.asks.get(id) {
            Some(entry) => Some(entry.row.chats().any(|shown| shown == chat)),
            None => self.closed.get(id).map(|closed| closed.chats.contains(chat)),
        }
    }

    pub(crate) fn ids_of(&self, session: &SessionId) -> Vec<AskId> {
        self.by_call.get(session).map(|calls| calls.values().cloned().collect()).unwrap_or_default()
    }

    /// As it was before.
    pub(crate) fn put(&mut self, entry: Entry, timers: &mut Timers) {
        let (id, session) = (entry.row.ask.id.clone(), entry.row.ask.session.clone());
        let due = entry.row.state.is_open().then_some(entry.row.ask.expires);
        timers.set(Timer::Ask(id.clone()), due);
        self.by_call
            .entry(session)
            .or_default()
            .insert((entry.incarnation, entry.row.call.clone()), id.clone());
        self.asks.insert(id, entry);
    }

    pub(crate) fn take_back(&mut self, id: &AskId, timers: &mut Timers) {
        timers.set(Timer::Ask(id.clone()), None);
        drop(self.remove(id));
    }

    fn entries_of(&self, session: &SessionId) -> impl Iterator<Item = &Entry> {
        self.by_call.get(session).into_iter().flat_map(BTreeMap::values).filter_map(|id| self.asks.get(id))
    }

    fn remove(&mut self, id: &AskId) -> Option<Entry> {
        let entry = self.asks.remove(id)?;
        let session = &entry.row.ask.session;
        if let Some(calls) = self.by_call.get_mut(session) {
            calls.remove(&(entry.incarnation, entry.row.call.clone()));
            if calls.is_empty() {
                self.by_call.remove(session);
            }
        }
        Some(entry)
    }

    fn close(&mut self, entry: &Entry) {
        if self.closed_in_order.len() >= CLOSED_MAX
            && let Some(oldest) = self.closed_in_order.pop_front()
        {
            self.closed.remove(&oldest);
        }
        let id = entry.row.ask.id.clone();
        let closed = Closed { how: entry.how_closed(), chats: entry.row.chats().cloned().collect() };
        self.closed.insert(id.clone(), closed);
        self.closed_in_order.push_back(id);
    }

    fn unknown(&self, id: &AskId) -> Refusal {
        match self.closed.get(id) {
            Some(closed) => Refusal::Closed { how: closed.how.clone() },
            None => Refusal::Unknown { what: format!("ask {id}") },
        }
    }

    fn free_id(&self, session: &SessionId, call: &CallId, now: Timestamp) -> AskId {
        let mut try_number = 0;
        loop {
            let id = names::ask(session, call, now, try_number);
            if !self.asks.contains_key(&id) && !self.closed.contains_key(&id) {
                return id;
            }
            try_number = try_number.wrapping_add(1);
        }
    }
}

impl Entry {
    fn settle(&mut self, state: AskState, answer: Answer, by: Approver, out: &mut Out) {
        self.row.state = state;
        self.row.steps.push(AskStep {
            answer: Some(answer.clone()),
            by: Some(by.clone()),
            ..step(state, out.now)
        });
        out.keep(Kept::Ask(self.row.clone()));
        out.act(Action::Settle {
            session: self.row.ask.session.clone(),
            incarnation: self.incarnation,
            call: self.row.call.clone(),
            answer,
            by,
            digest: self.row.ask.digest,
        });
    }

    fn how_closed(&self) -> String {
        self.row.ending().unwrap_or_else(|| "it is over".to_owned())
    }
}

fn step(state: AskState, at: Timestamp) -> AskStep {
    AskStep { state, at, chat: None, answer: None, by: None, decision: None }
}

fn resolved(row: &AskRow, outcome: AskOutcome) -> Event {
    let (ask, session) = (row.ask.id.clone(), row.ask.session.clone());
    match row.ask.kind {
        AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
            Event::ApprovalResolved { ask, session, outcome }
        }
        AskKind::PlanReview { .. } | AskKind::Question { .. } => {
            Event::InteractionResolved { ask, session, outcome }
        }
    }
}
