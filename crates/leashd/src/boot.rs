//! Puts a session together from settings and command line: rules, audit log, gate, agent. Everything that can be wrong is
//! found here, before anything starts.

use crate::clock;
use crate::directories;
use crate::failure::Failure;
use crate::keeper::Keeper;
use crate::observe::Observe;
use crate::outfitter::{Outfitter, Stock, Supply};
use crate::policies;
use crate::run_loop::{self, DELIVERIES_MAX, Inbox, MAIL_MAX};
use crate::self_check::Checked;
use crate::settings::{Settings, Users};
use crate::watch;
use crate::world::{Receipts, World};
use leashd_agents::Agent;
use leashd_connectors::terminal::Keys;
use leashd_connectors::{Desk, EVENTS_MAX, Person};
use leashd_engine::{Admission, Allowed, Config, Defaults, Engine, Input, Limits, Rate, RequestId};
use leashd_gate::{AuditLog, Durability, Gate, Secrets};
use leashd_sandbox::PrivateDir;
use leashd_types::{
    Attended, Chat, Command, ConnectorKind, Envelope, Facts, Form, Mode, OpenSession, SessionId, SessionRow,
    UserId,
};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the loop may take to wind down after the connector is gone.
const WIND_DOWN: Duration = Duration::from_secs(10);

/// How long the log may take to be written out, and webhooks to be told of the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A session, ready to be run.
pub(crate) struct Session {
    open: Envelope,
    id: SessionId,
    facts: Facts,
    says: String,
    outfitter: Arc<Outfitter>,
    gate: Arc<Gate>,
    config: Config,
    observe: Observe,
}

/// What a session is made of, beyond the settings.
pub(crate) struct Plan {
    pub(crate) agent: Arc<dyn Agent>,
    /// Its program, if it has one of its own.
    pub(crate) program: Option<PathBuf>,
    pub(crate) directory: PathBuf,
    pub(crate) workspace: Option<String>,
    pub(crate) policy: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) resume: Option<String>,
    pub(crate) keys: Keys,
    /// The variables the agent gets.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) config_directory: Option<PathBuf>,
}

impl Session {
    pub(crate) async fn prepare(settings: &Settings, plan: Plan) -> Result<Self, Failure> {
        let directory = directories::real_directory(&plan.directory)?;
        // What is wrong with the command line is said before anything is written.
        directories::approved(settings, &directory)?;
        policies::load(settings, &plan.policy, &directory)?;
        let id = session_id(plan.resume.as_deref())?;
        let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
        let secrets = secret_values(&plan.environment).into_iter().chain(watch::secrets(settings));
        let secrets = Secrets::new(secrets).map_err(Failure::failed)?;
        let observe = Observe::start(watch::options(settings, secrets.clone())?);
        observe.listen();
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "engine_building");
        let audit =
            AuditLog::open(&settings.audit_log, Durability::default(), secrets).map_err(Failure::failed)?;
        let gate = Arc::new(Gate::new(audit, clock::now));
        let order = OpenSession {
            session: Some(id.clone()),
            agent: plan.agent.kind(),
            directory: Some(directory.clone()),
            workspace: plan.workspace,
            mode: None,
            model: plan.model.clone(),
            policy: plan.policy,
            resume: plan.resume.as_ref().map(|_| id.clone()),
            attended: match plan.keys {
                Keys::Terminal => Attended::Somebody,
                Keys::None => Attended::Nobody,
            },
        };
        let stock = Stock {
            gate: Arc::clone(&gate),
            home,
            supply: Supply::Given { agent: plan.agent, program: plan.program },
            environment: plan.environment,
            config_directory: plan.config_directory,
        };
        let outfitter = Arc::new(Outfitter::new(Arc::new(settings.clone()), stock));
        let row = row(&order, &id, directory, settings.default_mode);
        let link = outfitter.make(&row, order.attended, plan.resume.as_deref()).await?;
        let (facts, says) = (link.snapshot.facts.clone(), link.held.says.clone());
        outfitter.prepare(link);
        tracing::info!(session_id = %id, containment = %says, "engine_built");
        let command = Command::Open { order };
        let open = Envelope { chat: chat(), from: user(), form: Form::Command, command };
        let config = engine_config(settings, Admission::open());
        Ok(Self { open, id, facts, says, outfitter, gate, config, observe })
    }

    /// What holds the agent, for people.
    pub(crate) fn says(&self) -> &str {
        &self.says
    }

    pub(crate) fn id(&self) -> &SessionId {
        &self.id
    }

    /// What the self-test of its agent needs.
    pub(crate) fn checked(&self) -> Checked<'_> {
        Checked { facts: &self.facts, gate: &self.gate, session: &self.id }
    }

    /// Runs the session with one connector, until the connector is done.
    pub(crate) async fn run<T, F>(self, connector: impl FnOnce(Desk) -> F) -> T
    where
        F: Future<Output = T>,
    {
        let (mail, mail_in) = mpsc::channel(MAIL_MAX);
        let (deliveries, deliveries_in) = mpsc::channel(DELIVERIES_MAX);
        let (queries, queries_in) = mpsc::channel(DELIVERIES_MAX);
        let (shows, events) = mpsc::channel(EVENTS_MAX);
        let world = World {
            gate: self.gate,
            keeper: Keeper::Nowhere,
            outfitter: self.outfitter,
            mail,
            shows,
            observe: self.observe.clone(),
            receipts: Receipts::default(),
            seats: BTreeMap::new(),
        };
        let inbox = Inbox { mail: mail_in, deliveries: deliveries_in, queries: queries_in };
        tracing::info!("daemon_starting");
        let mut engine = Engine::new(self.config);
        let input = Input::Command { request: RequestId(0), envelope: self.open };
        let first = engine.step(input, clock::now());
        let mut running = tokio::spawn(run_loop::run(engine, world, inbox, first));
        let result = connector(Desk { deliveries, queries, events }).await;
        // The desk is gone, so the loop ends; an agent that still lives ends with its orders channel.
        if tokio::time::timeout(WIND_DOWN, &mut running).await.is_err() {
            running.abort();
        }
        self.observe.shutdown(LAST_WORDS).await;
        result
    }
}

