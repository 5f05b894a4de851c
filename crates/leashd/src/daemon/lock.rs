//! One daemon for each home. The lock is a file lock, which the kernel drops with the process; what stands in the file
//! only says whom to talk about, and is believed only while the lock is held and that very process runs.

use super::life::Life;
use crate::clock;
use crate::failure::Failure;
use leashd_sandbox::PrivateDir;
use leashd_types::Timestamp;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Below `run/` in leashd's home.
pub(crate) const LOCK: &str = "leashd.lock";
/// Bytes of the file that are read.
const HOLDER_BYTES_MAX: u64 = 4096;
/// For whoever only looks at the lock to let go of it, and for a new holder to write its name.
const PATIENCE: Duration = Duration::from_millis(500);
const LOOK: Duration = Duration::from_millis(5);

/// Held for as long as it lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Who holds the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holder {
    #[serde(flatten)]
    pub(crate) life: Life,
    pub(crate) version: String,
    pub(crate) since: Timestamp,
}

/// What the lock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Held {
    /// Nobody has it. What a daemon that is gone left in the file means nothing.
    Nobody,
    By(Holder),
    /// Somebody has it and has not said who.
    ByUnknown,
}

impl Lock {
    /// Takes the lock, or says who has it.
    pub(crate) fn take(run: &PrivateDir) -> Result<Result<Self, Held>, Failure> {
        let mut file = run.append(LOCK).map_err(Failure::failed)?;
        let deadline = Instant::now() + PATIENCE;
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            // Whoever looks holds the lock for a moment, without being anybody.
            match holder(&mut file) {
                Some(holder) if holder.life.runs() => return Ok(Err(Held::By(holder))),
                _ if Instant::now() >= deadline => return Ok(Err(Held::ByUnknown)),
                _ => std::thread::sleep(LOOK),
            }
        }
        let holder =
            Holder { life: Life::own(), version: env!("CARGO_PKG_VERSION").to_owned(), since: clock::now() };
        let line = serde_json::to_string(&holder).map_err(Failure::failed)?;
        file.set_len(0).and_then(|()| writeln!(file, "{line}")).map_err(|error| {
            Failure::failed(format!("cannot write {}: {error}", run.path().join(LOCK).display()))
                .hint("make room on the disk, then start again")
        })?;
        Ok(Ok(Self { _file: file }))
    }
}

impl Held {
    /// Who holds the lock of the daemon at `home`. A home that is not there is held by nobody.
    pub(crate) fn look(home: &Path) -> Result<Self, Failure> {
        if !path(home).exists() {
            return Ok(Self::Nobody);
        }
        let run = PrivateDir::open(&home.join(crate::hook::RUN_DIRECTORY)).map_err(Failure::failed)?;
        let mut file = run.append(LOCK).map_err(Failure::failed)?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            if flock(&file, FlockOperation::NonBlockingLockShared).is_ok() {
                return Ok(Self::Nobody);
            }
            match holder(&mut file) {
                Some(holder) if holder.life.runs() => return Ok(Self::By(holder)),
                _ if Instant::now() >= deadline => return Ok(Self::ByUnknown),
                _ => std::thread::sleep(LOOK),
            }
        }
    }
}

pub(crate) fn path(home: &Path) -> PathBuf {
    home.join(crate::hook::RUN_DIRECTORY).join(LOCK)
}

fn holder(file: &mut File) -> Option<Holder> {
    file.seek(SeekFrom::Start(0)).ok()?;
    let mut text = String::new();
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::{Held, LOCK, Lock};
    use crate::daemon::life::Life;
    use leashd_sandbox::PrivateDir;
    use std::fs;

    #[test]
    fn the_second_is_told_who_the_first_is() {
        let home = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create(&home.path().join("home")).unwrap();
        let run = directory.subdirectory("run").unwrap();
        assert_eq!(Held::look(directory.path()).unwrap(), Held::Nobody);
        let lock = Lock::take(&run).unwrap().unwrap();
        let second = Lock::take(&run).unwrap().unwrap_err();
        assert_eq!(Held::look(directory.path()).unwrap(), second);
        let Held::By(holder) = second else { panic!("{second:?}") };
        assert_eq!(holder.life, Life::own());
        drop(lock);
        assert_eq!(Held::look(directory.path()).unwrap(), Held::Nobody);
    }

    #[test]
    fn what_somebody_left_in_the_file_is_not_believed() {
        let home = tempfile::tempdir().unwrap();
        let directory = PrivateDir::create(&home.path().join("home")).unwrap();
        let run = directory.subdirectory("run").unwrap();
        // This process runs, and does not hold the lock.
        drop(Lock::take(&run).unwrap().unwrap());
        assert!(fs::read_to_string(run.path().join(LOCK)).unwrap().contains("\"pid\""));
        assert_eq!(Held::look(directory.path()).unwrap(), Held::Nobody);
        drop(Lock::take(&run).unwrap().unwrap());
    }
}
