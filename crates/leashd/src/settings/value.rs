//! What a setting may hold, and reading that out of the text of a variable or a piece of YAML. Knows no setting by name.

use crate::observe::{HOOKS_MAX, Hook};
use leashd_agents::claude::never_passes;
use serde_json::Value as Json;
use std::fmt;

/// Bytes of one value.
const BYTES_MAX: usize = 1 << 20;
/// Entries of one list.
const ENTRIES_MAX: usize = 10_000;

/// What a setting may hold.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Flag,
    /// A whole number.
    Number {
        least: u64,
        most: u64,
    },
    /// Whole seconds.
    Seconds {
        least: u64,
        most: u64,
    },
    /// Seconds with up to three decimals.
    Fraction {
        least_millis: u64,
        most_millis: u64,
    },
    Text,
    /// `http://…` or `https://…`.
    Address,
    Choice(&'static Choices),
    /// Any texts.
    Texts,
    /// Absolute paths, or such that start with `~`.
    Directories,
    /// A path; a relative one is below leashd's home.
    File,
    /// An absolute path, or one that starts with `~`.
    Directory,
    /// Numbers Telegram gives to people, or `*`.
    Users,
    /// Numbers Telegram gives to groups.
    Groups,
    /// Names of tools, `*` for any run of characters.
    Tools,
    /// Names out of a closed list.
    Names(fn() -> Vec<&'static str>),
    /// An object by name.
    Object,
    /// `{url, secret, events}` each.
    Webhooks,
    /// Names of environment variables that may pass to an agent.
    Variables,
}

/// A closed set of words.
#[derive(Debug)]
pub(crate) struct Choices {
    pub(crate) names: &'static [&'static str],
    /// Other words for them.
    pub(crate) aliases: &'static [(&'static str, &'static str)],
}

/// What a setting holds.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Flag(bool),
    Number(u64),
    Millis(u64),
    Text(String),
    List(Vec<String>),
    Json(Json),
}

/// What was written, before it is known what it is for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Raw {
    /// As written, and as YAML understands it.
    Scalar(String, Json),
    List(Vec<Raw>),
    Map(Vec<(String, Raw)>),
}

/// How a value is shown in an error: not at all if it is a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quoting {
    Quoted,
    Hidden,
}

impl Raw {
    pub(crate) fn text(text: &str) -> Self {
        Raw::Scalar(text.to_owned(), Json::String(text.to_owned()))
    }

    fn shown(&self, quoting: Quoting) -> String {
        match (quoting, self) {
            (Quoting::Hidden, _) => "is wrong (it is not shown)".to_owned(),
            (_, Raw::Scalar(text, _)) => {
                format!("is {:?}", text.chars().take(120).collect::<String>())
            }
            (_, Raw::List(_)) => "is a list".to_owned(),
            (_, Raw::Map(_)) => "is a block of keys".to_owned(),
        }
    }

    fn json(&self) -> Json {
        match self {
            Raw::Scalar(_, json) => json.clone(),
            Raw::List(items) => Json::Array(items.iter().map(Raw::json).collect()),
            Raw::Map(entries) => {
                Json::Object(entries.iter().map(|(key, value)| (key.clone(), value.json())).collect())
            }
        }
    }
}

impl From<Json> for Raw {
    fn from(json: Json) -> Self {
        match json {
            Json::Array(items) => Raw::List(items.into_iter().map(Raw::from).collect()),
            Json::Object(map) => Raw::Map(map.into_iter().map(|(key, value)| (key, value.into())).collect()),
            Json::String(text) => Raw::Scalar(text.clone(), Json::String(text)),
            other => Raw::Scalar(other.to_string(), other),
        }
    }
}

