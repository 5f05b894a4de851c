//! What the model API proxy adds to the first byte of an answer: the same request to an upstream on loopback, directly
//! and through the proxy, in turns. Prints medians; fails on nothing, because it measures a machine as well.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement")]

use leashd_proxy::{ApiLimits, ApiProxy, Credential, Listener, Roots, Secret, Upstream};
use leashd_types::SessionId;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Pairs.
const ROUNDS: usize = 1000;
/// Bytes of a request: an early turn of a conversation.
const BODY: usize = 100_000;

async fn upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            tokio::spawn(async move {
                let mut bytes = vec![0; 2 * BODY];
                loop {
                    let mut have = 0;
                    loop {
                        match stream.read(&mut bytes[have..]).await {
                            Ok(read @ 1..) => have += read,
                            _ => return,
                        }
                        let head = bytes[..have].windows(4).position(|it| it == b"\r\n\r\n");
                        if head.is_some_and(|head| have >= head + 4 + BODY) {
                            break;
                        }
                    }
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi";
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    address
}

async fn first_byte(stream: &mut TcpStream, request: &[u8]) -> Duration {
    let start = Instant::now();
    stream.write_all(request).await.unwrap();
    let mut bytes = [0; 4096];
    let mut have = stream.read(&mut bytes).await.unwrap();
    let elapsed = start.elapsed();
    while !bytes[..have].ends_with(b"hi") {
        have += stream.read(&mut bytes[have..]).await.unwrap();
    }
    elapsed
}

#[tokio::main]
async fn main() {
    let upstream = upstream().await;
    let (events, _kept) = mpsc::channel(1);
    let url = Upstream::parse(&format!("http://{upstream}")).unwrap();
    let credential = Credential::ApiKey(Secret::new("real"));
    let proxy = ApiProxy::new(url, &credential, &Roots::default(), ApiLimits::default(), events);
    let proxy = Arc::new(proxy.unwrap());
    let key = proxy.sessions().issue(SessionId::new("s")).unwrap();
    let listener = Listener::loopback(0).await.unwrap();
    let through = listener.address().unwrap();
    tokio::spawn(proxy.serve(listener));
    let head = format!(
        "POST /v1/messages HTTP/1.1\r\nHost: x\r\nx-api-key: {}\r\ncontent-length: {BODY}\r\n\r\n",
        key.expose()
    );
    let request = [head.as_bytes(), &vec![b'a'; BODY]].concat();
    let mut direct = TcpStream::connect(upstream).await.unwrap();
    let mut proxied = TcpStream::connect(through).await.unwrap();
    for stream in [&direct, &proxied] {
        stream.set_nodelay(true).unwrap();
    }
    let (mut without, mut with) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        without.push(first_byte(&mut direct, &request).await);
        with.push(first_byte(&mut proxied, &request).await);
    }
    without.sort();
    with.sort();
    let median = |all: &[Duration]| all[ROUNDS / 2];
    println!("first byte of an answer, {BODY} bytes asked, median of {ROUNDS}:");
    println!("direct {:?}, through the proxy {:?}", median(&without), median(&with));
}
