//! The way out of a network namespace: its first process listens on the ports of its loopback and hands the listeners
//! to whoever made the profile, who accepts what comes in there from outside. No process inside passes anything on, so
//! none can be attacked. Knows nothing of what is spoken.

use super::Error;
use rustix::fs::{Mode, OFlags};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::collections::BTreeSet;
use std::io::{self, IoSlice, Read as _};
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Listeners of one namespace.
const PORTS_MAX: usize = 8;
/// Until whoever takes them says so.
const PATIENCE: Duration = Duration::from_secs(10);

/// Must run before any wall that forbids unix sockets. When it returns, the listeners are taken.
pub(super) fn hand_over(ports: &BTreeSet<u16>, to: &Path) -> Result<(), Error> {
    attempt(ports, to).map_err(|source| Error::Step { step: "handing the ports of the network over", source })
}

fn attempt(ports: &BTreeSet<u16>, to: &Path) -> io::Result<()> {
    if ports.is_empty() || ports.len() > PORTS_MAX {
        return Err(io::Error::other(format!("1 to {PORTS_MAX} ports can be handed over")));
    }
    let listeners: Vec<TcpListener> =
        ports.iter().map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port))).collect::<Result<_, _>>()?;
    let stream = connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let descriptors: Vec<BorrowedFd<'_>> = listeners.iter().map(|listener| listener.as_fd()).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(PORTS_MAX))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(&stream, &[IoSlice::new(b"L")], &mut ancillary, SendFlags::NOSIGNAL)?;
    let mut taken = [0_u8; 1];
    (&stream).read_exact(&mut taken)
}

/// The name of a socket has 107 bytes at most; its path may be longer.
fn connect(path: &Path) -> io::Result<UnixStream> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let directory =
        rustix::fs::open(directory, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
    UnixStream::connect(Path::new("/proc/self/fd").join(directory.as_raw_fd().to_string()).join(name))
}
