//! `leashd start -f`: a conversation on this terminal.

use crate::boot::{self, Session};
use crate::claude;
use crate::cli::StartArgs;
use crate::failure::{Exit, Failure};
use crate::hook::server;
use crate::self_check;
use crate::settings::Settings;
use leashd_connectors::terminal::{self, Colour, Keys, ReplOptions};

pub(crate) fn run(args: StartArgs) -> Result<Exit, Failure> {
    if !args.foreground {
        return Err(Failure::usage("leashd does not run in the background yet")
            .hint("leashd start -f talks to the agent on this terminal"));
    }
    let settings = Settings::from_environment()?;
    let keys = Keys::detect();
    boot::with_runtime(async {
        let (plan, agent) = claude::plan(&settings, &args.session, keys).await?;
        let session = Session::prepare(&settings, plan).await?;
        eprintln!("{}", session.says());
        self_check::check(&settings, &agent, &session, keys).await?;
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
