//! The process and its three pipes: lines out, lines in, the end of what it complains about. Knows no protocol.

use crate::claude::launch::Prepared;
use crate::{Limits, StartError, Walls};
use leashd_sandbox::confine::CONFINE;
use leashd_sandbox::{Lifeline, Supervised};
use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Bytes of stderr that are kept: its end.
const STDERR_TAIL: usize = 8 * 1024;
/// Lines read ahead. Few, because one can have `Limits::line` bytes.
const LINES_AHEAD: usize = 2;
/// After the kill the kernel needs a moment to clean up; more than this is a process nobody can kill.
const AFTER_KILL: Duration = Duration::from_secs(5);

const LAST_COMPLAINTS: Duration = Duration::from_secs(1);

/// One line of output.
#[derive(Debug)]
pub(crate) enum Line {
    /// Without its line end. Possibly empty, possibly no UTF-8.
    Bytes(Vec<u8>),
    TooLong,
}

/// What to start, and what holds it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Program<'a> {
    pub(crate) program: &'a Path,
    pub(crate) supervisor: &'a Path,
    pub(crate) walls: Option<&'a Walls>,
}

impl<'a> Program<'a> {
    /// The same binary as the supervisor enters the walls and starts the agent in them.
    fn behind_walls(self, args: &[OsString]) -> (&'a Path, Vec<OsString>) {
        let Some(walls) = self.walls else { return (self.program, args.to_vec()) };
        let first =
            [CONFINE.into(), walls.profile.clone().into(), walls.wish.as_str().into(), self.program.into()];
        (self.supervisor, first.into_iter().chain(args.iter().cloned()).collect())
    }
}

#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lifeline: Option<Lifeline>,
    pub(crate) lines: mpsc::Receiver<Line>,
    input: Option<mpsc::Sender<Vec<u8>>>,
    /// Says why writing failed, once.
    pub(crate) broken: oneshot::Receiver<String>,
    stderr: Arc<Mutex<VecDeque<u8>>>,
    complaints: Option<JoinHandle<()>>,
}

impl Process {
    pub(crate) fn spawn(
        agent: Program<'_>,
        directory: &Path,
        prepared: &Prepared,
        limits: Limits,
    ) -> Result<Self, StartError> {
        let failed = |reason: String| StartError::Spawn { program: agent.program.to_owned(), reason };
        let (program, args) = agent.behind_walls(&prepared.args);
        let launch = leashd_sandbox::Launch {
            supervisor: agent.supervisor,
            program,
            args: &args,
            env: &prepared.environment,
            cwd: directory,
        };
        let Supervised { command, lifeline } =
            Supervised::command(&launch).map_err(|error| failed(error.to_string()))?;
        let mut command = Command::from(command);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        drop(command);
        let (Some(stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(failed("it has no pipes".to_owned()));
        };
        let tail = Arc::new(Mutex::new(VecDeque::new()));
        let complaints = Some(tokio::spawn(keep_tail(stderr, Arc::clone(&tail))));
        let (line_sender, lines) = mpsc::channel(LINES_AHEAD);
        tokio::spawn(read_lines(stdout, limits.line, line_sender));
        let (input, writes) = mpsc::channel(limits.queue);
        let (broken_sender, broken) = oneshot::channel();
        tokio::spawn(write_lines(stdin, writes, broken_sender));
        Ok(Self {
            child,
            lifeline: Some(lifeline),
            lines,
            input: Some(input),
            broken,
            stderr: tail,
            complaints,
        })
    }

    pub(crate) fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// Queues one line. An error is a pipe that is full or closed: the agent does not read.
    pub(crate) fn write(&self, line: &serde_json::Value) -> Result<(), String> {
        let Some(input) = &self.input else { return Ok(()) };
        let mut bytes = line.to_string().into_bytes();
        bytes.push(b'\n');
        input.try_send(bytes).map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => "the agent does not read its input".to_owned(),
            mpsc::error::TrySendError::Closed(_) => "the agent closed its input".to_owned(),
        })
    }

    /// Asks it to leave: end of input, then signals; after `grace` everything is killed.
    pub(crate) fn ask_to_leave(&mut self, grace: Duration) {
        self.input = None;
        if self.lifeline.as_ref().is_some_and(|line| line.terminate(grace).is_err()) {
            self.kill();
        }
    }

    /// Ends the whole tree now.
    pub(crate) fn kill(&mut self) {
        self.input = None;
        if let Some(lifeline) = self.lifeline.take() {
            lifeline.stop();
        }
    }

    /// Waits until the tree is gone, for at most `patience`, then kills it.
    pub(crate) async fn gone(&mut self, patience: Duration) -> Option<ExitStatus> {
        let status = match timeout(patience, self.child.wait()).await {
            Ok(Ok(status)) => Some(status),
            Ok(Err(_)) | Err(_) => {
                self.kill();
                timeout(AFTER_KILL, self.child.wait()).await.ok().and_then(Result::ok)
            }
        };
        if let Some(complaints) = self.complaints.take() {
            // With the last writer gone it ends at once; if not, the tail so far is what there is.
            drop(timeout(LAST_COMPLAINTS, complaints).await);
        }
        status
    }

    pub(crate) fn stderr_tail(&self) -> String {
        let tail = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes: Vec<u8> = tail.iter().copied().collect();
        String::from_utf8_lossy(&bytes).trim().to_owned()
    }
}

