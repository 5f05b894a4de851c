//! What people are shown, and what `--json` prints: one event per line, versioned. The names are the public ones.

use crate::{
    AgentKind, Answer, Approver, Ask, AskId, Band, CallId, Chat, Decision, Form, Mode, Money, RuleRef,
    SessionId, Stage, TurnId, TurnOutcome, Usage, UserId,
};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// The `v` of every event line. Raised when a field changes its meaning or goes away.
pub const EVENT_VERSION: u32 = 1;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event")]
pub enum Event {
    #[serde(rename = "engine.started")]
    EngineStarted { version: String },
    #[serde(rename = "engine.stopped")]
    EngineStopped { reason: String },
    /// Settings and policies were read again. Turns that run end under the old ones.
    #[serde(rename = "config.reloaded")]
    ConfigReloaded { generation: u64, changed: Vec<String> },
    /// They could not be read; the old ones stay.
    #[serde(rename = "config.rejected")]
    ConfigRejected { reason: String },
    /// Somebody this connector is not for said something.
    #[serde(rename = "auth.rejected")]
    AuthRejected { chat: Chat, from: UserId, form: Form },
    #[serde(rename = "rate.limited")]
    RateLimited { chat: Chat, from: UserId, retry_after_ms: u64 },
    /// A session belongs to a chat from now on; its agent starts with the first message.
    #[serde(rename = "session.opened")]
    SessionOpened {
        session: SessionId,
        chat: Chat,
        user: UserId,
        directory: PathBuf,
        workspace: Option<String>,
        mode: Mode,
        /// Whether it goes on with an earlier conversation.
        resumed: bool,
    },
    /// The chat's messages go to this session now.
    #[serde(rename = "session.switched")]
    SessionSwitched { chat: Chat, session: SessionId },
    /// The conversation is forgotten; the next message begins a new one.
    #[serde(rename = "session.cleared")]
    SessionCleared { session: SessionId, dropped: usize },
    #[serde(rename = "session.mode")]
    ModeChanged { session: SessionId, mode: Mode },
    #[serde(rename = "session.directory")]
    DirectoryChanged { session: SessionId, directory: PathBuf, workspace: Option<String> },
    /// The agent is there.
    #[serde(rename = "session.started")]
    SessionStarted {
        session: SessionId,
        agent: AgentKind,
        version: String,
        model: String,
        directory: PathBuf,
        /// What holds it, for people: `contained (namespaces)`, `not contained: …`.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        containment: String,
    },
    /// A person's message reached the agent.
    #[serde(rename = "message.in")]
    MessageIn { session: SessionId, turn: TurnId, text: String },
    /// A message waits until the running turn ends.
    #[serde(rename = "message.queued")]
    MessageQueued {
        session: SessionId,
        waiting: usize,
        /// The beginning of the message.
        preview: String,
    },
    /// A piece of the agent's answer.
    #[serde(rename = "message.out")]
    MessageOut { session: SessionId, text: String },
    /// The agent wants to use a tool.
    #[serde(rename = "tool.gated")]
    ToolGated { session: SessionId, call: CallId, tool: String, summary: String, subagent: bool },
    #[serde(rename = "tool.allowed")]
    ToolAllowed { session: SessionId, call: CallId, tool: String, rule: RuleRef, via: Approver },
    #[serde(rename = "tool.denied")]
    ToolDenied {
        session: SessionId,
        call: CallId,
        tool: String,
        rule: RuleRef,
        stage: Stage,
        band: Band,
        reason: String,
        via: Approver,
    },
    /// A permitted tool came back.
    #[serde(rename = "tool.finished")]
    ToolFinished { session: SessionId, call: CallId, tool: String, failed: Option<String> },
    /// The agent refused its own call before asking (unknown tool, bad arguments).
    #[serde(rename = "tool.refused_by_agent")]
    ToolRefusedByAgent { session: SessionId, call: CallId, tool: String, message: String },
    /// A tool ran without a permit. The session ends.
    #[serde(rename = "tool.ran_ungated")]
    ToolRanUngated { session: SessionId, call: CallId, tool: String },
    #[serde(rename = "approval.requested")]
    ApprovalRequested { ask: Ask },
    #[serde(rename = "approval.resolved")]
    ApprovalResolved { ask: AskId, session: SessionId, outcome: AskOutcome },
    /// A plan to review or a question.
    #[serde(rename = "interaction.requested")]
    InteractionRequested { ask: Ask },
    #[serde(rename = "interaction.resolved")]
    InteractionResolved { ask: AskId, session: SessionId, outcome: AskOutcome },
    /// An answer is written down; the agent does not have it yet.
    #[serde(rename = "ask.answered")]
    AskAnswered { ask: AskId, session: SessionId, answer: Answer, by: Approver },
    #[serde(rename = "ask.delivered")]
    AskDelivered { ask: AskId, session: SessionId, chat: Chat },
    #[serde(rename = "grant.given")]
    GrantGiven { grant: String, session: SessionId, rule: String, by: UserId },
    #[serde(rename = "grant.revoked")]
    GrantRevoked { grant: String, session: SessionId, by: UserId },
    #[serde(rename = "execution.interrupted")]
    Interrupted { session: SessionId, turn: TurnId },
    /// A transient API error; the agent tries again.
    #[serde(rename = "session.retry")]
    Retry { session: SessionId, attempt: u32, max_attempts: u32, error: String },
    /// A turn ended.
    #[serde(rename = "session.completed")]
    TurnCompleted {
        session: SessionId,
        turn: TurnId,
        outcome: TurnOutcome,
        /// Whether the last tool call of the turn was denied.
        ended_on_denial: bool,
        tools: Vec<ToolSummary>,
        cost: Money,
        total_cost: Money,
        usage: Usage,
        duration_ms: u64,
    },
    /// Something a person should know and need not act on.
    #[serde(rename = "session.warning")]
    Warning { session: SessionId, message: String },
    /// The session is over and nothing of its agent is left.
    #[serde(rename = "session.ended")]
    SessionEnded { session: SessionId, reason: String, failed: bool },
}

/// How often a tool was permitted in a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolSummary {
    pub tool: String,
    pub times: u32,
}

/// How an ask ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskOutcome {
    pub decision: Decision,
    pub answer: Answer,
    pub by: Approver,
}
