//! Reads what Claude Code hands to a hook. Fields nobody needs are left alone; a field that is needed and is not there,
//! or is there twice, ends the reading. Shapes as sent by 2.1.197 and 2.1.330.

use crate::failure::Failure;
use leashd_types::{AgentKind, CallId, Mode, RanCall, RanOutcome, SessionId, SubagentId, ToolCall};
use serde::Deserialize;
use serde_json::Value;
use std::path::PathBuf;

/// Characters of an id.
const ID: usize = 256;
/// Characters kept of what a failed tool says.
const MESSAGE: usize = 2_000;

/// What happened, as far as it concerns us.
#[derive(Debug, PartialEq)]
pub(super) enum Event {
    /// `PreToolUse`: nothing has run. `mode` is the session's where it makes things stricter.
    Before { call: ToolCall, mode: Option<Mode> },
    /// `PostToolUse`, `PostToolUseFailure`.
    After { session: SessionId, ran: RanCall },
    /// `Stop`.
    Stop(Stopping),
    /// `StopFailure`: the turn ended on an error of the API.
    StopFailure,
}

/// Whether a hook kept the agent from stopping before, in this turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stopping {
    First,
    Again,
}

#[derive(Debug, Deserialize)]
struct Raw {
    hook_event_name: String,
    session_id: String,
    cwd: Option<PathBuf>,
    permission_mode: Option<String>,
    tool_name: Option<String>,
    tool_input: Option<Value>,
    tool_use_id: Option<String>,
    agent_id: Option<String>,
    error: Option<Value>,
    #[serde(default)]
    stop_hook_active: bool,
}

impl Event {
    pub(super) fn read(text: &[u8]) -> Result<Self, Failure> {
        let raw: Raw = serde_json::from_slice(text)
            .map_err(|error| Failure::failed(format!("the event cannot be read: {error}")))?;
        let session = SessionId::new(id("session_id", raw.session_id.clone())?);
        match raw.hook_event_name.as_str() {
            "PreToolUse" => raw.before(session),
            "PostToolUse" => raw.after(session, RanOutcome::Ran),
            "PostToolUseFailure" => {
                let message = match &raw.error {
                    Some(Value::String(text)) => text.chars().take(MESSAGE).collect(),
                    Some(_) | None => String::new(),
                };
                raw.after(session, RanOutcome::Failed { message })
            }
            "Stop" => Ok(Self::Stop(match raw.stop_hook_active {
                false => Stopping::First,
                true => Stopping::Again,
            })),
            "StopFailure" => Ok(Self::StopFailure),
            other => Err(Failure::failed(format!("it knows no event {other:?}"))
                .hint("install it for the events of `leashd hook install` only")),
        }
    }
}

impl Raw {
    fn before(self, session: SessionId) -> Result<Event, Failure> {
        let cwd = self.cwd.ok_or_else(|| missing("cwd"))?;
        if !cwd.is_absolute() {
            return Err(Failure::failed("the event's cwd is not absolute"));
        }
        Ok(Event::Before {
            mode: (self.permission_mode.as_deref() == Some("plan")).then_some(Mode::Plan),
            call: ToolCall {
                agent: AgentKind::Hook,
                session,
                tool: self.tool_name.ok_or_else(|| missing("tool_name"))?,
                input: self.tool_input.ok_or_else(|| missing("tool_input"))?,
                cwd,
                id: call_id(self.tool_use_id)?,
                subagent: self.agent_id.map(SubagentId::new),
            },
        })
    }

    fn after(self, session: SessionId, outcome: RanOutcome) -> Result<Event, Failure> {
        let ran = RanCall {
            id: call_id(self.tool_use_id)?,
            tool: self.tool_name.ok_or_else(|| missing("tool_name"))?,
            input: Some(self.tool_input.ok_or_else(|| missing("tool_input"))?),
            outcome,
            subagent: self.agent_id.map(SubagentId::new),
        };
        Ok(Event::After { session, ran })
    }
}

fn call_id(text: Option<String>) -> Result<CallId, Failure> {
    id("tool_use_id", text.ok_or_else(|| missing("tool_use_id"))?).map(CallId::new)
}

fn id(name: &str, text: String) -> Result<String, Failure> {
    if text.is_empty() || text.chars().count() > ID {
        return Err(Failure::failed(format!("the event's {name} is empty or longer than {ID} characters")));
    }
    Ok(text)
}

fn missing(name: &str) -> Failure {
    Failure::failed(format!("the event has no {name}"))
        .hint("see the supported versions with `leashd hook status`")
}
