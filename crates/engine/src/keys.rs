//! Which messages were accepted already, by the names their connectors gave them. The store knows the older ones.

use leashd_types::Chat;
use std::collections::{BTreeSet, VecDeque};

const KEYS_MAX: usize = 4096;

type Key = (Chat, String);

#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: BTreeSet<Key>,
    in_order: VecDeque<Key>,
}

impl Keys {
    pub(crate) fn contains(&self, key: &Key) -> bool {
        self.known.contains(key)
    }

    pub(crate) fn remember(&mut self, key: Key) {
        if !self.known.insert(key.clone()) {
            return;
        }
        self.in_order.push_back(key);
        if self.in_order.len() > KEYS_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// The message was not kept after all.
    pub(crate) fn forget(&mut self, key: &Key) {
        if self.known.remove(key) {
            self.in_order.retain(|known| known != key);
        }
    }
}
