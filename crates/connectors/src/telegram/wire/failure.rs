//! What can go wrong between us and the Bot API, said with the method and the next step. No message carries the token.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    #[error("the address of the Bot API {0}; set it to something like `https://api.telegram.org`")]
    Address(&'static str),
    #[error("the bot's token has not the form `123456:ABC…`; copy it again from @BotFather")]
    Token,
    #[error("cannot prepare TLS for the Bot API: {0}; install `ca-certificates` or set SSL_CERT_FILE")]
    Tls(String),
    /// Nobody knows whether the request was carried out.
    #[error("Telegram cannot be reached for {method}: {what}; look at the network of this machine")]
    Network { method: &'static str, what: String },
    /// Nobody knows whether the request was carried out.
    #[error("Telegram did not answer {method} within {after:?}; look at the network of this machine")]
    TooSlow { method: &'static str, after: Duration },
    /// Nobody knows whether the request was carried out.
    #[error("Telegram's answer to {method} cannot be read: {what}; is the address that of a Bot API server?")]
    Unreadable { method: &'static str, what: String },
    #[error("Telegram's answer to {method} is longer than {limit} bytes")]
    TooLong { method: &'static str, limit: usize },
    #[error("Telegram wants {method} to wait for {retry_after:?}")]
    Throttled { method: &'static str, retry_after: Duration },
    #[error(
        "Telegram does not take the bot's token ({code}); get a new one from @BotFather and connect again"
    )]
    Unauthorized { code: u16 },
    /// Two pollers of one bot, or a webhook.
    #[error("Telegram refuses {method}: {description}")]
    Conflict { method: &'static str, description: String },
    #[error("Telegram refuses {method}: {code} {description}")]
    Refused { method: &'static str, code: u16, description: String },
    /// Nothing was dropped; what was to be sent was not taken.
    #[error(
        "{waiting} messages wait for Telegram already, more are not taken; wait until it can be reached again"
    )]
    Full { waiting: usize },
    #[error("the outbox is closed: leashd goes down")]
    Closed,
    #[error("another leashd polls with this token (it holds `{}`); stop it first", path.display())]
    Locked { path: PathBuf },
    #[error("cannot lock `{}`: {source}; look at the rights of its directory", path.display())]
    Lock { path: PathBuf, source: Arc<io::Error> },
}

impl Failure {
    /// May the same request succeed later, without anybody changing anything?
    #[must_use]
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Network { .. }
            | Self::TooSlow { .. }
            | Self::Unreadable { .. }
            | Self::Throttled { .. } => true,
            Self::Refused { code, .. } => *code >= 500,
            Self::Address(_)
            | Self::Token
            | Self::Tls(_)
            | Self::TooLong { .. }
            | Self::Unauthorized { .. }
            | Self::Conflict { .. }
            | Self::Full { .. }
            | Self::Closed
            | Self::Locked { .. }
            | Self::Lock { .. } => false,
        }
    }

    /// Did Telegram say no with these words?
    #[must_use]
    pub fn says(&self, words: &str) -> bool {
        matches!(self, Self::Refused { description, .. } if description.contains(words))
    }

    /// The person blocked the bot, or the group threw it out.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        matches!(self, Self::Refused { code: 403, .. })
    }
}
