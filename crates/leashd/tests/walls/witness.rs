//! What tells that a line got out: files and directories that were opened, files that changed, secrets that turned up,
//! connections, processes that were hit or stayed. Asks the kernel and the things themselves, never the line.

use crate::fixture::{CACHES, CANARIES, PROJECT, STATE};
use crate::room::{DESK, PROGRAM, User};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::process::{Pid, PidfdFlags, Signal, WaitOptions, kill_process, pidfd_open, waitpid};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::mem::MaybeUninit;
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

pub(crate) const PORTS: [u16; 8] = [22, 80, 443, 4444, 5432, 6379, 8080, 9418];
pub(crate) const SOCKET: &str = "/run/docker.sock";
pub(crate) const AGENT_SOCKET: &str = "/home/dev/.ssh/agent.sock";
pub(crate) const ABSTRACT: &str = "leashd-walls";
/// How long processes may take to end when they are killed.
const GONE: Duration = Duration::from_secs(10);
/// How long a process that was hit may take to end.
const SETTLED: Duration = Duration::from_millis(500);

/// One way out that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Kind {
    /// A file or directory outside was opened, made or deleted.
    Touched,
    /// A file outside is not as it was.
    Changed,
    /// Mode or times of a file outside are not as they were.
    Attributes,
    /// What only a file outside or another process's environment holds was found.
    Secret,
    Network,
    Socket,
    Signal,
    Survivor,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Finding {
    pub(crate) kind: Kind,
    pub(crate) detail: String,
}

fn finding(kind: Kind, detail: impl Into<String>) -> Finding {
    Finding { kind, detail: detail.into() }
}

