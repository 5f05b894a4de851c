//! How fast a bot may write: at most so many messages and edits in any window, for each chat, each group and all chats.
//! A window is counted from when Telegram had answered, so that what is sent in time can never arrive too early. Knows
//! time only as it is told.

use super::Priority;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// So many messages and edits in any window of this length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    pub messages: usize,
    pub within: Duration,
}

/// What Telegram allows (<https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>), and how
/// much may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub each_chat: Allowance,
    pub each_group: Allowance,
    pub overall: Allowance,
    /// What may wait for one chat, and for all.
    pub waiting_each: usize,
    pub waiting: usize,
    /// Bytes of files that may wait.
    pub waiting_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            each_chat: Allowance { messages: 1, within: second },
            each_group: Allowance { messages: 20, within: Duration::from_secs(60) },
            overall: Allowance { messages: 30, within: second },
            waiting_each: 512,
            waiting: 8192,
            waiting_bytes: 256 * 1024 * 1024,
        }
    }
}

impl Limits {
    /// For tests and measurements of something else.
    #[must_use]
    pub fn unpaced() -> Self {
        let all = Allowance { messages: usize::MAX, within: Duration::ZERO };
        Self { each_chat: all, each_group: all, overall: all, ..Self::default() }
    }
}

/// Of the allowance of a group and of all chats, so much is kept for what is more urgent: in tenths.
fn share(priority: Priority) -> usize {
    match priority {
        Priority::Stop | Priority::Card => 10,
        Priority::Reply => 9,
        Priority::Stream => 7,
    }
}

impl Allowance {
    /// The part of it that is for this priority; never nothing.
    pub(super) fn of(self, priority: Priority) -> Self {
        let messages = (self.messages / 10).saturating_mul(share(priority))
            + (self.messages % 10).saturating_mul(share(priority)) / 10;
        Self { messages: messages.max(1), ..self }
    }
}

/// From when on something may be sent; the later, the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum When {
    Now,
    At(Instant),
    /// Nobody knows: what is under way has to arrive first.
    SomethingArrived,
}

impl From<Option<Instant>> for When {
    fn from(until: Option<Instant>) -> Self {
        until.map_or(Self::Now, Self::At)
    }
}

/// When messages were sent lately.
#[derive(Debug, Default)]
pub(super) struct Log(VecDeque<Instant>);

impl Log {
    pub(super) fn add(&mut self, now: Instant, longest: Duration) {
        while self.0.front().is_some_and(|it| *it + longest <= now) {
            self.0.pop_front();
        }
        self.0.push_back(now);
    }

    /// When one more may be sent, if `under_way` are being sent.
    pub(super) fn free(&self, allowance: Allowance, under_way: usize) -> When {
        let Some(room) = allowance.messages.checked_sub(under_way).filter(|it| *it > 0) else {
            return When::SomethingArrived;
        };
        let oldest = self.0.len().checked_sub(room).and_then(|it| self.0.get(it));
        oldest.map_or(When::Now, |it| When::At(*it + allowance.within))
    }

    pub(super) fn is_over(&self, longest: Duration, now: Instant) -> bool {
        self.0.back().is_none_or(|it| *it + longest <= now)
    }
}
