//! What next? Sessions, turns and asks as one pure state machine.
//!
//! Inputs are envelopes from people, events from agents, judgements of the gate, and time. Actions are things for the
//! binary to perform; their results come back as inputs. What has to outlive the process is said before anything that
//! announces it (`Action::Keep`), and a new engine begins with it. Knows no file, clock, process or network.

mod admission;
mod agents;
mod asks;
mod chats;
mod commands;
mod config;
mod durable;
mod input;
mod keys;
mod names;
mod out;
mod places;
mod restore;
mod session;
#[cfg(test)]
mod tests;
mod texts;
mod timers;
mod turn;

use admission::Door;
use asks::Ledger;
use durable::{Durable, Risk};
use keys::Keys;
use leashd_types::{AskRow, Chat, GrantRow, SessionId, SessionView, Timestamp};
use out::Out;
use session::{AgentState, Session};
use std::collections::{BTreeMap, VecDeque};
use timers::{Timer, Timers};
use turn::Asking;

pub use config::{Admission, Allowed, Config, Defaults, Limits, Rate};
pub use input::{Action, Begin, Drain, Gated, Incarnation, Input, KeepFailure, Observed, RequestId};

/// All sessions and all asks that are not over.
#[derive(Debug)]
pub struct Engine {
    config: Config,
    sessions: BTreeMap<SessionId, Session>,
    /// The current session of each chat that has one.
    chats: BTreeMap<Chat, SessionId>,
    asks: Ledger,
    door: Door,
    keys: Keys,
    timers: Timers,
    durable: Durable,
    /// Sessions that may have something to begin.
    todo: VecDeque<SessionId>,
    /// Sessions that wait for a place for their agent, first come first served.
    line: VecDeque<SessionId>,
    draining: Option<Drain>,
    incarnations: u64,
    /// Makes names of the same moment different.
    numbers: u64,
}

impl Engine {
    #[must_use]
    pub fn new(config: Config) -> Self {
        Self {
            config,
            sessions: BTreeMap::new(),
            chats: BTreeMap::new(),
            asks: Ledger::default(),
            door: Door::default(),
            keys: Keys::default(),
            timers: Timers::default(),
            durable: Durable::default(),
            todo: VecDeque::new(),
            line: VecDeque::new(),
            draining: None,
            incarnations: 0,
            numbers: 0,
        }
    }

    /// The one function: everything that happens goes in here, everything to be done comes out.
    #[must_use]
    pub fn step(&mut self, input: Input, now: Timestamp) -> Vec<Action> {
        if let Input::KeepFailed(failure) = input {
            return self.keep_failed(&failure, now);
        }
        self.durable.settled();
        let mut out = Out::at(now);
        let risk = match input {
            Input::Command { request, envelope } => self.envelope(request, envelope, None, &mut out),
            Input::Reopen { request, envelope, row } => {
                self.envelope(request, envelope, Some(*row), &mut out)
            }
            Input::Judged { session, incarnation, call, gated } => {
                self.judged(&session, (incarnation, call), gated, &mut out)
            }
            Input::Continue => self.go_on(&mut out),
            Input::Tick => return self.tick(now),
            Input::Agent { session, incarnation, event } => {
                self.agent(&session, incarnation, event, &mut out);
                Risk::Happened
            }
            Input::Settled { session, incarnation, call, gated, answer, by } => {
                self.settled(&session, (incarnation, call), gated, (answer, by), &mut out);
                Risk::Happened
            }
            Input::Observed { session, incarnation, observed } => {
                self.observed(&session, incarnation, observed, &mut out);
                Risk::Happened
            }
            Input::Granted(row) => {
                self.granted(row, &mut out);
                Risk::Happened
            }
            Input::Approved { session, mode } => {
                self.approved(&session, mode, &mut out);
                Risk::Happened
            }
            Input::Configure(config) => {
                self.config = config;
                self.make_room(&mut out);
                Risk::Happened
            }
            Input::Drain(how) => {
                self.drain(how, &mut out);
                Risk::Happened
            }
            Input::KeepFailed(_) => Risk::Happened,
        };
        self.finish(out, risk)
    }

