//! Each limit and each error, with the words of Telegram, and what is recorded as a violation.

use crate::client::{ANN, Bench};
use crate::decode::png;
use leashd_testkit::telegram::{Pace, TAP_LIMIT, TelegramServer};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::time::Duration;

#[tokio::test]
async fn parameters_are_checked() {
    let bench = Bench::new().await;
    let call = async |method: &str, request: Value| bench.client.call(method, request).await;
    let answer = call("sendMessage", json!({"text": "x"})).await;
    bench.check(&answer, 400, "Bad Request: chat_id is empty", &["required parameter `chat_id` is missing"]);
    let answer = call("sendMessage", json!({"chat_id": ANN})).await;
    bench.check(
        &answer,
        400,
        "Bad Request: message text is empty",
        &["required parameter `text` is missing"],
    );
    let answer = call("sendMessage", json!({"chat_id": ANN, "text": 5})).await;
    bench.check(
        &answer,
        400,
        "Bad Request: field \"text\" must be of type String",
        &["`text` is not of type String"],
    );
    let answer = call("sendChatAction", json!({"chat_id": ANN, "action": "dance"})).await;
    let violation = bench.violations();
    assert!(violation[0].starts_with("`action` is \"dance\", not one of"), "{violation:?}");
    assert_eq!(answer.1["description"], "Bad Request: wrong parameter action in request");
    let answer = call("dance", json!({})).await;
    bench.check(&answer, 404, "Not Found", &["this server plays no such method"]);
    // Telegram lets these pass without a word.
    bench
        .client
        .ok("sendMessage", json!({"chat_id": ANN, "text": "x", "disable_web_page_preview": true}))
        .await;
    assert_eq!(bench.violations(), ["unknown parameter `disable_web_page_preview`"]);
    let button = json!({"text": "x", "callback_data": "x", "color": "red"});
    let markup = json!({"inline_keyboard": [[button]]});
    bench.client.ok("sendMessage", json!({"chat_id": ANN, "text": "x", "reply_markup": markup})).await;
    assert_eq!(bench.violations(), ["unknown field `reply_markup.inline_keyboard[0][0].color`"]);
    bench.client.ok("sendMessage", json!({"chat_id": ANN, "text": "x", "message_effect_id": "1"})).await;
    assert_eq!(bench.violations(), ["`message_effect_id` is published, but this server does not play it"]);
    bench.client.ok("getUpdates", json!({"limit": 500})).await;
    assert_eq!(bench.violations(), ["`limit` is 500, outside 1..=100"]);
}

#[tokio::test]
async fn all_ways_to_say_it_are_one() {
    let bench = Bench::new().await;
    let markup = r#"{"inline_keyboard":[[{"text":"x","callback_data":"x"}]]}"#;
    let form = format!(
        "chat_id=42&text=a%20b%26&disable_notification=true&reply_markup={}",
        markup.replace('"', "%22")
    );
    let (_, sent) = bench.client.post("sendMessage", "application/x-www-form-urlencoded", form.clone()).await;
    assert_eq!(bench.message(&sent["result"]).text(), "a b&");
    assert_eq!(bench.message(&sent["result"]).labels(), ["x"]);
    let (status, _) = bench.client.get(&format!("/botTOKEN/sendMessage?{form}")).await.unwrap();
    assert_eq!(status, 200);
    let json = json!({"chat_id": "42", "text": "x", "reply_markup": markup});
    assert!(bench.client.ok("sendmessage", json).await["reply_markup"].is_object());
    let answer = bench.client.post("sendMessage", "application/json", "{").await;
    bench.check(
        &answer,
        400,
        "Bad Request: can't parse JSON object",
        &["Bad Request: can't parse JSON object"],
    );
    let answer =
        bench.client.call("sendMessage", json!({"chat_id": ANN, "text": "x", "reply_markup": "{"})).await;
    let words = "Bad Request: can't parse reply keyboard markup JSON object";
    bench.check(&answer, 400, words, &["`reply_markup` is not JSON"]);
}

