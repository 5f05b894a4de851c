//! Where facts go before anything is done about them, and where those are found that the engine no longer has.

use leashd_engine::KeepFailure;
use leashd_store::{Store, StoreError};
use leashd_types::{AskId, Chat, ConnectorKind, Kept, SessionId, SessionRow};

#[derive(Clone)]
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

    /// A session, as it was kept last. The error is for people.
    pub(crate) async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, String> {
        match self {
            Keeper::Nowhere => Ok(None),
            Keeper::Store(store) => store
                .session(id)
                .await
                .map_err(|error| format!("what is kept of session {id} cannot be read: {error}")),
        }
    }

    /// How an ask ended, for whom it concerned. Nothing where it is open, unknown or somebody else's.
    pub(crate) async fn ending(&self, ask: &AskId, chat: &Chat) -> Option<String> {
        let Keeper::Store(store) = self else { return None };
        let row = store.ask(ask).await.ok().flatten()?;
        let concerned = match chat.connector {
            ConnectorKind::Terminal | ConnectorKind::Web => true,
            ConnectorKind::Telegram => row.chats().any(|shown| shown == chat),
        };
        row.ending().filter(|_| concerned)
    }
}
