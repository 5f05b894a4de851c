//! `leashd start`: the daemon in the background, or a conversation on this terminal.

use crate::boot::{self, Session};
use crate::claude;
use crate::cli::StartArgs;
use crate::daemon::{self, Audience, Face, process};
use crate::failure::{Exit, Failure};
use crate::hook::server;
use crate::self_check;
use crate::settings::Settings;
use leashd_connectors::terminal::{self, Colour, Keys, ReplOptions};
use leashd_sandbox::PrivateDir;

pub(crate) fn run(args: StartArgs) -> Result<Exit, Failure> {
    match (args.foreground, args.headless) {
        (false, _) => {
            let session = &args.session;
            if !session.policy.is_empty() || session.model.is_some() || session.resume.is_some() {
                return Err(Failure::usage("--policy, --model and --resume belong to a conversation")
                    .hint("add -f, or give them to leashd exec"));
            }
            background()
        }
        (true, true) => daemon::run(Audience::Nobody, Face::<daemon::NoConnector>::Headless),
        (true, false) => conversation(args),
    }
}

/// In the background; returns when it is ready.
pub(super) fn background() -> Result<Exit, Failure> {
    // What is wrong with the settings is said here, on the terminal of whoever wrote them.
    let settings = Settings::from_environment()?;
    PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    // A log directory that cannot be had is no reason not to start.
    if let Err(error) = PrivateDir::create(&settings.log.directory) {
        eprintln!("! {error}; there will be no log");
    }
    let started = process::start(&settings.log.directory)?;
    eprintln!("leashd runs as pid {}", started.pid);
    for line in started.says {
        eprintln!("{line}");
    }
    Ok(Exit::Done)
}

fn conversation(args: StartArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let keys = Keys::detect();
    boot::with_runtime(async {
        let (plan, agent) = claude::plan(&args.session, keys).await?;
        let session = Session::prepare(&settings, plan).await?;
        eprintln!("{}", session.says());
        self_check::check(&settings, &agent, &session.checked(), keys).await?;
        // Hooks of other sessions are served meanwhile. Without it each judges for itself, only slower.
        let _server = server::serve(&settings.home).unwrap_or_else(|failure| {
            eprintln!("! hooks are not served: {}", failure.message);
            None
        });
        let options = ReplOptions {
            session: session.id().clone(),
            person: boot::person(),
            history: settings.home.join("history"),
            keys,
            colour: Colour::detect(),
        };
        Ok::<_, Failure>(session.run(|desk| terminal::repl(desk, options)).await?)
    })??;
    Ok(Exit::Done)
}
