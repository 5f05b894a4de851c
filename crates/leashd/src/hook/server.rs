//! Serves the hook's socket: one frame in, one judgement on a blocking thread, one frame out. The policies stay loaded;
//! the settings are the installed ones ([`super::Pinned`]), not those of the session this process runs, so that a hook
//! gets the same answer whether somebody serves it or not.

use super::frame::{self, Request};
use super::judge::Judge;
use super::reply::Reply;
use super::{Pinned, RUN_DIRECTORY, SOCKET};
use crate::failure::Failure;
use leashd_sandbox::PrivateDir;
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufReader, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::UnixListener;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

/// Hooks judged at once. More wait to be accepted, and a hook that waits too long judges itself.
const AT_ONCE: usize = 32;
/// For a hook's request, and for taking the reply.
const PATIENCE: Duration = Duration::from_secs(4);
/// Only one leashd serves; whoever holds it may replace a socket somebody left.
const LOCK: &str = "hook.lock";
/// After an error of `accept` (no descriptors left).
const PAUSE: Duration = Duration::from_millis(100);

/// Serving ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    task: JoinHandle<()>,
    socket: PathBuf,
    _lock: File,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
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
    let desk = Arc::new(Desk { home: home.path().to_owned(), judge: Mutex::default() });
    Ok(Some(Server { task: tokio::spawn(accept(listener, desk)), socket, _lock: lock }))
}

async fn accept(listener: UnixListener, desk: Arc<Desk>) {
    let places = Arc::new(Semaphore::new(AT_ONCE));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let us = rustix::process::geteuid().as_raw();
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == us) {
            continue;
        }
        let desk = Arc::clone(&desk);
        tokio::task::spawn_blocking(move || {
            if let Ok(stream) = stream.into_std() {
                // Without a whole reply the hook judges itself.
                drop(desk.serve(stream));
            }
            drop(place);
        });
    }
}

/// What all judgements share.
#[derive(Debug)]
struct Desk {
    home: PathBuf,
    judge: Mutex<Option<(Option<Pinned>, Arc<Judge>)>>,
}

impl Desk {
    fn serve(&self, mut stream: UnixStream) -> std::io::Result<()> {
        stream.set_nonblocking(false)?;
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
        self.judge()?.reply(project, &request.event)
    }

    /// The judge for what is installed now: whoever installs again is heard at once.
    fn judge(&self) -> Result<Arc<Judge>, Failure> {
        let pinned = Pinned::read(&self.home)?;
        let mut kept = self.judge.lock().map_err(|_| Failure::failed("it failed on an earlier call"))?;
        if let Some((known, judge)) = &*kept
            && *known == pinned
            && judge.is_sound()
        {
            return Ok(Arc::clone(judge));
        }
        let judge = Arc::new(Judge::new(Pinned::ground(pinned.as_ref(), &self.home)?)?);
        *kept = Some((pinned, Arc::clone(&judge)));
        Ok(judge)
    }
}
