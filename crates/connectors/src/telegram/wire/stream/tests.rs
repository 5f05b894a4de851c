//! Growing answers, against the strict server.

use super::super::fixture::{ANN, Bench};
use super::super::{ChatId, Failure, Limits, MessageId, Outbox, Priority};
use super::{Answer, Closing, Growth, Stream, StreamOptions, view};
use crate::telegram::Redact;
use leashd_testkit::telegram::{Message, Pace, Sound};
use std::time::Duration;
use tokio::task::JoinHandle;

type Shown = JoinHandle<Result<Vec<MessageId>, Failure>>;

fn options(growth: Growth) -> StreamOptions {
    StreamOptions { throttle: Duration::from_millis(20), growth, ..StreamOptions::new(ChatId(ANN)) }
}

async fn open(growth: Growth) -> (Bench, Outbox, Stream, Shown) {
    let bench = Bench::new(Pace::unlimited()).await;
    let outbox = bench.outbox(Limits::unpaced());
    let (stream, shown) = Stream::open(&outbox, options(growth));
    (bench, outbox, stream, tokio::spawn(shown))
}

fn closing() -> Closing {
    Closing { tools: vec![("Bash".into(), 3), ("Read".into(), 1)], note: None }
}

fn texts(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(Message::text).collect()
}

#[tokio::test]
async fn an_answer_grows_shows_its_tools_and_ends_with_a_summary() {
    let (bench, _outbox, stream, shown) = open(Growth::Live).await;
    stream.push("I will **look** ");
    bench.chat.until_said("I will look").await;
    stream.indicate(Some("🔧 Bash: pytest\ntests/"));
    bench.chat.until_said("I will look\n\n🔧 Bash: pytest tests/").await;
    stream.indicate(None);
    stream.push("and *mend*. ");
    bench.chat.until(|it| it.last().filter(|it| it.text() == "I will look and mend.")).await;
    stream.close(closing());
    let ids = shown.await.unwrap().unwrap();
    let messages = bench.chat.from_bot();
    assert_eq!(messages[0].html(), "I will <b>look</b> and <i>mend</i>.\n\n🧰 Bash ×3, Read");
    assert_eq!((messages.len(), ids), (1, vec![MessageId(i64::from(messages[0].id))]));
    assert_eq!(messages[0].before.len(), 3, "each state once");
}

#[tokio::test]
async fn an_answer_that_is_too_long_for_a_message_goes_on_in_the_next() {
    let (bench, _outbox, stream, shown) = open(Growth::Live).await;
    let lines: String = (0..600).map(|it| format!("line {it:03} of code\n")).collect();
    stream.push("Here:\n\n```text\n");
    for line in lines.lines() {
        stream.push(line);
        stream.push("\n");
        if line.starts_with("line 500") {
            bench.chat.until_said("line 500").await;
        }
    }
    stream.push("```\nDone.");
    stream.close(closing());
    let ids = shown.await.unwrap().unwrap();
    let messages = bench.chat.from_bot();
    assert_eq!((messages.len(), ids.len()), (3, 3));
    let code: Vec<String> = messages.iter().flat_map(|it| it.now.parts("pre")).collect();
    assert_eq!(code.join("\n"), lines.trim_end());
    assert!(messages[2].text().ends_with("Done.\n\n🧰 Bash ×3, Read"));
    assert_eq!(
        messages.iter().map(|it| it.sound).collect::<Vec<_>>(),
        [Sound::Rings, Sound::Silent, Sound::Silent]
    );
}

#[tokio::test]
async fn without_growth_there_is_one_final_message() {
    let (bench, outbox, stream, shown) = open(Growth::AtTheEnd).await;
    stream.push("first");
    stream.indicate(Some("🔧 Bash"));
    stream.push(" last");
    outbox.send(super::super::fixture::post(ANN, "meanwhile", Priority::Reply)).await.unwrap();
    stream.close(Closing { note: Some("stopped".into()), ..closing() });
    shown.await.unwrap().unwrap();
    assert_eq!(texts(&bench.chat.from_bot()), ["meanwhile", "first last\n\n🧰 Bash ×3, Read\nstopped"]);
    assert!(bench.server.calls_of("editMessageText").is_empty());
}

