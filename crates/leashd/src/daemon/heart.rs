//! The engine's loop of a daemon and the ends that reach it. Every connector gets a desk of its own; what happens goes to
//! all of them, and none can hold the loop up.

use super::archive;
use super::reload::Reloader;
use crate::observe::{Filter, Observe, Received};
use crate::run_loop::{self, DELIVERIES_MAX, Inbox, MAIL_MAX};
use crate::world::{Receipts, World};
use leashd_connectors::{Delivery, Desk, EVENTS_MAX, Query};
use leashd_engine::{Engine, Limits};
use leashd_gate::Gate;
use leashd_store::Store;
use leashd_types::Event;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// For the agents to be gone, after everything they did was told to stop.
const WIND_DOWN: Duration = Duration::from_secs(5);

pub(super) struct Heart {
    pub(super) deliveries: mpsc::Sender<Delivery>,
    pub(super) queries: mpsc::Sender<Query>,
    running: JoinHandle<()>,
}

impl Heart {
    pub(super) fn start(_reloader: &Reloader, gate: Arc<Gate>, observe: Observe, store: Store) -> Self {
        let (mail, mail_in) = mpsc::channel(MAIL_MAX);
        let (deliveries, deliveries_in) = mpsc::channel(DELIVERIES_MAX);
        let (queries, asked) = mpsc::channel(DELIVERIES_MAX);
        let (to_engine, queries_in) = mpsc::channel(DELIVERIES_MAX);
        tokio::spawn(archive::answer(store, asked, to_engine));
        let (shows, mut shown) = mpsc::channel::<Event>(EVENTS_MAX);
        // Events go out through the bus.
        tokio::spawn(async move { while shown.recv().await.is_some() {} });
        let world =
            World { gate, links: BTreeMap::new(), mail, shows, receipts: Receipts::default(), observe };
        let inbox = Inbox { mail: mail_in, deliveries: deliveries_in, queries: queries_in };
        let running = tokio::spawn(run_loop::run(Engine::new(Limits::default()), world, inbox, None));
        Self { deliveries, queries, running }
    }

    /// A desk for one more connector. One that is slow misses events and is told so; the loop does not wait.
    pub(super) fn desk(&self, events_max: usize, observe: &Observe) -> Desk {
        let (shows, events) = mpsc::channel(events_max);
        let mut subscription = observe.subscribe(Filter::all());
        tokio::spawn(async move {
            while let Some(received) = subscription.next().await {
                let event = match received {
                    Received::Event(numbered) => numbered.event.clone(),
                    Received::Lagged(missed) => {
                        tracing::warn!(missed, "connector_lagged");
                        continue;
                    }
                };
                if shows.send(event).await.is_err() {
                    return;
                }
            }
        });
        Desk { deliveries: self.deliveries.clone(), queries: self.queries.clone(), events }
    }

    /// Ends the loop, and with it every agent that is left.
    pub(super) async fn stop(self) {
        let Self { deliveries, queries, mut running } = self;
        drop((deliveries, queries));
        if tokio::time::timeout(WIND_DOWN, &mut running).await.is_err() {
            running.abort();
        }
    }
}
