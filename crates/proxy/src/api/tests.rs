//! The model API proxy against hostile clients and odd upstreams: real sockets, bytes as they go over the wire.

use super::{ApiEvent, ApiLimits, ApiProxy, Credential, Refused, Roots, Upstream};
use crate::{Listener, Secret};
use leashd_types::SessionId;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);
const REAL: &str = "sk-real-hunter2";
/// What the person wants on every request.
const OWN: &str = "X-Gateway: hunter2-of-the-gateway";
const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nset-cookie: a=b\r\n\r\nhi";

/// An upstream that answers every request with the same bytes and keeps what it got.
struct Fake {
    url: String,
    got: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

/// Reads one request with its body, sends the answer. `None` when the other side has closed.
async fn exchange(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), answer: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let complete = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).to_lowercase();
        let (head, body) = text.split_once("\r\n\r\n")?;
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let done = match length {
            Some(length) => body.len() >= length,
            None => !head.contains("transfer-encoding") || body.ends_with("0\r\n\r\n"),
        };
        done.then_some(())
    };
    while complete(&bytes).is_none() {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    stream.write_all(answer.as_bytes()).await.ok()?;
    Some(String::from_utf8(bytes).unwrap())
}

impl Fake {
    async fn start(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/base", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = JoinSet::new();
        let kept = got.clone();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let kept = kept.clone();
                connections.spawn(async move {
                    while let Some(request) = exchange(&mut stream, answer).await {
                        kept.lock().unwrap().push(request);
                    }
                });
            }
        });
        Self { url, got, _tasks: tasks }
    }

    fn got(&self) -> Vec<String> {
        self.got.lock().unwrap().clone()
    }
}

struct Rig {
    proxy: Arc<ApiProxy>,
    key: Secret,
    address: std::net::SocketAddr,
    events: mpsc::Receiver<ApiEvent>,
    _tasks: JoinSet<()>,
}

impl Rig {
    async fn new(url: &str, adjust: impl FnOnce(&mut ApiLimits)) -> Self {
        Self::with_roots(url, &Roots::default(), adjust).await
    }

    async fn with_roots(url: &str, roots: &Roots, adjust: impl FnOnce(&mut ApiLimits)) -> Self {
        let (sender, events) = mpsc::channel(100);
        let mut limits = ApiLimits::default();
        adjust(&mut limits);
        let credential = Credential::ApiKey(Secret::new(REAL));
        let upstream = Upstream::parse(url).unwrap();
        let proxy = Arc::new(
            ApiProxy::new(upstream, &credential, roots, limits, sender)
                .and_then(|proxy| proxy.with_headers(&Secret::new(OWN)))
                .unwrap(),
        );
        let key = proxy.sessions().issue(SessionId::new("s1")).unwrap();
        let listener = Listener::loopback(0).await.unwrap();
        let address = listener.address().unwrap();
        let mut tasks = JoinSet::new();
        let serving = proxy.clone();
        tasks.spawn(async move {
            serving.serve(listener).await;
        });
        Self { proxy, key, address, events, _tasks: tasks }
    }

    /// Sends bytes with `KEY` replaced, returns all that comes back until the proxy closes or falls silent.
    async fn raw(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = request.replace("KEY", self.key.expose());
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut answer)).await.expect("an answer has an end").unwrap();
        String::from_utf8(answer).unwrap()
    }

    async fn event(&mut self) -> ApiEvent {
        timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap()
    }
}

/// A request with these header lines; closes afterwards.
fn post(path: &str, headers: &str, body: &str) -> String {
    format!(
        "POST {path} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\ncontent-length: {}\r\n{headers}\r\n\r\n{body}",
        body.len()
    )
}

#[track_caller]
fn assert_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "expected {status}: {answer}");
    assert!(!answer.contains("hunter2"), "the credential is in {answer}");
}

