//! What the engine is configured with: limits, who may speak, what a session is when nobody says otherwise. Replaced as a
//! whole by a reload.

use leashd_types::{ConnectorKind, Mode};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

/// Everything a reload may change.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub limits: Limits,
    pub admission: Admission,
    pub defaults: Defaults,
    /// For the jitter of retries. Any number; another one in each process.
    pub seed: u64,
}

/// A session where the order leaves something out.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    pub directory: PathBuf,
    pub mode: Mode,
    pub model: Option<String>,
    /// As they are written and as they really are. A session's directory is one of them or below one, which is said at
    /// once; empty: wherever the world lets it.
    pub approved: Vec<PathBuf>,
}

/// Bounds of everything that waits here.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// An approval nobody answers for this long is denied, where the policy of the session says nothing else.
    pub approval: Duration,
    /// A question or plan review nobody answers for this long is declined.
    pub interaction: Duration,
    /// A turn that runs longer is interrupted. Time in which a person is asked does not count.
    pub turn: Duration,
    /// Messages that may wait behind a running turn, per session.
    pub queued_messages_max: usize,
    /// Bytes of one message, its attachments included.
    pub message_bytes_max: usize,
    /// Bytes of the agent's text kept of one turn; the rest is shown only.
    pub answer_bytes_max: usize,
    /// Open sessions, all chats together.
    pub sessions_max: usize,
    /// Agents that may be there at the same time.
    pub agents_max: usize,
    /// An agent that had nothing to do for this long makes room for one that has, if all places are taken.
    pub idle: Duration,
    /// How often a turn that ended with a passing error of the model's API is tried again.
    pub retries: u32,
    /// Before the first of them; each further one waits twice as long, up to `retry_longest`.
    pub retry_first: Duration,
    pub retry_longest: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            approval: Duration::from_secs(300),
            interaction: Duration::from_secs(300),
            turn: Duration::from_secs(3600),
            queued_messages_max: 100,
            message_bytes_max: 32 * 1024 * 1024,
            answer_bytes_max: 1024 * 1024,
            sessions_max: 1000,
            agents_max: 8,
            idle: Duration::from_secs(60),
            retries: 3,
            retry_first: Duration::from_secs(4),
            retry_longest: Duration::from_secs(60),
        }
    }
}

/// Who may speak through which connector, and how often.
#[derive(Clone, Debug, Default)]
pub struct Admission {
    pub terminal: Allowed,
    pub telegram: Allowed,
    pub web: Allowed,
    /// Telegram chats of several people in which those who are allowed may speak. Nobody may in others.
    pub groups: BTreeSet<String>,
    pub rate: Rate,
}

impl Admission {
    /// Everybody, everywhere, as often as they like: one person at their own terminal.
    #[must_use]
    pub fn open() -> Self {
        let everyone = || Allowed::Everyone;
        Self { terminal: everyone(), telegram: everyone(), web: everyone(), ..Self::default() }
    }

    pub(crate) fn of(&self, connector: ConnectorKind) -> &Allowed {
        match connector {
            ConnectorKind::Terminal => &self.terminal,
            ConnectorKind::Telegram => &self.telegram,
            ConnectorKind::Web => &self.web,
        }
    }
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    Everyone,
    /// As the connector names them.
    Users(BTreeSet<String>),
    #[default]
    Nobody,
}

/// A token bucket for each person.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// Envelopes a minute in the long run; 0 is no limit.
    pub per_minute: u32,
    /// Envelopes at once.
    pub burst: u32,
}