impl Kind {
    /// The value, or what is wrong with it: `is "many", expected a whole number from 1`.
    pub(crate) fn parse(self, raw: &Raw, quoting: Quoting) -> Result<Value, String> {
        if let Raw::Scalar(text, _) = raw
            && text.len() > BYTES_MAX
        {
            return Err(format!("has more than {BYTES_MAX} bytes"));
        }
        let wrong = || format!("{}, expected {}", raw.shown(quoting), self.expected());
        match self {
            Kind::Flag => flag(raw).map(Value::Flag).ok_or_else(wrong),
            Kind::Number { least, most } | Kind::Seconds { least, most } => scalar(raw)
                .and_then(|text| text.trim().parse::<u64>().ok())
                .filter(|number| (least..=most).contains(number))
                .map(Value::Number)
                .ok_or_else(wrong),
            Kind::Fraction { least_millis, most_millis } => scalar(raw)
                .and_then(millis)
                .filter(|number| (least_millis..=most_millis).contains(number))
                .map(Value::Millis)
                .ok_or_else(wrong),
            Kind::Text => scalar(raw).map(|text| Value::Text(text.to_owned())).ok_or_else(wrong),
            Kind::Address => scalar(raw)
                .map(|text| text.trim().trim_end_matches('/'))
                .filter(|text| is_address(text))
                .map(|text| Value::Text(text.to_owned()))
                .ok_or_else(wrong),
            Kind::Choice(choices) => scalar(raw)
                .and_then(|text| choices.find(text.trim()))
                .map(|name| Value::Text(name.to_owned()))
                .ok_or_else(wrong),
            Kind::File => scalar(raw)
                .filter(|text| !text.trim().is_empty() && !text.contains('\0'))
                .map(|text| Value::Text(text.to_owned()))
                .ok_or_else(wrong),
            Kind::Directory => {
                let text = scalar(raw).ok_or_else(wrong)?;
                absolute(text).map(|()| Value::Text(text.to_owned()))
            }
            Kind::Texts
            | Kind::Directories
            | Kind::Users
            | Kind::Groups
            | Kind::Tools
            | Kind::Names(_)
            | Kind::Variables => self.list(raw, quoting),
            Kind::Object => object(raw, quoting).map(Value::Json),
            Kind::Webhooks => webhooks(raw).map(Value::Json),
        }
    }

    fn list(self, raw: &Raw, quoting: Quoting) -> Result<Value, String> {
        let items = match self {
            // Written without quotes, as numbers are.
            Kind::Users | Kind::Groups => texts(&numbers_as_texts(raw), quoting)?,
            _ => texts(raw, quoting)?,
        };
        if items.len() > ENTRIES_MAX {
            return Err(format!("has more than {ENTRIES_MAX} entries"));
        }
        for item in &items {
            let good = match self {
                Kind::Directories => absolute(item).map_err(|why| format!("names {item:?}, {}", tail(&why))),
                Kind::Users if item == "*" => Ok(()),
                Kind::Users => number(item, |id| id > 0, "a Telegram user's number, or \"*\" for anybody"),
                Kind::Groups => number(item, |id| id < 0, "a Telegram group's number, which is negative"),
                Kind::Tools => tool(item),
                Kind::Names(known) => named(item, &known()),
                Kind::Variables => variable(item),
                _ => Ok(()),
            };
            good?;
        }
        Ok(Value::List(items))
    }

    fn expected(self) -> String {
        match self {
            Kind::Flag => "true or false".to_owned(),
            Kind::Number { least, most } => format!("a whole number from {least} to {most}"),
            Kind::Seconds { least, most } => format!("a whole number from {least} to {most} (seconds)"),
            Kind::Fraction { least_millis, most_millis } => {
                format!("seconds from {} to {}", seconds(least_millis), seconds(most_millis))
            }
            Kind::Text => "a text".to_owned(),
            Kind::Address => "an address that starts with https:// or http://".to_owned(),
            Kind::Choice(choices) => any_of(choices.names),
            Kind::File => "a path".to_owned(),
            Kind::Directory => "an absolute path".to_owned(),
            Kind::Texts | Kind::Names(_) | Kind::Variables => "a list of names".to_owned(),
            Kind::Directories => "a list of absolute paths".to_owned(),
            Kind::Users | Kind::Groups => "a list of numbers".to_owned(),
            Kind::Tools => "a list of tools".to_owned(),
            Kind::Object => "an object".to_owned(),
            Kind::Webhooks => "a list of {url, secret, events}".to_owned(),
        }
    }

    /// What people read in the table of settings.
    pub(crate) fn described(self) -> String {
        match self {
            Kind::Seconds { least, most } => format!("seconds, {least} to {most}"),
            Kind::Number { least, most } => format!("number, {least} to {most}"),
            Kind::Fraction { least_millis, most_millis } => {
                format!("seconds, {} to {}", seconds(least_millis), seconds(most_millis))
            }
            Kind::Flag => "`true` or `false`".to_owned(),
            Kind::Choice(choices) => {
                choices.names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            }
            Kind::Names(known) => format!(
                "list of {}",
                known().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            ),
            other => other.expected().trim_start_matches("a ").trim_start_matches("an ").to_owned(),
        }
    }
}