#[tokio::test]
async fn the_real_key_takes_the_place_of_the_sessions() {
    let fake = Fake::start(OK).await;
    let mut rig = Rig::new(&fake.url, |_| ()).await;
    for headers in [
        "x-api-key: KEY",
        "Authorization: Bearer KEY\r\nCookie: c=d\r\nX-Forwarded-For: 1.2.3.4\r\nx-gateway: forged",
    ] {
        let answer = rig.raw(&post("/v1/messages?beta=true", headers, "{}")).await;
        assert_status(&answer, 200);
        assert!(answer.ends_with("\r\n\r\nhi") && !answer.contains("set-cookie"), "{answer}");
        let event = rig.event().await;
        let ApiEvent::Answered { session, path, status, received, .. } = event else {
            panic!("{event:?}");
        };
        assert_eq!((session.as_str(), path, status, received), ("s1", "/v1/messages", 200, 2));
    }
    for request in fake.got() {
        let lower = request.to_lowercase();
        assert!(request.starts_with("POST /base/v1/messages?beta=true HTTP/1.1\r\n"), "{request}");
        assert_eq!(lower.matches(REAL).count(), 1, "{request}");
        assert!(lower.contains(&OWN.to_lowercase()), "{request}");
        for gone in ["forged", rig.key.expose(), "authorization", "cookie", "x-forwarded", "evil.example"] {
            assert!(!lower.contains(&gone.to_lowercase()), "{gone} in {request}");
        }
    }
    assert!(!format!("{:?}", rig.proxy).contains("hunter2"));
}

#[tokio::test]
async fn without_the_key_of_a_session_nothing_is_asked_of_the_upstream() {
    let fake = Fake::start(OK).await;
    let mut rig = Rig::new(&fake.url, |_| ()).await;
    let other = rig.proxy.sessions().issue(SessionId::new("s2")).unwrap();
    let ended = rig.proxy.sessions().issue(SessionId::new("s3")).unwrap();
    rig.proxy.sessions().revoke(&ended);
    for headers in [
        "X-Nothing: 1",
        "x-api-key: wrong",
        "x-api-key:",
        "x-api-key: sk-real-hunter",
        "Authorization: Basic KEY",
        "Authorization: KEY",
        "x-api-key: KEY\r\nx-api-key: wrong",
        "x-api-key: KEY\r\nAuthorization: Bearer wrong",
        &format!("x-api-key: KEY\r\nAuthorization: Bearer {}", other.expose()),
        &format!("x-api-key: {}", ended.expose()),
    ] {
        assert_status(&rig.raw(&post("/v1/messages", headers, "{}")).await, 401);
        assert_eq!(rig.event().await, ApiEvent::Refused { session: None, reason: Refused::NoKey });
    }
    assert_eq!(fake.got(), Vec::<String>::new());
}

#[tokio::test]
async fn only_the_paths_of_the_agent_are_passed_on() {
    let fake = Fake::start(OK).await;
    let rig = Rig::new(&fake.url, |_| ()).await;
    for path in [
        "/v1/files",
        "/v1/messages/",
        "/v1/messages/../files",
        "/v1/%6dessages",
        "//v1/messages",
        "/v1/messages;x",
        "/",
        "http://evil.example/v1/messages",
        "/v1/messages/batches",
    ] {
        assert_status(&rig.raw(&post(path, "x-api-key: KEY", "{}")).await, 404);
    }
    for method in ["GET", "PUT", "DELETE", "OPTIONS"] {
        let request = format!(
            "{method} /v1/messages HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx-api-key: KEY\r\n\r\n"
        );
        assert_status(&rig.raw(&request).await, 404);
    }
    let connect = "CONNECT api.anthropic.com:443 HTTP/1.1\r\nHost: x\r\nx-api-key: KEY\r\n\r\n";
    assert_status(&rig.raw(connect).await, 404);
    assert_eq!(fake.got(), Vec::<String>::new());
}