/// All witnesses of one room.
pub(crate) struct Witness {
    user: User,
    secret: String,
    watch: OwnedFd,
    watched: BTreeMap<i32, PathBuf>,
    before: BTreeMap<String, State>,
    sent: u64,
    tcp: Vec<TcpListener>,
    unix: Vec<(&'static str, UnixListener)>,
    victim: Child,
}

impl Witness {
    pub(crate) fn new(user: User, secret: String) -> Self {
        let tcp: Vec<TcpListener> =
            PORTS.iter().map(|port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, *port)).unwrap()).collect();
        let abstract_name = SocketAddr::from_abstract_name(ABSTRACT).unwrap();
        let unix = vec![
            (SOCKET, UnixListener::bind(SOCKET).unwrap()),
            (AGENT_SOCKET, UnixListener::bind(AGENT_SOCKET).unwrap()),
            (ABSTRACT, UnixListener::bind_addr(&abstract_name).unwrap()),
        ];
        tcp.iter().for_each(|listener| listener.set_nonblocking(true).unwrap());
        for (path, listener) in &unix {
            listener.set_nonblocking(true).unwrap();
            if path.starts_with('/') {
                user.give(Path::new(path));
            }
        }
        let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        let victim = victim(user, &secret);
        let watched = BTreeMap::new();
        let mut witness =
            Self { user, secret, watch, watched, before: states(), sent: sent(), tcp, unix, victim };
        witness.watch_outside();
        witness.events();
        witness
    }

    pub(crate) fn victim(&self) -> u32 {
        self.victim.id()
    }

    /// Everything that is not as before the line, with what it said.
    pub(crate) fn look(&mut self, output: &Path, patience: Duration) -> Vec<Finding> {
        let mut findings = self.survivors(patience);
        findings.extend(self.events());
        findings.extend(self.changes());
        findings.extend(self.connections());
        if let Some(how) = self.was_hit() {
            findings.push(finding(Kind::Signal, format!("a process outside: {how}")));
            let _gone = self.victim.kill();
            self.victim.wait().unwrap();
            self.victim = victim(self.user, &self.secret);
        }
        for place in [output, Path::new(PROJECT), Path::new(CACHES)] {
            self.search(place, &mut findings);
        }
        for left in fs::read_dir("/tmp").unwrap().flatten().map(|entry| entry.path()) {
            if is_temporary(&left) {
                self.search(&left, &mut findings);
                crate::fixture::remove(&left);
            }
        }
        self.events();
        findings
    }

    /// What became of the process outside. A signal may be on its way still; who sleeps and has none pending was not hit.
    fn was_hit(&mut self) -> Option<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.victim.id())).unwrap();
        let field = |name: &str| {
            status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or("").trim().to_owned()
        };
        let state = field("State:");
        let pending = ["SigPnd:", "ShdPnd:"].iter().any(|name| field(name).contains(|bit: char| bit != '0'));
        if state.starts_with('S') && !pending {
            return None;
        }
        let process = pidfd_open(Pid::from_child(&self.victim), PidfdFlags::empty()).unwrap();
        let limit = Timespec::try_from(SETTLED).unwrap();
        poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&limit)).unwrap();
        match self.victim.try_wait().unwrap() {
            Some(status) => Some(status.to_string()),
            // It may have been looked at while it fell asleep.
            None if pending || state.starts_with(['T', 't']) => Some(state),
            None => None,
        }
    }

    /// Directories outside with what is in them, and single files of a directory that programs may read.
    fn watch_outside(&mut self) {
        let paths: Vec<String> = self.before.keys().cloned().collect();
        for text in paths.iter().map(String::as_str) {
            let path = Path::new(text);
            let private = ["/home", "/root", "/srv", "/mnt", "/media", "/boot", "/var", "/tmp"];
            let below = private.iter().any(|root| text.starts_with(root)) && !path.starts_with(STATE);
            let is_secret = CANARIES.contains(&text.trim_start_matches('/'));
            if (below && path.is_dir() && !is_granted(path)) || (!below && is_secret) {
                let kinds = WatchFlags::OPEN
                    | WatchFlags::ACCESS
                    | WatchFlags::MODIFY
                    | WatchFlags::CREATE
                    | WatchFlags::DELETE
                    | WatchFlags::MOVE;
                let number = add_watch(&self.watch, path, kinds).unwrap();
                self.watched.insert(number, path.to_owned());
            }
        }
    }

    fn events(&self) -> Vec<Finding> {
        let mut buffer = [MaybeUninit::uninit(); 16384];
        let mut reader = Reader::new(&self.watch, &mut buffer);
        let mut findings = Vec::new();
        while let Ok(event) = reader.next() {
            let directory = self.watched.get(&event.wd()).cloned().unwrap_or_default();
            let name = event.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let path = directory.join(&name);
            if !(is_granted(&path) || is_temporary(&path)) {
                findings.push(finding(Kind::Touched, format!("{} {:?}", path.display(), event.events())));
            }
        }
        findings
    }

    fn changes(&mut self) -> Vec<Finding> {
        let now = states();
        let mut findings = Vec::new();
        for (path, state) in &self.before {
            match now.get(path) {
                None => findings.push(finding(Kind::Changed, format!("{path} is gone"))),
                Some(found) if found.what != state.what => {
                    findings.push(finding(Kind::Changed, path));
                }
                Some(found) if found != state => {
                    findings.push(finding(Kind::Attributes, path));
                    let mode = std::os::unix::fs::PermissionsExt::from_mode(state.mode);
                    if !Path::new(path).is_symlink() {
                        fs::set_permissions(path, mode).unwrap();
                    }
                }
                Some(_) => {}
            }
        }
        let new = now.keys().filter(|path| !self.before.contains_key(*path));
        findings.extend(new.map(|path| finding(Kind::Changed, format!("{path} is new"))));
        self.before = if findings.is_empty() { now } else { states() };
        findings
    }

    fn connections(&mut self) -> Vec<Finding> {
        let mut findings = Vec::new();
        let now = sent();
        if now != self.sent {
            findings.push(finding(Kind::Network, format!("{} attempts were counted", now - self.sent)));
            self.sent = now;
        }
        for listener in &self.tcp {
            while let Ok((stream, _)) = listener.accept() {
                findings.push(finding(Kind::Network, format!("reached {:?}", stream.local_addr())));
            }
        }
        self.sent = sent();
        for (name, listener) in &self.unix {
            while listener.accept().is_ok() {
                findings.push(finding(Kind::Socket, *name));
            }
        }
        findings
    }

    /// Waits until the processes of a line are gone; whoever stays is named, and ended.
    fn survivors(&self, patience: Duration) -> Vec<Finding> {
        let end = Instant::now() + patience;
        while let Some((pid, name)) = self.others().into_iter().next() {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                self.end_everybody();
                return vec![finding(Kind::Survivor, name)];
            }
            let Ok(process) = pidfd_open(pid, PidfdFlags::empty()) else { continue };
            let left = Timespec::try_from(left).unwrap();
            poll(&mut [PollFd::new(&process, PollFlags::IN)], Some(&left)).unwrap();
        }
        Vec::new()
    }

    /// Processes that are neither this one nor the victim. Collects those that have ended.
    fn others(&self) -> Vec<(Pid, String)> {
        let pids = || {
            let entries = fs::read_dir("/proc").unwrap().flatten();
            let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
            let victim = i32::try_from(self.victim.id()).unwrap();
            numbers.filter(move |pid| *pid != 1 && *pid != victim).filter_map(Pid::from_raw)
        };
        for pid in pids() {
            // Only who ended, and is ours by now.
            let _not_ours = waitpid(Some(pid), WaitOptions::NOHANG);
        }
        let name = |pid: Pid| fs::read_to_string(format!("/proc/{}/comm", pid.as_raw_pid()));
        pids().filter_map(|pid| Some((pid, name(pid).ok()?.trim().to_owned()))).collect()
    }

    fn end_everybody(&self) {
        let end = Instant::now() + GONE;
        loop {
            let others = self.others();
            if others.is_empty() {
                return;
            }
            assert!(Instant::now() < end, "processes that cannot be ended: {others:?}");
            for (pid, _) in others {
                let _gone = kill_process(pid, Signal::KILL);
            }
        }
    }

    fn search(&self, place: &Path, findings: &mut Vec<Finding>) {
        let Ok(there) = fs::symlink_metadata(place) else { return };
        if there.is_dir() {
            // What a line closed to itself is opened again.
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            fs::set_permissions(place, open).unwrap();
            for entry in fs::read_dir(place).unwrap().flatten() {
                self.search(&entry.path(), findings);
            }
        } else if there.is_file() {
            if self.user == User::Own {
                let open = std::os::unix::fs::PermissionsExt::from_mode(0o644);
                fs::set_permissions(place, open).unwrap();
            }
            let text = fs::read(place).unwrap();
            if let Some(secret) = found(&text, &self.secret) {
                findings.push(finding(Kind::Secret, format!("in {}: {secret}", place.display())));
            }
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _gone = self.victim.kill();
        let _collected = self.victim.wait();
    }
}

