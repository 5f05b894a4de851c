//! One life of a process: its number and when it began, so that a number that was given to somebody else meanwhile is
//! noticed. Knows no lock and no socket.

use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::time::Duration;

/// A process, named so that nobody else is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Life {
    pub(crate) pid: i32,
    /// Clock ticks after the start of the machine; 0 where the system does not tell.
    pub(crate) started: u64,
}

/// Whether a process is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Yes,
    /// Not within the time given.
    No,
}

impl Life {
    pub(crate) fn own() -> Self {
        let pid = rustix::process::getpid().as_raw_nonzero().get();
        Self { pid, started: Stat::of(pid).map_or(0, |stat| stat.started) }
    }

    /// Whether exactly this process runs. One that has ended and was not collected yet does not.
    pub(crate) fn runs(self) -> bool {
        if cfg!(target_os = "linux") {
            return Stat::of(self.pid).is_some_and(|stat| stat.started == self.started && !stat.ended);
        }
        Pid::from_raw(self.pid).is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
    }

    /// Signals exactly this process.
    #[cfg(target_os = "linux")]
    pub(crate) fn signal(self, signal: Signal) -> io::Result<()> {
        let handle = self.handle()?;
        Ok(rustix::process::pidfd_send_signal(&handle, signal)?)
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn signal(self, signal: Signal) -> io::Result<()> {
        let pid = Pid::from_raw(self.pid).ok_or(io::ErrorKind::NotFound)?;
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Waits until it has ended, at most for `patience`.
    #[cfg(target_os = "linux")]
    pub(crate) fn wait(self, patience: Duration) -> io::Result<Ended> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let handle = match self.handle() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Ended::Yes),
            other => other?,
        };
        let deadline = std::time::Instant::now() + patience;
        loop {
            let left = deadline.saturating_duration_since(std::time::Instant::now());
            let timeout = Timespec {
                tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
                tv_nsec: left.subsec_nanos().into(),
            };
            match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&timeout)) {
                Ok(0) => return Ok(Ended::No),
                Ok(_) => return Ok(Ended::Yes),
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) fn wait(self, patience: Duration) -> io::Result<Ended> {
        let deadline = std::time::Instant::now() + patience;
        while self.runs() {
            if std::time::Instant::now() >= deadline {
                return Ok(Ended::No);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Ended::Yes)
    }

    /// The handle is of whoever has the number now; the start says whether that is the one meant.
    #[cfg(target_os = "linux")]
    fn handle(self) -> io::Result<rustix::fd::OwnedFd> {
        let gone = || io::Error::new(io::ErrorKind::NotFound, "that process is gone");
        let pid = Pid::from_raw(self.pid).ok_or_else(gone)?;
        let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
            .map_err(|error| if error == rustix::io::Errno::SRCH { gone() } else { error.into() })?;
        if Stat::of(self.pid).is_some_and(|stat| stat.started == self.started) {
            Ok(handle)
        } else {
            Err(gone())
        }
    }
}

/// What the kernel says of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) parent: i32,
    pub(crate) started: u64,
    /// It waits only for being collected.
    ended: bool,
}

impl Stat {
    pub(crate) fn of(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name stands in parentheses and may hold anything, parentheses too.
    fn parse(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Numbered as in proc_pid_stat(5), which begins with 1 for the number: 3 state, 4 parent, 22 start.
        let field = |number: usize| fields.get(number - 3).copied();
        Some(Self {
            parent: field(4)?.parse().ok()?,
            started: field(22)?.parse().ok()?,
            ended: matches!(field(3)?, "Z" | "X"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, Life, Stat};
    use rustix::process::Signal;
    use std::process::Command;
    use std::time::Duration;

    #[test]
    fn a_name_with_parentheses_hides_nothing() {
        let text = "7 (a) S 1 (b) R 42 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 9001 1 1 1";
        assert_eq!(Stat::parse(text), Some(Stat { parent: 42, started: 9001, ended: false }));
        for broken in ["", "7 (a", "7 (a) S", "7 (a) S x 7 7 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 9001"] {
            assert_eq!(Stat::parse(broken), None, "{broken}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn only_the_life_that_is_meant_is_signalled() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let life = Life { pid, started: Stat::of(pid).unwrap().started };
        let other = Life { started: life.started + 1, ..life };
        assert!(life.runs() && !other.runs());
        assert!(other.signal(Signal::KILL).is_err());
        assert_eq!(other.wait(Duration::ZERO).unwrap(), Ended::Yes);
        assert_eq!(life.wait(Duration::ZERO).unwrap(), Ended::No);
        life.signal(Signal::KILL).unwrap();
        assert_eq!(life.wait(Duration::from_secs(10)).unwrap(), Ended::Yes);
        assert!(!life.runs(), "it waits only for being collected");
        child.wait().unwrap();
        assert!(!life.runs());
    }
}
