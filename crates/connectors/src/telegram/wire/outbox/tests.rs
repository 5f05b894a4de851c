//! The order and the pace of what is sent: in made-up time where no server is needed, and against the strict server.

use super::super::fixture::{ANN, Bench, GROUP, post};
use super::super::text::Rich;
use super::super::{Button, ChatId, Failure, Keyboard, MessageId, Text};
use super::job::{Job, Outcome, Work};
use super::queue::{Next, Queue, Ticket};
use super::{Allowance, Change, Edit, File, Limits, Notice, Outbox, Post, Priority, Sending, Shown, Sound};
use leashd_testkit::telegram::{Outcome as Met, Pace, RateLimited, Storm, Weather};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// A queue and its time.
struct Desk {
    queue: Queue,
    now: Instant,
}

impl Desk {
    fn new(limits: Limits) -> Self {
        Self { queue: Queue::new(limits), now: Instant::now() }
    }

    fn post(&mut self, chat: i64, text: &str, priority: Priority) -> Sending<MessageId> {
        let (tell, told) = oneshot::channel();
        self.queue.put(Job::new(Work::Post(post(chat, text, priority), tell), self.now), self.now);
        Sending(told)
    }

    fn edit(&mut self, chat: i64, message: i64, text: &str, priority: Priority) -> Sending<Shown> {
        let (tell, told) = oneshot::channel();
        let change = Change::Text { text: Text::plain(text), keyboard: Keyboard::none() };
        let edit = Edit { chat: ChatId(chat), message: MessageId(message), change, priority };
        self.queue.put(Job::new(Work::Edit(edit, tell), self.now), self.now);
        Sending(told)
    }

    fn next(&mut self) -> Option<(Ticket, Job)> {
        match self.queue.next(self.now) {
            Next::Go(ticket, job) => Some((ticket, job)),
            Next::Wait(_) | Next::Over => None,
        }
    }

    /// Sends what goes now, and says what it was.
    fn send(&mut self) -> Option<String> {
        let (ticket, job) = self.next()?;
        let said = said(&job);
        self.queue.finished(ticket, Some((job, Outcome::Message(MessageId(1)))), self.now);
        Some(said)
    }

    fn fail(&mut self, failure: Failure) -> String {
        let (ticket, job) = self.next().unwrap();
        let said = said(&job);
        self.queue.finished(ticket, Some((job, Outcome::Failed(failure))), self.now);
        said
    }

    /// Everything, with the time each was sent at, in milliseconds.
    fn all(&mut self) -> Vec<(String, u128)> {
        let start = self.now;
        let mut all = Vec::new();
        loop {
            match self.queue.next(self.now) {
                Next::Go(ticket, job) => {
                    all.push((said(&job), self.now.duration_since(start).as_millis()));
                    self.queue.finished(ticket, Some((job, Outcome::Message(MessageId(1)))), self.now);
                }
                Next::Wait(Some(until)) => self.now = until,
                Next::Wait(None) | Next::Over => return all,
            }
        }
    }
}

fn said(job: &Job) -> String {
    match &job.work {
        Work::Post(post, _) => post.text.without_markup().to_owned(),
        Work::Edit(Edit { change: Change::Text { text, .. }, .. }, _) => text.without_markup().to_owned(),
        other => format!("{other:?}"),
    }
}

fn network() -> Failure {
    Failure::Network { method: "sendMessage", what: "gone".into() }
}

#[test]
fn the_urgent_goes_first_and_the_rest_in_order() {
    let mut desk = Desk::new(Limits::default());
    let _kept = [
        desk.post(1, "stream", Priority::Stream),
        desk.post(1, "reply 1", Priority::Reply),
        desk.post(1, "reply 2", Priority::Reply),
        desk.post(1, "card", Priority::Card),
        desk.post(1, "stop", Priority::Stop),
    ];
    let expected = [("stop", 0), ("card", 1000), ("reply 1", 2000), ("reply 2", 3000), ("stream", 4000)];
    assert_eq!(desk.all(), expected.map(|it| (it.0.to_owned(), it.1)));
}

#[tokio::test]
async fn only_the_newest_edit_of_a_message_is_sent() {
    let mut desk = Desk::new(Limits::default());
    let first = desk.edit(1, 7, "a", Priority::Stream);
    let other = desk.edit(1, 8, "other", Priority::Stream);
    let second = desk.edit(1, 7, "b", Priority::Card);
    let third = desk.edit(1, 7, "c", Priority::Stream);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (Shown::Superseded, Shown::Superseded));
    assert_eq!(desk.all(), [("c".to_owned(), 0), ("other".to_owned(), 1000)], "as urgent as the most urgent");
    assert_eq!((third.await.unwrap(), other.await.unwrap()), (Shown::Now, Shown::Now));
}

