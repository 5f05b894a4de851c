//! How fast a bot may write. Telegram names three limits and lets short bursts pass, without saying how short; this
//! server lets none pass. Messages and edits count alike. Knows time only as it is told.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// So many messages and edits in any window of this length.
#[derive(Clone, Copy, Debug)]
pub struct Allowance {
    pub messages: usize,
    pub within: Duration,
}

/// The limits in force (<https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this>).
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    pub each_chat: Allowance,
    pub each_group: Allowance,
    pub overall: Allowance,
    /// Windows are shorter by this much: what was sent a second apart may arrive a little less than a second apart.
    pub slack: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        let second = Duration::from_secs(1);
        Self {
            each_chat: Allowance { messages: 1, within: second },
            each_group: Allowance { messages: 20, within: Duration::from_secs(60) },
            overall: Allowance { messages: 30, within: second },
            slack: Duration::from_millis(50),
        }
    }
}

impl Pace {
    /// For tests of something else.
    #[must_use]
    pub fn unlimited() -> Self {
        let all = Allowance { messages: usize::MAX, within: Duration::from_secs(1) };
        Self { each_chat: all, each_group: all, overall: all, slack: Duration::ZERO }
    }
}

/// What was said no to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimited {
    /// Answers of 429, all in all; storms do not count.
    pub answers: u32,
    pub by_chat: u32,
    pub by_group: u32,
    pub overall: u32,
    /// Requests that came before `retry_after` was over: the client does not listen.
    pub impatient: u32,
}

/// Keeps count.
#[derive(Debug, Default)]
pub(super) struct Meter {
    pub(super) pace: Pace,
    pub(super) limited: RateLimited,
    chats: BTreeMap<i64, VecDeque<Duration>>,
    all: VecDeque<Duration>,
    /// Until when a chat is told to wait.
    waits: BTreeMap<i64, Duration>,
}

impl Meter {
    /// Counts a message to a chat at a time, or says how many seconds to wait.
    pub(super) fn admit(&mut self, chat: i64, now: Duration) -> Result<(), u64> {
        if let Some(until) = self.waits.get(&chat).copied() {
            if now + self.pace.slack < until {
                self.limited.answers += 1;
                self.limited.impatient += 1;
                return Err(seconds(until.saturating_sub(now)));
            }
            self.waits.remove(&chat);
        }
        let Pace { each_chat, each_group, overall, slack } = self.pace;
        let sent = self.chats.entry(chat).or_default();
        let own = wait(sent, each_chat, slack, now);
        let group = if chat < 0 { wait(sent, each_group, slack, now) } else { Duration::ZERO };
        let all = wait(&self.all, overall, slack, now);
        let longest = own.max(group).max(all);
        if longest > Duration::ZERO {
            self.limited.answers += 1;
            let counter = match longest {
                it if it == own => &mut self.limited.by_chat,
                it if it == group => &mut self.limited.by_group,
                _ => &mut self.limited.overall,
            };
            *counter += 1;
            let seconds = seconds(longest);
            self.waits.insert(chat, now + Duration::from_secs(seconds));
            return Err(seconds);
        }
        for log in [sent, &mut self.all] {
            log.push_back(now);
            // No window is longer than the longest of these.
            let longest = each_chat.within.max(each_group.within).max(overall.within);
            while log.front().is_some_and(|it| *it + longest < now) {
                log.pop_front();
            }
        }
        Ok(())
    }

    /// The most messages and edits that arrived within any window of this length.
    pub(super) fn busiest(times: &[Duration], within: Duration) -> usize {
        let mut most = 0;
        let mut from = 0;
        for (at, time) in times.iter().enumerate() {
            while times.get(from).is_some_and(|it| *it + within <= *time) {
                from += 1;
            }
            most = most.max(at + 1 - from);
        }
        most
    }
}

fn wait(sent: &VecDeque<Duration>, allowance: Allowance, slack: Duration, now: Duration) -> Duration {
    let window = allowance.within.saturating_sub(slack);
    let Some(index) = sent.len().checked_sub(allowance.messages) else { return Duration::ZERO };
    let Some(oldest) = sent.get(index) else { return Duration::ZERO };
    (*oldest + window).saturating_sub(now)
}

fn seconds(wait: Duration) -> u64 {
    (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1)
}
