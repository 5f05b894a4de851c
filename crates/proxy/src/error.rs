//! What can go wrong in this crate, said with the object and the next step. No message carries a secret.

use std::io;
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot listen at `{at}`: {source}")]
    Listen { at: String, source: io::Error },
    #[error("`{path}` cannot be a socket: {problem}")]
    Socket { path: PathBuf, problem: &'static str },
    /// Without the text: it may carry a password.
    #[error(
        "the address of the model API {0}; set ANTHROPIC_BASE_URL to something like `https://api.anthropic.com`"
    )]
    Upstream(&'static str),
    #[error("the credential for the model API {0}; set it again without quotes and line ends")]
    Credential(&'static str),
    #[error("ANTHROPIC_CUSTOM_HEADERS cannot be sent: {0}; write `Name: value`, one on a line")]
    Headers(&'static str),
    #[error("there are no certificate roots ({0}); install `ca-certificates` or set SSL_CERT_FILE")]
    Roots(String),
    #[error("cannot prepare TLS: {0}")]
    Tls(String),
    #[error("the system gives no random bytes")]
    Random,
    #[error("`{entry}` is not a host: {problem}")]
    HostEntry { entry: String, problem: String },
}
