//! One queue in, actions out: the only place where the engine is stepped.

use crate::clock;
use crate::world::{Mail, World, until};
use leashd_connectors::{Delivery, Query};
use leashd_engine::{Action, Engine, Input};
use leashd_types::{Command, SessionId};
use tokio::sync::mpsc;

/// Mail that may wait for the loop.
pub(crate) const MAIL_MAX: usize = 1024;
/// Deliveries and queries that may wait for the loop.
pub(crate) const DELIVERIES_MAX: usize = 256;

const NOTHING_KEPT: &str = "nothing is kept: this leashd runs without a store";

/// What the loop listens to.
pub(crate) struct Inbox {
    pub(crate) mail: mpsc::Receiver<Mail>,
    pub(crate) deliveries: mpsc::Receiver<Delivery>,
    pub(crate) queries: mpsc::Receiver<Query>,
}

/// Until the last connector is gone. `first` is what the engine's making led to.
pub(crate) async fn run(mut engine: Engine, mut world: World, mut inbox: Inbox, first: Vec<Action>) {
    carry_out(&mut engine, &mut world, first).await;
    loop {
        let deadline = engine.next_deadline();
        let tick = async {
            match deadline {
                Some(at) => tokio::time::sleep(until(at)).await,
                None => std::future::pending().await,
            }
        };
        let input = tokio::select! {
            mail = inbox.mail.recv() => match mail {
                Some(mail) => world.receive(mail).await,
                None => return,
            },
            delivery = inbox.deliveries.recv() => match delivery {
                Some(delivery) => {
                    let absent = absent(&engine, &delivery.envelope.command);
                    world.accept(delivery, absent).await
                }
                None => return,
            },
            Some(query) = inbox.queries.recv() => {
                answer(&engine, &world, query);
                None
            }
            () = tick => Some(Input::Tick),
        };
        let Some(input) = input else { continue };
        let actions = engine.step(input, clock::now());
        carry_out(&mut engine, &mut world, actions).await;
    }
}

/// Performs actions and what follows from them at once: nothing else comes in between.
async fn carry_out(engine: &mut Engine, world: &mut World, mut actions: Vec<Action>) {
    while let Some(next) = world.perform_all(actions).await {
        actions = engine.step(next, clock::now());
    }
}

/// The session that is to go on and is not open.
fn absent(engine: &Engine, command: &Command) -> Option<SessionId> {
    let Command::Open { order } = command else { return None };
    order.resume.clone().filter(|id| engine.view(id).is_none())
}

fn answer(engine: &Engine, world: &World, query: Query) {
    match query {
        // Whoever asked may be gone.
        Query::Session { session, reply } => {
            drop(reply.send(engine.view(&session).map(|view| world.furnish(view))));
        }
        Query::Sessions { reply } => {
            drop(reply.send(engine.views().into_iter().map(|view| world.furnish(view)).collect()));
        }
        Query::Asks { reply } => drop(reply.send(engine.asks())),
        Query::Grants { reply } => drop(reply.send(engine.grants())),
        Query::PastAsks { limit: _, reply } => drop(reply.send(Err(NOTHING_KEPT.to_owned()))),
        Query::PastAsk { ask: _, reply } => drop(reply.send(Err(NOTHING_KEPT.to_owned()))),
        Query::Messages { reply, .. } => drop(reply.send(Err(NOTHING_KEPT.to_owned()))),
        // Without a daemon there is no chat that asks.
        Query::Directories { .. }
        | Query::Workspaces { .. }
        | Query::Git { .. }
        | Query::Audit { .. }
        | Query::Explain { .. }
        | Query::Files { .. } => {}
    }
}
