//! Telegram: whether anybody may use the bot, and whether leashd hears it.

use super::Finding;
use crate::commands::talk;
use crate::daemon::api::StatusBody;
use crate::daemon::client::Client;
use crate::failure::Failure;
use crate::settings::{Settings, Users};

const CHECK: &str = "telegram";

/// Nothing without a token.
pub(super) fn check(settings: &Settings) -> Option<Finding> {
    settings.telegram.token.as_ref()?;
    Some(match settings.telegram.users {
        Users::Nobody => Finding::warn(CHECK, "nobody may use the bot", "leashd telegram connect"),
        Users::Anybody => Finding::warn(
            CHECK,
            "anybody who finds the bot may use it, and approve",
            "name users instead of `*`: leashd telegram connect",
        ),
        Users::Only(_) => match says(settings) {
            Ok(Some(line)) if line.contains(": listening") => Finding::ok(CHECK, line),
            Ok(Some(line)) => Finding::fail(CHECK, line, "leashd logs -f shows why"),
            Ok(None) => Finding::warn(CHECK, "leashd does not run, so nobody is heard", "leashd start"),
            Err(failure) => Finding::fail(CHECK, failure.message, "leashd status"),
        },
    })
}

/// The line of the daemon that runs.
fn says(settings: &Settings) -> Result<Option<String>, Failure> {
    let Some(client) = Client::find(&settings.home)? else { return Ok(None) };
    let status: StatusBody =
        talk::with_client(client, |client| async move { client.get("/v1/status").await })?;
    let line = status.about.connectors.into_iter().find(|line| line.starts_with("Telegram: "));
    Ok(Some(line.unwrap_or_else(|| "leashd runs without it: leashd reload".to_owned())))
}
