//! Takes one event after the other to one webhook. An event is tried until it is there, refused for good, or the attempts are
//! used up; the ones behind it wait, so that they arrive in order. Redirects are answers like any other: not followed.

use super::sign::Signer;
use super::{Desk, Hook, Tries};
use crate::observe::bus::{Numbered, Received};
use crate::observe::log::Level;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, RETRY_AFTER, USER_AGENT};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use leashd_proxy::{Connector, Error, Roots, connector};
use leashd_types::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::json;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use uuid::Uuid;

/// Bytes of a body. A larger event is sent as its head.
const BODY_MAX: usize = 256 * 1024;
/// Bytes that are read of an answer, only so that the connection can be used again.
const ANSWER_MAX: usize = 16 * 1024;
/// A connection without use is kept this long.
const POOL_IDLE: Duration = Duration::from_secs(30);

pub(super) struct Courier {
    address: Uri,
    signer: Signer,
    client: Client<Connector, Full<Bytes>>,
    tries: Tries,
    desk: Arc<Desk>,
    random: SystemRandom,
    clock: fn() -> Timestamp,
}

/// How one attempt ended.
enum Attempt {
    Delivered,
    /// Worth another attempt, after this long if the server says so.
    Later(String, Option<Duration>),
    Never(String),
}

impl Courier {
    pub(super) fn new(
        hook: &Hook,
        roots: &Roots,
        tries: Tries,
        desk: Arc<Desk>,
        clock: fn() -> Timestamp,
    ) -> Result<Self, Error> {
        let connector = connector(hook.scheme, roots, tries.connect)?;
        let mut pool = Client::builder(TokioExecutor::new());
        pool.pool_timer(TokioTimer::new()).pool_idle_timeout(POOL_IDLE).pool_max_idle_per_host(1);
        let (address, signer) = (hook.address.clone(), Signer::new(&hook.secret));
        Ok(Self {
            address,
            signer,
            client: pool.build(connector),
            tries,
            desk,
            random: SystemRandom::new(),
            clock,
        })
    }

    /// Until nothing more comes.
    pub(super) async fn work(self) {
        while let Some(event) = self.desk.waiting.next().await {
            self.deliver(&event).await;
        }
    }

    async fn deliver(&self, event: &Arc<Numbered>) {
        // Counted as lost if the task is ended in the middle of it.
        let mut unfinished = Unfinished(Some(&self.desk));
        let (delivery, body) = (Uuid::now_v7().to_string(), self.body(event));
        let mut number = 1;
        loop {
            let attempt = tokio::time::timeout(self.tries.answer, self.post(event, &delivery, body.clone()));
            let (problem, pause) = match attempt.await {
                Ok(Attempt::Delivered) => {
                    self.desk.delivered.fetch_add(1, Relaxed);
                    self.desk.set_problem(None);
                    break;
                }
                Ok(Attempt::Never(problem)) => {
                    self.give_up(event, &delivery, problem);
                    break;
                }
                Ok(Attempt::Later(problem, pause)) => (problem, pause),
                Err(_) => ("no answer in time".to_owned(), None),
            };
            self.desk.set_problem(Some(problem.clone()));
            let last = number >= self.tries.attempts || self.desk.waiting.is_closed();
            if last {
                self.give_up(event, &delivery, problem);
                break;
            }
            if number == 1 {
                let fields = [("delivery", delivery.as_str().into()), ("problem", problem.into())];
                self.desk.say(Level::Warning, "webhook_retry", fields);
            }
            let pause = pause.map_or_else(|| self.pause(number), |pause| pause.min(self.tries.longest_pause));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                // One more attempt, now.
                () = self.desk.waiting.closed() => {}
            }
            number += 1;
        }
        unfinished.0 = None;
    }

    fn give_up(&self, event: &Numbered, delivery: &str, problem: String) {
        self.desk.failed.fetch_add(1, Relaxed);
        self.desk.set_problem(Some(problem.clone()));
        let fields = [
            ("seq", event.seq.into()),
            ("name", event.name().into()),
            ("delivery", delivery.into()),
            ("problem", problem.into()),
        ];
        self.desk.say(Level::Error, "webhook_failed", fields);
    }

    async fn post(&self, event: &Numbered, delivery: &str, body: Bytes) -> Attempt {
        let timestamp = ((self.clock)().as_micros() / 1_000_000).to_string();
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.address.clone())
            .header(CONTENT_TYPE, "application/json")
            .header(USER_AGENT, concat!("leashd/", env!("CARGO_PKG_VERSION")))
            .header("x-leashd-event", event.name())
            .header("x-leashd-delivery", delivery)
            .header("x-leashd-signature", self.signer.sign(&timestamp, &body))
            .header("x-leashd-timestamp", timestamp)
            .body(Full::new(body));
        let Ok(request) = request else { return Attempt::Never("the request cannot be made".to_owned()) };
        let answer = match self.client.request(request).await {
            Ok(answer) => answer,
            Err(error) => {
                // The cause says more than the client around it, and neither names the address.
                let cause = error.source().map_or_else(|| error.to_string(), ToString::to_string);
                return Attempt::Later(cause, None);
            }
        };
        let (head, rest) = answer.into_parts();
        let pause = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        // Whatever else it says: only the status counts.
        drop(Limited::new(rest, ANSWER_MAX).collect().await);
        judge(head.status, pause.map(Duration::from_secs))
    }

    /// The event as JSON, without secrets.
    fn body(&self, event: &Arc<Numbered>) -> Bytes {
        let mut value = Received::Event(Arc::clone(event)).json();
        self.desk.log.secrets().clean(&mut value);
        let text = value.to_string();
        if text.len() <= BODY_MAX {
            return text.into();
        }
        let head = json!({
            "v": value.get("v"), "seq": event.seq, "at": event.at, "event": event.name(),
            "session": value.get("session"), "cut": text.len(),
        });
        head.to_string().into()
    }

    /// Between half and all of a pause that doubles with each attempt: servers that come back are not overrun.
    fn pause(&self, attempt: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(attempt.saturating_sub(1));
        let whole = self.tries.first_pause.saturating_mul(doubled).min(self.tries.longest_pause);
        let mut byte = [0];
        // Without chance it is the whole pause.
        if self.random.fill(&mut byte).is_err() {
            byte = [u8::MAX];
        }
        whole / 2 + whole * u32::from(byte[0]) / 510
    }
}

/// A delivery that has no end yet.
struct Unfinished<'a>(Option<&'a Arc<Desk>>);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if let Some(desk) = self.0 {
            desk.waiting.lose_one();
        }
    }
}

fn judge(status: StatusCode, pause: Option<Duration>) -> Attempt {
    let problem = format!("the answer was {}", status.as_u16());
    match status.as_u16() {
        200..=299 => Attempt::Delivered,
        300..=399 => Attempt::Never(format!("{problem}; redirects are not followed")),
        408 | 425 | 429 | 500..=599 => Attempt::Later(problem, pause),
        _ => Attempt::Never(problem),
    }
}
