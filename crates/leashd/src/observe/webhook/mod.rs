//! Webhooks: events sent to somebody's server, signed, in order, retried. What does not fit into the queue goes, oldest
//! first, and is counted; nothing here ever holds an event up. Knows no engine.

mod deliver;
mod sign;
#[cfg(test)]
mod tests;
mod waiting;

use super::bus::Numbered;
use super::filter::{Filter, FilterError};
use super::log::{Level, Log};
use super::metrics::HookLevels;
use deliver::Courier;
use hyper::Uri;
use leashd_proxy::{Roots, Scheme, Secret};
use leashd_types::Timestamp;
use serde_json::Map;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use waiting::Waiting;

/// Webhooks at most.
pub(crate) const HOOKS_MAX: usize = 16;
/// Characters a secret has at least.
const SECRET_MIN: usize = 16;

/// One configured webhook, checked.
#[derive(Clone, Debug)]
pub(crate) struct Hook {
    address: Uri,
    scheme: Scheme,
    secret: Secret,
    filter: Filter,
}

/// None of these repeats the address or the secret: both may open something.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HookError {
    #[error("the address of a webhook {0}; write it as `https://example.com/path`")]
    Address(&'static str),
    #[error(
        "the secret of a webhook has fewer than {SECRET_MIN} characters; make one with `openssl rand -hex 32`"
    )]
    Secret,
    #[error("events of a webhook: {0}")]
    Events(#[from] FilterError),
}

impl Hook {
    /// Reads what a person configured. `events` are names with `*`; empty means all.
    pub(crate) fn parse<S: AsRef<str>>(url: &str, secret: &str, events: &[S]) -> Result<Self, HookError> {
        if url.contains('#') {
            return Err(HookError::Address("has a fragment"));
        }
        let address = url.trim().parse::<Uri>().map_err(|_| HookError::Address("is no URL"))?;
        let authority = address.authority().ok_or(HookError::Address("has no host"))?;
        if authority.as_str().contains('@') {
            return Err(HookError::Address("has a user name in it"));
        }
        let scheme = match address.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") if is_this_machine(authority.host()) => Scheme::Http,
            Some("http") => return Err(HookError::Address("is not encrypted and not on this machine")),
            _ => return Err(HookError::Address("is neither https nor http")),
        };
        if secret.chars().count() < SECRET_MIN {
            return Err(HookError::Secret);
        }
        let filter = Filter::parse(events)?;
        Ok(Self { address, scheme, secret: Secret::new(secret), filter })
    }

    /// Host and port: what may be shown of the address.
    pub(crate) fn host(&self) -> &str {
        self.address.authority().map_or("", |authority| authority.as_str())
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// How long and how often is tried.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tries {
    /// Until a connection stands.
    pub(crate) connect: Duration,
    /// Until an answer is there.
    pub(crate) answer: Duration,
    pub(crate) attempts: u32,
    /// Before the second attempt; doubled for each further one.
    pub(crate) first_pause: Duration,
    pub(crate) longest_pause: Duration,
}

impl Default for Tries {
    /// About five minutes in all.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(10),
            attempts: 9,
            first_pause: Duration::from_secs(1),
            longest_pause: Duration::from_secs(120),
        }
    }
}

/// What a webhook has done so far.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct HookStatus {
    pub(crate) host: String,
    pub(crate) waiting: usize,
    pub(crate) delivered: u64,
    /// Given up after the last attempt, or refused for good.
    pub(crate) failed: u64,
    /// Gone because too many waited, or because the daemon ended.
    pub(crate) dropped: u64,
    /// Why the last attempt failed; `None` after one that did not.
    pub(crate) problem: Option<String>,
}

/// The webhooks at work.
#[derive(Debug)]
pub(super) struct Hooks {
    lines: Vec<Outlet>,
}

#[derive(Debug)]
struct Outlet {
    filter: Filter,
    desk: Arc<Desk>,
    work: std::sync::Mutex<Option<JoinHandle<()>>>,
}

