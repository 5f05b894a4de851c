//! What the owner decides about the chat. Reads no file.

use super::wire::Token;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Where Telegram's own servers are.
pub const API: &str = "https://api.telegram.org";

#[derive(Clone, Debug)]
pub struct Options {
    pub token: Token,
    /// The place of a Bot API server, without a slash at its end.
    pub base_url: String,
    /// Ours alone, mode 0700: the lock of the poller and what buttons mean.
    pub state: PathBuf,
    pub streaming: Streaming,
    /// Between two edits of a message that grows.
    pub throttle: Duration,
    pub privacy: Privacy,
    /// Answers longer than this many UTF-16 units come as a file.
    pub document_over: usize,
    /// Bytes of a photo or a PDF that is handed to the agent.
    pub attachment_max: u64,
    /// Bytes of a text file that is handed to the agent.
    pub text_file_max: u64,
    pub redact: Redact,
    /// PEM files with certificates that are trusted besides the system's.
    pub roots: Vec<PathBuf>,
}

impl Options {
    /// As configured by nobody.
    #[must_use]
    pub fn new(token: Token, state: PathBuf) -> Self {
        Self {
            token,
            base_url: API.to_owned(),
            state,
            streaming: Streaming::On,
            throttle: Duration::from_millis(1500),
            privacy: Privacy::Full,
            document_over: 20_000,
            attachment_max: 5 * 1024 * 1024,
            text_file_max: 256 * 1024,
            redact: Redact::nothing(),
            roots: Vec::new(),
        }
    }
}

/// Whether an answer is shown while it is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Streaming {
    On,
    /// One message at the end.
    Off,
}

/// How much of commands and files leaves the machine for Telegram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    Full,
    /// What would happen, but neither commands nor contents of files.
    Summary,
    /// That something waits, and how serious it is. Answers stay on the machine.
    Private,
}

type Rewrite = dyn Fn(&str) -> String + Send + Sync;

/// Takes secrets out of a text. Which those are, the daemon knows.
#[derive(Clone)]
pub struct Redact(Arc<Rewrite>);

impl Redact {
    pub fn with(rewrite: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        Self(Arc::new(rewrite))
    }

    /// For tests, and where nothing secret is known.
    #[must_use]
    pub fn nothing() -> Self {
        Self::with(str::to_owned)
    }

    #[must_use]
    pub fn text(&self, text: &str) -> String {
        (self.0)(text)
    }
}

impl fmt::Debug for Redact {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Redact(…)")
    }
}