#[tokio::test]
async fn texts_have_limits() {
    let bench = Bench::new().await;
    let send = async |text: &str| {
        bench.client.call("sendMessage", json!({"chat_id": ANN, "text": text, "parse_mode": "HTML"})).await
    };
    bench.check(&send("").await, 400, "Bad Request: message text is empty", &[]);
    bench.check(&send(" \n<b> </b>").await, 400, "Bad Request: text must be non-empty", &[]);
    let words = "Bad Request: can't parse entities: Unsupported start tag \"x\" at byte offset 2";
    bench.check(&send("a <x>").await, 400, words, &[]);
    // Markup does not count, and a smiley counts twice.
    assert_eq!(send(&format!("<b>{}</b>", "x".repeat(4096))).await.0, 200);
    assert_eq!(send(&"😀".repeat(2048)).await.0, 200);
    let over = "4097 UTF-16 units after parsing, at most 4096 are allowed";
    bench.check(&send(&"x".repeat(4097)).await, 400, "Bad Request: message is too long", &[over]);
    bench.check(
        &send(&format!("{}x", "😀".repeat(2048))).await,
        400,
        "Bad Request: message is too long",
        &[over],
    );
    let text = "x".repeat(32_769);
    bench.check(
        &send(&text).await,
        400,
        "Bad Request: text is too long",
        &["`text` has 32769 bytes before parsing"],
    );
    let message = bench.sends("x", &[]).await;
    let request = json!({"chat_id": ANN, "message_id": message.id, "text": "x".repeat(4097)});
    bench.check(
        &bench.client.call("editMessageText", request).await,
        400,
        "Bad Request: MESSAGE_TOO_LONG",
        &[over],
    );
    let answer =
        bench.client.call("sendMessage", json!({"chat_id": ANN, "text": "x", "parse_mode": "BBCode"})).await;
    assert_eq!(answer.1["description"], "Bad Request: unsupported parse_mode");
    assert_eq!(bench.violations().len(), 1);
    send("<b><code>x</code></b>").await;
    assert_eq!(bench.violations(), ["formatting is lost: bold and code over the same text"]);
}

#[tokio::test]
async fn files_have_limits() {
    let bench = Bench::new().await;
    let caption = "x".repeat(1025);
    let fields = [("chat_id", "42"), ("caption", caption.as_str())];
    let answer = bench.client.upload("sendDocument", &fields, "document", b"x").await;
    let over = "1025 UTF-16 units after parsing, at most 1024 are allowed";
    bench.check(&answer, 400, "Bad Request: message caption is too long", &[over]);
    let to = [("chat_id", "42")];
    let answer = bench.client.upload("sendDocument", &to, "document", b"").await;
    bench.check(&answer, 400, "Bad Request: file must be non-empty", &[]);
    let answer = bench.client.upload("sendDocument", &to, "paper", b"x").await;
    let missing = ["unknown file `paper`", "required parameter `document` is missing"];
    bench.check(&answer, 400, "Bad Request: there is no document in the request", &missing);
    let answer = bench.client.upload("sendPhoto", &to, "photo", b"not a picture").await;
    bench.check(&answer, 400, "Bad Request: IMAGE_PROCESS_FAILED", &[]);
    let answer = bench.client.upload("sendPhoto", &to, "photo", &png(9000, 1001)).await;
    bench.check(&answer, 400, "Bad Request: PHOTO_INVALID_DIMENSIONS", &[]);
    let answer = bench.client.upload("sendDocument", &to, "document", &vec![0; 50 * 1024 * 1024 + 1]).await;
    let over = "a file of 52428801 bytes, at most 52428800 are allowed";
    bench.check(&answer, 413, "Request Entity Too Large", &[over]);
    let answer = bench.client.call("sendDocument", json!({"chat_id": ANN, "document": "none"})).await;
    bench.check(&answer, 400, "Bad Request: wrong file identifier/HTTP URL specified", &[]);
    let answer = bench.client.call("getFile", json!({"file_id": "none"})).await;
    bench.check(&answer, 400, "Bad Request: invalid file_id", &[]);
    bench.ann.sends_document(ANN, "big.bin", "application/octet-stream", vec![0; 20 * 1024 * 1024 + 1], "");
    let updates = bench.client.ok("getUpdates", json!({})).await;
    let id = &updates[0]["message"]["document"]["file_id"];
    let answer = bench.client.call("getFile", json!({"file_id": id})).await;
    bench.check(&answer, 400, "Bad Request: file is too big", &[]);
    assert_eq!(
        bench.client.get("/file/botTOKEN/files/file_AgAD00000001.bin").await.unwrap().0,
        404,
        "no getFile before"
    );
}

