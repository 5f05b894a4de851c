//! Asks the leashd that serves the hook's socket. Whatever goes wrong, there is no reply, and the hook judges itself:
//! silence is never an answer.

use super::reply::Reply;
use std::path::Path;
#[cfg(target_os = "linux")]
use {
    super::frame,
    rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with, sockopt},
    std::io::{BufReader, Write},
    std::os::unix::net::UnixStream,
    std::time::Duration,
};

/// For the whole of it the watchdog has a longer leash; what is left is for judging here.
#[cfg(target_os = "linux")]
const PATIENCE: Duration = Duration::from_secs(4);

/// The reply of a leashd of ours, if there is one.
#[cfg(target_os = "linux")]
pub(super) fn ask(socket: &Path, project: &[u8], event: &[u8]) -> Option<Reply> {
    let mut stream = reach(socket)?;
    stream.write_all(&frame::request(project, event)?).ok()?;
    frame::read_reply(&mut BufReader::new(stream)).ok()
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
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    stream.set_write_timeout(Some(PATIENCE)).ok()?;
    Some(stream)
}
