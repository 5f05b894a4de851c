//! Holds a request against the published parameters: unknown ones, missing ones, wrong types, limits. What is found is
//! said twice: to the client as Telegram would, and to the test as a violation. Knows no chat.

use super::published::{Kind, Method, Need, Parameter, Shape};
use super::refusal::Refusal;
use super::request::{Given, Raw, Upload};
use serde_json::{Map, Number, Value};
use std::collections::BTreeMap;

/// Parameters of the published types.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    values: Map<String, Value>,
    files: BTreeMap<String, Upload>,
}

/// What came of a check.
#[derive(Debug, Default)]
pub(super) struct Checked {
    pub(super) arguments: Arguments,
    pub(super) violations: Vec<String>,
    /// The first thing Telegram itself would refuse.
    pub(super) refusal: Option<Refusal>,
}

impl Arguments {
    pub(super) fn text(&self, name: &str) -> &str {
        self.values.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn integer(&self, name: &str) -> Option<i64> {
        self.values.get(name).and_then(Value::as_i64)
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.values.get(name).and_then(Value::as_bool).unwrap_or_default()
    }

    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    pub(super) fn list(&self, name: &str) -> &[Value] {
        self.values.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    pub(super) fn upload(&self, name: &str) -> Option<&Upload> {
        self.files.get(name)
    }

    /// For the log of calls.
    pub(super) fn as_value(&self) -> Value {
        let mut values = self.values.clone();
        for (name, upload) in &self.files {
            let said = format!("<{} bytes>", upload.bytes.len());
            values.entry(name.clone()).or_insert(Value::String(said));
        }
        Value::Object(values)
    }
}

/// Checks everything, so that a test sees all that is wrong with a request at once.
pub(super) fn check(method: &Method, raw: Raw) -> Checked {
    let mut checked = Checked::default();
    for name in &raw.twice {
        checked.violations.push(format!("`{name}` was given twice"));
    }
    let mut attached = Vec::new();
    for (name, given) in raw.values {
        let Some(parameter) = method.parameters.iter().find(|it| it.name == name) else {
            checked.violations.push(format!("unknown parameter `{name}`"));
            continue;
        };
        let Some(value) = checked.typed(parameter, given) else { continue };
        if let (Kind::File, Some(text)) = (&parameter.kind, value.as_str()) {
            attached.extend(text.strip_prefix("attach://").map(str::to_owned));
        }
        checked.field(&name, parameter, &value);
        checked.arguments.values.insert(name, value);
    }
    for name in raw.files.keys() {
        let known = method.parameters.iter().any(|it| it.name == name && matches!(it.kind, Kind::File));
        if !known && !attached.contains(name) {
            checked.violations.push(format!("unknown file `{name}`"));
        }
    }
    checked.arguments.files = raw.files;
    for parameter in method.parameters.iter().filter(|it| it.need == Need::Required) {
        let there = checked.arguments.values.contains_key(parameter.name)
            || checked.arguments.files.contains_key(parameter.name);
        if !there {
            let what = format!("required parameter `{}` is missing", parameter.name);
            checked.refuse(what, missing(parameter.name));
        }
    }
    checked
}

/// The words of Telegram where a required parameter is missing or empty.
pub(super) fn missing(name: &str) -> String {
    match name {
        "chat_id" => "chat_id is empty".into(),
        "text" => "message text is empty".into(),
        "message_id" => "message identifier is not specified".into(),
        "message_ids" => "message identifiers are not specified".into(),
        "callback_query_id" => "query is too old and response timeout expired or query ID is invalid".into(),
        "file_id" => "file_id not specified".into(),
        "action" => "wrong parameter action in request".into(),
        "document" | "photo" => format!("there is no {name} in the request"),
        other => format!("parameter \"{other}\" is required"),
    }
}

impl Checked {
    fn refuse(&mut self, violation: String, words: impl AsRef<str>) {
        self.violations.push(violation);
        self.refusal.get_or_insert_with(|| Refusal::bad(words));
    }

    /// Telegram turns every parameter into text and reads that: a form and JSON are one, and JSON may hide in a string.
    fn typed(&mut self, parameter: &Parameter, given: Given) -> Option<Value> {
        let nested =
            matches!(parameter.kind, Kind::Object(_) | Kind::OneOf(_) | Kind::List(..) | Kind::Opaque);
        let text = match given {
            Given::Json(Value::String(text)) if nested => text,
            Given::Json(Value::String(text)) if matches!(parameter.kind, Kind::ChatId) => text,
            Given::Json(value) => return Some(value),
            Given::Text(text) => text,
        };
        match parameter.kind {
            Kind::Integer(..) | Kind::ChatId => {
                let number = text.parse::<i64>().ok().map(|it| Value::Number(Number::from(it)));
                Some(number.unwrap_or(Value::String(text)))
            }
            Kind::Flag => Some(match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Value::Bool(true),
                "false" | "no" | "0" => Value::Bool(false),
                _ => Value::String(text),
            }),
            _ if nested && text.is_empty() => None,
            _ if nested => match serde_json::from_str(&text) {
                Ok(value) => Some(value),
                Err(_) => {
                    let name = parameter.name;
                    let words = match name {
                        "reply_markup" => "can't parse reply keyboard markup JSON object".into(),
                        _ => format!("can't parse {} JSON object", name.replace('_', " ")),
                    };
                    self.refuse(format!("`{name}` is not JSON"), words);
                    None
                }
            },
            _ => Some(Value::String(text)),
        }
    }

    fn field(&mut self, path: &str, parameter: &Parameter, value: &Value) {
        if parameter.need == Need::NotPlayed {
            self.violations.push(format!("`{path}` is published, but this server does not play it"));
        }
        self.kind(path, &parameter.kind, value);
    }

    fn kind(&mut self, path: &str, kind: &Kind, value: &Value) {
        match kind {
            Kind::Integer(least, most) => match value.as_i64() {
                Some(number) if (*least..=*most).contains(&number) => {}
                Some(number) => {
                    self.violations.push(format!("`{path}` is {number}, outside {least}..={most}"));
                }
                None => self.wrong_type(path, "Integer"),
            },
            Kind::Text(least, most) => match value.as_str() {
                Some(text) => self.length(path, text.encode_utf16().count(), (*least, *most), "UTF-16 units"),
                None => self.wrong_type(path, "String"),
            },
            Kind::Bytes(least, most) => match value.as_str() {
                Some(text) => self.length(path, text.len(), (*least, *most), "bytes"),
                None => self.wrong_type(path, "String"),
            },
            Kind::Flag if !value.is_boolean() => self.wrong_type(path, "Boolean"),
            Kind::ChatId if value.as_i64().is_none() && !value.is_string() => {
                self.wrong_type(path, "Integer or String");
            }
            Kind::File if !value.is_string() => self.wrong_type(path, "InputFile or String"),
            Kind::Word(words) => match value.as_str() {
                Some(word) if words.contains(&word) => {}
                Some(word) => self.violations.push(format!("`{path}` is \"{word}\", not one of {words:?}")),
                None => self.wrong_type(path, "String"),
            },
            Kind::Object(shape) => self.object(path, shape, value),
            Kind::OneOf(shapes) => {
                let fits = |shape: &&Shape| {
                    shape.iter().all(|it| it.need != Need::Required || value.get(it.name).is_some())
                };
                match shapes.iter().find(fits) {
                    Some(shape) => self.object(path, shape, value),
                    None => self.violations.push(format!("`{path}` has none of the published forms")),
                }
            }
            Kind::List(item, least, most) => match value.as_array() {
                Some(items) => {
                    self.length(path, items.len(), (*least, *most), "items");
                    for (at, value) in items.iter().enumerate() {
                        self.kind(&format!("{path}[{at}]"), item, value);
                    }
                }
                None => self.wrong_type(path, "Array"),
            },
            Kind::Opaque | Kind::Flag | Kind::ChatId | Kind::File => {}
        }
    }

    fn object(&mut self, path: &str, shape: Shape, value: &Value) {
        let Some(fields) = value.as_object() else { return self.wrong_type(path, "Object") };
        for (name, value) in fields {
            let path = format!("{path}.{name}");
            match shape.iter().find(|it| it.name == name) {
                Some(parameter) => self.field(&path, parameter, value),
                None => self.violations.push(format!("unknown field `{path}`")),
            }
        }
        for parameter in shape.iter().filter(|it| it.need == Need::Required) {
            if !fields.contains_key(parameter.name) {
                self.violations.push(format!("required field `{path}.{}` is missing", parameter.name));
            }
        }
    }

    /// Only recorded: each method says no in its own words, if it does.
    fn length(&mut self, path: &str, length: usize, (least, most): (usize, usize), unit: &str) {
        if !(least..=most).contains(&length) {
            self.violations.push(format!("`{path}` has {length} {unit}, outside {least}..={most}"));
        }
    }

    fn wrong_type(&mut self, path: &str, expected: &str) {
        let name = path.rsplit('.').next().unwrap_or(path);
        let words = match path {
            "reply_markup" => "object expected as reply markup".to_owned(),
            _ if path.contains("inline_keyboard[") && expected == "Object" => {
                "can't parse inline keyboard button: InlineKeyboardButton must be an Object".into()
            }
            _ if path.contains("inline_keyboard[") && expected == "Array" => {
                "field \"inline_keyboard\" of the InlineKeyboardMarkup must be an Array of Arrays".into()
            }
            _ if path.contains("inline_keyboard[") => {
                format!("can't parse inline keyboard button: Field \"{name}\" must be of type {expected}")
            }
            _ => format!("field \"{name}\" must be of type {expected}"),
        };
        self.refuse(format!("`{path}` is not of type {expected}"), words);
    }
}
