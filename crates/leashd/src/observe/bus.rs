//! Every event of the daemon, numbered, for whoever listens: bounded, and nobody who is slow holds anybody up. The last
//! ones are kept for those who come later. Knows no connector.

use super::filter::Filter;
use leashd_types::{Answer, Ask, EVENT_VERSION, Event, EventRow, Timestamp};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;

/// Events a listener may be behind before it misses some.
const BEHIND_MAX: usize = 1024;
/// Events that are kept for those who come later.
const KEPT_EVENTS: usize = 2048;
/// Bytes of them, about.
const KEPT_BYTES: usize = 4 * 1024 * 1024;
/// Bytes an event is taken to need beyond its long texts.
const OVERHEAD: usize = 512;

/// An event with its place and time. As JSON `{"v":1,"seq":…,"at":…,"event":"tool.allowed",…}`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Numbered {
    v: u32,
    /// From 1, without gaps, for as long as the daemon's store lives.
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    #[serde(flatten)]
    pub(crate) event: Event,
    /// Bytes in memory, about.
    #[serde(skip)]
    pub(super) weight: usize,
}

impl Numbered {
    /// As it was kept.
    pub(crate) fn kept(row: EventRow) -> Self {
        let EventRow { seq, at, event } = row;
        Self { v: EVENT_VERSION, seq, at, event, weight: 0 }
    }

    pub(crate) fn name(&self) -> &'static str {
        super::events::name(&self.event)
    }
}

/// What was kept after a given number.
#[derive(Debug)]
pub(crate) struct Recent {
    /// Events after that number that are no longer kept, whatever their names.
    pub(crate) missed: u64,
    pub(crate) events: VecDeque<Arc<Numbered>>,
}

pub(super) struct Bus {
    last: u64,
    kept: VecDeque<Arc<Numbered>>,
    kept_bytes: usize,
    /// `None` when there will be no more events.
    listeners: Option<broadcast::Sender<Arc<Numbered>>>,
}

impl Bus {
    /// Numbering goes on after `last`.
    pub(super) fn new(last: u64) -> Self {
        let (listeners, _) = broadcast::channel(BEHIND_MAX);
        Self { last, kept: VecDeque::new(), kept_bytes: 0, listeners: Some(listeners) }
    }

    pub(super) fn publish(&mut self, event: Event, at: Timestamp) -> Arc<Numbered> {
        self.last += 1;
        let weight = weight(&event);
        let numbered = Arc::new(Numbered { v: EVENT_VERSION, seq: self.last, at, event, weight });
        self.kept.push_back(Arc::clone(&numbered));
        self.kept_bytes += weight;
        while self.kept.len() > KEPT_EVENTS || (self.kept_bytes > KEPT_BYTES && self.kept.len() > 1) {
            self.kept_bytes -= self.kept.pop_front().map_or(0, |oldest| oldest.weight);
        }
        if let Some(listeners) = &self.listeners {
            // Nobody has to listen.
            drop(listeners.send(Arc::clone(&numbered)));
        }
        numbered
    }

    /// The kept events after `since` that pass.
    pub(super) fn recent(&self, since: u64, filter: &Filter) -> Recent {
        let oldest = self.last + 1 - self.kept.len() as u64;
        let missed = oldest.saturating_sub(since.saturating_add(1));
        let wanted = |event: &&Arc<Numbered>| event.seq > since && filter.passes(event.name());
        Recent { missed, events: self.kept.iter().filter(wanted).cloned().collect() }
    }

    /// Events from now on; with `since`, first those that are kept after it, without a gap or a repetition.
    pub(super) fn subscribe(&self, since: Option<u64>, filter: Filter) -> Subscription {
        let backlog = match since {
            Some(since) => self.recent(since, &filter),
            None => Recent { missed: 0, events: VecDeque::new() },
        };
        let receiver = self.listeners.as_ref().map(broadcast::Sender::subscribe);
        Subscription { backlog, receiver, filter }
    }

    pub(super) fn last(&self) -> u64 {
        self.last
    }

    pub(super) fn listeners(&self) -> usize {
        self.listeners.as_ref().map_or(0, broadcast::Sender::receiver_count)
    }

    /// Ends every subscription once it has what came before.
    pub(super) fn close(&mut self) {
        self.listeners = None;
    }
}

