//! Changes the text of a settings file where the hook stands and nowhere else: order, spacing and unknown keys stay as
//! the person wrote them. What comes out is read again and compared with the change as it was meant. Knows no file.

use super::command::{EVENTS, group};
use crate::hook::line::is_alike;
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use serde_json::{Map, Value};

/// Some editors begin a file with it; Claude Code reads over it.
const MARK: &str = "\u{feff}";

/// `text` with the hook in it. The same text if it is there already.
pub(super) fn install(text: &str, line: &str) -> Result<String, String> {
    let (mark, text) = marked(text);
    let before = object(text)?;
    let mut meant = before.clone();
    put_in(&mut meant, line)?;
    if meant == before {
        return Ok(format!("{mark}{text}"));
    }
    change(mark, text, &meant, |root| {
        take_out_of(root);
        let hooks = root.object_value_or_create("hooks").ok_or("`hooks` is not an object")?;
        for (event, matcher) in EVENTS {
            let groups =
                hooks.array_value_or_create(event).ok_or(format!("`hooks.{event}` is not a list"))?;
            groups.append(input(&group(line, matcher)));
        }
        Ok(())
    })
}

/// `text` without the hook. The same text if it is not there.
pub(super) fn uninstall(text: &str) -> Result<String, String> {
    let (mark, text) = marked(text);
    let before = object(text)?;
    let mut meant = before.clone();
    take_out(&mut meant);
    if meant == before {
        return Ok(format!("{mark}{text}"));
    }
    change(mark, text, &meant, |root| {
        take_out_of(root);
        Ok(())
    })
}

/// A text and the mark before it.
fn marked(text: &str) -> (&str, &str) {
    text.strip_prefix(MARK).map_or(("", text), |rest| (MARK, rest))
}

fn object(text: &str) -> Result<Value, String> {
    if text.trim().is_empty() {
        return Ok(Value::Object(Map::new()));
    }
    match serde_json::from_str(text) {
        Ok(value @ Value::Object(_)) => Ok(value),
        Ok(_) => Err("it is not a JSON object".to_owned()),
        Err(error) => Err(format!("it is not valid JSON: {error}")),
    }
}

fn change(
    mark: &str,
    text: &str,
    meant: &Value,
    work: impl FnOnce(&CstObject) -> Result<(), String>,
) -> Result<String, String> {
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let root = CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| error.to_string())?;
    let object = root.object_value().ok_or("it is not a JSON object")?;
    work(&object)?;
    let changed = root.to_string();
    // The library is lenient and a key may stand there twice: what Claude Code will read is what counts.
    if serde_json::from_str::<Value>(&changed).ok().as_ref() == Some(meant) {
        return Ok(format!("{mark}{changed}"));
    }
    Err("it cannot be changed in place; is a key in it twice?".to_owned())
}

// The change, on the value.

fn put_in(settings: &mut Value, line: &str) -> Result<(), String> {
    let wanted: Vec<_> = EVENTS.iter().map(|(event, matcher)| (*event, group(line, *matcher))).collect();
    let hooks = settings.get("hooks").and_then(Value::as_object);
    let there = |(event, group): &(&str, Value)| {
        let groups = hooks.and_then(|hooks| hooks.get(*event)).and_then(Value::as_array);
        groups.is_some_and(|groups| groups.iter().filter(|other| carries_ours(other)).eq([group]))
    };
    if wanted.iter().all(there) {
        return Ok(());
    }
    take_out(settings);
    let settings = settings.as_object_mut().ok_or("it is not a JSON object")?;
    let hooks = settings.entry("hooks").or_insert_with(|| Value::Object(Map::new()));
    let hooks = hooks.as_object_mut().ok_or("`hooks` is not an object")?;
    for (event, group) in wanted {
        let groups = hooks.entry(event).or_insert_with(|| Value::Array(Vec::new()));
        groups.as_array_mut().ok_or(format!("`hooks.{event}` is not a list"))?.push(group);
    }
    Ok(())
}

fn carries_ours(group: &Value) -> bool {
    group.get("hooks").and_then(Value::as_array).is_some_and(|hooks| hooks.iter().any(is_alike))
}

/// Removes our hooks, and what is empty because of that.
fn take_out(settings: &mut Value) {
    let Some(settings) = settings.as_object_mut() else { return };
    let Some(hooks) = settings.get_mut("hooks").and_then(Value::as_object_mut) else { return };
    let mut emptied = false;
    for groups in hooks.values_mut().filter_map(Value::as_array_mut) {
        groups.retain_mut(|group| {
            if !carries_ours(group) {
                return true;
            }
            let Some(list) = group.get_mut("hooks").and_then(Value::as_array_mut) else { return true };
            list.retain(|hook| !is_alike(hook));
            emptied |= list.is_empty();
            !list.is_empty()
        });
    }
    if emptied {
        hooks.retain(|_, groups| groups.as_array().is_none_or(|groups| !groups.is_empty()));
        if hooks.is_empty() {
            settings.remove("hooks");
        }
    }
}

// The same change, on the text.

fn take_out_of(root: &CstObject) {
    let Some(hooks) = root.object_value("hooks") else { return };
    let mut emptied = false;
    for property in hooks.properties() {
        let Some(groups) = property.array_value() else { continue };
        for group in groups.elements() {
            let Some(list) = group.as_object().and_then(|group| group.array_value("hooks")) else { continue };
            let ours: Vec<_> = list.elements().into_iter().filter(is_ours_in_text).collect();
            if ours.is_empty() {
                continue;
            }
            if ours.len() == list.elements().len() {
                emptied = true;
                group.remove();
            } else {
                ours.into_iter().for_each(CstNode::remove);
            }
        }
    }
    if !emptied {
        return;
    }
    for property in hooks.properties() {
        if property.array_value().as_ref().is_some_and(is_empty) {
            property.remove();
        }
    }
    if hooks.properties().is_empty()
        && let Some(property) = root.get("hooks")
    {
        property.remove();
    }
}

fn is_empty(array: &CstArray) -> bool {
    array.elements().is_empty()
}

fn is_ours_in_text(hook: &CstNode) -> bool {
    serde_json::from_str::<Value>(&hook.to_string()).is_ok_and(|hook| is_alike(&hook))
}

fn input(value: &Value) -> CstInputValue {
    match value {
        Value::Null => CstInputValue::Null,
        Value::Bool(value) => CstInputValue::Bool(*value),
        Value::Number(value) => CstInputValue::Number(value.to_string()),
        Value::String(value) => CstInputValue::String(value.clone()),
        Value::Array(items) => CstInputValue::Array(items.iter().map(input).collect()),
        Value::Object(object) => {
            CstInputValue::Object(object.iter().map(|(key, value)| (key.clone(), input(value))).collect())
        }
    }
}
