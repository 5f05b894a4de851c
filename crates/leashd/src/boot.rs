//! Puts a session together from settings and command line: directories, rules, audit log, gate, agent. Everything that
//! can be wrong is found here, before anything starts.

use crate::clock;
use crate::containment::{self, Held, Wanted};
use crate::failure::Failure;
use crate::observe::Observe;
use crate::policies;
use crate::run_loop::{self, DELIVERIES_MAX, Inbox, MAIL_MAX};
use crate::settings::Settings;
use crate::watch;
use crate::world::{Link, Receipts, World};
use leashd_agents::{Agent, Conversation, Launch};
use leashd_connectors::terminal::Keys;
use leashd_connectors::{Desk, EVENTS_MAX, Person};
use leashd_engine::{Engine, Limits, Opening};
use leashd_gate::audit::Record;
use leashd_gate::{AuditError, AuditLog, Durability, Gate, Interactive, Secrets, Snapshot};
use leashd_policy::Rules;
use leashd_sandbox::PrivateDir;
use leashd_types::{
    Attendance, Chat, ConnectorKind, Containment, Facts, GitGrants, Protected, Protection, ResolvedPath,
    SessionId, UserId,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// How long the loop may take to wind down after the connector is gone.
const WIND_DOWN: Duration = Duration::from_secs(10);

/// How long the log may take to be written out, and webhooks to be told of the end.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// A session, ready to be run.
pub(crate) struct Session {
    opening: Opening,
    link: Link,
    gate: Arc<Gate>,
    limits: Limits,
    held: Held,
    observe: Observe,
    /// Removed when the session is over.
    _private: tempfile::TempDir,
}

/// What a session is made of, beyond the settings.
pub(crate) struct Plan {
    pub(crate) agent: Arc<dyn Agent>,
    /// Its program, if it has one of its own.
    pub(crate) program: Option<PathBuf>,
    pub(crate) directory: PathBuf,
    pub(crate) policy: Vec<String>,
    pub(crate) model: Option<String>,
    pub(crate) resume: Option<String>,
    pub(crate) keys: Keys,
    /// The variables the agent gets.
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) config_directory: Option<PathBuf>,
    pub(crate) mcp_servers: Map<String, Value>,
}

impl Session {
    pub(crate) async fn prepare(settings: &Settings, plan: Plan) -> Result<Self, Failure> {
        let directory = real_directory(&plan.directory)?;
        let approved = approved(settings, &directory)?;
        let rules = Arc::new(policies::load(settings, &plan.policy, &directory)?);
        let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
        let secrets = secret_values(&plan.environment).into_iter().chain(watch::secrets(settings));
        let secrets = Secrets::new(secrets).map_err(Failure::failed)?;
        let observe = Observe::start(watch::options(settings, secrets.clone())?);
        observe.listen();
        tracing::info!(version = env!("CARGO_PKG_VERSION"), "engine_building");
        let limits = limits(settings, &rules);
        let audit =
            AuditLog::open(&settings.audit_log, Durability::default(), secrets).map_err(Failure::failed)?;
        let gate = Arc::new(Gate::new(audit, clock::now));
        let id = session_id(plan.resume.as_deref())?;
        let private = private_directory(&home)?;
        let wanted = Wanted {
            settings,
            session: &id,
            program: plan.program.as_deref(),
            approved: &approved,
            private: private.path(),
            environment: &plan.environment,
            config_directory: plan.config_directory.as_deref(),
            resume: plan.resume.as_deref(),
            keys: plan.keys,
        };
        let held = containment::contain(&wanted, &gate).await?;
        let mut facts = facts(settings, &directory, &approved)?;
        facts.containment = held.containment;
        for path in &held.own {
            facts.approved.push(real(path)?);
        }
        let opening = Opening {
            session: id.clone(),
            chat: chat(),
            user: user(),
            agent: plan.agent.kind(),
            directory: directory.clone(),
            mode: settings.default_mode,
            resume: plan.resume.clone(),
        };
        let snapshot = Snapshot {
            generation: rules.generation(),
            rules,
            facts,
            grants: Vec::new(),
            interactive: match plan.keys {
                Keys::Terminal => Interactive::Somebody,
                Keys::None => Interactive::Nobody,
            },
        };
        let agent = Arc::clone(&plan.agent);
        let mut launch = launch(settings, plan, id, private.path());
        launch.directory = directory;
        held.furnish(&mut launch);
        let link = Link::new(agent, launch, snapshot, held.doors.clone());
        tracing::info!(session_id = %opening.session, containment = %held.says, "engine_built");
        Ok(Self { opening, link, gate, limits, held, observe, _private: private })
    }

    /// What holds the agent, for people.
    pub(crate) fn says(&self) -> &str {
        &self.held.says
    }

    pub(crate) fn id(&self) -> &SessionId {
        &self.opening.session
    }

    pub(crate) fn facts(&self) -> &Facts {
        &self.link.snapshot.facts
    }

    /// Puts something that is not a tool call into the audit log.
    pub(crate) fn record(&self, record: Record) -> Result<(), AuditError> {
        self.gate.record(Some(&self.opening.session), record).map(drop)
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
        let links = BTreeMap::from([(self.opening.session.clone(), self.link)]);
        let world = World {
            gate: self.gate,
            links,
            mail,
            shows,
            receipts: Receipts::default(),
            observe: self.observe.clone(),
        };
        let inbox = Inbox { mail: mail_in, deliveries: deliveries_in, queries: queries_in };
        tracing::info!("daemon_starting");
        let mut running =
            tokio::spawn(run_loop::run(Engine::new(self.limits), world, inbox, Some(self.opening)));
        let result = connector(Desk { deliveries, queries, events }).await;
        // The desk is gone, so the loop ends; an agent that still lives ends with its orders channel.
        if tokio::time::timeout(WIND_DOWN, &mut running).await.is_err() {
            running.abort();
        }
        self.observe.shutdown(LAST_WORDS).await;
        result
    }
}

