//! The routes and what each answers.

use super::reply::{gone, ok, receipt, refuse, text};
use super::{About, Api, BODY_BYTES_MAX, Order, auth, bounded, stream};
use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, Path, Query as Parameters, State};
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use leashd_connectors::{Delivery, Query};
use leashd_types::{
    AskId, AskRow, Chat, Command, ConnectorKind, Envelope, Form, GrantRow, Money, SessionId, SessionView,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use tokio::sync::oneshot;

/// Characters of a chat's id.
const CHAT_CHARS_MAX: usize = 128;
/// Rows of one answer, without `limit` and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 1000;

/// What comes in with `POST /v1/envelopes`. Who speaks is not the client's to say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct EnvelopeBody {
    /// The terminal's own name for its conversation.
    pub(crate) chat: String,
    #[serde(default = "command_form")]
    pub(crate) form: Form,
    pub(crate) command: Command,
}

/// `GET /v1/status`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct StatusBody {
    #[serde(flatten)]
    pub(crate) about: About,
    pub(crate) sessions: usize,
    /// Sessions with a turn that runs.
    pub(crate) working: usize,
    pub(crate) queued: usize,
    pub(crate) asks: usize,
    pub(crate) oldest_ask: Option<Timestamp>,
    pub(crate) grants: usize,
    /// Of the open sessions.
    pub(crate) cost: Money,
    /// What holds the agents that run, each said once.
    pub(crate) containment: BTreeSet<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct AsksWanted {
    /// `?all`: those that are over too.
    all: Option<String>,
    limit: Option<usize>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct MessagesWanted {
    session: Option<String>,
    /// Words to look for.
    q: Option<String>,
    limit: Option<usize>,
}

pub(super) fn all(api: Api) -> Router {
    Router::new()
        .route("/v1/status", get(status))
        .route("/v1/sessions", get(sessions))
        .route("/v1/sessions/{id}", get(session))
        .route("/v1/asks", get(asks))
        .route("/v1/asks/{id}", get(ask))
        .route("/v1/grants", get(grants))
        .route("/v1/messages", get(messages))
        .route("/v1/events", get(stream::events))
        .route("/v1/envelopes", post(envelope))
        .route("/v1/reload", post(reload))
        .route("/v1/stop", post(stop))
        .route("/metrics", get(metrics))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(axum::middleware::from_fn(bounded))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(axum::middleware::from_fn_with_state(api.clone(), auth::admit))
        .with_state(api)
}

async fn status(State(api): State<Api>) -> Response {
    let (Some(sessions), Some(asks), Some(grants)) = (
        question(&api, |reply| Query::Sessions { reply }).await,
        question(&api, |reply| Query::Asks { reply }).await,
        question(&api, |reply| Query::Grants { reply }).await,
    ) else {
        return gone();
    };
    let open: Vec<&AskRow> = asks.iter().filter(|row| row.state.is_open()).collect();
    let cost = sessions.iter().fold(Money::ZERO, |sum, session| sum + session.total_cost);
    let holds = sessions.iter().map(|session| session.containment.clone()).filter(|says| !says.is_empty());
    ok(&StatusBody {
        about: (api.about)(),
        sessions: sessions.len(),
        working: sessions.iter().filter(|session| session.running_since.is_some()).count(),
        queued: sessions.iter().map(|session| session.queued).sum(),
        asks: open.len(),
        oldest_ask: open.iter().map(|row| row.ask.created).min(),
        grants: grants.len(),
        cost,
        containment: holds.collect(),
    })
}

async fn sessions(State(api): State<Api>) -> Response {
    listed(question(&api, |reply| Query::Sessions { reply }).await)
}

async fn session(State(api): State<Api>, Path(id): Path<String>) -> Response {
    let session = SessionId::new(id);
    let found: Option<Option<SessionView>> =
        question(&api, |reply| Query::Session { session: session.clone(), reply }).await;
    match found {
        Some(Some(view)) => ok(&view),
        Some(None) => missing("session", session.as_str(), "leashd sessions lists them"),
        None => gone(),
    }
}

async fn asks(State(api): State<Api>, wanted: Result<Parameters<AsksWanted>, QueryRejection>) -> Response {
    let wanted = match wanted {
        Ok(Parameters(wanted)) => wanted,
        Err(rejection) => return unreadable(&rejection.body_text(), "as in ?all&limit=50"),
    };
    if wanted.all.is_none() {
        let rows: Option<Vec<AskRow>> = question(&api, |reply| Query::Asks { reply }).await;
        return listed(rows.map(oldest_first));
    }
    let limit = rows(wanted.limit);
    kept(question(&api, |reply| Query::PastAsks { limit, reply }).await)
}

/// One that is over too, if it is kept.
async fn ask(State(api): State<Api>, Path(id): Path<String>) -> Response {
    let id = AskId::new(id);
    let Some(rows): Option<Vec<AskRow>> = question(&api, |reply| Query::Asks { reply }).await else {
        return gone();
    };
    if let Some(row) = rows.into_iter().find(|row| row.ask.id == id) {
        return ok(&row);
    }
    match question(&api, |reply| Query::PastAsk { ask: id.clone(), reply }).await {
        Some(Ok(Some(row))) => ok(&row),
        Some(Ok(None)) => missing("ask", id.as_str(), "leashd inbox lists those that are open"),
        Some(Err(reason)) => unkept(reason),
        None => gone(),
    }
}

async fn grants(State(api): State<Api>) -> Response {
    let rows: Option<Vec<GrantRow>> = question(&api, |reply| Query::Grants { reply }).await;
    listed(rows)
}

async fn messages(
    State(api): State<Api>,
    wanted: Result<Parameters<MessagesWanted>, QueryRejection>,
) -> Response {
    let wanted = match wanted {
        Ok(Parameters(wanted)) => wanted,
        Err(rejection) => return unreadable(&rejection.body_text(), "as in ?session=…&q=words&limit=50"),
    };
    let (session, words, limit) = (wanted.session.map(SessionId::new), wanted.q, rows(wanted.limit));
    kept(question(&api, |reply| Query::Messages { session, words, limit, reply }).await)
}

async fn envelope(State(api): State<Api>, body: Result<Bytes, BytesRejection>) -> Response {
    if api.closing.load(Ordering::Acquire) {
        return gone();
    }
    let body: EnvelopeBody = match parse(body) {
        Ok(body) => body,
        Err(response) => return *response,
    };
    let fits = (1..=CHAT_CHARS_MAX).contains(&body.chat.chars().count());
    if !fits || body.chat.chars().any(leashd_types::is_hidden) {
        let error = format!("`chat` has to be 1 to {CHAT_CHARS_MAX} visible characters");
        return refuse(StatusCode::BAD_REQUEST, error, "the name of your terminal, say");
    }
    let envelope = Envelope {
        chat: Chat::new(ConnectorKind::Terminal, body.chat),
        from: api.user.clone(),
        form: body.form,
        command: body.command,
    };
    let (answer, given) = oneshot::channel();
    if api.deliveries.send(Delivery { envelope, receipt: answer }).await.is_err() {
        return gone();
    }
    match given.await {
        Ok(given) => receipt(&given),
        Err(_) => gone(),
    }
}

async fn reload(State(api): State<Api>) -> Response {
    let (reply, answer) = oneshot::channel();
    if api.orders.send(Order::Reload { reply }).await.is_err() {
        return gone();
    }
    match answer.await {
        Ok(Ok(reloaded)) => ok(&reloaded),
        Ok(Err(failure)) => {
            let hint = failure
                .hint
                .unwrap_or_else(|| "the old settings stay; mend this, then reload again".to_owned());
            refuse(StatusCode::UNPROCESSABLE_ENTITY, failure.message, hint)
        }
        Err(_) => gone(),
    }
}

async fn stop(State(api): State<Api>) -> Response {
    match api.orders.send(Order::Stop).await {
        Ok(()) => (StatusCode::ACCEPTED, axum::Json(serde_json::json!({"stopping": true}))).into_response(),
        Err(_) => gone(),
    }
}

async fn metrics(State(api): State<Api>) -> Response {
    text(crate::observe::CONTENT_TYPE, api.observe.render())
}

async fn unknown(uri: Uri) -> Response {
    missing("route", uri.path(), "docs/daemon.md lists them")
}

async fn wrong_method(method: Method, uri: Uri) -> Response {
    let error = format!("{} does not take {method}", uri.path());
    refuse(StatusCode::METHOD_NOT_ALLOWED, error, "docs/daemon.md lists the routes")
}

/// Asks the engine. `None` when it is going down.
async fn question<T>(api: &Api, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Option<T> {
    let (reply, answer) = oneshot::channel();
    api.queries.send(query(reply)).await.ok()?;
    answer.await.ok()
}

fn parse<T: for<'a> Deserialize<'a>>(body: Result<Bytes, BytesRejection>) -> Result<T, Box<Response>> {
    let body = body.map_err(|rejection| {
        Box::new(refuse(rejection.status(), rejection.body_text(), "send less at a time"))
    })?;
    serde_json::from_slice(&body).map_err(|error| {
        Box::new(unreadable(&format!("the body cannot be read: {error}"), "docs/daemon.md shows it"))
    })
}

fn rows(limit: Option<usize>) -> usize {
    limit.unwrap_or(ROWS).min(ROWS_MAX)
}

fn oldest_first(mut rows: Vec<AskRow>) -> Vec<AskRow> {
    rows.sort_by(|one, other| (one.ask.created, &one.ask.id).cmp(&(other.ask.created, &other.ask.id)));
    rows
}

fn listed<T: Serialize>(rows: Option<Vec<T>>) -> Response {
    rows.map_or_else(gone, |rows| ok(&rows))
}

fn kept<T: Serialize>(rows: Option<Result<Vec<T>, String>>) -> Response {
    match rows {
        Some(Ok(rows)) => ok(&rows),
        Some(Err(reason)) => unkept(reason),
        None => gone(),
    }
}

fn unkept(reason: String) -> Response {
    refuse(StatusCode::SERVICE_UNAVAILABLE, reason, "leashd status shows where things are kept")
}

fn unreadable(error: &str, hint: &str) -> Response {
    refuse(StatusCode::BAD_REQUEST, error, hint)
}

fn missing(what: &str, name: &str, hint: &str) -> Response {
    refuse(StatusCode::NOT_FOUND, format!("there is no {what} {}", leashd_types::visible(name)), hint)
}

fn command_form() -> Form {
    Form::Command
}
