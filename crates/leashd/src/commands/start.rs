//! `leashd start`: the daemon in the background, or a conversation on this terminal.

use super::opening;
use crate::boot;
use crate::cli::{SessionArgs, StartArgs};
use crate::daemon::{self, Audience, Face, process, remote_desk};
use crate::directories;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use leashd_connectors::Desk;
use leashd_connectors::terminal::{self, Colour, Keys, ReplOptions};
use leashd_sandbox::PrivateDir;
use leashd_types::Attended;
use std::path::Path;

pub(crate) fn run(args: StartArgs) -> Result<Exit, Failure> {
    match (args.foreground, args.headless) {
        (false, _) => {
            let SessionArgs { dir, workspace, policy, model, resume } = &args.session;
            if !policy.is_empty() || model.is_some() || resume.is_some() || workspace.is_some() {
                let message = "--workspace, --policy, --model and --resume belong to a conversation";
                return Err(Failure::usage(message).hint("add -f, or give them to leashd exec"));
            }
            background(dir.as_deref().unwrap_or(Path::new(".")))
        }
        (true, true) => {
            let place = opening::place(&args.session)?;
            daemon::run(Audience::Nobody, Face::<daemon::NoConnector>::Headless, &place.directory)
        }
        (true, false) => conversation(args),
    }
}

/// In the background; returns when it is ready. What the project at `directory` says holds for the daemon as a whole.
pub(super) fn background(directory: &Path) -> Result<Exit, Failure> {
    let directory = directories::real_directory(directory)?;
    // What is wrong with the settings is said here, on the terminal of whoever wrote them.
    let settings = Settings::for_project(&directory)?;
    PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    // A log directory that cannot be had is no reason not to start.
    if let Err(error) = PrivateDir::create(&settings.log.directory) {
        eprintln!("! {error}; there will be no log");
    }
    let started = process::start(&settings.log.directory, &directory)?;
    eprintln!("leashd runs as pid {}", started.pid);
    for line in started.says {
        eprintln!("{line}");
    }
    Ok(Exit::Done)
}

/// The daemon with one session of its own, which is talked to here. Both end together.
fn conversation(args: StartArgs) -> Result<Exit, Failure> {
    let keys = Keys::detect();
    let session = boot::session_id(args.session.resume.as_deref())?;
    let attended = match keys {
        Keys::Terminal => Attended::Somebody,
        Keys::None => Attended::Nobody,
    };
    let place = opening::place(&args.session)?;
    let project = place.directory.clone();
    let order = opening::order(&args.session, &place, &session, attended)?;
    let options = ReplOptions {
        session: session.clone(),
        person: boot::person(),
        history: crate::settings::home()?.join("history"),
        keys,
        colour: Colour::detect(),
    };
    let face = Face::Connector(|desk: Desk| async move {
        opening::open(&desk, &options.person, order, &place).await?;
        terminal::repl(remote_desk::narrow(desk, session), options).await?;
        Ok(())
    });
    daemon::run(Audience::Nobody, face, &project)
}
