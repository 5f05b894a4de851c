//! `leashd sandbox`: run a command inside the walls of a shell command, show them, prove them. Loads no policy and
//! starts no runtime: this is on the way of every shell command.

mod exec;
mod place;
#[cfg(target_os = "linux")]
mod prove;
mod show;

use crate::cli::{SandboxArgs, SandboxCommand};
use crate::failure::{Exit, Failure};
use leashd_sandbox::confine::Error;
use std::io::ErrorKind;
use std::process::ExitCode;

pub(crate) fn run(args: &SandboxArgs) -> Result<ExitCode, Failure> {
    match &args.command {
        SandboxCommand::Exec(args) => exec::run(args),
        SandboxCommand::Show(args) => show::run(args).map(Into::into),
        #[cfg(target_os = "linux")]
        SandboxCommand::Prove(args) => prove::run(args).map(Into::into),
        #[cfg(not(target_os = "linux"))]
        SandboxCommand::Prove(_) => {
            Err(Failure::new(crate::failure::Exit::NotContained, "walls are proven on Linux only"))
        }
    }
}

/// What went wrong with the walls, with the exit status that says whose fault it is.
fn failure(error: &Error) -> Failure {
    match error {
        Error::Uncontained { .. } => Failure::new(Exit::NotContained, error)
            .hint("nothing was run; `leashd sandbox show` says what this machine can hold"),
        Error::NoNamespaces(_) => Failure::new(Exit::NotContained, error)
            .hint("nothing was run; without --level the walls that can be had are used"),
        Error::Tree { .. }
        | Error::Landlock(_)
        | Error::Seccomp(_)
        | Error::Step { .. }
        | Error::Inside(_)
        | Error::Threads => Failure::new(Exit::NotContained, error).hint("nothing was run"),
        Error::Start { .. } => Failure::new(Exit::Agent, error),
    }
}

/// 127 for a program that is not there, 126 for one that cannot be run, as shells have it.
fn start_status(error: &Error) -> Option<u8> {
    match error {
        Error::Start { source, .. } if source.kind() == ErrorKind::NotFound => Some(127),
        Error::Start { .. } => Some(126),
        _ => None,
    }
}
