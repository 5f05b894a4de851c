//! `leashd inbox`: what waits for an answer, the oldest first.

use super::talk::{self, ago, lasted, only, print, print_json, short};
use crate::cli::InboxArgs;
use crate::clock;
use crate::daemon::client::Client;
use crate::failure::{Exit, Failure};
use leashd_connectors::card;
use leashd_types::{Ask, AskKind, AskRow, AskState};

/// Rows asked for with `--all`.
const PAST_ROWS: usize = 100;

pub(crate) fn run(args: &InboxArgs) -> Result<Exit, Failure> {
    talk::with_daemon(|client| async move {
        if let Some(given) = &args.ask {
            let row = find(&client, given).await?;
            return if args.json { print_json(&row) } else { show(&row) }.map(|()| Exit::Done);
        }
        let path = if args.all { format!("/v1/asks?all&limit={PAST_ROWS}") } else { "/v1/asks".to_owned() };
        let rows: Vec<AskRow> = client.get(&path).await?;
        let wanted: Vec<&AskRow> = rows.iter().filter(|row| args.all || row.state.is_open()).collect();
        for row in &wanted {
            match args.json {
                true => print_json(row)?,
                false => print(&row_line(row))?,
            }
        }
        if !args.json {
            match wanted.len() {
                0 => eprintln!("nothing waits for an answer"),
                _ => eprintln!(
                    "leashd inbox ID shows one whole; leashd approve ID, deny ID, answer ID answer it"
                ),
            }
        }
        Ok(Exit::Done)
    })
}

/// The ask meant, open or over.
pub(super) async fn find(client: &Client, given: &str) -> Result<AskRow, Failure> {
    let rows: Vec<AskRow> = client.get("/v1/asks").await?;
    match only("ask", given, &rows, |row| row.ask.id.as_str())? {
        Some(row) => Ok(row.clone()),
        None => client.get(&format!("/v1/asks/{}", crate::daemon::remote_desk::escaped(given))).await,
    }
}

fn row_line(row: &AskRow) -> String {
    let now = clock::now();
    let ask = &row.ask;
    let age = ago(ask.created, now);
    let state = match row.state {
        state if state.is_open() => format!("{} left", lasted(ask.expires.since(now))),
        state => said(state).to_owned(),
    };
    format!("{}  {age} · {state} · session {}", ask_line(ask), short(ask.session.as_str()))
}

/// Its id and what it is about.
pub(super) fn ask_line(ask: &Ask) -> String {
    let kind = match &ask.kind {
        AskKind::Approval { verdict, .. } => verdict.band.to_string(),
        AskKind::PlanReview { .. } => "plan".to_owned(),
        AskKind::Question { .. } => "question".to_owned(),
        AskKind::Confirmation { .. } => "confirm".to_owned(),
    };
    format!("{}  {kind:<8}  {}", ask.id, card(ask).headline)
}

pub(super) fn said(state: AskState) -> &'static str {
    match state {
        AskState::Created => "asked",
        AskState::Delivered => "delivered",
        AskState::Seen => "seen",
        AskState::Answered => "answered, the agent does not have it yet",
        AskState::Landed => "answered",
        AskState::Expired => "denied, nobody answered in time",
        AskState::Withdrawn => "withdrawn",
    }
}

fn show(row: &AskRow) -> Result<(), Failure> {
    let ask = &row.ask;
    let card = card(ask);
    print(&format!("{}  {}", ask.id, card.headline))?;
    print(&card.reason)?;
    for effect in &card.effects {
        print(&format!("  {effect}"))?;
    }
    for line in &card.body {
        print(&format!("  │ {line}"))?;
    }
    print(&card.place)?;
    if let AskKind::Approval { session_rule: Some(rule), .. } = &ask.kind {
        print(&format!("--session would allow: {}", leashd_types::visible(rule)))?;
    }
    if let Some(says) = &card.agent_says {
        print(&format!("agent says: “{says}”"))?;
    }
    print(&row_line(row))?;
    if row.state.is_open() {
        eprintln!("{}", next(ask));
    }
    Ok(())
}

fn next(ask: &Ask) -> String {
    let id = &ask.id;
    match &ask.kind {
        AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
            format!("leashd approve {id}   leashd deny {id} [--reason TEXT]")
        }
        AskKind::PlanReview { .. } => {
            format!("leashd approve {id} [--edit]   leashd answer {id} \"what to change\"   leashd deny {id}")
        }
        AskKind::Question { .. } => {
            format!("leashd answer {id} --option N   leashd answer {id} \"your answer\"")
        }
    }
}
