//! Listeners of a network namespace, taken over from its first process: what connects there, on a loopback that nobody
//! else shares, is accepted here. Nothing inside passes a byte on. Knows nothing of what is spoken.

use crate::listen::unix;
use crate::{Error, Listener};
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use std::io::{self, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::time::timeout;

/// Listeners of one namespace.
const PORTS_MAX: usize = 8;
/// For whoever connected to hand something over.
const PATIENCE: Duration = Duration::from_secs(10);

/// The place where namespaces hand their listeners over. Only its owner may connect.
#[derive(Debug)]
pub struct Handover {
    socket: UnixListener,
    path: PathBuf,
}

impl Handover {
    /// A unix socket at `path`, in a private directory that nothing contained can write to.
    ///
    /// # Errors
    /// If something that is no socket is there, or the system refuses.
    pub fn at(path: &Path) -> Result<Self, Error> {
        Ok(Self { socket: unix(path)?, path: path.to_owned() })
    }

    /// The listeners of the next namespace, each with its port there. Whoever connects and hands nothing over is sent
    /// away.
    ///
    /// # Errors
    /// If the system does not let us accept.
    pub async fn next(&self) -> Result<Vec<(u16, Listener)>, Error> {
        loop {
            let failed = |source| Error::Listen { at: self.path.display().to_string(), source };
            let (stream, _) = self.socket.accept().await.map_err(failed)?;
            if let Ok(Ok(taken)) = timeout(PATIENCE, take(stream)).await {
                return Ok(taken);
            }
        }
    }
}

async fn take(mut stream: UnixStream) -> io::Result<Vec<(u16, Listener)>> {
    let mut descriptors = Vec::new();
    stream.async_io(Interest::READABLE, || receive(&stream, &mut descriptors)).await?;
    let taken: Vec<(u16, Listener)> = descriptors.into_iter().map(listener).collect::<Result<_, _>>()?;
    if taken.is_empty() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    stream.write_all(b"T").await?;
    Ok(taken)
}

fn receive(stream: &UnixStream, descriptors: &mut Vec<OwnedFd>) -> io::Result<()> {
    let mut byte = [0_u8; 1];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PORTS_MAX))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    recvmsg(stream, &mut [IoSliceMut::new(&mut byte)], &mut ancillary, RecvFlags::CMSG_CLOEXEC)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(rights) = message {
            descriptors.extend(rights);
        }
    }
    Ok(())
}

fn listener(descriptor: OwnedFd) -> io::Result<(u16, Listener)> {
    let listener = std::net::TcpListener::from(descriptor);
    let address = listener.local_addr()?;
    if !address.ip().is_loopback() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    listener.set_nonblocking(true)?;
    Ok((address.port(), Listener::Tcp(TcpListener::from_std(listener)?)))
}
