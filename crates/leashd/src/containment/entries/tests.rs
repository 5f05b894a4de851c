//! Who is refused again and again does not fill the disk, and what is let through is always written.

use super::{REFUSALS_MAX, Refusals, egress_record, keep};
use crate::clock;
use leashd_gate::{AuditLog, Durability, Gate, Secrets};
use leashd_proxy::{EgressEvent, EgressLimits, EgressProxy, HostList, Listener, SystemResolver, Visitor};
use leashd_types::SessionId;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::Instant;

#[tokio::test]
async fn somebody_without_a_key_cannot_fill_the_log() {
    let home = tempfile::tempdir().unwrap();
    let log = home.path().join("home/audit.jsonl");
    let audit = AuditLog::open(&log, Durability::default(), Secrets::default()).unwrap();
    let gate = Arc::new(Gate::new(audit, clock::now));
    let (sender, events) = mpsc::channel::<EgressEvent>(8);
    let keeping = tokio::spawn(keep(events, gate, egress_record));
    let proxy = Arc::new(EgressProxy::new(Box::new(SystemResolver), None, EgressLimits::default(), sender));
    let listener = Listener::loopback(0).await.unwrap();
    let address = listener.address().unwrap();
    let (one, refused) = (Arc::clone(&proxy), 3 * REFUSALS_MAX);
    let serving = tokio::spawn(async move { one.serve(listener).await });
    let started = Instant::now();
    let mut client = TcpStream::connect(address).await.unwrap();
    for number in 0..refused {
        let request = format!("CONNECT h{number}.example:443 HTTP/1.1\r\nhost: x\r\n\r\n");
        client.write_all(request.as_bytes()).await.unwrap();
        let mut answer = [0; 1024];
        if client.read(&mut answer).await.unwrap_or(0) == 0 || number % 50 == 49 {
            client = TcpStream::connect(address).await.unwrap();
        }
    }
    let hosts = HostList::parse(["loopback:1"]).unwrap();
    let key = proxy.visitors().issue(Visitor::new(SessionId::new("s"), None, hosts)).unwrap();
    proxy_get(&mut TcpStream::connect(address).await.unwrap(), key.expose()).await;
    serving.abort();
    drop((serving.await, proxy, client));
    keeping.await.unwrap();
    let text = std::fs::read_to_string(&log).unwrap();
    let entries: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let allowed = |wanted| entries.iter().filter(move |entry| entry["allowed"] == wanted).count() as u64;
    assert_eq!(allowed(true), 1, "{text}");
    let most = u64::from(REFUSALS_MAX) + started.elapsed().as_secs() + 1;
    assert!((u64::from(REFUSALS_MAX)..=most).contains(&allowed(false)), "{}", allowed(false));
}

/// A request that is let through, to a port where nobody listens.
async fn proxy_get(client: &mut TcpStream, key: &str) {
    use base64::Engine;
    let key = base64::engine::general_purpose::STANDARD.encode(format!("leashd:{key}"));
    let request = format!("CONNECT 127.0.0.1:1 HTTP/1.1\r\nProxy-Authorization: Basic {key}\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = [0; 1024];
    assert!(client.read(&mut answer).await.unwrap() > 0);
}

#[test]
fn what_is_left_out_is_counted() {
    let start = Instant::now();
    let mut refusals = Refusals::new(start);
    for _ in 0..REFUSALS_MAX {
        assert_eq!(refusals.admit(start), Some(0));
    }
    assert_eq!((refusals.admit(start), refusals.admit(start)), (None, None));
    let later = start + Duration::from_secs(1);
    assert_eq!((refusals.admit(later), refusals.admit(later)), (Some(2), None));
    let much_later = start + Duration::from_secs(3600);
    assert_eq!(refusals.admit(much_later), Some(1));
    let room = (1..REFUSALS_MAX).filter(|_| refusals.admit(much_later).is_some()).count();
    assert_eq!((room, refusals.admit(much_later)), (REFUSALS_MAX as usize - 1, None));
}
