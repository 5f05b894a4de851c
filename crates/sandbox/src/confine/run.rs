//! Starting a command inside a profile and waiting for its end, by a process that has one thread. Knows no Landlock.

#[cfg(target_os = "linux")]
mod linux;

use super::{Error, Kernel, Plan, Wish};
use crate::profile::Profile;
use std::ffi::OsString;
use std::path::PathBuf;

/// What to run.
#[derive(Clone, Debug)]
pub struct Command {
    /// A path, or a name to look up in the `PATH` of `environment`.
    pub program: OsString,
    pub args: Vec<OsString>,
    /// The whole environment; the profile's own variables are put on top.
    pub environment: Vec<(OsString, OsString)>,
    pub directory: PathBuf,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    Code(i32),
    Signal(i32),
}

impl Ended {
    /// The exit status as shells have it: 128 plus the signal.
    #[must_use]
    pub fn status(self) -> i32 {
        match self {
            Ended::Code(code) => code,
            Ended::Signal(signal) => 128 + signal,
        }
    }
}

/// A command that runs inside its walls.
#[derive(Debug)]
pub struct Running {
    pub plan: Plan,
    #[cfg(target_os = "linux")]
    child: linux::Child,
}

impl Running {
    /// Waits for the end. Signals that are sent to this process meanwhile are passed on.
    ///
    /// # Errors
    /// If the kernel does not let us wait.
    pub fn wait(self) -> Result<Ended, Error> {
        #[cfg(target_os = "linux")]
        return self.child.wait();
        #[cfg(not(target_os = "linux"))]
        return Err(unsupported());
    }
}

/// Starts `command` inside `profile`. When this returns, its program runs, behind every wall of the plan.
///
/// Must be called by a process with one thread; all signals of that thread wait until [`Running::wait`] passes them on.
///
/// # Errors
/// If a wall cannot be put up, or the program cannot be started: nothing runs then.
pub fn start(profile: &Profile, kernel: &Kernel, wish: Wish, command: &Command) -> Result<Running, Error> {
    #[cfg(target_os = "linux")]
    return linux::start(profile, kernel, wish, command);
    #[cfg(not(target_os = "linux"))]
    {
        let _unused = (profile, kernel, wish, command);
        Err(unsupported())
    }
}

/// Becomes `command` inside `profile`, with Landlock and seccomp. Returns only if that failed; the process is then fit
/// for nothing but its end.
#[must_use]
pub fn replace(profile: &Profile, kernel: &Kernel, command: &Command) -> Error {
    #[cfg(target_os = "linux")]
    return linux::replace(profile, kernel, command);
    #[cfg(not(target_os = "linux"))]
    {
        let _unused = (profile, kernel, command);
        unsupported()
    }
}

#[cfg(not(target_os = "linux"))]
fn unsupported() -> Error {
    Error::Uncontained { release: std::env::consts::OS.to_owned(), what: "walls that leashd can use" }
}
