//! How a daemon says that it is there: one line to whoever started it in the background, a datagram to systemd. Knows
//! nothing of what it took to be ready.

use crate::failure::{Exit, Failure};
use sd_notify::NotifyState;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{self, Write};
use std::time::Duration;

/// What a daemon that starts says, as one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Report {
    Ready {
        pid: i32,
        /// What a person should know, beginning with what is missing.
        says: Vec<String>,
    },
    Failed {
        exit: u8,
        message: String,
        hint: Option<String>,
    },
}

/// Who waits for the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Audience {
    /// `leashd start` reads our standard output and lets go of us after one line.
    Starter,
    /// Nobody but, perhaps, systemd.
    Nobody,
}

impl Audience {
    pub(crate) fn ready(self, pid: i32, says: &[String]) -> io::Result<()> {
        // Without systemd there is nobody to tell.
        drop(sd_notify::notify(&[NotifyState::Ready, NotifyState::Status(&says.join("; "))]));
        match self {
            Audience::Starter => tell(&Report::Ready { pid, says: says.to_vec() }),
            Audience::Nobody => {
                for line in says {
                    eprintln!("{line}");
                }
                Ok(())
            }
        }
    }

    /// Why it will not be there.
    pub(crate) fn failed(self, failure: &Failure) {
        let report = Report::Failed {
            exit: failure.exit as u8,
            message: failure.message.clone(),
            hint: failure.hint.clone(),
        };
        match self {
            // Who started it may be gone; the log has it too.
            Audience::Starter => drop(tell(&report)),
            Audience::Nobody => {}
        }
    }
}

impl Report {
    /// As `leashd start` ends with it.
    pub(crate) fn into_result(self) -> Result<(i32, Vec<String>), Failure> {
        match self {
            Report::Ready { pid, says } => Ok((pid, says)),
            Report::Failed { exit, message, hint } => {
                Err(Failure { exit: Exit::from_status(exit), message, hint })
            }
        }
    }
}

/// Writes the line and gives standard output up: whoever waits for its end gets it.
fn tell(report: &Report) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(report)?)?;
    out.flush()?;
    let nowhere = File::options().write(true).open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdout(&nowhere)?)
}

pub(crate) fn reloading() {
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        drop(sd_notify::notify(&[NotifyState::Reloading, now]));
    }
}

pub(crate) fn reloaded() {
    drop(sd_notify::notify(&[NotifyState::Ready]));
}

pub(crate) fn stopping() {
    drop(sd_notify::notify(&[NotifyState::Stopping]));
}

pub(crate) fn alive() {
    drop(sd_notify::notify(&[NotifyState::Watchdog]));
}

/// How often systemd wants to hear [`alive`]: twice in the time after which it would restart us.
pub(crate) fn heartbeat() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|patience| patience / 2)
}

#[cfg(test)]
mod tests {
    use super::Report;
    use crate::failure::Exit;

    #[test]
    fn a_failure_arrives_as_it_was() {
        let report = Report::Failed { exit: 8, message: "no".to_owned(), hint: Some("yes".to_owned()) };
        let line = serde_json::to_string(&report).unwrap();
        assert!(!line.contains('\n'));
        let failure = serde_json::from_str::<Report>(&line).unwrap().into_result().unwrap_err();
        assert_eq!((failure.exit, failure.message.as_str()), (Exit::Agent, "no"));
        assert_eq!(failure.hint.as_deref(), Some("yes"));
    }
}
