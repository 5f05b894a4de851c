//! Starts the daemon in the background and waits until it says that it is there, or why it is not.

use super::ready::Report;
use crate::failure::{Exit, Failure};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// The first argument that makes the binary a daemon.
pub(crate) const DAEMON: &str = "__daemon";
/// In the log directory: what a daemon says to nobody, panics too.
pub(crate) const ERRORS: &str = "daemon.log";
/// Bytes of that file, after which a start begins a new one.
const ERRORS_BYTES_MAX: u64 = 1024 * 1024;
/// Restoring from a large store takes seconds; a daemon that takes longer than this hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of the report.
const REPORT_BYTES_MAX: u64 = 64 * 1024;

/// A daemon that is ready.
pub(crate) struct Started {
    pub(crate) pid: i32,
    pub(crate) says: Vec<String>,
}

/// It stands in `directory`, whose project has its say.
pub(crate) fn start(log_directory: &Path, directory: &Path) -> Result<Started, Failure> {
    let exe = std::env::current_exe()?;
    let errors = errors_file(log_directory);
    let mut child = Command::new(exe)
        .arg(DAEMON)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(errors.map_or_else(|_| Stdio::null(), Stdio::from))
        .spawn()
        .map_err(|error| Failure::failed(format!("the daemon cannot be started: {error}")))?;
    let Some(mut pipe) = child.stdout.take() else {
        return Err(Failure::failed("the daemon cannot be listened to"));
    };
    let text = match report(&mut pipe, Instant::now() + PATIENCE) {
        Ok(text) => text,
        Err(failure) => {
            // It is our child and was not collected, so the number is its own.
            drop(child.kill());
            drop(child.wait());
            return Err(failure);
        }
    };
    match serde_json::from_str::<Report>(&text) {
        Ok(report) => {
            if matches!(report, Report::Failed { .. }) {
                drop(child.wait());
            }
            report.into_result().map(|(pid, says)| Started { pid, says })
        }
        Err(_) => Err(died(child, log_directory)),
    }
}

/// One line, or nothing if the daemon died before it said anything.
fn report(pipe: &mut ChildStdout, deadline: Instant) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    while !bytes.contains(&b'\n') && (bytes.len() as u64) < REPORT_BYTES_MAX {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec {
            tv_sec: i64::try_from(left.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: left.subsec_nanos().into(),
        };
        match poll(&mut [PollFd::new(&*pipe, PollFlags::IN)], Some(&timeout)) {
            Err(rustix::io::Errno::INTR) => continue,
            Err(error) => return Err(Failure::failed(std::io::Error::from(error))),
            Ok(0) => {
                let message =
                    format!("the daemon was not ready within {} s, so it was ended", PATIENCE.as_secs());
                return Err(Failure::new(Exit::Agent, message).hint("look at leashd logs"));
            }
            Ok(_) => {}
        }
        let mut buffer = [0_u8; 4096];
        match pipe.read(&mut buffer)? {
            0 => break,
            count => bytes.extend(buffer.iter().take(count)),
        }
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn died(mut child: Child, log_directory: &Path) -> Failure {
    let how = match child.wait() {
        Ok(status) => said(status),
        Err(error) => error.to_string(),
    };
    Failure::new(Exit::Agent, format!("the daemon ended before it was ready ({how})"))
        .hint(format!("it may have said why in {}", log_directory.join(ERRORS).display()))
}

fn said(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "it is not known how".to_owned(),
    }
}

/// Without it the daemon still runs; what it would have said there is lost.
fn errors_file(log_directory: &Path) -> std::io::Result<File> {
    let path = log_directory.join(ERRORS);
    if fs::metadata(&path).is_ok_and(|file| file.len() > ERRORS_BYTES_MAX) {
        fs::rename(&path, log_directory.join(format!("{ERRORS}.1")))?;
    }
    fs::OpenOptions::new()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
        .open(path)
}
