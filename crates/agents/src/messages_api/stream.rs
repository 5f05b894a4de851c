//! One scripted answer as server-sent events, in the order of the real API.

use super::script::Item;
use axum::body::{Body, Bytes};
use futures_util::stream;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::io;
use std::time::Duration;

/// Characters of a text or of a tool's input in one piece.
const PIECE: usize = 40;

pub(super) fn message_id() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

/// The response body. With `cut`, the connection breaks before the last events.
pub(super) fn body(item: Item, key: &str, model: String) -> Body {
    let mut events: VecDeque<Value> = events(&item, key, &model).into();
    if item.cut {
        events.truncate(events.len() / 2);
    }
    let pause = Duration::from_millis(item.slow.unwrap_or_default());
    Body::from_stream(stream::unfold(Some((events, item.cut)), move |state| async move {
        let (mut events, cut) = state?;
        tokio::time::sleep(pause).await;
        match events.pop_front() {
            Some(event) => Some((Ok(line(&event)), Some((events, cut)))),
            None if cut => Some((Err(io::Error::other("cut")), None)),
            None => None,
        }
    }))
}

fn line(event: &Value) -> Bytes {
    let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
    Bytes::from(format!("event: {kind}\ndata: {event}\n\n"))
}

fn events(item: &Item, key: &str, model: &str) -> Vec<Value> {
    let mut usage = item.usage();
    let output = usage.get("output_tokens").cloned().unwrap_or(json!(5));
    if let Some(fields) = usage.as_object_mut() {
        fields.insert("output_tokens".to_owned(), json!(1));
    }
    let mut events = vec![json!({
        "type": "message_start",
        "message": {
            "id": message_id(), "type": "message", "role": "assistant", "model": model, "content": [],
            "stop_reason": null, "stop_sequence": null, "usage": usage,
        },
    })];
    for (index, block) in item.blocks(key).iter().enumerate() {
        let (start, deltas) = pieces(block);
        events.push(json!({"type": "content_block_start", "index": index, "content_block": start}));
        for delta in deltas {
            events.push(json!({"type": "content_block_delta", "index": index, "delta": delta}));
        }
        events.push(json!({"type": "content_block_stop", "index": index}));
    }
    events.push(json!({
        "type": "message_delta",
        "delta": {"stop_reason": item.stop_reason(), "stop_sequence": null},
        "usage": {"output_tokens": output},
    }));
    events.push(json!({"type": "message_stop"}));
    events
}

/// The empty block and what fills it.
fn pieces(block: &Value) -> (Value, Vec<Value>) {
    let text = |name: &str| block.get(name).and_then(Value::as_str).unwrap_or_default();
    match text("type") {
        "thinking" => {
            let mut deltas = split(text("thinking"))
                .map(|piece| json!({"type": "thinking_delta", "thinking": piece}))
                .collect::<Vec<_>>();
            deltas.push(json!({"type": "signature_delta", "signature": text("signature")}));
            (json!({"type": "thinking", "thinking": "", "signature": ""}), deltas)
        }
        "text" => {
            let deltas =
                split(text("text")).map(|piece| json!({"type": "text_delta", "text": piece})).collect();
            (json!({"type": "text", "text": ""}), deltas)
        }
        _ => {
            let input = block.get("input").map(Value::to_string).unwrap_or_default();
            let deltas = split(&input)
                .map(|piece| json!({"type": "input_json_delta", "partial_json": piece}))
                .collect();
            (json!({"type": "tool_use", "id": text("id"), "name": text("name"), "input": {}}), deltas)
        }
    }
}

/// Pieces of `PIECE` characters, at most a thousand of them however long the text is.
fn split(text: &str) -> impl Iterator<Item = String> {
    let characters: Vec<char> = text.chars().collect();
    let piece = PIECE.max(characters.len() / 1000 + 1);
    let pieces: Vec<String> = characters.chunks(piece).map(|chunk| chunk.iter().collect()).collect();
    pieces.into_iter()
}