impl Choices {
    fn find(&self, text: &str) -> Option<&'static str> {
        let meant = |name: &&&str| name.eq_ignore_ascii_case(text);
        let alias = |(alias, _): &&(&str, &str)| alias.eq_ignore_ascii_case(text);
        let aliased = || self.aliases.iter().find(alias).map(|(_, name)| *name);
        self.names.iter().find(meant).copied().or_else(aliased)
    }
}

fn any_of(names: &[&str]) -> String {
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, before)) => format!("{} or {last}", before.join(", ")),
        None => "nothing".to_owned(),
    }
}

fn scalar(raw: &Raw) -> Option<&str> {
    match raw {
        Raw::Scalar(text, _) => Some(text),
        Raw::List(_) | Raw::Map(_) => None,
    }
}

fn flag(raw: &Raw) -> Option<bool> {
    match scalar(raw)?.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "on" | "1" => Some(true),
        "false" | "no" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// `1.5` as 1500. No floating point: what is written is what is meant.
fn millis(text: &str) -> Option<u64> {
    let text = text.trim();
    let (whole, part) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || part.len() > 3 || !digits(whole) || !digits(part) {
        return None;
    }
    let part: u64 = format!("{part:0<3}").parse().ok()?;
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(part)
}

fn seconds(millis: u64) -> String {
    let (whole, part) = (millis / 1000, millis % 1000);
    match part {
        0 => whole.to_string(),
        _ => format!("{whole}.{part:03}").trim_end_matches('0').to_owned(),
    }
}

/// Comma-separated, a JSON array, or a YAML list.
fn texts(raw: &Raw, quoting: Quoting) -> Result<Vec<String>, String> {
    match raw {
        Raw::List(items) => items
            .iter()
            .map(|item| scalar(item).map(str::to_owned).ok_or("holds something that is not a text"))
            .collect::<Result<_, _>>()
            .map_err(str::to_owned),
        Raw::Map(_) => Err(format!("{}, expected a list", raw.shown(quoting))),
        Raw::Scalar(text, _) if text.trim_start().starts_with('[') => {
            let items: Vec<Json> =
                serde_json::from_str(text).map_err(|error| not_json("array of strings", &error))?;
            items
                .into_iter()
                .map(|item| match item {
                    Json::String(text) => Ok(text),
                    _ => Err("is not a JSON array of strings".to_owned()),
                })
                .collect()
        }
        Raw::Scalar(text, _) => {
            Ok(text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect())
        }
    }
}

/// `[1, 2]` as a list of `1` and `2`. Anything else as it is.
fn numbers_as_texts(raw: &Raw) -> Raw {
    let Raw::Scalar(text, _) = raw else { return raw.clone() };
    match serde_json::from_str::<Json>(text) {
        Ok(Json::Array(items)) => Raw::from(Json::Array(items)),
        Ok(_) | Err(_) => raw.clone(),
    }
}

/// Where a JSON text is wrong, without what it says.
fn not_json(what: &str, error: &serde_json::Error) -> String {
    format!("is not a JSON {what} (line {}, column {})", error.line(), error.column())
}

fn absolute(path: &str) -> Result<(), String> {
    let home = path == "~" || path.starts_with("~/");
    if (home || path.starts_with('/')) && !path.contains('\0') {
        Ok(())
    } else {
        Err(format!("is {path:?}, which is not an absolute path"))
    }
}

/// `which is not …` of a longer sentence.
fn tail(why: &str) -> &str {
    why.split_once(", ").map_or(why, |(_, tail)| tail)
}

fn number(item: &str, good: fn(i64) -> bool, expected: &str) -> Result<(), String> {
    match item.parse::<i64>() {
        Ok(id) if good(id) => Ok(()),
        Ok(_) | Err(_) => Err(format!("names {item:?}, expected {expected}")),
    }
}

fn tool(item: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'*' | b'.' | b':');
    if !item.is_empty() && item.bytes().all(plain) {
        return Ok(());
    }
    Err(format!(
        "names {item:?}, which is no tool's name (what a tool may do with its arguments is a matter of policy rules)"
    ))
}

fn named(item: &str, known: &[&str]) -> Result<(), String> {
    if known.contains(&item) {
        return Ok(());
    }
    Err(format!("names {item:?}, expected some of {}", known.join(", ")))
}

