//! One session's ends in this process: what its agent was started with, what its calls are judged under, where its orders
//! go. Decides nothing.

use crate::containment::{Doors, Held};
use crate::session_directory::SessionDirectory;
use leashd_agents::{Agent, Launch, Order};
use leashd_engine::Incarnation;
use leashd_gate::{Grant, Pending, Snapshot};
use leashd_sandbox::GitOrders;
use leashd_types::{CallId, GrantRow, Mode};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// What one start of an agent is made of.
pub(crate) struct Link {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) launch: Launch,
    pub(crate) snapshot: Snapshot,
    /// How long an approval may wait, where the policy says so.
    pub(crate) patience: Option<Duration>,
    pub(crate) held: Held,
    /// As they were when the agent started, or were last spoken of.
    pub(crate) git_orders: GitOrders,
    /// What has to be said as the agent starts.
    pub(crate) warnings: Vec<String>,
    /// Removed when the agent is gone.
    pub(crate) _private: SessionDirectory,
}

impl Link {
    /// Where there are walls.
    pub(crate) fn doors(&self) -> Option<&Arc<Doors>> {
        self.held.doors.as_ref()
    }
}

/// Where the agent of a session sits, from its start until the next one's.
pub(crate) struct Seat {
    pub(crate) incarnation: Incarnation,
    pub(crate) terms: Terms,
    /// Until it is made there is nobody to be ordered.
    pub(crate) link: Option<Box<Link>>,
    pub(crate) orders: Option<mpsc::Sender<Order>>,
    /// Set when the session was told to stop before its agent was there.
    pub(crate) stop_wanted: bool,
    pub(crate) pendings: BTreeMap<CallId, Pending>,
}

/// What a person opened, and what the session is for.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    pub(crate) mode: Mode,
    pub(crate) grants: Vec<Grant>,
}

impl Terms {
    /// A grant that cannot be read opens nothing.
    pub(crate) fn new(mode: Mode, rows: &[GrantRow]) -> Self {
        let grants = rows.iter().filter_map(|row| serde_json::from_value(row.body.clone()).ok()).collect();
        Self { mode, grants }
    }
}

impl Seat {
    pub(crate) fn new(incarnation: Incarnation, terms: Terms) -> Self {
        let (link, orders) = (None, None);
        Self { incarnation, terms, link, orders, stop_wanted: false, pendings: BTreeMap::new() }
    }

    pub(crate) fn take(&mut self, mut link: Box<Link>) {
        link.snapshot.grants.clone_from(&self.terms.grants);
        link.snapshot.facts.mode = self.terms.mode;
        self.link = Some(link);
    }

    pub(crate) fn renew(&mut self, terms: Terms) {
        self.terms = terms;
        if let Some(link) = self.link.take() {
            self.take(link);
        }
    }

    pub(crate) fn order(&mut self, order: Order) {
        // An agent that is gone says so with its last event; one whose queue is full is told to stop by dropping it.
        if let Some(orders) = &self.orders
            && let Err(mpsc::error::TrySendError::Full(_)) = orders.try_send(order)
        {
            self.orders = None;
        }
    }
}