/// How the agent is started where nothing holds it.
fn launch(settings: &Settings, plan: Plan, session: SessionId, private: &Path) -> Launch {
    Launch {
        session,
        directory: plan.directory,
        additional_directories: Vec::new(),
        conversation: Conversation::New,
        model: plan.model,
        mode: settings.default_mode,
        max_turns: Some(settings.max_turns),
        system_prompt: settings.system_prompt.clone(),
        mcp_servers: plan.mcp_servers,
        environment: plan.environment,
        private_directory: private.to_owned(),
        config_directory: plan.config_directory,
        personal_directory: None,
        temporary_directory: None,
        shell_launcher: None,
        walls: None,
        limits: leashd_agents::Limits { silence: settings.agent_timeout, ..leashd_agents::Limits::default() },
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

pub(crate) fn real_directory(path: &Path) -> Result<PathBuf, Failure> {
    let real = path.canonicalize().map_err(|error| {
        Failure::usage(format!("--dir {}: {error}", path.display())).hint("name a directory that exists")
    })?;
    if real.is_dir() {
        Ok(real)
    } else {
        Err(Failure::usage(format!("--dir {}: not a directory", path.display())))
    }
}

/// The approved directories; the session's own is one of them or the only one.
pub(crate) fn approved(settings: &Settings, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    if settings.approved_directories.is_empty() {
        return Ok(vec![directory.to_owned()]);
    }
    let existing = |path: &PathBuf| {
        path.canonicalize().ok().filter(|real| real.is_dir()).ok_or_else(|| {
            let message =
                format!("LEASHD_APPROVED_DIRECTORIES names {}, which is not a directory", path.display());
            Failure::usage(message).hint("create it or take it off the list")
        })
    };
    let approved = settings.approved_directories.iter().map(existing).collect::<Result<Vec<_>, _>>()?;
    if approved.iter().any(|approved| directory.starts_with(approved)) {
        return Ok(approved);
    }
    Err(Failure::usage(format!("{} is in no approved directory", directory.display()))
        .hint("add it to LEASHD_APPROVED_DIRECTORIES, or name another with --dir"))
}

fn limits(settings: &Settings, rules: &Rules) -> Limits {
    let of_policy = rules.approval_timeout_seconds().map(|seconds| Duration::from_secs(u64::from(seconds)));
    let default = Limits::default();
    Limits {
        approval: settings.approval_timeout.or(of_policy).unwrap_or(default.approval),
        interaction: settings.interaction_timeout,
        ..default
    }
}

fn real(path: &Path) -> Result<ResolvedPath, Failure> {
    leashd_sandbox::resolve(path, Path::new("/"))
        .map(|(real, _)| real)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// What never changes during a session.
pub(crate) fn facts(settings: &Settings, directory: &Path, approved: &[PathBuf]) -> Result<Facts, Failure> {
    let mut temporary = ["/tmp", "/var/tmp"].map(PathBuf::from).to_vec();
    temporary.push(std::env::temp_dir());
    let mut temporary = temporary.iter().map(|path| real(path)).collect::<Result<Vec<_>, _>>()?;
    temporary.sort();
    temporary.dedup();
    Ok(Facts {
        cwd: real(directory)?,
        home: real(&settings.user_home)?,
        approved: approved.iter().map(|path| real(path)).collect::<Result<_, _>>()?,
        temporary,
        protected: protected(settings, real)?,
        containment: Containment::NotProven,
        attendance: Attendance::Attended,
        mode: settings.default_mode,
        git_grants: GitGrants::default(),
        paths: BTreeMap::new(),
        files: BTreeMap::new(),
        globs: BTreeMap::new(),
    })
}

fn protected(
    settings: &Settings,
    real: impl Fn(&Path) -> Result<ResolvedPath, Failure>,
) -> Result<Vec<Protected>, Failure> {
    let own = |path: &Path, protection, what: &str| {
        Ok::<_, Failure>(Protected { path: real(path)?, protection, what: what.to_owned() })
    };
    Ok(vec![
        own(&settings.home, Protection::Hidden, "leashd's own files")?,
        own(&settings.audit_log, Protection::Hidden, "the audit log")?,
        own(&settings.log.directory, Protection::Hidden, "leashd's log")?,
        own(&std::env::current_exe()?, Protection::ReadOnly, "leashd itself")?,
    ])
}

/// Settings of the agent that carry a hook of ours: they may be read, and changed only by people.
pub(crate) fn agent_settings(files: impl Iterator<Item = PathBuf>) -> Result<Vec<Protected>, Failure> {
    files
        .map(|path| {
            let real = leashd_sandbox::resolve(&path, Path::new("/"))
                .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
            let what = "settings that carry leashd's hook, or can switch it off".to_owned();
            Ok(Protected { path: real.0, protection: Protection::ReadOnly, what })
        })
        .collect()
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

/// A directory of this session alone, gone when the session is.
fn private_directory(home: &PrivateDir) -> Result<tempfile::TempDir, Failure> {
    let sessions = home.subdirectory("sessions").map_err(Failure::failed)?;
    tempfile::TempDir::new_in(sessions.path()).map_err(|error| {
        Failure::failed(format!("cannot create a directory in {}: {error}", sessions.path().display()))
    })
}
