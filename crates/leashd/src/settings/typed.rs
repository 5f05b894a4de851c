//! What settings mean: the layers' values as types. Nothing can be wrong with a value here that was not found before;
//! what depends on several settings is checked here.

use super::layers::Layers;
use super::value::{Raw, Value};
use super::workspaces::{DIRECTORY as WORKSPACES, Workspaces};
use super::{Ground, Lookup, expand_tilde, table};
use crate::failure::Failure;
use leashd_policy::ToolLists;
use leashd_sandbox::confine::SHARED_MEMORY;
use leashd_sandbox::{Caches, TOOLCHAINS, Toolchain};
use leashd_types::Mode;
use serde_json::{Map, Value as Json};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// What is left where the project is another one.
    pub(crate) ground: Arc<Ground>,
    /// The person's home directory.
    pub(crate) user_home: PathBuf,
    /// leashd's own state (`LEASHD_HOME`, default `~/.leashd`).
    pub(crate) home: PathBuf,
    /// Where the person's programs put what does not stay (`TMPDIR`).
    pub(crate) temporary: PathBuf,
    /// Directories the agent may work in, absolute but not looked at yet, those of workspaces included. Empty: the
    /// directory a session is started in.
    pub(crate) approved_directories: Vec<PathBuf>,
    /// Where `.leashd/workspaces.yaml` is, if not in leashd's home.
    pub(crate) workspace_root: Option<PathBuf>,
    /// Paths or built-in names. Empty: `default` and `dev-tools`.
    pub(crate) policy_files: Vec<String>,
    pub(crate) audit_log: PathBuf,
    pub(crate) max_turns: u32,
    pub(crate) system_prompt: Option<String>,
    pub(crate) mcp_servers: Map<String, Json>,
    /// Variables the agent gets besides those every agent gets.
    pub(crate) agent_environment: Vec<String>,
    /// Set only where somebody sets it: it then beats the policy's own.
    pub(crate) approval_timeout: Option<Duration>,
    pub(crate) interaction_timeout: Duration,
    /// Without a sign of life from the agent while a turn runs.
    pub(crate) agent_timeout: Duration,
    pub(crate) default_mode: Mode,
    pub(crate) sandbox: Sandboxing,
    /// Tools that are denied before any rule.
    pub(crate) tools: ToolLists,
    /// What contained commands may read and run of the person's home.
    pub(crate) toolchains: Vec<Toolchain>,
    pub(crate) toolchain_caches: Caches,
    pub(crate) storage: Storage,
    pub(crate) log: Log,
    pub(crate) daemon: Daemon,
    pub(crate) telegram: Telegram,
    #[cfg_attr(not(test), expect(dead_code, reason = "for unattended work"))]
    pub(crate) autonomy: Autonomy,
}

/// How much the kernel's walls matter (`LEASHD_SANDBOX`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sandboxing {
    /// The best that can be had. Without proof a person has to be there.
    Auto,
    /// Nothing is started without proof.
    Required,
    Off,
}

/// Where sessions and messages are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Sqlite(PathBuf),
    /// Lost with the process.
    Memory,
}

/// What is logged, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Log {
    pub(crate) level: LogLevel,
    pub(crate) directory: PathBuf,
    /// Of one file.
    pub(crate) max_bytes: u64,
    /// Rotated files that are kept.
    pub(crate) backups: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogLevel {
    Debug,
    Info,
    Warning,
    Error,
}

/// What holds for the process as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Daemon {
    /// Agents that run at the same time.
    pub(crate) max_agents: u32,
    /// Requests per minute and user. `None`: no limit.
    pub(crate) requests_per_minute: Option<u32>,
    /// Requests at once under that limit.
    pub(crate) burst: u32,
    pub(crate) webhooks: Vec<Webhook>,
}

/// Where events are posted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Webhook {
    pub(crate) url: String,
    pub(crate) secret: Secret,
    /// Names of events, `*` for any run of characters. Empty: all.
    pub(crate) events: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Telegram {
    /// `None`: no Telegram.
    pub(crate) token: Option<Secret>,
    pub(crate) users: Users,
    /// Groups in which allowed users are answered.
    pub(crate) groups: Vec<i64>,
    pub(crate) api_url: String,
    pub(crate) privacy: Privacy,
    /// At least so long between two edits of a message that grows. `None`: messages do not grow.
    pub(crate) streaming: Option<Duration>,
}

/// Who may command over Telegram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Users {
    /// Until somebody is paired.
    Nobody,
    Only(Vec<i64>),
    Anybody,
}

/// How much of commands and files leaves for Telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privacy {
    Full,
    Summary,
    Private,
}

