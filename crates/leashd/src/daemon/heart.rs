//! The engine's loop of a daemon and the ends that reach it. Every connector gets a desk of its own; what happens goes to
//! all of them, and none can hold the loop up.

use super::archive;
use super::looks::Looks;
use super::reload::Reloader;
use crate::boot;
use crate::clock;
use crate::failure::Failure;
use crate::keeper::Keeper;
use crate::observe::{Filter, Observe, Received};
use crate::outfitter::{Outfitter, Stock, Supply};
use crate::run_loop::{self, DELIVERIES_MAX, Inbox, MAIL_MAX};
use crate::settings::Settings;
use crate::world::{Mail, Receipts, World};
use leashd_agents::claude::allowed_environment;
use leashd_connectors::{Delivery, Desk, EVENTS_MAX, Query};
use leashd_engine::{Drain, Engine, Input};
use leashd_gate::Gate;
use leashd_sandbox::PrivateDir;
use leashd_store::Store;
use leashd_types::{Event, Restored, SessionId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OnceCell, mpsc, oneshot};
use tokio::task::JoinHandle;

/// For the agents to be gone, after everything they did was told to stop.
const WIND_DOWN: Duration = Duration::from_secs(5);

pub(super) struct Heart {
    pub(super) deliveries: mpsc::Sender<Delivery>,
    pub(super) queries: mpsc::Sender<Query>,
    mail: mpsc::Sender<Mail>,
    outfitter: Arc<Outfitter>,
    running: JoinHandle<()>,
}

/// Whether the loop turns: who asks it something gets an answer only from a loop that does.
pub(super) struct Pulse {
    queries: mpsc::Sender<Query>,
}

impl Pulse {
    /// Returns once the loop has turned; never, if it is stuck or gone.
    pub(super) async fn beat(&self) {
        let (reply, answer) = oneshot::channel();
        // There is none of that name, so it costs the loop nothing.
        let question = Query::Session { session: SessionId::new(""), reply };
        if self.queries.send(question).await.is_err() || answer.await.is_err() {
            std::future::pending().await
        }
    }
}

impl Heart {
    /// Goes on where the last daemon ended.
    pub(super) fn start(
        reloader: &Arc<Reloader>,
        gate: Arc<Gate>,
        observe: Observe,
        (store, restored): (Store, Restored),
    ) -> Result<Self, Failure> {
        let settings = &reloader.current().settings;
        let (mail, mail_in) = mpsc::channel(MAIL_MAX);
        let (deliveries, deliveries_in) = mpsc::channel(DELIVERIES_MAX);
        let (queries, asked) = mpsc::channel(DELIVERIES_MAX);
        let (to_engine, queries_in) = mpsc::channel(DELIVERIES_MAX);
        let looks = Looks { reloader: Arc::clone(reloader), gate: Arc::clone(&gate), engine: to_engine };
        tokio::spawn(archive::answer(store.clone(), asked, looks));
        let (shows, mut shown) = mpsc::channel::<Event>(EVENTS_MAX);
        // Events go out through the bus.
        tokio::spawn(async move { while shown.recv().await.is_some() {} });
        let stock = Stock {
            gate: Arc::clone(&gate),
            home: PrivateDir::create(&settings.home).map_err(Failure::failed)?,
            supply: Supply::Installed(OnceCell::new()),
            environment: allowed_environment(std::env::vars_os(), &[]),
            config_directory: std::env::var_os("CLAUDE_CONFIG_DIR").map(Into::into),
        };
        let outfitter = Arc::new(Outfitter::new(Arc::new(settings.clone()), stock));
        let world = World {
            gate,
            keeper: Keeper::Store(store),
            outfitter: Arc::clone(&outfitter),
            mail: mail.clone(),
            shows,
            receipts: Receipts::default(),
            observe,
            seats: BTreeMap::new(),
        };
        let inbox = Inbox { mail: mail_in, deliveries: deliveries_in, queries: queries_in };
        let config = boot::engine_config(settings, boot::admission(settings));
        let (engine, first) = Engine::restore(restored, config, clock::now());
        let running = tokio::spawn(run_loop::run(engine, world, inbox, first));
        Ok(Self { deliveries, queries, mail, outfitter, running })
    }

    /// What starts from now on starts under these; limits and who may speak change at once.
    pub(super) async fn renew(&self, settings: &Settings) {
        self.outfitter.renew(Arc::new(settings.clone()));
        let config = boot::engine_config(settings, boot::admission(settings));
        // A loop that is gone needs none.
        drop(self.mail.send(Mail::Input(Input::Configure(config))).await);
    }

    /// Where connectors get their desks.
    pub(super) fn desks(&self, observe: &Observe) -> Desks {
        Desks { deliveries: self.deliveries.clone(), queries: self.queries.clone(), observe: observe.clone() }
    }

    pub(super) fn pulse(&self) -> Pulse {
        Pulse { queries: self.queries.clone() }
    }

    /// Begins nothing more.
    pub(super) async fn drain(&self, how: Drain) {
        // A loop that is gone has nothing to end.
        drop(self.mail.send(Mail::Input(Input::Drain(how))).await);
    }

    /// Ends the loop, and with it every agent that is left.
    pub(super) async fn stop(self) {
        let Self { deliveries, queries, mail: _, outfitter: _, mut running } = self;
        drop((deliveries, queries));
        if tokio::time::timeout(WIND_DOWN, &mut running).await.is_err() {
            running.abort();
        }
    }
}

/// Makes desks for connectors that come and go. The loop ends when the last of them is gone.
#[derive(Clone)]
pub(super) struct Desks {
    deliveries: mpsc::Sender<Delivery>,
    queries: mpsc::Sender<Query>,
    observe: Observe,
}

impl Desks {
    /// A desk for one more connector. One that is slow misses events and is told so; the loop does not wait.
    pub(super) fn desk(&self, events_max: usize) -> Desk {
        let (shows, events) = mpsc::channel(events_max);
        let mut subscription = self.observe.subscribe(Filter::all());
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
}

#[cfg(test)]
mod tests {
    use super::Pulse;
    use leashd_connectors::Query;
    use std::time::Duration;
    use tokio::sync::mpsc;

    /// What a loop does with one question.
    #[derive(Clone, Copy, Debug)]
    enum Loop {
        Answers,
        Stuck,
        Gone,
    }

    /// Whether it is heard of, three times over.
    async fn beats(what: Loop) -> bool {
        let (queries, mut asked) = mpsc::channel(1);
        let running = tokio::spawn(async move {
            match what {
                Loop::Answers => {
                    while let Some(Query::Session { reply, .. }) = asked.recv().await {
                        reply.send(None).unwrap();
                    }
                }
                Loop::Stuck => {
                    let _question = asked.recv().await;
                    std::future::pending().await
                }
                Loop::Gone => {}
            }
        });
        let pulse = Pulse { queries };
        let mut beats = true;
        for _ in 0..3 {
            beats &= tokio::time::timeout(Duration::from_millis(200), pulse.beat()).await.is_ok();
        }
        running.abort();
        beats
    }

    #[tokio::test]
    async fn only_a_loop_that_turns_beats() {
        assert!(beats(Loop::Answers).await);
        assert!(!beats(Loop::Stuck).await);
        assert!(!beats(Loop::Gone).await);
    }
}