#[tokio::test]
async fn two_ways_to_frame_a_body_reach_the_upstream_as_one() {
    let fake = Fake::start(OK).await;
    let rig = Rig::new(&fake.url, |_| ()).await;
    let smuggled = "0\r\n\r\nPOST /v1/files HTTP/1.1\r\nHost: x\r\n\r\n";
    for framing in [
        "Transfer-Encoding: chunked\r\nContent-Length: 60",
        "Content-Length: 60\r\nTransfer-Encoding: chunked",
    ] {
        let request = format!(
            "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: KEY\r\n{framing}\r\n\r\n2\r\n{{}}\r\n{smuggled}"
        );
        let answer = rig.raw(&request).await;
        assert_status(&answer, 200);
        // The connection is closed: what followed is not read as a request.
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{answer}");
    }
    for request in fake.got() {
        assert!(
            !request.contains("/v1/files") && !request.to_ascii_lowercase().contains("content-length: 60"),
            "{request}"
        );
    }
    assert_eq!(fake.got().len(), 2);
    for broken in [
        "Content-Length: 2\r\nContent-Length: 3",
        "Content-Length: +2",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: chunked, gzip",
        "Transfer-Encoding : chunked",
        "X-Fold: a\r\n b: c",
        "X-Nul: a\0b",
    ] {
        let request =
            format!("POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: KEY\r\n{broken}\r\n\r\n{{}}");
        assert_status(&rig.raw(&request).await, 400);
    }
    assert_eq!(fake.got().len(), 2);
}

#[tokio::test]
async fn pipelined_requests_are_judged_one_by_one() {
    let fake = Fake::start(OK).await;
    let rig = Rig::new(&fake.url, |_| ()).await;
    let good = "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: KEY\r\ncontent-length: 0\r\n\r\n";
    let answer = rig.raw(&format!("{good}{good}{}", post("/v1/files", "x-api-key: KEY", ""))).await;
    let statuses: Vec<_> = answer.lines().filter(|line| line.contains("HTTP/1.1 ")).collect();
    assert_eq!(statuses.len(), 3, "{answer}");
    assert!(statuses[2].contains("404"));
    assert_eq!(fake.got().len(), 2);
    let old = rig.raw("POST /v1/messages HTTP/1.0\r\nx-api-key: KEY\r\ncontent-length: 0\r\n\r\n").await;
    assert!(old.starts_with("HTTP/1.0 200"), "{old}");
}

#[tokio::test]
async fn heads_and_bodies_have_limits() {
    let fake = Fake::start(OK).await;
    let rig = Rig::new(&fake.url, |limits| {
        limits.connection.body_bytes = 1000;
        limits.connection.header_time = Duration::from_millis(300);
        limits.connection.body_time = Duration::from_millis(300);
    })
    .await;
    let huge = format!("x-api-key: KEY\r\nX-Huge: {}", "a".repeat(100_000));
    assert_status(&rig.raw(&post("/v1/messages", &huge, "")).await, 431);
    let many = format!("x-api-key: KEY{}", "\r\nX-Many: 1".repeat(200));
    assert_status(&rig.raw(&post("/v1/messages", &many, "")).await, 431);
    assert_status(&rig.raw(&post("/v1/messages", "x-api-key: KEY", &"a".repeat(1001))).await, 413);
    let chunked = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: KEY\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n{}\r\n0\r\n\r\n",
        "a".repeat(2000)
    );
    assert_status(&rig.raw(&chunked).await, 413);
    // A head and a body that never end.
    let started = tokio::time::Instant::now();
    rig.raw("POST /v1/messages HTTP/1.1\r\nHost: x\r\n").await;
    rig.raw("POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: KEY\r\ncontent-length: 10\r\n\r\nabc").await;
    assert!(started.elapsed() < Duration::from_secs(5));
    assert!(fake.got().is_empty(), "{:?}", fake.got());
}

