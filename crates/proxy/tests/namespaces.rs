//! Real network namespaces: what the listeners handed over let out of one, and what the proxy reaches from one. This binary is the
//! test, the command inside and a host on the internet: which, its first argument says.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this whole binary is tests"
)]

use leashd_proxy::{
    ApiLimits, ApiProxy, Credential, EgressEvent, EgressLimits, EgressProxy, Handover, HostList, Listener,
    Refusal, Resolve, Roots, Secret, Upstream, Visitor,
};
use leashd_types::SessionId;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::fs::OpenOptions;
use std::io::{self, BufRead, BufReader, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::net::{IpAddr, Shutdown, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

const INSIDE: &str = "__inside";
const ROUTER: &str = "__router";
const HOST: &str = "__host";

/// Where the proxies are inside.
const API: u16 = 61080;
const EGRESS: u16 = 61081;

/// A public address, so that the proxy has no reason to refuse it, and its neighbour. Neither is reached for real.
const PUBLIC: &str = "93.184.216.34";
const NEIGHBOUR: &str = "93.184.216.35";

const TESTS: &[(&str, fn())] = &[
    ("only_what_was_handed_over_leads_out", only_what_was_handed_over_leads_out),
    ("a_granted_host_is_reached_where_it_was_checked", a_granted_host_is_reached_where_it_was_checked),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some(INSIDE) => return inside(&args[1..]),
        Some(ROUTER) => return router(),
        Some(HOST) => return host(),
        _ => {}
    }
    let possible = unshared().arg("true").stderr(Stdio::null()).status();
    let filter = args.first().filter(|filter| !filter.starts_with('-')).cloned().unwrap_or_default();
    for (name, test) in TESTS.iter().filter(|(name, _)| name.contains(&filter)) {
        if !possible.as_ref().is_ok_and(std::process::ExitStatus::success) {
            skip(name);
            continue;
        }
        test();
        println!("test {name} ... ok");
    }
}

/// Tells the runner that a test left itself out.
fn skip(name: &str) {
    println!("test {name} ... ignored, no network namespaces here");
    if let Some(path) = std::env::var_os("LEASHD_TEST_SKIPS") {
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{name}\tthis machine lets nobody make a network namespace").unwrap();
    }
}

/// A command that will run in a network namespace of its own, as root of it.
fn unshared() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--net", "--"]);
    command
}

fn this_binary() -> PathBuf {
    std::env::current_exe().unwrap()
}

fn ip(arguments: &str) {
    let status = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(status.success(), "ip {arguments}");
}

/// All that comes back when `request` is sent to `address`.
fn exchange(address: &str, request: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A server that answers every connection with its first request, until the end of the process.
fn echo(listener: TcpListener) {
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut bytes = [0; 4096];
                let read = stream.read(&mut bytes).unwrap();
                let text = String::from_utf8_lossy(&bytes[..read]).into_owned();
                let head =
                    format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", text.len());
                stream.write_all(format!("{head}{text}").as_bytes()).unwrap();
                stream.shutdown(Shutdown::Write).ok();
            });
        }
    });
}

fn basic(token: &Secret) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(format!("leashd:{}", token.expose()))
}

