//! Where a proxy listens, and how many connections it takes at a time. Knows nothing of what is spoken on them.

use crate::Error;
use std::convert::Infallible;
use std::fs;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Until the next try after the system refused a connection (too many open files).
const REFUSED: Duration = Duration::from_millis(100);

/// Of one listener. A listener per session keeps one session from using up what another needs.
#[derive(Clone, Debug)]
pub struct ConnectionLimits {
    /// At a time; one more is closed at once.
    pub connections: usize,
    /// Until the head of a request is complete.
    pub header_time: Duration,
    /// Bytes of the head of a request.
    pub header_bytes: usize,
    pub headers: usize,
    /// Bytes of the body of a request.
    pub body_bytes: u64,
    /// Until the body of a request is complete.
    pub body_time: Duration,
    /// Without a byte in either direction.
    pub idle: Duration,
}

/// A place to listen at: a unix socket for a network namespace, or a port of 127.0.0.1.
#[derive(Debug)]
pub enum Listener {
    Unix(UnixListener),
    Tcp(TcpListener),
}

pub(crate) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Listener {
    /// A unix socket only its owner may connect to. An old socket at `path` is replaced, anything else is not. The
    /// directory has to be private: the mode is set after the socket is there.
    ///
    /// # Errors
    /// If something else is there or the system refuses.
    pub fn unix(path: &Path) -> Result<Self, Error> {
        unix(path).map(Self::Unix)
    }

    /// Port `port` of 127.0.0.1; 0 is a free one. Every user of the machine can connect: the tokens keep them out.
    ///
    /// # Errors
    /// If the port is taken.
    pub async fn loopback(port: u16) -> Result<Self, Error> {
        let failed = |source| Error::Listen { at: format!("127.0.0.1:{port}"), source };
        Ok(Self::Tcp(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(failed)?))
    }

    /// The address of a loopback listener.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(_) => None,
            Self::Tcp(listener) => listener.local_addr().ok(),
        }
    }

    async fn accept(&self) -> io::Result<Box<dyn Stream>> {
        match self {
            Self::Unix(listener) => Ok(Box::new(listener.accept().await?.0)),
            Self::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Box::new(stream))
            }
        }
    }
}

/// A socket at `path`, whose directory is opened first: the name of a socket has 107 bytes at most, its path may be longer.
pub(crate) fn unix(path: &Path) -> Result<UnixListener, Error> {
    let failed = |source: io::Error| Error::Listen { at: path.display().to_string(), source };
    match fs::symlink_metadata(path) {
        Ok(there) if there.file_type().is_socket() => fs::remove_file(path).map_err(failed)?,
        Ok(_) => {
            return Err(Error::Socket {
                path: path.to_owned(),
                problem: "something that is no socket is there",
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed(error)),
    }
    let listener = bind(path).map_err(failed)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

#[cfg(target_os = "linux")]
fn bind(path: &Path) -> io::Result<UnixListener> {
    use rustix::fs::{Mode, OFlags};
    use std::os::fd::AsRawFd;
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory =
        rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    UnixListener::bind(Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}

#[cfg(not(target_os = "linux"))]
fn bind(path: &Path) -> io::Result<UnixListener> {
    UnixListener::bind(path)
}

/// Hands every connection to `handle`, each in a task of its own. Never returns; dropped, it ends all of them.
pub(crate) async fn serve<H, F>(listener: Listener, connections: usize, handle: H) -> Infallible
where
    H: Fn(Box<dyn Stream>) -> F,
    F: Future<Output = ()> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(connections));
    let mut running = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(stream) => if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                    let work = handle(stream);
                    running.spawn(async move {
                        work.await;
                        drop(slot);
                    });
                },
                Err(_) => tokio::time::sleep(REFUSED).await,
            },
            Some(_) = running.join_next(), if !running.is_empty() => {}
        }
    }
}
