//! The directory that a session's agent, or git, is started from: private, and gone with its owner. What an owner that was
//! killed left is cleared away by the next.

use crate::failure::Failure;
use leashd_sandbox::PrivateDir;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use tempfile::TempDir;

const SESSIONS: &str = "sessions";

#[derive(Debug)]
pub(crate) struct SessionDirectory {
    directory: TempDir,
    /// Locked as long as its owner lives, whatever ends it.
    _held: File,
}

impl SessionDirectory {
    pub(crate) fn create(home: &PrivateDir) -> Result<Self, Failure> {
        let sessions = home.subdirectory(SESSIONS).map_err(Failure::failed)?;
        let path = sessions.path();
        Self::create_in(path).map_err(|error| {
            Failure::failed(format!("cannot create a directory in {}: {error}", path.display()))
        })
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// One after the other: a directory is not seen by others before it is locked.
    fn create_in(sessions: &Path) -> io::Result<Self> {
        let turn = File::open(sessions)?;
        flock(&turn, FlockOperation::LockExclusive)?;
        for entry in fs::read_dir(sessions)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                clear(&entry.path());
            }
        }
        let directory = TempDir::new_in(sessions)?;
        let held = File::open(directory.path())?;
        flock(&held, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { directory, _held: held })
    }
}

/// Removes a directory that nobody holds. What stays is in nobody's way and is tried again.
fn clear(directory: &Path) {
    let cleared =
        File::open(directory).and_then(|file| match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => fs::remove_dir_all(directory),
            Err(_held) => Ok(()),
        });
    if let Err(error) = cleared {
        tracing::warn!(directory = %directory.display(), %error, "session_directory_not_cleared");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_killed_owner_left_goes_and_what_is_held_stays() {
        let sessions = tempfile::tempdir().unwrap();
        let first = SessionDirectory::create_in(sessions.path()).unwrap();
        let killed = SessionDirectory::create_in(sessions.path()).unwrap();
        let left = killed.directory.keep();
        drop(killed._held);
        fs::create_dir(left.join("shell")).unwrap();
        fs::write(left.join("shell/shell.json"), "{}").unwrap();
        fs::write(sessions.path().join("file"), "").unwrap();

        let second = SessionDirectory::create_in(sessions.path()).unwrap();
        assert!(!left.exists());
        assert!(first.path().exists() && second.path().exists());
        assert!(sessions.path().join("file").exists());
        let gone = first.path().to_owned();
        drop(first);
        assert!(!gone.exists());
    }
}
