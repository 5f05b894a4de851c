//! What can go wrong with the audit log. Each says what failed, on what, and what to do next.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    #[error("cannot {doing} the audit log {path}: {cause}; nothing may run until it can be written")]
    Io { doing: &'static str, path: PathBuf, cause: io::Error },
    #[error("the audit log {path} cannot be trusted: {why}")]
    Unsafe { path: PathBuf, why: String },
    #[error("another process held the lock on the audit log {path} for {seconds} s; see `fuser {path}`")]
    Locked { path: PathBuf, seconds: u64 },
    #[error("the audit log {path} is damaged: {why}; run `leashd audit verify`, then move the file aside")]
    Damaged { path: PathBuf, why: String },
    #[error("the audit log {path} was replaced or cut while leashd was using it; run `leashd audit verify`")]
    Replaced { path: PathBuf },
    #[error(
        "an earlier write to the audit log {path} may not have reached the disk; check the disk, then restart leashd"
    )]
    Suspect { path: PathBuf },
    #[error("an audit entry could not be put into words: {why}")]
    Encode { why: String },
}

impl AuditError {
    pub(crate) fn io(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> AuditError {
        let path = path.into();
        move |cause| AuditError::Io { doing, path, cause }
    }
}
