//! From `Outbox::send` to the last byte of the request on a server's side of the wire.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a benchmark that cannot go on has failed"
)]

use criterion::{Criterion, criterion_group, criterion_main};
use leashd_connectors::telegram::wire::text::markdown;
use leashd_connectors::telegram::wire::{Access, ChatId, Client, Limits, Outbox, Post, Token};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

/// Answers every request, and says when it was complete.
async fn server(arrived: mpsc::UnboundedSender<Instant>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.set_nodelay(true).unwrap();
            let arrived = arrived.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 64 * 1024];
                let mut have = 0;
                while let Ok(read @ 1..) = stream.read(&mut bytes[have..]).await {
                    have += read;
                    // The body is JSON, and ends with it.
                    if bytes[..have].ends_with(b"}") {
                        arrived.send(Instant::now()).unwrap();
                        have = 0;
                        let body = r#"{"ok":true,"result":{"message_id":1}}"#;
                        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                        stream.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
                    }
                }
            });
        }
    });
    format!("http://{address}")
}

fn to_the_wire(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let (arrived, mut arrivals) = mpsc::unbounded_channel();
    let base_url = runtime.block_on(server(arrived));
    let access = Access { base_url, token: Token::new("1:made-up"), roots: Vec::new() };
    let (outbox, courier) = Outbox::open(Client::new(&access).unwrap(), Limits::unpaced());
    runtime.spawn(courier);
    let text = markdown("**DELETE** 214 files in `build/`\n\n```sh\nrm -rf build\n```").text();
    criterion.bench_function("send to wire", |bencher| {
        bencher.iter_custom(|rounds| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                let post = Post::new(ChatId(1), text.clone());
                let start = Instant::now();
                let sent = outbox.send(post);
                runtime.block_on(async {
                    total += arrivals.recv().await.unwrap().duration_since(start);
                    sent.await.unwrap();
                });
            }
            total
        });
    });
    let answer =
        "Some **text** with `code` and a list:\n\n- a\n- b\n\n```rust\nfn main() {}\n```\n\n".repeat(100);
    criterion
        .bench_function("render 8 KB of Markdown", |bencher| bencher.iter(|| markdown(&answer).chain(4096)));
}

criterion_group!(benches, to_the_wire);
criterion_main!(benches);
