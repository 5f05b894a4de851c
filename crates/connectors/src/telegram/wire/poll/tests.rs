//! Listening, against the strict server: nothing lost, nothing twice, one poller, never silently deaf.

use super::super::fixture::{ANN, Bench};
use super::super::{Content, Failure, Forwarding};
use super::inbox::{Entry, Inbox};
use super::{Health, Incoming, PollOptions, PollState, Poller, RIVAL_WAIT, verdict};
use leashd_testkit::telegram::{Delivery, Pace, Storm, Weather};
use serde_json::json;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

struct Ear {
    bench: Bench,
    directory: tempfile::TempDir,
    incoming: mpsc::Receiver<Incoming>,
    health: watch::Receiver<Health>,
    stop: Option<oneshot::Sender<()>>,
    run: JoinHandle<()>,
}

impl Ear {
    async fn new() -> Self {
        let bench = Bench::new(Pace::unlimited()).await;
        Self::with(bench, tempfile::tempdir().unwrap(), Vec::new())
    }

    fn with(bench: Bench, directory: tempfile::TempDir, seen: Vec<i64>) -> Self {
        let options = PollOptions { directory: directory.path().to_owned(), seen };
        let (poller, incoming, health) = Poller::open(bench.client.clone(), &options).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = tokio::spawn(poller.run(async { drop(stopped.await) }));
        Self { bench, directory, incoming, health, stop: Some(stop), run }
    }

    async fn next(&mut self) -> Incoming {
        let next = tokio::time::timeout(Duration::from_secs(20), self.incoming.recv());
        next.await.expect("an update in time").expect("the poller runs")
    }

    /// Stores the next update and says what it was.
    async fn stored(&mut self) -> (i64, String) {
        let Incoming { update, stored } = self.next().await;
        stored.send(()).unwrap();
        (update.id, text(&update.content))
    }

    async fn state(&mut self, state: PollState) -> Health {
        let wait = self.health.wait_for(|it| it.state == state);
        tokio::time::timeout(Duration::from_secs(20), wait).await.expect("in time").unwrap().clone()
    }

    async fn stop(mut self) -> (Bench, tempfile::TempDir) {
        drop(self.stop.take());
        self.run.await.unwrap();
        (self.bench, self.directory)
    }
}

fn text(content: &Content) -> String {
    match content {
        Content::Message(it) => {
            it.text.clone().unwrap_or_else(|| it.unsupported.what().unwrap_or("file").into())
        }
        Content::Edited(it) => format!("edited {}", it.text.as_deref().unwrap_or_default()),
        Content::Tap(it) => format!("tapped {}", it.data.as_deref().unwrap_or_default()),
        Content::Membership(it) => format!("bot is {}", it.now.status),
    }
}

#[tokio::test]
async fn an_update_is_acknowledged_only_when_it_is_stored() {
    let mut ear = Ear::new().await;
    let start = ear.next().await;
    ear.bench.ann.sends_text(ANN, "one");
    assert_eq!(ear.bench.server.pending_updates(), 2);
    start.stored.send(()).unwrap();
    let one = ear.next().await;
    assert_eq!((text(&one.update.content), ear.bench.server.pending_updates()), ("one".into(), 1));
    drop(one.stored);
    assert_eq!(ear.stored().await.1, "one", "not stored, it comes again");
    ear.bench.server.until(|it| (it.pending_updates() == 0).then_some(())).await;
    let health = ear.state(PollState::Listening).await;
    assert!(health.last_poll.is_some() && health.last_update.is_some() && health.last_error.is_none());
}