/// What a webhook's two sides share.
#[derive(Debug)]
struct Desk {
    /// Host with the place in the configuration, so that two on one host differ.
    name: String,
    waiting: Waiting,
    delivered: AtomicU64,
    failed: AtomicU64,
    problem: std::sync::Mutex<Option<String>>,
    log: Log,
}

impl Hooks {
    /// Starts a task for each on the runtime of the caller. One that cannot be started is said in the log and in its status.
    pub(super) fn start(
        hooks: &[Hook],
        roots: &Roots,
        tries: Tries,
        log: &Log,
        clock: fn() -> Timestamp,
    ) -> Self {
        let outlet = |(index, hook): (usize, &Hook)| {
            let desk = Arc::new(Desk {
                name: format!("{}: {}", index + 1, hook.host()),
                waiting: Waiting::default(),
                delivered: AtomicU64::new(0),
                failed: AtomicU64::new(0),
                problem: std::sync::Mutex::default(),
                log: log.clone(),
            });
            let courier = Courier::new(hook, roots, tries, Arc::clone(&desk), clock);
            let work = match (courier, Handle::try_current()) {
                (Ok(courier), Ok(runtime)) => Some(runtime.spawn(courier.work())),
                (Err(error), _) => {
                    desk.unusable(&error.to_string());
                    None
                }
                (Ok(_), Err(error)) => {
                    desk.unusable(&error.to_string());
                    None
                }
            };
            Outlet { filter: hook.filter.clone(), desk, work: std::sync::Mutex::new(work) }
        };
        Self { lines: hooks.iter().take(HOOKS_MAX).enumerate().map(outlet).collect() }
    }

    /// Never waits.
    pub(super) fn put(&self, event: &Arc<Numbered>) {
        for line in self.lines.iter().filter(|line| line.filter.passes(event.name())) {
            let dropped = line.desk.waiting.put(Arc::clone(event));
            // A flood says so a few times, not once an event.
            if let Some(dropped) = dropped.filter(|dropped| dropped.is_power_of_two()) {
                line.desk.say(Level::Warning, "webhook_overflow", [("dropped", dropped.into())]);
            }
        }
    }

    pub(super) fn status(&self) -> Vec<HookStatus> {
        self.lines.iter().map(|line| line.desk.status()).collect()
    }

    pub(super) fn levels(&self) -> Vec<HookLevels> {
        let levels = |status: HookStatus| HookLevels {
            hook: status.host,
            waiting: status.waiting,
            delivered: status.delivered,
            failed: status.failed,
            dropped: status.dropped,
        };
        self.status().into_iter().map(levels).collect()
    }

    /// Takes nothing more and gives what waits one attempt each, as far as the time goes.
    pub(super) async fn close(&self, within: Duration) {
        let deadline = tokio::time::Instant::now() + within;
        for line in &self.lines {
            line.desk.waiting.close();
        }
        for line in &self.lines {
            let work = line.work.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take();
            let Some(mut work) = work else { continue };
            if tokio::time::timeout_at(deadline, &mut work).await.is_err() {
                work.abort();
                // Aborted or done: either way it holds nothing any more.
                drop(work.await);
            }
            let left = line.desk.waiting.give_up();
            if left > 0 {
                line.desk.say(Level::Warning, "webhook_undelivered", [("events", left.into())]);
            }
        }
    }
}

impl Desk {
    fn status(&self) -> HookStatus {
        let problem = self.problem.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        HookStatus {
            host: self.name.clone(),
            waiting: self.waiting.depth(),
            delivered: self.delivered.load(Relaxed),
            failed: self.failed.load(Relaxed),
            dropped: self.waiting.dropped(),
            problem,
        }
    }

    fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = problem;
    }

    fn unusable(&self, problem: &str) {
        self.say(Level::Error, "webhook_unusable", [("problem", problem.into())]);
        self.set_problem(Some(problem.to_owned()));
        self.waiting.close();
    }

    fn say<const N: usize>(&self, level: Level, name: &'static str, fields: [(&str, serde_json::Value); N]) {
        let mut all = Map::from_iter(fields.map(|(key, value)| (key.to_owned(), value)));
        all.insert("hook".to_owned(), self.name.as_str().into());
        self.log.say(level, name, all);
    }
}
