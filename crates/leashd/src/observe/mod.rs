//! What the daemon lets others see: the log, the events, the figures, the webhooks. One value that is told every event and
//! waits for nobody. Knows no engine and no connector; decides nothing.

mod bus;
mod events;
mod filter;
mod log;
mod metrics;
mod names;
#[cfg(test)]
mod tests;
mod webhook;

#[allow(unused_imports, reason = "named by the settings and by whoever listens")]
pub(crate) use self::{
    bus::Received,
    filter::FilterError,
    log::Paint,
    metrics::CONTENT_TYPE,
    webhook::{HOOKS_MAX, HookError},
};

pub(crate) use bus::{Numbered, Recent, Subscription};
pub(crate) use filter::Filter;
pub(crate) use log::{Level, LogOptions, LogStatus};
pub(crate) use webhook::{Hook, HookStatus, Tries};

use bus::Bus;
use leashd_gate::{Outcome, Secrets};
use leashd_proxy::Roots;
use leashd_types::{Band, CallId, Decision, Event, RuleRef, SessionId, Timestamp};
use log::{Line, Log};
use metrics::{Levels, Metrics};
use names::{Entry, Names};
use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use webhook::Hooks;

/// Bytes of a log file, unless somebody sets another number.
pub(crate) const LOG_MAX_BYTES: u64 = 10 * 1024 * 1024;
/// Backups of the log, unless somebody sets another number.
pub(crate) const LOG_BACKUPS: u32 = 5;

#[derive(Clone, Debug)]
pub(crate) struct ObserveOptions {
    pub(crate) log: LogOptions,
    /// The number of the last event there ever was; numbering goes on after it.
    pub(crate) last_event: u64,
    pub(crate) hooks: Vec<Hook>,
    pub(crate) tries: Tries,
    pub(crate) roots: Roots,
    pub(crate) clock: fn() -> Timestamp,
}

impl ObserveOptions {
    /// The defaults of every setting, with the log below leashd's `home` and nothing on the terminal.
    pub(crate) fn at(home: &Path, secrets: Secrets, clock: fn() -> Timestamp) -> Self {
        let log = LogOptions {
            directory: home.join("logs"),
            level: Level::Info,
            max_bytes: LOG_MAX_BYTES,
            backups: LOG_BACKUPS,
            terminal: None,
            secrets,
        };
        let (tries, roots) = (Tries::default(), Roots::default());
        Self { log, last_event: 0, hooks: Vec::new(), tries, roots, clock }
    }
}

/// One look at how watching itself is doing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Status {
    pub(crate) log: LogStatus,
    /// The number of the last event.
    pub(crate) last_event: u64,
    pub(crate) webhooks: Vec<HookStatus>,
}

/// What the gate thought of a call and how long it took.
#[derive(Clone, Debug)]
pub(crate) struct Evaluation {
    pub(crate) session: SessionId,
    pub(crate) call: CallId,
    pub(crate) tool: String,
    pub(crate) decision: Decision,
    pub(crate) rule: RuleRef,
    pub(crate) band: Option<Band>,
    pub(crate) took: Took,
}

/// How long the gate took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Took {
    /// Until the verdict. Nothing where a call was refused before that.
    pub(crate) judge: Option<Duration>,
    /// Until the decision was on disk, waiting for a thread included.
    pub(crate) total: Duration,
}

impl Evaluation {
    pub(crate) fn of(
        session: &SessionId,
        call: &CallId,
        tool: String,
        outcome: &Outcome,
        took: Took,
    ) -> Self {
        let (decision, rule, band) = match outcome {
            Outcome::Permit(permit) => (Decision::Allow, permit.rule(), None),
            Outcome::Denied(denial) => (Decision::Deny, &denial.rule, Some(denial.band)),
            Outcome::Pending(pending) => {
                let verdict = pending.verdict();
                (Decision::Ask, &verdict.rule, Some(verdict.band))
            }
        };
        let (session, call, rule) = (session.clone(), call.clone(), rule.clone());
        Self { session, call, tool, decision, rule, band, took }
    }
}

/// The running parts. Clones are the same.
#[derive(Clone)]
pub(crate) struct Observe(Arc<Inner>);

