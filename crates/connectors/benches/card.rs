//! How long a person waits for leashd itself: from the ask to its card at Telegram's door, and from the tap to the answer
//! at the daemon's desk. One chat each, against the strict server on loopback, so nothing waits for Telegram's limits.
//! Prints medians; fails on nothing, because it measures a machine as well.
#![expect(clippy::unwrap_used, reason = "a measurement")]

#[path = "../tests/telegram/daemon.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the daemon of the tests, which need more of it"
)]
mod daemon;

use daemon::{Daemon, call};
use leashd_connectors::telegram::{self, Health, Options, Token};
use leashd_testkit::telegram::TelegramServer;
use leashd_types::{AskKind, Band, Containment, Decision, RuleRef, Stage, Verdict};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Chats, one card each. Below what may be sent in a second overall.
const CHATS: i64 = 25;
/// So that no limit of the whole bot is met: two messages a chat.
const APART: Duration = Duration::from_millis(120);

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let server = TelegramServer::start().await.unwrap();
    let people: Vec<i64> = (1..=CHATS).collect();
    let daemon = Daemon::new(&people);
    let state = tempfile::tempdir().unwrap();
    let mut options = Options::new(Token::new(server.token()), state.path().to_owned());
    options.base_url = server.base_url();
    let (health, _) = watch::channel(Health::default());
    let talking = tokio::spawn(telegram::run(daemon.desk(), options, health, std::future::pending()));
    let (mut cards, mut taps) = (Vec::new(), Vec::new());
    for (number, id) in (1..).zip(people) {
        let (person, chat) = (server.person(id, "Anna"), server.chat(id));
        person.sends_text(id, "clean up");
        let (session, _) = daemon.heard(number).await;
        let begun = Instant::now();
        let ask = daemon.asks(&session, approval(&session)).await;
        let card = chat.until_button("Approve").await;
        cards.push(begun.elapsed());
        tokio::time::sleep(APART).await;
        let begun = Instant::now();
        let tap = person.taps(&card, "Approve");
        daemon.answered(&ask.id).await;
        taps.push(begun.elapsed());
        tap.answered(Duration::from_secs(10)).await;
        tokio::time::sleep(APART).await;
    }
    talking.abort();
    println!("from ask to card on the wire:  median {:?} of {CHATS}", median(cards));
    println!("from tap to answer at the desk: median {:?} of {CHATS}", median(taps));
}

fn approval(session: &leashd_types::SessionId) -> AskKind {
    let verdict = Verdict {
        decision: Decision::Ask,
        band: Band::High,
        rule: RuleRef { name: "delete".to_owned(), source: "default".to_owned(), line: 12 },
        reason: "it deletes files".to_owned(),
        stage: Stage::Policy,
        commands: Vec::new(),
        effects: Vec::new(),
        nearest_allow: None,
    };
    AskKind::Approval {
        call: call(session, "Bash", json!({"command": "rm -r build"})),
        verdict,
        session_rule: None,
        containment: Containment::Proven,
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
