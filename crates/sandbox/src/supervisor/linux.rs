//! The supervisor on Linux: becomes the reaper of the agent's tree, waits for the first end (the agent's, leashd's,
//! its own), then ends the tree.

use super::tree::{self, Ended};
use super::{FAILED, REQUEST, grace_of, refuse, refuse_spawn};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process,
    set_child_subreaper, set_dumpable_behavior, set_parent_process_death_signal, setrlimit, setsid, wait,
};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long ending the tree may take.
const ENDING_LIMIT: Duration = Duration::from_secs(5);
/// How long to wait for the dead to arrive before looking for survivors again.
const ENDING_PAUSE: Timespec = Timespec { tv_sec: 0, tv_nsec: 5_000_000 };
/// Signals that are not real-time signals.
const STANDARD_SIGNALS: libc::c_int = 31;
/// 128 + SIGKILL: the agent's code if its end was never seen.
const KILLED: i32 = 137;

/// Runs `command` as the agent and returns the exit code for both.
pub(super) fn run(lifeline: OwnedFd, mut command: Command) -> i32 {
    let signals = match prepare(&lifeline) {
        Ok(signals) => signals,
        Err(error) => return refuse(&format!("cannot prepare: {error}")),
    };
    let agent = match spawn(&mut command) {
        Ok(agent) => agent,
        Err(error) => return refuse_spawn(&command, &error),
    };
    let mut watch = Watch { lifeline, signals, agent, code: None };
    // A failure here or below is a reason to end the tree, not to leave it.
    let watched = let_go().and_then(|()| watch.until_first_end());
    match (watched, watch.end_tree()) {
        (Ok(()), Ended::Everything) => watch.code.unwrap_or(KILLED),
        (Err(_), _) | (_, Ended::NotAll) => FAILED,
    }
}

