//! The settings hooks judge with: taken from the person's environment and `config.yaml` when the hook was installed and
//! kept in leashd's home, ready to be read without YAML. A hook's own environment is no source: a repository's settings can
//! put variables into it. Which of its values are secrets, to be kept out of the audit log, is known by their digests: a
//! repository that could name a secret could black out what it likes.

use crate::boot;
use crate::failure::Failure;
use crate::settings::layers::Layer;
use crate::settings::table::Secrecy;
use crate::settings::{self, Settings};
use leashd_gate::Secrets;
use leashd_proxy::Secret;
use leashd_sandbox::PrivateDir;
use leashd_types::Digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The file in leashd's home.
pub(crate) const PINNED: &str = "hook.json";
/// Bytes of it.
const LIMIT: u64 = 1 << 20;

/// Claude Code's configuration directory, where it is not `~/.claude`.
const CONFIG: &str = "CLAUDE_CONFIG_DIR";
/// What counts besides our own variables.
const OTHERS: [&str; 3] = ["HOME", "TMPDIR", CONFIG];
const DIRECTORIES: &str = "LEASHD_APPROVED_DIRECTORIES";

/// What hooks judge with.
#[derive(Debug)]
pub(crate) struct Ground {
    pub(crate) settings: Settings,
    /// Claude Code's configuration directory.
    pub(crate) claude: PathBuf,
    /// What must not reach the audit log.
    pub(crate) secrets: Secrets,
}

/// `HOME`, `TMPDIR` and every `LEASHD_…` variable as they were.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Pinned {
    v: u32,
    environment: BTreeMap<String, String>,
    #[serde(default)]
    secrets: Marks,
}

/// By these the person's secrets are known again.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Marks {
    salt: String,
    digests: BTreeSet<Digest>,
}

impl Marks {
    fn of(environment: &[(OsString, OsString)]) -> Result<Self, Failure> {
        let salt = Secret::random().map_err(Failure::failed)?.expose().to_owned();
        let digests = boot::secret_values(environment).iter().map(|value| mark(&salt, value)).collect();
        Ok(Self { salt, digests })
    }

    /// Those of the person's that are here still.
    fn known(&self, environment: &[(OsString, OsString)]) -> Vec<String> {
        let mut values = boot::secret_values(environment);
        values.retain(|value| self.digests.contains(&mark(&self.salt, value)));
        values
    }
}

fn mark(salt: &str, value: &str) -> Digest {
    Digest::of_parts(&[salt.as_bytes(), value.as_bytes()])
}

impl Pinned {
    /// Whether hooks judge alike with both.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        (self.v, &self.environment) == (other.v, &other.environment)
    }

    /// What `config.yaml` and the environment of this process say, checked. Secrets stay where they are: no hook needs
    /// one.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        let loaded = settings::load(None)?;
        let all: Vec<_> = std::env::vars_os().collect();
        let secrets = Marks::of(&all)?;
        let mut environment = BTreeMap::new();
        for (name, value) in all {
            let Some(name) = name.to_str() else { continue };
            if !OTHERS.contains(&name) && !name.starts_with("LEASHD_") {
                continue;
            }
            let value = value.into_string().map_err(|_| {
                Failure::usage(format!("{name} is not valid UTF-8")).hint("set it to plain text")
            })?;
            environment.insert(name.to_owned(), value);
        }
        for setting in loaded.layers.settings() {
            let row = setting.row;
            match setting.won() {
                _ if row.secrecy != Secrecy::Open => {
                    environment.remove(row.name);
                }
                Some(given) if given.layer == Layer::Config => {
                    environment.insert(row.name.to_owned(), given.value.as_variable());
                }
                Some(_) | None => {}
            }
        }
        if !loaded.workspaces.directories().is_empty() {
            let approved = serde_json::to_string(&loaded.settings.approved_directories);
            environment.insert(DIRECTORIES.to_owned(), approved.map_err(Failure::failed)?);
        }
        let pinned = Self { v: 1, environment, secrets };
        pinned.settings(None)?;
        Ok(pinned)
    }

    /// What hooks judge with, as installed in `home`. Without it nothing is judged: the environment is no substitute.
    pub(super) fn ground(pinned: Option<&Self>, home: &Path) -> Result<Ground, Failure> {
        let pinned = pinned.ok_or_else(|| {
            Failure::failed(format!("there is no {PINNED} in {}", home.display()))
                .hint("run `leashd hook install`")
        })?;
        let settings = pinned.settings(Some(home))?;
        let claude = claude_directory(&settings, pinned.environment.get(CONFIG).map(OsString::from));
        let environment: Vec<_> = std::env::vars_os().collect();
        let secrets = Secrets::new(pinned.secrets.known(&environment)).map_err(Failure::failed)?;
        Ok(Ground { settings, claude, secrets })
    }

    /// For a hook somebody runs by hand, without saying where leashd's home is.
    pub(super) fn by_hand() -> Result<Ground, Failure> {
        let settings = Settings::from_environment()?;
        let claude = claude_directory(&settings, std::env::var_os(CONFIG));
        Ok(Ground { settings, claude, secrets: own_secrets()? })
    }

    /// As installed in `home`, if it was.
    pub(crate) fn read(home: &Path) -> Result<Option<Self>, Failure> {
        if !home.join(PINNED).exists() {
            return Ok(None);
        }
        let wrong = |why: String| {
            Failure::failed(format!("{}: {why}", home.join(PINNED).display()))
                .hint("run `leashd hook install`")
        };
        let home = PrivateDir::open(home).map_err(Failure::failed)?;
        let file = home.read(PINNED).map_err(Failure::failed)?;
        let mut text = Vec::new();
        file.take(LIMIT).read_to_end(&mut text).map_err(|error| wrong(error.to_string()))?;
        let pinned: Self = serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        if pinned.v != 1 {
            return Err(wrong(format!("it has version {}, this leashd knows 1", pinned.v)));
        }
        Ok(Some(pinned))
    }

    /// Keeps it in `home`, in one step.
    pub(crate) fn write(&self, home: &PrivateDir) -> Result<(), Failure> {
        let path = home.path().join(PINNED);
        let new = home.path().join(format!("{PINNED}.new"));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
        let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let text = serde_json::to_string_pretty(self).map_err(Failure::failed)?;
        file.write_all(text.as_bytes())?;
        file.write_all(b"\n")?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        home.sync().map_err(Failure::failed)
    }

    /// The settings they make; `home` beats what they say of it.
    pub(crate) fn settings(&self, home: Option<&Path>) -> Result<Settings, Failure> {
        Settings::read(&|name| match (name, home) {
            ("LEASHD_HOME", Some(home)) => Some(home.as_os_str().to_owned()),
            (name, _) => self.environment.get(name).map(OsString::from),
        })
    }
}

/// Those of the environment a person started this process in.
pub(super) fn own_secrets() -> Result<Secrets, Failure> {
    let environment: Vec<_> = std::env::vars_os().collect();
    Secrets::new(boot::secret_values(&environment)).map_err(Failure::failed)
}

/// Where Claude Code keeps a person's settings.
pub(crate) fn claude_directory(settings: &Settings, configured: Option<OsString>) -> PathBuf {
    match configured.filter(|configured| !configured.is_empty()) {
        Some(configured) => PathBuf::from(configured),
        None => settings.user_home.join(".claude"),
    }
}
