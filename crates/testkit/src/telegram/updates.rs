//! The queue of updates: kept for a day unless acknowledged, handed out to one poller. Knows no messages.

use super::published::UPDATE_KINDS;
use serde_json::{Value, json};
use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

/// Telegram keeps updates no longer.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);
/// Kinds that come only to bots that ask for them.
const NOT_BY_DEFAULT: [&str; 3] = ["chat_member", "message_reaction", "message_reaction_count"];

/// How updates are handed out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Delivery {
    #[default]
    InOrder,
    /// Each one twice in an answer.
    Twice,
    /// What was acknowledged comes once more with the next answer.
    Again,
    /// The latest first.
    Backwards,
}

#[derive(Clone, Debug)]
struct Update {
    id: i64,
    at: Duration,
    value: Value,
}

#[derive(Debug)]
pub(super) struct Updates {
    next: i64,
    waiting: VecDeque<Update>,
    acknowledged: Vec<Update>,
    allowed: BTreeSet<String>,
    /// What the bot asked for, word for word.
    pub(super) asked: Option<Vec<String>>,
    pub(super) delivery: Delivery,
    /// Counted up with each poll; only the latest is served.
    pub(super) poll: u64,
    last: Option<(i64, Duration)>,
    /// Updates that were dropped because nobody asked for a day.
    pub(super) expired: usize,
}

/// A poll that is being served.
#[derive(Clone, Copy, Debug)]
pub(super) struct Poll {
    pub(super) number: u64,
    pub(super) limit: usize,
    pub(super) until: Duration,
}

impl Updates {
    pub(super) fn new(first: i64) -> Self {
        Self {
            next: first,
            waiting: VecDeque::new(),
            acknowledged: Vec::new(),
            allowed: default_kinds(),
            asked: None,
            delivery: Delivery::InOrder,
            poll: 0,
            last: None,
            expired: 0,
        }
    }

    /// Queues an update, if the bot wants its kind.
    pub(super) fn add(&mut self, kind: &str, content: Value, now: Duration) {
        if self.allowed.contains(kind) {
            self.add_any(json!({kind: content}), now);
        }
    }

    /// Queues anything; an object gets its `update_id`.
    pub(super) fn add_any(&mut self, mut value: Value, now: Duration) {
        let id = self.next;
        self.next += 1;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("update_id".into(), json!(id));
        }
        self.waiting.push_back(Update { id, at: now, value });
    }

    /// After a quiet week ids may start anywhere.
    pub(super) fn restart_ids(&mut self, next: i64) {
        self.next = next;
    }

    pub(super) fn pending(&mut self, now: Duration) -> usize {
        self.forget_old(now);
        self.waiting.len()
    }

    pub(super) fn clear(&mut self) {
        self.waiting.clear();
    }

    fn forget_old(&mut self, now: Duration) {
        let before = self.waiting.len();
        self.waiting.retain(|it| it.at + KEPT > now);
        self.expired += before - self.waiting.len();
    }

    /// Takes note of a poll: what it acknowledges, what it wants, that older ones are over.
    pub(super) fn open(
        &mut self,
        offset: i64,
        limit: i64,
        timeout: i64,
        allowed: Option<Vec<String>>,
        now: Duration,
    ) -> Poll {
        self.forget_old(now);
        if let Some(kinds) = allowed {
            let known = |it: &&String| UPDATE_KINDS.contains(&it.as_str());
            let chosen: BTreeSet<_> = kinds.iter().filter(known).cloned().collect();
            self.allowed = if chosen.is_empty() { default_kinds() } else { chosen };
            self.asked = Some(kinds);
        }
        // An offset from the future, as after a restart of the ids, acknowledges nothing.
        let keeps = if offset < 0 {
            let keep = usize::try_from(offset.unsigned_abs()).unwrap_or(usize::MAX);
            let first = self.waiting.len().saturating_sub(keep);
            self.waiting.get(first).map_or(i64::MAX, |it| it.id)
        } else if offset > self.next {
            0
        } else {
            offset
        };
        let (kept, gone): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|it| it.id >= keeps);
        self.waiting = kept.into();
        if !gone.is_empty() {
            self.acknowledged = gone;
        }
        // The published server calms pollers that ask the same over and over.
        let mut limit = usize::try_from(limit.clamp(1, 100)).unwrap_or(1);
        let mut timeout = u64::try_from(timeout.clamp(0, 50)).unwrap_or(0);
        if let Some((before, at)) = self.last
            && before == offset
        {
            if timeout < 3 && now < at + Duration::from_secs(3) {
                timeout = 3;
            }
            if now < at + Duration::from_millis(500) {
                limit = 1;
            }
        }
        self.last = Some((offset, now));
        self.poll += 1;
        Poll { number: self.poll, limit, until: now + Duration::from_secs(timeout) }
    }

    /// What is there for a poll.
    pub(super) fn batch(&mut self, limit: usize) -> Vec<Value> {
        let fresh = self.waiting.iter().take(limit).map(|it| it.value.clone());
        match self.delivery {
            Delivery::InOrder => fresh.collect(),
            Delivery::Twice => fresh.flat_map(|it| [it.clone(), it]).collect(),
            Delivery::Backwards => {
                let mut batch: Vec<_> = fresh.collect();
                batch.reverse();
                batch
            }
            Delivery::Again => {
                let fresh: Vec<_> = fresh.collect();
                self.acknowledged.drain(..).map(|it| it.value).chain(fresh).collect()
            }
        }
    }
}

fn default_kinds() -> BTreeSet<String> {
    UPDATE_KINDS.iter().filter(|it| !NOT_BY_DEFAULT.contains(it)).map(|it| (*it).to_owned()).collect()
}
