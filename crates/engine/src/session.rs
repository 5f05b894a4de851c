//! One session: a conversation in a directory, its agent if one is there, its turn, the messages that wait.

use crate::config::Limits;
use crate::input::{Action, Begin, Incarnation};
use crate::names;
use crate::out::Out;
use crate::texts::{messages, preview_of};
use crate::turn::Turn;
use leashd_types::{
    Ask, CallId, Event, GrantRow, Kept, MessageRow, MessageState, Mode, Role, SessionId, SessionRow,
    SessionView, Timestamp, TurnId, TurnOutcome, UserId,
};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) row: SessionRow,
    pub(crate) agent: AgentState,
    pub(crate) turn: Option<Turn>,
    pub(crate) waiting: VecDeque<Arc<MessageRow>>,
    pub(crate) grants: BTreeMap<String, GrantRow>,
    /// Why the agent ends, known before it is gone.
    pub(crate) ending: Option<(String, Ended)>,
    /// When the next turn, which could not be written down, is tried again.
    pub(crate) stalled: Option<Timestamp>,
    /// How often that failed.
    pub(crate) failures: u32,
    /// The tool of each call outside of any turn: hosts that a command in the background wants to reach.
    pub(crate) loose: BTreeMap<CallId, String>,
    /// Calls that the gate has not said anything about so far.
    pub(crate) judging: usize,
    /// Reports of what ran that the gate has not looked at so far.
    pub(crate) observing: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentState {
    Absent,
    /// Wants one; all places are taken.
    InLine,
    Starting {
        incarnation: Incarnation,
        attempt: Attempt,
    },
    Idle {
        incarnation: Incarnation,
        since: Timestamp,
    },
    /// INVARIANT: there is a turn.
    Running {
        incarnation: Incarnation,
    },
    /// Told to stop; the process is not gone yet.
    Stopping {
        incarnation: Incarnation,
        then: Then,
    },
}

/// Whether a start that fails is tried once more, without the earlier conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt {
    Resuming,
    Fresh,
}

/// What comes after an agent that was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    /// It starts again when there is something to do.
    Rest,
    /// It did what it must not, or the conversation cannot go on: people are told, and say what happens next.
    Fail,
    Close,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Well,
    Badly,
}

impl AgentState {
    pub(crate) fn incarnation(self) -> Option<Incarnation> {
        match self {
            AgentState::Absent | AgentState::InLine => None,
            AgentState::Starting { incarnation, .. }
            | AgentState::Idle { incarnation, .. }
            | AgentState::Running { incarnation }
            | AgentState::Stopping { incarnation, .. } => Some(incarnation),
        }
    }
}

impl Session {
    pub(crate) fn new(row: SessionRow) -> Self {
        Self {
            row,
            agent: AgentState::Absent,
            turn: None,
            waiting: VecDeque::new(),
            grants: BTreeMap::new(),
            ending: None,
            stalled: None,
            failures: 0,
            loose: BTreeMap::new(),
            judging: 0,
            observing: 0,
        }
    }

    pub(crate) fn id(&self) -> &SessionId {
        &self.row.session
    }

