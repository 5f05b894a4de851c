//! What is known of chats, sessions and asks while the connector runs. All of it comes back from the desk after a restart.

use super::cards::Chosen;
use super::markup::clip;
use super::wire::{MessageId, Stream};
use leashd_types::{Ask, AskId, AskKind, Mode, SessionId, SessionView, visible};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// Strangers who were told, remembered.
const TOLD_MAX: usize = 1000;
/// People whose names are known.
const NAMES_MAX: usize = 1000;
/// UTF-16 units of a name.
const NAME_MAX: usize = 32;
/// Asks that are known to be over: more than can be told of in the wrong order.
const OVER_MAX: usize = 256;
/// One is told again after this long.
const TELL_AGAIN: Duration = Duration::from_secs(60);
/// A message for a commit is waited for this long.
const COMMIT_WAIT: Duration = Duration::from_secs(300);

#[derive(Debug, Default)]
pub(crate) struct Memory {
    rooms: BTreeMap<i64, Room>,
    sessions: BTreeMap<SessionId, Talking>,
    asks: BTreeMap<AskId, Pending>,
    /// Counts asks, so that the oldest is known.
    asked: u64,
    told: BTreeMap<i64, Instant>,
    /// What people call themselves, strangers too.
    names: BTreeMap<i64, String>,
    /// Asks that are over, the latest last.
    over: VecDeque<AskId>,
}

/// A chat.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) current: Option<SessionId>,
    commit: Option<Commit>,
}

/// The next text of this person is the message of a commit.
#[derive(Clone, Debug)]
struct Commit {
    session: SessionId,
    person: i64,
    until: Instant,
}

/// A session of one of our chats.
#[derive(Debug)]
pub(crate) struct Talking {
    pub(crate) chat: i64,
    pub(crate) directory: PathBuf,
    pub(crate) workspace: Option<String>,
    pub(crate) mode: Mode,
    pub(crate) stream: Option<Stream>,
    /// The question whether what waits should wait.
    pub(crate) waiting: Waiting,
    /// Denials told in this turn.
    pub(crate) denials: usize,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Waiting {
    #[default]
    Nothing,
    /// Being sent; so many wait.
    Sending(usize),
    Asked {
        message: MessageId,
        waiting: usize,
    },
}

/// An ask that is not over.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) ask: Ask,
    pub(crate) chat: i64,
    pub(crate) number: u64,
    pub(crate) chosen: Chosen,
    /// Answers to questions so far, by the text of the question.
    pub(crate) answers: BTreeMap<String, String>,
    pub(crate) stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Open,
    /// The agent does not have the answer yet.
    Answered,
}

impl Memory {
    pub(crate) fn room(&mut self, chat: i64) -> &mut Room {
        self.rooms.entry(chat).or_default()
    }

    pub(crate) fn current(&self, chat: i64) -> Option<SessionId> {
        self.rooms.get(&chat).and_then(|room| room.current.clone())
    }

    pub(crate) fn is_current(&self, session: &SessionId) -> bool {
        self.sessions
            .get(session)
            .and_then(|talking| self.rooms.get(&talking.chat))
            .is_some_and(|room| room.current.as_ref() == Some(session))
    }

    pub(crate) fn talking(&mut self, session: &SessionId) -> Option<&mut Talking> {
        self.sessions.get_mut(session)
    }

    pub(crate) fn chat_of(&self, session: &SessionId) -> Option<i64> {
        self.sessions.get(session).map(|talking| talking.chat)
    }

    /// A session is in this chat now.
    pub(crate) fn arrives(&mut self, view: &SessionView, chat: i64) {
        self.arrives_with(&view.session, chat, (view.directory.clone(), view.workspace.clone(), view.mode));
        if view.current {
            self.room(chat).current = Some(view.session.clone());
        }
    }

