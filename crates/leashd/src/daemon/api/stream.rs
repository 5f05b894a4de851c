//! `GET /v1/events`: one JSON object a line, ended by the client or with the daemon. Whoever is too slow is told how many
//! events were left out; the daemon waits for nobody.

use super::{Api, reply};
use crate::observe::{Filter, Received, Subscription};
use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use std::convert::Infallible;

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
    if !wanted.follow {
        let recent = api.observe.recent(wanted.since.unwrap_or(0), &filter);
        let missed = (recent.missed > 0 && wanted.since.is_some()).then_some(Received::Lagged(recent.missed));
        let lines = missed.into_iter().chain(recent.events.into_iter().map(Received::Event));
        return lines_of(Body::from(lines.map(|received| line(&received)).collect::<String>()));
    }
    let subscription = match wanted.since {
        Some(since) => api.observe.subscribe_since(since, filter),
        None => api.observe.subscribe(filter),
    };
    lines_of(Body::from_stream(futures_util::stream::unfold(subscription, next)))
}

/// A client that is gone drops the stream.
async fn next(mut subscription: Subscription) -> Option<(Result<Bytes, Infallible>, Subscription)> {
    let received = subscription.next().await?;
    Some((Ok(Bytes::from(line(&received))), subscription))
}

fn line(received: &Received) -> String {
    format!("{}\n", received.json())
}

fn lines_of(body: Body) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(NDJSON))], body).into_response()
}