struct Inner {
    clock: fn() -> Timestamp,
    log: Log,
    metrics: Metrics,
    hooks: Hooks,
    /// One lock for number, line and delivery, so that all three have one order. Nothing waits while it is held.
    told: Mutex<Told>,
}

struct Told {
    bus: Bus,
    names: Names,
}

impl Observe {
    /// Never fails: what cannot be written or sent is counted and said, and the daemon goes on. Webhooks need the runtime
    /// this is called in.
    pub(crate) fn start(options: ObserveOptions) -> Self {
        let ObserveOptions { log, last_event, hooks, tries, roots, clock } = options;
        let log = Log::start(log, clock);
        let hooks = Hooks::start(&hooks, &roots, tries, &log, clock);
        let told = Told { bus: Bus::new(last_event), names: Names::default() };
        Self(Arc::new(Inner { clock, log, metrics: Metrics::new(), hooks, told: Mutex::new(told) }))
    }

    /// What the code says through `tracing` goes to this log from now on.
    pub(crate) fn listen(&self) {
        self.0.log.listen();
    }

    /// Tells everybody: log, figures, listeners, webhooks. Never waits. The number is the event's place for good.
    pub(crate) fn publish(&self, event: Event) -> Arc<Numbered> {
        self.0.metrics.count(&event);
        let at = (self.0.clock)();
        let mut told = self.told();
        for entry in told.names.lines(&event) {
            self.0.log.put(entry.at(at));
        }
        let numbered = told.bus.publish(event, at);
        self.0.hooks.put(&numbered);
        numbered
    }

    /// One judgement: a DEBUG line, and the gate's latency.
    pub(crate) fn evaluated(&self, evaluation: &Evaluation) {
        self.0.metrics.evaluated(evaluation);
        if self.0.log.level() == Level::Debug {
            let entry = self.told().names.evaluated(evaluation);
            self.0.log.put(entry.at((self.0.clock)()));
        }
    }

    /// Events from now on that pass.
    pub(crate) fn subscribe(&self, filter: Filter) -> Subscription {
        self.told().bus.subscribe(None, filter)
    }

    /// Events after number `since`: the kept ones, then each new one, none twice and none left out unsaid.
    pub(crate) fn subscribe_since(&self, since: u64, filter: Filter) -> Subscription {
        self.told().bus.subscribe(Some(since), filter)
    }

    /// The kept events after number `since` that pass.
    pub(crate) fn recent(&self, since: u64, filter: &Filter) -> Recent {
        self.told().bus.recent(since, filter)
    }

    /// The figures, to be set where no event tells them.
    pub(crate) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    /// All figures as text, of the kind [`CONTENT_TYPE`].
    pub(crate) fn render(&self) -> String {
        let log = self.0.log.status();
        let levels = Levels {
            log_waiting: self.0.log.depth(),
            log_dropped: log.dropped,
            log_lost: log.lost,
            listeners: self.told().bus.listeners(),
            hooks: self.0.hooks.levels(),
        };
        self.0.metrics.render(&levels)
    }

    pub(crate) fn set_level(&self, level: Level) {
        self.0.log.set_level(level);
    }

    /// What is taken out of every line and delivery from now on.
    pub(crate) fn set_secrets(&self, secrets: Secrets) {
        self.0.log.set_secrets(secrets);
    }

    pub(crate) fn status(&self) -> Status {
        Status {
            log: self.0.log.status(),
            last_event: self.told().bus.last(),
            webhooks: self.0.hooks.status(),
        }
    }

    /// Waits for the disk until all that was said is in the log. False if that took too long.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        self.0.log.flush(within)
    }

    /// Ends subscriptions, gives webhooks their last attempts and writes the log out: each for at most `within`.
    pub(crate) async fn shutdown(&self, within: Duration) {
        self.told().bus.close();
        self.0.hooks.close(within).await;
        let inner = Arc::clone(&self.0);
        // Waits for the disk: not on a thread of the runtime.
        drop(tokio::task::spawn_blocking(move || inner.log.close(within)).await);
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    fn at(self, at: Timestamp) -> Line {
        Line { at, level: self.level, name: Cow::Borrowed(self.name), fields: self.fields }
    }
}
