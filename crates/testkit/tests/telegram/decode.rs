//! Every answer and every update is read with the types of an independent crate, and nothing of it is lost on the way:
//! what they do not know, Telegram does not say.

use crate::client::{ANN, Bench};
use frankenstein::response::{ErrorResponse, MethodResponse};
use frankenstein::types::{BotCommand, ChatFullInfo, File, Message, User};
use frankenstein::updates::{Update, UpdateContent, WebhookInfo};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A PNG of this size, as far as its header goes.
pub(crate) fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    bytes.extend_from_slice(&width.to_be_bytes());
    bytes.extend_from_slice(&height.to_be_bytes());
    bytes.extend_from_slice(&[8, 6, 0, 0, 0]);
    bytes
}

#[track_caller]
fn same<T: DeserializeOwned + Serialize>(value: &Value) -> T {
    let theirs: T =
        serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{error}: {value:#}"));
    assert_eq!(&without_nulls(serde_json::to_value(&theirs).unwrap()), value);
    theirs
}

/// They write some fields they have nothing for as null.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let there = fields.into_iter().filter(|it| !it.1.is_null());
            there.map(|(name, value)| (name, without_nulls(value))).collect::<serde_json::Map<_, _>>().into()
        }
        Value::Array(items) => items.into_iter().map(without_nulls).collect(),
        other => other,
    }
}

#[track_caller]
fn success<T: DeserializeOwned + Serialize>(answer: &(u16, Value)) -> T {
    assert_eq!(answer.0, 200, "{}", answer.1);
    same::<MethodResponse<T>>(&answer.1).result
}

#[tokio::test]
async fn results_decode() {
    let bench = Bench::new().await;
    let call = async |method: &str, request: Value| bench.client.call(method, request).await;
    assert!(success::<User>(&call("getMe", json!({})).await).is_bot);
    success::<ChatFullInfo>(&call("getChat", json!({"chat_id": ANN})).await);
    success::<bool>(&call("deleteWebhook", json!({"drop_pending_updates": false})).await);
    success::<WebhookInfo>(&call("getWebhookInfo", json!({})).await);
    let commands = json!([{"command": "status", "description": "What goes on"}]);
    success::<bool>(&call("setMyCommands", json!({"commands": commands})).await);
    assert_eq!(success::<Vec<BotCommand>>(&call("getMyCommands", json!({})).await).len(), 1);
    success::<bool>(&call("deleteMyCommands", json!({})).await);
    let request = json!({
        "chat_id": ANN, "text": "<b>bold</b> <i>i</i> <u>u</u> <s>s</s> <tg-spoiler>x</tg-spoiler> <code>c</code> \
        <pre><code class=\"language-rust\">fn</code></pre> <a href=\"https://example.com\">l</a> /status @somebody \
        https://example.com <blockquote>q</blockquote> <blockquote expandable>e</blockquote>",
        "parse_mode": "HTML", "link_preview_options": {"is_disabled": true}, "protect_content": true,
        "reply_parameters": {"message_id": 1, "quote": "start"},
        "reply_markup": {"inline_keyboard": [
            [{"text": "Approve", "callback_data": "a", "style": "success"}, {"text": "Open", "url": "https://example.com"}],
            [{"text": "Copy", "copy_text": {"text": "x"}}],
        ]},
    });
    let sent: Message = success(&call("sendMessage", request).await);
    assert_eq!(sent.entities.unwrap().len(), 13);
    assert_eq!(sent.quote.unwrap().text, "start");
    let id = sent.message_id;
    let edited: Message =
        success(&call("editMessageText", json!({"chat_id": ANN, "message_id": id, "text": "new"})).await);
    assert!(edited.edit_date.is_some() && edited.reply_markup.is_none());
    let markup = json!({"inline_keyboard": [[{"text": "x", "callback_data": "x"}]]});
    let request = json!({"chat_id": ANN, "message_id": id, "reply_markup": markup});
    assert!(success::<Message>(&call("editMessageReplyMarkup", request).await).reply_markup.is_some());
    let reaction = json!([{"type": "emoji", "emoji": "👀"}]);
    let request = json!({"chat_id": ANN, "message_id": 1, "reaction": reaction});
    success::<bool>(&call("setMessageReaction", request).await);
    success::<bool>(&call("sendChatAction", json!({"chat_id": ANN, "action": "typing"})).await);
    success::<bool>(&call("deleteMessage", json!({"chat_id": ANN, "message_id": id})).await);
    success::<bool>(&call("deleteMessages", json!({"chat_id": ANN, "message_ids": [id, 1]})).await);
}

