//! What outlives the daemon: opening the store, keeping events, and answering what only the store knows.

use super::looks::Looks;
use crate::failure::{Exit, Failure};
use crate::observe::{Filter, Numbered, Observe, Received};
use crate::settings::{Settings, Storage};
use leashd_connectors::Query;
use leashd_sandbox::PrivateDir;
use leashd_store::{AskFilter, Of, Options, Progress, Store, StoreError};
use leashd_types::{Event, EventRow, Kept};
use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Rows kept at once: a start withdraws every ask that was open when the last daemon ended, all of them or none.
const AT_ONCE_MAX: usize = 1_000_000;
/// Events that are read at once.
const PAGE: usize = 500;
/// Events that go into one transaction.
const BATCH: usize = 256;
/// Numbers left out after a daemon that did not end properly: it may have given out some that were not kept. More than it
/// can have been behind.
const UNKEPT_MAX: u64 = 4096;

/// Opens the store the settings name.
pub(super) async fn open(settings: &Settings) -> Result<(Store, String), Failure> {
    match &settings.storage {
        Storage::Memory => {
            let store = Store::open(&Options::memory()).await.map_err(|error| unusable(&error))?;
            Ok((store, "in memory: nothing outlives this process".to_owned()))
        }
        Storage::Sqlite(path) => {
            let directory = path.parent().unwrap_or(Path::new("/"));
            PrivateDir::create(directory).map_err(Failure::failed)?;
            let mut options = Options::sqlite(path);
            options.limits.call_rows = AT_ONCE_MAX;
            let store = Store::open(&options).await.map_err(|error| unusable(&error))?;
            Ok((store, path.display().to_string()))
        }
    }
}

/// The number after which events are numbered.
pub(super) fn last_event(store: &Store, kept: u64) -> u64 {
    if store.opening().checked.is_some() { kept.saturating_add(UNKEPT_MAX) } else { kept }
}

fn unusable(error: &StoreError) -> Failure {
    let exit = match error {
        StoreError::Locked { .. } | StoreError::Busy { .. } | StoreError::Full { .. } => Exit::TryLater,
        _ => Exit::Failed,
    };
    Failure::new(exit, error)
}

/// Keeps every event but pieces of answers, which stand in the messages. Ends with the bus.
pub(super) fn keep_events(store: Store, observe: &Observe) -> JoinHandle<()> {
    let mut events = observe.subscribe(Filter::all());
    tokio::spawn(async move {
        while let Some(first) = events.next().await {
            let mut rows: Vec<Kept> = row(first).into_iter().collect();
            while rows.len() < BATCH
                && let Some(next) = events.waiting()
            {
                rows.extend(row(next));
            }
            if let Err(error) = store.keep(rows).await {
                // An event is a report; what it reports was kept before.
                tracing::error!(reason = %error, "events_not_kept");
            }
        }
    })
}

fn row(received: Received) -> Option<Kept> {
    match received {
        Received::Event(it) if matches!(it.event, Event::MessageOut { .. }) => None,
        Received::Event(it) => {
            Some(Kept::Event(EventRow { seq: it.seq, at: it.at, event: it.event.clone() }))
        }
        Received::Lagged(missed) => {
            tracing::warn!(missed, "events_not_kept");
            None
        }
    }
}

/// Kept events, for those who ask for more than the bus still has.
#[derive(Clone)]
pub(crate) struct Past(Store);

impl Past {
    pub(super) fn new(store: Store) -> Self {
        Self(store)
    }

    /// The next ones of these names with numbers after `since`, up to `last`; none are left if there are none.
    pub(crate) async fn events(
        &self,
        since: u64,
        last: u64,
        names: &[&str],
    ) -> Result<VecDeque<Arc<Numbered>>, StoreError> {
        let rows = self.0.events(since, PAGE, names).await?;
        let wanted = rows.into_iter().take_while(|row| row.seq <= last);
        Ok(wanted.map(|row| Arc::new(Numbered::kept(row))).collect())
    }
}

/// Stands between the connectors and the loop: what only the store knows is answered here, beside the loop.
pub(super) async fn answer(store: Store, mut queries: mpsc::Receiver<Query>, looks: Looks) {
    while let Some(query) = queries.recv().await {
        match query {
            Query::PastAsks { .. } | Query::PastAsk { .. } | Query::Messages { .. } => {
                tokio::spawn(look_up(store.clone(), query));
            }
            Query::Session { .. } | Query::Sessions { .. } | Query::Asks { .. } | Query::Grants { .. } => {
                if looks.engine.send(query).await.is_err() {
                    return;
                }
            }
            Query::Directories { .. }
            | Query::Workspaces { .. }
            | Query::Git { .. }
            | Query::Audit { .. }
            | Query::Explain { .. }
            | Query::Files { .. } => {
                tokio::spawn(looks.clone().answer(query));
            }
        }
    }
}

/// Whoever asked may be gone.
async fn look_up(store: Store, query: Query) {
    match query {
        Query::PastAsks { limit, reply } => {
            let filter = AskFilter { progress: Progress::Any, ..AskFilter::default() };
            drop(reply.send(store.asks(&filter, limit).await.map_err(|error| error.to_string())));
        }
        Query::PastAsk { ask, reply } => {
            drop(reply.send(store.ask(&ask).await.map_err(|error| error.to_string())));
        }
        Query::Messages { session, words, limit, reply } => {
            let of = session.map_or(Of::Everybody, Of::Session);
            let rows = match words {
                Some(words) => store.search(&words, &of, limit).await,
                None => store.messages(&of, None, limit).await.map(|mut rows| {
                    rows.reverse();
                    rows
                }),
            };
            drop(reply.send(rows.map_err(|error| error.to_string())));
        }
        Query::Session { .. }
        | Query::Sessions { .. }
        | Query::Asks { .. }
        | Query::Grants { .. }
        | Query::Directories { .. }
        | Query::Workspaces { .. }
        | Query::Git { .. }
        | Query::Audit { .. }
        | Query::Explain { .. }
        | Query::Files { .. } => {}
    }
}
