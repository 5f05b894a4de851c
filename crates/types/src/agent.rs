//! What an agent does, as an adapter reports it. Every way the process can misbehave is one of these, never a hang.

use crate::{CallId, Money, SubagentId, ToolCall, Usage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

#[derive(Clone, Debug, PartialEq)]
pub enum AgentEvent {
    /// The agent is there and gated. `agent_session` resumes it later.
    Ready {
        agent_session: String,
        model: String,
        version: String,
        tools: Vec<String>,
    },
    /// A piece of the answer as it is typed.
    Text {
        text: String,
        origin: Origin,
    },
    /// A piece of the model's thinking.
    Thinking {
        text: String,
    },
    /// The agent wants to use a tool and waits for the reply. Nothing has run.
    ToolCall(ToolCall),
    /// The agent no longer waits for a reply to this call (an interrupt).
    Withdrawn {
        call: CallId,
    },
    /// A tool ran, was refused, or failed.
    Ran(RanCall),
    /// A transient API error; the agent tries again by itself.
    Retry {
        attempt: u32,
        max_attempts: u32,
        delay: Duration,
        status: Option<u16>,
        error: String,
    },
    TurnEnded(TurnEnd),
    /// The agent said something the adapter does not know. Kept for the log, never acted on.
    Unknown {
        kind: String,
    },
    /// Something is wrong. `Fault::is_fatal` says whether the process is gone.
    Fault(Fault),
    /// The process and everything it started are gone. Always the last event.
    Exited {
        code: Option<i32>,
        signal: Option<i32>,
        stderr_tail: String,
    },
}

/// Who is talking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    Main,
    Subagent(Option<SubagentId>),
}

/// What became of a call the agent made.
#[derive(Clone, Debug, PartialEq)]
pub struct RanCall {
    pub id: CallId,
    pub tool: String,
    /// The input as it ran, where the agent tells us (its post-tool report); else as the model sent it.
    pub input: Option<Value>,
    pub outcome: RanOutcome,
    pub subagent: Option<SubagentId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RanOutcome {
    /// It ran: a post-tool report or a successful result proves it.
    Ran,
    /// A result with an error flag and no proof that anything ran. For a call we never saw: the agent refused it
    /// itself (unknown tool, bad schema, edit mismatch).
    Failed { message: String },
}

/// The end of one turn.
#[derive(Clone, Debug, PartialEq)]
pub struct TurnEnd {
    pub outcome: TurnOutcome,
    /// The agent's closing text.
    pub result: String,
    /// Cost of this turn alone.
    pub cost: Money,
    pub usage: Usage,
    pub turns: u32,
    pub duration: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TurnOutcome {
    Completed,
    Interrupted,
    MaxTurns,
    BudgetExhausted,
    /// The API refused or stayed unreachable after all retries.
    ApiError {
        status: Option<u16>,
        message: String,
    },
    Failed {
        message: String,
    },
}

/// What can go wrong with an agent process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// It could not be started, or did not answer the first request in time.
    Start { reason: String },
    /// A line that is not JSON, not UTF-8 or not a message; shown cut to 200 characters. The line is dropped.
    Garbage { line: String },
    /// A line longer than the limit (bytes). The process is stopped.
    LineTooLong { limit: usize },
    /// Nothing was heard for this long while a turn was running. The process is stopped.
    Silent { after: Duration },
    /// The input of a call at its end is not what was approved. The process is stopped.
    InputChanged { call: CallId, tool: String },
    /// Writing to the process failed. It is stopped.
    Pipe { reason: String },
    /// The agent reported a failure of its own (a full disk, an unreadable configuration).
    Reported { message: String },
}

impl Fault {
    /// True if the adapter stops the process because of it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Fault::Start { .. }
            | Fault::LineTooLong { .. }
            | Fault::Silent { .. }
            | Fault::InputChanged { .. }
            | Fault::Pipe { .. } => true,
            Fault::Garbage { .. } | Fault::Reported { .. } => false,
        }
    }
}
