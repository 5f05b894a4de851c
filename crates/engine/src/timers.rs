//! When the engine wants to be woken. What is due is found without looking at what is not.

use leashd_types::{AskId, SessionId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// Nobody answered in time.
    Ask(AskId),
    /// A turn runs too long, or is to be tried again.
    Session(SessionId),
    /// An agent that does nothing may make room.
    Line,
    /// What could not be kept is tried again.
    Backlog,
}

#[derive(Debug, Default)]
pub(crate) struct Timers {
    by_time: BTreeSet<(Timestamp, Timer)>,
    set: BTreeMap<Timer, Timestamp>,
}

impl Timers {
    pub(crate) fn set(&mut self, timer: Timer, at: Option<Timestamp>) {
        if self.set.get(&timer).copied() == at {
            return;
        }
        if let Some(before) = self.set.remove(&timer) {
            self.by_time.remove(&(before, timer.clone()));
        }
        if let Some(at) = at {
            self.set.insert(timer.clone(), at);
            self.by_time.insert((at, timer));
        }
    }

    pub(crate) fn next(&self) -> Option<Timestamp> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// The one that has been due longest; it is set no more.
    pub(crate) fn take_due(&mut self, now: Timestamp) -> Option<Timer> {
        let (at, timer) = self.by_time.first().filter(|(at, _)| *at <= now).cloned()?;
        self.by_time.remove(&(at, timer.clone()));
        self.set.remove(&timer);
        Some(timer)
    }
}