/// Makes this process what it has to be before the agent exists. Returns where its signals can be read.
fn prepare(lifeline: &OwnedFd) -> io::Result<OwnedFd> {
    close_others(lifeline)?;
    // Out of reach of the terminal's signals. It fails only for one who leads a session already, which is as good.
    match setsid() {
        Ok(_) | Err(Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    set_child_subreaper(Some(getpid()))?;
    // Same user, yet the agent may not look into our memory or environment. Inherited by nobody: exec resets it.
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    // Inherited: an agent's core file would hold its credentials.
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    reset_signals();
    block_signals()
}

/// What whoever started leashd chose to ignore (`nohup`) is not the agent's.
#[expect(unsafe_code, reason = "signal dispositions have no safe wrapper")]
fn reset_signals() {
    for number in 1..=STANDARD_SIGNALS {
        // SAFETY: the default disposition runs no code of ours; two of the numbers cannot be set, which is as well.
        unsafe { libc::signal(number, libc::SIG_DFL) };
    }
}

/// Nothing but the standard streams and the lifeline passes to the agent's side.
#[expect(unsafe_code, reason = "close_range has no safe wrapper")]
fn close_others(lifeline: &OwnedFd) -> io::Result<()> {
    let number = lifeline.as_raw_fd().unsigned_abs();
    for (first, last) in [(3, number - 1), (number + 1, u32::MAX)] {
        if first > last {
            continue;
        }
        // SAFETY: this process has just started and owns no descriptor but the standard streams and the lifeline,
        // which are left out; whatever else is open was inherited by accident.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, first, last, 0_u32) };
        if closed != 0 {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}

#[expect(unsafe_code, reason = "signalfd and signal masks have no safe wrapper")]
fn block_signals() -> io::Result<OwnedFd> {
    let mut all = MaybeUninit::<libc::sigset_t>::uninit();
    let mut read = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are initialised by the calls that fill them before anything reads them; the mask is that of
    // the only thread; `signalfd` returns a new descriptor that nobody else owns.
    unsafe {
        libc::sigfillset(all.as_mut_ptr());
        libc::sigemptyset(read.as_mut_ptr());
        libc::sigaddset(read.as_mut_ptr(), libc::SIGCHLD);
        libc::sigaddset(read.as_mut_ptr(), libc::SIGTERM);
        if libc::sigprocmask(libc::SIG_SETMASK, all.as_ptr(), std::ptr::null_mut()) != 0 {
            return Err(io::Error::last_os_error());
        }
        let signals = libc::signalfd(-1, read.as_ptr(), libc::SFD_CLOEXEC | libc::SFD_NONBLOCK);
        if signals < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(OwnedFd::from_raw_fd(signals))
    }
}

#[expect(unsafe_code, reason = "signal masks have no safe wrapper")]
fn unblock_signals() -> io::Result<()> {
    let mut none = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the set is initialised by `sigemptyset` before it is read; both calls are async-signal-safe.
    let done = unsafe {
        libc::sigemptyset(none.as_mut_ptr());
        libc::sigprocmask(libc::SIG_SETMASK, none.as_ptr(), std::ptr::null_mut())
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The agent: leader of its own session, gone when this process is gone.
#[expect(unsafe_code, reason = "the child has to prepare itself between fork and exec")]
fn spawn(command: &mut Command) -> io::Result<Pid> {
    let supervisor = getpid();
    let enter = move || {
        unblock_signals()?;
        setsid()?;
        set_parent_process_death_signal(Some(Signal::KILL))?;
        // The signal is for ends to come; this is for one that came first.
        if getppid() == Some(supervisor) { Ok(()) } else { Err(Errno::SRCH.into()) }
    };
    // SAFETY: between fork and exec the closure makes system calls only and allocates nothing.
    unsafe { command.pre_exec(enter) };
    Ok(Pid::from_child(&command.spawn()?))
}

/// Lets go of everything that is the agent's: its streams, so that their ends are seen, and its directory.
fn let_go() -> io::Result<()> {
    let null = std::fs::OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    std::env::set_current_dir("/")
}

struct Watch {
    lifeline: OwnedFd,
    signals: OwnedFd,
    agent: Pid,
    /// The agent's exit code, once it is known.
    code: Option<i32>,
}

/// A graceful end that is under way.
struct Grace {
    /// When SIGTERM follows SIGINT; nothing once it did.
    terminate: Option<Instant>,
    end: Instant,
}

impl Watch {
    /// Returns when the tree has to end: the agent ended, or leashd did, or somebody asked for it.
    fn until_first_end(&mut self) -> io::Result<()> {
        let mut grace: Option<Grace> = None;
        loop {
            self.reap();
            if self.code.is_some() {
                return Ok(());
            }
            if let Some(grace) = &mut grace {
                let now = Instant::now();
                if now >= grace.end {
                    return Ok(());
                }
                if grace.terminate.is_some_and(|terminate| now >= terminate) {
                    grace.terminate = None;
                    self.signal_agent(Signal::TERM)?;
                }
            }
            let next = grace.as_ref().map(|grace| grace.terminate.unwrap_or(grace.end));
            let (lifeline, signals) = self.wait_for_event(next)?;
            if signals && self.asked_by_signal()? {
                return Ok(());
            }
            if lifeline {
                let Some(length) = self.request()? else { return Ok(()) };
                let now = Instant::now();
                self.signal_agent(Signal::INT)?;
                grace = Some(Grace { terminate: Some(now + length / 2), end: now + length });
            }
        }
    }

    /// Waits until the lifeline or the signals can be read, or until `next`.
    fn wait_for_event(&self, next: Option<Instant>) -> io::Result<(bool, bool)> {
        let left = next.map(|next| next.saturating_duration_since(Instant::now()));
        // Rounded up, or the last fraction of a millisecond would be spent spinning.
        let left = left.and_then(|left| Timespec::try_from(left + Duration::from_millis(1)).ok());
        let mut fds = [PollFd::new(&self.lifeline, PollFlags::IN), PollFd::new(&self.signals, PollFlags::IN)];
        match poll(&mut fds, left.as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [lifeline, signals] = fds.map(|fd| !fd.revents().is_empty());
        Ok((lifeline, signals))
    }

    /// Empties the queue of signals. True if one of them asks for the end.
    fn asked_by_signal(&self) -> io::Result<bool> {
        let mut asked = false;
        let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
        loop {
            match rustix::io::read(&self.signals, &mut record) {
                // The number is the first field.
                Ok(_) => asked |= record.starts_with(&libc::SIGTERM.to_ne_bytes()),
                Err(Errno::AGAIN) => return Ok(asked),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The grace of the last request on the lifeline. Nothing if leashd is gone, or says what we do not understand.
    fn request(&self) -> io::Result<Option<Duration>> {
        let mut buffer = [0_u8; REQUEST];
        let length = rustix::io::retry_on_intr(|| rustix::io::read(&self.lifeline, &mut buffer))?;
        Ok(buffer.get(..length).and_then(grace_of))
    }

    fn signal_agent(&self, signal: Signal) -> io::Result<()> {
        // INVARIANT: the agent is not reaped yet, so the number is still its own.
        match kill_process(self.agent, signal) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Collects everyone who ended, our own and adopted ones. True if nobody is left at all: whoever loses its parent
    /// becomes our child, so no children means no descendants.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.agent => self.code = Some(code_of(status)),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
    }

    fn end_tree(&mut self) -> Ended {
        let deadline = Instant::now() + ENDING_LIMIT;
        loop {
            if self.reap() {
                return Ended::Everything;
            }
            if Instant::now() >= deadline {
                return Ended::NotAll;
            }
            tree::kill_descendants(getpid());
            let mut fds = [PollFd::new(&self.signals, PollFlags::IN)];
            // Both may fail without harm: the loop has its own limit.
            let _waited = poll(&mut fds, Some(&ENDING_PAUSE));
            let _emptied = self.asked_by_signal();
        }
    }
}

fn code_of(status: WaitStatus) -> i32 {
    let by_signal = status.terminating_signal().map(|signal| 128 + signal);
    status.exit_status().or(by_signal).unwrap_or(FAILED)
}
