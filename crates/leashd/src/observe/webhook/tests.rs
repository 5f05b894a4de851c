//! Webhooks against a real server on the loopback: one that is down, slow, broken, rude, or sends us elsewhere.

use super::sign::Signer;
use super::waiting::EVENTS_MAX;
use super::{Hook, HookError, HookStatus, Tries};
use crate::observe::Observe;
use crate::observe::tests::{options, said, started};
use leashd_gate::Secrets;
use leashd_proxy::Secret;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

const SECRET: &str = "whisper-0123456789";
const WITHIN: Duration = Duration::from_secs(20);

const TRIES: Tries = Tries {
    connect: Duration::from_secs(5),
    answer: Duration::from_secs(5),
    attempts: 4,
    first_pause: Duration::from_millis(2),
    longest_pause: Duration::from_millis(10),
};

/// What the server does with the next request.
#[derive(Clone, Debug)]
enum Reply {
    Status(&'static str),
    /// These bytes, and the end of the connection.
    Raw(&'static [u8]),
    /// A good head and a body without an end.
    Endless,
    /// Nothing, until the client goes.
    Silence,
}

#[derive(Debug)]
struct Request {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn seq(&self) -> u64 {
        self.json()["seq"].as_u64().unwrap()
    }
}

struct Server {
    address: SocketAddr,
    requests: mpsc::UnboundedReceiver<Request>,
    work: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Answers with the replies in order, then with 200.
    async fn start(replies: Vec<Reply>) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").await.unwrap(), replies)
    }

    fn on(listener: TcpListener, replies: Vec<Reply>) -> Self {
        let (sender, requests) = mpsc::unbounded_channel();
        let address = listener.local_addr().unwrap();
        let mut replies = replies.into_iter();
        let work = tokio::spawn(async move {
            // One connection at a time: so does a courier.
            while let Ok((stream, _)) = listener.accept().await {
                let mut stream = BufReader::new(stream);
                while let Some(request) = read(&mut stream).await {
                    sender.send(request).ok();
                    let reply = replies.next().unwrap_or(Reply::Status("200 OK"));
                    if !answer(&mut stream, reply).await {
                        break;
                    }
                }
            }
        });
        Self { address, requests, work }
    }

    fn url(&self) -> String {
        format!("http://{}/in/hidden-path?token=hidden-query", self.address)
    }

    async fn next(&mut self) -> Request {
        tokio::time::timeout(WITHIN, self.requests.recv()).await.unwrap().unwrap()
    }

    /// Every request there was, after the client is done.
    fn all(&mut self) -> Vec<Request> {
        self.work.abort();
        std::iter::from_fn(|| self.requests.try_recv().ok()).collect()
    }
}

async fn read(stream: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines();
    let line = lines.next()?.to_owned();
    let header =
        |line: &str| line.split_once(": ").map(|(key, value)| (key.to_lowercase(), value.to_owned()));
    let headers: BTreeMap<_, _> = lines.filter_map(header).collect();
    let mut body = vec![0; headers["content-length"].parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some(Request { line, headers, body })
}

/// Whether the connection may be used again.
async fn answer(stream: &mut BufReader<TcpStream>, reply: Reply) -> bool {
    let head = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n").into_bytes(),
        Reply::Raw(bytes) => bytes.to_vec(),
        Reply::Endless => b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n".to_vec(),
        Reply::Silence => Vec::new(),
    };
    if stream.write_all(&head).await.is_err() {
        return false;
    }
    match reply {
        Reply::Status(_) => true,
        Reply::Raw(_) => false,
        Reply::Endless => {
            while stream.write_all(&[b'x'; 4096]).await.is_ok() {}
            false
        }
        Reply::Silence => {
            // Until the client has had enough.
            drop(stream.read_u8().await);
            false
        }
    }
}

/// A daemon with one webhook.
struct Place {
    home: TempDir,
    observe: Observe,
}

impl Place {
    fn new(url: &str, events: &[&str], tries: Tries) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut options = options(home.path());
        options.hooks = vec![Hook::parse(url, SECRET, events).unwrap()];
        options.tries = tries;
        options.log.secrets = Secrets::new(["correct-horse-battery".to_owned()]).unwrap();
        Self { home, observe: Observe::start(options) }
    }

