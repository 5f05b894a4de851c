//! What waits, in which order it goes, and when. Knows time only as it is told, and makes no request.

use super::super::failure::Failure;
use super::job::{Job, Outcome};
use super::pace::Limits;
use tokio::time::Instant;

#[derive(Debug)]
pub(super) struct Queue {
    _limits: Limits,
}

impl Queue {
    pub(super) fn new(limits: Limits) -> Self {
        Self { _limits: limits }
    }

    pub(super) fn close(&mut self) {}

    pub(super) fn len(&self) -> usize {
        0
    }

    pub(super) fn put(&mut self, job: Job, _now: Instant) {
        job.tell(Outcome::Failed(Failure::Closed));
    }
}
