//! Where a conversation takes place, and what comes in from there.

use crate::{Command, UserId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What people reach leashd through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ConnectorKind {
    Terminal,
    Telegram,
    Web,
}

impl ConnectorKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            ConnectorKind::Terminal => "terminal",
            ConnectorKind::Telegram => "telegram",
            ConnectorKind::Web => "web",
        }
    }
}

/// One conversation of a connector. Several sessions may belong to it; one of them is the current one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Chat {
    pub connector: ConnectorKind,
    /// As the connector names it: a chat id of Telegram, a terminal.
    pub id: String,
}

impl Chat {
    #[must_use]
    pub fn new(connector: ConnectorKind, id: impl Into<String>) -> Self {
        Self { connector, id: id.into() }
    }
}

impl fmt::Display for Chat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.connector.as_str(), self.id)
    }
}

/// Everything that comes in from outside comes in one of these, and is admitted or refused before anything looks at the
/// command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub chat: Chat,
    pub from: UserId,
    pub form: Form,
    pub command: Command,
}

/// How a person said it. None of them is a way around admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    Text,
    Command,
    Button,
    File,
}

/// What became of an envelope. Given out once what it says is durable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "receipt", rename_all = "kebab-case")]
pub enum Receipt {
    Accepted {
        /// The session it went to.
        session: Option<crate::SessionId>,
    },
    /// The same message was accepted before; nothing happened.
    Duplicate,
    Refused {
        refusal: Refusal,
    },
}

/// Why an envelope was not accepted, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "refusal", rename_all = "kebab-case")]
pub enum Refusal {
    /// Not among the people this connector is for.
    NotAllowed,
    RateLimited {
        /// Until the next message would be accepted.
        retry_after_ms: u64,
    },
    /// No such session, ask or grant.
    Unknown { what: String },
    /// The ask has its answer, or is over.
    Closed { how: String },
    /// The answer was given to something else than what is asked now.
    Changed,
    /// It cannot be done, or not now.
    Rejected { reason: String },
    /// It could not be written down, so it did not happen.
    NotDurable { reason: String },
}