    /// When `Input::Tick` is next needed.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Timestamp> {
        self.timers.next()
    }

    /// What a screen may show about a session. What holds its agent is not known here.
    #[must_use]
    pub fn view(&self, session: &SessionId) -> Option<SessionView> {
        self.sessions.get(session).map(|found| found.view(self.asks.of_session(session)))
    }

    /// All that are open.
    #[must_use]
    pub fn views(&self) -> Vec<SessionView> {
        self.sessions.values().map(|found| found.view(self.asks.of_session(found.id()))).collect()
    }

    /// The asks that are not over, by id.
    #[must_use]
    pub fn asks(&self) -> Vec<AskRow> {
        self.asks.rows().cloned().collect()
    }

    /// Of open sessions, not revoked.
    #[must_use]
    pub fn grants(&self) -> Vec<GrantRow> {
        self.sessions.values().flat_map(|found| found.grants.values().cloned()).collect()
    }

    /// The session a chat's messages go to.
    #[must_use]
    pub fn current(&self, chat: &Chat) -> Option<&SessionId> {
        self.chats.get(chat)
    }

    /// How many agents are there, coming or going. After `Input::Drain` it goes to zero.
    #[must_use]
    pub fn agents(&self) -> usize {
        self.sessions.values().filter(|found| found.agent.incarnation().is_some()).count()
    }

    /// How many turns run.
    #[must_use]
    pub fn turns(&self) -> usize {
        self.sessions.values().filter(|found| found.turn.is_some()).count()
    }

    fn finish(&mut self, mut out: Out, risk: Risk) -> Vec<Action> {
        for session in std::mem::take(&mut out.touched) {
            self.retime(&session, out.now);
        }
        if !self.todo.is_empty() {
            out.act(Action::Continue);
        }
        self.durable.seal(out.facts, out.actions, risk)
    }

    /// One session begins what it may have to begin: one step, so that failing to keep it undoes nothing else.
    fn go_on(&mut self, out: &mut Out) -> Risk {
        let Some(id) = self.todo.pop_front() else { return Risk::Happened };
        let undo = durable::Undo::of_session(self, &id);
        self.advance(&id, out);
        out.touch(&id);
        Risk::Wanted { undo, instead: durable::Instead::Wait(id) }
    }

    fn tick(&mut self, now: Timestamp) -> Vec<Action> {
        let mut out = Out::at(now);
        while let Some(timer) = self.timers.take_due(now) {
            match timer {
                Timer::Ask(id) => {
                    if let Some(session) = self.asks.expire(&id, &mut out) {
                        out.touch(&session);
                    }
                }
                Timer::Session(id) => {
                    self.due(&id, &mut out);
                    out.touch(&id);
                }
                Timer::Line => self.make_room(&mut out),
                // What is kept next has it all in front.
                Timer::Backlog => out.facts.extend(self.durable.take_backlog()),
            }
        }
        self.finish(out, Risk::Happened)
    }

    /// Sets the session's timer and its turn's clock to what its state asks for.
    fn retime(&mut self, id: &SessionId, now: Timestamp) {
        let Some(session) = self.sessions.get_mut(id) else {
            self.timers.set(Timer::Session(id.clone()), None);
            return;
        };
        if let Some(turn) = &mut session.turn {
            let asking = if self.asks.any_open(id) { Asking::Somebody } else { Asking::Nobody };
            turn.clock(asking, now);
        }
        let turn = match session.agent {
            AgentState::Running { .. } => session.turn.as_ref().and_then(turn::Turn::deadline),
            _ => None,
        };
        let at = turn.into_iter().chain(session.stalled).min();
        self.timers.set(Timer::Session(id.clone()), at);
    }

    fn do_next(&mut self, session: &SessionId) {
        if !self.todo.contains(session) {
            self.todo.push_back(session.clone());
        }
    }

    fn number(&mut self) -> u64 {
        self.numbers = self.numbers.wrapping_add(1);
        self.numbers
    }
}
