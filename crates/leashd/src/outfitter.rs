//! Puts together what one start of an agent is made of: directories, rules, walls, environment. As the settings are at that
//! moment; what runs keeps what it was started with. Everything that can be wrong is found here, before anything starts.

use crate::claude;
use crate::commands::trust;
use crate::containment::{self, Wanted};
use crate::directories;
use crate::failure::Failure;
use crate::links::Link;
use crate::policies;
use crate::self_check::{self, Checked};
use crate::session_directory::SessionDirectory;
use crate::settings::Settings;
use leashd_agents::claude::ClaudeCode;
use leashd_agents::{Agent, Conversation, Launch};
use leashd_connectors::terminal::Keys;
use leashd_engine::Begin;
use leashd_gate::{Gate, Interactive, Snapshot};
use leashd_sandbox::{GitOrders, PrivateDir};
use leashd_types::{Attended, SessionId, SessionRow};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

pub(crate) struct Outfitter {
    settings: Mutex<Arc<Settings>>,
    gate: Arc<Gate>,
    home: PrivateDir,
    supply: Supply,
    /// The variables agents get.
    environment: Vec<(OsString, OsString)>,
    config_directory: Option<PathBuf>,
    /// The first session's, made before there was a loop.
    prepared: Mutex<Option<Link>>,
}

/// Where agents come from.
pub(crate) enum Supply {
    Given {
        agent: Arc<dyn Agent>,
        /// Its program, if it has one of its own.
        program: Option<PathBuf>,
    },
    /// The Claude Code that is installed, looked for when it is first wanted.
    Installed(OnceCell<ClaudeCode>),
}

/// What agents are made of, the same for all sessions of this process.
pub(crate) struct Stock {
    pub(crate) gate: Arc<Gate>,
    pub(crate) home: PrivateDir,
    pub(crate) supply: Supply,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) config_directory: Option<PathBuf>,
}

impl Outfitter {
    pub(crate) fn new(settings: Arc<Settings>, stock: Stock) -> Self {
        let Stock { gate, home, supply, environment, config_directory } = stock;
        let prepared = Mutex::default();
        Self { settings: Mutex::new(settings), gate, home, supply, environment, config_directory, prepared }
    }

