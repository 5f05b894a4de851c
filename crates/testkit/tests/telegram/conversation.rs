//! A conversation from both sides, and how it reads afterwards.

use crate::client::{ANN, Bench};
use leashd_testkit::telegram::{Edits, Notice};
use serde_json::json;
use std::time::Duration;

async fn talk() -> Bench {
    let bench = Bench::new().await;
    let client = &bench.client;
    bench.ann.sends_text(ANN, "fix the test");
    let answer = bench.sends("Let me", &[]).await;
    for text in ["Let me see", "Let me see <b>what</b> fails\n<pre>a &lt; b\n\nc</pre>"] {
        let request = json!({"chat_id": ANN, "message_id": answer.id, "text": text, "parse_mode": "HTML"});
        client.ok("sendChatAction", json!({"chat_id": ANN, "action": "typing"})).await;
        client.ok("editMessageText", request).await;
    }
    let card = bench.sends("DELETE 3 files at 14:05", &["Reject", "Approve"]).await;
    let tap = bench.ann.taps(&card, "Approve");
    let request = json!({"callback_query_id": tap.id(), "text": "Too late", "show_alert": true});
    client.ok("answerCallbackQuery", request).await;
    assert_eq!(tap.answered(Duration::from_secs(1)).await.notice, Notice::Alert);
    let request = json!({"chat_id": ANN, "message_id": card.id, "text": "✓ approved"});
    client.ok("editMessageText", request).await;
    bench.ann.replies_to(&answer, "thanks");
    let request = json!({
        "chat_id": ANN, "text": "What now?", "disable_notification": true,
        "reply_parameters": {"message_id": bench.chat.last().unwrap().id},
        "reply_markup": {"force_reply": true},
    });
    client.ok("sendMessage", request).await;
    let fields = [("chat_id", "42"), ("caption", "the log")];
    assert_eq!(client.upload("sendDocument", &fields, "document", b"hello").await.0, 200);
    client.ok("deleteMessage", json!({"chat_id": ANN, "message_id": answer.id})).await;
    bench
}

#[tokio::test]
async fn it_reads_the_same_however_often_a_message_grew() {
    let bench = talk().await;
    let transcript = bench.chat.transcript().scrubbed(|it| it.replace("14:05", "<time>"));
    let expected = "\
#1 Ann says:
  | /start
#2 Ann says:
  | fix the test
#3 bot says:
  | Let me see <b>what</b> fails
  | <pre>a &lt; b
  |
  | c</pre>
#4 bot says:
  | DELETE 3 files at <time>
    [Reject] [Approve]
→ Ann taps [Approve] of #4
← Ann gets a window: Too late
#4 bot edits:
  | ✓ approved
#5 Ann says, replying to #3:
  | thanks
#6 bot says, replying to #5, silently, asking for a reply:
  | What now?
#7 bot says:
  | <file document.txt, 5 bytes>
  | the log
× #3 is deleted
";
    assert_eq!(transcript.render(), expected);
    let each = bench.chat.transcript().edits(Edits::Each).render();
    assert_eq!(each.matches("#3 bot edits:").count(), 2);
    assert!(each.contains("  | Let me see\n"));
}

#[tokio::test]
async fn a_person_sees_what_was_there_before() {
    let bench = talk().await;
    let chat = &bench.chat;
    assert_eq!(chat.last().unwrap().text(), "the log");
    assert_eq!(chat.messages().len(), 6, "one is deleted");
    let grown = chat.message(3).unwrap();
    assert!(!grown.is_there());
    assert_eq!(grown.versions().count(), 3);
    assert_eq!(grown.now.parts("bold"), ["what"]);
    let card = chat.message(4).unwrap();
    assert!(card.labels().is_empty());
    assert_eq!(card.before[0].labels(), ["Reject", "Approve"]);
    // A phone that shows the card as it was can still tap; so can one that was tampered with.
    let mut old = card.clone();
    old.now = card.before[0].clone();
    bench.ann.taps(&old, "Reject");
    bench.ann.forges_tap(&card, "made up");
    let updates = bench.client.ok("getUpdates", json!({})).await;
    let taps: Vec<_> =
        updates.as_array().unwrap().iter().filter_map(|it| it["callback_query"]["data"].as_str()).collect();
    assert_eq!(taps, ["Approve", "Reject", "made up"]);
}

#[tokio::test]
async fn waiting_ends_when_it_is_so() {
    let bench = Bench::new().await;
    let chat = bench.chat.clone();
    let waiting = tokio::spawn(async move { chat.until_button("Approve").await });
    let said = bench.chat.clone();
    let saying = tokio::spawn(async move { said.until_said("card").await });
    bench.sends("the card", &["Approve"]).await;
    assert_eq!(waiting.await.unwrap().id, saying.await.unwrap().id);
    let never = bench.chat.clone();
    let never =
        tokio::spawn(async move { never.until_within(Duration::from_millis(50), |_| None::<()>).await });
    let panic = never.await.unwrap_err().into_panic();
    assert!(panic.downcast_ref::<String>().unwrap().contains("the card"), "the chat is shown");
}

#[tokio::test]
async fn a_group_bot_hears_only_what_is_for_it() {
    let bench = Bench::new().await;
    let bob = bench.server.person(43, "Bob");
    let group = bench.server.group(-100_500, "Team", &[&bench.ann, &bob]);
    bob.sends_text(group.id(), "lunch?");
    bob.sends_command(group.id(), "/status");
    bob.sends_text(group.id(), "hey @leashd_test_bot");
    let said = bench.client.ok("sendMessage", json!({"chat_id": group.id(), "text": "yes?"})).await;
    let said = i32::try_from(said["message_id"].as_i64().unwrap()).unwrap();
    bob.replies_to(&group.message(said).unwrap(), "never mind");
    let updates = bench.client.ok("getUpdates", json!({})).await;
    let texts: Vec<_> =
        updates.as_array().unwrap().iter().map(|it| it["message"]["text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["/status", "hey @leashd_test_bot", "never mind"]);
}