#[tokio::main]
async fn only_what_was_handed_over_leads_out() {
    let directory = tempfile::tempdir().unwrap();
    let outside = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = outside.local_addr().unwrap().port();
    echo(outside);

    let (events, _kept) = mpsc::channel(100);
    let (upstream, credential) =
        (format!("http://127.0.0.1:{port}"), Credential::ApiKey(Secret::new("the-real-key")));
    let upstream = Upstream::parse(&upstream).unwrap();
    let api = ApiProxy::new(upstream, &credential, &Roots::default(), ApiLimits::default(), events).unwrap();
    let api = Arc::new(api);
    let key = api.sessions().issue(SessionId::new("s1")).unwrap();

    let (events, mut denials) = mpsc::channel(100);
    let resolver = Box::new(leashd_proxy::SystemResolver);
    let egress = Arc::new(EgressProxy::new(resolver, None, EgressLimits::default(), events));
    let hosts = HostList::parse([format!("loopback:{port}")]).unwrap();
    let token = egress.visitors().issue(Visitor::new(SessionId::new("s1"), None, hosts)).unwrap();
    // Long enough that no socket could have the path for its name.
    let handover = directory.path().join("long".repeat(30));
    std::fs::create_dir(&handover).unwrap();
    let handover = handover.join("doors.sock");
    let taking = Handover::at(&handover).unwrap();
    tokio::spawn(async move {
        let taken = taking.next().await.unwrap();
        assert_eq!(taken.iter().map(|(port, _)| *port).collect::<Vec<_>>(), [API, EGRESS]);
        for (port, listener) in taken {
            match port {
                API => tokio::spawn(Arc::clone(&api).serve(listener)),
                _ => tokio::spawn(Arc::clone(&egress).serve(listener)),
            };
        }
    });

    let mut command = unshared();
    command.arg(this_binary()).arg(INSIDE).arg(&handover);
    command.args([port.to_string(), key.expose().to_owned(), basic(&token)]);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    assert!(text.contains("x-api-key: the-real-key") && text.contains("GET /plain"), "{text}");

    let mut reasons = Vec::new();
    while let Ok(event) = denials.try_recv() {
        if let EgressEvent::Denied { reason, .. } = event {
            reasons.push(reason);
        }
    }
    assert_eq!(reasons, [Refusal::NotListed]);
}

/// Listens where the proxies are expected and hands that over.
fn hand_over(to: &Path) {
    let listeners = [API, EGRESS].map(|port| TcpListener::bind(("127.0.0.1", port)).unwrap());
    std::env::set_current_dir(to.parent().unwrap()).unwrap();
    let mut stream = UnixStream::connect(to.file_name().unwrap()).unwrap();
    let descriptors = listeners.each_ref().map(|listener| listener.as_fd());
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
    sendmsg(&stream, &[IoSlice::new(b"L")], &mut ancillary, SendFlags::empty()).unwrap();
    let mut taken = [0; 1];
    stream.read_exact(&mut taken).unwrap();
}

/// The command: has a loopback of its own, on which only others accept.
fn inside(args: &[String]) {
    let [handover, port, key, auth] = args else { panic!("{args:?}") };
    ip("link set lo up");
    hand_over(Path::new(handover));
    let (api, egress) = (format!("127.0.0.1:{API}"), format!("127.0.0.1:{EGRESS}"));

    let outside = format!("127.0.0.1:{port}");
    assert!(TcpStream::connect(&outside).is_err(), "the outer loopback is not this one");
    let away = TcpStream::connect("1.1.1.1:443").map_err(|error| error.kind());
    assert_eq!(away.err(), Some(io::ErrorKind::NetworkUnreachable));

    let auth = format!("Proxy-Authorization: Basic {auth}\r\nConnection: close");
    let request = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {key}\r\nConnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    print!("{}", exchange(&api, &request).unwrap());
    let plain = format!("GET http://{outside}/plain HTTP/1.1\r\n{auth}\r\n\r\n");
    print!("{}", exchange(&egress, &plain).unwrap());
    let denied = exchange(&egress, &format!("GET http://a.example/ HTTP/1.1\r\n{auth}\r\n\r\n")).unwrap();
    assert!(denied.starts_with("HTTP/1.1 403"), "{denied}");

    // Many at a time: nothing is mixed up.
    let tunnels: Vec<_> = (0..50)
        .map(|number| {
            let (egress, auth, outside) = (egress.clone(), auth.clone(), outside.clone());
            thread::spawn(move || {
                let request = format!("CONNECT {outside} HTTP/1.1\r\n{auth}\r\n\r\ntunnel {number};");
                let answer = exchange(&egress, &request).unwrap();
                assert!(answer.ends_with(&format!("tunnel {number};")), "{answer}");
            })
        })
        .collect();
    tunnels.into_iter().for_each(|tunnel| tunnel.join().unwrap());
    io::stdout().flush().unwrap();
}

