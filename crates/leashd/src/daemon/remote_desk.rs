//! A desk that stands in another process: what a terminal's connector says goes to the daemon, and the daemon's events
//! come back. The connector cannot tell the difference.

use super::api::EnvelopeBody;
use super::client::{Client, Lines};
use crate::failure::Failure;
use leashd_connectors::{Delivery, Desk, EVENTS_MAX, Query};
use leashd_types::{Event, Receipt, Refusal, SessionId, SessionView};
use serde_json::Value;
use tokio::sync::mpsc;

/// Deliveries and queries that may wait for the daemon.
const WAITING_MAX: usize = 64;

/// A desk on which one session's events arrive. It is listened to before anything can be said.
pub(crate) async fn open(client: &Client, session: &SessionId) -> Result<Desk, Failure> {
    let lines = client.lines("/v1/events?follow=true").await?;
    let (deliveries, deliveries_in) = mpsc::channel(WAITING_MAX);
    let (queries, queries_in) = mpsc::channel(WAITING_MAX);
    let (shows, events) = mpsc::channel(EVENTS_MAX);
    tokio::spawn(deliver(client.clone(), deliveries_in));
    tokio::spawn(answer(client.clone(), queries_in));
    tokio::spawn(follow(client.clone(), lines, session.clone(), shows));
    Ok(Desk { deliveries, queries, events })
}

/// The same desk with the events of one session only.
pub(crate) fn narrow(desk: Desk, session: SessionId) -> Desk {
    let Desk { deliveries, queries, events: mut all } = desk;
    let (shows, events) = mpsc::channel(EVENTS_MAX);
    tokio::spawn(async move {
        while let Some(event) = all.recv().await {
            let wanted = serde_json::to_value(&event).is_ok_and(|value| belongs(&value, &session));
            if wanted && shows.send(event).await.is_err() {
                return;
            }
        }
    });
    Desk { deliveries, queries, events }
}

/// One after the other: an answer must not overtake the message before it.
async fn deliver(client: Client, mut deliveries: mpsc::Receiver<Delivery>) {
    while let Some(Delivery { envelope, receipt }) = deliveries.recv().await {
        let body = EnvelopeBody { chat: envelope.chat.id, form: envelope.form, command: envelope.command };
        let said = client.deliver(&body).await.unwrap_or_else(|failure| Receipt::Refused {
            refusal: Refusal::Rejected { reason: failure.message },
        });
        // Nobody has to listen.
        drop(receipt.send(said));
    }
}

async fn answer(client: Client, mut queries: mpsc::Receiver<Query>) {
    while let Some(query) = queries.recv().await {
        // A question without an answer says what one that fails says: nothing is there. Who asked may be gone.
        match query {
            Query::Session { session, reply } => {
                let view: Option<SessionView> = client.get(&format!("/v1/sessions/{session}")).await.ok();
                drop(reply.send(view));
            }
            Query::Sessions { reply } => {
                drop(reply.send(client.get("/v1/sessions").await.unwrap_or_default()))
            }
            Query::Asks { reply } => drop(reply.send(client.get("/v1/asks").await.unwrap_or_default())),
            Query::Grants { reply } => drop(reply.send(client.get("/v1/grants").await.unwrap_or_default())),
            Query::PastAsks { limit, reply } => {
                let rows = client.get(&format!("/v1/asks?all&limit={limit}")).await;
                drop(reply.send(rows.map_err(|failure| failure.message)));
            }
            Query::PastAsk { ask, reply } => {
                let row = client.get(&format!("/v1/asks/{ask}")).await;
                drop(reply.send(row.map(Some).map_err(|failure| failure.message)));
            }
            Query::Messages { session, words, limit, reply } => {
                let session = session
                    .map_or_else(String::new, |session| format!("&session={}", escaped(session.as_str())));
                let words = words.map_or_else(String::new, |words| format!("&q={}", escaped(&words)));
                let rows = client.get(&format!("/v1/messages?limit={limit}{session}{words}")).await;
                drop(reply.send(rows.map_err(|failure| failure.message)));
            }
            // A terminal has commands of its own for these; without a reply the asker knows that there is none.
            Query::Directories { .. }
            | Query::Workspaces { .. }
            | Query::Git { .. }
            | Query::Audit { .. }
            | Query::Explain { .. }
            | Query::Files { .. } => {}
        }
    }
}

/// Until the connector or the daemon is gone. What was missed because we were slow is fetched while the daemon still
/// has it.
async fn follow(client: Client, mut lines: Lines, session: SessionId, shows: mpsc::Sender<Event>) {
    let mut last: Option<u64> = None;
    let mut fetched = false;
    loop {
        let line = tokio::select! {
            line = lines.next() => line,
            () = shows.closed() => return,
        };
        let Some(value) = line.and_then(|line| serde_json::from_str::<Value>(&line).ok()) else { return };
        if let Some(missed) = value.get("missed") {
            match (last, fetched) {
                (Some(seq), false) => {
                    let path = format!("/v1/events?follow=true&since={seq}");
                    let Ok(again) = client.lines(&path).await else { return };
                    (lines, fetched) = (again, true);
                }
                _ => {
                    let message = format!(
                        "{missed} events came too fast and are not shown; leashd status has the state"
                    );
                    let warning = Event::Warning { session: session.clone(), message };
                    if shows.send(warning).await.is_err() {
                        return;
                    }
                }
            }
            continue;
        }
        last = value.get("seq").and_then(Value::as_u64).or(last);
        fetched = false;
        if belongs(&value, &session)
            && let Ok(event) = serde_json::from_value::<Event>(value)
            && shows.send(event).await.is_err()
        {
            return;
        }
    }
}

/// Whether an event is of the session, or of the daemon as a whole.
fn belongs(event: &Value, session: &SessionId) -> bool {
    let of = event.get("session").or_else(|| event.get("ask").and_then(|ask| ask.get("session")));
    of.is_none_or(|of| of.as_str() == Some(session.as_str()))
}

/// As a part of a query string.
pub(crate) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{belongs, escaped};
    use leashd_types::SessionId;
    use serde_json::json;

    #[test]
    fn only_events_of_the_session_pass() {
        let session = SessionId::new("one");
        for (event, passes) in [
            (json!({"event": "message.out", "session": "one"}), true),
            (json!({"event": "message.out", "session": "two"}), false),
            (json!({"event": "approval.requested", "ask": {"session": "one"}}), true),
            (json!({"event": "approval.requested", "ask": {"session": "two"}}), false),
            (json!({"event": "config.reloaded"}), true),
        ] {
            assert_eq!(belongs(&event, &session), passes, "{event}");
        }
    }

    #[test]
    fn a_query_is_escaped() {
        assert_eq!(escaped("a b&c=ü"), "a%20b%26c%3D%C3%BC");
    }
}
