//! Asks the leashd that serves the hook's socket. Whatever goes wrong, there is no reply, and the hook judges itself:
//! silence is never an answer.

use super::reply::Reply;
use std::path::Path;
#[cfg(target_os = "linux")]
use {
    super::frame,
    rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt},
    std::io::{BufReader, Read, Write},
    std::os::unix::net::UnixStream,
    std::time::{Duration, Instant},
};

/// For sending, and for the whole reply.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(4);

/// Bytes of most replies.
#[cfg(target_os = "linux")]
const REPLY: usize = 4096;

/// The reply of a leashd of ours, if there is one.
#[cfg(target_os = "linux")]
pub(super) fn ask(socket: &Path, project: &[u8], event: &[u8]) -> Option<Reply> {
    let request = frame::request(project, event)?;
    let mut stream = reach(socket)?;
    stream.write_all(&request).ok()?;
    let until = Instant::now() + PATIENCE;
    frame::read_reply(&mut BufReader::with_capacity(REPLY, Within { stream, until })).ok()
}

/// A stream until a moment: many small pieces do not make it longer.
#[cfg(target_os = "linux")]
struct Within {
    stream: UnixStream,
    until: Instant,
}

#[cfg(target_os = "linux")]
impl Read for Within {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let left = self.until.saturating_duration_since(Instant::now());
        // Nothing left is an error, as it should be.
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(into)
    }
}

/// Who is on the other side cannot be told here.
#[cfg(not(target_os = "linux"))]
pub(super) fn ask(_socket: &Path, _project: &[u8], _event: &[u8]) -> Option<Reply> {
    None
}

#[cfg(target_os = "linux")]
fn reach(socket: &Path) -> Option<UnixStream> {
    let address = SocketAddrUnix::new(socket).ok()?;
    // Not blocking: a server that accepts nobody is no reason to wait.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let ours = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).ok()?;
    connect(&ours, &address).ok()?;
    let peer = sockopt::socket_peercred(&ours).ok()?;
    if peer.uid != rustix::process::geteuid() {
        return None;
    }
    let stream = UnixStream::from(ours);
    stream.set_nonblocking(false).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}
