//! Which database an error speaks of.

use crate::StoreError;
use crate::error::read_code;
use std::path::PathBuf;
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) struct Site {
    pub(crate) path: PathBuf,
    /// How long another process's lock is waited for.
    pub(crate) lock: Duration,
}

impl Site {
    pub(crate) fn error(&self, error: &sqlx::Error) -> StoreError {
        read_code(error, &self.path, self.lock)
    }
}
