//! One poller for each bot on this machine: a file lock, which the kernel drops with the process. Says nothing about
//! other machines; Telegram does.

use super::super::failure::Failure;
use super::super::secret::Token;
use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    pub(super) fn take(directory: &Path, token: &Token) -> Result<Self, Failure> {
        let path = directory.join(format!("telegram-{}.lock", token.name()));
        let refused = |path: PathBuf, source: io::Error| Failure::Lock { path, source: Arc::new(source) };
        let flags = i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default();
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false).mode(0o600).custom_flags(flags);
        let file = options.open(&path).map_err(|it| refused(path.clone(), it))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { _file: file }),
            Err(Errno::WOULDBLOCK) => Err(Failure::Locked { path }),
            Err(error) => Err(refused(path, error.into())),
        }
    }
}