#[tokio::test]
async fn keyboards_have_limits() {
    let bench = Bench::new().await;
    let send = async |rows: Value| {
        let request = json!({"chat_id": ANN, "text": "x", "reply_markup": {"inline_keyboard": rows}});
        bench.client.call("sendMessage", request).await
    };
    let button = |text: &str, data: &str| json!({"text": text, "callback_data": data});
    assert_eq!(send(json!([[button("x", &"d".repeat(64))]])).await.0, 200);
    let answer = send(json!([[button("x", &"ä".repeat(33))]])).await;
    let over = "`reply_markup.inline_keyboard[0][0].callback_data` has 66 bytes, outside 1..=64";
    bench.check(&answer, 400, "Bad Request: BUTTON_DATA_INVALID", &[over]);
    let answer = send(json!([[button("", "x")]])).await;
    let empty = "`reply_markup.inline_keyboard[0][0].text` has 0 UTF-16 units, outside 1..=1048576";
    bench.check(&answer, 400, "Bad Request: inline keyboard button text must be non-empty", &[empty]);
    let words =
        "Bad Request: can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard";
    bench.check(&send(json!([[{"text": "x"}]])).await, 400, words, &[]);
    let words = "Bad Request: can't parse inline keyboard button: Can't find field \"text\"";
    let missing = "required field `reply_markup.inline_keyboard[0][0].text` is missing";
    bench.check(&send(json!([[{"callback_data": "x"}]])).await, 400, words, &[missing]);
    let words =
        "Bad Request: field \"inline_keyboard\" of the InlineKeyboardMarkup must be an Array of Arrays";
    let flat = "`reply_markup.inline_keyboard[0]` is not of type Array";
    bench.check(&send(json!([button("x", "x")])).await, 400, words, &[flat]);
    assert_eq!(send(json!([vec![button("x", "x"); 9]])).await.0, 200);
    assert_eq!(bench.violations(), ["`reply_markup.inline_keyboard[0]` has 9 items, outside 0..=8"]);
    let answer = send(json!(vec![vec![button("x", "x")]; 101])).await;
    let many = "`reply_markup.inline_keyboard` has 101 items, outside 0..=100";
    bench.check(&answer, 400, "Bad Request: reply markup is too long", &[many]);
    let answer =
        bench.client.call("sendMessage", json!({"chat_id": ANN, "text": "x", "reply_markup": []})).await;
    assert_eq!(answer.1["description"], "Bad Request: object expected as reply markup");
    assert_eq!(bench.violations().len(), 1);
}

#[tokio::test]
async fn edits_and_deletions_say_why_not() {
    let bench = Bench::new().await;
    let edit = async |id: i32, text: &str| {
        bench.client.call("editMessageText", json!({"chat_id": ANN, "message_id": id, "text": text})).await
    };
    let same = "Bad Request: message is not modified: specified new message content and reply markup are exactly the \
        same as a current content and reply markup of the message";
    let message = bench.sends("see https://example.com", &["A"]).await;
    assert_eq!(edit(message.id, "see https://example.com").await.0, 200, "the buttons went");
    bench.check(&edit(message.id, " see https://example.com ").await, 400, same, &[]);
    let request = json!({"chat_id": ANN, "message_id": message.id});
    bench.check(&bench.client.call("editMessageReplyMarkup", request).await, 400, same, &[]);
    bench.check(&edit(77, "x").await, 400, "Bad Request: message to edit not found", &[]);
    bench.check(&edit(1, "x").await, 400, "Bad Request: message can't be edited", &[]);
    let answer = bench.client.call("editMessageText", json!({"chat_id": ANN, "text": "x"})).await;
    bench.check(&answer, 400, "Bad Request: message identifier is not specified", &[]);
    let request = json!({"chat_id": ANN, "message_id": message.id, "caption": "x"});
    let answer = bench.client.call("editMessageCaption", request).await;
    bench.check(&answer, 400, "Bad Request: there is no caption in the message to edit", &[]);
    let (_, sent) = bench.client.upload("sendDocument", &[("chat_id", "42")], "document", b"x").await;
    let document = bench.message(&sent["result"]);
    let answer = edit(document.id, "x").await;
    bench.check(&answer, 400, "Bad Request: there is no text in the message to edit", &[]);
    let delete =
        async |id: i32| bench.client.call("deleteMessage", json!({"chat_id": ANN, "message_id": id})).await;
    assert_eq!(delete(document.id).await.0, 200);
    bench.check(&delete(document.id).await, 400, "Bad Request: message to delete not found", &[]);
    bench.check(&edit(document.id, "x").await, 400, "Bad Request: message to edit not found", &[]);
    bench.server.advance(Duration::from_secs(48 * 60 * 60 + 1));
    let answer = delete(message.id).await;
    bench.check(&answer, 400, "Bad Request: message can't be deleted for everyone", &[]);
    let answer = bench.client.call("deleteMessages", json!({"chat_id": ANN, "message_ids": []})).await;
    let none = ["`message_ids` has 0 items, outside 1..=100"];
    bench.check(&answer, 400, "Bad Request: message identifiers are not specified", &none);
}

