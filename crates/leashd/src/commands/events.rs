//! `leashd events`: what happened, and with `-f` what happens.

use super::talk::{self, one_line, print, short};
use crate::cli::{EventsArgs, From};
use crate::clock;
use crate::daemon::remote_desk::escaped;
use crate::failure::{Exit, Failure};
use leashd_connectors::terminal::describe;
use leashd_types::{Event, Timestamp};
use serde_json::Value;

pub(crate) fn run(args: &EventsArgs) -> Result<Exit, Failure> {
    let (since, moment) = match args.since {
        None => (None, None),
        Some(From::Number(number)) => (Some(number), None),
        // Which number that is only the events know.
        Some(From::Time(since)) => (Some(0), Some(since.before(clock::now()))),
    };
    let mut path = format!("/v1/events?names={}", escaped(&args.names));
    if args.follow {
        path.push_str("&follow=true");
    }
    if let Some(since) = since {
        path.push_str(&format!("&since={since}"));
    }
    talk::with_daemon(|client| async move {
        let mut lines = client.lines(&path).await?;
        loop {
            let line = tokio::select! {
                line = lines.next() => line,
                _ = tokio::signal::ctrl_c() => return Ok(Exit::Interrupted),
            };
            let Some(line) = line else { break };
            let value: Value = serde_json::from_str(&line).map_err(Failure::failed)?;
            if moment.is_some_and(|moment| at(&value).is_some_and(|at| at < moment)) {
                continue;
            }
            if args.json { print(&line)? } else { print(&human(&value))? }
        }
        // Whoever follows wanted more.
        if args.follow {
            return Err(
                Failure::new(Exit::Agent, "the daemon has ended").hint("leashd start starts it again")
            );
        }
        Ok(Exit::Done)
    })
}

fn at(value: &Value) -> Option<Timestamp> {
    Timestamp::parse(value.get("at")?.as_str()?)
}

/// `12 2026-01-31T08:00:00.000000Z 9f1c tool.denied ✗ denied Bash: …`.
fn human(value: &Value) -> String {
    let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default();
    if let Some(missed) = value.get("missed") {
        return format!("… {missed} events are not shown: they are no longer kept, or came too fast");
    }
    let seq = value.get("seq").and_then(Value::as_u64).unwrap_or_default();
    let session = match (
        text("session"),
        value.get("ask").and_then(|ask| ask.get("session")).and_then(Value::as_str),
    ) {
        ("", Some(session)) | (session, _) => short(session),
    };
    let said = match serde_json::from_value::<Event>(value.clone()) {
        Ok(Event::MessageOut { text, .. } | Event::MessageIn { text, .. }) => text,
        Ok(Event::ToolGated { tool, summary, .. }) => format!("{tool}: {summary}"),
        Ok(Event::ToolAllowed { tool, rule, .. }) => format!("{tool} [{rule}]"),
        Ok(Event::ApprovalRequested { ask } | Event::InteractionRequested { ask }) => {
            super::inbox::ask_line(&ask)
        }
        Ok(event) => describe(&event).map(|(_, line)| line).unwrap_or_default(),
        Err(_) => String::new(),
    };
    let parts = [
        seq.to_string(),
        text("at").to_owned(),
        session.to_owned(),
        text("event").to_owned(),
        one_line(&said),
    ];
    parts.iter().filter(|part| !part.is_empty()).map(String::as_str).collect::<Vec<_>>().join(" ")
}
