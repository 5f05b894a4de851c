//! The stage of a proof: witnesses outside the walls and what they have seen. Attempts nothing itself.

use super::Attempt;
use crate::confine::Error;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// What stands in files outside; nothing but a read can bring it in.
const SECRET: &str = "witness-";

/// What the attempting side is told.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Script {
    pub(super) project: PathBuf,
    pub(super) outside: PathBuf,
    pub(super) temporary: PathBuf,
    /// One listener for each way to connect, in the order of [`WAYS`].
    pub(super) tcp: [u16; 4],
    pub(super) udp: u16,
    /// Name of an abstract unix socket.
    pub(super) name: String,
    /// A process outside that dies of a signal and has the secret in its environment.
    pub(super) victim: u32,
    /// Where the stack of that process ends, which is where its environment is.
    pub(super) stack_end: u64,
    /// Number of a descriptor that was left open.
    pub(super) descriptor: i32,
}

/// Ways to connect by TCP.
pub(super) const WAYS: [Attempt; 4] =
    [Attempt::TcpConnect, Attempt::TcpFastOpen, Attempt::TcpFastOpenOption, Attempt::Mptcp];

/// Witnesses. Removed with the directories that the caller made.
pub(super) struct Scene {
    script: Script,
    secret: String,
    tcp: [TcpListener; 4],
    udp: UdpSocket,
    path: UnixListener,
    abstract_name: UnixListener,
    victim: Child,
    left_open: OwnedFd,
}

fn failed(source: io::Error) -> Error {
    Error::Step { step: "preparing the proof", source }
}

impl Scene {
    pub(super) fn prepare(project: &Path, outside: &Path, temporary: &Path) -> Result<Self, Error> {
        let mut random = [0_u8; 16];
        File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut random)).map_err(failed)?;
        let secret = random.iter().fold(SECRET.to_owned(), |text, byte| format!("{text}{byte:02x}"));
        let name = format!("leashd-{secret}");
        let [a, b, c, d] = WAYS.map(|_| tcp_listener());
        let tcp = [a.map_err(failed)?, b.map_err(failed)?, c.map_err(failed)?, d.map_err(failed)?];
        let [a, b, c, d] = &tcp;
        let ports = [port(a)?, port(b)?, port(c)?, port(d)?];
        let udp = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed)?;
        let path = UnixListener::bind(outside.join("socket")).map_err(failed)?;
        let abstract_name = abstract_listener(&name).map_err(failed)?;
        for listener in [&path, &abstract_name] {
            listener.set_nonblocking(true).map_err(failed)?;
        }
        udp.set_nonblocking(true).map_err(failed)?;
        write(outside.join("left-open"), &secret)?;
        let left_open =
            fs::OpenOptions::new().append(true).open(outside.join("left-open")).map_err(failed)?;
        let left_open = OwnedFd::from(left_open);
        // Left open on purpose: the walls have to close it.
        rustix::io::fcntl_setfd(&left_open, rustix::io::FdFlags::empty())
            .map_err(|error| failed(error.into()))?;
        let victim = victim(&secret).map_err(failed)?;
        let script = Script {
            project: project.to_owned(),
            outside: outside.to_owned(),
            temporary: temporary.to_owned(),
            tcp: ports,
            udp: udp.local_addr().map_err(failed)?.port(),
            name,
            victim: victim.id(),
            stack_end: stack_end(&victim),
            descriptor: left_open.as_raw_fd(),
        };
        let mut scene = Self { script, secret, tcp, udp, path, abstract_name, victim, left_open };
        scene.furnish()?;
        Ok(scene)
    }

    pub(super) fn as_argument(&self) -> String {
        serde_json::to_string(&self.script).unwrap_or_default()
    }

    /// Everything as it was before the first attempt.
    pub(super) fn reset(&mut self) -> Result<(), Error> {
        for listener in &self.tcp {
            while listener.accept().is_ok() {}
        }
        while self.path.accept().is_ok() {}
        while self.abstract_name.accept().is_ok() {}
        let mut bytes = [0_u8; 64];
        while self.udp.recv(&mut bytes).is_ok() {}
        let _ended = self.victim.kill();
        self.victim.wait().map_err(failed)?;
        self.victim = victim(&self.secret).map_err(failed)?;
        self.script.victim = self.victim.id();
        self.script.stack_end = stack_end(&self.victim);
        for entry in fs::read_dir(&self.script.project).map_err(failed)?.flatten() {
            remove(&entry.path()).map_err(failed)?;
        }
        let _made_by_an_attempt = fs::remove_file(self.script.outside.join("created"));
        let _written = fs::remove_file(self.script.temporary.join("written"));
        let _moved_by_an_attempt = fs::remove_file(self.script.outside.join("moved-out"));
        self.furnish()
    }

    /// The files that attempts are made on.
    fn furnish(&mut self) -> Result<(), Error> {
        rustix::fs::ftruncate(&self.left_open, 0).map_err(|error| failed(error.into()))?;
        let outside = &self.script.outside;
        for name in ["written", "truncated", "deleted", "read", "linked", "moved-in", "mode", "handle"] {
            write(outside.join(name), &self.secret)?;
            fs::set_permissions(outside.join(name), fs::Permissions::from_mode(0o600)).map_err(failed)?;
        }
        fs::create_dir_all(outside.join("listed")).map_err(failed)?;
        write(outside.join("listed").join(&self.secret), "")?;
        let git = self.script.project.join(".git");
        fs::create_dir_all(git.join("hooks")).map_err(failed)?;
        write(git.join("config"), "")?;
        write(self.script.project.join("mine"), &self.secret)
    }

    pub(super) fn completed(&self) -> bool {
        self.script.project.join(super::perform::COMPLETED).exists()
    }

    /// Whether the witness of `attempt` saw it succeed. Listeners answer once.
    pub(super) fn happened(&mut self, attempt: Attempt) -> bool {
        let outside = |name: &str| self.script.outside.join(name);
        // Where it was moved by the last of the attempts on it.
        let moved = self.script.project.join(".git-moved");
        let git = if moved.exists() { moved.clone() } else { self.script.project.join(".git") };
        match attempt {
            Attempt::Create => outside("created").exists(),
            Attempt::Write => !self.is_untouched("written"),
            Attempt::Truncate => !self.is_untouched("truncated"),
            Attempt::Delete => !outside("deleted").exists(),
            Attempt::MoveIn => !outside("moved-in").exists(),
            Attempt::MoveOut => outside("moved-out").exists(),
            Attempt::ChangeMode => mode(&outside("mode")) != Some(0o600),
            Attempt::InheritedFile => fs::metadata(outside("left-open")).is_ok_and(|file| file.len() > 0),
            Attempt::TcpConnect | Attempt::TcpFastOpen | Attempt::TcpFastOpenOption | Attempt::Mptcp => {
                let way = WAYS.iter().zip(&self.tcp).find(|(way, _)| **way == attempt);
                way.is_some_and(|(_, listener)| listener.accept().is_ok())
            }
            Attempt::UnixSocket => self.path.accept().is_ok(),
            Attempt::AbstractSocket => self.abstract_name.accept().is_ok(),
            Attempt::Udp => self.udp.recv(&mut [0_u8; 8]).is_ok(),
            // The note says that the signal was sent, so the end is near; without one it has come or will not.
            Attempt::Signal if self.loot(attempt).is_some() => self.victim.wait().is_ok(),
            Attempt::Signal => self.victim.try_wait().is_ok_and(|ended| ended.is_some()),
            Attempt::WriteTemporary => self.script.temporary.join("written").exists(),
            Attempt::SetUserId => {
                mode(&self.script.project.join("set-id")).is_some_and(|mode| mode & 0o6000 != 0)
            }
            Attempt::GitConfig => fs::metadata(git.join("config")).is_ok_and(|file| file.len() > 0),
            Attempt::GitHook => git.join("hooks/post-commit").exists(),
            Attempt::GitMove => moved.exists(),
            // What was read was written into the project.
            Attempt::Read
            | Attempt::List
            | Attempt::ReadThroughLink
            | Attempt::HardLink
            | Attempt::Environment
            | Attempt::ReadProcess
            | Attempt::Handle => self.loot(attempt).is_some_and(|loot| contains(&loot, &self.secret)),
            // Nothing to see from here: the note that follows success.
            _ => self.loot(attempt).is_some(),
        }
    }

    fn is_untouched(&self, name: &str) -> bool {
        fs::read(self.script.outside.join(name)).is_ok_and(|text| text == self.secret.as_bytes())
    }

    fn loot(&self, attempt: Attempt) -> Option<Vec<u8>> {
        fs::read(self.script.loot(attempt)).ok()
    }
}

