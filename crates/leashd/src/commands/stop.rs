//! `leashd stop`: asks the daemon to end, waits, and ends it if it does not. Exactly the process that holds the lock.

use super::talk;
use crate::daemon::client::Client;
use crate::daemon::life::{Ended, Life};
use crate::daemon::lock::Held;
use crate::failure::{Exit, Failure};
use rustix::process::Signal;
use std::path::Path;
use std::time::Duration;

/// For turns that run to end or to be interrupted, and for everything to be written.
const PATIENCE: Duration = Duration::from_secs(20);
/// For the daemon to say that it will stop.
const HEARD: Duration = Duration::from_secs(3);
/// For the kernel to end it.
const KILLED: Duration = Duration::from_secs(5);

/// What there was to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopped {
    Yes,
    WasNotRunning,
}

pub(crate) fn run() -> Result<Exit, Failure> {
    match stop(&talk::home()?)? {
        Stopped::Yes => Ok(Exit::Done),
        Stopped::WasNotRunning => {
            Err(Failure::new(Exit::Agent, "leashd is not running").hint("leashd start starts it"))
        }
    }
}

pub(super) fn stop(home: &Path) -> Result<Stopped, Failure> {
    let holder = match Held::look(home)? {
        Held::Nobody => return Ok(Stopped::WasNotRunning),
        Held::By(holder) => holder,
        Held::ByUnknown => {
            return Err(Failure::failed(format!(
                "{} is locked by a process that has not said which it is",
                home.display()
            ))
            .hint("it may be starting; try again in a moment"));
        }
    };
    let life = holder.life;
    ask(home, life)?;
    match life.wait(PATIENCE)? {
        Ended::Yes => {
            eprintln!("leashd (pid {}) has stopped", life.pid);
            Ok(Stopped::Yes)
        }
        Ended::No => kill(life),
    }
}

/// Over the socket, else with a signal.
fn ask(home: &Path, life: Life) -> Result<(), Failure> {
    let told = Client::find(home).and_then(|client| match client {
        Some(client) => talk::with_client(client, |client| async move {
            let told = client.post::<serde_json::Value>("/v1/stop");
            match tokio::time::timeout(HEARD, told).await {
                Ok(told) => told.map(drop),
                Err(_) => Err(Failure::failed(format!("it did not hear it within {} s", HEARD.as_secs()))),
            }
        }),
        None => Ok(()),
    });
    match told {
        Ok(()) => Ok(()),
        Err(failure) => {
            eprintln!("! {}; sending it SIGTERM", failure.message);
            signalled(life, Signal::TERM)
        }
    }
}

fn kill(life: Life) -> Result<Stopped, Failure> {
    eprintln!("! leashd (pid {}) has not stopped within {} s; killing it", life.pid, PATIENCE.as_secs());
    signalled(life, Signal::KILL)?;
    match life.wait(KILLED)? {
        Ended::Yes => {
            eprintln!("leashd (pid {}) was killed; what was acknowledged is kept", life.pid);
            Ok(Stopped::Yes)
        }
        Ended::No => Err(Failure::failed(format!("leashd (pid {}) cannot be ended", life.pid))
            .hint("the kernel holds it: look for a disk or a mount that hangs")),
    }
}

/// One that is gone meanwhile needs no signal.
fn signalled(life: Life, signal: Signal) -> Result<(), Failure> {
    match life.signal(signal) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::failed(format!("leashd (pid {}) cannot be signalled: {error}", life.pid)))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}
