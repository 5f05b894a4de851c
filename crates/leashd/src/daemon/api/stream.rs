//! `GET /v1/events`: one JSON object a line, ended by the client or with the daemon. Whoever is too slow is told how many
//! events were left out; the daemon waits for nobody. What the bus has no more is read from the store, where the pieces of
//! answers are not: they stand in the messages.

use super::{Api, Past, reply};
use crate::observe::{Filter, Numbered, Received, Subscription};
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;

pub(super) const NDJSON: &str = "application/x-ndjson";

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wanted {
    /// Only events after this number; with `follow`, without it, only new ones.
    since: Option<u64>,
    #[serde(default)]
    follow: bool,
    /// Names or patterns, with commas between.
    #[serde(default)]
    names: String,
}

pub(super) async fn events(
    State(api): State<Api>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Query(wanted)) => wanted,
        Err(rejection) => {
            return reply::refuse(
                StatusCode::BAD_REQUEST,
                rejection.body_text(),
                "as in ?since=12&follow=true",
            );
        }
    };
    let names: Vec<&str> = wanted.names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let filter = match Filter::parse(&names) {
        Ok(filter) => filter,
        Err(error) => {
            return reply::refuse(
                StatusCode::BAD_REQUEST,
                error.to_string(),
                "as in ?names=tool.*,approval.*",
            );
        }
    };
    let Wanted { since, follow, .. } = wanted;
    let (then, missed) = if follow {
        let mut subscription = match since {
            Some(since) => api.observe.subscribe_since(since, filter.clone()),
            None => api.observe.subscribe(filter.clone()),
        };
        let missed = subscription.take_missed();
        (Then::Live(subscription), missed)
    } else {
        let recent = api.observe.recent(since.unwrap_or(0), &filter);
        (Then::Recent(recent.events), recent.missed)
    };
    // Whoever names no number wants what is at hand.
    let since = since.filter(|_| missed > 0);
    let earlier =
        since.map(|since| Earlier { since, last: since.saturating_add(missed), page: VecDeque::new() });
    let reading = Reading { past: api.past, names: filter.names(), earlier, then };
    lines_of(Body::from_stream(futures_util::stream::unfold(reading, next)))
}

/// One listener's way through the events: first those that are only kept, then those the bus has.
struct Reading {
    past: Past,
    names: Vec<&'static str>,
    earlier: Option<Earlier>,
    then: Then,
}

/// Events with numbers after `since`, up to `last`.
struct Earlier {
    since: u64,
    last: u64,
    page: VecDeque<Arc<Numbered>>,
}

enum Then {
    Recent(VecDeque<Arc<Numbered>>),
    Live(Subscription),
}

impl Reading {
    async fn next(&mut self) -> Option<Received> {
        if let Some(earlier) = self.earlier().await {
            return Some(earlier);
        }
        match &mut self.then {
            Then::Recent(events) => events.pop_front().map(Received::Event),
            Then::Live(subscription) => subscription.next().await,
        }
    }

    async fn earlier(&mut self) -> Option<Received> {
        let earlier = self.earlier.as_mut()?;
        if earlier.page.is_empty() {
            match self.past.events(earlier.since, earlier.last, &self.names).await {
                Ok(page) => earlier.page = page,
                Err(error) => {
                    tracing::error!(reason = %error, "events_not_read");
                    let missed = earlier.last.saturating_sub(earlier.since);
                    self.earlier = None;
                    return Some(Received::Lagged(missed));
                }
            }
        }
        match earlier.page.pop_front() {
            Some(event) => {
                earlier.since = event.seq;
                Some(Received::Event(event))
            }
            None => {
                self.earlier = None;
                None
            }
        }
    }
}

/// A client that is gone drops the stream.
async fn next(mut reading: Reading) -> Option<(Result<Bytes, Infallible>, Reading)> {
    let received = reading.next().await?;
    Some((Ok(Bytes::from(line(&received))), reading))
}

fn line(received: &Received) -> String {
    format!("{}\n", received.json())
}

fn lines_of(body: Body) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON))], body).into_response()
}
