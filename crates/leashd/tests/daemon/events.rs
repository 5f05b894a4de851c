//! Events of long ago: what the daemon has at hand is little, what is kept is all.

use crate::support::Place;
use leashd_store::{Options, Store};
use leashd_types::{Event, EventRow, Kept, Timestamp};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::Stdio;

/// More than the daemon has at hand, and more than it reads at once.
const KEPT: u64 = 3_000;

/// A home in whose store there are so many events, every tenth of another name; the last daemon ended properly.
fn with_a_past() -> Place {
    let place = Place::new();
    place.start();
    let file = place.status()["store"].as_str().unwrap().to_owned();
    place.expect(0, &["stop"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&Options::sqlite(file)).await.unwrap();
        let rows = (100..100 + KEPT).map(|seq| {
            let event = match seq % 10 {
                0 => Event::ConfigRejected { reason: seq.to_string() },
                _ => Event::EngineStarted { version: seq.to_string() },
            };
            Kept::Event(EventRow { seq, at: Timestamp::from_micros(1_790_000_000_000_000), event })
        });
        store.keep(rows.collect()).await.unwrap();
        store.close().await.unwrap();
    });
    place
}

fn read(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[track_caller]
fn check(place: &Place, args: &[&str], first: u64, count: usize) {
    let events = read(&place.expect(0, &[&["events", "--json"], args].concat()).out);
    let numbers: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert_eq!((numbers.first(), numbers.len()), (Some(&first), count), "{args:?}");
    assert!(numbers.is_sorted_by(|one, next| one < next), "{args:?}: {numbers:?}");
    assert!(events.iter().all(|event| event["v"] == 1 && event["event"].is_string()), "{args:?}");
}

#[test]
fn events_are_shown_from_any_number_on() {
    let place = with_a_past();
    place.start();
    let kept = usize::try_from(KEPT).unwrap();
    // The start of this daemon comes after all of them.
    check(&place, &["--since", "99"], 100, kept + 1);
    check(&place, &["--since", "600"], 601, kept - 500);
    check(&place, &["--since", "99", "--names", "config.rejected"], 100, kept / 10);
    check(&place, &["--since", "3099"], 3100, 1);
    // Who names no number wants what is at hand.
    check(&place, &[], 3100, 1);
}

#[test]
fn who_follows_from_a_number_on_misses_nothing_in_between() {
    let place = with_a_past();
    place.start();
    let mut command = place.command(&["events", "--json", "-f", "--since", "99"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap() };
    for seq in 100..=100 + KEPT {
        assert_eq!(next()["seq"], seq);
    }
    // And goes on with what happens now.
    place.expect(0, &["reload"]);
    let event = next();
    assert_eq!((&event["seq"], &event["event"]), (&Value::from(101 + KEPT), &Value::from("config.reloaded")));
    place.expect(0, &["stop"]);
    child.wait().unwrap();
}
