//! The table of published parameters against the parameter types of an independent crate: neither knows a parameter the
//! other does not.

use frankenstein::input_file::FileUpload;
use frankenstein::methods::*;
use frankenstein::types::*;
use leashd_testkit::telegram::published::{self, Kind, Method, Need, Parameter, Shape};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Every parameter with a value of the right type, as our table has it.
fn filled(shape: Shape) -> Value {
    shape.iter().map(|it| (it.name.to_owned(), example(it))).collect::<serde_json::Map<_, _>>().into()
}

fn example(parameter: &Parameter) -> Value {
    of_kind(parameter.name, &parameter.kind)
}

fn of_kind(name: &str, kind: &Kind) -> Value {
    match kind {
        Kind::Integer(least, most) => json!((*least).max(1).min(*most)),
        Kind::Text(..) | Kind::Bytes(..) | Kind::File => json!("en"),
        Kind::Flag => json!(true),
        Kind::ChatId => json!(1),
        // The one scope that has all fields.
        Kind::Word(words) if words.contains(&"chat_member") && name == "type" => json!("chat_member"),
        Kind::Word(words) => json!(words[0]),
        Kind::Object(shape) => filled(shape),
        Kind::OneOf(shapes) => filled(shapes[0]),
        Kind::List(item, ..) => json!([of_kind(name, item)]),
        Kind::Opaque => opaque(name),
    }
}

/// The least that is an object of the published type.
fn opaque(name: &str) -> Value {
    match name {
        "ephemeral_message_parameters" => json!({"receiver_user_id": 1}),
        "user" => json!({"id": 1, "is_bot": false, "first_name": "Ann"}),
        "login_url" | "web_app" => json!({"url": "https://example.com"}),
        "disabled" | "callback_game" | "suggested_post_parameters" | "switch_inline_query_chosen_chat" => {
            json!({})
        }
        "rich_message" => json!({"blocks": []}),
        other => panic!("what is a `{other}`?"),
    }
}

/// The names of all fields, nested ones with their path.
fn names(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                let path = format!("{path}.{name}");
                names(value, &path, found);
                found.insert(path);
            }
        }
        Value::Array(items) => items.iter().for_each(|it| names(it, path, found)),
        _ => {}
    }
}

fn names_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    names(value, "", &mut found);
    found
}

/// Everything of our table is known to their type, and comes back as it was.
#[track_caller]
fn decodes<T: serde::de::DeserializeOwned + Serialize>(name: &str) {
    let method = published::method(name).unwrap();
    let ours = filled(method.parameters);
    let theirs: T =
        serde_json::from_value(ours.clone()).unwrap_or_else(|error| panic!("{name}: {error}: {ours}"));
    let again = names_of(&serde_json::to_value(&theirs).unwrap());
    let mut ours = names_of(&ours);
    // A reaction has this or an emoji.
    ours.remove(".reaction.custom_emoji_id");
    assert_eq!(ours, again, "{name}");
}

#[test]
fn what_the_table_has_they_have() {
    decodes::<GetUpdatesParams>("getUpdates");
    decodes::<DeleteWebhookParams>("deleteWebhook");
    decodes::<SetMyCommandsParams>("setMyCommands");
    decodes::<GetMyCommandsParams>("getMyCommands");
    decodes::<DeleteMyCommandsParams>("deleteMyCommands");
    decodes::<SendMessageParams>("sendMessage");
    decodes::<EditMessageTextParams>("editMessageText");
    decodes::<EditMessageCaptionParams>("editMessageCaption");
    decodes::<EditMessageReplyMarkupParams>("editMessageReplyMarkup");
    decodes::<DeleteMessageParams>("deleteMessage");
    decodes::<DeleteMessagesParams>("deleteMessages");
    decodes::<AnswerCallbackQueryParams>("answerCallbackQuery");
    decodes::<SendChatActionParams>("sendChatAction");
    decodes::<SendDocumentParams>("sendDocument");
    decodes::<SendPhotoParams>("sendPhoto");
    decodes::<GetFileParams>("getFile");
    decodes::<SetMessageReactionParams>("setMessageReaction");
    decodes::<GetChatParams>("getChat");
    // Methods without parameters, and those above, are all there are.
    let without = published::METHODS.iter().filter(|it| it.parameters.is_empty()).map(|it| it.name);
    assert_eq!(without.collect::<Vec<_>>(), ["getMe", "getWebhookInfo"]);
    assert_eq!(published::METHODS.len(), 20);
}

