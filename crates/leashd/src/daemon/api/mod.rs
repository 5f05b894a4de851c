//! The daemon's own door: HTTP/1.1 with JSON over a unix socket. It is a connector like the others and knows the engine
//! only through a desk. `curl --unix-socket ~/.leashd/run/leashd.sock` works too.

mod auth;
mod guests;
mod reply;
mod routes;
mod stream;

pub(crate) use reply::ErrorBody;
pub(crate) use routes::{EnvelopeBody, StatusBody};

use super::archive::Past;
use super::peer::Peer;
use super::token::Door;
use crate::failure::Failure;
use crate::observe::Observe;
use axum::Router;
use axum::extract::Request;
use guests::{Guests, Known};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use leashd_connectors::{Delivery, Query};
use leashd_types::{Timestamp, UserId};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

/// Below `run/` in leashd's home.
pub(crate) const SOCKET: &str = "leashd.sock";
/// Connections at a time. For one more the oldest goes that has not shown the token; if all have, it waits.
const CONNECTIONS_MAX: usize = 64;
/// Bytes of one request: messages carry pictures.
const BODY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Until the head of a request is complete.
const HEAD_TIME: Duration = Duration::from_secs(10);
/// Until a request has its answer begun. What the daemon does durably takes milliseconds.
const REQUEST_TIME: Duration = Duration::from_secs(30);
/// Bytes of a request's head that are kept.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// After an error of `accept` (no descriptors left).
const PAUSE: Duration = Duration::from_millis(100);
/// `sun_path` of Linux, less the byte that ends it; other systems have less.
const SOCKET_PATH_MAX: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// What people can tell the daemon itself.
#[derive(Debug)]
pub(crate) enum Order {
    Stop,
    /// Answered with what changed, or with why the old settings stay.
    Reload {
        reply: oneshot::Sender<Result<Reloaded, Failure>>,
    },
}

/// Settings and policies that took effect.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Reloaded {
    pub(crate) generation: u64,
    pub(crate) changed: Vec<String>,
}

/// What of the daemon's state is no session's. Asked for with every status.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct About {
    pub(crate) version: String,
    pub(crate) pid: i32,
    pub(crate) started: Timestamp,
    pub(crate) home: PathBuf,
    pub(crate) log: Option<PathBuf>,
    /// Lines that could not be written.
    pub(crate) log_lost: u64,
    /// What is kept, and where.
    pub(crate) store: String,
    /// Through what people reach it.
    pub(crate) connectors: Vec<String>,
    pub(crate) last_reload: Option<LastReload>,
    /// The agent that was tested last, if one was.
    #[serde(default)]
    pub(crate) agent: Option<AgentTest>,
    /// What is known of the walls, whether or not an agent runs.
    #[serde(default)]
    pub(crate) walls: String,
}

/// Whether what leashd relies on holds for an agent.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct AgentTest {
    pub(crate) version: String,
    /// What does not hold. Unattended work is refused then.
    pub(crate) broken: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct LastReload {
    pub(crate) at: Timestamp,
    /// Why the old settings stayed, if they did.
    pub(crate) rejected: Option<String>,
}

/// Everything a request needs. Cloned for each.
#[derive(Clone)]
pub(crate) struct Api {
    pub(crate) deliveries: mpsc::Sender<Delivery>,
    pub(crate) queries: mpsc::Sender<Query>,
    pub(crate) orders: mpsc::Sender<Order>,
    pub(crate) door: Door,
    /// Who speaks through this door: the user the daemon runs as.
    pub(crate) user: UserId,
    pub(crate) observe: Observe,
    /// Events that the bus has no more.
    pub(crate) past: Past,
    /// Set once nothing new is begun.
    pub(crate) closing: Arc<AtomicBool>,
    pub(crate) about: Arc<dyn Fn() -> About + Send + Sync>,
    /// Told of everyone who was not let in.
    pub(crate) turned_away: Arc<dyn Fn(&str) + Send + Sync>,
}

/// The socket, listened to. It goes away with this.
#[derive(Debug)]
pub(crate) struct Socket {
    listener: UnixListener,
    path: PathBuf,
}

impl Drop for Socket {
    fn drop(&mut self) {
        // One that stays behind answers nobody, and the next daemon replaces it.
        drop(fs::remove_file(&self.path));
    }
}

impl Socket {
    /// Listens in `run`, a directory of ours alone. Whoever calls this holds the lock, so a socket that is there is of a
    /// daemon that is gone.
    pub(crate) fn listen(run: &Path) -> Result<Self, Failure> {
        let path = run.join(SOCKET);
        let length = path.as_os_str().len();
        if length > SOCKET_PATH_MAX {
            let message = format!(
                "the path of the socket {} has {length} bytes, this system allows {SOCKET_PATH_MAX}",
                path.display()
            );
            return Err(Failure::failed(message).hint("set LEASHD_HOME to a shorter path"));
        }
        let cannot =
            |error: std::io::Error| Failure::failed(format!("cannot listen at {}: {error}", path.display()));
        match fs::symlink_metadata(&path) {
            Ok(there) if there.file_type().is_socket() => fs::remove_file(&path).map_err(cannot)?,
            Ok(_) => {
                return Err(Failure::failed(format!("{} is there and is no socket", path.display()))
                    .hint("remove it, then start again"));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(cannot(error)),
        }
        let listener = UnixListener::bind(&path).map_err(cannot)?;
        // The directory is ours alone, so nobody was faster.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).map_err(cannot)?;
        Ok(Self { listener, path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Serves until it is dropped, and its connections with it.
    pub(crate) async fn serve(&self, api: Api) {
        let daemon = super::life::Life::own().pid;
        let routes = routes::all(api);
        let mut guests = Guests::default();
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(_) => {
                        tokio::time::sleep(PAUSE).await;
                        continue;
                    }
                },
                () = guests.leave() => continue,
            };
            guests.make_room(CONNECTIONS_MAX).await;
            guests.welcome(|known| connection(stream, routes.clone(), daemon, known));
        }
    }
}

async fn connection(stream: UnixStream, routes: Router, daemon: i32, known: Known) {
    let peer = Peer::of(&stream, daemon);
    let routes = routes.layer(axum::Extension(peer)).layer(axum::Extension(known));
    let served = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(HEAD_BYTES_MAX)
        .half_close(false)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes))
        .await;
    // Whoever speaks no HTTP is cut off; there is nobody to tell.
    drop(served);
}

async fn bounded(request: Request, next: axum::middleware::Next) -> axum::response::Response {
    match tokio::time::timeout(REQUEST_TIME, next.run(request)).await {
        Ok(response) => response,
        Err(_) => reply::refuse(
            axum::http::StatusCode::GATEWAY_TIMEOUT,
            format!("no answer within {} s", REQUEST_TIME.as_secs()),
            "look at leashd status; leashd restart ends a daemon that hangs",
        ),
    }
}