#[tokio::test]
async fn an_edit_that_comes_back_meets_a_newer_one() {
    let mut desk = Desk::new(Limits::default());
    let first = desk.edit(1, 7, "a", Priority::Stream);
    let (ticket, job) = desk.next().unwrap();
    let second = desk.edit(1, 7, "b", Priority::Stream);
    desk.queue.finished(ticket, Some((job, Outcome::Failed(network()))), desk.now);
    assert_eq!(first.await.unwrap(), Shown::Superseded);
    assert_eq!(desk.all(), [("b".to_owned(), 1000)]);
    assert_eq!((second.await.unwrap(), desk.queue.len()), (Shown::Now, 0));
}

#[test]
fn after_a_broken_connection_one_request_finds_out() {
    let mut desk = Desk::new(Limits::default());
    let _kept = [1, 2, 3].map(|chat| desk.post(chat, &chat.to_string(), Priority::Reply));
    let mut waits = Vec::new();
    for _ in 0..8 {
        assert_eq!(desk.fail(network()), "1", "nothing overtakes it");
        let Next::Wait(Some(until)) = desk.queue.next(desk.now) else { panic!("everything waits") };
        waits.push(until.duration_since(desk.now).as_secs());
        desk.now = until;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
    let probe = desk.next().unwrap();
    assert!(desk.next().is_none(), "one at a time");
    desk.queue.finished(probe.0, Some((probe.1, Outcome::Message(MessageId(1)))), desk.now);
    assert_eq!((desk.send(), desk.send()), (Some("2".into()), Some("3".into())), "and then all");
}

#[tokio::test]
async fn a_message_waits_a_day_for_the_network_and_a_tap_a_minute() {
    let mut desk = Desk::new(Limits::default());
    let message = desk.post(1, "hello", Priority::Reply);
    let (tell, tapped) = oneshot::channel();
    let work = Work::Tap { tap: "1".into(), text: String::new(), notice: Notice::Toast, tell };
    desk.queue.put(Job::new(work, desk.now), desk.now);
    desk.now += Duration::from_secs(60);
    desk.fail(network());
    assert!(matches!(tapped.await.unwrap(), Err(Failure::Network { .. })));
    desk.now += Duration::from_secs(60 * 60);
    desk.fail(network());
    assert_eq!(desk.queue.len(), 1);
    desk.now += Duration::from_secs(24 * 60 * 60);
    desk.fail(network());
    assert!(matches!(message.await, Err(Failure::Network { .. })));
    assert_eq!(desk.queue.len(), 0);
}

#[test]
fn a_throttled_chat_waits_alone_and_two_mean_everybody() {
    let mut desk = Desk::new(Limits::default());
    let _kept = [1, 2, 3].map(|chat| desk.post(chat, &chat.to_string(), Priority::Reply));
    let throttled = || Failure::Throttled { method: "sendMessage", retry_after: 7 * SECOND };
    assert_eq!(desk.fail(throttled()), "1");
    assert_eq!(desk.fail(throttled()), "2");
    assert!(desk.next().is_none(), "3 waits too");
    desk.now += 7 * SECOND;
    assert!(desk.next().is_none(), "a little longer than was said");
    assert_eq!(desk.all().into_iter().map(|it| it.0).collect::<Vec<_>>(), ["1", "2", "3"]);
}

#[test]
fn a_server_error_stops_one_chat_only() {
    let mut desk = Desk::new(Limits::default());
    let _kept = [1, 2].map(|chat| desk.post(chat, &chat.to_string(), Priority::Reply));
    let error = Failure::Refused { method: "sendMessage", code: 502, description: String::new() };
    assert_eq!(desk.fail(error), "1");
    assert_eq!(desk.all(), [("2".to_owned(), 0), ("1".to_owned(), 1000)]);
}

#[tokio::test]
async fn a_full_queue_says_so_and_keeps_room_for_cards() {
    let limits = Limits { waiting_each: 5, ..Limits::default() };
    let mut desk = Desk::new(limits);
    let _kept: Vec<_> = (0..4).map(|it| desk.post(1, &it.to_string(), Priority::Stream)).collect();
    let refused = desk.post(1, "more", Priority::Reply).await;
    assert!(matches!(refused, Err(Failure::Full { waiting: 4 })), "{refused:?}");
    let _card = desk.post(1, "card", Priority::Card);
    assert!(matches!(desk.post(1, "card", Priority::Card).await, Err(Failure::Full { waiting: 5 })));
    assert_eq!(desk.all().len(), 5);
    let limits = Limits { waiting_bytes: 10, ..Limits::default() };
    let mut desk = Desk::new(limits);
    let (tell, told) = oneshot::channel();
    let file = file(&[0; 11]);
    desk.queue.put(Job::new(Work::File(file, tell), desk.now), desk.now);
    assert!(matches!(told.await.unwrap(), Err(Failure::Full { .. })));
}

/// The most in any window of this length.
fn busiest(times: &[u128], window: u128) -> usize {
    times
        .iter()
        .map(|from| times.iter().filter(|it| (*from..from + window).contains(it)).count())
        .max()
        .unwrap()
}

#[test]
fn a_group_and_all_chats_have_their_limits_with_room_for_the_urgent() {
    let mut desk = Desk::new(Limits::default());
    let mut kept: Vec<_> = (0..60).map(|it| desk.post(GROUP, &it.to_string(), Priority::Card)).collect();
    let times: Vec<_> = desk.all().into_iter().map(|it| it.1).collect();
    assert_eq!((busiest(&times, 60_000), busiest(&times, 1000)), (20, 1));
    let mut desk = Desk::new(Limits::default());
    kept.extend((0..40).map(|it| desk.post(GROUP, &it.to_string(), Priority::Stream)));
    let times: Vec<_> = desk.all().into_iter().map(|it| it.1).collect();
    assert_eq!(busiest(&times, 60_000), 14, "six of twenty are for what is urgent");
    let mut desk = Desk::new(Limits::default());
    for chat in 1..=100 {
        kept.push(desk.post(chat, "stream", Priority::Stream));
    }
    let (first, rest): (Vec<_>, Vec<_>) = desk.all().into_iter().partition(|it| it.1 == 0);
    assert_eq!((first.len(), rest.len()), (21, 79));
}

#[test]
fn what_is_under_way_counts() {
    let mut desk = Desk::new(Limits::default());
    let _kept: Vec<_> = (1..=40).map(|it| desk.post(it, "x", Priority::Card)).collect();
    let trips: Vec<_> = std::iter::from_fn(|| desk.next()).collect();
    assert_eq!(trips.len(), 30);
    desk.now += 10 * SECOND;
    assert!(desk.next().is_none(), "they may arrive together any time");
    for (ticket, job) in trips {
        desk.queue.finished(ticket, Some((job, Outcome::Message(MessageId(1)))), desk.now);
    }
    assert!(desk.next().is_none());
    desk.now += SECOND;
    assert_eq!(desk.all().len(), 10);
}

fn file(bytes: &[u8]) -> File {
    File {
        chat: ChatId(ANN),
        name: "out.txt".into(),
        bytes: bytes.to_vec().into(),
        caption: Rich::new().bold("all of it").text(),
        reply_to: None,
        priority: Priority::Reply,
        sound: Sound::Silent,
    }
}

fn keyboard(label: &str) -> Keyboard {
    Keyboard { rows: vec![vec![Button::new(label, "id")]] }
}

#[tokio::test]
async fn every_kind_of_work_is_as_published() {
    let bench = Bench::new(Pace::unlimited()).await;
    let outbox = bench.outbox(Limits::unpaced());
    let text = Rich::new().bold("Run").plain(" <this> & ").code("rm *").text();
    let sent = Post { keyboard: keyboard("Approve"), sound: Sound::Silent, ..Post::new(ChatId(ANN), text) };
    let id = outbox.send(sent).await.unwrap();
    let message = bench.chat.until_button("Approve").await;
    assert_eq!(message.html(), "<b>Run</b> &lt;this&gt; &amp; <code>rm *</code>");
    let tap = bench.ann.taps(&message, "Approve");
    outbox.answer_tap(tap.id(), &"é".repeat(300), Notice::Alert).await.unwrap();
    assert_eq!(tap.answered(SECOND).await.text, "é".repeat(100));
    let edit = |change| Edit { chat: ChatId(ANN), message: id, change, priority: Priority::Card };
    assert_eq!(outbox.edit(edit(Change::Keyboard(keyboard("Done")))).await.unwrap(), Shown::Now);
    let change = || Change::Text { text: Text::plain("done"), keyboard: Keyboard::none() };
    assert_eq!(outbox.edit(edit(change())).await.unwrap(), Shown::Now);
    assert_eq!(outbox.edit(edit(change())).await.unwrap(), Shown::Now, "it says so already");
    outbox.typing(ChatId(ANN));
    let sent = outbox.document(file(b"--leashd-form")).await.unwrap();
    let sent = bench.chat.message(i32::try_from(sent.0).unwrap()).unwrap();
    assert_eq!(bench.chat.file(&sent).unwrap().bytes, b"--leashd-form");
    assert_eq!(sent.html(), "<b>all of it</b>");
    outbox.delete(ChatId(ANN), id, Priority::Reply).await.unwrap();
    outbox.delete(ChatId(ANN), id, Priority::Reply).await.unwrap();
    let gone = Post { reply_to: Some(id), ..post(ANN, "to what is gone", Priority::Reply) };
    outbox.send(gone).await.unwrap();
    outbox.settled().await;
    assert_eq!(bench.server.calls_of("sendChatAction").len(), 1);
}

#[tokio::test]
async fn markup_that_telegram_refuses_is_sent_without() {
    let bench = Bench::new(Pace::unlimited()).await;
    let outbox = bench.outbox(Limits::unpaced());
    let broken = || Text::with_html("<b>not closed", "not closed");
    let id = outbox.send(Post::new(ChatId(ANN), broken())).await.unwrap();
    assert_eq!(bench.chat.last().unwrap().text(), "not closed");
    let text = Text::with_html("<nope>x</nope>", "x");
    let change = Change::Text { text, keyboard: Keyboard::none() };
    outbox.edit(Edit { chat: ChatId(ANN), message: id, change, priority: Priority::Card }).await.unwrap();
    assert_eq!(bench.chat.last().unwrap().text(), "x");
    outbox.document(File { caption: broken(), ..file(b"x") }).await.unwrap();
    assert_eq!(bench.chat.last().unwrap().text(), "not closed");
}

#[tokio::test]
async fn what_telegram_refuses_is_told_with_its_words() {
    let bench = Bench::new(Pace::unlimited()).await;
    let outbox = bench.outbox(Limits::unpaced());
    let failure = outbox.send(post(4711, "hello", Priority::Reply)).await.unwrap_err();
    assert!(failure.says("chat not found"), "{failure}");
    bench.ann.blocks_bot();
    assert!(outbox.send(post(ANN, "hello", Priority::Reply)).await.unwrap_err().is_forbidden());
    let failure = outbox.answer_tap("4711", "", Notice::Toast).await.unwrap_err();
    assert!(failure.says("query is too old"), "{failure}");
    bench.server.revoke_token();
    let failure = outbox.send(post(ANN, "hello", Priority::Reply)).await.unwrap_err();
    assert!(matches!(failure, Failure::Unauthorized { code: 401 }), "{failure}");
}

/// How often a message arrived that met this weather once, and how it ended.
async fn in_weather(weather: Weather) -> (usize, usize) {
    let bench = Bench::new(Pace::default()).await;
    bench.server.storm(Storm::of(weather).on("sendMessage").requests(1));
    let outbox = bench.outbox(Limits::default());
    let sent = [1, 2].map(|it| outbox.send(post(ANN, &it.to_string(), Priority::Reply)));
    for sent in sent {
        sent.await.unwrap();
    }
    assert_eq!(bench.server.rate_limited(), RateLimited::default());
    let texts: Vec<_> = bench.chat.from_bot().iter().map(|it| it.text().to_owned()).collect();
    let count = |text: &str| texts.iter().filter(|it| *it == text).count();
    assert_eq!(texts.last().map(String::as_str), Some("2"), "nothing overtakes");
    (count("1"), count("2"))
}

#[tokio::test]
async fn in_bad_weather_everything_arrives_at_least_once() {
    let all = [
        (Weather::Throttled(1), 1),
        (Weather::InternalError, 1),
        (Weather::BadGateway, 1),
        (Weather::Garbage, 1),
        (Weather::Reset, 1),
        // It was carried out, and nobody could know.
        (Weather::HalfAnswer, 2),
        (Weather::LostAnswer, 2),
    ];
    let runs = all.map(|(weather, times)| (times, tokio::spawn(in_weather(weather))));
    for (times, run) in runs {
        assert_eq!(run.await.unwrap(), (times, 1));
    }
}

#[tokio::test]
async fn a_server_that_is_down_for_ten_minutes_loses_nothing() {
    let bench = Bench::new(Pace::default()).await;
    let outbox = bench.outbox(Limits::default());
    let first = outbox.send(post(ANN, "before", Priority::Stream)).await.unwrap();
    bench.server.storm(Storm::of(Weather::Down).lasts(Duration::from_secs(600)));
    let mut edits = Vec::new();
    for text in ["a", "b", "c"] {
        let change = Change::Text { text: Text::plain(text), keyboard: Keyboard::none() };
        let edit = Edit { chat: ChatId(ANN), message: first, change, priority: Priority::Stream };
        edits.push(outbox.edit(edit));
    }
    let sent = ["1", "2"].map(|it| outbox.send(post(ANN, it, Priority::Reply)));
    bench.server.until(|it| (it.storms_met() > 1).then_some(())).await;
    bench.server.advance(Duration::from_secs(600));
    for sent in sent {
        sent.await.unwrap();
    }
    let mut shown = Vec::new();
    for edit in edits {
        shown.push(edit.await.unwrap());
    }
    assert_eq!(shown, [Shown::Superseded, Shown::Superseded, Shown::Now]);
    let texts: Vec<_> = bench.chat.from_bot().iter().map(|it| it.text().to_owned()).collect();
    assert_eq!((texts, bench.server.rate_limited().answers), (vec!["c".into(), "1".into(), "2".into()], 0));
}

#[tokio::test]
async fn a_hundred_chats_stream_within_the_limits() {
    let bench = Bench::new(Pace::default()).await;
    let outbox = bench.outbox(Limits::default());
    let group = bench.server.group(GROUP, "Us", &[&bench.ann]);
    let people: Vec<_> = (0..100).map(|it| bench.server.person(1000 + it, "P")).collect();
    for person in &people {
        person.sends_command(person.id(), "/start");
    }
    let chats: Vec<_> = people.iter().map(|it| it.id()).chain([group.id()]).collect();
    let writers = chats.iter().map(|chat| tokio::spawn(write(outbox.clone(), *chat))).collect::<Vec<_>>();
    // Somebody stops while everybody streams.
    let start = Instant::now();
    outbox.send(post(ANN, "stopped", Priority::Stop)).await.unwrap();
    assert!(start.elapsed() < SECOND, "{:?}", start.elapsed());
    for writer in writers {
        writer.await.unwrap();
    }
    outbox.settled().await;
    for chat in chats {
        let last = bench.server.chat(chat).last().unwrap();
        assert_eq!(last.text(), "the end", "{chat}");
    }
    assert_eq!(bench.server.rate_limited(), RateLimited::default());
    assert!(bench.server.busiest(None, SECOND) <= 30);
    assert!(bench.server.calls().iter().all(|it| it.outcome == Met::Done));
}

/// A text that changes ten times before anybody has seen it.
async fn write(outbox: Outbox, chat: i64) {
    let id = outbox.send(post(chat, "the beginning", Priority::Stream)).await.unwrap();
    let mut last = None;
    for step in ["1", "2", "3", "4", "5", "6", "7", "8", "9", "the end"] {
        let change = Change::Text { text: Text::plain(step), keyboard: Keyboard::none() };
        let edit = Edit { chat: ChatId(chat), message: id, change, priority: Priority::Stream };
        last = Some(outbox.edit(edit));
    }
    assert_eq!(last.unwrap().await.unwrap(), Shown::Now);
}

#[tokio::test]
async fn it_ends_when_all_is_sent_and_tells_those_who_come_later() {
    let bench = Bench::new(Pace::unlimited()).await;
    let (outbox, courier) = Outbox::open(bench.client.clone(), Limits::unpaced());
    let sent = outbox.send(post(ANN, "last words", Priority::Reply));
    drop(outbox);
    courier.await;
    sent.await.unwrap();
    let (outbox, courier) = Outbox::open(bench.client.clone(), Limits::default());
    let waiting = outbox.send(post(ANN, "never", Priority::Reply));
    drop(courier);
    assert!(matches!(waiting.await, Err(Failure::Closed)));
    assert!(matches!(outbox.send(post(ANN, "late", Priority::Reply)).await, Err(Failure::Closed)));
}

#[test]
fn shares_leave_room_and_never_nothing() {
    let of = |messages, priority| Allowance { messages, within: SECOND }.of(priority).messages;
    for (messages, expected) in [(1, [1, 1, 1, 1]), (20, [20, 20, 18, 14]), (30, [30, 30, 27, 21])] {
        let all = [Priority::Stop, Priority::Card, Priority::Reply, Priority::Stream];
        assert_eq!(all.map(|it| of(messages, it)), expected);
    }
    assert!(of(usize::MAX, Priority::Stream) > usize::MAX / 2, "no overflow");
}
