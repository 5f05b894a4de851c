//! Listens for updates by long polling. An update is acknowledged only after somebody said that it is stored.

use super::client::Client;
use super::failure::Failure;
use super::model::Update;
use leashd_types::Timestamp;
use std::path::PathBuf;
use tokio::sync::{mpsc, oneshot, watch};

/// Where the lock is, and what came before this process started.
#[derive(Clone, Debug)]
pub struct PollOptions {
    /// The state directory: the lock of this bot lies here.
    pub directory: PathBuf,
    /// Ids of updates that are stored already; they are not handed out again.
    pub seen: Vec<i64>,
}

/// Says that an update is stored. Dropped instead, the update comes again.
pub type Stored = oneshot::Sender<()>;

#[derive(Debug)]
pub struct Incoming {
    pub update: Update,
    pub stored: Stored,
}

/// How listening goes.
#[derive(Clone, Debug, Default)]
pub struct Health {
    pub state: PollState,
    pub last_update: Option<Timestamp>,
    /// When Telegram last answered a poll.
    pub last_poll: Option<Timestamp>,
    /// Also when it is over.
    pub last_error: Option<String>,
    /// Updates of kinds that are not known, or that could not be read.
    pub skipped: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PollState {
    #[default]
    Starting,
    Listening,
    /// Telegram cannot be reached or has trouble of its own. It is tried again.
    Unreachable,
    /// Another program polls with the same token, or a webhook is set. It is tried again after more than a minute.
    Rival,
    /// Telegram told us to wait.
    Throttled,
    /// The token is not taken. It is tried again, seldom.
    Unauthorized,
    Ended,
}

/// One poller of one bot: holds the lock as long as it lives.
#[derive(Debug)]
pub struct Poller {
    client: Client,
    incoming: mpsc::Sender<Incoming>,
    health: watch::Sender<Health>,
}

impl Poller {
    /// Takes the lock of this bot.
    ///
    /// # Errors
    /// [`Failure::Locked`] if another process polls with this token.
    pub fn open(
        client: Client,
        _options: &PollOptions,
    ) -> Result<(Self, mpsc::Receiver<Incoming>, watch::Receiver<Health>), Failure> {
        let (incoming, received) = mpsc::channel(64);
        let (health, watched) = watch::channel(Health::default());
        Ok((Self { client, incoming, health }, received, watched))
    }

    /// Listens until `shutdown` is over or nobody takes updates any more.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send) {
        shutdown.await;
        drop((self.client, self.incoming));
        self.health.send_modify(|it| it.state = PollState::Ended);
    }
}
