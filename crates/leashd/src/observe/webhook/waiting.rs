//! Events that wait for one webhook, oldest first. When there are too many the oldest go.

use super::Numbered;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Events that may wait.
pub(super) const EVENTS_MAX: usize = 1000;
/// Bytes of them, about.
const BYTES_MAX: usize = 4 * 1024 * 1024;

#[derive(Debug, Default)]
pub(super) struct Waiting {
    inner: Mutex<Inner>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Inner {
    events: VecDeque<Arc<Numbered>>,
    bytes: usize,
    dropped: u64,
    door: Door,
}

/// Whether events come in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Door {
    #[default]
    Open,
    Closed,
}

impl Waiting {
    /// How many were dropped so far, if this one made one go.
    pub(super) fn put(&self, event: Arc<Numbered>) -> Option<u64> {
        let mut inner = self.lock();
        let before = inner.dropped;
        if inner.door == Door::Closed {
            inner.dropped += 1;
            return Some(inner.dropped);
        }
        inner.bytes += event.weight;
        inner.events.push_back(event);
        while inner.events.len() > EVENTS_MAX || (inner.bytes > BYTES_MAX && inner.events.len() > 1) {
            let weight = inner.events.pop_front().map_or(0, |oldest| oldest.weight);
            inner.bytes = inner.bytes.saturating_sub(weight);
            inner.dropped += 1;
        }
        let dropped = inner.dropped;
        drop(inner);
        self.changed.notify_one();
        (dropped > before).then_some(dropped)
    }

    /// The oldest. `None` when there will be no more.
    pub(super) async fn next(&self) -> Option<Arc<Numbered>> {
        loop {
            let changed = self.changed.notified();
            {
                let mut inner = self.lock();
                if let Some(event) = inner.events.pop_front() {
                    inner.bytes = inner.bytes.saturating_sub(event.weight);
                    return Some(event);
                }
                if inner.door == Door::Closed {
                    return None;
                }
            }
            changed.await;
        }
    }

    /// Returns when nothing more comes in.
    pub(super) async fn closed(&self) {
        loop {
            let changed = self.changed.notified();
            if self.lock().door == Door::Closed {
                // Whoever else waits for a change has to hear of this one.
                self.changed.notify_one();
                return;
            }
            changed.await;
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().door == Door::Closed
    }

    pub(super) fn close(&self) {
        self.lock().door = Door::Closed;
        self.changed.notify_one();
    }

    /// Empties the queue and counts what was in it as dropped.
    pub(super) fn give_up(&self) -> u64 {
        let mut inner = self.lock();
        let left = inner.events.len() as u64;
        inner.events.clear();
        inner.bytes = 0;
        inner.dropped += left;
        left
    }

    /// One that was taken out and will not be delivered.
    pub(super) fn lose_one(&self) {
        self.lock().dropped += 1;
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().events.len()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
