//! What each method does, once its parameters are known to be as published. Knows no HTTP and no waiting: `getUpdates` is
//! served elsewhere.

mod commands;
mod edit;
mod files;
mod send;

pub(super) use files::dimensions;

use super::check::Arguments;
use super::refusal::Refusal;
use super::world::{BOT_ID, BOT_NAME, ChatKind, Event, Notice, World};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a tap may wait for its answer. Telegram publishes no number; clients stop showing progress about then.
pub const TAP_LIMIT: Duration = Duration::from_secs(15);
/// Messages can be deleted for so long.
const DELETE_LIMIT: u64 = 48 * 60 * 60;
/// Emoji a bot may react with; the published list is longer.
const REACTIONS: [&str; 12] = ["👍", "👎", "❤", "🔥", "🎉", "🤔", "👀", "👌", "🤝", "✍", "😁", "💯"];

/// A result, with words beside it where Telegram has some.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) result: Value,
    pub(super) description: Option<&'static str>,
}

impl From<Value> for Done {
    fn from(result: Value) -> Self {
        Self { result, description: None }
    }
}

type Answer = Result<Done, Refusal>;

fn yes() -> Answer {
    Ok(Value::Bool(true).into())
}

pub(super) fn perform(world: &mut World, method: &str, given: &Arguments) -> Answer {
    match method {
        "getMe" => Ok(me().into()),
        "getChat" => get_chat(world, given),
        "deleteWebhook" => delete_webhook(world, given),
        "getWebhookInfo" => Ok(webhook(world).into()),
        "setMyCommands" => commands::set(world, given),
        "getMyCommands" => commands::get(world, given),
        "deleteMyCommands" => commands::delete(world, given),
        "sendMessage" => send::message(world, given),
        "sendDocument" => files::document(world, given),
        "sendPhoto" => files::photo(world, given),
        "getFile" => files::link(world, given),
        "editMessageText" => edit::text(world, given),
        "editMessageCaption" => edit::caption(world, given),
        "editMessageReplyMarkup" => edit::markup(world, given),
        "deleteMessage" => delete_message(world, given),
        "deleteMessages" => delete_messages(world, given),
        "answerCallbackQuery" => answer_tap(world, given),
        "sendChatAction" => chat_action(world, given),
        "setMessageReaction" => react(world, given),
        _ => Err(Refusal::not_found()),
    }
}

/// The bot about itself.
fn me() -> Value {
    json!({
        "id": BOT_ID, "is_bot": true, "first_name": "leashd", "username": BOT_NAME, "can_join_groups": true,
        "can_read_all_group_messages": false, "supports_inline_queries": false, "can_connect_to_business": false,
        "has_main_web_app": false,
    })
}

fn get_chat(world: &World, given: &Arguments) -> Answer {
    let record = world.known(given.value("chat_id"))?;
    let mut chat = world.chat(record.id);
    if let Some(fields) = chat.as_object_mut() {
        fields.insert("accent_color_id".into(), json!(0));
        fields.insert("max_reaction_count".into(), json!(11));
        let gifts = json!({
            "unlimited_gifts": false, "limited_gifts": false, "unique_gifts": false,
            "premium_subscription": false, "gifts_from_channels": false,
        });
        fields.insert("accepted_gift_types".into(), gifts);
    }
    Ok(chat.into())
}

fn delete_webhook(world: &mut World, given: &Arguments) -> Answer {
    if given.flag("drop_pending_updates") {
        world.updates.clear();
    }
    let was = world.webhook.take();
    let description = if was.is_some() { "Webhook was deleted" } else { "Webhook is already deleted" };
    Ok(Done { result: Value::Bool(true), description: Some(description) })
}

fn webhook(world: &mut World) -> Value {
    let now = world.clock.now();
    let mut webhook = json!({
        "url": world.webhook.clone().unwrap_or_default(), "has_custom_certificate": false,
        "pending_update_count": world.updates.pending(now),
    });
    if let (Some(kinds), Some(fields)) = (&world.updates.asked, webhook.as_object_mut())
        && !kinds.is_empty()
    {
        fields.insert("allowed_updates".into(), json!(kinds));
    }
    webhook
}

