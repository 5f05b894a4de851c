//! Sends texts, and reads what all messages have in common: formatted text, keyboard, reply. Knows no files.

use super::super::check::Arguments;
use super::super::entity::{Entity, Formatted, settle, units};
use super::super::message::{Sound, Version};
use super::super::published::{CAPTION_LIMIT, MESSAGE_LIMIT, RAW_TEXT_LIMIT};
use super::super::refusal::Refusal;
use super::super::world::{Draft, World};
use super::super::{html, markup};
use super::{Answer, count};
use serde_json::Value;

pub(super) fn message(world: &mut World, given: &Arguments) -> Answer {
    let method = "sendMessage";
    let formatted = text(world, method, given, ("text", "entities"))?;
    message_length(world, method, &formatted, "message is too long")?;
    let markup = markup::read(given.value("reply_markup"))?;
    let chat = world.writable(given.value("chat_id"))?;
    let mut draft = Draft::by_bot(Version { formatted, buttons: markup.buttons });
    draft.asks_reply = markup.asks_reply;
    draft.link_preview = given.value("link_preview_options").cloned();
    finish(world, given, chat, draft)
}

/// What comes after the content was found good: reply, count, and into the chat.
pub(super) fn finish(world: &mut World, given: &Arguments, chat: i64, mut draft: Draft) -> Answer {
    (draft.reply_to, draft.quote) = reply(world, chat, given)?;
    if given.flag("disable_notification") {
        draft.sound = Sound::Silent;
    }
    draft.protected = given.flag("protect_content");
    count(world, chat)?;
    let id = world.say(chat, draft).unwrap_or_default();
    let message = world.message(chat, i64::from(id)).map_or(Value::Null, |it| world.published(it));
    Ok(message.into())
}

/// A text or a caption, cleaned and trimmed; it may be empty.
pub(super) fn text(
    world: &mut World,
    method: &str,
    given: &Arguments,
    (text, entities): (&str, &str),
) -> Result<Formatted, Refusal> {
    let raw = given.text(text);
    if text == "text" && raw.is_empty() {
        return Err(Refusal::bad("message text is empty"));
    }
    if raw.len() > RAW_TEXT_LIMIT {
        world.violate(method, format!("`{text}` has {} bytes before parsing", raw.len()));
        return Err(Refusal::bad("text is too long"));
    }
    let mode = given.text("parse_mode");
    let own = given.list(entities);
    if !mode.is_empty() && !own.is_empty() {
        world.violate(method, format!("`parse_mode` and `{entities}`: only one of them counts"));
    }
    let formatted = read(world, method, raw, mode, own)?;
    let (formatted, lost) = settle(&formatted.text, formatted.entities);
    for lost in lost {
        world.violate(method, format!("formatting is lost: {lost}"));
    }
    if text == "text" && formatted.text.is_empty() {
        return Err(Refusal::bad("text must be non-empty"));
    }
    Ok(formatted)
}

fn read(world: &mut World, method: &str, raw: &str, mode: &str, own: &[Value]) -> Result<Formatted, Refusal> {
    match mode.to_ascii_lowercase().as_str() {
        "html" => html::parse(raw).map_err(|it| Refusal::bad(format!("can't parse entities: {it}"))),
        "" | "none" => {
            let mut entities = Vec::new();
            for value in own {
                let entity = Entity::from_value(value)
                    .map_err(|it| Refusal::bad(format!("can't parse MessageEntity: {it}")))?;
                entities.extend(entity);
            }
            if entities.iter().any(|it| it.end() > units(raw)) {
                world.violate(method, "an entity reaches over the end of the text");
                entities.retain(|it| it.end() <= units(raw));
            }
            Ok(Formatted { text: raw.to_owned(), entities })
        }
        "markdown" | "markdownv2" => {
            world.violate(method, "this server plays no Markdown");
            Err(Refusal::bad("can't parse entities: this server plays no Markdown"))
        }
        _ => Err(Refusal::bad("unsupported parse_mode")),
    }
}

pub(super) fn message_length(
    world: &mut World,
    method: &str,
    text: &Formatted,
    words: &str,
) -> Result<(), Refusal> {
    length(world, method, text, MESSAGE_LIMIT, words)
}

pub(super) fn caption_length(
    world: &mut World,
    method: &str,
    text: &Formatted,
    words: &str,
) -> Result<(), Refusal> {
    length(world, method, text, CAPTION_LIMIT, words)
}

fn length(
    world: &mut World,
    method: &str,
    text: &Formatted,
    most: usize,
    words: &str,
) -> Result<(), Refusal> {
    let length = units(&text.text);
    if length <= most {
        return Ok(());
    }
    world.violate(method, format!("{length} UTF-16 units after parsing, at most {most} are allowed"));
    Err(Refusal::bad(words))
}

/// The message that is answered, and the part of it that is quoted.
fn reply(world: &World, chat: i64, given: &Arguments) -> Result<(Option<i32>, Option<String>), Refusal> {
    let Some(reply) = given.value("reply_parameters") else { return Ok((None, None)) };
    let id = reply.get("message_id").and_then(Value::as_i64).unwrap_or_default();
    let anyway = reply.get("allow_sending_without_reply").and_then(Value::as_bool).unwrap_or_default();
    let Some(message) = world.message(chat, id).filter(|it| it.is_there()) else {
        return if anyway { Ok((None, None)) } else { Err(Refusal::bad("message to be replied not found")) };
    };
    let quote = reply.get("quote").and_then(Value::as_str).unwrap_or_default();
    let mode = reply.get("quote_parse_mode").and_then(Value::as_str).unwrap_or_default();
    let quote = if mode.eq_ignore_ascii_case("html") {
        html::parse(quote).map_err(|it| Refusal::bad(format!("can't parse entities: {it}")))?.text
    } else {
        quote.to_owned()
    };
    if !quote.is_empty() && !message.text().contains(&quote) {
        return Err(Refusal::bad("QUOTE_TEXT_INVALID"));
    }
    Ok((Some(message.id), Some(quote).filter(|it| !it.is_empty())))
}
