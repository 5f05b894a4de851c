//! A place to run an agent in where it can reach nothing of this machine: a temporary home and project, a scripted model
//! on loopback, a dummy key.

use leashd_agents::messages_api::MessagesApi;
use leashd_agents::{Conversation, Launch, Limits};
use leashd_types::{Mode, SessionId};
use serde_json::Map;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Everything is gone when it is dropped.
#[derive(Debug)]
pub struct Rig {
    root: TempDir,
    pub api: MessagesApi,
}

impl Rig {
    /// # Panics
    /// If the machine has no place for temporary files or no port.
    pub async fn new() -> Self {
        let root = tempfile::Builder::new().prefix("leashd-rig-").tempdir().unwrap();
        let api = MessagesApi::start().await.unwrap();
        let rig = Self { root, api };
        for directory in ["home/.claude", "project", "private", "tmp"] {
            fs::create_dir_all(rig.path(directory)).unwrap();
        }
        rig
    }

    /// A path below the rig's own directory.
    #[must_use]
    pub fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.path("home")
    }

    #[must_use]
    pub fn project(&self) -> PathBuf {
        self.path("project")
    }

    /// Writes a file, with its directories.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn write(&self, relative: impl AsRef<Path>, content: &str) -> PathBuf {
        let path = self.root.path().join(relative);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A new session in the project, with nothing of this machine's environment but PATH.
    #[must_use]
    pub fn launch(&self) -> Launch {
        let variables: [(&str, OsString); 5] = [
            ("PATH", std::env::var_os("PATH").unwrap_or_default()),
            ("HOME", self.home().into()),
            ("ANTHROPIC_BASE_URL", self.api.url().into()),
            ("ANTHROPIC_API_KEY", "dummy".into()),
            ("LANG", "C.UTF-8".into()),
        ];
        Launch {
            session: SessionId::new(uuid::Uuid::now_v7().to_string()),
            directory: self.project(),
            additional_directories: Vec::new(),
            conversation: Conversation::New,
            model: None,
            mode: Mode::Default,
            max_turns: None,
            system_prompt: None,
            mcp_servers: Map::new(),
            environment: variables.into_iter().map(|(name, value)| (name.into(), value)).collect(),
            private_directory: self.path("private"),
            config_directory: None,
            personal_directory: None,
            temporary_directory: Some(self.path("tmp")),
            shell_launcher: None,
            walls: None,
            limits: Limits::default(),
        }
    }
}