/// The session as the engine will have it.
fn row(order: &OpenSession, id: &SessionId, directory: PathBuf, mode: Mode) -> SessionRow {
    let order = OpenSession { directory: Some(directory), mode: Some(mode), ..order.clone() };
    SessionRow::opened(id.clone(), (chat(), user()), order, clock::now())
}

/// What the engine is to hold to, as the settings have it.
pub(crate) fn engine_config(settings: &Settings, admission: Admission) -> Config {
    let default = Limits::default();
    Config {
        limits: Limits {
            approval: settings.approval_timeout.unwrap_or(default.approval),
            interaction: settings.interaction_timeout,
            turn: settings.agent_timeout,
            agents_max: usize::try_from(settings.daemon.max_agents).unwrap_or(usize::MAX),
            ..default
        },
        admission,
        defaults: Defaults {
            directory: settings
                .approved_directories
                .first()
                .map(|first| directories::real_directory(first).unwrap_or_else(|_| first.clone()))
                .unwrap_or_default(),
            mode: settings.default_mode,
            model: None,
            approved: in_words(&settings.approved_directories),
        },
        seed: u64::from(std::process::id()),
    }
}

/// Directories as they are written and as they really are: the engine compares words. What is behind a link is looked at
/// when an agent starts.
fn in_words(directories: &[PathBuf]) -> Vec<PathBuf> {
    let real = directories.iter().filter_map(|directory| directory.canonicalize().ok());
    let mut words: Vec<PathBuf> = directories.iter().cloned().chain(real).collect();
    words.sort();
    words.dedup();
    words
}

/// Who may speak to the daemon: this terminal's person through the socket, others as the settings say.
pub(crate) fn admission(settings: &Settings) -> Admission {
    let telegram = match &settings.telegram.users {
        Users::Nobody => Allowed::Nobody,
        Users::Anybody => Allowed::Everyone,
        Users::Only(users) => Allowed::Users(users.iter().map(ToString::to_string).collect()),
    };
    Admission {
        terminal: Allowed::Everyone,
        telegram,
        web: Allowed::Everyone,
        groups: settings.telegram.groups.iter().map(ToString::to_string).collect(),
        rate: Rate {
            per_minute: settings.daemon.requests_per_minute.unwrap_or(0),
            burst: settings.daemon.burst,
        },
    }
}

/// A runtime for one future. Commands that only read files never start one.
pub(crate) fn with_runtime<F: Future>(future: F) -> Result<F::Output, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let output = runtime.block_on(future);
    // A thread that still waits for a key must not hold the process.
    runtime.shutdown_timeout(Duration::from_millis(100));
    Ok(output)
}

/// The one conversation of this process.
pub(crate) fn chat() -> Chat {
    Chat::new(ConnectorKind::Terminal, std::process::id().to_string())
}

/// Who speaks here, and from where.
pub(crate) fn person() -> Person {
    Person { chat: chat(), user: user() }
}

/// The person at this terminal.
pub(crate) fn user() -> UserId {
    UserId::new(
        std::env::var("USER").ok().filter(|user| !user.is_empty()).unwrap_or_else(|| "terminal".to_owned()),
    )
}

pub(crate) fn session_id(resume: Option<&str>) -> Result<SessionId, Failure> {
    match resume {
        None => Ok(SessionId::new(uuid::Uuid::now_v7().to_string())),
        Some(text) => match text.parse::<uuid::Uuid>() {
            Ok(id) => Ok(SessionId::new(id.to_string())),
            Err(_) => Err(Failure::usage(format!("--resume {text}: not a session id"))
                .hint("`leashd audit tail` shows the ids of earlier sessions")),
        },
    }
}

/// Values that must never reach the audit log: whatever a variable named like a secret holds.
pub(crate) fn secret_values(environment: &[(OsString, OsString)]) -> Vec<String> {
    const TELLING: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"];
    environment
        .iter()
        .filter(|(name, _)| name.to_str().is_some_and(|name| TELLING.iter().any(|part| name.contains(part))))
        .filter_map(|(_, value)| value.to_str().map(str::to_owned))
        .collect()
}
