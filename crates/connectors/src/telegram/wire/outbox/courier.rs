//! Carries what the queue says is next, as many at a time as it says. Decides nothing.

use super::super::client::Client;
use super::Shared;
use super::job::{Job, Outcome};
use super::queue::{Next, Ticket};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

/// When nobody carries any more, whoever waits is told.
struct Ending(Arc<Shared>);

impl Drop for Ending {
    fn drop(&mut self) {
        self.0.queue().end();
        self.0.done.notify_waiters();
    }
}

type Trip = (Job, Outcome);

/// Also told, if this is dropped without ever having been run.
pub(super) fn carry(client: Client, shared: Arc<Shared>) -> impl Future<Output = ()> + Send + use<> {
    let ending = Ending(shared);
    async move { work(client, &ending.0).await }
}

async fn work(client: Client, shared: &Arc<Shared>) {
    let mut trips: JoinSet<Trip> = JoinSet::new();
    let mut tickets: HashMap<task::Id, Ticket> = HashMap::new();
    loop {
        let next = shared.queue().next(Instant::now());
        match next {
            Next::Go(ticket, job) => {
                let client = client.clone();
                let trip = trips.spawn(async move {
                    let outcome = job.perform(&client).await;
                    (job, outcome)
                });
                tickets.insert(trip.id(), ticket);
            }
            Next::Wait(until) => {
                tokio::select! {
                    () = shared.came.notified() => {}
                    Some(ended) = trips.join_next_with_id() => {
                        arrived(shared, &mut tickets, ended);
                    }
                    () = until_then(until) => {}
                }
            }
            Next::Over => return,
        }
    }
}

fn arrived(
    shared: &Shared,
    tickets: &mut HashMap<task::Id, Ticket>,
    ended: Result<(task::Id, Trip), JoinError>,
) {
    let (id, trip) = match ended {
        Ok((id, trip)) => (id, Some(trip)),
        Err(error) => (error.id(), None),
    };
    if let Some(ticket) = tickets.remove(&id) {
        shared.queue().finished(ticket, trip, Instant::now());
        shared.done.notify_waiters();
    }
}

async fn until_then(until: Option<Instant>) {
    match until {
        Some(until) => sleep_until(until).await,
        None => std::future::pending().await,
    }
}