    /// Agents that start from now on start under these.
    pub(crate) fn renew(&self, settings: Arc<Settings>) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = settings;
    }

    pub(crate) fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Hands this out for the next start of its session.
    pub(crate) fn prepare(&self, link: Link) {
        *self.prepared.lock().unwrap_or_else(PoisonError::into_inner) = Some(link);
    }

    /// Everything the agent of a session is started with.
    pub(crate) async fn outfit(
        &self,
        row: &SessionRow,
        attended: Attended,
        begin: &Begin,
    ) -> Result<Link, Failure> {
        let prepared = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(link) = prepared
            && link.launch.session == row.session
            && link.launch.directory == row.directory
        {
            return Ok(link);
        }
        let resume = match begin {
            Begin::Resume(id) => Some(id.as_str()),
            Begin::First | Begin::Fresh(_) => None,
        };
        self.make(row, attended, resume).await
    }

    pub(crate) async fn make(
        &self,
        row: &SessionRow,
        attended: Attended,
        resume: Option<&str>,
    ) -> Result<Link, Failure> {
        let directory = directories::same_directory(&row.directory)?;
        let (settings, mut warnings) = self.settings().for_session(&directory)?;
        let keys = match attended {
            Attended::Somebody => Keys::Terminal,
            Attended::Nobody => Keys::None,
        };
        let approved = directories::approved(&settings, &directory)?;
        let rules = Arc::new(policies::load(&settings, &row.policy, &directory)?);
        let (agent, program) = self.agent().await?;
        let private = SessionDirectory::create(&self.home)?;
        let environment = self.environment(&settings);
        let wanted = Wanted {
            settings: &settings,
            session: &row.session,
            program: program.as_deref(),
            directory: &directory,
            approved: &approved,
            private: private.path(),
            environment: &environment,
            config_directory: self.config_directory.as_deref(),
            resume,
            keys,
        };
        let held = containment::contain(&wanted, &self.gate).await?;
        let mut facts = directories::facts(&settings, &directory, &approved)?;
        facts.containment = held.containment;
        facts.protected.extend(directories::policy_files(&settings, &row.policy)?);
        for path in &held.own {
            let real = directories::real(path)?;
            // Another agent of the same session may put a link there at any moment.
            if real.as_path() != path {
                return Err(Failure::failed(format!("{} leads to somewhere else", path.display())));
            }
            facts.approved.push(real);
        }
        warnings.extend(self.check(&settings, &facts, &row.session, keys).await?);
        let of_policy =
            rules.approval_timeout_seconds().map(|seconds| Duration::from_secs(u64::from(seconds)));
        let snapshot = Snapshot {
            generation: rules.generation(),
            rules,
            facts,
            grants: Vec::new(),
            interactive: match attended {
                Attended::Somebody => Interactive::Somebody,
                Attended::Nobody => Interactive::Nobody,
            },
        };
        let mut launch = self.launch(&settings, row, directory, private.path())?;
        launch.environment = environment;
        held.furnish(&mut launch);
        let git_orders = GitOrders::snapshot(&launch.directory);
        // What the person set stands before what a policy says.
        let patience = settings.approval_timeout.or(of_policy);
        Ok(Link { agent, launch, snapshot, patience, held, git_orders, warnings, _private: private })
    }

    async fn agent(&self) -> Result<(Arc<dyn Agent>, Option<PathBuf>), Failure> {
        match &self.supply {
            Supply::Given { agent, program } => Ok((Arc::clone(agent), program.clone())),
            Supply::Installed(cell) => {
                let claude = cell.get_or_try_init(|| claude::find(&self.environment)).await?;
                Ok((Arc::new(claude.clone()), Some(claude.program().to_owned())))
            }
        }
    }

    /// What every agent gets, and what the person named.
    fn environment(&self, settings: &Settings) -> Vec<(OsString, OsString)> {
        let mut environment = self.environment.clone();
        for name in &settings.agent_environment {
            let known = environment.iter().any(|(known, _)| known == name.as_str());
            environment.extend(std::env::var_os(name).filter(|_| !known).map(|value| (name.into(), value)));
        }
        environment
    }

    /// An agent that was given was looked at by whoever gave it.
    async fn check(
        &self,
        settings: &Settings,
        facts: &leashd_types::Facts,
        session: &SessionId,
        keys: Keys,
    ) -> Result<Option<String>, Failure> {
        match &self.supply {
            Supply::Given { .. } => Ok(None),
            Supply::Installed(cell) => {
                let Some(claude) = cell.get() else { return Ok(None) };
                let checked = Checked { facts, gate: &self.gate, session };
                self_check::check(settings, claude, &checked, keys).await
            }
        }
    }

    /// How the agent is started where nothing holds it.
    fn launch(
        &self,
        settings: &Settings,
        row: &SessionRow,
        directory: PathBuf,
        private: &Path,
    ) -> Result<Launch, Failure> {
        let (additional_directories, paragraph) = workspace(settings, row, &directory)?;
        let prompts: Vec<String> = settings.system_prompt.clone().into_iter().chain(paragraph).collect();
        Ok(Launch {
            session: row.session.clone(),
            mcp_servers: servers(settings, &directory)?,
            directory,
            additional_directories,
            // As it is at the start.
            conversation: Conversation::New,
            model: row.model.clone(),
            mode: row.mode,
            max_turns: Some(settings.max_turns),
            system_prompt: (!prompts.is_empty()).then(|| prompts.join("\n\n")),
            environment: Vec::new(),
            private_directory: private.to_owned(),
            config_directory: self.config_directory.clone(),
            personal_directory: None,
            temporary_directory: None,
            shell_launcher: None,
            walls: None,
            limits: leashd_agents::Limits {
                silence: settings.agent_timeout,
                ..leashd_agents::Limits::default()
            },
        })
    }
}

/// What the person configured stands before what a project says.
fn servers(settings: &Settings, directory: &Path) -> Result<Map<String, Value>, Failure> {
    let mut servers = settings.mcp_servers.clone();
    for (name, server) in trust::project_servers(settings, directory)? {
        servers.entry(name).or_insert(server);
    }
    Ok(servers)
}

/// The other directories of the session's workspace, and what the agent is told of them.
fn workspace(
    settings: &Settings,
    row: &SessionRow,
    directory: &Path,
) -> Result<(Vec<PathBuf>, Option<String>), Failure> {
    let Some(name) = &row.workspace else { return Ok((Vec::new(), None)) };
    let all = &settings.ground.workspaces;
    let found = all.find(name).ok_or_else(|| all.none_called(name))?;
    let others = found.directories.iter().filter(|other| other.is_dir() && *other != directory).cloned();
    Ok((others.collect(), Some(found.paragraph())))
}
