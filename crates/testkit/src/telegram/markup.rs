//! Inline keyboards: read from the published form with the errors of Telegram. Draws nothing.

use super::message::{Button, Press};
use super::published::{BUTTON_LIMIT, KEYBOARD_LIMIT};
use super::refusal::Refusal;
use serde_json::Value;

/// What `reply_markup` asks for.
#[derive(Debug, Default)]
pub(super) struct Markup {
    pub(super) buttons: Vec<Vec<Button>>,
    pub(super) asks_reply: bool,
}

pub(super) fn read(markup: Option<&Value>) -> Result<Markup, Refusal> {
    let Some(markup) = markup else { return Ok(Markup::default()) };
    let Some(fields) = markup.as_object() else {
        return Err(Refusal::bad("object expected as reply markup"));
    };
    let asks_reply = fields.get("force_reply").and_then(Value::as_bool).unwrap_or_default();
    let Some(rows) = fields.get("inline_keyboard") else {
        return Ok(Markup { buttons: Vec::new(), asks_reply });
    };
    let not_rows =
        || Refusal::bad("field \"inline_keyboard\" of the InlineKeyboardMarkup must be an Array of Arrays");
    let mut buttons = Vec::new();
    for row in rows.as_array().ok_or_else(not_rows)? {
        let row = row.as_array().ok_or_else(not_rows)?;
        let row: Vec<_> = row.iter().map(button).collect::<Result<_, _>>()?;
        // Empty rows are left out.
        if !row.is_empty() {
            buttons.push(row);
        }
    }
    let count: usize = buttons.iter().map(Vec::len).sum();
    if count > BUTTON_LIMIT || markup.to_string().len() > KEYBOARD_LIMIT {
        return Err(Refusal::bad("reply markup is too long"));
    }
    Ok(Markup { buttons, asks_reply })
}

fn button(value: &Value) -> Result<Button, Refusal> {
    let wrong = |what: &str| Refusal::bad(format!("can't parse inline keyboard button: {what}"));
    let Some(fields) = value.as_object() else { return Err(wrong("InlineKeyboardButton must be an Object")) };
    let text = |name: &str| match fields.get(name) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone()).filter(|it| !it.is_empty())),
        Some(_) => Err(wrong(&format!("Field \"{name}\" must be of type String"))),
    };
    if !fields.contains_key("text") {
        return Err(wrong("Can't find field \"text\""));
    }
    let label = text("text")?.unwrap_or_default();
    let copied = fields.get("copy_text").and_then(|it| it.get("text")).and_then(Value::as_str);
    let press = if let Some(url) = text("url")? {
        if !url.contains(['.', ':']) || url.contains(char::is_whitespace) {
            return Err(Refusal::bad(format!(
                "inline keyboard button URL '{url}' is invalid: Wrong HTTP URL"
            )));
        }
        Press::Opens(url)
    } else if let Some(bytes) = text("callback_data")? {
        if bytes.len() > 64 {
            return Err(Refusal::bad("BUTTON_DATA_INVALID"));
        }
        Press::Data(bytes)
    } else if let Some(copied) = copied {
        Press::Copies(copied.to_owned())
    } else {
        return Err(wrong("Text buttons are unallowed in the inline keyboard"));
    };
    if label.trim().is_empty() {
        return Err(Refusal::bad("inline keyboard button text must be non-empty"));
    }
    Ok(Button { label, press, published: value.clone() })
}
