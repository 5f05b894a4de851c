//! One small process between leashd and each agent: when the agent or leashd ends, however it ends, nothing of the
//! agent's process tree stays. Knows nothing of protocols or rules.
//!
//! The supervisor is the same binary, started anew. It is told that leashd is gone by the end-of-file on a pipe of
//! which only leashd holds the other end, so `kill -9` is noticed like anything else. A parent-death signal would not
//! do there: it fires when the *thread* that started the process ends, and a runtime ends its threads as it likes.
//! Between supervisor and agent it is right, because the supervisor has one thread.
//!
//! Limits. On Linux: if the supervisor alone is killed with SIGKILL the agent dies with it, but what the agent had
//! started goes to the next reaper above and stays. The same holds if leashd and its supervisor are killed in the
//! same instant. Processes that became another user cannot be signalled; the exit code is then [`FAILED`]. On other
//! systems only the agent's process group is ended, which a process leaves with `setsid`.
//!
//! A pid namespace would close these: the supervisor as its process 1 takes everything along, even when killed. Its
//! place is `linux::spawn`; it needs a second fork and, without root, a user namespace, which not every system allows.

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(not(target_os = "linux"), test))]
#[cfg_attr(target_os = "linux", expect(dead_code, reason = "compiled here to keep it compiling elsewhere"))]
mod portable;
#[cfg(target_os = "linux")]
mod tree;

use crate::Error;
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The first argument that makes the binary a supervisor. Its `main` must look for it before it starts any thread.
pub const SUPERVISE: &str = "__supervise";

/// Exit code of a supervisor that could not do its work.
pub const FAILED: i32 = 125;
/// Exit code when the agent's program is there and cannot be run, as shells have it.
const NOT_EXECUTABLE: i32 = 126;
/// Exit code when the agent's program is not there, as shells have it.
const NOT_FOUND: i32 = 127;

/// A request on the lifeline: this byte, then the grace in milliseconds, little endian.
const TERMINATE: u8 = b't';
/// Bytes of a request.
const REQUEST: usize = 5;

/// What to start.
#[derive(Clone, Copy, Debug)]
pub struct Launch<'a> {
    /// The binary whose `main` calls [`supervise_main`]: `/proc/self/exe`.
    pub supervisor: &'a Path,
    /// Absolute; not looked up in `PATH`.
    pub program: &'a Path,
    pub args: &'a [OsString],
    /// The whole environment of the agent: nothing is inherited.
    pub env: &'a [(OsString, OsString)],
    pub cwd: &'a Path,
}

/// A command ready to spawn, and the line that keeps its process tree alive.
#[derive(Debug)]
pub struct Supervised {
    /// Set the standard streams and spawn it, once; they become the agent's. Drop it after the spawn.
    pub command: Command,
    pub lifeline: Lifeline,
}

impl Supervised {
    /// Prepares `launch`; starts nothing yet.
    ///
    /// # Errors
    /// If the pipe of the lifeline cannot be made.
    #[expect(unsafe_code, reason = "the child has to keep one descriptor between fork and exec")]
    pub fn command(launch: &Launch<'_>) -> Result<Self, Error> {
        let failed = |action| move |source| Error::Supervisor { action, source };
        let (reader, writer) = io::pipe().map_err(failed("making the lifeline"))?;
        // Above the standard streams, whatever is closed here: the spawn would overwrite it.
        let reader = rustix::io::fcntl_dupfd_cloexec(&reader, 3)
            .map_err(|error| failed("making the lifeline")(error.into()))?;
        let writer = OwnedFd::from(writer);
        rustix::io::ioctl_fionbio(&writer, true)
            .map_err(|error| failed("making the lifeline")(error.into()))?;
        let mut command = Command::new(launch.supervisor);
        command.arg0("leashd").arg(SUPERVISE).arg(reader.as_raw_fd().to_string());
        command.arg(launch.program).args(launch.args);
        command.env_clear().envs(launch.env.iter().map(|(key, value)| (key, value))).current_dir(launch.cwd);
        let keep = move || Ok(rustix::io::fcntl_setfd(&reader, rustix::io::FdFlags::empty())?);
        // SAFETY: between fork and exec the closure makes one system call and allocates nothing.
        unsafe { command.pre_exec(keep) };
        Ok(Self { command, lifeline: Lifeline { writer } })
    }
}