/// What goes on without a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Autonomy {
    /// `None`: no tasks.
    pub(crate) tasks: Option<Tasks>,
    /// A model that answers approvals. `None`: people do.
    pub(crate) approver: Option<AiApprover>,
    /// How often failing tests after an edit are retried. `None`: no loop.
    pub(crate) loop_retries: Option<u32>,
    /// A model that reviews plans. `None`: people do.
    pub(crate) plan_reviewer: Option<Model>,
    /// The branch a finished task opens a pull request for. `None`: it opens none.
    pub(crate) pull_request: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tasks {
    pub(crate) max_retries: u32,
    pub(crate) phase_timeout: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AiApprover {
    pub(crate) model: Model,
    /// Per request.
    pub(crate) max_calls: u32,
}

/// A model by name. `None`: the agent's own choice.
pub(crate) type Model = Option<String>;

/// A text that shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

impl Settings {
    /// The directories of workspaces are approved.
    pub(super) fn add_directories(&mut self, workspaces: &Workspaces) {
        for directory in workspaces.directories() {
            if !self.approved_directories.contains(directory) {
                self.approved_directories.push(directory.clone());
            }
        }
    }

    /// What decides about an agent must not lie where the agent may write.
    pub(super) fn check_places(&self) -> Result<(), Failure> {
        let database = match &self.storage {
            Storage::Sqlite(path) => Some(path),
            Storage::Memory => None,
        };
        let workspaces = self.workspace_root.as_ref().map(|root| root.join(WORKSPACES));
        let places = [
            ("LEASHD_STORAGE_PATH", database),
            ("LEASHD_LOG_DIR", Some(&self.log.directory)),
            ("LEASHD_WORKSPACE_CONFIG_ROOT", workspaces.as_ref()),
        ];
        let policies = crate::policies::files(self, &[]);
        let places =
            places.into_iter().chain(policies.iter().map(|file| ("LEASHD_POLICY_FILES", Some(file))));
        let real = |path: &Path| leashd_sandbox::resolve(path, Path::new("/")).map(|(real, _)| real);
        let home = real(&self.home);
        if self.sandbox != Sandboxing::Off
            && home.as_ref().is_ok_and(|home| home.as_path().starts_with(SHARED_MEMORY))
        {
            return Err(Failure::usage(format!(
                "LEASHD_HOME is {}: everything contained has a {} of its own, so no agent could start there",
                self.home.display(),
                SHARED_MEMORY
            ))
            .hint("set LEASHD_HOME to another directory"));
        }
        for (name, place) in places.filter_map(|(name, place)| Some((name, place?))) {
            // What cannot be resolved is refused where it is used.
            let Ok(inside) = real(place) else { continue };
            // No agent reaches leashd's home, wherever it lies.
            if home.as_ref().is_ok_and(|home| inside.as_path().starts_with(home.as_path())) {
                continue;
            }
            for approved in &self.approved_directories {
                let Ok(above) = real(approved) else { continue };
                if inside.as_path().starts_with(above.as_path()) {
                    return Err(Failure::usage(format!(
                        "{name} is {}, which lies in the approved directory {}: an agent could write it",
                        place.display(),
                        approved.display()
                    ))
                    .hint("choose a place in no approved directory, such as the default"));
                }
            }
        }
        Ok(())
    }
}

/// Where the environment says that temporary files go. Relative to nothing, it is nothing.
fn temporary(lookup: Lookup<'_>) -> PathBuf {
    let named = lookup("TMPDIR").map(PathBuf::from).filter(|path| path.is_absolute());
    named.unwrap_or_else(|| PathBuf::from("/tmp"))
}

/// leashd's home, as the environment says.
pub(super) fn home(lookup: Lookup<'_>, user_home: &Path) -> Result<PathBuf, Failure> {
    const NAME: &str = "LEASHD_HOME";
    let Some(text) = lookup(NAME).filter(|text| !text.is_empty()) else {
        return Ok(user_home.join(".leashd"));
    };
    // Not text is for the table to refuse.
    let text = text.to_string_lossy();
    let row = table::find(NAME).ok_or_else(|| missing(NAME))?;
    row.parse(&Raw::text(&text))
        .map_err(|why| Failure::usage(format!("{NAME} {why} (in the environment)")))?;
    Ok(expand_tilde(&text, user_home))
}

pub(super) fn settings(layers: &Layers, user_home: &Path, lookup: Lookup<'_>) -> Result<Settings, Failure> {
    let read = Reading { layers, user_home };
    let home = expand_tilde(&read.text("LEASHD_HOME")?, user_home);
    // Relative paths are below leashd's own home, so that changing directory moves nothing.
    let below = |name: &str| Ok::<_, Failure>(home.join(expand_tilde(&read.text(name)?, user_home)));
    Ok(Settings {
        temporary: temporary(lookup),
        ground: Arc::default(),
        approved_directories: read.directories("LEASHD_APPROVED_DIRECTORIES")?,
        workspace_root: read
            .maybe_text("LEASHD_WORKSPACE_CONFIG_ROOT")?
            .map(|root| expand_tilde(&root, user_home)),
        policy_files: read.list("LEASHD_POLICY_FILES")?,
        audit_log: below("LEASHD_AUDIT_LOG_PATH")?,
        max_turns: read.number("LEASHD_MAX_TURNS")?,
        system_prompt: read.maybe_text("LEASHD_SYSTEM_PROMPT")?,
        mcp_servers: read.object("LEASHD_MCP_SERVERS")?,
        agent_environment: read.list("LEASHD_AGENT_ENVIRONMENT")?,
        approval_timeout: read.maybe_number("LEASHD_APPROVAL_TIMEOUT_SECONDS")?.map(Duration::from_secs),
        interaction_timeout: read.seconds("LEASHD_INTERACTION_TIMEOUT_SECONDS")?,
        agent_timeout: read.seconds("LEASHD_AGENT_TIMEOUT_SECONDS")?,
        default_mode: match read.text("LEASHD_DEFAULT_MODE")?.as_str() {
            "plan" => Mode::Plan,
            "auto" => Mode::Edit,
            _ => Mode::Default,
        },
        sandbox: match read.text("LEASHD_SANDBOX")?.as_str() {
            "off" => Sandboxing::Off,
            "auto" => Sandboxing::Auto,
            _ => Sandboxing::Required,
        },
        tools: ToolLists::new(&read.list("LEASHD_ALLOWED_TOOLS")?, &read.list("LEASHD_DISALLOWED_TOOLS")?),
        toolchains: read.toolchains()?,
        toolchain_caches: match read.text("LEASHD_TOOLCHAIN_CACHES")?.as_str() {
            "shared" => Caches::Shared,
            "private" => Caches::Private,
            _ => Caches::ReadOnly,
        },
        storage: match read.text("LEASHD_STORAGE_BACKEND")?.as_str() {
            "memory" => Storage::Memory,
            _ => Storage::Sqlite(below("LEASHD_STORAGE_PATH")?),
        },
        log: Log {
            level: match read.text("LEASHD_LOG_LEVEL")?.as_str() {
                "DEBUG" => LogLevel::Debug,
                "WARNING" => LogLevel::Warning,
                "ERROR" => LogLevel::Error,
                _ => LogLevel::Info,
            },
            directory: below("LEASHD_LOG_DIR")?,
            max_bytes: read.number("LEASHD_LOG_MAX_BYTES")?,
            backups: read.number("LEASHD_LOG_BACKUP_COUNT")?,
        },
        daemon: read.daemon()?,
        telegram: read.telegram()?,
        autonomy: read.autonomy()?,
        user_home: user_home.to_owned(),
        home,
    })
}

/// Reads checked values.
struct Reading<'a> {
    layers: &'a Layers,
    user_home: &'a Path,
}

