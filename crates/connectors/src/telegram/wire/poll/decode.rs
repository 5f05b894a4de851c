//! Reads one update, whatever became of the others. Knows no order.

use super::super::model::{Content, Update};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The id, if there is one, and the update, if it is of a kind that is known and can be read.
pub(super) fn decode(mut value: Value) -> (Option<i64>, Option<Update>) {
    let Some(id) = value.get("update_id").and_then(Value::as_i64) else { return (None, None) };
    let content = read(&mut value, "message").map(Content::Message);
    let content = content.or_else(|| read(&mut value, "edited_message").map(Content::Edited));
    let content = content.or_else(|| read(&mut value, "callback_query").map(Content::Tap));
    let content = content.or_else(|| read(&mut value, "my_chat_member").map(Content::Membership));
    (Some(id), content.map(|content| Update { id, content }))
}

fn read<T: DeserializeOwned>(value: &mut Value, kind: &str) -> Option<Box<T>> {
    serde_json::from_value(value.get_mut(kind)?.take()).ok().map(Box::new)
}
