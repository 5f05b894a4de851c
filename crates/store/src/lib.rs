//! What outlives the process, in one SQLite file (or in memory, where nothing is to outlive it): sessions, messages, asks,
//! grants, runs, events. What was kept is on the disk when [`Store::keep`] returns. Knows the vocabulary and no engine:
//! which rows belong together, and what they mean, is said by who keeps them.

mod error;
mod line;
mod open;
mod place;
mod prune;
mod read;
mod row;
mod schema;
mod site;
mod writer;

pub use error::StoreError;
pub use open::{Checked, Opening};
pub use read::{AskFilter, Counts, Of, Progress, SessionFilter};

use leashd_types::{
    AskId, AskRow, Chat, EventRow, GrantRow, Kept, MessageId, MessageRow, Restored, RunRow, SessionId,
    SessionRow, Timestamp,
};
use line::Line;
use open::Opened;
use prune::{History, Window};
use read::Reader;
use site::Site;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc, oneshot};
use writer::Job;

/// Where and how to keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    pub backend: Backend,
    pub durability: Durability,
    pub limits: Limits,
}

impl Options {
    /// A database file: durable, with the usual limits.
    #[must_use]
    pub fn sqlite(path: impl Into<PathBuf>) -> Self {
        let backend = Backend::Sqlite { path: path.into() };
        Self { backend, durability: Durability::Disk, limits: Limits::default() }
    }

    /// Gone with the process.
    #[must_use]
    pub fn memory() -> Self {
        Self { backend: Backend::Memory, durability: Durability::Process, limits: Limits::default() }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Backend {
    /// A file of mode 0600 in a directory of mode 0700, which must exist. Absolute, in UTF-8.
    Sqlite { path: PathBuf },
    /// The same database without a file: the same rules, nothing stays.
    Memory,
}

/// What an acknowledged `keep` survives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The machine losing power: flushed to the disk first.
    #[default]
    Disk,
    /// The process being killed. A power failure may take the last calls, never half of one.
    Process,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Calls that may wait for the writer.
    pub queue: usize,
    /// Rows after which a transaction takes no further call.
    pub batch_rows: usize,
    /// Bytes after which a transaction takes no further call.
    pub batch_bytes: usize,
    /// Rows of one call.
    pub call_rows: usize,
    /// Bytes of one row.
    pub row_bytes: usize,
    /// Bytes of the whole database.
    pub bytes: u64,
    /// Rows of one answer; does not bound `restore`, which is all or nothing.
    pub page: usize,
    /// Connections for reading, each with a thread; opened when needed, closed when idle.
    pub readers: u32,
    /// How long a caller waits for its turn and its answer.
    pub wait: Duration,
    /// How long another process's lock is waited for.
    pub lock: Duration,
    /// How long a start may look for damage.
    pub check: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            queue: 1_024,
            batch_rows: 1_024,
            batch_bytes: 8 * 1024 * 1024,
            call_rows: 10_000,
            row_bytes: 64 * 1024 * 1024,
            bytes: 64 * 1024 * 1024 * 1024,
            page: 1_000,
            readers: 1,
            wait: Duration::from_secs(30),
            lock: Duration::from_secs(5),
            check: Duration::from_secs(10),
        }
    }
}

/// What was forgotten, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    pub events: u64,
    pub messages: u64,
    pub asks: u64,
}

/// An open store. A clone is another handle to the same one.
#[derive(Clone, Debug)]
pub struct Store {
    jobs: mpsc::Sender<Job>,
    reader: Arc<Reader>,
    opening: Arc<Opening>,
}

impl Store {
    /// Opens the store, or makes it if there is none yet. Looks for damage if it was not closed the last time. Needs a
    /// tokio runtime with time, in which the writer's task then lives.
    ///
    /// # Errors
    /// If the place is not ours alone, the file is damaged, foreign or of a newer schema, locked, or cannot be written.
    /// A file that cannot be used is left as it is.
    pub async fn open(options: &Options) -> Result<Self, StoreError> {
        let limits = options.limits.clone();
        let (site, opened) = match &options.backend {
            Backend::Sqlite { path } => {
                let site = Site { path: path.clone(), lock: limits.lock };
                let opened = open::file(&site, options.durability, &limits).await?;
                (site, opened)
            }
            Backend::Memory => {
                let site = Site { path: PathBuf::from("in memory"), lock: limits.lock };
                let opened = open::memory(&site, &limits).await?;
                (site, opened)
            }
        };
        let Opened { writer, readers, opening } = opened;
        let (jobs, queue) = mpsc::channel(limits.queue.max(1));
        let shared = Arc::new(Mutex::new(Some(writer)));
        tokio::spawn(writer::run(queue, Arc::clone(&shared), site.clone(), limits.clone()));
        let reader = Arc::new(Reader { pool: readers, shared, site, limits });
        Ok(Self { jobs, reader, opening: Arc::new(opening) })
    }

    /// What was found when it was opened.
    #[must_use]
    pub fn opening(&self) -> &Opening {
        &self.opening
    }