#[tokio::test]
async fn a_connection_too_many_is_closed_and_room_comes_back() {
    let fake = Fake::start(OK).await;
    let rig = Rig::new(&fake.url, |limits| limits.connection.connections = 1).await;
    let first = TcpStream::connect(rig.address).await.unwrap();
    let mut second = TcpStream::connect(rig.address).await.unwrap();
    assert_eq!(timeout(PATIENCE, second.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    drop(first);
    let ok = async {
        loop {
            let mut stream = TcpStream::connect(rig.address).await.unwrap();
            let request = post("/v1/messages", "x-api-key: KEY", "").replace("KEY", rig.key.expose());
            let mut answer = Vec::new();
            if stream.write_all(request.as_bytes()).await.is_ok()
                && stream.read_to_end(&mut answer).await.is_ok()
                && answer.starts_with(b"HTTP/1.1 200")
            {
                return;
            }
        }
    };
    timeout(PATIENCE, ok).await.expect("the slot is free again");
}

#[tokio::test]
async fn redirects_and_errors_do_not_carry_anything_out() {
    for (answer, status, reason) in [
        ("HTTP/1.1 307 X\r\nlocation: http://evil.example/\r\ncontent-length: 0\r\n\r\n", 502, "redirect"),
        ("HTTP/1.1 401 X\r\ncontent-length: 14\r\n\r\nsk-re*******r2", 401, "refused the credential"),
        (
            "HTTP/1.1 400 X\r\nx-echo: sk-real-hunter2\r\ncontent-length: 19\r\n\r\nbad sk-real-hunter2",
            401,
            "refused the credential",
        ),
        // What is packed cannot be looked through. Nobody asked for it.
        (
            "HTTP/1.1 400 X\r\ncontent-encoding: gzip\r\ncontent-length: 9\r\n\r\nevil\u{1f}gzip",
            400,
            "\r\n\r\n",
        ),
        ("HTTP/1.1 529 X\r\nx-echo: sk-real-hunter2\r\ncontent-length: 4\r\n\r\nbusy", 529, "busy"),
        ("HTTP/1.1 400 X\r\ncontent-length: 22\r\n\r\nhunter2-of-the-gateway", 401, "refused the credential"),
    ] {
        let fake = Fake::start(answer).await;
        let rig = Rig::new(&fake.url, |_| ()).await;
        let got = rig.raw(&post("/v1/messages", "x-api-key: KEY\r\naccept-encoding: gzip", "{}")).await;
        assert_status(&got, status);
        assert!(got.contains(reason) && !got.contains("evil"), "{got}");
        let asked = fake.got();
        assert_eq!(asked.len(), 1, "not asked again");
        assert!(!asked[0].contains("accept-encoding"), "{asked:?}");
    }
    let rig = Rig::new("http://127.0.0.1:1", |_| ()).await;
    let got = rig.raw(&post("/v1/messages", "x-api-key: KEY", "{}")).await;
    assert_status(&got, 502);
    assert!(got.contains("127.0.0.1:1 cannot be reached"), "{got}");
}

#[tokio::test]
async fn an_upstream_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let rig = Rig::new(&url, |limits| limits.first_byte_time = Duration::from_millis(100)).await;
    assert_status(&rig.raw(&post("/v1/messages", "x-api-key: KEY", "{}")).await, 504);
}

/// The upstream sends one event and waits until the client has seen it: buffering anywhere would hang.
#[tokio::test]
async fn events_arrive_as_they_are_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut rig = Rig::new(&url, |_| ()).await;
    let (seen, mut until_seen) = watch::channel(0_u32);
    let upstream = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        exchange(&mut stream, head).await.unwrap();
        for number in 1..=5 {
            stream.write_all(format!("9\r\ndata: {number}\n\n\r\n").as_bytes()).await.unwrap();
            until_seen.wait_for(|seen| *seen == number).await.unwrap();
        }
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    });
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let request = post("/v1/messages", "x-api-key: KEY", "{}").replace("KEY", rig.key.expose());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    for number in 1..=5_u32 {
        let wanted = format!("data: {number}\n\n");
        while !String::from_utf8_lossy(&text).contains(&wanted) {
            let read = timeout(PATIENCE, stream.read_buf(&mut text)).await.expect("events are not held back");
            assert!(read.unwrap() > 0);
        }
        seen.send(number).unwrap();
    }
    timeout(PATIENCE, stream.read_to_end(&mut text)).await.unwrap().unwrap();
    upstream.await.unwrap();
    assert!(matches!(rig.event().await, ApiEvent::Answered { received: 45, .. }));
}

