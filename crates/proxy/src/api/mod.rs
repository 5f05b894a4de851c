//! The reverse proxy for the model API. The agent has a key that opens nothing but this proxy; the person's own is put
//! in here, so that the agent never has it. Streams both ways; counts, but judges no contents.

mod event;
mod own;
mod upstream;

#[cfg(test)]
mod tests;

pub use event::{ApiEvent, Refused};
pub use upstream::{Connector, Credential, Roots, Scheme, Upstream, connector};

use crate::body::{Cut, Passing};
use crate::headers::{strip_connection, strip_containing};
use crate::listen::{self, ConnectionLimits, Listener, Stream};
use crate::tokens::Held;
use crate::watch::{Activity, Watched};
use crate::{Error, Secret, Tokens};
use http_body_util::{BodyExt, Either, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use leashd_types::SessionId;
use serde_json::json;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{SetOnce, mpsc};
use tokio::time::{Instant, timeout};
use upstream::{API_KEY, Connection, connection, strip_credentials};

/// All that Claude Code asks of a base URL (2.1.330: only the first).
const PATHS: &[&str] = &["/v1/messages", "/v1/messages/count_tokens"];

/// Bytes of an error message that are read before it is passed on.
const ERROR_LIMIT: usize = 256 * 1024;

#[derive(Clone, Debug)]
pub struct ApiLimits {
    pub connection: ConnectionLimits,
    /// To connect to the model API.
    pub connect_time: Duration,
    /// Until the head of a response. Without streaming it comes when the model has finished.
    pub first_byte_time: Duration,
    /// Bytes of a response.
    pub response_bytes: u64,
}

impl Default for ApiLimits {
    /// The API takes requests of 32 MB, and ends one that runs for ten minutes without streaming.
    fn default() -> Self {
        Self {
            connection: ConnectionLimits {
                connections: 64,
                header_time: Duration::from_secs(10),
                header_bytes: 32 * 1024,
                headers: 100,
                body_bytes: 40 * 1024 * 1024,
                body_time: Duration::from_secs(120),
                idle: Duration::from_secs(660),
            },
            connect_time: Duration::from_secs(15),
            first_byte_time: Duration::from_secs(600),
            response_bytes: 256 * 1024 * 1024,
        }
    }
}

type Reply = Either<Passing<Incoming>, Full<Bytes>>;

/// The session whose key came first on a connection. A connection belongs to one session.
type Owner = Arc<SetOnce<Arc<Held<SessionId>>>>;

#[derive(Debug)]
pub struct ApiProxy {
    upstream: Upstream,
    /// What no answer may repeat.
    secrets: Vec<Secret>,
    credential_header: (HeaderName, HeaderValue),
    /// The person's own, put in beside it.
    headers: Vec<(HeaderName, HeaderValue)>,
    connection: Connection,
    limits: ApiLimits,
    sessions: Tokens<SessionId>,
    events: mpsc::Sender<ApiEvent>,
}

impl ApiProxy {
    /// Reaches nothing yet. Events are lost while `events` is full: they are figures, the audit log has the calls.
    ///
    /// # Errors
    /// If the credential cannot be sent, or there are no certificates to check the upstream with.
    pub fn new(
        upstream: Upstream,
        credential: &Credential,
        roots: &Roots,
        limits: ApiLimits,
        events: mpsc::Sender<ApiEvent>,
    ) -> Result<Self, Error> {
        Ok(Self {
            connection: connection(&upstream, roots, limits.connect_time)?,
            upstream,
            secrets: vec![credential.secret().clone()],
            credential_header: credential.header()?,
            headers: Vec::new(),
            limits,
            sessions: Tokens::default(),
            events,
        })
    }

    /// Puts these into every request too: `Name: value`, one on a line, as in `ANTHROPIC_CUSTOM_HEADERS`. They replace what
    /// the agent sends under the same names.
    ///
    /// # Errors
    /// If one of them cannot be sent.
    pub fn with_headers(mut self, lines: &Secret) -> Result<Self, Error> {
        self.headers = own::headers(lines)?;
        self.secrets.extend(own::secrets(&self.headers));
        Ok(self)
    }

    /// The keys of sessions: what the agent gets as `ANTHROPIC_API_KEY`, or as whatever else it would send.
    #[must_use]
    pub fn sessions(&self) -> &Tokens<SessionId> {
        &self.sessions
    }

    /// Serves until dropped, which ends every connection. Several listeners may be served at a time.
    pub async fn serve(self: Arc<Self>, listener: Listener) -> Infallible {
        let connections = self.limits.connection.connections;
        listen::serve(listener, connections, move |stream| Arc::clone(&self).converse(stream)).await
    }

    async fn converse(self: Arc<Self>, stream: Box<dyn Stream>) {
        let limits = &self.limits.connection;
        let activity = Activity::new(None);
        let io = TokioIo::new(Watched { stream, activity: Arc::clone(&activity) });
        let owner: Owner = Arc::default();
        let service = service_fn(|request| {
            let (proxy, owner) = (Arc::clone(&self), Arc::clone(&owner));
            async move { Ok::<_, Infallible>(proxy.answer(request, &owner).await) }
        });
        let conversation = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_time)
            .max_header_size(limits.header_bytes)
            .max_buf_size(limits.header_bytes.saturating_mul(2))
            .max_headers(limits.headers)
            .serve_connection(io, service);
        let revoked = async { owner.wait().await.revoked().await };
        tokio::select! {
            // What went wrong with a connection is the client's to see.
            ended = conversation => drop(ended),
            () = activity.idle_for(limits.idle) => {}
            () = revoked => {}
        }
    }

    async fn answer(&self, request: Request<Incoming>, owner: &Owner) -> Response<Reply> {
        let Some(held) = self.session(request.headers(), owner) else {
            return self.refuse(None, Refused::NoKey);
        };
        let session = held.value.clone();
        match self.pass_on(request, &session).await {
            Ok(response) => response,
            Err(reason) => self.refuse(Some(session), reason),
        }
    }

    /// Whose key it is. Every key in the request has to be the same one.
    fn session(&self, headers: &HeaderMap, owner: &Owner) -> Option<Arc<Held<SessionId>>> {
        let keys = headers.get_all(API_KEY).iter().map(|value| value.to_str().ok());
        let bearers = headers.get_all(header::AUTHORIZATION).iter().map(|value| {
            let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        let mut all = keys.chain(bearers);
        let first = all.next()??;
        if all.any(|other| other != Some(first)) {
            return None;
        }
        let held = self.sessions.find(first)?;
        // Fails if there is an owner already, who has to be the same.
        drop(owner.set(Arc::clone(&held)));
        owner.get().is_some_and(|owner| Arc::ptr_eq(owner, &held)).then_some(held)
    }

    async fn pass_on(
        &self,
        request: Request<Incoming>,
        session: &SessionId,
    ) -> Result<Response<Reply>, Refused> {
        let start = Instant::now();
        let (path, route) = route(&request)?;
        let limit = self.limits.connection.body_bytes;
        if request.body().size_hint().lower() > limit {
            return Err(Refused::TooLong(limit));
        }
        let request = self.rewritten(request, &path)?;
        let answer = timeout(self.limits.first_byte_time, self.connection.request(request)).await;
        let response = match answer {
            Err(_) => return Err(Refused::TooSlow(self.limits.first_byte_time)),
            Ok(Err(error)) if is_too_long(&error) => return Err(Refused::TooLong(limit)),
            Ok(Err(error)) => return Err(Refused::Unreachable(self.unreachable(&error))),
            Ok(Ok(response)) => response,
        };
        let status = response.status();
        if status.is_redirection() || status.is_informational() {
            return Err(Refused::Redirect);
        }
        let (events, session) = (self.events.clone(), session.clone());
        let first_byte = start.elapsed();
        let report = move |received| {
            let (status, total) = (status.as_u16(), start.elapsed());
            let event = ApiEvent::Answered { session, path: route, status, received, first_byte, total };
            drop(events.try_send(event));
        };
        let (mut head, body) = response.into_parts();
        strip_connection(&mut head.headers);
        for secret in &self.secrets {
            strip_containing(&mut head.headers, secret.expose());
        }
        for name in [header::SET_COOKIE, header::ALT_SVC] {
            head.headers.remove(name);
        }
        let body = Passing::new(body, self.limits.response_bytes, None).at_end(report);
        if status.is_client_error() || status.is_server_error() {
            return self.error(head, body).await;
        }
        Ok(Response::from_parts(head, Either::Left(body)))
    }

    /// The request as the upstream gets it.
    fn rewritten(
        &self,
        request: Request<Incoming>,
        path: &PathAndQuery,
    ) -> Result<Request<Passing<Incoming>>, Refused> {
        let uri = self.upstream.uri(path).map_err(|_| Refused::NotPassedOn(path.to_string()))?;
        let (mut head, body) = request.into_parts();
        strip_connection(&mut head.headers);
        strip_credentials(&mut head.headers);
        // An error is looked through for the credential: what is packed cannot be.
        for name in [header::HOST, header::CONTENT_LENGTH, header::EXPECT, header::ACCEPT_ENCODING] {
            head.headers.remove(name);
        }
        let (name, value) = self.credential_header.clone();
        head.headers.insert(name, value);
        for (name, value) in &self.headers {
            head.headers.insert(name, value.clone());
        }
        (head.uri, head.version) = (uri, Version::HTTP_11);
        let limits = &self.limits.connection;
        Ok(Request::from_parts(head, Passing::new(body, limits.body_bytes, Some(limits.body_time))))
    }

    /// An error of the model API, unless it repeats the credential: some gateways do.
    async fn error(
        &self,
        mut head: hyper::http::response::Parts,
        body: Passing<Incoming>,
    ) -> Result<Response<Reply>, Refused> {
        if head.status == StatusCode::UNAUTHORIZED {
            return Err(Refused::Credential);
        }
        let collected = timeout(self.limits.connect_time, Limited::new(body, ERROR_LIMIT).collect()).await;
        let packed = head.headers.remove(header::CONTENT_ENCODING).is_some();
        let body = match collected {
            Ok(Ok(collected)) if !packed => collected.to_bytes(),
            Ok(Ok(_) | Err(_)) | Err(_) => Bytes::new(),
        };
        let repeats = |secret: &Secret| {
            let secret = secret.expose().as_bytes();
            body.windows(secret.len()).any(|part| part == secret)
        };
        if self.secrets.iter().any(repeats) {
            return Err(Refused::Credential);
        }
        head.headers.remove(header::CONTENT_LENGTH);
        Ok(Response::from_parts(head, Either::Right(Full::new(body))))
    }

    /// The library's errors name addresses and certificates, never headers.
    fn unreachable(&self, error: &(dyn std::error::Error + 'static)) -> String {
        let mut text = format!("the model API at {} cannot be reached", self.upstream.host());
        let mut cause = error.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        text
    }

    /// An error in the API's own form, so that the agent shows it.
    fn refuse(&self, session: Option<SessionId>, reason: Refused) -> Response<Reply> {
        let (status, kind) = reason.status();
        let message = format!("leashd: {reason}");
        let text = json!({"type": "error", "error": {"type": kind, "message": message}}).to_string();
        drop(self.events.try_send(ApiEvent::Refused { session, reason }));
        let mut response = Response::new(Either::Right(Full::new(Bytes::from(text))));
        *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        // The rest of a refused body is nobody's next request.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        response
    }
}

/// The path to ask for and the route it belongs to. Compared as it is written: no decoding, no dots.
fn route(request: &Request<Incoming>) -> Result<(PathAndQuery, &'static str), Refused> {
    let (uri, method) = (request.uri(), request.method());
    let refused = || Refused::NotPassedOn(format!("{method} {}", uri.path()));
    if uri.authority().is_some() || method != Method::POST {
        return Err(refused());
    }
    let route = PATHS.iter().find(|path| **path == uri.path()).ok_or_else(refused)?;
    Ok((uri.path_and_query().cloned().ok_or_else(refused)?, route))
}

fn is_too_long(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if matches!(error.downcast_ref::<Cut>(), Some(Cut::TooLong(_))) {
            return true;
        }
        cause = error.source();
    }
    false
}
