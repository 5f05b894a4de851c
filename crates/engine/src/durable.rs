//! What happens when something cannot be kept. A step that only wanted something is undone; one that reports what happened
//! anyway goes on, and what it had to say is kept later.

use crate::Engine;
use crate::asks::Entry;
use crate::input::{Action, Incarnation, KeepFailure, RequestId};
use crate::out::{Out, condensed};
use crate::session::{AgentState, Session};
use crate::timers::Timer;
use leashd_types::{
    Answer, Approver, AskId, CallId, Chat, Command, Digest, Envelope, Kept, Receipt, Refusal, SessionId,
    Timestamp,
};
use std::time::Duration;

/// Between two attempts to keep what could not be kept.
const AGAIN_FIRST: Duration = Duration::from_secs(1);
const AGAIN_LONGEST: Duration = Duration::from_secs(60);

/// What a step means if its facts cannot be kept.
#[derive(Debug)]
pub(crate) enum Risk {
    /// It happened, or has to happen, whether it is written down or not.
    Happened,
    /// It is as if it had never been.
    Wanted { undo: Undo, instead: Instead },
}

/// What there was before.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    sessions: Vec<(SessionId, Option<Box<Session>>)>,
    asks: Vec<(AskId, Option<Entry>)>,
    key: Option<(Chat, String)>,
}

/// What is done in place of what was wanted.
#[derive(Debug)]
pub(crate) enum Instead {
    Refuse(RequestId),
    /// Nobody can be asked.
    Deny {
        session: SessionId,
        incarnation: Incarnation,
        call: CallId,
        digest: Digest,
    },
    /// It is tried again.
    Wait(SessionId),
}

/// The facts of the last step, until the next one shows that they were kept.
#[derive(Debug)]
pub(crate) struct Unsure {
    /// Of earlier steps, not kept so far.
    backlog: Vec<Kept>,
    facts: Vec<Kept>,
    rest: Vec<Action>,
    risk: Risk,
}

#[derive(Debug, Default)]
pub(crate) struct Durable {
    unsure: Option<Unsure>,
    backlog: Vec<Kept>,
    failures: u32,
}

impl Durable {
    /// The step before was kept.
    pub(crate) fn settled(&mut self) {
        if self.unsure.take().is_some() {
            self.failures = 0;
            debug_assert!(self.backlog.is_empty(), "what is kept has the backlog in front");
        }
    }

    /// Puts the facts of a step, and what could not be kept before, in front of its actions.
    pub(crate) fn seal(&mut self, facts: Vec<Kept>, actions: Vec<Action>, risk: Risk) -> Vec<Action> {
        if facts.is_empty() {
            return actions;
        }
        let backlog = std::mem::take(&mut self.backlog);
        let all = condensed(backlog.iter().chain(&facts).cloned().collect());
        let rest = match &risk {
            Risk::Happened => actions.clone(),
            Risk::Wanted { .. } => Vec::new(),
        };
        self.unsure = Some(Unsure { backlog, facts, rest, risk });
        let mut sealed = Vec::with_capacity(actions.len().saturating_add(1));
        sealed.push(Action::Keep(all));
        sealed.extend(actions);
        sealed
    }

    #[cfg(test)]
    pub(crate) fn has_backlog(&self) -> bool {
        !self.backlog.is_empty()
    }

    /// To be tried again.
    pub(crate) fn take_backlog(&mut self) -> Vec<Kept> {
        std::mem::take(&mut self.backlog)
    }

    fn again_at(&mut self, now: Timestamp) -> Timestamp {
        let at = now.after(pause(self.failures));
        self.failures = self.failures.saturating_add(1);
        at
    }
}

impl Undo {
    /// Of a command: the sessions it may change, and the asks.
    pub(crate) fn of_command(engine: &Engine, envelope: &Envelope) -> Option<Self> {
        let current = engine.chats.get(&envelope.chat).cloned();
        let mut undo = Self::default();
        match &envelope.command {
            Command::Open { order } => {
                let known = order.resume.clone().or_else(|| order.session.clone());
                undo.remember(engine, current.into_iter().chain(known));
            }
            Command::Switch { session } => {
                undo.remember(engine, current.into_iter().chain([session.clone()]));
            }
            Command::Say { session, key, .. } => {
                undo.remember(engine, [session.clone()]);
                undo.key = key.clone().map(|key| (envelope.chat.clone(), key));
            }
            Command::SetMode { session, .. } => undo.remember(engine, [session.clone()]),
            Command::SetDirectory { session, .. } => {
                undo.remember(engine, [session.clone()]);
                undo.asks = engine
                    .asks
                    .ids_of(session)
                    .into_iter()
                    .map(|id| (id.clone(), engine.asks.entry(&id).cloned()))
                    .collect();
            }
            Command::Answer { ask, .. } | Command::Shown { ask, .. } => {
                undo.asks = vec![(ask.clone(), engine.asks.entry(ask).cloned())];
            }
            // Changes nothing.
            Command::Knock => return None,
            // What ends or takes back something happens also where nothing can be written.
            Command::Interrupt { .. }
            | Command::Stop { .. }
            | Command::Clear { .. }
            | Command::Revoke { .. }
            | Command::Close { .. } => return None,
        }
        Some(undo)
    }