    pub(crate) fn keep(&self, out: &mut Out) {
        out.keep(Kept::Session(self.row.clone()));
    }

    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.agent, AgentState::Stopping { then: Then::Close, .. })
    }

    /// Whether the agent is there, and stays.
    pub(crate) fn is_served(&self) -> bool {
        matches!(self.agent, AgentState::Idle { .. } | AgentState::Running { .. })
    }

    pub(crate) fn wants(&mut self, call: &CallId, tool: &str) {
        match &mut self.turn {
            Some(turn) => turn.wants(call, tool),
            None => drop(self.loose.insert(call.clone(), tool.to_owned())),
        }
    }

    /// Whether somebody waits for the reply to this call.
    pub(crate) fn waits_for(&self, call: &CallId) -> bool {
        let wanted =
            self.loose.contains_key(call) || self.turn.as_ref().is_some_and(|turn| turn.waits_for(call));
        self.is_served() && wanted
    }

    pub(crate) fn withdrawn(&mut self, call: &CallId) {
        self.loose.remove(call);
        if let Some(turn) = &mut self.turn {
            turn.withdrawn(call);
        }
    }

    /// Takes a message in. It is given to the agent when the time comes.
    pub(crate) fn queue(&mut self, row: MessageRow, out: &mut Out) {
        self.row.messages = self.row.messages.saturating_add(1);
        self.row.last_used = out.now;
        let preview = preview_of(&row.text);
        self.keep(out);
        out.keep(Kept::Message(row.clone()));
        self.waiting.push_back(Arc::new(row));
        if self.turn.is_some() || matches!(self.agent, AgentState::Stopping { .. }) {
            let (session, waiting) = (self.id().clone(), self.waiting.len());
            out.show(Event::MessageQueued { session, waiting, preview });
        }
    }

    /// Starts an agent. There is a place for it.
    pub(crate) fn start(&mut self, incarnation: Incarnation, attempt: Attempt, number: u64, out: &mut Out) {
        let begin = match (attempt, &self.row.agent_session) {
            (Attempt::Resuming, Some(id)) => Begin::Resume(id.clone()),
            (Attempt::Resuming, None) if self.row.turns == 0 => Begin::First,
            _ => Begin::Fresh(names::conversation(self.id(), out.now, number)),
        };
        self.ending = None;
        self.loose.clear();
        self.judging = 0;
        self.observing = 0;
        self.agent = AgentState::Starting { incarnation, attempt };
        out.act(Action::Start {
            row: self.row.clone(),
            attended: self.row.attended,
            incarnation,
            begin,
            grants: self.grants.values().cloned().collect(),
        });
    }

    /// Starts a turn with everything that waits, joined by blank lines.
    pub(crate) fn next_turn(&mut self, incarnation: Incarnation, limits: &Limits, out: &mut Out) {
        let id = self.next_turn_id();
        let given: Vec<Arc<MessageRow>> = self
            .waiting
            .drain(..)
            .map(|message| {
                let row =
                    MessageRow { state: MessageState::Given, turn: Some(id.clone()), ..(*message).clone() };
                out.keep(Kept::Message(row.clone()));
                Arc::new(row)
            })
            .collect();
        self.keep(out);
        let turn = Turn::new(id.clone(), given, out.now, limits.turn);
        let (text, attachments) = turn.prompt();
        self.turn = Some(turn);
        self.agent = AgentState::Running { incarnation };
        self.failures = 0;
        let session = self.id().clone();
        out.show(Event::MessageIn { session: session.clone(), turn: id.clone(), text: text.clone() });
        out.act(Action::Prompt { session, turn: id, text, attachments });
    }

    /// The agent acts without a prompt of ours: a background task of its own ended.
    pub(crate) fn implicit_turn(&mut self, limits: &Limits, out: &mut Out) {
        if let AgentState::Idle { incarnation, .. } = self.agent {
            let id = self.next_turn_id();
            self.keep(out);
            self.turn = Some(Turn::new(id, Vec::new(), out.now, limits.turn));
            self.agent = AgentState::Running { incarnation };
        }
    }

    /// The turn is over: what it was about is done, what the agent said is kept.
    pub(crate) fn end_turn(&mut self, outcome: TurnOutcome, result: &str, number: u64, out: &mut Out) {
        let Some(turn) = self.turn.take() else { return };
        for message in &turn.messages {
            out.keep(Kept::Message(MessageRow { state: MessageState::Done, ..(**message).clone() }));
        }
        let text = if turn.answer.is_empty() { result } else { turn.answer.as_str() };
        if !text.is_empty() {
            let row = self.answer_row(&turn, text.to_owned(), number, out.now);
            self.row.messages = self.row.messages.saturating_add(1);
            out.keep(Kept::Message(row));
        }
        self.row.total_cost += turn.cost;
        self.row.last_used = out.now;
        self.keep(out);
        out.show(turn.completed(self.row.session.clone(), outcome, self.row.total_cost, out.now));
        if let AgentState::Running { incarnation } = self.agent {
            self.agent = AgentState::Idle { incarnation, since: out.now };
        }
    }

    /// Takes back everything that waits. Returns how much that was.
    pub(crate) fn drop_waiting(&mut self, out: &mut Out) -> usize {
        let dropped = self.waiting.len();
        for message in self.waiting.drain(..) {
            out.keep(Kept::Message(MessageRow { state: MessageState::Dropped, ..(*message).clone() }));
        }
        self.stalled = None;
        dropped
    }

    pub(crate) fn revoke_all(&mut self, by: &UserId, out: &mut Out) {
        let ids: Vec<String> = self.grants.keys().cloned().collect();
        for id in &ids {
            self.revoke(id, by, out);
        }
    }

    pub(crate) fn revoke(&mut self, grant: &str, by: &UserId, out: &mut Out) {
        let Some(row) = self.grants.remove(grant) else { return };
        out.keep(Kept::Grant(GrantRow { revoked: Some(out.now), ..row }));
        let session = self.id().clone();
        out.show(Event::GrantRevoked { grant: grant.to_owned(), session, by: by.clone() });
    }

    /// Tells the gate's side what calls are judged under.
    pub(crate) fn terms(&self, out: &mut Out) {
        out.act(Action::Terms {
            session: self.id().clone(),
            mode: self.row.mode,
            grants: self.grants.values().cloned().collect(),
        });
    }

    /// Modes in which more is asked begin without what was opened in others.
    pub(crate) fn set_mode(&mut self, mode: Mode, by: &UserId, out: &mut Out) {
        self.row.mode = mode;
        self.row.last_used = out.now;
        match mode {
            Mode::Edit => {}
            Mode::Default | Mode::Plan | Mode::Test | Mode::Merge => self.revoke_all(by, out),
        }
        self.keep(out);
        self.terms(out);
        out.act(Action::SetMode { session: self.id().clone(), mode });
        out.show(Event::ModeChanged { session: self.id().clone(), mode });
    }

    /// Tells the agent to go, if one is there.
    pub(crate) fn stop_agent(&mut self, then: Then, out: &mut Out) {
        match self.agent {
            AgentState::Absent => {}
            AgentState::InLine => self.agent = AgentState::Absent,
            AgentState::Starting { incarnation, .. }
            | AgentState::Idle { incarnation, .. }
            | AgentState::Running { incarnation } => {
                self.agent = AgentState::Stopping { incarnation, then };
                out.act(Action::Stop { session: self.id().clone() });
            }
            AgentState::Stopping { incarnation, then: before } => {
                let then = if before == Then::Close { before } else { then };
                self.agent = AgentState::Stopping { incarnation, then };
            }
        }
    }

    /// Stops the agent because of something it did.
    pub(crate) fn fail(&mut self, reason: String, out: &mut Out) {
        self.ending.get_or_insert((reason, Ended::Badly));
        self.stop_agent(Then::Fail, out);
    }

    pub(crate) fn ended(&self, reason: String, ended: Ended, out: &mut Out) {
        let failed = ended == Ended::Badly;
        out.show(Event::SessionEnded { session: self.id().clone(), reason, failed });
        if !self.waiting.is_empty() && !self.is_closing() {
            let waiting = messages(self.waiting.len());
            out.warn(
                self.id(),
                format!("{waiting} not given to the agent; your next message starts it again"),
            );
        }
    }

    pub(crate) fn view(&self, open_asks: Vec<Ask>) -> SessionView {
        SessionView {
            session: self.id().clone(),
            chat: self.row.chat.clone(),
            current: self.row.current,
            agent: self.row.agent,
            directory: self.row.directory.clone(),
            workspace: self.row.workspace.clone(),
            mode: self.row.mode,
            policy: self.row.policy.clone(),
            running_since: self.turn.as_ref().map(|turn| turn.started),
            queued: self.waiting.len(),
            turns: self.row.turns,
            messages: self.row.messages,
            total_cost: self.row.total_cost,
            containment: String::new(),
            created: self.row.created,
            last_used: self.row.last_used,
            open_asks,
        }
    }

    fn next_turn_id(&mut self) -> TurnId {
        self.row.turns = self.row.turns.saturating_add(1);
        TurnId::new(self.row.turns.to_string())
    }

    fn answer_row(&self, turn: &Turn, text: String, number: u64, now: Timestamp) -> MessageRow {
        MessageRow {
            id: names::message(self.id(), now, number),
            session: self.id().clone(),
            chat: self.row.chat.clone(),
            turn: Some(turn.id.clone()),
            role: Role::Assistant,
            from: None,
            key: None,
            text,
            attachments: Vec::new(),
            state: MessageState::Done,
            cost: turn.cost,
            duration_ms: turn.duration_ms(now),
            at: now,
        }
    }
}