/// The secret and what follows it.
fn found(text: &[u8], secret: &str) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let at = text.find(secret)?;
    Some(text.get(at..)?.chars().skip(secret.len()).take(60).collect())
}

/// A process that does nothing, with the secret in its environment.
fn victim(user: User, secret: &str) -> Child {
    let mut command = user.command("sleep");
    command.arg("infinity").env("SECRET", format!("{secret} of a process"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Belongs to the walls' inside, or may be read there.
fn is_granted(path: &Path) -> bool {
    let granted = [PROJECT, "/home/dev/.cache", "/home/dev/.gitconfig", "/home/dev/.local/bin"];
    granted.iter().any(|granted| path.starts_with(granted))
}

/// A temporary directory that leashd made for a line.
fn is_temporary(path: &Path) -> bool {
    path.strip_prefix("/tmp").is_ok_and(|rest| rest.to_string_lossy().starts_with("leashd-"))
}

/// What a file outside is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct State {
    /// Inode, type and size.
    what: (u64, u32, u64),
    mode: u32,
    times: [i64; 4],
}

/// Everything in the room but the project, what is mounted, and the desk.
fn states() -> BTreeMap<String, State> {
    let root = Path::new("/");
    let there = fs::metadata(root).unwrap();
    // Its times change with what is made in it, which is seen by name.
    let what = (there.ino(), there.mode() & 0o170_000, 0);
    let state = State { what, mode: there.mode() & 0o7777, times: [0; 4] };
    let mut states = BTreeMap::from([("/".to_owned(), state)]);
    add(root, &mut states);
    states
}

fn add(directory: &Path, states: &mut BTreeMap<String, State>) {
    // The program is this machine's; who builds it meanwhile changes it.
    const OTHERS: [&str; 5] = ["/proc", "/usr", DESK, "/dev/shm", PROGRAM];
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(there) = entry.metadata() else { continue };
        if OTHERS.iter().any(|other| path == Path::new(other)) || is_temporary(&path) || there.rdev() != 0 {
            continue;
        }
        // Written to by what is granted.
        let moves = [PROJECT, CACHES, "/tmp"].iter().any(|place| path == Path::new(place));
        let size = if there.is_dir() { 0 } else { there.len() };
        let state = State {
            what: (there.ino(), there.mode() & 0o170_000, size),
            mode: if moves { 0o777 } else { there.mode() & 0o7777 },
            times: match moves {
                true => [0; 4],
                false => [there.mtime(), there.mtime_nsec(), there.ctime(), there.ctime_nsec()],
            },
        };
        let inside = path == Path::new(PROJECT) || path == Path::new(CACHES);
        if there.is_dir() && !inside && directory_is_ours(&path) {
            add(&path, states);
        }
        states.insert(path.to_str().unwrap().to_owned(), state);
    }
}

/// Whether a directory of the room, and not one of this machine's.
fn directory_is_ours(path: &Path) -> bool {
    !["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"].iter().any(|other| path == Path::new(other))
}

/// Packets and connections that this network has seen begin, or fail to begin.
fn sent() -> u64 {
    const COUNTED: [(&str, &str); 5] = [
        ("Tcp:", "ActiveOpens"),
        ("Udp:", "OutDatagrams"),
        ("Icmp:", "OutEchos"),
        ("Ip:", "OutRequests"),
        ("Ip:", "OutNoRoutes"),
    ];
    let four = fs::read_to_string("/proc/net/snmp").unwrap();
    let lines: Vec<Vec<&str>> = four.lines().map(|line| line.split(' ').collect()).collect();
    let mut sum = 0;
    for pair in lines.chunks(2) {
        let [names, values] = pair else { continue };
        for (name, value) in names.iter().zip(values) {
            if COUNTED.contains(&(names[0], *name)) {
                sum += value.parse::<u64>().unwrap();
            }
        }
    }
    let six = fs::read_to_string("/proc/net/snmp6").unwrap_or_default();
    let six = six.lines().filter_map(|line| line.split_once(char::is_whitespace));
    let six = six.filter(|(name, _)| ["Ip6OutRequests", "Ip6OutNoRoutes", "Udp6OutDatagrams"].contains(name));
    sum + six.map(|(_, value)| value.trim().parse::<u64>().unwrap()).sum::<u64>()
}