#[tokio::test]
async fn chats_replies_and_reactions_say_why_not() {
    let bench = Bench::new().await;
    let send =
        async |chat: Value| bench.client.call("sendMessage", json!({"chat_id": chat, "text": "x"})).await;
    bench.check(&send(json!(7)).await, 400, "Bad Request: chat not found", &[]);
    bench.check(&send(json!("@nobody")).await, 400, "Bad Request: chat not found", &[]);
    bench.check(&send(json!("")).await, 400, "Bad Request: chat_id is empty", &[]);
    bench.ann.blocks_bot();
    bench.check(&send(json!(ANN)).await, 403, "Forbidden: bot was blocked by the user", &[]);
    bench.ann.unblocks_bot();
    let group = bench.server.group(-5, "Team", &[&bench.ann]);
    assert_eq!(send(json!(-5)).await.0, 200);
    bench.server.throw_out(group.id());
    bench.check(&send(json!(-5)).await, 403, "Forbidden: bot is not a member of the supergroup chat", &[]);
    let reply = async |parameters: Value| {
        bench
            .client
            .call("sendMessage", json!({"chat_id": ANN, "text": "x", "reply_parameters": parameters}))
            .await
    };
    let lost = reply(json!({"message_id": 99})).await;
    bench.check(&lost, 400, "Bad Request: message to be replied not found", &[]);
    assert_eq!(reply(json!({"message_id": 99, "allow_sending_without_reply": true})).await.0, 200);
    let misquoted = reply(json!({"message_id": 1, "quote": "never said"})).await;
    bench.check(&misquoted, 400, "Bad Request: QUOTE_TEXT_INVALID", &[]);
    let react = async |emoji: &str| {
        let request =
            json!({"chat_id": ANN, "message_id": 1, "reaction": [{"type": "emoji", "emoji": emoji}]});
        bench.client.call("setMessageReaction", request).await
    };
    bench.check(&react("🦀").await, 400, "Bad Request: REACTION_INVALID", &[]);
    assert_eq!(react("👍").await.0, 200);
}

#[tokio::test]
async fn taps_want_one_answer_in_time() {
    let bench = Bench::new().await;
    let card = bench.sends("card", &["Approve"]).await;
    let answer = async |id: &str, text: &str| {
        bench.client.call("answerCallbackQuery", json!({"callback_query_id": id, "text": text})).await
    };
    let old = "Bad Request: query is too old and response timeout expired or query ID is invalid";
    let tap = bench.ann.taps(&card, "Approve");
    let long = "x".repeat(201);
    let over = ["`text` has 201 UTF-16 units, outside 0..=200"];
    bench.check(&answer(tap.id(), &long).await, 400, "Bad Request: MESSAGE_TOO_LONG", &over);
    assert_eq!(bench.server.unanswered_taps(), [tap.id()]);
    assert_eq!(answer(tap.id(), "landed").await.0, 200);
    assert_eq!(tap.answered(Duration::from_secs(1)).await.text, "landed");
    bench.check(&answer(tap.id(), "again").await, 400, old, &[]);
    bench.check(&answer("nonsense", "").await, 400, old, &[]);
    let tap = bench.ann.taps(&card, "Approve");
    bench.server.advance(TAP_LIMIT);
    bench.check(&answer(tap.id(), "").await, 400, old, &[]);
    assert_eq!(bench.server.unanswered_taps(), [tap.id()]);
}

#[tokio::test]
async fn menus_have_limits() {
    let bench = Bench::new().await;
    let set = async |commands: Value| bench.client.call("setMyCommands", json!({"commands": commands})).await;
    let command = |name: &str, description: &str| json!([{"command": name, "description": description}]);
    bench.check(&set(command("Status", "x")).await, 400, "Bad Request: BOT_COMMAND_INVALID", &[]);
    let answer = set(command("status", " ")).await;
    bench.check(&answer, 400, "Bad Request: command description must be non-empty", &[]);
    let answer = set(command(&"x".repeat(33), "x")).await;
    let over = "`commands[0].command` has 33 UTF-16 units, outside 1..=32";
    bench.check(&answer, 400, "Bad Request: command length must not exceed 32", &[over]);
    let answer = set(command("x", &"x".repeat(257))).await;
    let over = "`commands[0].description` has 257 UTF-16 units, outside 1..=256";
    bench.check(&answer, 400, "Bad Request: command description length must not exceed 256", &[over]);
    let many: Vec<_> = (0..101).map(|it| json!({"command": format!("c{it}"), "description": "x"})).collect();
    let answer = set(json!(many)).await;
    bench.check(
        &answer,
        400,
        "Bad Request: BOT_COMMANDS_TOO_MUCH",
        &["`commands` has 101 items, outside 0..=100"],
    );
    assert_eq!(set(command("status", "What goes on")).await.0, 200);
    assert_eq!(bench.server.menu(), [("status".to_owned(), "What goes on".to_owned())]);
}

