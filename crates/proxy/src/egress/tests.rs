//! The egress proxy against hostile clients and lying names: real sockets; only names are resolved by a table.

mod admission;

use super::admission::{Asking, admit};
use super::{
    AddressClass, Answer, EgressEvent, EgressLimits, EgressProxy, HostList, Question, Refusal, Resolve,
    Target, Visitor,
};
use crate::{Listener, Secret};
use base64::Engine;
use leashd_types::{CallId, SessionId};
use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// Names of the test, and which of them were asked for.
#[derive(Clone, Debug, Default)]
struct Table {
    names: HashMap<String, Vec<IpAddr>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Table {
    fn new(names: &[(&str, &[&str])]) -> Self {
        let addresses = |list: &[&str]| list.iter().map(|it| it.parse().unwrap()).collect();
        let names = names.iter().map(|(name, list)| ((*name).to_owned(), addresses(list))).collect();
        Self { names, asked: Arc::default() }
    }
}

impl Resolve for Table {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        self.asked.lock().unwrap().push(name.to_owned());
        let found = self.names.get(name).cloned().ok_or_else(|| io::ErrorKind::NotFound.into());
        Box::pin(async move { found })
    }
}

fn visitor(hosts: &[&str]) -> Visitor {
    let list = HostList::parse(hosts).unwrap();
    Visitor::new(SessionId::new("s1"), Some(CallId::new("c1")), list)
}

struct Rig {
    proxy: Arc<EgressProxy>,
    token: Secret,
    address: SocketAddr,
    events: mpsc::Receiver<EgressEvent>,
    table: Table,
    _tasks: JoinSet<()>,
}

impl Rig {
    async fn new(hosts: &[&str], adjust: impl FnOnce(&mut EgressLimits)) -> Self {
        let table = Table::new(&[("good.example", &["127.0.0.1"]), ("x.example", &["127.0.0.1"])]);
        let (sender, events) = mpsc::channel(100);
        let mut limits = EgressLimits::default();
        adjust(&mut limits);
        let proxy = Arc::new(EgressProxy::new(Box::new(table.clone()), None, limits, sender));
        let token = proxy.visitors().issue(visitor(hosts)).unwrap();
        let listener = Listener::loopback(0).await.unwrap();
        let address = listener.address().unwrap();
        let mut tasks = JoinSet::new();
        let serving = proxy.clone();
        tasks.spawn(async move {
            serving.serve(listener).await;
        });
        Self { proxy, token, address, events, table, _tasks: tasks }
    }

    /// `AUTH` becomes the header with the token.
    async fn send(&self, request: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = request.replace("AUTH", &basic("leashd", self.token.expose()));
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    }

    async fn raw(&self, request: &str) -> String {
        let mut stream = self.send(request).await;
        rest(&mut stream).await
    }

    async fn event(&mut self) -> EgressEvent {
        timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap()
    }

    /// The next event, which has to be a denial.
    async fn denial(&mut self) -> Refusal {
        match self.event().await {
            EgressEvent::Denied { reason, .. } => reason,
            other => panic!("{other:?}"),
        }
    }
}

fn basic(user: &str, password: &str) -> String {
    let encoded = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Proxy-Authorization: Basic {encoded}")
}

/// Until the other side ends; a reset counts as an end.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it has an end").ok();
    String::from_utf8(bytes).unwrap()
}

/// The head of an answer, and nothing after it.
async fn head(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(b"\r\n\r\n") {
        let byte = timeout(PATIENCE, stream.read_u8()).await.expect("an answer comes");
        bytes.push(byte.unwrap_or_else(|_| panic!("cut: {}", String::from_utf8_lossy(&bytes))));
    }
    String::from_utf8(bytes).unwrap()
}

#[track_caller]
fn assert_status(answer: &str, status: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "expected {status}: {answer}");
}

/// A host on loopback that answers with fixed bytes, or sends everything back.
struct Host {
    port: u16,
    got: mpsc::Receiver<String>,
    _tasks: JoinSet<()>,
}

