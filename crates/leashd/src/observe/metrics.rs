//! Figures in the text form Prometheus reads. How many series there can be is bounded, whatever rules are called. Knows no
//! socket.

use super::Evaluation;
use leashd_types::{Event, SessionId, TurnOutcome};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What is sent as `Content-Type` with the text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Rules with a series of their own. All others share `other`.
const RULES_MAX: usize = 200;
/// Bytes of a rule's name in a label.
const RULE_BYTES: usize = 80;
/// Sessions that are told apart.
const SESSIONS_MAX: usize = 10_000;

/// Seconds. A judgement takes tens of microseconds, a disk milliseconds.
const BUCKETS: [f64; 12] =
    [0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5];

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Decided {
    rule: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Ended {
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Way {
    direction: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Queue {
    queue: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Why {
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct Delivery {
    hook: String,
    outcome: &'static str,
}

/// What is looked up only when somebody reads the figures.
#[derive(Debug, Default)]
pub(super) struct Levels {
    pub(super) log_waiting: usize,
    pub(super) log_dropped: u64,
    pub(super) log_lost: u64,
    pub(super) listeners: usize,
    pub(super) hooks: Vec<HookLevels>,
}

#[derive(Debug)]
pub(super) struct HookLevels {
    pub(super) hook: String,
    pub(super) waiting: usize,
    pub(super) delivered: u64,
    pub(super) failed: u64,
    pub(super) dropped: u64,
}

#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    gate: Family<Phase, Histogram, fn() -> Histogram>,
    decisions: Family<Decided, Counter>,
    rules: Mutex<HashSet<String>>,
    asks_open: Gauge,
    asks: Family<Ended, Counter>,
    agent_starts: Counter,
    agent_restarts: Counter,
    agent_exits: Family<Ended, Counter>,
    sessions_open: Gauge,
    sessions: Mutex<Sessions>,
    messages: Family<Way, Counter>,
    refused: Family<Why, Counter>,
    turns: Family<Ended, Counter>,
    cost: Counter<f64, AtomicU64>,
    events: Counter,
    queues: Family<Queue, Gauge>,
    listeners: Gauge,
    log_lines_lost: Family<Why, Counter>,
    deliveries: Family<Delivery, Counter>,
    webhook_waiting: Gauge,
}

/// Sessions by id, so that an agent that is started again does not count as a session more.
#[derive(Debug, Default)]
struct Sessions {
    open: HashSet<SessionId>,
    known: HashSet<SessionId>,
}

impl Metrics {
    pub(super) fn new() -> Self {
        let gate: fn() -> Histogram = || Histogram::new(BUCKETS);
        let mut metrics = Self {
            registry: Registry::with_prefix("leashd"),
            gate: Family::new_with_constructor(gate),
            decisions: Family::default(),
            rules: Mutex::default(),
            asks_open: Gauge::default(),
            asks: Family::default(),
            agent_starts: Counter::default(),
            agent_restarts: Counter::default(),
            agent_exits: Family::default(),
            sessions_open: Gauge::default(),
            sessions: Mutex::default(),
            messages: Family::default(),
            refused: Family::default(),
            turns: Family::default(),
            cost: Counter::default(),
            events: Counter::default(),
            queues: Family::default(),
            listeners: Gauge::default(),
            log_lines_lost: Family::default(),
            deliveries: Family::default(),
            webhook_waiting: Gauge::default(),
        };
        metrics.register();
        metrics
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "This program", build);
        let help = "Until a call was judged, and until its decision was durable";
        registry.register_with_unit("gate_latency", help, Unit::Seconds, self.gate.clone());
        registry.register(
            "decisions",
            "Decisions by rule; rules beyond 200 are other",
            self.decisions.clone(),
        );
        registry.register("asks_open", "Questions that wait for an answer", self.asks_open.clone());
        registry.register("asks_resolved", "Questions that were answered or ran out", self.asks.clone());
        registry.register("agent_starts", "Agents started", self.agent_starts.clone());
        registry.register(
            "agent_restarts",
            "Of them, for a session that had one",
            self.agent_restarts.clone(),
        );
        registry.register("agent_exits", "Agents that ended", self.agent_exits.clone());
        registry.register("sessions_open", "Sessions with an agent", self.sessions_open.clone());
        registry.register("messages", "Messages of people, and pieces of answers", self.messages.clone());
        registry.register("refused", "What people sent and was not taken", self.refused.clone());
        registry.register("turns", "Turns that ended", self.turns.clone());
        let help = "What agents reported as their cost";
        registry.register_with_unit("cost", help, Unit::Other("usd".to_owned()), self.cost.clone());
        registry.register("events", "Events published", self.events.clone());
        registry.register("queue_depth", "What waits in a queue", self.queues.clone());
        registry.register("event_listeners", "Who listens to events", self.listeners.clone());
        registry.register("log_lines_lost", "Lines that are in no log file", self.log_lines_lost.clone());
        registry.register("webhook_events", "Events for webhooks, by fate", self.deliveries.clone());
        registry.register("webhook_waiting", "Events that wait for webhooks", self.webhook_waiting.clone());
    }

    /// Counts one event.
    pub(super) fn count(&self, event: &Event) {
        self.events.inc();
        match event {
            Event::SessionStarted { session, .. } => self.started(session),
            Event::SessionEnded { session, failed, .. } => {
                let outcome = if *failed { "failed" } else { "ended" };
                self.agent_exits.get_or_create(&Ended { outcome }).inc();
                self.with_sessions(|sessions| sessions.open.remove(session));
            }
            Event::MessageIn { .. } => self.message("in"),
            Event::MessageOut { .. } => self.message("out"),
            Event::MessageQueued { .. } => self.message("queued"),
            Event::ToolAllowed { rule, .. } => self.decided(&rule.name, "allow"),
            Event::ToolDenied { rule, .. } => self.decided(&rule.name, "deny"),
            Event::ApprovalRequested { .. } | Event::InteractionRequested { .. } => {
                self.asks_open.inc();
            }
            Event::ApprovalResolved { outcome, .. } | Event::InteractionResolved { outcome, .. } => {
                if self.asks_open.get() > 0 {
                    self.asks_open.dec();
                }
                let outcome = answer(&outcome.answer);
                self.asks.get_or_create(&Ended { outcome }).inc();
            }
            Event::TurnCompleted { outcome, cost, .. } => {
                self.turns.get_or_create(&Ended { outcome: turn(outcome) }).inc();
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "dollars to nine digits are enough for a chart"
                )]
                let dollars = cost.as_nano_usd().max(0) as f64 / 1e9;
                self.cost.inc_by(dollars);
            }
            Event::AuthRejected { .. } => self.refused("not-allowed"),
            Event::RateLimited { .. } => self.refused("too-fast"),
            Event::EngineStarted { .. }
            | Event::EngineStopped { .. }
            | Event::ConfigReloaded { .. }
            | Event::ConfigRejected { .. }
            | Event::SessionOpened { .. }
            | Event::SessionSwitched { .. }
            | Event::SessionCleared { .. }
            | Event::ModeChanged { .. }
            | Event::DirectoryChanged { .. }
            | Event::AskAnswered { .. }
            | Event::AskDelivered { .. }
            | Event::GrantGiven { .. }
            | Event::GrantRevoked { .. }
            | Event::ToolGated { .. }
            | Event::ToolFinished { .. }
            | Event::ToolRefusedByAgent { .. }
            | Event::ToolRanUngated { .. }
            | Event::Interrupted { .. }
            | Event::Retry { .. }
            | Event::Warning { .. } => {}
        }
    }

    /// How long the gate took.
    pub(super) fn evaluated(&self, evaluation: &Evaluation) {
        let observe = |phase, took: Duration| {
            self.gate.get_or_create(&Phase { phase }).observe(took.as_secs_f64());
        };
        if let Some(judge) = evaluation.took.judge {
            observe("judge", judge);
        }
        observe("durable", evaluation.took.total);
    }

    /// Asks that were open before this process started.
    pub(crate) fn set_asks_open(&self, open: usize) {
        self.asks_open.set(figure(open));
    }

    /// How much waits in a queue of the daemon. `queue` is a name in the code, never one from outside.
    pub(crate) fn set_queue_depth(&self, queue: &'static str, depth: usize) {
        self.queues.get_or_create(&Queue { queue }).set(figure(depth));
    }

    /// Everything as text.
    pub(super) fn render(&self, levels: &Levels) -> String {
        self.set_queue_depth("log", levels.log_waiting);
        self.listeners.set(figure(levels.listeners));
        for (reason, lines) in [("queue-full", levels.log_dropped), ("not-written", levels.log_lost)] {
            count_to(&self.log_lines_lost.get_or_create(&Why { reason }), lines);
        }
        for hook in &levels.hooks {
            for (outcome, count) in
                [("delivered", hook.delivered), ("failed", hook.failed), ("dropped", hook.dropped)]
            {
                count_to(
                    &self.deliveries.get_or_create(&Delivery { hook: hook.hook.clone(), outcome }),
                    count,
                );
            }
        }
        let waiting = levels.hooks.iter().map(|hook| hook.waiting).sum();
        self.webhook_waiting.set(figure(waiting));
        let mut text = String::new();
        match text::encode(&mut text, &self.registry) {
            Ok(()) => text,
            // Writing to a string cannot fail; half of the figures would look like all of them.
            Err(_) => String::new(),
        }
    }

    fn started(&self, session: &SessionId) {
        self.agent_starts.inc();
        let again = self.with_sessions(|sessions| {
            if sessions.known.len() >= SESSIONS_MAX {
                sessions.known.clone_from(&sessions.open);
            }
            if sessions.open.len() < SESSIONS_MAX {
                sessions.open.insert(session.clone());
                !sessions.known.insert(session.clone())
            } else {
                false
            }
        });
        if again {
            self.agent_restarts.inc();
        }
    }

    fn with_sessions<T>(&self, change: impl FnOnce(&mut Sessions) -> T) -> T {
        let mut sessions = self.sessions.lock().unwrap_or_else(PoisonError::into_inner);
        let result = change(&mut sessions);
        self.sessions_open.set(figure(sessions.open.len()));
        result
    }

    fn message(&self, direction: &'static str) {
        self.messages.get_or_create(&Way { direction }).inc();
    }

    fn refused(&self, reason: &'static str) {
        self.refused.get_or_create(&Why { reason }).inc();
    }

    fn decided(&self, rule: &str, outcome: &'static str) {
        let rule = self.known(rule);
        self.decisions.get_or_create(&Decided { rule, outcome }).inc();
    }

    /// The rule's own name as long as there are few, `other` beyond.
    fn known(&self, rule: &str) -> String {
        let rule = rule.get(..rule.floor_char_boundary(RULE_BYTES)).unwrap_or_default();
        let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
        if rules.contains(rule) {
            return rule.to_owned();
        }
        if rules.len() >= RULES_MAX {
            return "other".to_owned();
        }
        rules.insert(rule.to_owned());
        rule.to_owned()
    }
}

/// Counted elsewhere, shown here.
fn count_to(counter: &Counter, value: u64) {
    counter.inner().store(value, Relaxed);
}

fn figure(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn answer(answer: &leashd_types::Answer) -> &'static str {
    use leashd_types::Answer;
    match answer {
        Answer::AllowOnce => "allow-once",
        Answer::AllowSession => "allow-session",
        Answer::Deny => "deny",
        Answer::DenyWith { .. } => "deny-with",
        Answer::Plan { .. } => "plan",
        Answer::Choices { .. } => "choices",
        Answer::Expired => "expired",
        Answer::Withdrawn => "withdrawn",
        Answer::Nobody => "nobody",
    }
}

fn turn(outcome: &TurnOutcome) -> &'static str {
    match outcome {
        TurnOutcome::Completed => "completed",
        TurnOutcome::Interrupted => "interrupted",
        TurnOutcome::MaxTurns => "max-turns",
        TurnOutcome::BudgetExhausted => "budget-exhausted",
        TurnOutcome::ApiError { .. } => "api-error",
        TurnOutcome::Failed { .. } => "failed",
    }
}
