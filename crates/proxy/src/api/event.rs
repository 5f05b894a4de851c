//! What the model API proxy reports: traffic for the accounts, refusals for the audit log. Never contents.

use leashd_types::SessionId;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ApiEvent {
    /// A request went through; sent when its response is over.
    Answered {
        session: SessionId,
        path: &'static str,
        status: u16,
        /// Bytes of the response body, as they came over the wire.
        received: u64,
        /// From the request to the head of the response.
        first_byte: Duration,
        total: Duration,
    },
    Refused {
        /// `None` if the request had no valid key.
        session: Option<SessionId>,
        reason: Refused,
    },
}

/// Why a request got no answer from the model API.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("the request has no valid session key")]
    NoKey,
    #[error("{0} is not part of the model API that leashd passes on")]
    NotPassedOn(String),
    #[error("the request is longer than {0} bytes")]
    TooLong(u64),
    #[error("{0}")]
    Unreachable(String),
    #[error("the model API did not begin to answer within {} s", .0.as_secs())]
    TooSlow(Duration),
    #[error(
        "the model API answered with a redirect, which is not followed; set ANTHROPIC_BASE_URL to where it leads"
    )]
    Redirect,
    #[error("the model API refused the credential that leashd has; set it again")]
    Credential,
}

impl Refused {
    /// The HTTP status and the API's name for the kind of error.
    pub(super) fn status(&self) -> (u16, &'static str) {
        match self {
            Self::NoKey | Self::Credential => (401, "authentication_error"),
            Self::NotPassedOn(_) => (404, "not_found_error"),
            Self::TooLong(_) => (413, "request_too_large"),
            Self::Unreachable(_) | Self::Redirect => (502, "api_error"),
            Self::TooSlow(_) => (504, "api_error"),
        }
    }
}
