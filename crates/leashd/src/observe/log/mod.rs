//! The log: JSON lines in `app.log`, lines for people on the terminal. Whoever says something never waits for the disk:
//! a thread of its own writes, what does not fit in between is counted. Knows no event of leashd by name.

mod capture;
mod file;
mod line;
mod queue;
#[cfg(test)]
mod tests;

pub(crate) use line::{Level, Line, Paint};

use capture::Capture;
use file::{FileError, Rotating};
use leashd_gate::Secrets;
use leashd_types::Timestamp;
use queue::{Queue, Room};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;
use std::time::Duration;
use tracing::Dispatch;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// Lines that may wait for the disk.
const ROOM: Room = Room { items: 8192, bytes: 8 * 1024 * 1024 };
/// Bytes of the stack of a thread that writes.
const STACK: usize = 512 * 1024;

#[derive(Clone, Debug)]
pub(crate) struct LogOptions {
    /// `LEASHD_LOG_DIR`.
    pub(crate) directory: PathBuf,
    /// `LEASHD_LOG_LEVEL`.
    pub(crate) level: Level,
    /// Bytes of a file (`LEASHD_LOG_MAX_BYTES`).
    pub(crate) max_bytes: u64,
    /// `LEASHD_LOG_BACKUP_COUNT`. Without any the file starts anew when it is full.
    pub(crate) backups: u32,
    /// `None` where something else is shown on the terminal.
    pub(crate) terminal: Option<Paint>,
    pub(crate) secrets: Secrets,
}

/// How the log is doing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct LogStatus {
    pub(crate) path: PathBuf,
    pub(crate) level: &'static str,
    /// Lines in the file since the start.
    pub(crate) written: u64,
    /// Lines that came faster than they could be written.
    pub(crate) dropped: u64,
    /// Lines that could not be written.
    pub(crate) lost: u64,
    /// Why the last of them could not; `None` once lines are written again.
    pub(crate) problem: Option<String>,
}

/// The running log. Clones are the same log.
#[derive(Clone, Debug)]
pub(crate) struct Log {
    shared: Arc<Shared>,
    dispatch: Dispatch,
}

/// What all sides of the log see.
#[derive(Debug)]
pub(super) struct Shared {
    clock: fn() -> Timestamp,
    level: AtomicU8,
    secrets: RwLock<Arc<Secrets>>,
    file: Queue<Arc<Line>>,
    terminal: Option<Queue<Arc<Line>>>,
    path: PathBuf,
    written: AtomicU64,
    lost: AtomicU64,
    problem: Mutex<Option<String>>,
}

impl Log {
    /// Starts the threads that write. Nothing is opened before the first line.
    pub(crate) fn start(options: LogOptions, clock: fn() -> Timestamp) -> Self {
        let rotating = Rotating::new(&options.directory, options.max_bytes, options.backups);
        let shared = Arc::new(Shared {
            clock,
            level: AtomicU8::new(options.level as u8),
            secrets: RwLock::new(Arc::new(options.secrets)),
            file: Queue::new(ROOM),
            terminal: options.terminal.map(|_| Queue::new(ROOM)),
            path: rotating.path(),
            written: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            problem: Mutex::new(None),
        });
        spawn("log-file", &shared, move |shared| shared.write_file(rotating));
        if let Some(paint) = options.terminal {
            spawn("log-terminal", &shared, move |shared| shared.write_terminal(paint));
        }
        let dispatch = Dispatch::new(Registry::default().with(Capture { shared: Arc::clone(&shared) }));
        Self { shared, dispatch }
    }

    /// From now on everything said through `tracing` in this process goes here. The first one keeps that.
    pub(crate) fn listen(&self) {
        // In a process with a second log each is told its own lines directly.
        tracing::dispatcher::set_global_default(self.dispatch.clone()).ok();
    }

    #[cfg(test)]
    pub(crate) fn dispatch(&self) -> &Dispatch {
        &self.dispatch
    }

    pub(crate) fn put(&self, line: Line) {
        self.shared.put(line);
    }

    pub(crate) fn say(&self, level: Level, name: &'static str, fields: Map<String, Value>) {
        self.put(Line { at: (self.shared.clock)(), level, name: Cow::Borrowed(name), fields });
    }

    pub(crate) fn level(&self) -> Level {
        self.shared.level()
    }

    /// Takes effect with the next line.
    pub(crate) fn set_level(&self, level: Level) {
        self.shared.level.store(level as u8, Relaxed);
        // Asks the current log which lines it wants: it has to be this one.
        tracing::dispatcher::with_default(&self.dispatch, tracing::callsite::rebuild_interest_cache);
    }

    /// What is taken out of every line from now on.
    pub(crate) fn set_secrets(&self, secrets: Secrets) {
        *self.shared.secrets.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(secrets);
    }