/// The supervisor reports a signal as 128 plus its number.
pub(crate) fn code_and_signal(status: Option<ExitStatus>) -> (Option<i32>, Option<i32>) {
    use std::os::unix::process::ExitStatusExt;
    let Some(status) = status else { return (None, None) };
    match (status.code(), status.signal()) {
        (Some(code), _) if code > 128 => (None, Some(code - 128)),
        other => other,
    }
}

async fn read_lines(stdout: impl AsyncRead + Unpin, limit: usize, lines: mpsc::Sender<Line>) {
    let mut reader = BufReader::with_capacity(64 * 1024, stdout);
    loop {
        let mut line = Vec::new();
        match read_line(&mut reader, limit, &mut line).await {
            Ok(Read::Line) => {}
            Ok(Read::End) | Err(_) => return,
            Ok(Read::TooLong) => {
                // Nobody left to tell is as good as told.
                drop(lines.send(Line::TooLong).await);
                return;
            }
        }
        if lines.send(Line::Bytes(line)).await.is_err() {
            return;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Read {
    Line,
    TooLong,
    End,
}

/// Like `read_until`, but never holds more than `limit` bytes.
pub(crate) async fn read_line(
    reader: &mut (impl AsyncBufReadExt + Unpin),
    limit: usize,
    line: &mut Vec<u8>,
) -> std::io::Result<Read> {
    loop {
        let available = reader.fill_buf().await?;
        if available.is_empty() {
            return Ok(if line.is_empty() { Read::End } else { Read::Line });
        }
        let end = available.iter().position(|&byte| byte == b'\n');
        let part = available.get(..end.unwrap_or(available.len())).unwrap_or_default();
        if line.len() + part.len() > limit {
            return Ok(Read::TooLong);
        }
        line.extend_from_slice(part);
        let used = part.len() + usize::from(end.is_some());
        reader.consume(used);
        if end.is_some() {
            return Ok(Read::Line);
        }
    }
}

/// Ends, and with it the agent's input, when the queue is closed or a write fails.
async fn write_lines(
    mut stdin: ChildStdin,
    mut writes: mpsc::Receiver<Vec<u8>>,
    broken: oneshot::Sender<String>,
) {
    while let Some(bytes) = writes.recv().await {
        let written = stdin.write_all(&bytes).await;
        if let Err(error) = written.and(stdin.flush().await) {
            // The session may be over already.
            drop(broken.send(error.to_string()));
            return;
        }
    }
}

async fn keep_tail(mut stderr: impl AsyncRead + Unpin, tail: Arc<Mutex<VecDeque<u8>>>) {
    let mut buffer = [0_u8; 4096];
    while let Ok(count) = stderr.read(&mut buffer).await {
        if count == 0 {
            return;
        }
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(buffer.get(..count).unwrap_or_default());
        let excess = tail.len().saturating_sub(STDERR_TAIL);
        tail.drain(..excess);
    }
}
