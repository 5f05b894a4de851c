//! `leashd sandbox exec`: one command in the inner domain. Its exit status is ours.

use super::{failure, place, start_status};
use crate::cli::SandboxExecArgs;
use crate::failure::Failure;
use leashd_sandbox::confine::{self, Command, Level};
use std::ffi::OsString;
use std::process::ExitCode;

/// What a contained command gets of the environment. Anything else may be a secret; `--env` names more.
const PASSED: &[&str] =
    &["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TERM", "COLORTERM", "TZ", "PWD"];

pub(super) fn run(args: &SandboxExecArgs) -> Result<ExitCode, Failure> {
    let temporary = crate::containment::places::temporary("leashd-")?;
    let place = place::place(&args.place, temporary.path(), &[])?;
    let Some((program, rest)) = args.command.split_first() else {
        return Err(Failure::usage("no command"));
    };
    let command = Command {
        program: program.clone(),
        args: rest.to_vec(),
        environment: environment(&args.env),
        directory: place.directory,
    };
    let started = confine::start(&place.profile, &place.kernel, place.wish, &command);
    let running = match started {
        Ok(running) => running,
        Err(error) => {
            return match start_status(&error) {
                Some(status) => {
                    eprintln!("leashd: {error}");
                    Ok(ExitCode::from(status))
                }
                None => Err(failure(&error)),
            };
        }
    };
    if args.verbose && running.plan.level == Level::Landlock {
        eprintln!("leashd: Landlock and seccomp, without namespaces");
    }
    if args.verbose {
        for weakness in &running.plan.weaknesses {
            eprintln!("leashd: weaker here: {}", weakness.says());
        }
    }
    let ended = running.wait().map_err(|error| failure(&error))?;
    Ok(ExitCode::from(u8::try_from(ended.status()).unwrap_or(u8::MAX)))
}

fn environment(more: &[String]) -> Vec<(OsString, OsString)> {
    let passes = |name: &str| {
        PASSED.contains(&name) || name.starts_with("LC_") || more.iter().any(|more| more == name)
    };
    std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(passes)).collect()
}