fn a_granted_host_is_reached_where_it_was_checked() {
    let output = unshared().arg(this_binary()).arg(ROUTER).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A host on the other end of a cable: has the public address, answers on port 80.
fn host() {
    let mut line = String::new();
    io::stdin().read_line(&mut line).unwrap();
    ip("link set lo up");
    ip(&format!("addr add {PUBLIC}/31 dev far"));
    ip("link set far up");
    let listener = TcpListener::bind((PUBLIC, 80)).unwrap();
    echo(listener);
    println!("ready");
    io::stdin().read_line(&mut line).unwrap();
}

/// Says the public address once and this machine ever after, as a rebinding name server does.
#[derive(Debug, Default)]
struct Rebinding(AtomicUsize);

impl Resolve for Rebinding {
    fn resolve<'a>(
        &'a self,
        name: &'a str,
    ) -> std::pin::Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send + 'a>> {
        let own = name == "own.example";
        let first = !own && self.0.fetch_add(1, SeqCst) == 0;
        let address = if own {
            NEIGHBOUR
        } else if first {
            PUBLIC
        } else {
            "127.0.0.1"
        };
        Box::pin(async move { Ok(vec![address.parse().unwrap()]) })
    }
}

/// Ends the host with the test.
struct Ends(Child);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Where the proxy is: one cable to the host, and a public address of its own.
#[tokio::main]
async fn router() {
    let mut child = Command::new("unshare");
    child.args(["--net", "--"]).arg(this_binary()).arg(HOST);
    let mut child = Ends(child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let mut host_says = BufReader::new(child.0.stdout.take().unwrap());
    ip("link set lo up");
    // The host's namespace is there once it has left ours.
    let namespace = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    let pid = child.0.id().to_string();
    while namespace("self") == namespace(&pid) {
        thread::yield_now();
    }
    ip(&format!("link add near type veth peer name far netns {pid}"));
    ip(&format!("addr add {NEIGHBOUR}/31 dev near"));
    ip("link set near up");
    child.0.stdin.as_mut().unwrap().write_all(b"cable\n").unwrap();
    let mut line = String::new();
    host_says.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");

    let (events, mut seen) = mpsc::channel(100);
    let resolver = Box::new(Rebinding::default());
    let proxy = Arc::new(EgressProxy::new(resolver, None, EgressLimits::default(), events));
    let hosts = HostList::parse(["*.example.org", "own.example"]).unwrap();
    let token = proxy.visitors().issue(Visitor::new(SessionId::new("s1"), None, hosts)).unwrap();
    let listener = Listener::loopback(0).await.unwrap();
    let address = listener.address().unwrap().to_string();
    tokio::spawn(proxy.serve(listener));
    let mut get = async |host: &str| {
        let request = format!(
            "GET http://{host}/who HTTP/1.1\r\nConnection: close\r\nProxy-Authorization: Basic {}\r\n\r\n",
            basic(&token)
        );
        let address = address.clone();
        let answer = tokio::task::spawn_blocking(move || exchange(&address, &request).unwrap());
        let answer = answer.await.unwrap();
        loop {
            match seen.recv().await.unwrap() {
                EgressEvent::Closed { .. } => {}
                other => return (answer, other),
            }
        }
    };
    let (answer, event) = get("www.example.org").await;
    assert!(answer.contains("GET /who") && answer.contains("host: www.example.org"), "{answer}");
    let EgressEvent::Opened { addresses, .. } = event else { panic!("{event:?}") };
    assert_eq!(addresses, [PUBLIC.parse::<IpAddr>().unwrap()]);
    // The name now leads to this machine; so does a public address that is its own.
    for (host, address) in [("www.example.org", "127.0.0.1"), ("own.example", NEIGHBOUR)] {
        let (answer, event) = get(host).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
        let EgressEvent::Denied { reason: Refusal::Inside { address: refused, .. }, .. } = event else {
            panic!("{event:?}")
        };
        assert_eq!(refused.to_string(), address);
    }
}
