//! One answer that grows in a chat while the agent writes it.

use super::failure::Failure;
use super::model::{ChatId, MessageId};
use super::outbox::{Outbox, Sound};
use std::time::Duration;

#[derive(Clone, Debug)]
pub struct StreamOptions {
    pub chat: ChatId,
    pub reply_to: Option<MessageId>,
    /// Between two changes of what is shown.
    pub throttle: Duration,
    pub growth: Growth,
    /// UTF-16 units; a longer answer comes as a file, with its beginning as a message.
    pub long: usize,
    pub sound: Sound,
}

/// When the answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    Live,
    /// As final messages.
    AtTheEnd,
}

/// What stands below the answer at its end.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// Tools and how often each was used: `🧰 Bash ×3, Read`.
    pub tools: Vec<(String, u32)>,
    /// A last line, as "stopped".
    pub note: Option<String>,
}

/// An answer. Dropped without closing, it is closed without a summary.
#[derive(Debug)]
pub struct Stream;

impl Stream {
    /// A stream, and what shows it: a future to be run. It gives the messages the answer became, when all is there.
    pub fn open(
        _outbox: &Outbox,
        _options: StreamOptions,
    ) -> (Self, impl Future<Output = Result<Vec<MessageId>, Failure>> + Send + use<>) {
        (Self, async { Err(Failure::Closed) })
    }

    /// More text, as Markdown.
    pub fn push(&self, _text: &str) {}

    /// A line below the answer that says what runs now: `🔧 Bash: pytest tests/`.
    pub fn indicate(&self, _line: Option<&str>) {}

    /// The answer is complete.
    pub fn close(self, _closing: Closing) {}
}
