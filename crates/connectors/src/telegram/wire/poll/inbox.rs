//! Which updates are new, and up to where everything is stored. Telegram counts updates up, but may start anywhere after
//! a quiet week. Makes no request.

use super::super::model::Update;
use super::decode::decode;
use serde_json::Value;
use std::collections::{HashSet, VecDeque};

/// Ids that are remembered, the latest.
const KNOWN_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(super) struct Inbox {
    /// The first update that is not known to be stored.
    offset: Option<i64>,
    /// What Telegram was told.
    told: Option<i64>,
    known: HashSet<i64>,
    order: VecDeque<i64>,
}

/// One update of a batch.
#[derive(Debug)]
pub(super) enum Entry {
    Fresh(Box<Update>),
    /// It was stored before.
    Known(i64),
    /// It cannot be read, or is of a kind nobody knows. With its id, if it has one.
    Skipped(Option<i64>),
}

impl Entry {
    fn id(&self) -> Option<i64> {
        match self {
            Self::Fresh(update) => Some(update.id),
            Self::Known(id) => Some(*id),
            Self::Skipped(id) => *id,
        }
    }
}

impl Inbox {
    pub(super) fn new(seen: &[i64]) -> Self {
        let mut inbox = Self::default();
        for id in seen {
            inbox.remember(*id);
        }
        inbox
    }

    pub(super) fn offset(&self) -> Option<i64> {
        self.offset
    }

    /// Telegram was told that everything before this is stored.
    pub(super) fn said(&mut self, offset: Option<i64>) {
        self.told = offset;
    }

    /// What Telegram was not told yet.
    pub(super) fn unsaid(&self) -> Option<i64> {
        self.offset.filter(|_| self.told != self.offset)
    }

    /// In the order they were made, each once.
    pub(super) fn sort(&self, batch: Vec<Value>) -> Vec<Entry> {
        let entry = |value| match decode(value) {
            (Some(id), _) if self.known.contains(&id) => Entry::Known(id),
            (_, Some(update)) => Entry::Fresh(Box::new(update)),
            (id, None) => Entry::Skipped(id),
        };
        let mut entries: Vec<_> = batch.into_iter().map(entry).collect();
        entries.sort_by_key(Entry::id);
        entries.dedup_by(|a, b| a.id().is_some() && a.id() == b.id());
        entries
    }

    /// This one is stored, and all before it.
    pub(super) fn stored(&mut self, id: i64) {
        let next = id.saturating_add(1);
        // An old one that came again moves nothing back; a new one with a lower number does: Telegram counts anew.
        if !self.known.contains(&id) || self.offset.is_none_or(|it| it < next) {
            self.offset = Some(next);
        }
        self.remember(id);
    }

    pub(super) fn remember(&mut self, id: i64) {
        if self.known.insert(id) {
            self.order.push_back(id);
        }
        if self.order.len() > KNOWN_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }
}
