//! The bot's menu of commands, by scope and language. Shows it to nobody; tests ask for it.

use super::super::check::Arguments;
use super::super::refusal::Refusal;
use super::super::world::World;
use super::{Answer, yes};
use serde_json::{Value, json};

/// Commands of one scope and language.
const MOST: usize = 100;

pub(super) fn set(world: &mut World, given: &Arguments) -> Answer {
    let place = place(given)?;
    let commands = given.list("commands");
    if commands.len() > MOST {
        return Err(Refusal::bad("BOT_COMMANDS_TOO_MUCH"));
    }
    let mut menu = Vec::new();
    for command in commands {
        menu.push(read(command)?);
    }
    world.commands.insert(place, menu);
    yes()
}

fn read(command: &Value) -> Result<Value, Refusal> {
    let text = |name: &str| command.get(name).and_then(Value::as_str).unwrap_or_default().trim().to_owned();
    let (name, description) = (text("command"), text("description"));
    let name = name.strip_prefix('/').unwrap_or(&name);
    if name.is_empty() {
        return Err(Refusal::bad("command must be non-empty"));
    }
    if name.chars().count() > 32 {
        return Err(Refusal::bad("command length must not exceed 32"));
    }
    if description.is_empty() {
        return Err(Refusal::bad("command description must be non-empty"));
    }
    if description.chars().count() > 256 {
        return Err(Refusal::bad("command description length must not exceed 256"));
    }
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_') {
        return Err(Refusal::bad("BOT_COMMAND_INVALID"));
    }
    Ok(json!({"command": name, "description": description}))
}

pub(super) fn get(world: &World, given: &Arguments) -> Answer {
    let commands = world.commands.get(&place(given)?).cloned().unwrap_or_default();
    Ok(Value::Array(commands).into())
}

pub(super) fn delete(world: &mut World, given: &Arguments) -> Answer {
    world.commands.remove(&place(given)?);
    yes()
}

fn place(given: &Arguments) -> Result<(String, String), Refusal> {
    let scope = given.value("scope").cloned().unwrap_or_else(|| json!({"type": "default"}));
    let kind = scope.get("type").and_then(Value::as_str).unwrap_or_default();
    let known = matches!(
        kind,
        "default"
            | "all_private_chats"
            | "all_group_chats"
            | "all_chat_administrators"
            | "chat"
            | "chat_administrators"
            | "chat_member"
    );
    if !known {
        return Err(Refusal::bad("can't parse BotCommandScope: unsupported type specified"));
    }
    if kind.starts_with("chat") && scope.get("chat_id").is_none() {
        return Err(Refusal::bad("can't parse BotCommandScope: parameter chat_id is required"));
    }
    Ok((scope.to_string(), given.text("language_code").to_owned()))
}
