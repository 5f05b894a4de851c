//! Writes what Claude Code reads: one JSON object per line. The one place where "allow" is put into words, and it
//! takes a `Permit` to get there.

use crate::{AfterDenial, Message};
use leashd_gate::Permit;
use leashd_types::Attachment;
use leashd_types::Mode;
use serde_json::{Value, json};

/// The request ids of our own requests.
pub(crate) const INITIALIZE: &str = "leashd-initialize";
pub(crate) const USAGE: &str = "leashd-usage";
pub(crate) const INTERRUPT: &str = "leashd-interrupt";
pub(crate) const SET_MODE: &str = "leashd-set-mode";
pub(crate) const SET_MODEL: &str = "leashd-set-model";

/// Registers for the reports around each tool: before it for the directory it runs in, after it for what really ran.
/// They never decide: such callbacks can be dead (`--bare`) and see an input that is not final. An empty answer to the
/// first leaves the call to the permission request (2.1.197, 2.1.330).
pub(crate) fn initialize() -> Value {
    control(
        INITIALIZE,
        json!({
            "subtype": "initialize",
            "hooks": {
                "PreToolUse": [{"hookCallbackIds": ["before"], "onFailure": "block"}],
                "PostToolUse": [{"hookCallbackIds": ["ran"]}],
                "PostToolUseFailure": [{"hookCallbackIds": ["failed"]}],
            },
            "forwardSubagentText": true,
        }),
    )
}

/// Asks for the running totals, to bill differences.
pub(crate) fn usage() -> Value {
    control(USAGE, json!({"subtype": "get_usage", "skip_behaviors": true}))
}

pub(crate) fn interrupt() -> Value {
    control(INTERRUPT, json!({"subtype": "interrupt"}))
}

pub(crate) fn set_mode(mode: Mode) -> Value {
    control(SET_MODE, json!({"subtype": "set_permission_mode", "mode": permission_mode(mode)}))
}

pub(crate) fn set_model(model: &str) -> Value {
    control(SET_MODEL, json!({"subtype": "set_model", "model": model}))
}

/// Claude Code's name for a mode. Only `plan` means something to the model; the others are the gate's business, so the
/// agent stays in the mode that asks.
pub(crate) fn permission_mode(mode: Mode) -> &'static str {
    match mode {
        Mode::Plan => "plan",
        Mode::Default | Mode::Edit | Mode::Test | Mode::Merge => "default",
    }
}

fn control(id: &str, request: Value) -> Value {
    json!({"type": "control_request", "request_id": id, "request": request})
}

/// What a person says. `client_composed` (2.1.330) keeps it verbatim: no `@file` is read, no slash command is run.
pub(crate) fn message(message: &Message) -> Value {
    let mut content = vec![];
    for attachment in &message.attachments {
        content.push(match attachment {
            Attachment::Image { media_type, base64 } => {
                json!({"type": "image", "source": {"type": "base64", "media_type": media_type, "data": base64}})
            }
            Attachment::Pdf { base64 } => json!({
                "type": "document",
                "source": {"type": "base64", "media_type": "application/pdf", "data": base64},
            }),
        });
    }
    content.push(json!({"type": "text", "text": message.text}));
    json!({
        "type": "user",
        "session_id": "",
        "uuid": uuid::Uuid::now_v7().to_string(),
        "parent_tool_use_id": null,
        "client_composed": true,
        "message": {"role": "user", "content": content},
    })
}

/// Lets one call run with the input of the permit. The whole input is always sent: `{}` would run the original.
pub(crate) fn allow(request: &str, permit: Permit) -> Value {
    success(request, json!({"behavior": "allow", "updatedInput": permit.redeem().input}))
}

pub(crate) fn deny(request: &str, message: &str, then: AfterDenial) -> Value {
    let interrupt = match then {
        AfterDenial::Continue => false,
        AfterDenial::EndTurn => true,
    };
    success(request, json!({"behavior": "deny", "message": message, "interrupt": interrupt}))
}

/// The answer to a report: noted.
pub(crate) fn noted(request: &str) -> Value {
    success(request, json!({}))
}

fn success(request: &str, response: Value) -> Value {
    json!({
        "type": "control_response",
        "response": {"subtype": "success", "request_id": request, "response": response},
    })
}

/// The answer to a request we do not know. For a permission request it is a denial.
pub(crate) fn unsupported(request: &str, subtype: &str) -> Value {
    let error = format!("leashd does not answer `{subtype}`");
    json!({
        "type": "control_response",
        "response": {"subtype": "error", "request_id": request, "error": error},
    })
}