#[tokio::test]
async fn everything_a_person_does_is_read() {
    let mut ear = Ear::new().await;
    ear.stored().await;
    let server = &ear.bench.server;
    let outbox = ear.bench.outbox(super::super::Limits::unpaced());
    let keyboard = super::super::Keyboard { rows: vec![vec![super::super::Button::new("Go", "go-1")]] };
    let post = super::super::fixture::post(ANN, "go?", super::super::Priority::Card);
    outbox.send(super::super::Post { keyboard, ..post }).await.unwrap();
    let (ann, card) = (ear.bench.ann.clone(), ear.bench.chat.until_button("Go").await);
    ann.taps(&card, "Go");
    ann.replies_to(&card, "no");
    let own = ann.sends_text(ANN, "teh");
    ann.edits(&ear.bench.chat.message(own).unwrap(), "the");
    ann.forwards(&ear.bench.chat.message(own).unwrap(), ANN);
    ann.sends_photo(ANN, [0xff, 0xd8, 0xff].to_vec(), "look");
    ann.sends_document(ANN, "a.txt", "text/plain", "hello", "");
    ann.sends_voice(ANN, 3);
    ann.blocks_bot();
    server.sends_raw_update(json!({"from_the_future": {"x": 1}}));
    ann.unblocks_bot();
    assert_eq!(ear.stored().await.1, "tapped go-1");
    let Incoming { update, stored } = ear.next().await;
    stored.send(()).unwrap();
    let Content::Message(reply) = update.content else { panic!("a message") };
    assert_eq!(reply.reply_to.unwrap().id.0, i64::from(card.id));
    let mut texts = Vec::new();
    for _ in 0..2 {
        texts.push(ear.stored().await.1);
    }
    assert_eq!(texts, ["teh", "edited the"]);
    let Incoming { update, stored } = ear.next().await;
    stored.send(()).unwrap();
    assert!(matches!(update.content, Content::Message(it) if it.forwarding == Forwarding::Forwarded));
    let Incoming { update, stored } = ear.next().await;
    stored.send(()).unwrap();
    let Content::Message(photo) = update.content else { panic!("a photo") };
    assert_eq!((photo.photo.len(), photo.caption.as_deref()), (1, Some("look")));
    let Incoming { update, stored } = ear.next().await;
    stored.send(()).unwrap();
    let Content::Message(file) = update.content else { panic!("a file") };
    let document = file.document.unwrap();
    assert_eq!(document.file_name.as_deref(), Some("a.txt"));
    let fetched = ear.bench.client.fetch(&document.file_id, 5).await.unwrap();
    assert_eq!(&*fetched.bytes, b"hello");
    assert!(matches!(
        ear.bench.client.fetch(&document.file_id, 4).await,
        Err(Failure::TooLong { limit: 4, .. })
    ));
    let mut rest = Vec::new();
    for _ in 0..3 {
        rest.push(ear.stored().await.1);
    }
    assert_eq!(rest, ["a voice message", "bot is kicked", "bot is member"]);
    assert_eq!(ear.health.borrow().skipped, 1);
}

#[tokio::test]
async fn what_comes_twice_again_and_backwards_is_handed_out_once() {
    let mut ear = Ear::new().await;
    ear.stored().await;
    for delivery in [Delivery::Twice, Delivery::Again, Delivery::Backwards, Delivery::InOrder] {
        ear.bench.server.deliver(delivery);
        ear.bench.ann.sends_text(ANN, "a");
        ear.bench.ann.sends_text(ANN, "b");
        let texts = [ear.stored().await.1, ear.stored().await.1];
        assert_eq!(texts, ["a", "b"], "{delivery:?}");
    }
    ear.bench.server.until(|it| (it.pending_updates() == 0).then_some(())).await;
    ear.bench.server.restart_update_ids(7);
    ear.bench.ann.sends_text(ANN, "after a quiet week");
    assert_eq!(ear.stored().await, (7, "after a quiet week".to_owned()));
    ear.bench.server.until(|it| (it.pending_updates() == 0).then_some(())).await;
    ear.bench.ann.sends_text(ANN, "on");
    assert_eq!(ear.stored().await.1, "on", "and nothing came again");
}

#[tokio::test]
async fn a_restart_brings_nothing_again_that_was_stored() {
    let mut ear = Ear::new().await;
    let (id, _) = ear.stored().await;
    ear.bench.server.until(|it| (it.pending_updates() == 0).then_some(())).await;
    ear.bench.ann.sends_text(ANN, "one");
    ear.stored().await;
    let (bench, directory) = ear.stop().await;
    assert_eq!(bench.server.pending_updates(), 0, "said when it went down");
    bench.server.sends_raw_update(json!({"message": {"message_id": 1}}));
    bench.ann.sends_text(ANN, "two");
    let mut ear = Ear::with(bench, directory, vec![id + 1, id + 2]);
    assert_eq!(ear.stored().await.1, "two");
}