/// A value of each of their types with every field filled. Written out, so that a field they add does not compile here
/// until the table has it too.
#[track_caller]
fn knows(name: &str, theirs: &impl Serialize) {
    let method = published::method(name).unwrap();
    check_shape(name, method.parameters, &serde_json::to_value(theirs).unwrap());
    let there: BTreeSet<_> = method.parameters.iter().map(|it| it.name.to_owned()).collect();
    let theirs: BTreeSet<_> =
        serde_json::to_value(theirs).unwrap().as_object().unwrap().keys().cloned().collect();
    assert_eq!(there, theirs, "{name}");
}

#[track_caller]
fn check_shape(path: &str, shape: Shape, value: &Value) {
    for (name, value) in value.as_object().unwrap() {
        let path = format!("{path}.{name}");
        let parameter =
            shape.iter().find(|it| it.name == name).unwrap_or_else(|| panic!("`{path}` is not known"));
        check_kind(&path, &parameter.kind, value);
    }
}

#[track_caller]
fn check_kind(path: &str, kind: &Kind, value: &Value) {
    match kind {
        Kind::Object(shape) => check_shape(path, shape, value),
        Kind::OneOf(shapes) => {
            let needs = |shape: &&Shape| {
                shape.iter().all(|it| it.need != Need::Required || value.get(it.name).is_some())
            };
            let shape = shapes.iter().find(needs).unwrap_or_else(|| panic!("`{path}` is of no form"));
            check_shape(path, shape, value);
        }
        Kind::List(item, ..) => value.as_array().unwrap().iter().for_each(|it| check_kind(path, item, it)),
        Kind::Word(words) => assert!(words.contains(&value.as_str().unwrap()), "`{path}`: {value}"),
        Kind::Integer(..) => assert!(value.is_i64() || value.is_u64(), "`{path}`: {value}"),
        Kind::Flag => assert!(value.is_boolean(), "`{path}`: {value}"),
        Kind::Text(..) | Kind::Bytes(..) | Kind::File => assert!(value.is_string(), "`{path}`: {value}"),
        Kind::ChatId => assert!(value.is_i64() || value.is_string(), "`{path}`: {value}"),
        Kind::Opaque => assert!(value.is_object(), "`{path}`: {value}"),
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> T {
    serde_json::from_value(value).unwrap()
}

fn entities() -> Vec<MessageEntity> {
    vec![MessageEntity {
        type_field: MessageEntityType::Bold,
        offset: 0,
        length: 1,
        url: Some("u".into()),
        user: Some(read(opaque("user"))),
        language: Some("en".into()),
        custom_emoji_id: Some("1".into()),
        unix_time: Some(1),
        date_time_format: Some("d".into()),
    }]
}

fn keyboard() -> InlineKeyboardMarkup {
    let button = InlineKeyboardButton {
        text: "t".into(),
        icon_custom_emoji_id: Some("1".into()),
        url: Some("u".into()),
        login_url: Some(read(opaque("login_url"))),
        callback_data: Some("d".into()),
        web_app: Some(read(opaque("web_app"))),
        switch_inline_query: Some("q".into()),
        switch_inline_query_current_chat: Some("q".into()),
        switch_inline_query_chosen_chat: Some(read(json!({}))),
        copy_text: Some(read(json!({"text": "t"}))),
        callback_game: Some(read(json!({}))),
        pay: Some(true),
        style: Some(ButtonStyle::Danger),
        disabled: Some(read(json!({}))),
    };
    InlineKeyboardMarkup { inline_keyboard: vec![vec![button]], force_reply: Some(true) }
}

fn reply() -> ReplyParameters {
    ReplyParameters {
        message_id: Some(1),
        chat_id: Some(ChatId::Integer(1)),
        ephemeral_message_id: Some(1),
        allow_sending_without_reply: Some(true),
        quote: Some("q".into()),
        quote_parse_mode: Some(read(json!("HTML"))),
        quote_entities: Some(entities()),
        quote_position: Some(1),
        checklist_task_id: Some(1),
        poll_option_id: Some("1".into()),
    }
}

fn preview() -> LinkPreviewOptions {
    LinkPreviewOptions {
        is_disabled: Some(true),
        url: Some("u".into()),
        prefer_small_media: Some(true),
        prefer_large_media: Some(true),
        show_above_text: Some(true),
    }
}

#[test]
fn what_they_have_the_table_has_for_messages() {
    let text = || Some("t".to_owned());
    knows(
        "sendMessage",
        &SendMessageParams {
            business_connection_id: text(),
            chat_id: ChatId::Integer(1),
            message_thread_id: Some(1),
            direct_messages_topic_id: Some(1),
            ephemeral_message_parameters: Some(read(opaque("ephemeral_message_parameters"))),
            text: "t".into(),
            parse_mode: Some(read(json!("HTML"))),
            entities: Some(entities()),
            link_preview_options: Some(preview()),
            disable_notification: Some(true),
            protect_content: Some(true),
            allow_paid_broadcast: Some(true),
            message_effect_id: text(),
            suggested_post_parameters: Some(read(json!({}))),
            reply_parameters: Some(reply()),
            reply_markup: Some(ReplyMarkup::InlineKeyboardMarkup(keyboard())),
        },
    );
    knows(
        "editMessageText",
        &EditMessageTextParams {
            business_connection_id: text(),
            chat_id: Some(ChatId::Integer(1)),
            message_id: Some(1),
            inline_message_id: text(),
            text: text(),
            parse_mode: Some(read(json!("HTML"))),
            entities: Some(entities()),
            link_preview_options: Some(preview()),
            rich_message: Some(read(opaque("rich_message"))),
            reply_markup: Some(keyboard()),
        },
    );
    knows(
        "editMessageCaption",
        &EditMessageCaptionParams {
            business_connection_id: text(),
            chat_id: Some(ChatId::Integer(1)),
            message_id: Some(1),
            inline_message_id: text(),
            caption: text(),
            parse_mode: Some(read(json!("HTML"))),
            caption_entities: Some(entities()),
            show_caption_above_media: Some(true),
            reply_markup: Some(keyboard()),
        },
    );
    knows(
        "editMessageReplyMarkup",
        &EditMessageReplyMarkupParams {
            business_connection_id: text(),
            chat_id: Some(ChatId::Integer(1)),
            message_id: Some(1),
            inline_message_id: text(),
            reply_markup: Some(keyboard()),
        },
    );
}

#[test]
fn what_they_have_the_table_has_for_what_becomes_of_messages() {
    knows("deleteMessage", &DeleteMessageParams { chat_id: ChatId::Integer(1), message_id: 1 });
    knows("deleteMessages", &DeleteMessagesParams { chat_id: ChatId::Integer(1), message_ids: vec![1] });
    knows(
        "setMessageReaction",
        &SetMessageReactionParams {
            chat_id: ChatId::Integer(1),
            message_id: 1,
            reaction: vec![read(json!({"type": "emoji", "emoji": "👍"}))],
            is_big: Some(true),
        },
    );
}

#[test]
fn what_they_have_the_table_has_for_files() {
    let text = || Some("t".to_owned());
    let file = || FileUpload::String("f".into());
    knows(
        "sendDocument",
        &SendDocumentParams {
            business_connection_id: text(),
            chat_id: ChatId::Integer(1),
            message_thread_id: Some(1),
            direct_messages_topic_id: Some(1),
            ephemeral_message_parameters: Some(read(opaque("ephemeral_message_parameters"))),
            document: file(),
            thumbnail: Some(file()),
            caption: text(),
            parse_mode: Some(read(json!("HTML"))),
            caption_entities: Some(entities()),
            disable_content_type_detection: Some(true),
            disable_notification: Some(true),
            protect_content: Some(true),
            allow_paid_broadcast: Some(true),
            message_effect_id: text(),
            suggested_post_parameters: Some(read(json!({}))),
            reply_parameters: Some(reply()),
            reply_markup: Some(ReplyMarkup::InlineKeyboardMarkup(keyboard())),
        },
    );
    knows(
        "sendPhoto",
        &SendPhotoParams {
            business_connection_id: text(),
            chat_id: ChatId::Integer(1),
            message_thread_id: Some(1),
            direct_messages_topic_id: Some(1),
            ephemeral_message_parameters: Some(read(opaque("ephemeral_message_parameters"))),
            photo: file(),
            caption: text(),
            parse_mode: Some(read(json!("HTML"))),
            caption_entities: Some(entities()),
            show_caption_above_media: Some(true),
            has_spoiler: Some(true),
            disable_notification: Some(true),
            protect_content: Some(true),
            allow_paid_broadcast: Some(true),
            message_effect_id: text(),
            suggested_post_parameters: Some(read(json!({}))),
            reply_parameters: Some(reply()),
            reply_markup: Some(ReplyMarkup::InlineKeyboardMarkup(keyboard())),
        },
    );
    knows("getFile", &GetFileParams { file_id: "f".into() });
}

#[test]
fn what_they_have_the_table_has_for_the_rest() {
    let text = || Some("t".to_owned());
    let scope = || Some(read(json!({"type": "chat_member", "chat_id": 1, "user_id": 1})));
    knows(
        "getUpdates",
        &GetUpdatesParams {
            offset: Some(1),
            limit: Some(1),
            timeout: Some(1),
            allowed_updates: Some(vec![AllowedUpdate::Message, AllowedUpdate::StoppedMessageGeneration]),
        },
    );
    knows("deleteWebhook", &DeleteWebhookParams { drop_pending_updates: Some(true) });
    let command = BotCommand { command: "c".into(), description: "d".into(), is_ephemeral: Some(true) };
    knows(
        "setMyCommands",
        &SetMyCommandsParams { commands: vec![command], scope: scope(), language_code: text() },
    );
    knows("getMyCommands", &GetMyCommandsParams { scope: scope(), language_code: text() });
    knows("deleteMyCommands", &DeleteMyCommandsParams { scope: scope(), language_code: text() });
    knows(
        "answerCallbackQuery",
        &AnswerCallbackQueryParams {
            callback_query_id: "1".into(),
            text: text(),
            show_alert: Some(true),
            url: text(),
            cache_time: Some(1),
        },
    );
    knows(
        "sendChatAction",
        &SendChatActionParams {
            business_connection_id: text(),
            chat_id: ChatId::Integer(1),
            message_thread_id: Some(1),
            action: ChatAction::Typing,
        },
    );
    knows("getChat", &GetChatParams { chat_id: ChatId::Integer(1) });
}

/// What they would not send without, we ask for; what they may leave out, we do not.
#[test]
fn what_is_required_is_required_by_both() {
    let requires = |method: &Method, without: &str, decode: Decode| {
        let mut all = filled(method.parameters);
        all.as_object_mut().unwrap().remove(without);
        !decode(all)
    };
    type Decode = fn(Value) -> bool;
    let methods: [(&str, Decode); 10] = [
        ("sendMessage", |it| serde_json::from_value::<SendMessageParams>(it).is_ok()),
        ("editMessageText", |it| serde_json::from_value::<EditMessageTextParams>(it).is_ok()),
        ("editMessageReplyMarkup", |it| serde_json::from_value::<EditMessageReplyMarkupParams>(it).is_ok()),
        ("deleteMessage", |it| serde_json::from_value::<DeleteMessageParams>(it).is_ok()),
        ("deleteMessages", |it| serde_json::from_value::<DeleteMessagesParams>(it).is_ok()),
        ("answerCallbackQuery", |it| serde_json::from_value::<AnswerCallbackQueryParams>(it).is_ok()),
        ("sendChatAction", |it| serde_json::from_value::<SendChatActionParams>(it).is_ok()),
        ("sendDocument", |it| serde_json::from_value::<SendDocumentParams>(it).is_ok()),
        ("sendPhoto", |it| serde_json::from_value::<SendPhotoParams>(it).is_ok()),
        ("setMyCommands", |it| serde_json::from_value::<SetMyCommandsParams>(it).is_ok()),
    ];
    for (name, decode) in methods {
        let method = published::method(name).unwrap();
        for parameter in method.parameters {
            let required = parameter.need == Need::Required;
            assert_eq!(requires(method, parameter.name, decode), required, "{name}.{}", parameter.name);
        }
    }
}
