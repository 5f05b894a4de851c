//! `leashd hook`: judges one call of a person's own Claude Code session, which runs it before the tool. Everything that
//! can go wrong is a block: exit status 2 and one line. It runs on every tool call, so it starts before the command
//! line is read and without a runtime; with a leashd that serves `run/hook.sock` it only carries bytes to it.

#[cfg(not(panic = "unwind"))]
compile_error!("a panic of the hook has to end in a block: build with panic = \"unwind\"");

mod client;
mod event;
mod frame;
mod input;
mod judge;
pub(crate) mod line;
mod pinned;
mod reply;
pub(crate) mod server;
#[cfg(test)]
mod tests;
mod watchdog;
pub(crate) mod weakness;

pub(crate) use pinned::{Ground, PINNED, Pinned, claude_directory};

use crate::failure::Failure;
use judge::Judge;
use reply::Reply;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Below leashd's home: what only lives while something runs.
pub(crate) const RUN_DIRECTORY: &str = "run";
pub(crate) const SOCKET: &str = "hook.sock";
/// Where Claude Code says the project is. A repository cannot set it; it can set most others.
const PROJECT: &str = "CLAUDE_PROJECT_DIR";

/// An order to judge, as the installed command line gives it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Order {
    home: Option<PathBuf>,
}

/// Reads `[--home DIR]`. Anything else is for the ordinary command line.
pub(crate) fn order(args: &[OsString]) -> Option<Order> {
    match args {
        [] => Some(Order { home: None }),
        [flag, home] if flag == OsStr::new("--home") => Some(Order { home: Some(PathBuf::from(home)) }),
        _ => None,
    }
}

/// Answers one event. Whatever happens, it is an answer or exit status 2.
pub(crate) fn main(order: &Order) -> ExitCode {
    // What a panic says is for nobody here; that there was one is said below.
    std::panic::set_hook(Box::new(|_| {}));
    let reply = catch_unwind(AssertUnwindSafe(|| answer(order)))
        .unwrap_or_else(|_| Err(Failure::failed("it failed on this call")))
        .unwrap_or_else(|failure| Reply::failed(&failure));
    catch_unwind(AssertUnwindSafe(|| reply.deliver())).unwrap_or(ExitCode::from(reply::BLOCK))
}

fn answer(order: &Order) -> Result<Reply, Failure> {
    let event = input::read()?;
    let project = std::env::var_os(PROJECT).filter(|project| !project.is_empty()).ok_or_else(|| {
        Failure::failed(format!("{PROJECT} is not set"))
            .hint("it is meant to be run by Claude Code, as a hook")
    })?;
    // Relative to where the agent happens to be it would be another at every call.
    if !Path::new(&project).is_absolute() {
        return Err(Failure::failed(format!("{PROJECT} is not an absolute path")));
    }
    let ground = match &order.home {
        None => {
            watchdog::start();
            Pinned::by_hand()?
        }
        Some(home) if !home.is_absolute() => {
            return Err(Failure::usage(format!("--home {}: not an absolute path", home.display())));
        }
        Some(home) => {
            let socket = home.join(RUN_DIRECTORY).join(SOCKET);
            if let Some(reply) = client::ask(&socket, project.as_bytes(), &event) {
                return Ok(reply);
            }
            watchdog::start();
            Pinned::ground(Pinned::read(home)?.as_ref(), home)?
        }
    };
    Judge::new(ground)?.reply(Path::new(&project), &event)
}
