//! Runs one command to its end, or ends it: with limits on time and on what it prints.

use crate::git::GitError;
use rustix::process::{Pid, Signal, kill_process_group};
use std::io::Read;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Bytes of what git says about an error.
const ERRORS: u64 = 64 * 1024;
/// Between looks at a command that has closed its output and not ended.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Clone, Copy, Debug)]
pub struct GitLimits {
    pub time: Duration,
    /// Bytes on standard output.
    pub output: u64,
}

impl Default for GitLimits {
    fn default() -> Self {
        Self { time: Duration::from_secs(60), output: 16 * 1024 * 1024 }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GitOutput {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub bytes: Vec<u8>,
    /// What it said on standard error, the first 64 KiB.
    pub errors: String,
}

/// What a reader has to say.
enum Said {
    Output(Vec<u8>),
    Errors(Vec<u8>),
}

pub(super) fn run(
    mut command: Command,
    verb: &'static str,
    limits: &GitLimits,
) -> Result<GitOutput, GitError> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = Ended(command.spawn().map_err(GitError::NotRun)?);
    let end = Instant::now() + limits.time;
    let (sender, said) = mpsc::channel();
    let (output, errors) = (child.0.stdout.take(), child.0.stderr.take());
    let (more, limit) = (sender.clone(), limits.output);
    thread::spawn(move || more.send(Said::Output(read(output, limit.saturating_add(1)))).ok());
    thread::spawn(move || {
        let mut errors = errors;
        let first = read(errors.as_mut(), ERRORS);
        // The rest is read and forgotten: a full pipe would stop the command.
        read_to_nowhere(errors);
        sender.send(Said::Errors(first)).ok()
    });
    let slow = || GitError::TooSlow { verb, limit: limits.time };
    let (mut bytes, mut errors) = (None, None);
    while bytes.is_none() || errors.is_none() {
        let left = end.saturating_duration_since(Instant::now());
        match said.recv_timeout(left).map_err(|_| slow())? {
            Said::Output(all) if all.len() as u64 > limits.output => {
                return Err(GitError::TooMuch { verb, limit: limits.output });
            }
            Said::Output(all) => bytes = Some(all),
            Said::Errors(all) => errors = Some(String::from_utf8_lossy(&all).into_owned()),
        }
    }
    loop {
        if let Some(status) = child.0.try_wait().map_err(GitError::NotRun)? {
            let (bytes, errors) = (bytes.unwrap_or_default(), errors.unwrap_or_default());
            return Ok(GitOutput { code: status.code(), bytes, errors });
        }
        if Instant::now() >= end {
            return Err(slow());
        }
        thread::sleep(LOOK);
    }
}

/// At most `limit` bytes. What cannot be read is an end like any other: the exit code tells.
fn read(from: Option<impl Read>, limit: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(limit).read_to_end(&mut bytes).ok();
    }
    bytes
}

fn read_to_nowhere(from: Option<impl Read>) {
    if let Some(mut from) = from {
        std::io::copy(&mut from, &mut std::io::sink()).ok();
    }
}

/// A command that is ended with all it started, when it has not ended by itself.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        if !matches!(self.0.try_wait(), Ok(Some(_))) {
            kill_process_group(Pid::from_child(&self.0), Signal::KILL).ok();
            self.0.wait().ok();
        }
    }
}