    pub(crate) fn secrets(&self) -> Arc<Secrets> {
        self.shared.secrets()
    }

    /// Lines that wait for the disk.
    pub(crate) fn depth(&self) -> usize {
        self.shared.file.depth()
    }

    pub(crate) fn status(&self) -> LogStatus {
        let problem = self.shared.problem.lock().unwrap_or_else(PoisonError::into_inner).clone();
        LogStatus {
            path: self.shared.path.clone(),
            level: self.level().as_str(),
            written: self.shared.written.load(Relaxed),
            dropped: self.shared.file.dropped(),
            lost: self.shared.lost.load(Relaxed),
            problem,
        }
    }

    /// Waits until what was said so far is written or lost. False if that took too long.
    pub(crate) fn flush(&self, within: Duration) -> bool {
        let file = self.shared.file.flush(within);
        file && self.shared.terminal.as_ref().is_none_or(|terminal| terminal.flush(within))
    }

    /// Writes out what was said and closes the file. Whatever is said later is dropped, and counted. False if that took
    /// too long.
    pub(crate) fn close(&self, within: Duration) -> bool {
        let file = self.shared.file.close(within);
        let terminal = self.shared.terminal.as_ref().is_none_or(|terminal| terminal.close(within));
        file && terminal
    }
}

impl Shared {
    fn level(&self) -> Level {
        Level::from_u8(self.level.load(Relaxed))
    }

    fn secrets(&self) -> Arc<Secrets> {
        Arc::clone(&self.secrets.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn put(&self, line: Line) {
        if line.level < self.level() {
            return;
        }
        let weight = line.weight();
        let line = Arc::new(line);
        if let Some(terminal) = &self.terminal {
            terminal.put(Arc::clone(&line), weight);
        }
        self.file.put(line, weight);
    }

    fn write_file(&self, mut file: Rotating) {
        let mut said = Said::NotYet;
        let mut owed = 0;
        while let Some(taken) = self.file.take() {
            let secrets = self.secrets();
            let mut lines: Vec<String> = taken.iter().map(|line| line.json(&secrets)).collect();
            if owed > 0 {
                lines.insert(0, self.resumed(owed).json(&secrets));
            }
            // The line that tells of earlier losses is none of theirs.
            let lost = self.write_some(&mut file, &lines, &mut said).min(taken.len() as u64);
            self.lost.fetch_add(lost, Relaxed);
            owed = if lost == 0 { 0 } else { owed + lost };
            self.file.finished(taken.len());
        }
        drop(file);
        self.file.leave();
    }

    /// How many of the lines were lost.
    fn write_some(&self, file: &mut Rotating, lines: &[String], said: &mut Said) -> u64 {
        let mut lost = 0;
        let mut rest = lines;
        let mut problem = None;
        while !rest.is_empty() {
            let written = file.write(rest);
            self.written.fetch_add(written.lines as u64, Relaxed);
            let Some(error) = written.error else { break };
            let left = rest.len() - written.lines;
            // A line that is too long is its own problem; anything else is that of all that follow.
            let gone = if matches!(error, FileError::TooLong { .. }) { left.min(1) } else { left };
            lost += gone as u64;
            rest = rest.get(written.lines + gone..).unwrap_or_default();
            problem = Some(error.to_string());
        }
        if let (Some(problem), Said::NotYet) = (&problem, &said) {
            *said = Said::Once;
            // Nobody may listen there either.
            drop(writeln!(io::stderr(), "! log lines are lost: {problem}"));
        }
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
        lost
    }

    fn resumed(&self, lost: u64) -> Line {
        let fields = Map::from_iter([("lost".to_owned(), lost.into())]);
        Line { at: (self.clock)(), level: Level::Warning, name: Cow::Borrowed("log_resumed"), fields }
    }

    fn write_terminal(&self, paint: Paint) {
        let Some(queue) = &self.terminal else { return };
        while let Some(taken) = queue.take() {
            let secrets = self.secrets();
            let text: String = taken.iter().map(|line| line.human(&secrets, paint)).collect();
            // A terminal that is gone needs no lines.
            io::stderr().write_all(text.as_bytes()).ok();
            queue.finished(taken.len());
        }
        queue.leave();
    }
}

/// Whether the person was told that lines are lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    NotYet,
    Once,
}

/// A thread that writes. If the system gives none, lines are dropped and counted as they are when the disk is slow.
fn spawn(name: &str, shared: &Arc<Shared>, work: impl FnOnce(&Shared) + Send + 'static) {
    let shared = Arc::clone(shared);
    let builder = thread::Builder::new().name(name.to_owned()).stack_size(STACK);
    if let Err(error) = builder.spawn(move || work(&shared)) {
        drop(writeln!(io::stderr(), "! nothing is logged: the system gives no thread: {error}"));
    }
}