    fn status(&self) -> HookStatus {
        self.observe.status().webhooks.remove(0)
    }

    /// The log at the end. Nothing that opens something is in it, nor in any other place that is shown.
    async fn end(&self) -> String {
        self.observe.shutdown(WITHIN).await;
        let log = fs::read_to_string(self.home.path().join("logs/app.log")).unwrap_or_default();
        let shown = format!("{log} {:?} {}", self.status(), self.observe.render());
        for secret in [SECRET, "hidden-path", "hidden-query"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        log
    }
}

/// Publishes one event to a server with these replies; how often it was sent, and what the status is then.
async fn check(replies: Vec<Reply>, sent: usize, delivered: u64, failed: u64, says: &str) {
    let mut server = Server::start(replies.clone()).await;
    let tries = Tries { answer: Duration::from_millis(200), ..TRIES };
    let place = Place::new(&server.url(), &[], tries);
    place.observe.publish(said("x"));
    for _ in 0..sent {
        server.next().await;
    }
    let log = place.end().await;
    let status = place.status();
    assert_eq!(
        (status.delivered, status.failed, status.dropped, status.waiting),
        (delivered, failed, 0, 0),
        "{replies:?}"
    );
    assert_eq!(server.all().len(), 0, "{replies:?}");
    if failed > 0 {
        assert!(status.problem.as_ref().unwrap().contains(says), "{status:?}");
        assert!(log.contains("webhook_failed") && log.contains(says), "{log}");
    } else {
        assert_eq!(status.problem, None);
    }
}

#[tokio::test]
async fn servers_that_misbehave_are_tried_again_and_given_up() {
    let broken = || Reply::Status("500 No");
    check(vec![broken(), Reply::Status("429 Slow down"), broken()], 4, 1, 0, "").await;
    check(vec![broken(); 4], 4, 0, 1, "the answer was 500").await;
    check(vec![Reply::Silence, Reply::Raw(b"")], 3, 1, 0, "").await;
    check(vec![Reply::Raw(b"SSH-2.0-no\r\n\r\n"), Reply::Raw(b"HTTP/1.1 2")], 3, 1, 0, "").await;
    check(vec![Reply::Silence; 4], 4, 0, 1, "no answer in time").await;
    // The status is all that counts of an answer.
    check(vec![Reply::Endless], 1, 1, 0, "").await;
    for (status, says) in [
        ("404 Not found", "the answer was 404"),
        ("410 Gone", "the answer was 410"),
        ("401 No", "the answer was 401"),
    ] {
        check(vec![Reply::Status(status)], 1, 0, 1, says).await;
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let mut elsewhere = Server::start(Vec::new()).await;
    let text =
        format!("HTTP/1.1 307 There\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.address);
    check(vec![Reply::Raw(text.leak().as_bytes())], 1, 0, 1, "redirects are not followed").await;
    assert!(elsewhere.all().is_empty());
}

#[tokio::test]
async fn a_delivery_is_signed_and_says_what_it_is() {
    let mut server = Server::start(vec![Reply::Status("503 Later")]).await;
    let place = Place::new(&server.url(), &["message.*"], TRIES);
    place.observe.publish(started());
    place.observe.publish(said("it is correct-horse-battery"));
    let (first, again) = (server.next().await, server.next().await);
    place.end().await;
    assert_eq!(first.line, "POST /in/hidden-path?token=hidden-query HTTP/1.1");
    let header = |request: &Request, name: &str| request.headers[name].clone();
    assert_eq!(header(&first, "content-type"), "application/json");
    assert_eq!(header(&first, "x-leashd-event"), "message.out");
    assert_eq!(header(&first, "x-leashd-timestamp"), "1700000000");
    assert!(header(&first, "user-agent").starts_with("leashd/"));
    assert_eq!(header(&first, "x-leashd-delivery").len(), 36);
    assert_eq!(header(&first, "x-leashd-delivery"), header(&again, "x-leashd-delivery"), "the same delivery");
    let body = first.json();
    assert_eq!((&body["seq"], &body["event"], &body["v"]), (&2.into(), &"message.out".into(), &1.into()));
    assert_eq!(body["text"], "it is [redacted]");
    assert_eq!(first.body, again.body);
    let signer = Signer::new(&Secret::new(SECRET));
    assert_eq!(header(&first, "x-leashd-signature"), signer.sign("1700000000", &first.body));
}

#[test]
fn the_signature_is_hmac_sha_256() {
    // From Python: hmac.new(b"key", b"1700000000.{}", "sha256").hexdigest()
    let signer = Signer::new(&Secret::new("key"));
    let expected = "sha256=9d713ed406bb7076d4123f0dc2c39d2df5c654ed4b0cd56b52c8b4c940bd63ae";
    assert_eq!(signer.sign("1700000000", b"{}"), expected);
    assert_eq!(format!("{signer:?}"), "Signer(hidden)");
}

#[tokio::test]
async fn order_is_kept_through_failures() {
    let broken = || Reply::Status("502 No");
    let replies =
        vec![Reply::Status("200 OK"), broken(), broken(), Reply::Status("204 OK"), Reply::Raw(b"?")];
    let mut server = Server::start(replies).await;
    let place = Place::new(&server.url(), &[], TRIES);
    for number in 0..5 {
        place.observe.publish(said(&number.to_string()));
    }
    let mut seen = Vec::new();
    for _ in 0..8 {
        seen.push(server.next().await.seq());
    }
    place.end().await;
    assert_eq!(seen, [1, 2, 2, 2, 3, 3, 4, 5]);
    assert_eq!(place.status().delivered, 5);
}

#[tokio::test]
async fn a_server_that_was_down_gets_what_waited() {
    // Ours, and closed as long as nobody listens.
    let port = tokio::net::TcpSocket::new_v4().unwrap();
    port.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = port.local_addr().unwrap();
    let tries = Tries { attempts: u32::MAX, ..TRIES };
    let place = Place::new(&format!("http://{address}/"), &[], tries);
    for _ in 0..3 {
        place.observe.publish(said("x"));
    }
    // The first refusal is in the status before anybody listens.
    tokio::time::timeout(WITHIN, async {
        while place.status().problem.is_none() {
            tokio::task::yield_now().await;
        }
    })
    .await
    .unwrap();
    let mut server = Server::on(port.listen(8).unwrap(), Vec::new());
    for seq in 1..=3 {
        assert_eq!(server.next().await.seq(), seq);
    }
    let log = place.end().await;
    assert_eq!((place.status().delivered, place.status().problem), (3, None));
    assert_eq!(log.matches("webhook_retry").count(), 1, "said once a delivery: {log}");
}

#[tokio::test]
async fn the_oldest_go_when_too_many_wait() {
    let mut server = Server::start(vec![Reply::Silence]).await;
    let tries = Tries { answer: Duration::from_millis(500), ..TRIES };
    let place = Place::new(&server.url(), &[], tries);
    place.observe.publish(said("held"));
    assert_eq!(server.next().await.seq(), 1);
    // One thread runs all of this, so nothing is sent while events are published.
    for _ in 0..EVENTS_MAX + 10 {
        place.observe.publish(said("x"));
    }
    assert_eq!((place.status().waiting, place.status().dropped), (EVENTS_MAX, 10));
    let log = place.end().await;
    assert_eq!(log.matches("webhook_overflow").count(), 4, "1, 2, 4, 8: {log}");
    let seqs: Vec<_> = server.all().iter().map(Request::seq).collect();
    let expected: Vec<_> = (12..=EVENTS_MAX as u64 + 11).collect();
    assert!(seqs.ends_with(&expected), "{:?}…", &seqs[..3]);
    let status = place.status();
    assert_eq!(status.delivered + status.failed + status.dropped, EVENTS_MAX as u64 + 11, "{status:?}");
}

#[tokio::test]
async fn at_the_end_each_has_one_attempt_within_the_time() {
    // Nobody answers, and the pauses would take hours.
    let mut server = Server::start(vec![Reply::Status("500 No"); 99]).await;
    let tries =
        Tries { first_pause: Duration::from_secs(3600), longest_pause: Duration::from_secs(3600), ..TRIES };
    let place = Place::new(&server.url(), &[], tries);
    for _ in 0..3 {
        place.observe.publish(said("x"));
    }
    server.next().await;
    place.end().await;
    let rest: Vec<_> = server.all().iter().map(Request::seq).collect();
    assert!(rest == [1, 2, 3] || rest == [2, 3], "{rest:?}");
    assert_eq!(place.status().failed, 3);
    // What comes after the end is counted and goes nowhere.
    place.observe.publish(said("late"));
    assert_eq!(place.status().dropped, 1);
}

#[tokio::test]
async fn a_large_event_is_sent_as_its_head() {
    let mut server = Server::start(Vec::new()).await;
    let place = Place::new(&server.url(), &[], TRIES);
    place.observe.publish(said(&"word ".repeat(100_000)));
    let body = server.next().await.json();
    assert!(body["text"].as_str().unwrap().contains("[cut: 500000 bytes"), "long texts are cut");
    let mut event = started();
    if let leashd_types::Event::SessionStarted { session, .. } = &mut event {
        *session = leashd_types::SessionId::new("s-1");
    }
    let tools =
        (0..20_000).map(|n| leashd_types::ToolSummary { tool: format!("tool-{n}"), times: 1 }).collect();
    place.observe.publish(leashd_types::Event::TurnCompleted {
        session: leashd_types::SessionId::new("s-1"),
        turn: leashd_types::TurnId::new("1"),
        outcome: leashd_types::TurnOutcome::Completed,
        ended_on_denial: false,
        tools,
        cost: leashd_types::Money::ZERO,
        total_cost: leashd_types::Money::ZERO,
        usage: leashd_types::Usage::default(),
        duration_ms: 1,
    });
    let body = server.next().await.json();
    assert!(body["cut"].as_u64().unwrap() > 256 * 1024 && body.get("tools").is_none(), "{body}");
    assert_eq!((&body["event"], &body["session"]), (&"session.completed".into(), &"s-1".into()));
    place.end().await;
}

#[test]
fn what_a_person_configures_is_checked_and_never_repeated() {
    let check = |url: &str, secret: &str, events: &[&str], says: &str| {
        let error = Hook::parse(url, secret, events).unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    };
    check("https://x/#hunter2", SECRET, &[], "fragment");
    check("hunter2 hunter2", SECRET, &[], "is no URL");
    check("/hunter2", SECRET, &[], "no host");
    check("https://me:hunter2@x/", SECRET, &[], "user name");
    check("http://example.com/hunter2", SECRET, &[], "not encrypted");
    check("http://127.0.0.1.example.com/hunter2", SECRET, &[], "not encrypted");
    check("ftp://x/hunter2", SECRET, &[], "neither https nor http");
    check("https://x/hunter2", "hunter2", &[], "openssl rand");
    check("https://x/hunter2", SECRET, &["tool.alowed"], "no event is called");
    for url in ["https://x/hunter2", "http://localhost:8/", "http://[::1]/", "http://127.0.0.1/"] {
        let hook = Hook::parse(url, SECRET, &["*"]).unwrap();
        assert!(!hook.host().contains("hunter2"));
        assert!(!format!("{hook:?}").contains(SECRET));
    }
    assert_eq!(Hook::parse::<&str>("https://x/", "short", &[]).unwrap_err(), HookError::Secret);
}

#[test]
fn without_a_runtime_a_webhook_says_that_it_does_not_work() {
    let home = tempfile::tempdir().unwrap();
    let mut options = options(home.path());
    options.hooks = vec![Hook::parse::<&str>("http://localhost:9/", SECRET, &[]).unwrap()];
    let observe = Observe::start(options);
    observe.publish(said("x"));
    let status = observe.status().webhooks.remove(0);
    assert!(status.problem.is_some() && status.dropped == 1, "{status:?}");
}
