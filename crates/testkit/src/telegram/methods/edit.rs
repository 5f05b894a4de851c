//! Edits messages of the bot: text, caption, buttons. An edit without a keyboard takes the keyboard away.

use super::super::check::Arguments;
use super::super::entity;
use super::super::markup;
use super::super::message::{Message, Version};
use super::super::refusal::Refusal;
use super::super::world::{Event, World};
use super::send;
use super::{Answer, count};
use serde_json::Value;

pub(super) fn text(world: &mut World, given: &Arguments) -> Answer {
    let method = "editMessageText";
    let formatted = send::text(world, method, given, ("text", "entities"))?;
    // Unlike sendMessage, with the words of the servers behind the Bot API.
    send::message_length(world, method, &formatted, "MESSAGE_TOO_LONG")?;
    let buttons = markup::read(given.value("reply_markup"))?.buttons;
    let (chat, id) = target(world, given)?;
    if editable(world, chat, id)?.media.is_some() {
        return Err(Refusal::bad("there is no text in the message to edit"));
    }
    let preview = given.value("link_preview_options").cloned();
    let done = apply(world, chat, id, Version { formatted, buttons })?;
    if let Some(message) = world.message_mut(chat, id) {
        message.link_preview = preview;
    }
    Ok(done)
}

pub(super) fn caption(world: &mut World, given: &Arguments) -> Answer {
    let method = "editMessageCaption";
    let formatted = send::text(world, method, given, ("caption", "caption_entities"))?;
    send::caption_length(world, method, &formatted, "MEDIA_CAPTION_TOO_LONG")?;
    let buttons = markup::read(given.value("reply_markup"))?.buttons;
    let (chat, id) = target(world, given)?;
    if editable(world, chat, id)?.media.is_none() {
        return Err(Refusal::bad("there is no caption in the message to edit"));
    }
    apply(world, chat, id, Version { formatted, buttons })
}

pub(super) fn markup(world: &mut World, given: &Arguments) -> Answer {
    let buttons = markup::read(given.value("reply_markup"))?.buttons;
    let (chat, id) = target(world, given)?;
    let mut formatted = editable(world, chat, id)?.now.formatted.clone();
    // What Telegram found itself is found again.
    formatted.entities.retain(|it| !it.style.is_found());
    apply(world, chat, id, Version { formatted, buttons })
}

fn target(world: &World, given: &Arguments) -> Result<(i64, i64), Refusal> {
    let id = given.integer("message_id").filter(|it| *it != 0);
    let chat = world.writable(given.value("chat_id"))?;
    Ok((chat, id.ok_or_else(|| Refusal::bad("message identifier is not specified"))?))
}

fn editable(world: &World, chat: i64, id: i64) -> Result<&Message, Refusal> {
    let message = world.message(chat, id).filter(|it| it.is_there());
    let message = message.ok_or_else(|| Refusal::bad("message to edit not found"))?;
    if !message.is_from_bot() || message.forwarded_from.is_some() {
        return Err(Refusal::bad("message can't be edited"));
    }
    Ok(message)
}

fn apply(world: &mut World, chat: i64, id: i64, mut version: Version) -> Answer {
    count(world, chat)?;
    entity::find(&mut version.formatted);
    let date = world.clock.unix();
    let Some(message) = world.message_mut(chat, id) else {
        return Err(Refusal::bad("message to edit not found"));
    };
    if message.now == version {
        return Err(Refusal::not_modified());
    }
    message.become_version(version, date);
    let (message, version) = (message.id, message.before.len());
    world.happened(chat, Event::Edited { message, version });
    let message = world.message(chat, id).map_or(Value::Null, |it| world.published(it));
    Ok(message.into())
}