/// `None`: it can't be found.
fn delete(world: &mut World, chat: i64, id: i64) -> Option<Result<(), Refusal>> {
    let now = world.clock.unix();
    let group = world.chats.get(&chat).is_some_and(|it| it.kind == ChatKind::Group);
    let message = world.message_mut(chat, id).filter(|it| it.is_there())?;
    // The bot is no administrator.
    if message.date + DELETE_LIMIT < now || (group && !message.is_from_bot()) {
        return Some(Err(Refusal::bad("message can't be deleted for everyone")));
    }
    message.presence = super::message::Presence::Deleted;
    let message = message.id;
    world.happened(chat, Event::Deleted { message });
    Some(Ok(()))
}

fn delete_message(world: &mut World, given: &Arguments) -> Answer {
    let chat = world.writable(given.value("chat_id"))?;
    let id = given.integer("message_id").unwrap_or_default();
    delete(world, chat, id).ok_or_else(|| Refusal::bad("message to delete not found"))??;
    yes()
}

/// Those that can't be found are skipped.
fn delete_messages(world: &mut World, given: &Arguments) -> Answer {
    let chat = world.writable(given.value("chat_id"))?;
    let ids = given.list("message_ids");
    if ids.is_empty() {
        return Err(Refusal::bad("message identifiers are not specified"));
    }
    if ids.len() > 100 {
        return Err(Refusal::bad("too many message identifiers specified"));
    }
    for id in ids {
        delete(world, chat, id.as_i64().unwrap_or_default()).transpose()?;
    }
    yes()
}

fn answer_tap(world: &mut World, given: &Arguments) -> Answer {
    let id = given.text("callback_query_id");
    let text = given.text("text").to_owned();
    if super::entity::units(&text) > 200 {
        return Err(Refusal::bad("MESSAGE_TOO_LONG"));
    }
    let notice = if given.flag("show_alert") { Notice::Alert } else { Notice::Toast };
    let now = world.clock.now();
    let tap = world.taps.get_mut(id).filter(|it| it.answer.is_none() && now < it.at + TAP_LIMIT);
    let too_old = "query is too old and response timeout expired or query ID is invalid";
    let tap = tap.ok_or_else(|| Refusal::bad(too_old))?;
    tap.answer = Some((text.clone(), notice));
    let (chat, person) = (tap.chat, tap.person);
    world.happened(chat, Event::Answered { person, text, notice });
    yes()
}

fn chat_action(world: &mut World, given: &Arguments) -> Answer {
    let action = given.text("action").to_owned();
    if !super::published::CHAT_ACTIONS.contains(&action.as_str()) {
        return Err(Refusal::bad("wrong parameter action in request"));
    }
    let chat = world.writable(given.value("chat_id"))?;
    world.happened(chat, Event::Activity { action });
    yes()
}

fn react(world: &mut World, given: &Arguments) -> Answer {
    let chat = world.writable(given.value("chat_id"))?;
    let wanted = given.list("reaction");
    if wanted.len() > 1 {
        return Err(Refusal::bad("REACTIONS_TOO_MANY"));
    }
    let emoji =
        wanted.first().map(|it| it.get("emoji").and_then(Value::as_str).unwrap_or_default().to_owned());
    if emoji.as_ref().is_some_and(|it| !REACTIONS.contains(&it.as_str())) {
        return Err(Refusal::bad("REACTION_INVALID"));
    }
    let id = given.integer("message_id").unwrap_or_default();
    let message = world.message_mut(chat, id).filter(|it| it.is_there());
    let message = message.ok_or_else(|| Refusal::bad("message to react not found"))?;
    message.reaction.clone_from(&emoji);
    let message = message.id;
    world.happened(chat, Event::Reacted { message, emoji: emoji.unwrap_or_default() });
    yes()
}

/// Counts a message or an edit; too many are refused.
fn count(world: &mut World, chat: i64) -> Result<(), Refusal> {
    let now = world.clock.now();
    world.meter.admit(chat, now).map_err(Refusal::too_many)
}
