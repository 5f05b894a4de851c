//! Listens for updates by long polling. An update is acknowledged only after somebody said that it is stored; what comes
//! twice is handed out once; whatever goes wrong is tried again, and seen in `Health`. Knows nothing of what updates say.

mod decode;
mod inbox;
mod lock;

#[cfg(test)]
mod tests;

use super::client::Client;
use super::failure::Failure;
use super::model::Update;
use inbox::{Entry, Inbox};
use leashd_types::Timestamp;
use lock::Lock;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

/// What a poll asks for; others are never sent.
const KINDS: [&str; 4] = ["message", "edited_message", "callback_query", "my_chat_member"];
/// The longest Telegram lets a poll wait.
const POLL: Duration = Duration::from_secs(50);
/// Updates of one poll.
const BATCH: u8 = 100;
/// Updates that may wait for whoever takes them.
const INCOMING_MAX: usize = 64;
/// After the first failure, and at most.
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);
/// The poll of a rival lasts up to fifty seconds; it must end before ours has a chance.
const RIVAL_WAIT: Duration = Duration::from_secs(65);
/// Somebody has to do something about the token.
const TOKEN_WAIT: Duration = Duration::from_secs(300);
/// The last acknowledgement, when leashd goes down.
const LAST_TIME: Duration = Duration::from_secs(3);

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
    inbox: Inbox,
    /// Of which nobody said yet that they are stored.
    given: VecDeque<Given>,
    failures: u32,
    limit: u8,
    _lock: Lock,
}

/// An update that was handed out, or had not to be.
#[derive(Debug)]
struct Given {
    id: i64,
    told: Option<oneshot::Receiver<()>>,
}

/// What became of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    Dropped,
}

impl Fate {
    fn of<E>(told: Result<(), E>) -> Self {
        if told.is_ok() { Self::Stored } else { Self::Dropped }
    }
}

/// Is there one that is not stored, before others?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Gap {
    None,
    Before,
}

/// May another poll follow?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    Done,
    /// Nobody takes updates any more.
    Last,
}

impl Poller {
    /// Takes the lock of this bot.
    ///
    /// # Errors
    /// [`Failure::Locked`] if another process polls with this token.
    pub fn open(
        client: Client,
        options: &PollOptions,
    ) -> Result<(Self, mpsc::Receiver<Incoming>, watch::Receiver<Health>), Failure> {
        let lock = Lock::take(&options.directory, client.token())?;
        let (incoming, received) = mpsc::channel(INCOMING_MAX);
        let (health, watched) = watch::channel(Health::default());
        let inbox = Inbox::new(&options.seen);
        let given = VecDeque::new();
        let poller = Self { client, incoming, health, inbox, given, failures: 0, limit: BATCH, _lock: lock };
        Ok((poller, received, watched))
    }

