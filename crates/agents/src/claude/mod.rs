//! Claude Code, driven over its two-way stream on standard input and output so that every tool call is asked for.
//! Decides nothing: a call waits until somebody hands over a `Permit` or a denial.

mod environment;
mod frame;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod interpreter;
mod launch;
mod outcome;
mod process;
mod request;
mod self_test;
mod session;
#[cfg(test)]
mod tests;
mod transcript;
mod version;

pub use environment::{allowed_environment, never_passes};
pub use self_test::{Broken, Fact, Hostile, self_test};
pub use version::{MINIMUM, Version};

use crate::{Agent, Launch, Running, StartError, Starting};
use interpreter::Interpreter;
use leashd_types::{AgentEvent, AgentKind};
use process::{Process, Program};
use session::{Session, first_words};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use tokio::sync::mpsc;
use transcript::Transcript;

/// An installed Claude Code of a known version.
#[derive(Clone, Debug)]
pub struct ClaudeCode {
    program: PathBuf,
    version: Version,
    supervisor: PathBuf,
}

impl ClaudeCode {
    /// Looks for `name` (a name for PATH or an absolute path) and asks it for its version. `supervisor` is the binary
    /// whose `main` calls `leashd_sandbox::supervise_main`: `/proc/self/exe`.
    ///
    /// # Errors
    /// If it is not there, says no version, or is older than [`MINIMUM`].
    pub async fn find(name: &OsStr, path: &OsStr, supervisor: &Path) -> Result<Self, StartError> {
        let program = version::find(name, path)?;
        let version = version::ask(&program).await?;
        Ok(Self { program, version, supervisor: supervisor.to_owned() })
    }

    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    async fn open(&self, launch: Launch) -> Result<Running, StartError> {
        let limits = launch.limits;
        let prepared = launch::prepare(&launch)?;
        let agent =
            Program { program: &self.program, supervisor: &self.supervisor, walls: launch.walls.as_ref() };
        let mut process = Process::spawn(agent, &launch.directory, &prepared, limits)?;
        let pid = process.pid();
        let mut interpreter = Interpreter::new(launch.session.clone(), self.version.to_string());
        let mut first = first_words(&mut process, &mut interpreter, limits).await?;
        first.push(AgentEvent::Ready {
            agent_session: agent_session(&launch),
            model: launch.model.clone().unwrap_or_default(),
            version: self.version.to_string(),
            tools: Vec::new(),
        });
        let (event_sender, events) = mpsc::channel(limits.queue);
        let (orders, order_receiver) = mpsc::channel(limits.queue);
        let transcript = Transcript::new(prepared.config_directory);
        let channels = (event_sender, order_receiver);
        tokio::spawn(Session::new(process, interpreter, transcript, limits, first, channels).run());
        Ok(Running { events, orders, pid })
    }
}

/// The id the agent will resume this session by, before it says so itself.
fn agent_session(launch: &Launch) -> String {
    match &launch.conversation {
        crate::Conversation::New | crate::Conversation::Fork(_) => launch.session.as_str().to_owned(),
        crate::Conversation::Fresh(id) | crate::Conversation::Resume(id) => id.clone(),
    }
}

impl Agent for ClaudeCode {
    fn kind(&self) -> AgentKind {
        AgentKind::Claude
    }

    fn start(&self, launch: Launch) -> Starting<'_> {
        Box::pin(self.open(launch))
    }
}
