//! A Messages API on loopback that plays scripts: for the self-test, the demo and the tests. It knows no model and
//! keeps no conversation: the script rides in the prompt (see `script`).

mod script;
mod stream;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, post};
use script::{Item, Place};
use serde_json::{Value, json};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// Requests kept for looking at, the latest.
const KEPT_REQUESTS: usize = 1000;
/// Bytes of one request: whole conversations are sent each time.
const REQUEST_LIMIT: usize = 64 * 1024 * 1024;

/// A running server. It ends when this is dropped.
#[derive(Debug)]
pub struct MessagesApi {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    server: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: VecDeque<Value>,
    /// How often a counted error was given.
    errors: BTreeMap<String, u32>,
}

impl MessagesApi {
    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If the machine has no port to give.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Seen::default()));
        let routes = Router::new()
            .route("/v1/messages", post(messages))
            .route("/v1/messages/count_tokens", post(count_tokens))
            .fallback(any(|| async { axum::Json(json!({})) }))
            .layer(axum::extract::DefaultBodyLimit::max(REQUEST_LIMIT))
            .with_state(Arc::clone(&seen));
        let server = tokio::spawn(async move {
            // Ends only with the task.
            drop(axum::serve(listener, routes).await);
        });
        Ok(Self { address, seen, server })
    }

    /// What `ANTHROPIC_BASE_URL` has to be.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of the latest message requests, oldest first.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        locked(&self.seen).requests.iter().cloned().collect()
    }
}

impl Drop for MessagesApi {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn locked(seen: &Mutex<Seen>) -> MutexGuard<'_, Seen> {
    seen.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn count_tokens() -> Response {
    axum::Json(json!({"input_tokens": 10})).into_response()
}

async fn messages(State(seen): State<Arc<Mutex<Seen>>>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return failure(StatusCode::BAD_REQUEST, "the request is not JSON");
    };
    let Place { item, key } = script::place(&request);
    let model = request.get("model").and_then(Value::as_str).unwrap_or("scripted").to_owned();
    let streams = request.get("stream").and_then(Value::as_bool) == Some(true);
    let status = {
        let mut seen = locked(&seen);
        if seen.requests.len() == KEPT_REQUESTS {
            seen.requests.pop_front();
        }
        seen.requests.push_back(request);
        seen.failing(&item, &key)
    };
    if let Some(status) = status {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        return failure(status, "the script says so");
    }
    if item.hang {
        std::future::pending::<()>().await;
    }
    if streams {
        return ([(header::CONTENT_TYPE, "text/event-stream")], stream::body(item, &key, model))
            .into_response();
    }
    axum::Json(whole(&item, &key, &model)).into_response()
}

impl Seen {
    /// The status to fail with, as long as the script says so.
    fn failing(&mut self, item: &Item, key: &str) -> Option<u16> {
        let status = item.error?;
        let count = self.errors.entry(key.to_owned()).or_default();
        *count = count.saturating_add(1);
        item.times.is_none_or(|times| *count <= times).then_some(status)
    }
}

fn failure(status: StatusCode, message: &str) -> Response {
    let kind = match status.as_u16() {
        401 => "authentication_error",
        403 => "permission_error",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        400..=499 => "invalid_request_error",
        _ => "api_error",
    };
    (status, axum::Json(json!({"type": "error", "error": {"type": kind, "message": message}})))
        .into_response()
}

fn whole(item: &Item, key: &str, model: &str) -> Value {
    json!({
        "id": stream::message_id(),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": item.blocks(key),
        "stop_reason": item.stop_reason(),
        "stop_sequence": null,
        "usage": item.usage(),
    })
}
