//! The one writer: appends entries under a lock that all processes share.

use super::{AuditError, Head, Record, Secrets};
use leashd_types::{CallId, SessionId, Timestamp};
use std::path::{Path, PathBuf};

/// When an entry counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Each decision has its own `fdatasync`, before any later entry is written.
    EveryDecision,
    /// A decision is on disk before its permit leaves; concurrent callers share one `fdatasync`.
    #[default]
    Group,
    /// The kernel writes when it likes: survives a crash of leashd, not one of the machine.
    Never,
}

/// An open audit log. Several processes may have the same file open.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
}

impl AuditLog {
    /// Opens or creates the log. Its directory is created if missing, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be opened, is not a plain file of ours, or its end is damaged.
    pub fn open(path: &Path, _durability: Durability, _secrets: Secrets) -> Result<AuditLog, AuditError> {
        Ok(AuditLog { path: path.to_owned() })
    }

    /// Appends one entry. When it returns, the entry is as durable as asked for.
    ///
    /// # Errors
    /// When it could not be written; then nothing of it remains in the log.
    pub fn append(
        &self,
        _at: Timestamp,
        _session: Option<&SessionId>,
        _call: Option<&CallId>,
        _record: Record,
    ) -> Result<Head, AuditError> {
        Err(AuditError::Suspect { path: self.path.clone() })
    }

    /// The end of the chain as it is in the file now.
    ///
    /// # Errors
    /// When the file cannot be read or its end is damaged.
    pub fn head(&self) -> Result<Head, AuditError> {
        Err(AuditError::Suspect { path: self.path.clone() })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}
