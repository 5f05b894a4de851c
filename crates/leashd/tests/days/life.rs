//! One life of the daemon: started as a service manager would, lived in, killed. And the last one, which ends properly.

use crate::chance::Chance;
use crate::door::Door;
use crate::ledger::Ledger;
use crate::people::{self, Company, Deed};
use crate::support::Bench;
use crate::witness::POLICY;
use leashd_types::SessionView;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::sync::{Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The longest life.
const LIFE: Duration = Duration::from_millis(3_500);
/// A start, and what it does about what the last life left.
const START: Duration = Duration::from_millis(250);
/// On the heels of an acknowledgement.
const HEELS: Duration = Duration::from_millis(3);
/// Settings that can be read, whatever was written last.
const WHOLE: &str = "max_turns: 50\n";
const PATIENCE: Duration = Duration::from_secs(60);
/// Until everything that was accepted is done.
const EVENING: Duration = Duration::from_secs(300);

/// What outlives the daemon's lives.
pub(crate) struct Day {
    pub(crate) bench: Bench,
    pub(crate) door: Door,
    pub(crate) policy: PathBuf,
    ledger: Mutex<Ledger>,
    kills: Mutex<BTreeMap<&'static str, u64>>,
}

/// When the daemon is killed.
#[derive(Clone, Copy, Debug)]
enum Moment {
    Starting(Duration),
    Serving(Duration),
    /// After so many acknowledgements of this.
    Heels(Deed, u64, Duration),
}

impl Moment {
    fn of(chance: &mut Chance) -> Self {
        match chance.below(8) {
            0 => Moment::Starting(chance.up_to(START)),
            1 => Moment::Heels(Deed::Message, 1 + chance.below(6), chance.up_to(HEELS)),
            2..5 => Moment::Heels(Deed::Answer, 1 + chance.below(3), chance.up_to(HEELS)),
            _ => Moment::Serving(chance.up_to(LIFE)),
        }
    }

    fn kind(self) -> &'static str {
        match self {
            Moment::Starting(_) => "while it started",
            Moment::Serving(_) => "while it served",
            Moment::Heels(Deed::Message, ..) => "on the heels of a message",
            Moment::Heels(Deed::Answer, ..) => "on the heels of an answer",
        }
    }

    /// Returns when it has come.
    fn wait(self, acknowledgements: &Receiver<Deed>) {
        match self {
            Moment::Starting(then) | Moment::Serving(then) => std::thread::sleep(then),
            Moment::Heels(deed, mut count, then) => {
                let deadline = Instant::now() + 2 * LIFE;
                // On a slow machine there may be fewer.
                while count > 0
                    && let left = deadline.saturating_duration_since(Instant::now())
                    && let Ok(heard) = acknowledgements.recv_timeout(left)
                {
                    count -= u64::from(heard == deed);
                }
                std::thread::sleep(then);
            }
        }
    }
}

/// Sends the people home, however the life ends.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Killed when it is dropped.
struct Daemon {
    child: Child,
    /// Answered once it serves.
    ready: Receiver<()>,
    /// What it printed.
    said: Option<JoinHandle<String>>,
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // It has ended already, but where a test failed.
        self.child.kill().and_then(|()| self.child.wait()).ok();
    }
}

