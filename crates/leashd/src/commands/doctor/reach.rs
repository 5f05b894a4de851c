//! Telegram: whether anybody may use the bot, and whether leashd hears it.

use super::Finding;
use crate::commands::talk;
use crate::daemon::api::StatusBody;
use crate::daemon::client::Client;
use crate::failure::Failure;
use crate::settings::{Settings, Users};

const CHECK: &str = "telegram";
/// How the line begins that says so; in a reason for not listening the word may stand as well.
const LISTENING: &str = "Telegram: listening,";

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
            Ok(Some(line)) => heard(line),
            Ok(None) => Finding::warn(CHECK, "leashd does not run, so nobody is heard", "leashd start"),
            Err(failure) => Finding::fail(CHECK, failure.message, "leashd status"),
        },
    })
}

fn heard(line: String) -> Finding {
    if line.starts_with(LISTENING) {
        Finding::ok(CHECK, line)
    } else {
        Finding::fail(CHECK, line, "leashd logs -f shows why")
    }
}

/// The line of the daemon that runs.
fn says(settings: &Settings) -> Result<Option<String>, Failure> {
    let Some(client) = Client::find(&settings.home)? else { return Ok(None) };
    let status: StatusBody =
        talk::with_client(client, |client| async move { client.get("/v1/status").await })?;
    let line = status.about.connectors.into_iter().find(|line| line.starts_with("Telegram: "));
    Ok(Some(line.unwrap_or_else(|| "leashd runs without it: leashd reload".to_owned())))
}

#[cfg(test)]
mod tests {
    use super::{Finding, heard};
    use crate::commands::doctor::Grade;

    #[test]
    fn only_who_listens_hears() {
        let check = |line: &str, grade: Grade| {
            let Finding { grade: found, .. } = heard(line.to_owned());
            assert_eq!(found, grade, "{line}");
        };
        check("Telegram: listening, no update yet", Grade::Ok);
        check("Telegram: starting, no update yet", Grade::Fail);
        check("Telegram: NOT listening: listening to Telegram ended; run it again", Grade::Fail);
    }
}
