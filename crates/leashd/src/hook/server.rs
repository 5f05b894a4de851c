//! Serves the hook's socket: one frame in, one judgement on a thread of its own, one frame out. The policies stay loaded;
//! the settings are the installed ones ([`super::Pinned`]), not those of the session this process runs, so that a hook
//! gets the same answer whether somebody serves it or not.

use super::frame::{self, Request};
use super::judge::Judge;
use super::pinned::own_secrets;
use super::reply::Reply;
use super::{Ground, PINNED, Pinned, RUN_DIRECTORY, SOCKET};
use crate::failure::Failure;
use leashd_sandbox::PrivateDir;
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Hooks judged at once. More wait to be accepted, and a hook that waits too long judges itself.
const AT_ONCE: usize = 8;
/// For a hook's request, and for taking the reply.
const PATIENCE: Duration = Duration::from_secs(4);
/// Only one leashd serves; whoever holds it may replace a socket somebody left.
const LOCK: &str = "hook.lock";
/// After an error of `accept` (no descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// Serving ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    listener: Arc<UnixListener>,
    desk: Arc<Desk>,
    socket: PathBuf,
    _lock: File,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.desk.closed.store(true, Ordering::Release);
        // Wakes whoever waits in `accept`.
        let _woken = rustix::net::shutdown(&self.listener, rustix::net::Shutdown::Both);
        // One that stays behind answers nobody, and the next leashd replaces it.
        drop(fs::remove_file(&self.socket));
    }
}

/// Serves hooks from now on. `None` if another leashd does already.
pub(crate) fn serve(home: &Path) -> Result<Option<Server>, Failure> {
    let home = PrivateDir::create(home).map_err(Failure::failed)?;
    let run = home.subdirectory(RUN_DIRECTORY).map_err(Failure::failed)?;
    let lock = run.append(LOCK).map_err(Failure::failed)?;
    if flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(None);
    }
    let socket = run.path().join(SOCKET);
    match fs::remove_file(&socket) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&socket)?;
    // The directory is ours alone, so nobody was faster.
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o600))?;
    let desk = Arc::new(Desk {
        home: home.path().to_owned(),
        closed: AtomicBool::new(false),
        judge: Mutex::default(),
    });
    let server = Server { listener: Arc::new(listener), desk, socket, _lock: lock };
    for number in 0..AT_ONCE {
        let (listener, desk) = (Arc::clone(&server.listener), Arc::clone(&server.desk));
        std::thread::Builder::new()
            .name(format!("hook-{number}"))
            .spawn(move || work(&listener, &desk))
            .map_err(Failure::failed)?;
    }
    Ok(Some(server))
}

/// Takes one hook after the other. Whoever accepts also judges: handing over to another thread would cost as much as
/// the judgement.
fn work(listener: &UnixListener, desk: &Desk) {
    while !desk.closed.load(Ordering::Acquire) {
        match listener.accept() {
            // Without a whole reply the hook judges itself.
            Ok((stream, _)) if is_ours(&stream) => drop(desk.serve(stream)),
            Ok(_) => {}
            Err(_) if desk.closed.load(Ordering::Acquire) => return,
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

#[cfg(target_os = "linux")]
fn is_ours(stream: &UnixStream) -> bool {
    let us = rustix::process::geteuid();
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == us)
}

/// Who is on the other side cannot be told here, and hooks do not ask.
#[cfg(not(target_os = "linux"))]
fn is_ours(_stream: &UnixStream) -> bool {
    false
}

/// What all judgements share.
#[derive(Debug)]
struct Desk {
    home: PathBuf,
    closed: AtomicBool,
    judge: Mutex<Option<(Stamp, Arc<Judge>)>>,
}

/// Tells one state of a file from another, as long as nobody turns the clock back between two changes.
type Stamp = (u64, u64, u64, i64, i64, i64, i64);

impl Desk {
    fn serve(&self, mut stream: UnixStream) -> std::io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let request = frame::read_request(&mut BufReader::new(&stream))?;
        let reply = catch_unwind(AssertUnwindSafe(|| self.reply(&request)))
            .unwrap_or_else(|_| Err(Failure::failed("it failed on this call")))
            .unwrap_or_else(|failure| Reply::failed(&failure));
        frame::write_reply(&mut stream, &reply)
    }

    fn reply(&self, request: &Request) -> Result<Reply, Failure> {
        let project = Path::new(OsStr::from_bytes(&request.project));
        if !project.is_absolute() {
            return Err(Failure::failed("the project is not an absolute path"));
        }
        self.judge()?.reply(project, &request.event)
    }

    /// The judge for what is installed now: whoever installs again is heard at once.
    fn judge(&self) -> Result<Arc<Judge>, Failure> {
        let stamp = stamp(&self.home.join(PINNED));
        let mut kept = self.judge.lock().map_err(|_| Failure::failed("it failed on an earlier call"))?;
        if let Some((known, judge)) = &*kept
            && Some(*known) == stamp
            && judge.is_sound()
        {
            return Ok(Arc::clone(judge));
        }
        let ground = Pinned::ground(Pinned::read(&self.home)?.as_ref(), &self.home)?;
        let judge = Arc::new(Judge::new(Ground { secrets: own_secrets()?, ..ground })?);
        *kept = stamp.map(|stamp| (stamp, Arc::clone(&judge)));
        Ok(judge)
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let it = fs::metadata(path).ok()?;
    Some((it.dev(), it.ino(), it.len(), it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()))
}
