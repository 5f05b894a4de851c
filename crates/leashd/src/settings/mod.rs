//! Settings from the environment (`LEASHD_…`). Every value is checked here, once, with an error that names the variable.

use crate::failure::Failure;
use leashd_types::Mode;
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where variables come from: the process environment, or a table in tests.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// The person's home directory.
    pub(crate) user_home: PathBuf,
    /// leashd's own state (`LEASHD_HOME`, default `~/.leashd`).
    pub(crate) home: PathBuf,
    /// Directories the agent may work in, absolute but not looked at yet. Empty: the directory a session is started in.
    pub(crate) approved_directories: Vec<PathBuf>,
    /// Paths or built-in names. Empty: `default` and `dev-tools`.
    pub(crate) policy_files: Vec<String>,
    pub(crate) audit_log: PathBuf,
    pub(crate) max_turns: u32,
    pub(crate) system_prompt: Option<String>,
    pub(crate) mcp_servers: Map<String, Value>,
    /// Set only where the environment sets it: it then beats the policy's own.
    pub(crate) approval_timeout: Option<Duration>,
    pub(crate) interaction_timeout: Duration,
    /// Without a sign of life from the agent while a turn runs.
    pub(crate) agent_timeout: Duration,
    pub(crate) default_mode: Mode,
    pub(crate) sandbox: Sandboxing,
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

