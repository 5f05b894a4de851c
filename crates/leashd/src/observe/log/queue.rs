//! A bounded queue between many that must not wait and one that may: what does not fit is counted and dropped. Knows
//! nothing of what it carries but its weight.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How much may wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) items: usize,
    pub(super) bytes: usize,
}

#[derive(Debug)]
pub(super) struct Queue<T> {
    room: Room,
    inner: Mutex<Inner<T>>,
    /// Something was put in, or nothing more will be.
    filled: Condvar,
    /// What was taken is done.
    done: Condvar,
}

#[derive(Debug)]
struct Inner<T> {
    waiting: VecDeque<T>,
    bytes: usize,
    put: u64,
    done: u64,
    dropped: u64,
    end: End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Open,
    /// Nothing more comes in.
    Closed,
    /// Nor out: whoever took is gone.
    Left,
}

impl<T> Queue<T> {
    pub(super) fn new(room: Room) -> Self {
        let inner = Inner { waiting: VecDeque::new(), bytes: 0, put: 0, done: 0, dropped: 0, end: End::Open };
        Self { room, inner: Mutex::new(inner), filled: Condvar::new(), done: Condvar::new() }
    }

    /// Never waits for the one who takes.
    pub(super) fn put(&self, item: T, bytes: usize) {
        let mut inner = self.lock();
        let full = inner.waiting.len() >= self.room.items || inner.bytes + bytes > self.room.bytes;
        if full || inner.end != End::Open {
            inner.dropped += 1;
            return;
        }
        inner.waiting.push_back(item);
        inner.bytes += bytes;
        inner.put += 1;
        drop(inner);
        self.filled.notify_one();
    }

    /// Waits for items and takes all of them. `None` when there will be no more.
    pub(super) fn take(&self) -> Option<VecDeque<T>> {
        let mut inner = self.lock();
        while inner.waiting.is_empty() {
            if inner.end != End::Open {
                return None;
            }
            inner = self.filled.wait(inner).unwrap_or_else(PoisonError::into_inner);
        }
        inner.bytes = 0;
        Some(std::mem::take(&mut inner.waiting))
    }

    /// The taker is done with so many.
    pub(super) fn finished(&self, items: usize) {
        self.lock().done += items as u64;
        self.done.notify_all();
    }

    /// The taker has let go of everything and will not come back.
    pub(super) fn leave(&self) {
        self.lock().end = End::Left;
        self.done.notify_all();
    }

    /// Waits until everything put in so far is done. False if that took too long.
    pub(super) fn flush(&self, within: Duration) -> bool {
        let upto = self.lock().put;
        self.wait(within, |inner| inner.done >= upto)
    }

    /// Takes nothing more, and waits until what was put in is done and the taker gone. False if that took too long.
    pub(super) fn close(&self, within: Duration) -> bool {
        {
            let mut inner = self.lock();
            if inner.end == End::Open {
                inner.end = End::Closed;
            }
        }
        self.filled.notify_all();
        self.wait(within, |inner| inner.end == End::Left)
    }

    fn wait(&self, within: Duration, is_so: impl Fn(&Inner<T>) -> bool) -> bool {
        let deadline = Instant::now() + within;
        let mut inner = self.lock();
        while !is_so(&inner) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let waited = self.done.wait_timeout(inner, left);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Items that did not fit.
    pub(super) fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    pub(super) fn depth(&self) -> usize {
        self.lock().waiting.len()
    }

    fn lock(&self) -> MutexGuard<'_, Inner<T>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