impl Day {
    pub(crate) fn new() -> Self {
        let bench = Bench::new();
        let policy = bench.rig.write("day.yaml", POLICY);
        let door = Door { run: bench.rig.home().join(".leashd/run") };
        Self { bench, door, policy, ledger: Mutex::default(), kills: Mutex::default() }
    }

    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap()
    }

    /// How often at which kind of moment.
    pub(crate) fn kills(&self) -> String {
        let kills = self.kills.lock().unwrap();
        let parts: Vec<String> = kills.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        parts.join(", ")
    }

    /// The settings for whoever reads them next.
    pub(crate) fn configure(&self, text: &str) {
        let path = self.bench.rig.home().join(".leashd/config.yaml");
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// From start to kill. The same seed makes the same choices; what the machine does in between is its own.
    pub(crate) fn live(&self, chance: &mut Chance) {
        self.configure(WHOLE);
        let moment = Moment::of(chance);
        *self.kills.lock().unwrap().entry(moment.kind()).or_default() += 1;
        let people = chance.fork();
        let mut daemon = Daemon::start(self);
        let over = AtomicBool::new(false);
        let (acknowledged, acknowledgements) = mpsc::channel();
        std::thread::scope(|scope| {
            let _over = Over(&over);
            if let Moment::Starting(then) = moment {
                std::thread::sleep(then);
            } else if daemon.ready.recv_timeout(PATIENCE).is_ok() {
                let company = Company { day: self, over: &over, acknowledged, daemon: daemon.pid() };
                people::gather(scope, &company, people);
                moment.wait(&acknowledgements);
            }
            daemon.child.kill().unwrap();
        });
        let (status, said) = daemon.ended(self);
        self.configure(WHOLE);
        assert_eq!(status.signal(), Some(9), "it ended by itself at {moment:?}: {status:?}\n{said}");
        assert!(!said.contains("panicked"), "{moment:?}: {said}");
    }

    /// The last life: what waits is done, what is asked is answered, and it ends as it should.
    pub(crate) fn end(&self, chance: &mut Chance) {
        self.configure(WHOLE);
        let daemon = Daemon::start(self);
        daemon.ready.recv_timeout(PATIENCE).expect("it serves");
        let over = AtomicBool::new(false);
        let (acknowledged, _acknowledgements) = mpsc::channel();
        std::thread::scope(|scope| {
            let company = Company { day: self, over: &over, acknowledged, daemon: daemon.pid() };
            people::answerer(scope, &company, chance.fork());
            let deadline = Instant::now() + EVENING;
            let _over = Over(&over);
            loop {
                let sessions: Vec<SessionView> = self.door.get("/v1/sessions").expect("it serves");
                if sessions.iter().all(|it| it.running_since.is_none() && it.queued == 0) {
                    break;
                }
                assert!(Instant::now() < deadline, "it is not done: {sessions:?}");
                std::thread::sleep(Duration::from_millis(50));
            }
        });
        kill_process(daemon.pid(), Signal::TERM).unwrap();
        let (status, said) = daemon.ended(self);
        assert!(status.success(), "{status:?}\n{said}");
    }

    /// Processes that work in the day's directories or were given its environment.
    fn processes(&self) -> Vec<String> {
        let root = self.bench.rig.path("").canonicalize().unwrap();
        let name = root.to_str().unwrap().to_owned();
        let mut found = Vec::new();
        for entry in fs::read_dir("/proc").unwrap().flatten() {
            let there = fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&root));
            let read = |file: &str| {
                let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            if there || read("environ").contains(&name) {
                found.push(format!("{} {}", entry.file_name().display(), read("cmdline")));
            }
        }
        found
    }
}

impl Daemon {
    fn start(day: &Day) -> Self {
        let mut command = day.bench.leashd(&["start", "--foreground", "--headless"]);
        command.env("LEASHD_MAX_AGENTS", "3").stdin(Stdio::null()).stdout(Stdio::null());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (serves, ready) = mpsc::channel();
        let said = std::thread::spawn(move || {
            let mut said = String::new();
            for line in lines.map_while(Result::ok) {
                if line.starts_with("serving ") {
                    // Whoever kills it while it starts does not wait for this.
                    serves.send(()).ok();
                }
                said.push_str(&line);
                said.push('\n');
            }
            said
        });
        Self { child, ready, said: Some(said) }
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap()
    }

    /// Nothing of it is left.
    fn ended(mut self, day: &Day) -> (ExitStatus, String) {
        let status = self.child.wait().unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = day.processes();
            if left.is_empty() {
                break;
            }
            assert!(Instant::now() < deadline, "survivors: {left:#?}");
            std::thread::sleep(Duration::from_millis(10));
        }
        (status, self.said.take().unwrap().join().unwrap())
    }
}