/// As long as it lives, the agent may. Dropping it, in any way, ends the whole tree at once.
#[derive(Debug)]
pub struct Lifeline {
    // INVARIANT: close-on-exec, and the only writing end: a copy anywhere else would keep the tree alive.
    writer: OwnedFd,
}

impl Lifeline {
    /// Ends the tree at once, without grace. The same as dropping it.
    pub fn stop(self) {
        drop(self);
    }

    /// Asks the agent to end (SIGINT, at half the grace SIGTERM), and at the end of the grace ends the whole tree.
    /// Returns at once; the command's exit says when it is over. A later request replaces an earlier one. Dropping
    /// the lifeline meanwhile ends the tree at once.
    ///
    /// # Errors
    /// If the request cannot be written; drop the lifeline then. A supervisor that is already gone is no error.
    pub fn terminate(&self, grace: Duration) -> Result<(), Error> {
        let milliseconds = u32::try_from(grace.as_millis()).unwrap_or(u32::MAX);
        let [a, b, c, d] = milliseconds.to_le_bytes();
        match rustix::io::write(&self.writer, &[TERMINATE, a, b, c, d]) {
            Ok(_) | Err(Errno::PIPE) => Ok(()),
            Err(error) => Err(Error::Supervisor { action: "asking for the end", source: error.into() }),
        }
    }
}

/// The grace of one request, as bytes of the lifeline; nothing if they are no request.
fn grace_of(request: &[u8]) -> Option<Duration> {
    let [TERMINATE, a, b, c, d] = request else { return None };
    Some(Duration::from_millis(u32::from_le_bytes([*a, *b, *c, *d]).into()))
}

/// The supervisor itself: what `main` returns when the first argument is [`SUPERVISE`]. `args` are those after it.
/// The result is the agent's exit code, 128 plus the signal that ended it, 126 or 127 if it could not be started,
/// and [`FAILED`] if the supervisor could not do its work.
///
/// Must be called before any thread is started and before any file is opened: it closes all but the standard streams.
pub fn supervise_main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let mut args = args.into_iter();
    let (Some(lifeline), Some(program)) = (args.next().and_then(|number| lifeline_of(&number)), args.next())
    else {
        return refuse("it is started by leashd, with a lifeline and a program");
    };
    let mut command = Command::new(&program);
    command.args(args);
    #[cfg(target_os = "linux")]
    return linux::run(lifeline, command);
    #[cfg(not(target_os = "linux"))]
    return portable::run(lifeline, command);
}

/// Takes over the file descriptor that leashd left open for us.
#[expect(unsafe_code, reason = "the descriptor comes as a number")]
fn lifeline_of(number: &OsStr) -> Option<OwnedFd> {
    let number: RawFd = number.to_str()?.parse().ok().filter(|number| *number >= 3)?;
    // SAFETY: F_GETFD looks at a number; if nothing is open there it says so.
    if unsafe { libc::fcntl(number, libc::F_GETFD) } < 0 {
        return None;
    }
    // SAFETY: it is open, and this process has just started: nothing else here knows or owns it.
    let lifeline = unsafe { OwnedFd::from_raw_fd(number) };
    // The agent must not have it.
    rustix::io::fcntl_setfd(&lifeline, rustix::io::FdFlags::CLOEXEC).ok()?;
    Some(lifeline)
}

fn refuse(reason: &str) -> i32 {
    // Nobody may be reading any more; the exit code says it as well.
    let _written = writeln!(io::stderr(), "leashd supervisor: {reason}");
    FAILED
}

fn refuse_spawn(command: &Command, error: &io::Error) -> i32 {
    refuse(&format!("cannot start {}: {error}", command.get_program().display()));
    if error.kind() == ErrorKind::NotFound { NOT_FOUND } else { NOT_EXECUTABLE }
}
