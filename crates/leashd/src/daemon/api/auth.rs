//! Nobody is served without the token, and nobody who is, or descends from, an agent of ours is served with it.

use super::guests::Known;
use super::{Api, reply};
use crate::daemon::peer::Peer;
use axum::Extension;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

pub(super) async fn admit(
    State(api): State<Api>,
    Extension(peer): Extension<Peer>,
    Extension(known): Extension<Known>,
    request: Request,
    next: Next,
) -> Response {
    if let Peer::Refused { pid, reason } = &peer {
        let who = pid.map_or_else(|| "a process".to_owned(), |pid| format!("process {pid}"));
        (api.turned_away)(&format!("{who} wanted {} {}: {reason}", request.method(), request.uri().path()));
        return reply::refuse(
            StatusCode::FORBIDDEN,
            reason,
            "an agent cannot steer the leashd that holds it; use a terminal of your own",
        );
    }
    match token(request.headers()) {
        Some(token) if api.door.opens(token) => {
            known.is_now();
            next.run(request).await
        }
        Some(_) => {
            (api.turned_away)(&format!("{} {} with a wrong token", request.method(), request.uri().path()));
            refused("this token is not the daemon's")
        }
        None => refused("every request needs the daemon's token"),
    }
}

fn refused(error: &str) -> Response {
    reply::refuse(
        StatusCode::UNAUTHORIZED,
        error,
        "send the header `Authorization: Bearer …` with what run/token-terminal in leashd's home holds",
    )
}

fn token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