/// One listener: a plugin inside the daemon, or a screen on the other side of its socket.
#[derive(Debug)]
pub(crate) struct Subscription {
    backlog: Recent,
    receiver: Option<broadcast::Receiver<Arc<Numbered>>>,
    filter: Filter,
}

/// What a listener gets.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Received {
    Event(Arc<Numbered>),
    /// So many events were missed here, whatever their names: the listener was too slow, or came too late.
    Lagged(u64),
}

impl Received {
    /// One JSON object: the event, or `{"v":1,"event":"events.lagged","missed":…}`.
    pub(crate) fn json(&self) -> Value {
        match self {
            Self::Event(numbered) => serde_json::to_value(numbered.as_ref()).unwrap_or_default(),
            Self::Lagged(missed) => json!({"v": EVENT_VERSION, "event": "events.lagged", "missed": missed}),
        }
    }
}

impl Subscription {
    /// How many events before the first are not here any more. Asked once: whoever asks sees to them.
    pub(crate) fn take_missed(&mut self) -> u64 {
        std::mem::take(&mut self.backlog.missed)
    }

    /// The next event that passes. `None` at the end of the daemon. Dropped before it is done, nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<Received> {
        let missed = self.take_missed();
        if missed > 0 {
            return Some(Received::Lagged(missed));
        }
        if let Some(event) = self.backlog.events.pop_front() {
            return Some(Received::Event(event));
        }
        loop {
            match self.receiver.as_mut()?.recv().await {
                Ok(event) if self.filter.passes(event.name()) => return Some(Received::Event(event)),
                Ok(_) => {}
                Err(RecvError::Lagged(missed)) => return Some(Received::Lagged(missed)),
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Subscription {
    /// One more, if it is there already.
    pub(crate) fn waiting(&mut self) -> Option<Received> {
        futures_util::FutureExt::now_or_never(self.next()).flatten()
    }
}

/// Bytes an event holds in memory, about: only texts that can be long are counted.
fn weight(event: &Event) -> usize {
    let long = match event {
        Event::MessageIn { text, .. } | Event::MessageOut { text, .. } => text.len(),
        Event::ToolGated { summary, .. } => summary.len(),
        Event::ToolDenied { reason, .. } | Event::SessionEnded { reason, .. } => reason.len(),
        Event::ToolFinished { failed, .. } => failed.as_ref().map_or(0, String::len),
        Event::ToolRefusedByAgent { message, .. } | Event::Warning { message, .. } => message.len(),
        Event::Retry { error, .. } => error.len(),
        Event::ApprovalRequested { ask } | Event::InteractionRequested { ask } => ask_weight(ask),
        Event::TurnCompleted { tools, .. } => tools.len() * 64,
        Event::MessageQueued { preview, .. } => preview.len(),
        Event::ConfigReloaded { changed, .. } => changed.iter().map(String::len).sum(),
        Event::ConfigRejected { reason } | Event::EngineStopped { reason } => reason.len(),
        Event::GrantGiven { rule, .. } => rule.len(),
        // A person's choices may be words of their own, as long as a message.
        Event::AskAnswered { answer, .. } => answer_weight(answer),
        Event::ApprovalResolved { outcome, .. } | Event::InteractionResolved { outcome, .. } => {
            answer_weight(&outcome.answer)
        }
        Event::SessionStarted { .. }
        | Event::EngineStarted { .. }
        | Event::AuthRejected { .. }
        | Event::RateLimited { .. }
        | Event::SessionOpened { .. }
        | Event::SessionSwitched { .. }
        | Event::SessionCleared { .. }
        | Event::ModeChanged { .. }
        | Event::DirectoryChanged { .. }
        | Event::AskDelivered { .. }
        | Event::GrantRevoked { .. }
        | Event::ToolAllowed { .. }
        | Event::ToolRanUngated { .. }
        | Event::Interrupted { .. } => 0,
    };
    OVERHEAD + long
}

/// Asks are few, and most of one is JSON already.
fn ask_weight(ask: &Ask) -> usize {
    serde_json::to_string(ask).map_or(OVERHEAD, |text| text.len())
}

fn answer_weight(answer: &Answer) -> usize {
    serde_json::to_string(answer).map_or(OVERHEAD, |text| text.len())
}