#[tokio::test]
async fn files_decode() {
    let bench = Bench::new().await;
    let to = ("chat_id", "42");
    let caption = [to, ("caption", "<b>log</b>"), ("parse_mode", "HTML")];
    let answer = bench.client.upload("sendDocument", &caption, "document", b"hello").await;
    let sent: Message = success(&answer);
    let document = sent.document.unwrap();
    assert_eq!((document.file_name.as_deref(), document.file_size), (Some("document.txt"), Some(5)));
    let message = bench.message(&answer.1["result"]);
    assert_eq!(bench.chat.file(&message).unwrap().bytes, b"hello");
    assert_eq!(message.html(), "<b>log</b>");
    // The same file again, by its id; and one that is named elsewhere in the form.
    let request = json!({"chat_id": ANN, "document": document.file_id});
    success::<Message>(&bench.client.call("sendDocument", request).await);
    let fields = [to, ("document", "attach://elsewhere")];
    success::<Message>(&bench.client.upload("sendDocument", &fields, "elsewhere", b"x").await);
    let photo: Message = success(&bench.client.upload("sendPhoto", &[to], "photo", &png(640, 480)).await);
    assert_eq!(photo.photo.unwrap().last().unwrap().width, 640);
    let request = json!({"chat_id": ANN, "message_id": sent.message_id, "caption": "other"});
    success::<Message>(&bench.client.call("editMessageCaption", request).await);
    let file: File = success(&bench.client.call("getFile", json!({"file_id": document.file_id})).await);
    let path = format!("/file/botTOKEN/{}", file.file_path.unwrap());
    let (status, bytes) = bench.client.get(&path).await.unwrap();
    assert_eq!((status, &bytes[..]), (200, &b"hello"[..]));
    bench.server.advance(std::time::Duration::from_secs(3600));
    assert_eq!(bench.client.get(&path).await.unwrap().0, 404, "the address grew old");
}

#[tokio::test]
async fn errors_decode() {
    let bench = Bench::new().await;
    let refused = |answer: (u16, Value)| {
        let error: ErrorResponse = same(&answer.1);
        assert_eq!(u64::from(answer.0), error.error_code);
        error
    };
    let nobody = json!({"chat_id": 1, "text": "x"});
    refused(bench.client.call("sendMessage", nobody).await);
    refused(bench.client.clone().with_token("1:other").call("getMe", json!({})).await);
    refused(bench.client.clone().with_token("none").call("getMe", json!({})).await);
    bench.server.set_pace(Default::default());
    bench.sends("one", &[]).await;
    let error = refused(bench.client.call("sendMessage", json!({"chat_id": ANN, "text": "two"})).await);
    assert_eq!(error.parameters.unwrap().retry_after, Some(1));
    assert_eq!(error.description, "Too Many Requests: retry after 1");
}

#[tokio::test]
async fn updates_decode() {
    let bench = Bench::new().await;
    let kinds = json!(["message", "edited_message", "callback_query", "my_chat_member", "message_reaction"]);
    let first = bench.client.ok("getUpdates", json!({"allowed_updates": kinds, "offset": -1})).await;
    assert_eq!(first, json!([]));
    let (ann, chat) = (&bench.ann, &bench.chat);
    let card = bench.sends("card", &["Approve"]).await;
    ann.sends_text(ANN, "fix it, see https://example.com");
    let own = chat.last().unwrap();
    ann.edits(&own, "fix it well");
    ann.replies_to(&card, "no, like this");
    ann.forwards(&own, ANN);
    ann.sends_document(ANN, "a.txt", "text/plain", "hello", "look");
    ann.sends_photo(ANN, png(10, 10), "");
    ann.sends_voice(ANN, 3);
    ann.taps(&card, "Approve");
    bench.client.ok("deleteMessage", json!({"chat_id": ANN, "message_id": card.id})).await;
    ann.taps(&card, "Approve");
    ann.reacts(&own, "🔥");
    ann.blocks_bot();
    ann.unblocks_bot();
    let group = bench.server.group(-100_500, "Team", &[ann]);
    ann.sends_text(group.id(), "not for the bot");
    ann.sends_command(group.id(), "/status@leashd_test_bot");
    let updates = bench.client.ok("getUpdates", json!({})).await;
    let decoded: Vec<Update> = updates.as_array().unwrap().iter().map(same).collect();
    let kinds = decoded.iter().map(|it| match &it.content {
        UpdateContent::Message(it) if it.reply_to_message.is_some() => "reply",
        UpdateContent::Message(it) if it.forward_origin.is_some() => "forward",
        UpdateContent::Message(it) if it.document.is_some() => "document",
        UpdateContent::Message(it) if it.photo.is_some() => "photo",
        UpdateContent::Message(it) if it.voice.is_some() => "voice",
        UpdateContent::Message(_) => "message",
        UpdateContent::EditedMessage(_) => "edited",
        UpdateContent::CallbackQuery(_) => "tap",
        UpdateContent::MessageReaction(_) => "reaction",
        UpdateContent::MyChatMember(_) => "member",
        _ => "other",
    });
    let expected = [
        "message", "edited", "reply", "forward", "document", "photo", "voice", "tap", "tap", "reaction",
        "member", "member", "message",
    ];
    assert_eq!(kinds.collect::<Vec<_>>(), expected);
}
