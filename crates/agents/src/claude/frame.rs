//! Reads what Claude Code writes: one JSON object per line. Lenient where nothing depends on it, strict where a call
//! could slip through. Knows no state: each line is read by itself.
//!
//! Shapes seen in 2.1.197 and 2.1.330. `Task` is the old name of the `Agent` tool: the tool list and the model may say
//! `Task`, questions and reports say `Agent`; here it is always `Agent`.

use leashd_types::{CallId, Money, SubagentId, Usage};
use serde_json::Value;
use std::time::Duration;

/// One line, understood as far as it matters.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Frame {
    /// `system/init`: repeated at the start of each turn.
    Init {
        session: String,
        model: String,
        version: String,
        tools: Vec<String>,
    },
    State(State),
    /// A model answer begins to stream.
    StreamStarted {
        message: String,
    },
    TextDelta {
        text: String,
    },
    ThinkingDelta {
        text: String,
    },
    /// A finished part of a model answer.
    Assistant(Assistant),
    ToolResults(Vec<ToolResult>),
    /// The agent asks for permission and waits.
    Ask(Ask),
    /// A tool is about to be asked for; the agent waits for an (empty) answer.
    Pre(Pre),
    /// A tool finished or failed; the agent waits for an (empty) answer.
    Post(Post),
    /// Any other request: it is answered with an error.
    OtherRequest {
        request: String,
        subtype: String,
    },
    /// The agent no longer waits for the answer to this request.
    Cancelled {
        request: String,
    },
    /// The answer to one of our own requests.
    Reply {
        request: String,
        outcome: Result<Value, String>,
    },
    TurnResult(TurnResult),
    Retry {
        attempt: u32,
        max_attempts: u32,
        delay: Duration,
        status: Option<u16>,
        error: String,
    },
    /// Known and of no interest.
    Ignored,
    Unknown {
        kind: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Running,
    RequiresAction,
    Idle,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Assistant {
    pub(crate) message: String,
    pub(crate) texts: Vec<String>,
    pub(crate) calls: Vec<ProposedCall>,
    pub(crate) thread: Thread,
}

/// Whose frame it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Thread {
    Main,
    Subagent(Option<SubagentId>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ProposedCall {
    pub(crate) id: CallId,
    pub(crate) tool: String,
    pub(crate) input: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ToolResult {
    pub(crate) call: CallId,
    /// The text of an error result.
    pub(crate) error: Option<String>,
    pub(crate) thread: Thread,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) request: String,
    pub(crate) call: CallId,
    pub(crate) tool: String,
    pub(crate) input: Value,
    pub(crate) subagent: Option<SubagentId>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pre {
    pub(crate) request: String,
    pub(crate) call: CallId,
    /// Where relative paths of the call begin: a `cd` in an earlier call, a worktree, a subagent move it.
    pub(crate) cwd: String,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Post {
    pub(crate) request: String,
    pub(crate) call: CallId,
    pub(crate) tool: String,
    pub(crate) input: Value,
    pub(crate) error: Option<String>,
    pub(crate) subagent: Option<SubagentId>,
}

/// The end of one query to the model; a turn can have several.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TurnResult {
    pub(crate) subtype: String,
    pub(crate) is_error: bool,
    pub(crate) terminal_reason: String,
    pub(crate) api_status: Option<u16>,
    pub(crate) text: String,
    pub(crate) errors: String,
    /// Since the process started or, in 2.1.330 after a resume, since the session started.
    pub(crate) total: Totals,
    pub(crate) turns: u32,
    pub(crate) duration: Duration,
}

/// Running totals of a process, subagents included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) cost: Money,
    pub(crate) usage: Usage,
}

/// A line that is not JSON, not UTF-8, nested too deep or without a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NotAFrame {
    /// The start of the line, for people.
    pub(crate) shown: String,
    /// Set if it looks like a request: somebody waits for an answer, which can only be no.
    pub(crate) request: Option<String>,
}

/// Reads one line without its line end.
pub(crate) fn read(line: &[u8]) -> Result<Frame, NotAFrame> {
    let frame: Value = serde_json::from_slice(line).map_err(|_| not_a_frame(line))?;
    let Some(kind) = frame.get("type").and_then(Value::as_str) else { return Err(not_a_frame(line)) };
    Ok(match kind {
        "system" => system(&frame),
        "stream_event" => stream_event(&frame),
        "assistant" => assistant(&frame),
        "user" => tool_results(&frame),
        "control_request" => control_request(&frame),
        "control_response" => control_response(&frame),
        "control_cancel_request" => Frame::Cancelled { request: text_at(&frame, "/request_id") },
        "result" => Frame::TurnResult(turn_result(&frame)),
        "keep_alive" | "tool_progress" | "rate_limit_event" | "auth_status" | "tool_use_summary"
        | "prompt_suggestion" => Frame::Ignored,
        other => Frame::Unknown { kind: shortened(other, 100) },
    })
}

/// Claude Code writes type and id of a request first; a call whose input cannot be read (lone surrogates, more than 128
/// levels) must not wait for ever.
fn not_a_frame(line: &[u8]) -> NotAFrame {
    let start = String::from_utf8_lossy(line.get(..line.len().min(1000)).unwrap_or_default());
    let request = start
        .contains(r#""type":"control_request""#)
        .then(|| start.split_once(r#""request_id":""#))
        .flatten()
        .and_then(|(_, rest)| rest.split_once('"'))
        .map(|(id, _)| id.to_owned());
    NotAFrame { shown: shortened(&start, 200), request }
}

fn system(frame: &Value) -> Frame {
    match frame.get("subtype").and_then(Value::as_str).unwrap_or_default() {
        "init" => Frame::Init {
            session: text_at(frame, "/session_id"),
            model: text_at(frame, "/model"),
            version: text_at(frame, "/claude_code_version"),
            tools: tools(frame),
        },
        "session_state_changed" => match frame.get("state").and_then(Value::as_str) {
            Some("running") => Frame::State(State::Running),
            Some("requires_action") => Frame::State(State::RequiresAction),
            Some("idle") => Frame::State(State::Idle),
            _ => Frame::Unknown { kind: "system/session_state_changed".to_owned() },
        },
        "api_retry" => Frame::Retry {
            attempt: number_at(frame, "/attempt"),
            max_attempts: number_at(frame, "/max_retries"),
            delay: millis_at(frame, "/retry_delay_ms"),
            status: status_at(frame, "/error_status"),
            error: shortened(&text_at(frame, "/error"), 500),
        },
        "status"
        | "ui_invalidate"
        | "task_started"
        | "task_progress"
        | "task_updated"
        | "task_notification"
        | "background_tasks_changed"
        | "permission_denied"
        | "hook_started"
        | "hook_progress"
        | "hook_response"
        | "compact_boundary"
        | "local_command_output"
        | "files_persisted"
        | "elicitation_complete"
        | "conversation_reset"
        | "commands_changed" => Frame::Ignored,
        other => Frame::Unknown { kind: format!("system/{}", shortened(other, 100)) },
    }
}

fn tools(frame: &Value) -> Vec<String> {
    let names = frame.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    names.iter().filter_map(Value::as_str).map(normal_tool).collect()
}

fn normal_tool(name: &str) -> String {
    if name == "Task" { "Agent".to_owned() } else { name.to_owned() }
}

/// Partial messages. Only the main thread streams.
fn stream_event(frame: &Value) -> Frame {
    if frame.get("parent_tool_use_id").is_some_and(|parent| !parent.is_null()) {
        return Frame::Ignored;
    }
    match frame.pointer("/event/type").and_then(Value::as_str) {
        Some("message_start") => Frame::StreamStarted { message: text_at(frame, "/event/message/id") },
        Some("content_block_delta") => match frame.pointer("/event/delta/type").and_then(Value::as_str) {
            Some("text_delta") => Frame::TextDelta { text: text_at(frame, "/event/delta/text") },
            Some("thinking_delta") => Frame::ThinkingDelta { text: text_at(frame, "/event/delta/thinking") },
            _ => Frame::Ignored,
        },
        _ => Frame::Ignored,
    }
}

fn assistant(frame: &Value) -> Frame {
    let mut texts = Vec::new();
    let mut calls = Vec::new();
    for block in blocks(frame) {
        match block.get("type").and_then(Value::as_str) {
            Some("text") => texts.push(text_at(block, "/text")),
            Some("tool_use") => calls.push(ProposedCall {
                id: CallId::new(text_at(block, "/id")),
                tool: normal_tool(&text_at(block, "/name")),
                input: block.get("input").cloned().unwrap_or(Value::Null),
            }),
            _ => {}
        }
    }
    Frame::Assistant(Assistant {
        message: text_at(frame, "/message/id"),
        texts,
        calls,
        thread: thread(frame),
    })
}

fn tool_results(frame: &Value) -> Frame {
    let results: Vec<ToolResult> = blocks(frame)
        .iter()
        .filter(|block| block.get("type").and_then(Value::as_str) == Some("tool_result"))
        .map(|block| ToolResult {
            call: CallId::new(text_at(block, "/tool_use_id")),
            error: (block.get("is_error").and_then(Value::as_bool) == Some(true))
                .then(|| content_text(block)),
            thread: thread(frame),
        })
        .collect();
    if results.is_empty() { Frame::Ignored } else { Frame::ToolResults(results) }
}

fn blocks(frame: &Value) -> &[Value] {
    frame.pointer("/message/content").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The text of a result: a string, or the text blocks of a list. Cut: it is shown, never acted on.
fn content_text(block: &Value) -> String {
    let text = match block.get("content") {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            parts.iter().map(|part| text_at(part, "/text")).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    };
    shortened(&text, 2000)
}

/// 2.1.197 names the parent call only, 2.1.330 the subagent as well.
fn thread(frame: &Value) -> Thread {
    let subagent = subagent(frame.get("agent_id"));
    let has_parent = frame.get("parent_tool_use_id").is_some_and(|parent| !parent.is_null());
    if has_parent || subagent.is_some() { Thread::Subagent(subagent) } else { Thread::Main }
}

fn subagent(id: Option<&Value>) -> Option<SubagentId> {
    id.and_then(Value::as_str).map(SubagentId::new)
}

fn control_request(frame: &Value) -> Frame {
    let request = text_at(frame, "/request_id");
    let subtype = text_at(frame, "/request/subtype");
    let known = match subtype.as_str() {
        "can_use_tool" => ask(frame, &request).map(Frame::Ask),
        "hook_callback" => hook(frame, &request),
        _ => None,
    };
    known.unwrap_or(Frame::OtherRequest { request, subtype: shortened(&subtype, 100) })
}

/// A question without a call id, a tool or an input object is none: it is answered with an error, which is a denial.
fn ask(frame: &Value, request: &str) -> Option<Ask> {
    let body = frame.get("request")?;
    let input = body.get("input")?;
    Some(Ask {
        request: request.to_owned(),
        call: CallId::new(body.get("tool_use_id")?.as_str()?),
        tool: normal_tool(body.get("tool_name")?.as_str()?),
        input: input.is_object().then(|| input.clone())?,
        subagent: subagent(body.get("agent_id")),
    })
}

fn hook(frame: &Value, request: &str) -> Option<Frame> {
    let input = frame.pointer("/request/input")?;
    let request = request.to_owned();
    let call = CallId::new(input.get("tool_use_id")?.as_str()?);
    let error = match input.get("hook_event_name")?.as_str()? {
        "PreToolUse" => return Some(Frame::Pre(Pre { request, call, cwd: text_at(input, "/cwd") })),
        "PostToolUse" => None,
        "PostToolUseFailure" => Some(shortened(&text_at(input, "/error"), 2000)),
        _ => return None,
    };
    Some(Frame::Post(Post {
        request,
        call,
        tool: normal_tool(input.get("tool_name")?.as_str()?),
        input: input.get("tool_input").cloned().unwrap_or(Value::Null),
        error,
        subagent: subagent(input.get("agent_id")),
    }))
}

fn control_response(frame: &Value) -> Frame {
    let Some(response) = frame.get("response") else {
        return Frame::Unknown { kind: "control_response".to_owned() };
    };
    let outcome = if response.get("subtype").and_then(Value::as_str) == Some("success") {
        Ok(response.get("response").cloned().unwrap_or(Value::Null))
    } else {
        Err(shortened(&text_at(response, "/error"), 2000))
    };
    Frame::Reply { request: text_at(response, "/request_id"), outcome }
}

fn turn_result(frame: &Value) -> TurnResult {
    let errors = frame.get("errors").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let errors: Vec<&str> = errors.iter().filter_map(Value::as_str).collect();
    TurnResult {
        subtype: text_at(frame, "/subtype"),
        is_error: frame.get("is_error").and_then(Value::as_bool).unwrap_or(false),
        terminal_reason: text_at(frame, "/terminal_reason"),
        api_status: status_at(frame, "/api_error_status"),
        text: text_at(frame, "/result"),
        errors: shortened(&errors.join("; "), 2000),
        total: totals(frame.get("total_cost_usd"), frame.get("modelUsage")),
        turns: number_at(frame, "/num_turns"),
        duration: millis_at(frame, "/duration_ms"),
    }
}

/// The running totals in a `get_usage` reply. In 2.1.330 they are not zero after a resume.
pub(crate) fn baseline(reply: &Value) -> Totals {
    totals(reply.pointer("/session/total_cost_usd"), reply.pointer("/session/model_usage"))
}

fn totals(cost: Option<&Value>, models: Option<&Value>) -> Totals {
    let cost = Money::from_usd(cost.and_then(Value::as_f64).unwrap_or_default());
    let mut usage = Usage::default();
    for model in models.and_then(Value::as_object).into_iter().flat_map(|models| models.values()) {
        let count = |name: &str| model.get(name).and_then(Value::as_u64).unwrap_or_default();
        usage += Usage {
            input_tokens: count("inputTokens"),
            output_tokens: count("outputTokens"),
            cache_creation_input_tokens: count("cacheCreationInputTokens"),
            cache_read_input_tokens: count("cacheReadInputTokens"),
        };
    }
    Totals { cost, usage }
}

fn text_at(value: &Value, pointer: &str) -> String {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn number_at(value: &Value, pointer: &str) -> u32 {
    value
        .pointer(pointer)
        .and_then(Value::as_u64)
        .and_then(|number| number.try_into().ok())
        .unwrap_or_default()
}

/// Milliseconds, possibly with a fraction. Nonsense (negative, infinite) counts as none.
fn millis_at(value: &Value, pointer: &str) -> Duration {
    let millis = value.pointer(pointer).and_then(Value::as_f64).unwrap_or_default();
    Duration::try_from_secs_f64(millis / 1000.0).unwrap_or_default()
}

fn status_at(value: &Value, pointer: &str) -> Option<u16> {
    value.pointer(pointer).and_then(Value::as_u64).and_then(|status| status.try_into().ok())
}

/// At most `limit` characters, with an ellipsis in place of the rest.
pub(crate) fn shortened(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        None => text.to_owned(),
        Some(_) => text.chars().take(limit).chain(['…']).collect(),
    }
}
