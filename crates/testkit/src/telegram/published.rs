//! The published Bot API (version 10.3), as far as this server plays it: each method with its parameters, their types and
//! limits. The one place they are written down; requests are checked against it. Knows nothing of chats or answers.

/// A method of the Bot API.
#[derive(Debug)]
pub struct Method {
    pub name: &'static str,
    pub parameters: Shape,
}

/// The fields of an object, or the parameters of a method.
pub type Shape = &'static [Parameter];

/// One parameter, or one field of an object that is a parameter.
#[derive(Debug)]
pub struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub need: Need,
}

/// Must it be there?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    Required,
    Optional,
    /// Published, but this server does nothing with it: whoever sends it is told, for a test would prove nothing.
    NotPlayed,
}

/// The type and the limits of a parameter.
#[derive(Debug)]
pub enum Kind {
    /// Between two bounds, both allowed.
    Integer(i64, i64),
    /// So many UTF-16 units, both bounds allowed.
    Text(usize, usize),
    /// So many bytes, both bounds allowed.
    Bytes(usize, usize),
    Flag,
    /// A number, or `@name`.
    ChatId,
    Word(&'static [&'static str]),
    /// An upload, `attach://` an upload, or the id of a file that was sent before.
    File,
    Object(Shape),
    /// The first shape whose required fields are there.
    OneOf(&'static [Shape]),
    /// So many items, both bounds allowed.
    List(&'static Kind, usize, usize),
    /// An object this server does not look into.
    Opaque,
}

/// UTF-16 units of a message, after its markup was parsed.
pub const MESSAGE_LIMIT: usize = 4096;
/// UTF-16 units of a caption, after its markup was parsed.
pub const CAPTION_LIMIT: usize = 1024;
/// Bytes of a text before its markup is parsed (`Client.cpp` of the published server).
pub const RAW_TEXT_LIMIT: usize = 1 << 15;
/// Formatting entities of one message; more are dropped without a word.
pub const ENTITY_LIMIT: usize = 100;
/// Buttons of an inline keyboard, and of one row of it.
pub const BUTTON_LIMIT: usize = 100;
pub const ROW_LIMIT: usize = 8;
/// Bytes of a whole keyboard, as JSON.
pub const KEYBOARD_LIMIT: usize = 10 * 1024;
/// Bytes of a file that a bot may download.
pub const DOWNLOAD_LIMIT: usize = 20 * 1024 * 1024;
/// Bytes of a file that a bot may upload.
pub const UPLOAD_LIMIT: usize = 50 * 1024 * 1024;
/// Bytes of a photo that a bot may upload.
pub const PHOTO_LIMIT: usize = 10 * 1024 * 1024;

/// The method of a name. Telegram reads names without regard to case.
#[must_use]
pub fn method(name: &str) -> Option<&'static Method> {
    METHODS.iter().find(|it| it.name.eq_ignore_ascii_case(name))
}

/// What an unlimited text may have: nothing that fits into a request is longer.
const ANY: usize = 1 << 20;
const ID: Kind = Kind::Integer(1, i32::MAX as i64);
const NAME: Kind = Kind::Text(0, ANY);

const fn required(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, need: Need::Required }
}

const fn optional(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, need: Need::Optional }
}

const fn not_played(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, need: Need::NotPlayed }
}

const PARSE_MODE: Kind = Kind::Word(&["HTML", "MarkdownV2", "Markdown"]);

/// Kinds of updates a bot may ask for.
pub const UPDATE_KINDS: &[&str] = &[
    "message",
    "edited_message",
    "channel_post",
    "edited_channel_post",
    "business_connection",
    "business_message",
    "edited_business_message",
    "deleted_business_messages",
    "guest_message",
    "message_reaction",
    "message_reaction_count",
    "inline_query",
    "chosen_inline_result",
    "callback_query",
    "shipping_query",
    "pre_checkout_query",
    "purchased_paid_media",
    "poll",
    "poll_answer",
    "my_chat_member",
    "chat_member",
    "chat_join_request",
    "chat_boost",
    "removed_chat_boost",
    "managed_bot",
    "subscription",
    "stopped_message_generation",
];