impl Host {
    async fn start(answer: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (sender, got) = mpsc::channel(100);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let sender = sender.clone();
                connections.spawn(async move {
                    let mut bytes = vec![0; 100_000];
                    while let Ok(read @ 1..) = stream.read(&mut bytes).await {
                        let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                        let back = answer.map_or_else(|| text.clone(), str::to_owned);
                        sender.try_send(text).unwrap();
                        if stream.write_all(back.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, got, _tasks: tasks }
    }

    async fn got(&mut self) -> String {
        timeout(PATIENCE, self.got.recv()).await.unwrap().unwrap()
    }
}

#[tokio::test]
async fn a_tunnel_carries_bytes_both_ways_and_is_recorded() {
    let mut host = Host::start(None).await;
    let mut rig = Rig::new(&["loopback"], |_| ()).await;
    for (version, early) in [("1.1", "early "), ("1.0", "")] {
        let connect = format!("CONNECT localhost:{} HTTP/{version}\r\nAUTH\r\n\r\n{early}", host.port);
        let mut stream = rig.send(&connect).await;
        assert!(head(&mut stream).await.contains(" 200 "));
        stream.write_all(b"hello").await.unwrap();
        stream.shutdown().await.unwrap();
        assert_eq!(rest(&mut stream).await, format!("{early}hello"));
        let EgressEvent::Opened { session, call, target, addresses } = rig.event().await else { panic!() };
        assert_eq!((session.as_str(), call.unwrap().as_str()), ("s1", "c1"));
        assert_eq!(target.to_string(), format!("localhost:{}", host.port));
        assert_eq!(addresses.len(), 2);
        let EgressEvent::Closed { received, .. } = rig.event().await else { panic!() };
        assert_eq!(received, 5 + early.len() as u64);
    }
    assert!(host.got().await.starts_with("early"));
    assert!(rig.table.asked.lock().unwrap().is_empty(), "localhost is not looked up");
}

#[tokio::test]
async fn without_a_token_nothing_is_even_looked_up() {
    let mut rig = Rig::new(&["good.example", "loopback"], |_| ()).await;
    let ended = rig.proxy.visitors().issue(visitor(&["loopback"])).unwrap();
    rig.proxy.visitors().revoke(&ended);
    let token = rig.token.clone();
    for auth in [
        "X-Nothing: 1".to_owned(),
        basic("leashd", "wrong"),
        basic("leashd", ""),
        basic("leashd", ended.expose()),
        format!("Proxy-Authorization: Bearer {}", token.expose()),
        format!("Proxy-Authorization: Basic {}", token.expose()),
        format!("Authorization: {}", basic("x", token.expose())),
        format!("{}\r\n{}", basic("x", token.expose()), basic("x", "wrong")),
    ] {
        let answer = rig
            .raw(&format!("GET http://good.example/ HTTP/1.1\r\nConnection: close\r\n{auth}\r\n\r\n"))
            .await;
        assert_status(&answer, 407);
        assert!(answer.contains("proxy-authenticate: Basic"), "{answer}");
        assert_eq!(rig.denial().await, Refusal::NoToken);
    }
    assert!(rig.table.asked.lock().unwrap().is_empty());
    // Asked for it, a client may send it on the same connection.
    let get = "GET http://x.example/ HTTP/1.1\r\n";
    let answer = rig.raw(&format!("{get}\r\n{get}AUTH\r\n\r\n")).await;
    assert!(answer.contains(" 407 ") && answer.contains(" 403 "), "{answer}");
}

#[tokio::test]
async fn what_is_not_granted_is_denied_with_its_reason() {
    let mut rig = Rig::new(&["good.example", "*.below.example"], |_| ()).await;
    let inside = |address: &str, class| Refusal::Inside { address: address.parse().unwrap(), class };
    let bad = |target: &'static str| Target::parse(target, None).map(|_| ()).unwrap_err();
    let cases = [
        ("x.example:443", 403, Refusal::NotListed),
        ("below.example:443", 403, Refusal::NotListed),
        ("good.example:22", 403, Refusal::NotListed),
        ("good.example.evil.net:443", 403, Refusal::NotListed),
        ("1.1.1.1:443", 403, Refusal::NotListed),
        // Listed, but it leads inside.
        ("good.example:443", 403, inside("127.0.0.1", AddressClass::Loopback)),
        ("GOOD.example.:443", 403, inside("127.0.0.1", AddressClass::Loopback)),
        ("127.0.0.1:443", 403, inside("127.0.0.1", AddressClass::Loopback)),
        ("localhost:443", 403, inside("127.0.0.1", AddressClass::Loopback)),
        ("[::1]:443", 403, inside("::1", AddressClass::Loopback)),
        ("[::ffff:127.0.0.1]:443", 403, inside("::ffff:127.0.0.1", AddressClass::Loopback)),
        ("169.254.169.254:80", 403, inside("169.254.169.254", AddressClass::LinkLocal)),
        ("10.0.0.1:443", 403, inside("10.0.0.1", AddressClass::Private)),
        ("0.0.0.0:443", 403, inside("0.0.0.0", AddressClass::Special)),
        ("2130706433:80", 400, Refusal::BadTarget(bad("2130706433:80"))),
        ("127.1:80", 400, Refusal::BadTarget(bad("127.1:80"))),
        ("0177.0.0.1:80", 400, Refusal::BadTarget(bad("0177.0.0.1:80"))),
        ("user@good.example:443", 400, Refusal::BadTarget(bad("user@good.example:443"))),
        ("good.example:0", 400, Refusal::BadTarget(bad("good.example:0"))),
        ("good.example", 400, Refusal::BadTarget(bad("good.example"))),
        ("b.below.example:443", 502, Refusal::Unresolvable(io::ErrorKind::NotFound)),
    ];
    for (target, status, reason) in cases {
        let answer = rig.raw(&format!("CONNECT {target} HTTP/1.1\r\nAUTH\r\n\r\n")).await;
        assert_status(&answer, status);
        assert!(answer.contains(&reason.to_string()), "{answer}");
        match rig.event().await {
            EgressEvent::Denied { session, call, target: shown, reason: got } => {
                assert_eq!((got, shown.as_str()), (reason, target));
                assert_eq!((session.unwrap().as_str(), call.unwrap().as_str()), ("s1", "c1"));
            }
            other => panic!("{target}: {other:?}"),
        }
    }
    let looked_up = rig.table.asked.lock().unwrap().clone();
    assert_eq!(looked_up, ["good.example", "good.example", "b.below.example"]);
}

#[tokio::test]
async fn what_is_no_proxy_request_is_refused() {
    let mut host = Host::start(Some("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")).await;
    let mut rig = Rig::new(&["loopback", "good.example"], |_| ()).await;
    for line in ["GET /", "GET https://good.example/", "OPTIONS *", "GET ftp://good.example/"] {
        let answer = rig.raw(&format!("{line} HTTP/1.1\r\nHost: good.example\r\nAUTH\r\n\r\n")).await;
        assert_status(&answer, 400);
        assert!(matches!(rig.denial().await, Refusal::NotAProxyRequest(_)), "{line}");
    }
    for line in [
        "CONNECT good.example:443\0.evil.net:443",
        "CONNECT good.example%00.evil.net:443",
        "CONNECT good .example:443",
        "CONNECT b\u{fc}cher.example:443",
        "CONNECT http://good.example:443/",
        "CONNECT",
        "GET http://good.example\r\n.evil.net/",
        "GET http://[::1/",
    ] {
        let answer = rig.raw(&format!("{line} HTTP/1.1\r\nAUTH\r\n\r\n")).await;
        assert_status(&answer, 400);
    }
    assert!(host.got.try_recv().is_err());
    assert!(rig.table.asked.lock().unwrap().is_empty());
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: x-hop\r\nx-hop: 1\r\n\r\nhi";

#[tokio::test]
async fn a_plain_request_goes_to_the_host_of_its_first_line() {
    let mut host = Host::start(Some(OK)).await;
    let mut rig = Rig::new(&["loopback"], |_| ()).await;
    let url = format!("http://localhost:{}", host.port);
    let request = format!(
        "POST {url}/p?q=1 HTTP/1.1\r\nHost: evil.example\r\nAUTH\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nUpgrade: h2c\r\nAuthorization: Bearer of-the-host\r\ncontent-length: 4\r\n\r\nbody"
    );
    let answer = rig.raw(&request).await;
    assert_status(&answer, 200);
    assert!(answer.ends_with("\r\n\r\nhi") && !answer.contains("x-hop"), "{answer}");
    let mut got = host.got().await;
    if !got.ends_with("body") {
        got.push_str(&host.got().await);
    }
    assert!(got.starts_with("POST /p?q=1 HTTP/1.1\r\n"), "{got}");
    assert!(got.contains(&format!("host: localhost:{}\r\n", host.port)), "{got}");
    assert!(got.contains("authorization: Bearer of-the-host"), "the host's own credential passes: {got}");
    for gone in ["evil", "proxy-auth", "x-hop", "h2c"] {
        assert!(!got.to_lowercase().contains(gone), "{gone} in {got}");
    }
    assert!(matches!(rig.event().await, EgressEvent::Opened { .. }));
    assert!(matches!(rig.event().await, EgressEvent::Closed { sent: 4, received: 2, .. }));
}

#[tokio::test]
async fn pipelined_and_smuggled_requests_are_judged_one_by_one() {
    let mut host = Host::start(Some(OK)).await;
    let mut rig = Rig::new(&["loopback"], |_| ()).await;
    let get = format!("GET http://localhost:{}/ HTTP/1.1\r\nAUTH\r\n\r\n", host.port);
    let answer = rig.raw(&format!("{get}{get}GET http://x.example/ HTTP/1.1\r\nAUTH\r\n\r\n")).await;
    let statuses: Vec<_> = answer.split("HTTP/1.1 ").skip(1).filter_map(|it| it.split(' ').next()).collect();
    assert_eq!(statuses, ["200", "200", "403"], "{answer}");
    let (one, two) = (host.got().await, host.got().await);
    assert!(one.matches("HTTP/1.1").count() == 1 && two.matches("HTTP/1.1").count() == 1, "{one}{two}");
    for framing in [
        "Content-Length: 90\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 90",
    ] {
        let request = format!(
            "POST http://localhost:{}/ HTTP/1.1\r\nAUTH\r\n{framing}\r\n\r\n0\r\n\r\nGET http://x.example/ HTTP/1.1\r\nAUTH\r\n\r\n",
            host.port
        );
        let answer = rig.raw(&request).await;
        assert_status(&answer, 200);
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "the connection ends: {answer}");
        let got = host.got().await;
        assert!(!got.contains("x.example") && !got.to_lowercase().contains("content-length"), "{got}");
    }
    // A token is not lent: the second request on a connection has to have the same.
    let other = rig.proxy.visitors().issue(visitor(&["loopback"])).unwrap();
    let second = get.replace("AUTH", &basic("x", other.expose()));
    assert!(rig.raw(&format!("{get}{second}GET / HTTP/1.1\r\nAUTH\r\n\r\n")).await.contains(" 407 "));
    while !matches!(rig.event().await, EgressEvent::Denied { reason: Refusal::NoToken, session: None, .. }) {}
}

#[tokio::test]
async fn heads_bodies_and_silence_have_limits() {
    let host = Host::start(None).await;
    let mut rig = Rig::new(&["loopback"], |limits| {
        limits.connection.header_time = Duration::from_millis(200);
        limits.connection.idle = Duration::from_millis(200);
        limits.connection.body_bytes = 10;
        limits.ask_time = Duration::ZERO;
        limits.connection_bytes = Some(10_000);
    })
    .await;
    let endless = format!("GET http://localhost:{}/ HTTP/1.1\r\nAUTH\r\nX: {}", host.port, "a".repeat(9000));
    assert_eq!(rig.raw(&endless).await, "", "closed");
    let many = "X: 1\r\n".repeat(200);
    assert_status(&rig.raw(&format!("GET http://x/ HTTP/1.1\r\n{many}\r\n")).await, 431);
    rig.raw("CONNECT localhost:1 HTTP/1.1\r\nX").await;
    let post = format!("POST http://localhost:{}/ HTTP/1.1\r\nAUTH\r\n", host.port);
    let long = format!("{post}transfer-encoding: chunked\r\n\r\n14\r\n{}\r\n0\r\n\r\n", "a".repeat(20));
    assert_status(&rig.raw(&long).await, 413);
    while !matches!(rig.event().await, EgressEvent::Denied { reason: Refusal::Cut, .. }) {}
    // A tunnel in which nothing moves, and one in which too much does.
    let connect = format!("CONNECT localhost:{} HTTP/1.1\r\nAUTH\r\n\r\n", host.port);
    for sends in ["", &"b".repeat(30_000)] {
        let mut stream = rig.send(&connect).await;
        assert_status(&head(&mut stream).await, 200);
        stream.write_all(sends.as_bytes()).await.unwrap();
        assert!(rest(&mut stream).await.len() < 20_000);
        while !matches!(rig.event().await, EgressEvent::Closed { .. }) {}
    }
}

#[tokio::test]
async fn a_huge_head_is_refused_before_it_is_complete() {
    let rig = Rig::new(&["loopback"], |_| ()).await;
    let answer = rig.raw(&format!("GET http://x/ HTTP/1.1\r\nX: {}", "a".repeat(200_000))).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test]
async fn taking_a_token_back_closes_its_tunnels() {
    let host = Host::start(None).await;
    let rig = Rig::new(&["loopback"], |_| ()).await;
    let mut stream = rig.send(&format!("CONNECT localhost:{} HTTP/1.1\r\nAUTH\r\n\r\n", host.port)).await;
    assert_status(&head(&mut stream).await, 200);
    rig.proxy.visitors().revoke(&rig.token);
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn what_cannot_be_recorded_is_not_connected_to() {
    let mut host = Host::start(Some(OK)).await;
    let mut rig = Rig::new(&["loopback"], |_| ()).await;
    rig.events.close();
    for method in ["CONNECT localhost:", "GET http://localhost:"] {
        let answer = rig.raw(&format!("{method}{} HTTP/1.1\r\nAUTH\r\n\r\n", host.port)).await;
        assert_status(&answer, 503);
    }
    assert!(host.got.try_recv().is_err());
}

#[tokio::test]
async fn what_is_lent_to_a_call_ends_with_it() {
    let host = Host::start(None).await;
    let mut rig = Rig::new(&[], |_| {}).await;
    let port = host.port;
    let connect = format!("CONNECT localhost:{port} HTTP/1.1\r\nAUTH\r\n\r\n");
    assert_status(&rig.raw(&connect).await, 403);
    rig.denial().await;
    let call = CallId::new("fetch");
    rig.proxy.lend(&rig.token, &call, HostList::parse([format!("loopback:{port}")]).unwrap());
    let mut tunnel = rig.send(&connect).await;
    assert_status(&head(&mut tunnel).await, 200);
    match rig.event().await {
        EgressEvent::Opened { call: Some(of), .. } => assert_eq!(of, call),
        other => panic!("{other:?}"),
    }
    tunnel.write_all(b"hello").await.unwrap();
    let mut back = [0; 5];
    timeout(PATIENCE, tunnel.read_exact(&mut back)).await.unwrap().unwrap();
    rig.proxy.take_back(&rig.token, &call);
    assert_eq!(rest(&mut tunnel).await, "");
    assert_status(&rig.raw(&connect).await, 403);
}
