//! `leashd reload`: settings and policies are read again, or stay as they are.

use super::talk;
use crate::daemon::api::Reloaded;
use crate::failure::{Exit, Failure};

pub(crate) fn run() -> Result<Exit, Failure> {
    let reloaded: Reloaded = talk::with_daemon(|client| async move { client.post("/v1/reload").await })?;
    match reloaded.changed.as_slice() {
        [] => eprintln!("settings and policies were read again; nothing changed"),
        changed => eprintln!("changed: {}; turns that run end under the old ones", changed.join(", ")),
    }
    Ok(Exit::Done)
}
