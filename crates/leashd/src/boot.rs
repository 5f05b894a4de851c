//! Puts a session together from settings and command line: directories, rules, audit log, gate, agent. Everything that
//! can be wrong is found here, before anything starts.

use crate::clock;
use crate::failure::{Exit, Failure};
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
    Attendance, Attended, Chat, Command, ConnectorKind, Containment, Envelope, Facts, Form, GitGrants, Mode,
    OpenSession, Protected, Protection, ResolvedPath, SessionId, SessionRow, UserId,
};
use std::collections::{BTreeMap, VecDeque};
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

/// Links on the way to an approved directory; Linux follows 40.
const LINKS_MAX: usize = 64;

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
        let directory = real_directory(&plan.directory)?;
        // What is wrong with the command line is said before anything is written.
        approved(settings, &directory)?;
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
                .map(|first| real_directory(first).unwrap_or_else(|_| first.clone()))
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

/// A session's directory, by the real path it had when the session was opened. Whoever may write above it can put a link in
/// its place, which approves nothing.
pub(crate) fn same_directory(path: &Path) -> Result<PathBuf, Failure> {
    let real = real_directory(path)?;
    if real == path {
        return Ok(real);
    }
    let (path, real) = (path.display(), real.display());
    Err(Failure::new(Exit::Denied, format!("{path} is not the directory it was: it leads to {real} now"))
        .hint("find out who put the link there; then open a session in the directory you mean"))
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
    for (path, real) in settings.approved_directories.iter().zip(&approved) {
        if let Some((place, root)) = agents_link(path, real, &approved) {
            let message = format!(
                "LEASHD_APPROVED_DIRECTORIES names {}, which leads to {} by a link in {}: that lies in {}, where an agent may \
                 have put it",
                path.display(),
                real.display(),
                place.display(),
                root.display()
            );
            return Err(Failure::usage(message).hint("look at the link, then name the directory it leads to"));
        }
    }
    if approved.iter().any(|approved| directory.starts_with(approved)) {
        return Ok(approved);
    }
    Err(Failure::usage(format!("{} is in no approved directory", directory.display()))
        .hint("add it to LEASHD_APPROVED_DIRECTORIES, or name another with --dir"))
}

/// A link on the way to an approved directory that lies in another one and leads out of it: where it lies, and in which.
fn agents_link<'a>(path: &Path, real: &Path, approved: &'a [PathBuf]) -> Option<(PathBuf, &'a PathBuf)> {
    let leads_out = |place: PathBuf| {
        let root = approved.iter().find(|root| place.starts_with(root) && !real.starts_with(root));
        root.map(|root| (place, root))
    };
    links(path).into_iter().find_map(leads_out)
}

/// The directories in which the links on the way to `path` lie, by their real paths.
fn links(path: &Path) -> Vec<PathBuf> {
    let names = |path: &Path| path.components().map(|name| name.as_os_str().to_owned()).collect::<Vec<_>>();
    let (mut at, mut found) = (PathBuf::from("/"), Vec::new());
    let mut left: VecDeque<OsString> = names(path).into();
    while let Some(name) = left.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        // What begins with a slash begins anew.
        let next = at.join(&name);
        match std::fs::read_link(&next) {
            // It exists, so the system followed all of them and there is an end.
            Ok(target) if found.len() < LINKS_MAX => {
                names(&target).into_iter().rev().for_each(|name| left.push_front(name));
                found.push(at.clone());
            }
            Ok(_) | Err(_) => at = next,
        }
    }
    found
}

pub(crate) fn real(path: &Path) -> Result<ResolvedPath, Failure> {
    leashd_sandbox::resolve(path, Path::new("/"))
        .map(|(real, _)| real)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// What never changes during a session.
pub(crate) fn facts(settings: &Settings, directory: &Path, approved: &[PathBuf]) -> Result<Facts, Failure> {
    let mut temporary = ["/tmp", "/var/tmp"].map(PathBuf::from).to_vec();
    temporary.push(settings.temporary.clone());
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
    let mut protected = vec![
        own(&settings.home, Protection::Hidden, "leashd's own files")?,
        own(&settings.audit_log, Protection::Hidden, "the audit log")?,
        own(&settings.log.directory, Protection::Hidden, "leashd's log")?,
        own(&std::env::current_exe()?, Protection::ReadOnly, "leashd itself")?,
    ];
    protected.extend(policy_files(settings, &[])?);
    Ok(protected)
}

/// Policies of the person's, wherever they lie: whoever is judged by one must not change it.
pub(crate) fn policy_files(settings: &Settings, named: &[String]) -> Result<Vec<Protected>, Failure> {
    let file = |path: PathBuf| {
        let what = "a policy that judges the agent".to_owned();
        Ok(Protected { path: real(&path)?, protection: Protection::ReadOnly, what })
    };
    policies::files(settings, named).into_iter().map(file).collect()
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
