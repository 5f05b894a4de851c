//! Where facts go before anything is done about them.

use leashd_engine::KeepFailure;
use leashd_store::{Store, StoreError};
use leashd_types::Kept;

pub(crate) enum Keeper {
    /// The session ends with this process, and so does what would be kept of it.
    Nowhere,
    Store(Store),
}

impl Keeper {
    /// All of them or none. Durable once this returns.
    pub(crate) async fn keep(&self, facts: Vec<Kept>) -> Result<(), KeepFailure> {
        match self {
            Keeper::Nowhere => Ok(()),
            Keeper::Store(store) => store.keep(facts).await.map_err(|error| {
                tracing::error!(reason = %error, "not_kept");
                match error {
                    StoreError::Duplicate { .. } => KeepFailure::Duplicate,
                    error => KeepFailure::Failed { reason: error.to_string() },
                }
            }),
        }
    }
}
