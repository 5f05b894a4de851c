//! What the egress proxy reports for the audit log, and the question it may ask a person.

use crate::egress::{AddressClass, Target};
use leashd_types::{CallId, SessionId};
use std::io;
use std::net::IpAddr;
use std::time::Duration;
use tokio::sync::oneshot;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EgressEvent {
    /// About to be connected to one of `addresses`. Without this entry there is no connection.
    Opened { session: SessionId, call: Option<CallId>, target: Target, addresses: Vec<IpAddr> },
    Closed {
        session: SessionId,
        call: Option<CallId>,
        target: Target,
        /// Bytes from the client and to it. For a request without a tunnel: of the bodies.
        sent: u64,
        received: u64,
        lasted: Duration,
    },
    Denied {
        /// `None` if there was no valid token.
        session: Option<SessionId>,
        call: Option<CallId>,
        /// As the client wrote it, made visible, at most 300 characters.
        target: String,
        reason: Refusal,
    },
}

/// Why nothing was connected to.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("there is no valid proxy token")]
    NoToken,
    #[error("`{0}` is not how a proxy is asked; use CONNECT, or GET http://…")]
    NotAProxyRequest(String),
    #[error("the host cannot be read: {0}")]
    BadTarget(&'static str),
    #[error("the host is not in the list of this command")]
    NotListed,
    /// In words: a person said no, or a rule did.
    #[error("{0}")]
    Declined(String),
    #[error("nobody answered within {} s", .0.as_secs())]
    Unanswered(Duration),
    #[error("this command has asked for too many new hosts")]
    TooManyQuestions,
    #[error("{address} is {class}")]
    Inside { address: IpAddr, class: AddressClass },
    #[error("the name cannot be resolved: {0}")]
    Unresolvable(io::ErrorKind),
    #[error("no address of the host accepts a connection: {0}")]
    Unreachable(io::ErrorKind),
    #[error("the host did not answer as HTTP does")]
    Broken,
    #[error("the request is longer than it may be, or too slow")]
    Cut,
    #[error("the connection could not be recorded")]
    NotRecorded,
}

impl Refusal {
    /// The HTTP status.
    pub(super) fn status(&self) -> u16 {
        match self {
            Self::NoToken => 407,
            Self::NotAProxyRequest(_) | Self::BadTarget(_) => 400,
            Self::NotListed
            | Self::Declined(_)
            | Self::Unanswered(_)
            | Self::TooManyQuestions
            | Self::Inside { .. } => 403,
            Self::Unresolvable(_) | Self::Unreachable(_) | Self::Broken => 502,
            Self::Cut => 413,
            Self::NotRecorded => 503,
        }
    }
}

/// A host that is not in the list of whoever asks for it. Not answering, or dropping it, is a no. Whoever asked may be
/// gone: `answer.closed()` tells, and then there is nothing left to decide.
#[derive(Debug)]
pub struct Question {
    pub session: SessionId,
    pub call: Option<CallId>,
    pub target: Target,
    pub answer: oneshot::Sender<Answer>,
}

/// Holds for this host, this port and this token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Allow,
    /// For the log and for whoever wanted to connect.
    Deny {
        reason: String,
    },
}
