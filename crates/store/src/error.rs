//! Why something was not kept or not found, and what to do about it. Knows SQLite's result codes, so that nobody else has
//! to.

use leashd_types::SessionId;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// What went wrong. Unless it says otherwise, nothing of the call was kept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file or its directory is not one the store may use.
    #[error("the database {} {problem}; {advice}", path.display())]
    Place { path: PathBuf, problem: String, advice: String },
    #[error("cannot {action} {}: {why}", path.display())]
    File { action: &'static str, path: PathBuf, why: String },
    /// Written by a later leashd. The file was not touched.
    #[error(
        "the database {} has schema {found}, this leashd knows {known}; start the newer leashd, or restore a copy from \
         before the upgrade", path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error("{} is a database, but not one of leashd; name another file", path.display())]
    Foreign { path: PathBuf },
    /// Never mended or made anew by the store.
    #[error(
        "the database {} is damaged: {what}; stop leashd, keep a copy of the file and of its -wal, then put a backup in its \
         place, or recover what is left (sqlite3 FILE .recover), or move it away to begin without history", path.display()
    )]
    Corrupt { path: PathBuf, what: String },
    #[error(
        "the database {} is locked by another process for more than {} ms; find it with `fuser {}` and end it",
        path.display(), waited.as_millis(), path.display()
    )]
    Locked { path: PathBuf, waited: Duration },
    /// The disk, a quota, or the store's own limit.
    #[error("there is no room to write to the database {} ({what}); free some, then try again", path.display())]
    Full { path: PathBuf, what: String },
    #[error("the database {} cannot be written to ({what}); make it writable for this user", path.display())]
    ReadOnly { path: PathBuf, what: String },
    /// The disk refused. Whether the call is kept shows after the next start only.
    #[error("the disk refused to read or write the database {} ({what}); look at the kernel's log", path.display())]
    Disk { path: PathBuf, what: String },
    #[error("the database {} failed: {what}; this is a defect of leashd, please report it", path.display())]
    Failed { path: PathBuf, what: String },
    /// The chat's connector brought the same message before.
    #[error("the message {key} of chat {chat} was kept before; nothing is to be done")]
    Duplicate { chat: String, key: String },
    /// What happened does not change: events are only added.
    #[error("event {seq} is already kept and says something else; number events from the last one kept")]
    Rewritten { seq: u64 },
    #[error("{what} {id} belongs to the session {session}, which was never kept; keep the session first")]
    NoSession { what: &'static str, id: String, session: SessionId },
    #[error("{what} {id} cannot be written down: {why}")]
    Unwritable { what: &'static str, id: String, why: String },
    /// A row this leashd cannot read. It stays where it is.
    #[error(
        "a row of {table} in the database cannot be read: {why}; it was written by another leashd, or damaged: compare \
         versions, then restore a backup"
    )]
    Unreadable { table: &'static str, why: String },
    #[error("there is no {what} {id} in the database; look at the list")]
    Unknown { what: &'static str, id: String },
    #[error("the database did not come to it within {} ms; try again", waited.as_millis())]
    Busy { waited: Duration },
    #[error("the database is closed; start leashd again")]
    Closed,
}

/// Primary result codes (sqlite.org/rescode.html).
mod code {
    pub(super) const PERM: u32 = 3;
    pub(super) const BUSY: u32 = 5;
    pub(super) const LOCKED: u32 = 6;
    pub(super) const READONLY: u32 = 8;
    pub(super) const IOERR: u32 = 10;
    pub(super) const CORRUPT: u32 = 11;
    pub(super) const FULL: u32 = 13;
    pub(super) const CANTOPEN: u32 = 14;
    pub(super) const CONSTRAINT: u32 = 19;
    pub(super) const NOTADB: u32 = 26;
    /// Extended: the index of the log could not be made larger, which is how a full disk shows first.
    pub(super) const IOERR_SHMSIZE: u32 = 4874;
}

/// Extended result codes for constraints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Broken {
    Reference,
    NotNull,
    Unique,
    Other,
}

/// Which constraint a statement broke, if that is what went wrong.
pub(crate) fn broken(error: &sqlx::Error) -> Option<Broken> {
    let extended = extended(error)?;
    (extended & 0xff == code::CONSTRAINT).then_some(match extended >> 8 {
        3 => Broken::Reference,
        5 => Broken::NotNull,
        6 | 8 => Broken::Unique,
        _ => Broken::Other,
    })
}

fn extended(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error()?.code()?.parse().ok()
}

/// Says what SQLite meant.
pub(crate) fn read_code(error: &sqlx::Error, path: &Path, lock: Duration) -> StoreError {
    let path = path.to_owned();
    let what = error.to_string();
    let Some(extended) = extended(error) else {
        return match error {
            sqlx::Error::PoolTimedOut => StoreError::Busy { waited: lock },
            sqlx::Error::PoolClosed | sqlx::Error::WorkerCrashed => StoreError::Closed,
            _ => StoreError::Failed { path, what },
        };
    };
    if extended == code::IOERR_SHMSIZE {
        return StoreError::Full { path, what };
    }
    match extended & 0xff {
        code::BUSY | code::LOCKED => StoreError::Locked { path, waited: lock },
        code::READONLY | code::PERM => StoreError::ReadOnly { path, what },
        code::CORRUPT | code::NOTADB => StoreError::Corrupt { path, what },
        code::FULL => StoreError::Full { path, what },
        code::IOERR | code::CANTOPEN => StoreError::Disk { path, what },
        _ => StoreError::Failed { path, what },
    }
}