    /// Listens until `shutdown` is over or nobody takes updates any more.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) {
        tokio::pin!(shutdown);
        loop {
            tokio::select! {
                () = &mut shutdown => break,
                round = self.round() => if round == Round::Last { break },
            }
        }
        self.take_rest();
        if let Some(offset) = self.inbox.unsaid() {
            // Without it the last updates come again after the start; those are known then.
            drop(timeout(LAST_TIME, self.client.updates(Some(offset), 1, Duration::ZERO, &KINDS)).await);
        }
        self.health.send_modify(|it| it.state = PollState::Ended);
    }

    /// One poll and what it brought. Dropped at any point, it loses nothing that was said to be stored.
    async fn round(&mut self) -> Round {
        let offset = self.inbox.offset();
        // Whether it works is known at once, and not only when something came.
        let works = self.health.borrow().state == PollState::Listening;
        let wait = if works { POLL } else { Duration::ZERO };
        match self.client.updates(offset, self.limit, wait, &KINDS).await {
            Ok(batch) => {
                self.inbox.said(offset);
                self.limit = BATCH;
                let batch = self.inbox.sort(batch);
                self.listening(&batch);
                let any = !batch.is_empty();
                if self.hand_out(batch).await == Round::Last {
                    return Round::Last;
                }
                if any && self.inbox.offset() == offset {
                    // What cannot be acknowledged comes again at once, and for ever.
                    self.pause().await;
                } else {
                    self.failures = 0;
                }
            }
            Err(failure) => self.failed(&failure).await,
        }
        if self.incoming.is_closed() { Round::Last } else { Round::Done }
    }

    fn listening(&self, batch: &[Entry]) {
        let skipped = batch.iter().filter(|it| matches!(it, Entry::Skipped(_))).count() as u64;
        let fresh = batch.iter().any(|it| matches!(it, Entry::Fresh(_)));
        let now = now();
        self.health.send_modify(|it| {
            it.state = PollState::Listening;
            it.last_poll = Some(now);
            it.skipped = it.skipped.saturating_add(skipped);
            if fresh {
                it.last_update = Some(now);
            }
        });
    }

    /// Gives all of a batch away, then waits until each is stored, in order.
    async fn hand_out(&mut self, batch: Vec<Entry>) -> Round {
        for entry in batch {
            match entry {
                Entry::Known(id) | Entry::Skipped(Some(id)) => self.given.push_back(Given { id, told: None }),
                Entry::Skipped(None) => {}
                Entry::Fresh(update) => {
                    let (stored, told) = oneshot::channel();
                    let id = update.id;
                    if self.incoming.send(Incoming { update: *update, stored }).await.is_err() {
                        return Round::Last;
                    }
                    self.given.push_back(Given { id, told: Some(told) });
                }
            }
        }
        let mut gap = Gap::None;
        while let Some(given) = self.given.front_mut() {
            let fate = match &mut given.told {
                Some(told) => Fate::of(told.await),
                None => Fate::Stored,
            };
            gap = self.take(fate, gap);
        }
        Round::Done
    }

    /// The first of those that were given away is stored, or is not. Behind one that is not nothing is acknowledged, but
    /// what is stored is known.
    fn take(&mut self, fate: Fate, gap: Gap) -> Gap {
        let Some(given) = self.given.pop_front() else { return gap };
        match (fate, gap) {
            (Fate::Stored, Gap::None) => self.inbox.stored(given.id),
            (Fate::Stored, Gap::Before) => self.inbox.remember(given.id),
            (Fate::Dropped, _) => return Gap::Before,
        }
        gap
    }

    /// What was said to be stored until now, and not heard yet.
    fn take_rest(&mut self) {
        let mut gap = Gap::None;
        while let Some(given) = self.given.front_mut() {
            let fate = given.told.as_mut().map_or(Fate::Stored, |told| Fate::of(told.try_recv()));
            gap = self.take(fate, gap);
        }
    }

    async fn failed(&mut self, failure: &Failure) {
        if matches!(failure, Failure::TooLong { .. }) {
            self.limit = 1;
        }
        let (state, wait) = verdict(failure, self.failures);
        self.failures = self.failures.saturating_add(1);
        self.health.send_modify(|it| {
            it.state = state;
            it.last_error = Some(failure.to_string());
        });
        sleep(wait).await;
    }

    async fn pause(&mut self) {
        let wait = growing(self.failures);
        self.failures = self.failures.saturating_add(1);
        sleep(wait).await;
    }
}

fn growing(failures: u32) -> Duration {
    RETRY_FIRST.saturating_mul(1 << failures.min(10)).min(RETRY_LONGEST)
}

/// What a failure means, and how long to wait after so many before it.
fn verdict(failure: &Failure, failures: u32) -> (PollState, Duration) {
    match failure {
        Failure::Conflict { .. } => (PollState::Rival, RIVAL_WAIT),
        Failure::Throttled { retry_after, .. } => (PollState::Throttled, *retry_after + RETRY_FIRST),
        Failure::Unauthorized { .. } => (PollState::Unauthorized, TOKEN_WAIT),
        _ => (PollState::Unreachable, growing(failures)),
    }
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}
