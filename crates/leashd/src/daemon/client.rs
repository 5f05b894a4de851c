//! The other end of the daemon's door: one request on one connection. For the command line; knows no desk.

use super::api::{EnvelopeBody, ErrorBody, SOCKET};
use super::lock::{Held, Holder};
use super::token;
use crate::failure::{Exit, Failure};
use crate::hook::RUN_DIRECTORY;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{Method, Request, Response, StatusCode, header};
use hyper_util::rt::TokioIo;
use leashd_proxy::Secret;
use leashd_types::Receipt;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// Longer than the daemon takes to say that it cannot answer.
const PATIENCE: Duration = Duration::from_secs(40);
/// Bytes of one answer, and of one line of a stream.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;

/// A daemon that runs.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    socket: PathBuf,
    token: Secret,
    pub(crate) holder: Option<Holder>,
}

impl Client {
    /// The daemon at `home`, if one runs.
    pub(crate) fn find(home: &Path) -> Result<Option<Self>, Failure> {
        let holder = match Held::look(home)? {
            Held::Nobody => return Ok(None),
            Held::By(holder) => Some(holder),
            Held::ByUnknown => None,
        };
        let token = token::read(home)?;
        Ok(Some(Self { socket: home.join(RUN_DIRECTORY).join(SOCKET), token, holder }))
    }

    /// The daemon at `home`, which has to run.
    pub(crate) fn require(home: &Path) -> Result<Self, Failure> {
        Self::find(home)?.ok_or_else(|| {
            Failure::new(Exit::Agent, "leashd is not running")
                .hint("leashd start starts it in the background")
        })
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        decoded(&self.text(Method::GET, path, Bytes::new()).await?)
    }

    pub(crate) async fn post<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        decoded(&self.text(Method::POST, path, Bytes::new()).await?)
    }

    /// Hands an envelope in. Whatever the receipt says, it is the answer.
    pub(crate) async fn deliver(&self, envelope: &EnvelopeBody) -> Result<Receipt, Failure> {
        let (status, text) = self.exchange(Method::POST, "/v1/envelopes", body(envelope)?).await?;
        match serde_json::from_str::<Receipt>(&text) {
            Ok(receipt) => Ok(receipt),
            Err(_) => Err(refused(status, &text)),
        }
    }

    /// A stream of lines, for as long as both sides live.
    pub(crate) async fn lines(&self, path: &str) -> Result<Lines, Failure> {
        let response = tokio::time::timeout(PATIENCE, self.request(Method::GET, path, Bytes::new()))
            .await
            .map_err(|_| silent())??;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(refused(status, &collected(response).await?));
        }
        Ok(Lines { body: response.into_body(), begun: Vec::new() })
    }

    async fn text(&self, method: Method, path: &str, body: Bytes) -> Result<String, Failure> {
        let (status, text) = self.exchange(method, path, body).await?;
        if status.is_success() { Ok(text) } else { Err(refused(status, &text)) }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<(StatusCode, String), Failure> {
        let exchange = async {
            let response = self.request(method, path, body).await?;
            Ok((response.status(), collected(response).await?))
        };
        tokio::time::timeout(PATIENCE, exchange).await.map_err(|_| silent())?
    }

    async fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Response<Incoming>, Failure> {
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| {
            let who =
                self.holder.as_ref().map_or_else(String::new, |holder| format!(" (pid {})", holder.life.pid));
            Failure::new(
                Exit::Agent,
                format!("the daemon{who} does not answer at {}: {error}", self.socket.display()),
            )
            .hint("it may be starting or stopping; leashd restart ends one that hangs")
        })?;
        // Nobody else gets to see the token.
        if stream.peer_cred().is_ok_and(|peer| peer.uid() != rustix::process::geteuid().as_raw()) {
            return Err(Failure::new(
                Exit::Agent,
                format!("{} belongs to another user", self.socket.display()),
            ));
        }
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
        // Ends with the sender and the answer's body; what goes wrong is said there.
        tokio::spawn(async move { drop(connection.await) });
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::HOST, "leashd")
            .header(header::AUTHORIZATION, format!("Bearer {}", self.token.expose()))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Full::new(body))
            .map_err(|error| Failure::failed(format!("{path}: {error}")))?;
        sender.send_request(request).await.map_err(broken)
    }
}

/// An answer without an end.
#[derive(Debug)]
pub(crate) struct Lines {
    body: Incoming,
    /// What came of the line that is not whole.
    begun: Vec<u8>,
}

impl Lines {
    /// The next line. `None` when the daemon ends the stream. Dropped before it is done, nothing is lost.
    pub(crate) async fn next(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.begun.iter().position(|byte| *byte == b'\n') {
                let rest = self.begun.split_off(end + 1);
                let line = std::mem::replace(&mut self.begun, rest);
                return Some(String::from_utf8_lossy(&line).trim_end().to_owned());
            }
            let frame = self.body.frame().await?.ok()?;
            if let Ok(bytes) = frame.into_data() {
                self.begun.extend_from_slice(&bytes);
            }
            if self.begun.len() > ANSWER_BYTES_MAX {
                return None;
            }
        }
    }
}

async fn collected(response: Response<Incoming>) -> Result<String, Failure> {
    let body = Limited::new(response.into_body(), ANSWER_BYTES_MAX).collect().await;
    let bytes =
        body.map_err(|error| Failure::new(Exit::Agent, format!("the daemon's answer broke off: {error}")))?;
    Ok(String::from_utf8_lossy(&bytes.to_bytes()).into_owned())
}

fn body(value: &impl Serialize) -> Result<Bytes, Failure> {
    serde_json::to_vec(value).map(Bytes::from).map_err(Failure::failed)
}

fn decoded<T: DeserializeOwned>(text: &str) -> Result<T, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new(Exit::Agent, format!("the daemon's answer cannot be read: {error}"))
            .hint("it may be another version than this program; leashd restart")
    })
}

fn refused(status: StatusCode, text: &str) -> Failure {
    let exit = match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::SERVICE_UNAVAILABLE => Exit::Agent,
        StatusCode::GATEWAY_TIMEOUT | StatusCode::TOO_MANY_REQUESTS => Exit::TryLater,
        _ => Exit::Failed,
    };
    match serde_json::from_str::<ErrorBody>(text) {
        Ok(ErrorBody { error, hint }) => Failure { exit, message: error, hint },
        Err(_) => Failure::new(exit, format!("the daemon answered {status}")),
    }
}

fn broken(error: hyper::Error) -> Failure {
    Failure::new(Exit::Agent, format!("the daemon hung up: {error}"))
        .hint("leashd status says whether it still runs")
}

fn silent() -> Failure {
    Failure::new(Exit::TryLater, format!("the daemon said nothing for {} s", PATIENCE.as_secs()))
        .hint("leashd restart ends one that hangs")
}
