//! What outlives the process. The engine says it, the store keeps it before anybody is told, and a restart begins with it.

use crate::{
    AgentKind, Answer, Approver, Ask, Attachment, Attended, CallId, Chat, Decision, Event, MessageId, Mode,
    Money, OpenSession, RunId, SessionId, Timestamp, TurnId, UserId,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// One thing to be kept. Rows replace the row of the same id.
#[derive(Clone, Debug, PartialEq)]
pub enum Kept {
    Session(SessionRow),
    Message(MessageRow),
    Ask(AskRow),
    Grant(GrantRow),
    Run(RunRow),
    Event(EventRow),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionRow {
    pub session: SessionId,
    pub chat: Chat,
    /// Who opened it.
    pub user: UserId,
    pub agent: AgentKind,
    pub directory: PathBuf,
    pub workspace: Option<String>,
    pub mode: Mode,
    pub model: Option<String>,
    pub policy: Vec<String>,
    /// The agent's own id of the conversation, to go on with.
    pub agent_session: Option<String>,
    pub state: SessionState,
    /// Whether the chat's messages go here.
    pub current: bool,
    pub created: Timestamp,
    pub last_used: Timestamp,
    pub turns: u64,
    pub messages: u64,
    pub total_cost: Money,
    /// Also after a restart: what nobody would answer must not wait, and walls are not left out with nobody to know.
    #[serde(default)]
    pub attended: Attended,
}

impl SessionRow {
    /// A session that begins now. The order says where and in which mode: nothing is configured here.
    #[must_use]
    pub fn opened(
        session: SessionId,
        (chat, user): (Chat, UserId),
        order: OpenSession,
        now: Timestamp,
    ) -> Self {
        Self {
            session,
            chat,
            user,
            agent: order.agent,
            directory: order.directory.unwrap_or_default(),
            workspace: order.workspace,
            mode: order.mode.unwrap_or_default(),
            model: order.model,
            policy: order.policy,
            agent_session: order.resume.map(|id| id.as_str().to_owned()),
            state: SessionState::Open,
            current: true,
            created: now,
            last_used: now,
            turns: 0,
            messages: 0,
            total_cost: Money::ZERO,
            attended: order.attended,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SessionState {
    Open,
    Closed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MessageRow {
    pub id: MessageId,
    pub session: SessionId,
    pub chat: Chat,
    pub turn: Option<TurnId>,
    pub role: Role,
    pub from: Option<UserId>,
    /// The connector's own name for it; unique in its chat.
    pub key: Option<String>,
    pub text: String,
    pub attachments: Vec<Attachment>,
    pub state: MessageState,
    /// Of the turn an answer ends.
    pub cost: Money,
    pub duration_ms: u64,
    pub at: Timestamp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    User,
    Assistant,
}

/// What became of a message. An answer of the agent is `Done` from the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MessageState {
    /// Accepted; the agent does not have it yet.
    Waiting,
    /// The agent has it. After a crash it is not given again: what was begun may have been done.
    Given,
    Done,
    /// Taken back before the agent had it (stop, clear).
    Dropped,
}

/// An ask and how far it got.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskRow {
    pub ask: Ask,
    pub call: CallId,
    pub chat: Chat,
    pub state: AskState,
    pub steps: Vec<AskStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AskState {
    Created,
    Delivered,
    Seen,
    Answered,
    Landed,
    Expired,
    Withdrawn,
}

impl AskState {
    /// Whether an answer would still be taken.
    #[must_use]
    pub fn is_open(self) -> bool {
        match self {
            AskState::Created | AskState::Delivered | AskState::Seen => true,
            AskState::Answered | AskState::Landed | AskState::Expired | AskState::Withdrawn => false,
        }
    }

    /// Whether nothing more will happen to it.
    #[must_use]
    pub fn is_over(self) -> bool {
        match self {
            AskState::Landed | AskState::Expired | AskState::Withdrawn => true,
            AskState::Created | AskState::Delivered | AskState::Seen | AskState::Answered => false,
        }
    }
}

impl AskRow {
    /// How it ended, for people: who said what, or why nobody did. `None` while an answer would still be taken.
    #[must_use]
    pub fn ending(&self) -> Option<String> {
        if self.state.is_open() {
            return None;
        }
        let said = self.steps.iter().rev().find_map(|step| match (&step.by, &step.answer) {
            (Some(by), Some(answer)) => answer.said().map(|said| (by, said)),
            _ => None,
        });
        let ending = match said {
            Some((Approver::Human { user }, said)) => format!("already answered by {user}: {said}"),
            Some((Approver::Ai { model }, said)) => format!("already answered by {model}: {said}"),
            Some((Approver::Grant { name }, said)) => format!("already covered by the grant {name}: {said}"),
            Some((Approver::Policy, said)) => format!("the policy decided: {said}"),
            Some((Approver::Deferred, said)) => format!("the agent's own prompt decided: {said}"),
            Some((Approver::Nobody, _)) | None => return Some(self.unanswered().to_owned()),
        };
        // An answer may be there although the agent never heard it.
        Some(match self.state {
            AskState::Withdrawn => format!("{ending}; the agent was gone before it heard it"),
            _ => ending,
        })
    }

    /// Where it was asked, and where it was shown.
    pub fn chats(&self) -> impl Iterator<Item = &Chat> {
        std::iter::once(&self.chat).chain(self.steps.iter().filter_map(|step| step.chat.as_ref()))
    }

    fn unanswered(&self) -> &'static str {
        match self.state {
            AskState::Expired => "it expired, nobody answered in time",
            AskState::Withdrawn => "it is withdrawn, the agent no longer waits",
            AskState::Created
            | AskState::Delivered
            | AskState::Seen
            | AskState::Answered
            | AskState::Landed => "it is over",
        }
    }
}

/// One step of an ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskStep {
    pub state: AskState,
    pub at: Timestamp,
    /// The chat it was delivered to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<Chat>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Approver>,
    /// What the agent was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
}

/// What a person opened for a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GrantRow {
    pub id: String,
    pub session: SessionId,
    /// What it covers, for people.
    pub rule: String,
    pub by: UserId,
    pub given: Timestamp,
    pub revoked: Option<Timestamp>,
    /// The grant as the gate derived it; nobody else reads it.
    pub body: Value,
}

/// One unattended run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunRow {
    pub run: RunId,
    pub session: Option<SessionId>,
    pub state: String,
    pub created: Timestamp,
    pub updated: Timestamp,
    pub body: Value,
}

/// A public event with its number. Numbers only grow, over restarts too.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventRow {
    pub seq: u64,
    pub at: Timestamp,
    #[serde(flatten)]
    pub event: Event,
}

/// What a start begins with.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Restored {
    /// Open ones.
    pub sessions: Vec<SessionRow>,
    /// Waiting and given ones, oldest first.
    pub messages: Vec<MessageRow>,
    /// Those that are not over.
    pub asks: Vec<AskRow>,
    /// Of open sessions, not revoked.
    pub grants: Vec<GrantRow>,
    pub last_event: u64,
}