#[tokio::test]
async fn one_process_polls_for_one_token() {
    let ear = Ear::new().await;
    let options = PollOptions { directory: ear.directory.path().to_owned(), seen: Vec::new() };
    let second = Poller::open(ear.bench.client.clone(), &options);
    assert!(matches!(&second, Err(Failure::Locked { path }) if path.starts_with(ear.directory.path())));
    let (bench, _directory) = ear.stop().await;
    Poller::open(bench.client.clone(), &options).unwrap();
    let nowhere = PollOptions { directory: "/nowhere/at/all".into(), seen: Vec::new() };
    assert!(matches!(Poller::open(bench.client.clone(), &nowhere), Err(Failure::Lock { .. })));
}

#[tokio::test]
async fn a_rival_is_seen_and_left_alone_for_more_than_a_minute() {
    let mut ear = Ear::new().await;
    ear.stored().await;
    let polls = ear.bench.server.polls();
    ear.bench.server.until(|it| (it.pending_updates() == 0 && it.polls() >= polls).then_some(())).await;
    ear.bench.server.rival_polls();
    let health = ear.state(PollState::Rival).await;
    assert!(health.last_error.unwrap().contains("only one bot instance"));
    assert!(RIVAL_WAIT > Duration::from_secs(60));
}

#[tokio::test]
async fn bad_weather_is_seen_and_nothing_is_lost() {
    for weather in
        [Weather::Reset, Weather::BadGateway, Weather::Garbage, Weather::HalfAnswer, Weather::LostAnswer]
    {
        let bench = Bench::new(Pace::unlimited()).await;
        bench.server.storm(Storm::of(weather.clone()).on("getUpdates").requests(1));
        let mut ear = Ear::with(bench, tempfile::tempdir().unwrap(), Vec::new());
        ear.state(PollState::Unreachable).await;
        assert_eq!(ear.stored().await.1, "/start", "{weather:?}");
        let health = ear.state(PollState::Listening).await;
        assert!(!health.last_error.unwrap().contains(ear.bench.server.token()), "{weather:?}");
    }
}

#[tokio::test]
async fn a_token_that_is_not_taken_is_seen() {
    let bench = Bench::new(Pace::unlimited()).await;
    bench.server.revoke_token();
    let mut ear = Ear::with(bench, tempfile::tempdir().unwrap(), Vec::new());
    ear.state(PollState::Unauthorized).await;
}

#[test]
fn waits_grow_up_to_a_minute_and_obey_telegram() {
    let network = Failure::Network { method: "getUpdates", what: String::new() };
    let waits: Vec<_> = (0..8).map(|it| verdict(&network, it).1.as_secs()).collect();
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    let throttled = Failure::Throttled { method: "getUpdates", retry_after: Duration::from_secs(7) };
    assert_eq!(verdict(&throttled, 0), (PollState::Throttled, Duration::from_secs(8)));
    let rival = Failure::Conflict { method: "getUpdates", description: String::new() };
    assert_eq!(verdict(&rival, 9), (PollState::Rival, Duration::from_secs(65)));
}

#[test]
fn the_offset_stops_at_what_is_not_stored_and_follows_a_new_count() {
    let mut inbox = Inbox::new(&[10]);
    let message = |id: i64| json!({"update_id": id, "message": {"message_id": 1, "chat": {"id": 1, "type": "private"}}});
    let kinds = |batch: Vec<Entry>| -> String {
        batch
            .iter()
            .map(|it| match it {
                Entry::Fresh(_) => 'f',
                Entry::Known(_) => 'k',
                Entry::Skipped(_) => 's',
            })
            .collect()
    };
    let batch = inbox.sort(vec![
        message(12),
        message(10),
        message(11),
        message(12),
        json!("x"),
        json!({"update_id": 13}),
    ]);
    assert_eq!(kinds(batch), "skffs");
    inbox.stored(11);
    inbox.remember(13);
    assert_eq!((inbox.offset(), inbox.unsaid()), (Some(12), Some(12)));
    inbox.said(Some(12));
    inbox.stored(10);
    assert_eq!((inbox.offset(), inbox.unsaid()), (Some(12), None), "an old one moves nothing back");
    inbox.stored(3);
    assert_eq!(inbox.offset(), Some(4), "a new count");
    for id in 100..20_100 {
        inbox.remember(id);
    }
    assert_eq!(kinds(inbox.sort(vec![message(100), message(20_000)])), "fk", "what is known has a limit");
}
