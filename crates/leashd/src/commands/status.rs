//! `leashd status`: what runs, what waits, what it cost.

use super::talk::{self, ago, one_line, print, print_json, short};
use crate::cli::StatusArgs;
use crate::clock;
use crate::daemon::api::StatusBody;
use crate::daemon::client::Client;
use crate::failure::{Exit, Failure};
use leashd_types::SessionView;
use serde_json::json;

pub(crate) fn run(args: &StatusArgs) -> Result<Exit, Failure> {
    let home = talk::home()?;
    let Some(client) = Client::find(&home)? else {
        if args.json {
            print_json(&json!({"running": false, "home": home}))?;
        } else {
            print("leashd is not running")?;
            eprintln!("hint: leashd start starts it in the background");
        }
        return Ok(Exit::Agent);
    };
    let (status, sessions) = talk::with_client(client, |client| async move {
        let status: StatusBody = client.get("/v1/status").await?;
        let sessions: Vec<SessionView> = client.get("/v1/sessions").await?;
        Ok((status, sessions))
    })?;
    if args.json {
        let mut value = serde_json::to_value(&status).map_err(Failure::failed)?;
        if let Some(fields) = value.as_object_mut() {
            fields.insert("running".to_owned(), json!(true));
            fields.insert("session_list".to_owned(), json!(sessions));
        }
        print_json(&value)?;
        return Ok(Exit::Done);
    }
    for line in lines(&status, &sessions) {
        print(&line)?;
    }
    Ok(Exit::Done)
}

fn lines(status: &StatusBody, sessions: &[SessionView]) -> Vec<String> {
    let (about, now) = (&status.about, clock::now());
    let mut lines = vec![
        format!("leashd {} runs as pid {}, for {}", about.version, about.pid, ago(about.started, now)),
        format!(
            "sessions    {} open, {} working, {} messages waiting",
            status.sessions, status.working, status.queued
        ),
        match status.oldest_ask {
            None => "asks        none".to_owned(),
            Some(oldest) => {
                format!("asks        {} open, the oldest for {}: leashd inbox", status.asks, ago(oldest, now))
            }
        },
        format!("grants      {}", status.grants),
        format!("cost        {} in the open sessions", status.cost),
    ];
    if !about.walls.is_empty() {
        lines.push(format!("walls       {}", one_line(&about.walls)));
    }
    match status.containment.len() {
        0 => lines.push("contained   no agent runs".to_owned()),
        _ => lines.extend(status.containment.iter().map(|says| format!("contained   {}", one_line(says)))),
    }
    lines.extend(about.agent.iter().map(|agent| match agent.broken.as_slice() {
        [] => format!("agent       Claude Code {}, tested", one_line(&agent.version)),
        broken => format!(
            "agent       Claude Code {} DOES NOT HOLD what leashd relies on, unattended work is refused: {}",
            one_line(&agent.version),
            one_line(&broken.join("; "))
        ),
    }));
    lines.push(format!("reached by  {}", about.connectors.join(", ")));
    lines.push(format!("store       {}", one_line(&about.store)));
    if let Some(log) = &about.log {
        let lost = match about.log_lost {
            0 => String::new(),
            lost => format!(", {lost} lines could not be written"),
        };
        lines.push(format!("log         {}{lost}", log.display()));
    }
    lines.push(match &about.last_reload {
        None => "reloaded    not since it started".to_owned(),
        Some(reload) => match &reload.rejected {
            None => format!("reloaded    {} ago", ago(reload.at, now)),
            Some(reason) => {
                format!(
                    "reloaded    REFUSED {} ago, the old settings stay: {}",
                    ago(reload.at, now),
                    one_line(reason)
                )
            }
        },
    });
    lines.extend(sessions.iter().map(session_line));
    lines
}

/// One session on one line.
pub(super) fn session_line(session: &SessionView) -> String {
    let now = clock::now();
    let state = match session.running_since {
        Some(since) => format!("working for {}", ago(since, now)),
        None => format!("idle for {}", ago(session.last_used, now)),
    };
    let asks = match session.open_asks.len() {
        0 => String::new(),
        count => format!(" · {count} asks"),
    };
    let current = if session.current { "*" } else { " " };
    format!(
        "{current} {}  {}  {state}{asks} · {} turns · {} · {}",
        short(session.session.as_str()),
        one_line(&session.directory.display().to_string()),
        session.turns,
        session.total_cost,
        session.chat
    )
}