#[tokio::test]
async fn taking_a_key_back_ends_its_connections() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let rig = Rig::new(&url, |_| ()).await;
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let request = post("/v1/messages", "x-api-key: KEY", "{}").replace("KEY", rig.key.expose());
    stream.write_all(request.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    rig.proxy.sessions().revoke(&rig.key);
    assert_eq!(timeout(PATIENCE, stream.read(&mut [0; 1])).await.unwrap().unwrap_or(0), 0);
    // The upstream's side is closed as well: the model stops being paid for.
    let mut rest = Vec::new();
    timeout(PATIENCE, upstream.read_to_end(&mut rest)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_unix_socket_serves_the_same_and_replaces_only_sockets() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("api.sock");
    let fake = Fake::start(OK).await;
    let rig = Rig::new(&fake.url, |_| ()).await;
    drop(Listener::unix(&path).unwrap());
    let listener = Listener::unix(&path).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    let serving = rig.proxy.clone();
    let serving = tokio::spawn(async move { serving.serve(listener).await });
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let request = post("/v1/messages", "x-api-key: KEY", "").replace("KEY", rig.key.expose());
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_status(&answer, 200);
    serving.abort();
    let file = directory.path().join("file");
    std::fs::write(&file, "x").unwrap();
    assert!(Listener::unix(&file).is_err() && file.exists());
}

/// An upstream with a certificate of an authority that only this test knows.
async fn tls_upstream(directory: &Path) -> (String, Roots) {
    let certified = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let der: CertificateDer<'static> = certified.cert.der().clone();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(certified.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![der.clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            if let Ok(mut stream) = acceptor.accept(stream).await {
                exchange(&mut stream, OK).await;
            }
        }
    });
    let pem = directory.join("ca.pem");
    let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, &der);
    std::fs::write(&pem, format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n"))
        .unwrap();
    (url, Roots { more: vec![pem] })
}

#[tokio::test]
async fn the_certificate_of_the_upstream_is_checked() {
    let directory = tempfile::tempdir().unwrap();
    let (url, roots) = tls_upstream(directory.path()).await;
    let trusted = Rig::with_roots(&url, &roots, |_| ()).await;
    assert_status(&trusted.raw(&post("/v1/messages", "x-api-key: KEY", "{}")).await, 200);
    let other = Rig::with_roots(&url.replace("localhost", "127.0.0.1"), &roots, |_| ()).await;
    let answer = other.raw(&post("/v1/messages", "x-api-key: KEY", "{}")).await;
    assert_status(&answer, 502);
    assert!(answer.contains("certificate"), "{answer}");
    let elsewhere = tempfile::tempdir().unwrap();
    let (_, unrelated) = tls_upstream(elsewhere.path()).await;
    let untrusted = Rig::with_roots(&url, &unrelated, |_| ()).await;
    assert_status(&untrusted.raw(&post("/v1/messages", "x-api-key: KEY", "{}")).await, 502);
    let missing = Roots { more: vec![directory.path().join("missing.pem")] };
    let (sender, _events) = mpsc::channel(1);
    let credential = Credential::ApiKey(Secret::new(REAL));
    let upstream = Upstream::parse(&url).unwrap();
    assert!(ApiProxy::new(upstream, &credential, &missing, ApiLimits::default(), sender).is_err());
}