impl Script {
    /// Where an attempt leaves what it got.
    pub(super) fn loot(&self, attempt: Attempt) -> PathBuf {
        self.project.join(format!("loot-{attempt:?}"))
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _gone = self.victim.kill();
        let _collected = self.victim.wait();
    }
}

fn write(path: PathBuf, text: &str) -> Result<(), Error> {
    fs::write(&path, text).map_err(|source| Error::Tree { path, what: "witness".to_owned(), source })
}

fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn mode(path: &Path) -> Option<u32> {
    fs::symlink_metadata(path).ok().map(|file| file.permissions().mode() & 0o7777)
}

fn contains(text: &[u8], part: &str) -> bool {
    text.windows(part.len()).any(|window| window == part.as_bytes())
}

fn tcp_listener() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn port(listener: &TcpListener) -> Result<u16, Error> {
    Ok(listener.local_addr().map_err(failed)?.port())
}

#[cfg(target_os = "linux")]
fn abstract_listener(name: &str) -> io::Result<UnixListener> {
    use std::os::linux::net::SocketAddrExt as _;
    UnixListener::bind_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)
}

/// A process that does nothing for a minute.
fn victim(secret: &str) -> io::Result<Child> {
    let mut command = std::process::Command::new("/bin/sleep");
    command.arg("60").env_clear().env("WITNESS", secret);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()
}

/// 0 if it cannot be seen.
fn stack_end(process: &Child) -> u64 {
    let maps = fs::read_to_string(format!("/proc/{}/maps", process.id())).unwrap_or_default();
    let line = maps.lines().find(|line| line.ends_with("[stack]")).unwrap_or_default();
    let range = line.split(' ').next().unwrap_or_default();
    let end = range.split('-').nth(1).unwrap_or_default();
    u64::from_str_radix(end, 16).unwrap_or(0)
}