    pub(crate) fn of_session(engine: &Engine, session: &SessionId) -> Self {
        let mut undo = Self::default();
        undo.remember(engine, [session.clone()]);
        undo
    }

    pub(crate) fn of_new_ask(ask: AskId) -> Self {
        Self { asks: vec![(ask, None)], ..Self::default() }
    }

    /// A session that did not exist.
    pub(crate) fn made(&mut self, session: SessionId) {
        if !self.sessions.iter().any(|(known, _)| *known == session) {
            self.sessions.push((session, None));
        }
    }

    fn remember(&mut self, engine: &Engine, sessions: impl IntoIterator<Item = SessionId>) {
        for id in sessions {
            let before = engine.sessions.get(&id).cloned().map(Box::new);
            if !self.sessions.iter().any(|(known, _)| *known == id) {
                self.sessions.push((id, before));
            }
        }
    }
}

impl Engine {
    pub(crate) fn keep_failed(&mut self, failure: &KeepFailure, now: Timestamp) -> Vec<Action> {
        let Some(Unsure { mut backlog, facts, rest, risk }) = self.durable.unsure.take() else {
            return Vec::new();
        };
        let mut out = Out::at(now);
        match risk {
            Risk::Wanted { undo, instead } => {
                self.undo(undo, &mut out);
                self.do_instead(instead, failure, &mut out);
            }
            Risk::Happened => {
                let told = self.durable.failures > 0;
                backlog = condensed(backlog.into_iter().chain(facts).collect());
                if !told && let Some(session) = backlog.iter().find_map(session_of) {
                    let reason = reason_of(failure);
                    out.warn(&session, format!("not written down so far, it is tried again: {reason}"));
                }
                out.actions.extend(rest);
            }
        }
        self.durable.backlog = backlog;
        if !self.durable.backlog.is_empty() {
            let at = self.durable.again_at(now);
            self.timers.set(Timer::Backlog, Some(at));
        }
        for session in std::mem::take(&mut out.touched) {
            self.retime(&session, now);
        }
        out.actions
    }

    fn undo(&mut self, undo: Undo, out: &mut Out) {
        let mut chats = Vec::new();
        for (id, before) in undo.sessions {
            let after = self.sessions.remove(&id);
            chats.extend(after.map(|session| session.row.chat));
            if let Some(before) = before {
                if before.agent == AgentState::InLine && !self.line.contains(&id) {
                    self.line.push_back(id.clone());
                }
                chats.push(before.row.chat.clone());
                self.sessions.insert(id.clone(), *before);
            }
            out.touch(&id);
        }
        for chat in chats {
            let current =
                self.sessions.values().find(|session| session.row.current && session.row.chat == chat);
            match current.map(|session| session.id().clone()) {
                Some(id) => drop(self.chats.insert(chat, id)),
                None => drop(self.chats.remove(&chat)),
            }
        }
        for (id, before) in undo.asks {
            self.asks.take_back(&id, &mut self.timers);
            if let Some(entry) = before {
                out.touch(&entry.row.ask.session);
                self.asks.put(entry, &mut self.timers);
            }
        }
        if let Some(key) = undo.key {
            self.keys.forget(&key);
        }
    }

    fn do_instead(&mut self, instead: Instead, failure: &KeepFailure, out: &mut Out) {
        let reason = reason_of(failure);
        match instead {
            Instead::Refuse(request) => {
                let receipt = match failure {
                    KeepFailure::Duplicate => Receipt::Duplicate,
                    KeepFailure::Failed { .. } => {
                        Receipt::Refused { refusal: Refusal::NotDurable { reason } }
                    }
                };
                out.act(Action::Receipt { request, receipt });
            }
            Instead::Deny { session, incarnation, call, digest } => {
                out.warn(
                    &session,
                    format!("nobody can be asked, because the question cannot be kept: {reason}"),
                );
                let (answer, by) = (Answer::Nobody, Approver::Nobody);
                out.act(Action::Settle { session: session.clone(), incarnation, call, answer, by, digest });
                out.touch(&session);
            }
            Instead::Wait(session) => {
                let Some(found) = self.sessions.get_mut(&session) else { return };
                if found.failures == 0 {
                    out.warn(&session, format!("the message waits, it cannot be marked as given: {reason}"));
                }
                found.stalled = Some(out.now.after(pause(found.failures)));
                found.failures = found.failures.saturating_add(1);
                out.touch(&session);
            }
        }
    }
}

fn pause(failures: u32) -> Duration {
    AGAIN_FIRST.saturating_mul(1 << failures.min(6)).min(AGAIN_LONGEST)
}

fn reason_of(failure: &KeepFailure) -> String {
    match failure {
        KeepFailure::Duplicate => "it was kept before".to_owned(),
        KeepFailure::Failed { reason } => reason.clone(),
    }
}

fn session_of(fact: &Kept) -> Option<SessionId> {
    match fact {
        Kept::Session(row) => Some(row.session.clone()),
        Kept::Message(row) => Some(row.session.clone()),
        Kept::Ask(row) => Some(row.ask.session.clone()),
        Kept::Grant(row) => Some(row.session.clone()),
        Kept::Run(row) => row.session.clone(),
        Kept::Event(_) => None,
    }
}