#[tokio::test]
async fn pace_is_limited_for_messages_and_edits() {
    let bench = Bench::paced(Pace::default()).await;
    bench.ann.sends_command(ANN, "/start");
    let second = Duration::from_secs(1);
    let message = bench.sends("one", &[]).await;
    let edit = async |text: &str| {
        bench
            .client
            .call("editMessageText", json!({"chat_id": ANN, "message_id": message.id, "text": text}))
            .await
    };
    let limited = edit("two").await;
    assert_eq!((limited.0, &limited.1["parameters"]["retry_after"]), (429, &json!(1)));
    bench.server.advance(second);
    assert_eq!(edit("two").await.0, 200);
    // Nothing of this is a message.
    bench.client.ok("sendChatAction", json!({"chat_id": ANN, "action": "typing"})).await;
    assert_eq!(bench.server.rate_limited().answers, 1);
    assert_eq!(bench.server.rate_limited().impatient, 0);
    assert_eq!(bench.server.busiest(Some(ANN), Duration::from_millis(950)), 1);
    assert_eq!(bench.server.busiest(None, 10 * second), 2);
}

#[tokio::test]
async fn tokens_are_checked() {
    let bench = Bench::new().await;
    let answer = bench.client.clone().with_token("1:wrong").call("getMe", json!({})).await;
    bench.check(&answer, 401, "Unauthorized", &[]);
    let answer = bench.client.clone().with_token("no-token").call("getMe", json!({})).await;
    bench.check(&answer, 404, "Not Found", &[]);
    bench.server.revoke_token();
    bench.check(&bench.client.call("getMe", json!({})).await, 401, "Unauthorized", &[]);
    assert_eq!(bench.client.get("/nothing").await.unwrap().0, 404);
}

/// A test that looks away from violations fails.
#[tokio::test]
#[should_panic(expected = "the client did what the Bot API does not allow")]
async fn violations_are_not_overlooked() {
    let bench = Bench::new().await;
    bench.client.ok("getMe", json!({"nonsense": 1})).await;
    drop(bench);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn no_request_makes_it_panic(
        body in "(\\{|\\}|\\[|\\]|\"chat_id\":42|\"text\":|\"<b>\"|,|\"reply_markup\"|:|1|null|\"|&|=|%|\u{0}){0,12}",
        kind in "(application/json|application/x-www-form-urlencoded|multipart/form-data; boundary=x|text/plain)",
        method in "(sendMessage|editMessageText|getUpdates|sendDocument|setMyCommands|deleteMessages|answerCallbackQuery)",
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let server = TelegramServer::start().await.unwrap();
            let client = crate::client::Client::of(&server);
            let (status, _) = client.try_post(&method, &kind, body).await.unwrap();
            assert!((200..500).contains(&status), "{status}");
            assert_eq!(client.call("getMe", json!({})).await.0, 200);
            drop(server.take_violations());
        });
    }

    #[test]
    fn no_values_make_it_panic(
        method in 0usize..20,
        number in any::<i64>(),
        text in ".{0,8}",
        pick in 0usize..8,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            let values =
                [json!(number), json!(text), json!([text]), json!({"a": number}), json!([[number]]), json!(true), json!([{"text": text}]), json!(1.5)];
            let method = &leashd_testkit::telegram::published::METHODS[method];
            let pairs = method.parameters.iter().enumerate();
            let request: serde_json::Map<_, _> =
                pairs.map(|(at, it)| (it.name.to_owned(), values[(at * 3 + pick) % values.len()].clone())).collect();
            let request = Value::Object(request);
            let poll = method.name == "getUpdates";
            let mut request = request;
            if poll {
                request["timeout"] = json!(0);
            }
            bench.server.advance(Duration::from_secs(5));
            let (status, _) = bench.client.call(method.name, request).await;
            assert!((200..500).contains(&status), "{status}");
            drop(bench.violations());
        });
    }
}
