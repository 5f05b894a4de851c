//! What the proxies report, as entries of the audit log. Whoever has no key is refused as often as it tries, and on this
//! machine's loopback that can be anybody: refusals are written one by one up to a number, then one a second, and what
//! was left out is counted. What is let through is always written. Decides nothing.

#[cfg(test)]
mod tests;

use leashd_gate::Gate;
use leashd_gate::audit::Record;
use leashd_proxy::{ApiEvent, EgressEvent};
use leashd_types::{CallId, SessionId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Refusals that are written at once.
const REFUSALS_MAX: u32 = 100;
/// After that, one in this long.
const REFUSAL_EVERY: Duration = Duration::from_secs(1);

/// What an entry needs: whose it is, and what it says.
pub(super) type Entry = (Option<SessionId>, Option<CallId>, Record);

/// Ends at the first entry that cannot be written: a proxy whose events nobody takes opens nothing more.
pub(super) async fn keep<E: Send + 'static>(
    mut events: mpsc::Receiver<E>,
    gate: Arc<Gate>,
    read: fn(E) -> Option<Entry>,
) {
    // A stranger cannot use up what a session's own refusals have.
    let (mut strangers, mut own) = (Refusals::new(Instant::now()), Refusals::new(Instant::now()));
    while let Some(event) = events.recv().await {
        let Some((session, call, mut record)) = read(event) else { continue };
        if let Record::Network { allowed: false, detail, .. } = &mut record {
            let refusals = if session.is_some() { &mut own } else { &mut strangers };
            match refusals.admit(Instant::now()) {
                None => continue,
                Some(0) => {}
                Some(more) => detail.push_str(&format!(" (and {more} refusals before it, not written)")),
            }
        }
        if !write(&gate, (session, call, record)).await {
            return;
        }
    }
}

pub(super) fn egress_record(event: EgressEvent) -> Option<Entry> {
    match event {
        EgressEvent::Opened { session, call, target, addresses } => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let record =
                Record::Network { target: target.to_string(), allowed: true, detail: addresses.join(", ") };
            Some((Some(session), call, record))
        }
        EgressEvent::Denied { session, call, target, reason } => {
            Some((session, call, Record::Network { target, allowed: false, detail: reason.to_string() }))
        }
        EgressEvent::Closed { .. } => None,
    }
}

pub(super) fn api_record(event: ApiEvent) -> Option<Entry> {
    match event {
        ApiEvent::Refused { session, reason } => {
            let target = "the model API".to_owned();
            Some((session, None, Record::Network { target, allowed: false, detail: reason.to_string() }))
        }
        ApiEvent::Answered { .. } => None,
    }
}

/// What no session did.
pub(super) fn record_of_nobody(event: EgressEvent) -> Option<Entry> {
    egress_record(event).map(|(_, call, record)| (None, call, record))
}

async fn write(gate: &Arc<Gate>, (session, call, record): Entry) -> bool {
    let gate = Arc::clone(gate);
    let written = tokio::task::spawn_blocking(move || {
        gate.record_for(session.as_ref(), call.as_ref(), record).map(drop)
    });
    matches!(written.await, Ok(Ok(())))
}

/// How many refusals may be written still.
#[derive(Debug)]
struct Refusals {
    left: u32,
    /// When there is one more.
    refilled: Instant,
    missed: u64,
}

impl Refusals {
    fn new(now: Instant) -> Self {
        Self { left: REFUSALS_MAX, refilled: now, missed: 0 }
    }

    /// How many were left out before this one; nothing if it is left out as well.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        let passed = now.saturating_duration_since(self.refilled).as_secs() / REFUSAL_EVERY.as_secs().max(1);
        let more = u32::try_from(passed).unwrap_or(u32::MAX);
        if more > 0 {
            self.left = self.left.saturating_add(more).min(REFUSALS_MAX);
            self.refilled = now;
        }
        match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                Some(std::mem::take(&mut self.missed))
            }
            None => {
                self.missed = self.missed.saturating_add(1);
                None
            }
        }
    }
}