/// What [`sendChatAction`] may say.
///
/// [`sendChatAction`]: https://core.telegram.org/bots/api#sendchataction
pub const CHAT_ACTIONS: &[&str] = &[
    "typing",
    "upload_photo",
    "record_video",
    "upload_video",
    "record_voice",
    "upload_voice",
    "upload_document",
    "choose_sticker",
    "find_location",
    "record_video_note",
    "upload_video_note",
];

pub const LINK_PREVIEW: Shape = &[
    optional("is_disabled", Kind::Flag),
    optional("url", NAME),
    optional("prefer_small_media", Kind::Flag),
    optional("prefer_large_media", Kind::Flag),
    optional("show_above_text", Kind::Flag),
];

pub const ENTITY: Shape = &[
    required("type", NAME),
    required("offset", Kind::Integer(0, RAW_TEXT_LIMIT as i64)),
    required("length", Kind::Integer(1, RAW_TEXT_LIMIT as i64)),
    optional("url", NAME),
    not_played("user", Kind::Opaque),
    optional("language", NAME),
    optional("custom_emoji_id", NAME),
    not_played("unix_time", Kind::Integer(0, i64::MAX)),
    not_played("date_time_format", NAME),
];

pub const REPLY: Shape = &[
    optional("message_id", ID),
    not_played("chat_id", Kind::ChatId),
    not_played("ephemeral_message_id", ID),
    optional("allow_sending_without_reply", Kind::Flag),
    optional("quote", Kind::Text(0, 1024)),
    optional("quote_parse_mode", PARSE_MODE),
    not_played("quote_entities", ENTITIES),
    optional("quote_position", Kind::Integer(0, RAW_TEXT_LIMIT as i64)),
    not_played("checklist_task_id", ID),
    not_played("poll_option_id", NAME),
];

pub const BUTTON: Shape = &[
    required("text", Kind::Text(1, ANY)),
    not_played("icon_custom_emoji_id", NAME),
    optional("url", NAME),
    not_played("login_url", Kind::Opaque),
    optional("callback_data", Kind::Bytes(1, 64)),
    not_played("web_app", Kind::Opaque),
    not_played("switch_inline_query", NAME),
    not_played("switch_inline_query_current_chat", NAME),
    not_played("switch_inline_query_chosen_chat", Kind::Opaque),
    optional("copy_text", Kind::Object(&[required("text", Kind::Text(1, 256))])),
    not_played("callback_game", Kind::Opaque),
    not_played("pay", Kind::Flag),
    optional("style", Kind::Word(&["danger", "success", "primary"])),
    not_played("disabled", Kind::Opaque),
];

pub const KEYBOARD: Shape = &[
    required(
        "inline_keyboard",
        Kind::List(&Kind::List(&Kind::Object(BUTTON), 0, ROW_LIMIT), 0, BUTTON_LIMIT),
    ),
    not_played("force_reply", Kind::Flag),
];

/// The other things `reply_markup` may be. People of this server have only inline keyboards and asked-for replies.
const OTHER_KEYBOARD: Shape = &[
    required("keyboard", Kind::List(&Kind::List(&Kind::Opaque, 0, BUTTON_LIMIT), 0, BUTTON_LIMIT)),
    not_played("is_persistent", Kind::Flag),
    not_played("resize_keyboard", Kind::Flag),
    not_played("one_time_keyboard", Kind::Flag),
    not_played("input_field_placeholder", Kind::Text(1, 64)),
    not_played("selective", Kind::Flag),
];
const NO_KEYBOARD: Shape = &[required("remove_keyboard", Kind::Flag), not_played("selective", Kind::Flag)];
pub const FORCE_REPLY: Shape = &[
    required("force_reply", Kind::Flag),
    optional("input_field_placeholder", Kind::Text(1, 64)),
    optional("selective", Kind::Flag),
];