impl Reading<'_> {
    fn daemon(&self) -> Result<Daemon, Failure> {
        let requests: u32 = self.number("LEASHD_RATE_LIMIT_RPM")?;
        Ok(Daemon {
            max_agents: self.number("LEASHD_MAX_AGENTS")?,
            requests_per_minute: (requests > 0).then_some(requests),
            burst: self.number("LEASHD_RATE_LIMIT_BURST")?,
            webhooks: self.webhooks()?,
        })
    }

    fn telegram(&self) -> Result<Telegram, Failure> {
        let users = self.list("LEASHD_ALLOWED_USER_IDS")?;
        let throttle = match self.layers.value("LEASHD_STREAMING_THROTTLE_SECONDS") {
            Some(Value::Millis(millis)) => Duration::from_millis(*millis),
            _ => return Err(missing("LEASHD_STREAMING_THROTTLE_SECONDS")),
        };
        Ok(Telegram {
            token: self.maybe_text("LEASHD_TELEGRAM_BOT_TOKEN")?.map(Secret),
            users: match users.as_slice() {
                [] => Users::Nobody,
                some if some.iter().any(|user| user == "*") => Users::Anybody,
                some => Users::Only(some.iter().filter_map(|user| user.parse().ok()).collect()),
            },
            groups: self.list("LEASHD_ALLOWED_GROUP_IDS")?.iter().filter_map(|id| id.parse().ok()).collect(),
            api_url: self.text("LEASHD_TELEGRAM_API_URL")?,
            privacy: match self.text("LEASHD_TELEGRAM_PRIVACY")?.as_str() {
                "full" => Privacy::Full,
                "summary" => Privacy::Summary,
                _ => Privacy::Private,
            },
            streaming: self.flag("LEASHD_STREAMING_ENABLED")?.then_some(throttle),
        })
    }

    fn autonomy(&self) -> Result<Autonomy, Failure> {
        let tasks = Tasks {
            max_retries: self.number("LEASHD_TASK_MAX_RETRIES")?,
            phase_timeout: self.seconds("LEASHD_TASK_PHASE_TIMEOUT_SECONDS")?,
        };
        let approver = AiApprover {
            model: self.maybe_text("LEASHD_AUTO_APPROVER_MODEL")?,
            max_calls: self.number("LEASHD_AUTO_APPROVER_MAX_CALLS")?,
        };
        let retries = self.number("LEASHD_AUTONOMOUS_MAX_RETRIES")?;
        let reviewer = self.maybe_text("LEASHD_AUTO_PLAN_MODEL")?;
        let branch = self.text("LEASHD_AUTO_PR_BASE_BRANCH")?;
        Ok(Autonomy {
            tasks: self.flag("LEASHD_TASK_ORCHESTRATOR")?.then_some(tasks),
            approver: self.flag("LEASHD_AUTO_APPROVER")?.then_some(approver),
            loop_retries: self.flag("LEASHD_AUTONOMOUS_LOOP")?.then_some(retries),
            plan_reviewer: self.flag("LEASHD_AUTO_PLAN")?.then_some(reviewer),
            pull_request: self.flag("LEASHD_AUTO_PR")?.then_some(branch),
        })
    }

    fn webhooks(&self) -> Result<Vec<Webhook>, Failure> {
        const NAME: &str = "LEASHD_WEBHOOKS";
        let Some(Value::Json(Json::Array(hooks))) = self.layers.value(NAME) else {
            return Err(missing(NAME));
        };
        let text = |hook: &Json, key: &str| hook.get(key).and_then(Json::as_str).map(str::to_owned);
        let webhook = |hook: &Json| {
            let events = hook.get("events").and_then(Json::as_array).into_iter().flatten();
            Some(Webhook {
                url: text(hook, "url")?,
                secret: Secret(text(hook, "secret")?),
                events: events.filter_map(Json::as_str).map(str::to_owned).collect(),
            })
        };
        hooks.iter().map(|hook| webhook(hook).ok_or_else(|| missing(NAME))).collect()
    }

    fn toolchains(&self) -> Result<Vec<Toolchain>, Failure> {
        let names = self.list("LEASHD_TOOLCHAINS")?;
        let wanted = |toolchain: &&Toolchain| names.iter().any(|name| *name == toolchain.name);
        Ok(TOOLCHAINS.iter().filter(wanted).cloned().collect())
    }

    fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.layers.value(name) {
            Some(Value::Flag(flag)) => Ok(*flag),
            _ => Err(missing(name)),
        }
    }

    fn number<T: TryFrom<u64>>(&self, name: &str) -> Result<T, Failure> {
        self.maybe_number(name)?.and_then(|number| number.try_into().ok()).ok_or_else(|| missing(name))
    }

    fn maybe_number(&self, name: &str) -> Result<Option<u64>, Failure> {
        match self.layers.value(name) {
            None => Ok(None),
            Some(Value::Number(number)) => Ok(Some(*number)),
            Some(_) => Err(missing(name)),
        }
    }

    fn seconds(&self, name: &str) -> Result<Duration, Failure> {
        self.number(name).map(Duration::from_secs)
    }

    fn text(&self, name: &str) -> Result<String, Failure> {
        self.maybe_text(name)?.ok_or_else(|| missing(name))
    }

    fn maybe_text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.layers.value(name) {
            None => Ok(None),
            Some(Value::Text(text)) if text.is_empty() => Ok(None),
            Some(Value::Text(text)) => Ok(Some(text.clone())),
            Some(_) => Err(missing(name)),
        }
    }

    fn list(&self, name: &str) -> Result<Vec<String>, Failure> {
        match self.layers.value(name) {
            None => Ok(Vec::new()),
            Some(Value::List(items)) => Ok(items.clone()),
            Some(_) => Err(missing(name)),
        }
    }

    fn directories(&self, name: &str) -> Result<Vec<PathBuf>, Failure> {
        Ok(self.list(name)?.iter().map(|item| expand_tilde(item, self.user_home)).collect())
    }

    fn object(&self, name: &str) -> Result<Map<String, Json>, Failure> {
        match self.layers.value(name) {
            Some(Value::Json(Json::Object(map))) => Ok(map.clone()),
            _ => Err(missing(name)),
        }
    }
}

/// The table and this file do not agree. A test reads every setting, so nobody sees it.
fn missing(name: &str) -> Failure {
    Failure::failed(format!("{name} has no value of its kind"))
}