fn object(raw: &Raw, quoting: Quoting) -> Result<Json, String> {
    let json = match raw {
        Raw::Map(_) => raw.json(),
        Raw::Scalar(text, _) => {
            serde_json::from_str::<Json>(text).map_err(|error| not_json("object", &error))?
        }
        Raw::List(_) => return Err(format!("{}; it is not a JSON object", raw.shown(quoting))),
    };
    match json {
        Json::Object(map) => Ok(Json::Object(map)),
        _ => Err(r#"is not a JSON object as in {"name": {"command": "…", "args": ["…"]}}"#.to_owned()),
    }
}

/// Checked to the last key here; what reads it later finds nothing wrong.
fn variable(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(plain) || name.starts_with(|first: char| first.is_ascii_digit()) {
        return Err(format!("names {name:?}, which is no name of a variable"));
    }
    match never_passes(name) {
        true => {
            Err(format!("names {name}, which is never passed on: it changes what runs, or is leashd's own"))
        }
        false => Ok(()),
    }
}

fn webhooks(raw: &Raw) -> Result<Json, String> {
    let json = match raw {
        Raw::List(_) => raw.json(),
        Raw::Scalar(text, _) => serde_json::from_str(text).map_err(|error| not_json("array", &error))?,
        Raw::Map(_) => return Err("is one object, expected a list of {url, secret, events}".to_owned()),
    };
    let Json::Array(hooks) = &json else {
        return Err("is not a list of {url, secret, events}".to_owned());
    };
    if hooks.len() > HOOKS_MAX {
        return Err(format!("has {} entries, {HOOKS_MAX} are the limit", hooks.len()));
    }
    for (index, hook) in hooks.iter().enumerate() {
        webhook(hook).map_err(|why| format!("is wrong in its entry {}: {why}", index + 1))?;
    }
    Ok(json)
}

fn webhook(hook: &Json) -> Result<(), String> {
    let Json::Object(hook) = hook else { return Err("it is not an object".to_owned()) };
    if let Some(key) = hook.keys().find(|key| !matches!(key.as_str(), "url" | "secret" | "events")) {
        return Err(format!("unknown key {key:?}; the keys are url, secret, events"));
    }
    let url = hook.get("url").and_then(Json::as_str).ok_or("`url` is missing")?;
    let secret = hook.get("secret").and_then(Json::as_str).filter(|secret| !secret.is_empty());
    let secret = secret.ok_or("`secret` is missing; whoever receives it checks the signature with it")?;
    let events = match hook.get("events") {
        None => Some(Vec::new()),
        Some(Json::Array(events)) => events.iter().map(Json::as_str).collect(),
        Some(_) => None,
    };
    let events = events.ok_or("`events` is not a list of event names")?;
    // What a webhook needs is known where they are sent; none of its errors shows the address or the secret.
    Hook::parse(url, secret, &events).map(drop).map_err(|error| error.to_string())
}

fn is_address(text: &str) -> bool {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    rest.is_some_and(|rest| {
        rest.starts_with(|first: char| first.is_ascii_alphanumeric() || first == '[')
            && !rest.chars().any(|character| character.is_whitespace() || character.is_control())
    })
}

impl Value {
    /// For programs, nothing hidden.
    pub(crate) fn json(&self) -> Json {
        match self {
            Value::Flag(flag) => Json::Bool(*flag),
            Value::Number(number) => Json::from(*number),
            Value::Millis(millis) => {
                // `1.5` is exact in JSON as text; as a number it is what everybody else writes too.
                serde_json::from_str(&seconds(*millis)).unwrap_or(Json::Null)
            }
            Value::Text(text) => Json::String(text.clone()),
            Value::List(items) => Json::from(items.clone()),
            Value::Json(json) => json.clone(),
        }
    }

    /// As it would stand in a variable.
    pub(crate) fn as_variable(&self) -> String {
        match self {
            Value::List(items) => Json::from(items.clone()).to_string(),
            Value::Json(json) => json.to_string(),
            other => other.to_string(),
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Flag(flag) => write!(formatter, "{flag}"),
            Value::Number(number) => write!(formatter, "{number}"),
            Value::Millis(millis) => formatter.write_str(&seconds(*millis)),
            Value::Text(text) => formatter.write_str(text),
            Value::List(items) => formatter.write_str(&items.join(", ")),
            Value::Json(json) => write!(formatter, "{json}"),
        }
    }
}