    /// Keeps all of it or nothing. When it returns it is as durable as the store is, and every read sees it. A row
    /// replaces the row of the same id, so that keeping the same again changes nothing; an event is never replaced by
    /// another one. Calls are kept in the order in which they came; sessions before what belongs to them.
    ///
    /// # Errors
    /// [`StoreError::Duplicate`] if a message's key was kept under another id. After [`StoreError::Busy`], and if the
    /// future is dropped, it may be kept yet; after [`StoreError::Disk`], the next start shows. Keep the same again to
    /// be sure.
    pub async fn keep(&self, rows: Vec<Kept>) -> Result<(), StoreError> {
        let limits = &self.reader.limits;
        let unwritable = |what, id, why| Err(StoreError::Unwritable { what, id, why });
        if rows.len() > limits.call_rows {
            let why = format!("it has {} rows, {} are the limit", rows.len(), limits.call_rows);
            return unwritable("a call", String::new(), why);
        }
        let lines: Vec<Line> = rows.into_iter().map(Line::new).collect::<Result<_, _>>()?;
        if let Some(line) = lines.iter().find(|line| line.bytes() > limits.row_bytes) {
            let why = format!("it has {} bytes, {} are the limit", line.bytes(), limits.row_bytes);
            return unwritable(line.label.what, line.label.id.clone(), why);
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.job(|done| Job::Keep(writer::Keep { lines, done })).await
    }

    /// What a start begins with: as it stood at one moment.
    ///
    /// # Errors
    /// If it cannot be read, or one row of it cannot.
    pub async fn restore(&self) -> Result<Restored, StoreError> {
        self.reader.restore().await
    }

    /// One session.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        self.reader.session(id).await
    }

    /// Sessions, the last used first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn sessions(
        &self,
        filter: &SessionFilter,
        limit: usize,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.reader.sessions(filter, limit).await
    }

    /// The last messages, or the last ones before a message; oldest first.
    ///
    /// # Errors
    /// If they cannot be read, or there is no message `before`.
    pub async fn messages(
        &self,
        of: &Of,
        before: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<MessageRow>, StoreError> {
        self.reader.messages(of, before, limit).await
    }

    /// Messages in which every word of `text` begins a word, newest first. Case and accents do not count, and nothing in
    /// `text` is syntax. Text without a word finds nothing.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn search(&self, text: &str, of: &Of, limit: usize) -> Result<Vec<MessageRow>, StoreError> {
        self.reader.search(text, of, limit).await
    }

    /// One ask.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn ask(&self, id: &AskId) -> Result<Option<AskRow>, StoreError> {
        self.reader.ask(id).await
    }

    /// Asks, in the order their [`Progress`] says.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn asks(&self, filter: &AskFilter, limit: usize) -> Result<Vec<AskRow>, StoreError> {
        self.reader.asks(filter, limit).await
    }

    /// The grants of a session, revoked ones too, oldest first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn grants(&self, session: &SessionId) -> Result<Vec<GrantRow>, StoreError> {
        self.reader.grants(session).await
    }

    /// Events after number `since`, oldest first; of these names, or of any if none is given.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn events(
        &self,
        since: u64,
        limit: usize,
        names: &[&str],
    ) -> Result<Vec<EventRow>, StoreError> {
        self.reader.events(since, limit, names).await
    }

    /// Runs, the last changed first; in this state, or in any.
    ///
    /// # Errors
    /// If they cannot be read.
    pub async fn runs(&self, state: Option<&str>, limit: usize) -> Result<Vec<RunRow>, StoreError> {
        self.reader.runs(state, limit).await
    }

    /// How much there is. Costs what is open, not what is kept.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.reader.counts().await
    }

    /// Whether a message with this key came from this chat before. Forgotten when the message is.
    ///
    /// # Errors
    /// If it cannot be read.
    pub async fn seen(&self, chat: &Chat, key: &str) -> Result<bool, StoreError> {
        self.reader.seen(chat, key).await
    }

    /// Forgets what is older: events but of open sessions (and never the last one), and of closed sessions the messages
    /// that are done and the asks that are over. Works in small transactions, between which calls of `keep` have their
    /// turn.
    ///
    /// # Errors
    /// If it cannot go on; what is gone by then stays gone.
    pub async fn prune(&self, before: Timestamp) -> Result<Pruned, StoreError> {
        Ok(Pruned {
            events: self.prune_one(History::Events, before).await?,
            messages: self.prune_one(History::Messages, before).await?,
            asks: self.prune_one(History::Asks, before).await?,
        })
    }

    async fn prune_one(&self, history: History, before: Timestamp) -> Result<u64, StoreError> {
        let mut window = Window { history, before, after: Some(-1), removed: 0 };
        while window.after.is_some() {
            window = self.job(|done| Job::Prune { window, done }).await?;
        }
        Ok(window.removed)
    }

    /// Ends it: what was accepted is kept, the log is folded into the database, and every later call on any handle is
    /// refused. Without it, the next start looks for damage.
    ///
    /// # Errors
    /// If the database cannot be closed.
    pub async fn close(&self) -> Result<(), StoreError> {
        if let Some(pool) = &self.reader.pool {
            pool.close().await;
        }
        self.job(|done| Job::Close { done }).await
    }

    /// Hands a job to the writer and waits for its answer.
    async fn job<T>(
        &self,
        make: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Job,
    ) -> Result<T, StoreError> {
        let waited = self.reader.limits.wait;
        let (done, answer) = oneshot::channel();
        let ask = async {
            self.jobs.send(make(done)).await.map_err(|_| StoreError::Closed)?;
            answer.await.map_err(|_| StoreError::Closed)?
        };
        tokio::time::timeout(waited, ask).await.map_err(|_| StoreError::Busy { waited })?
    }
}