#[tokio::test]
async fn a_very_long_answer_comes_as_a_file() {
    for (growth, messages) in [(Growth::Live, 2), (Growth::AtTheEnd, 1)] {
        let (bench, _outbox, stream, shown) = open(growth).await;
        let whole = "word ".repeat(4000);
        stream.push(&whole);
        if growth == Growth::Live {
            bench.chat.until_said("20000 characters so far").await;
        }
        stream.close(closing());
        let ids = shown.await.unwrap().unwrap();
        let said = bench.chat.from_bot();
        assert_eq!((said.len(), ids.len()), (messages + 1, messages + 1));
        assert!(
            said[messages - 1]
                .text()
                .ends_with("… the whole answer, 20000 characters, is in the file\n🧰 Bash ×3, Read")
        );
        let file = bench.chat.file(&said[messages]).unwrap();
        assert_eq!((file.name.as_deref(), file.bytes), (Some("answer.md"), whole.into_bytes()));
    }
}

#[tokio::test]
async fn what_is_left_over_goes_and_what_was_deleted_comes_back() {
    let (bench, _outbox, stream, shown) = open(Growth::Live).await;
    stream.indicate(Some("🔧 Read"));
    bench.chat.until_said("🔧 Read").await;
    drop(stream);
    assert_eq!(shown.await.unwrap().unwrap(), []);
    assert!(bench.chat.from_bot().is_empty(), "an answer of nothing leaves nothing");
    let (bench, outbox, stream, shown) = open(Growth::Live).await;
    stream.push("one ");
    let first = bench.chat.until_said("one").await;
    outbox.delete(ChatId(ANN), MessageId(i64::from(first.id)), Priority::Card).await.unwrap();
    stream.push("two");
    stream.close(Closing::default());
    shown.await.unwrap().unwrap();
    assert_eq!(texts(&bench.chat.from_bot()), ["one two"]);
}

#[tokio::test]
async fn somebody_who_blocked_the_bot_ends_it() {
    let (bench, _outbox, stream, shown) = open(Growth::Live).await;
    bench.ann.blocks_bot();
    stream.push("hello ");
    assert!(shown.await.unwrap().unwrap_err().is_forbidden());
}

#[tokio::test]
async fn closed_at_once_it_is_sent_once() {
    for _ in 0..20 {
        let (bench, _outbox, stream, shown) = open(Growth::Live).await;
        stream.push("hello");
        tokio::task::yield_now().await;
        stream.close(Closing::default());
        assert_eq!(shown.await.unwrap().unwrap().len(), 1);
        assert_eq!(texts(&bench.chat.from_bot()), ["hello"]);
    }
}

#[test]
fn every_view_fits_into_its_messages() {
    let tools = vec![("mcp__some_server__some_tool".to_owned(), 12); 40];
    let closing = Closing { tools, note: Some("n".repeat(500)) };
    for length in [0, 1, 3795, 3796, 3797, 4096, 11_000, 11_001, 500_000] {
        for over in [None, Some(closing.clone())] {
            let source = "a".repeat(length);
            let answer =
                Answer { source, closing: over, indicator: Some("i".repeat(900)), ..Answer::default() };
            for growth in [Growth::Live, Growth::AtTheEnd] {
                let view = view(&answer, &options(growth));
                assert!(view.parts.iter().all(|it| (1..=4096).contains(&it.units())), "{length}");
                assert_eq!(view.file.is_some(), length > 11_000 && answer.is_over());
            }
        }
    }
}

#[tokio::test]
async fn a_secret_that_comes_in_pieces_does_not_get_through() {
    let bench = Bench::new(Pace::unlimited()).await;
    let outbox = bench.outbox(Limits::unpaced());
    let redact = Redact::with(|text| text.replace("sk-secret", "[redacted]"));
    let (stream, shown) = Stream::open(&outbox, StreamOptions { redact, ..options(Growth::Live) });
    let shown = tokio::spawn(shown);
    stream.push("The key is s");
    bench.chat.until_said("The key is").await;
    stream.push("k-sec");
    stream.push("ret, and");
    bench.chat.until_said("The key is [redacted],").await;
    stream.push(" a second one: sk-secret");
    stream.close(closing());
    shown.await.unwrap().unwrap();
    let message = bench.chat.from_bot().remove(0);
    assert_eq!(message.text(), "The key is [redacted], and a second one: [redacted]\n\n🧰 Bash ×3, Read");
    assert!(message.versions().all(|it| !it.text().contains("k-")), "{message:?}");
}