    pub(crate) fn arrives_with(
        &mut self,
        session: &SessionId,
        chat: i64,
        (directory, workspace, mode): (PathBuf, Option<String>, Mode),
    ) {
        let talking =
            Talking { chat, directory, workspace, mode, stream: None, waiting: Waiting::Nothing, denials: 0 };
        self.sessions.insert(session.clone(), talking);
    }

    /// A session is over, or somewhere else.
    pub(crate) fn leaves(&mut self, session: &SessionId) -> Option<Talking> {
        let talking = self.sessions.remove(session)?;
        if let Some(room) = self.rooms.get_mut(&talking.chat)
            && room.current.as_ref() == Some(session)
        {
            room.current = None;
        }
        Some(talking)
    }

    /// Waits for the message of a commit.
    pub(crate) fn expect_commit(&mut self, chat: i64, person: i64, session: &SessionId) {
        let until = Instant::now() + COMMIT_WAIT;
        self.room(chat).commit = Some(Commit { session: session.clone(), person, until });
    }

    /// The session whose commit this person's text is the message of. It is asked once.
    pub(crate) fn take_commit(&mut self, chat: i64, person: i64) -> Option<SessionId> {
        let room = self.rooms.get_mut(&chat)?;
        let commit = room.commit.take_if(|commit| commit.person == person)?;
        (commit.until > Instant::now()).then_some(commit.session)
    }

    pub(crate) fn forget_commit(&mut self, chat: i64) {
        if let Some(room) = self.rooms.get_mut(&chat) {
            room.commit = None;
        }
    }

    /// A new ask, unless it is known, or known to be over.
    pub(crate) fn asks(&mut self, ask: &Ask, chat: i64) -> Known {
        if self.asks.contains_key(&ask.id) || self.over.contains(&ask.id) {
            return Known::Before;
        }
        self.asked = self.asked.saturating_add(1);
        let pending = Pending {
            ask: ask.clone(),
            chat,
            number: self.asked,
            chosen: Chosen::default(),
            answers: BTreeMap::new(),
            stage: Stage::Open,
        };
        self.asks.insert(ask.id.clone(), pending);
        Known::New
    }

    pub(crate) fn ask(&mut self, ask: &AskId) -> Option<&mut Pending> {
        self.asks.get_mut(ask)
    }

    /// An ask is over; whoever tells later that it is open is late.
    pub(crate) fn is_over(&mut self, ask: &AskId) -> Option<Pending> {
        if self.over.len() >= OVER_MAX {
            self.over.pop_front();
        }
        self.over.push_back(ask.clone());
        self.asks.remove(ask)
    }

    pub(crate) fn is_called(&mut self, person: i64, name: &str) {
        let name = clip(&visible(name.trim()), NAME_MAX);
        if name.is_empty() {
            return;
        }
        if self.names.len() >= NAMES_MAX && !self.names.contains_key(&person) {
            self.names.pop_first();
        }
        self.names.insert(person, name);
    }

    pub(crate) fn name(&self, person: i64) -> Option<String> {
        self.names.get(&person).cloned()
    }

    /// The oldest ask that plain text in this chat answers.
    pub(crate) fn oldest_here(&self, chat: i64) -> Option<Pending> {
        let here = |pending: &&Pending| {
            pending.chat == chat && pending.stage == Stage::Open && self.is_current(&pending.ask.session)
        };
        // A person who writes while an approval waits means the approval.
        let rank = |pending: &&Pending| match pending.ask.kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => (0, pending.number),
            AskKind::PlanReview { .. } | AskKind::Question { .. } => (1, pending.number),
        };
        self.asks.values().filter(here).min_by_key(rank).cloned()
    }

    /// Whether a stranger is to be told now.
    pub(crate) fn tells(&mut self, person: i64) -> Told {
        let now = Instant::now();
        self.told.retain(|_, at| now.duration_since(*at) < TELL_AGAIN);
        if self.told.len() >= TOLD_MAX || self.told.contains_key(&person) {
            return Told::Lately;
        }
        self.told.insert(person, now);
        Told::Now
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    New,
    Before,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Now,
    Lately,
}
