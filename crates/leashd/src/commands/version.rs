//! `leashd version`.

use super::talk::{self, print, print_json};
use crate::cli::VersionArgs;
use crate::daemon::lock::Held;
use crate::failure::{Exit, Failure};
use serde_json::json;

pub(crate) fn run(args: &VersionArgs) -> Result<Exit, Failure> {
    let own = env!("CARGO_PKG_VERSION");
    // Without a home there is no daemon either.
    let running = match talk::home().and_then(|home| Held::look(&home)) {
        Ok(Held::By(holder)) => Some(holder.version),
        Ok(Held::Nobody | Held::ByUnknown) | Err(_) => None,
    };
    if args.json {
        print_json(&json!({"version": own, "running": running}))?;
        return Ok(Exit::Done);
    }
    print(&format!("leashd {own}"))?;
    if let Some(running) = running.filter(|running| running != own) {
        eprintln!("! the leashd that runs is {running}: leashd restart");
    }
    Ok(Exit::Done)
}