impl Settings {
    /// Reads and checks all of them.
    pub(crate) fn read(lookup: Lookup<'_>) -> Result<Self, Failure> {
        let user_home = lookup("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from)
            .ok_or_else(|| Failure::usage("HOME is not set").hint("set HOME to your home directory"))?;
        let home = match text(lookup, "LEASHD_HOME")? {
            Some(path) => absolute("LEASHD_HOME", &path, &user_home)?,
            None => user_home.join(".leashd"),
        };
        let audit_log = match text(lookup, "LEASHD_AUDIT_LOG_PATH")? {
            // Relative paths are below leashd's own home, so that changing directory moves nothing.
            Some(path) => home.join(expand_tilde(&path, &user_home)),
            None => home.join("audit.jsonl"),
        };
        Ok(Self {
            approved_directories: directories(lookup, &user_home)?,
            policy_files: list(lookup, "LEASHD_POLICY_FILES")?,
            audit_log,
            max_turns: number(lookup, "LEASHD_MAX_TURNS", 1)?.unwrap_or(150),
            system_prompt: text(lookup, "LEASHD_SYSTEM_PROMPT")?,
            mcp_servers: object(lookup, "LEASHD_MCP_SERVERS")?,
            approval_timeout: seconds(lookup, "LEASHD_APPROVAL_TIMEOUT_SECONDS")?,
            interaction_timeout: seconds(lookup, "LEASHD_INTERACTION_TIMEOUT_SECONDS")?
                .unwrap_or(Duration::from_secs(300)),
            agent_timeout: seconds(lookup, "LEASHD_AGENT_TIMEOUT_SECONDS")?
                .unwrap_or(Duration::from_secs(3600)),
            default_mode: mode(lookup)?,
            sandbox: sandboxing(lookup)?,
            user_home,
            home,
        })
    }

    pub(crate) fn from_environment() -> Result<Self, Failure> {
        Self::read(&|name| std::env::var_os(name))
    }
}

fn text(lookup: Lookup<'_>, name: &str) -> Result<Option<String>, Failure> {
    match lookup(name) {
        None => Ok(None),
        Some(value) if value.is_empty() => Ok(None),
        Some(value) => value
            .into_string()
            .map(Some)
            .map_err(|_| Failure::usage(format!("{name} is not valid UTF-8")).hint("set it to plain text")),
    }
}

fn number(lookup: Lookup<'_>, name: &str, least: u32) -> Result<Option<u32>, Failure> {
    let Some(value) = text(lookup, name)? else { return Ok(None) };
    match value.trim().parse::<u32>() {
        Ok(number) if number >= least => Ok(Some(number)),
        Ok(_) | Err(_) => {
            Err(Failure::usage(format!("{name} is {value:?}, expected a whole number from {least}")))
        }
    }
}

fn seconds(lookup: Lookup<'_>, name: &str) -> Result<Option<Duration>, Failure> {
    Ok(number(lookup, name, 1)?.map(|seconds| Duration::from_secs(u64::from(seconds))))
}

/// Comma-separated, or a JSON array of strings.
fn list(lookup: Lookup<'_>, name: &str) -> Result<Vec<String>, Failure> {
    let Some(value) = text(lookup, name)? else { return Ok(Vec::new()) };
    if value.trim_start().starts_with('[') {
        return serde_json::from_str(&value)
            .map_err(|error| Failure::usage(format!("{name} is not a JSON array of strings: {error}")));
    }
    Ok(value.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
}

fn object(lookup: Lookup<'_>, name: &str) -> Result<Map<String, Value>, Failure> {
    let Some(value) = text(lookup, name)? else { return Ok(Map::new()) };
    serde_json::from_str(&value).map_err(|error| {
        Failure::usage(format!("{name} is not a JSON object: {error}"))
            .hint(r#"write it as {"name": {"command": "…", "args": ["…"]}}"#)
    })
}

fn directories(lookup: Lookup<'_>, user_home: &Path) -> Result<Vec<PathBuf>, Failure> {
    const NAME: &str = "LEASHD_APPROVED_DIRECTORIES";
    list(lookup, NAME)?.iter().map(|item| absolute(NAME, item, user_home)).collect()
}

fn absolute(name: &str, item: &str, user_home: &Path) -> Result<PathBuf, Failure> {
    let path = expand_tilde(item, user_home);
    if path.is_absolute() {
        Ok(path)
    } else {
        Err(Failure::usage(format!("{name} names {item:?}, which is not an absolute path")))
    }
}

pub(crate) fn expand_tilde(item: &str, user_home: &Path) -> PathBuf {
    match item.strip_prefix('~') {
        Some("") => user_home.to_owned(),
        Some(rest) if rest.starts_with('/') => user_home.join(rest.trim_start_matches('/')),
        Some(_) | None => PathBuf::from(item),
    }
}

fn mode(lookup: Lookup<'_>) -> Result<Mode, Failure> {
    const NAME: &str = "LEASHD_DEFAULT_MODE";
    let Some(value) = text(lookup, NAME)? else { return Ok(Mode::Default) };
    match value.as_str() {
        "default" => Ok(Mode::Default),
        "plan" => Ok(Mode::Plan),
        "auto" | "edit" => Ok(Mode::Edit),
        _ => Err(Failure::usage(format!("{NAME} is {value:?}, expected default, plan or auto"))),
    }
}

fn sandboxing(lookup: Lookup<'_>) -> Result<Sandboxing, Failure> {
    const NAME: &str = "LEASHD_SANDBOX";
    match text(lookup, NAME)?.as_deref() {
        None | Some("auto") => Ok(Sandboxing::Auto),
        Some("required") => Ok(Sandboxing::Required),
        Some("off") => Ok(Sandboxing::Off),
        Some(value) => Err(Failure::usage(format!("{NAME} is {value:?}, expected auto, required or off"))),
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;
    use std::ffi::OsString;

    fn check(variables: &[(&str, &str)]) -> Result<Settings, String> {
        let lookup = |name: &str| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| OsString::from(value))
                .or_else(|| (name == "HOME").then(|| OsString::from("/home/you")))
        };
        Settings::read(&lookup).map_err(|failure| failure.message)
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        let settings = check(&[]).unwrap();
        assert_eq!(settings.home.to_str(), Some("/home/you/.leashd"));
        assert_eq!(settings.audit_log.to_str(), Some("/home/you/.leashd/audit.jsonl"));
        assert_eq!(settings.max_turns, 150);
        assert_eq!(settings.approval_timeout, None);
        assert_eq!(settings.interaction_timeout.as_secs(), 300);
        assert_eq!(settings.agent_timeout.as_secs(), 3600);
    }

    #[test]
    fn lists_are_commas_or_json() {
        for value in ["a.yaml, strict", r#"["a.yaml","strict"]"#] {
            assert_eq!(check(&[("LEASHD_POLICY_FILES", value)]).unwrap().policy_files, ["a.yaml", "strict"]);
        }
    }

    #[test]
    fn a_wrong_value_names_its_variable() {
        for (name, value, part) in [
            ("LEASHD_MAX_TURNS", "many", "LEASHD_MAX_TURNS is \"many\", expected a whole number from 1"),
            ("LEASHD_MAX_TURNS", "0", "expected a whole number from 1"),
            ("LEASHD_APPROVED_DIRECTORIES", "src", "not an absolute path"),
            ("LEASHD_MCP_SERVERS", "[]", "not a JSON object"),
            ("LEASHD_DEFAULT_MODE", "wild", "expected default, plan or auto"),
            ("LEASHD_SANDBOX", "no", "expected auto, required or off"),
            ("LEASHD_POLICY_FILES", "[1]", "not a JSON array of strings"),
        ] {
            let message = check(&[(name, value)]).unwrap_err();
            assert!(message.contains(part), "{message}");
        }
    }
}