const ANY_MARKUP: Kind = Kind::OneOf(&[KEYBOARD, FORCE_REPLY, NO_KEYBOARD, OTHER_KEYBOARD]);
const ENTITIES: Kind = Kind::List(&Kind::Object(ENTITY), 0, ENTITY_LIMIT);

pub const COMMAND: Shape = &[
    required("command", Kind::Text(1, 32)),
    required("description", Kind::Text(1, 256)),
    not_played("is_ephemeral", Kind::Flag),
];

const COMMAND_SCOPE: Kind = Kind::Object(&[
    required(
        "type",
        Kind::Word(&[
            "default",
            "all_private_chats",
            "all_group_chats",
            "all_chat_administrators",
            "chat",
            "chat_administrators",
            "chat_member",
        ]),
    ),
    optional("chat_id", Kind::ChatId),
    optional("user_id", Kind::Integer(1, i64::MAX)),
]);
const LANGUAGE: Kind = Kind::Text(0, 2);

const REACTION: Shape = &[
    required("type", Kind::Word(&["emoji", "custom_emoji", "paid"])),
    optional("emoji", NAME),
    not_played("custom_emoji_id", NAME),
];

pub const METHODS: &[Method] = &[
    Method { name: "getMe", parameters: &[] },
    Method {
        name: "getUpdates",
        parameters: &[
            optional("offset", Kind::Integer(i32::MIN as i64, u32::MAX as i64)),
            optional("limit", Kind::Integer(1, 100)),
            optional("timeout", Kind::Integer(0, 50)),
            optional("allowed_updates", Kind::List(&Kind::Word(UPDATE_KINDS), 0, UPDATE_KINDS.len())),
        ],
    },
    Method { name: "deleteWebhook", parameters: &[optional("drop_pending_updates", Kind::Flag)] },
    Method { name: "getWebhookInfo", parameters: &[] },
    Method {
        name: "setMyCommands",
        parameters: &[
            required("commands", Kind::List(&Kind::Object(COMMAND), 0, 100)),
            optional("scope", COMMAND_SCOPE),
            optional("language_code", LANGUAGE),
        ],
    },
    Method {
        name: "getMyCommands",
        parameters: &[optional("scope", COMMAND_SCOPE), optional("language_code", LANGUAGE)],
    },
    Method {
        name: "deleteMyCommands",
        parameters: &[optional("scope", COMMAND_SCOPE), optional("language_code", LANGUAGE)],
    },
    Method {
        name: "sendMessage",
        parameters: &[
            not_played("business_connection_id", NAME),
            required("chat_id", Kind::ChatId),
            not_played("message_thread_id", ID),
            not_played("direct_messages_topic_id", ID),
            not_played("ephemeral_message_parameters", Kind::Opaque),
            required("text", Kind::Text(0, ANY)),
            optional("parse_mode", PARSE_MODE),
            optional("entities", ENTITIES),
            optional("link_preview_options", Kind::Object(LINK_PREVIEW)),
            optional("disable_notification", Kind::Flag),
            optional("protect_content", Kind::Flag),
            not_played("allow_paid_broadcast", Kind::Flag),
            not_played("message_effect_id", NAME),
            not_played("suggested_post_parameters", Kind::Opaque),
            optional("reply_parameters", Kind::Object(REPLY)),
            optional("reply_markup", ANY_MARKUP),
        ],
    },
    Method {
        name: "editMessageText",
        parameters: &[
            not_played("business_connection_id", NAME),
            optional("chat_id", Kind::ChatId),
            optional("message_id", ID),
            not_played("inline_message_id", NAME),
            optional("text", Kind::Text(0, ANY)),
            optional("parse_mode", PARSE_MODE),
            optional("entities", ENTITIES),
            optional("link_preview_options", Kind::Object(LINK_PREVIEW)),
            not_played("rich_message", Kind::Opaque),
            optional("reply_markup", Kind::Object(KEYBOARD)),
        ],
    },
    Method {
        name: "editMessageCaption",
        parameters: &[
            not_played("business_connection_id", NAME),
            optional("chat_id", Kind::ChatId),
            optional("message_id", ID),
            not_played("inline_message_id", NAME),
            optional("caption", Kind::Text(0, ANY)),
            optional("parse_mode", PARSE_MODE),
            optional("caption_entities", ENTITIES),
            not_played("show_caption_above_media", Kind::Flag),
            optional("reply_markup", Kind::Object(KEYBOARD)),
        ],
    },
    Method {
        name: "editMessageReplyMarkup",
        parameters: &[
            not_played("business_connection_id", NAME),
            optional("chat_id", Kind::ChatId),
            optional("message_id", ID),
            not_played("inline_message_id", NAME),
            optional("reply_markup", Kind::Object(KEYBOARD)),
        ],
    },
    Method {
        name: "deleteMessage",
        parameters: &[required("chat_id", Kind::ChatId), required("message_id", ID)],
    },
    Method {
        name: "deleteMessages",
        parameters: &[required("chat_id", Kind::ChatId), required("message_ids", Kind::List(&ID, 1, 100))],
    },
    Method {
        name: "answerCallbackQuery",
        parameters: &[
            required("callback_query_id", NAME),
            optional("text", Kind::Text(0, 200)),
            optional("show_alert", Kind::Flag),
            not_played("url", NAME),
            optional("cache_time", Kind::Integer(0, 30 * 24 * 60 * 60)),
        ],
    },
    Method {
        name: "sendChatAction",
        parameters: &[
            not_played("business_connection_id", NAME),
            required("chat_id", Kind::ChatId),
            not_played("message_thread_id", ID),
            required("action", Kind::Word(CHAT_ACTIONS)),
        ],
    },
    Method {
        name: "sendDocument",
        parameters: &[
            not_played("business_connection_id", NAME),
            required("chat_id", Kind::ChatId),
            not_played("message_thread_id", ID),
            not_played("direct_messages_topic_id", ID),
            not_played("ephemeral_message_parameters", Kind::Opaque),
            required("document", Kind::File),
            not_played("thumbnail", Kind::File),
            optional("caption", Kind::Text(0, ANY)),
            optional("parse_mode", PARSE_MODE),
            optional("caption_entities", ENTITIES),
            optional("disable_content_type_detection", Kind::Flag),
            optional("disable_notification", Kind::Flag),
            optional("protect_content", Kind::Flag),
            not_played("allow_paid_broadcast", Kind::Flag),
            not_played("message_effect_id", NAME),
            not_played("suggested_post_parameters", Kind::Opaque),
            optional("reply_parameters", Kind::Object(REPLY)),
            optional("reply_markup", ANY_MARKUP),
        ],
    },
    Method {
        name: "sendPhoto",
        parameters: &[
            not_played("business_connection_id", NAME),
            required("chat_id", Kind::ChatId),
            not_played("message_thread_id", ID),
            not_played("direct_messages_topic_id", ID),
            not_played("ephemeral_message_parameters", Kind::Opaque),
            required("photo", Kind::File),
            optional("caption", Kind::Text(0, ANY)),
            optional("parse_mode", PARSE_MODE),
            optional("caption_entities", ENTITIES),
            not_played("show_caption_above_media", Kind::Flag),
            not_played("has_spoiler", Kind::Flag),
            optional("disable_notification", Kind::Flag),
            optional("protect_content", Kind::Flag),
            not_played("allow_paid_broadcast", Kind::Flag),
            not_played("message_effect_id", NAME),
            not_played("suggested_post_parameters", Kind::Opaque),
            optional("reply_parameters", Kind::Object(REPLY)),
            optional("reply_markup", ANY_MARKUP),
        ],
    },
    Method { name: "getFile", parameters: &[required("file_id", NAME)] },
    Method {
        name: "setMessageReaction",
        parameters: &[
            required("chat_id", Kind::ChatId),
            required("message_id", ID),
            optional("reaction", Kind::List(&Kind::Object(REACTION), 0, 11)),
            optional("is_big", Kind::Flag),
        ],
    },
    Method { name: "getChat", parameters: &[required("chat_id", Kind::ChatId)] },
];
