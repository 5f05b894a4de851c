//! What an audit entry says: one variant per event, with the field names of the published log format.

use leashd_types::{AgentKind, Band, Containment, Decision, Digest, Mode, Stage};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::path::PathBuf;

/// The end of the chain. Kept somewhere else (a message, the journal) it proves that nothing was cut off later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// 1 for the first entry; 0 means the log is empty.
    pub seq: u64,
    pub hash: Digest,
}

impl Head {
    /// The head of an empty log.
    pub const EMPTY: Head = Head { seq: 0, hash: Digest::ZERO };
}

/// One event worth keeping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Record {
    SessionStarted {
        agent: AgentKind,
        version: String,
        model: String,
        working_directory: PathBuf,
        containment: Containment,
        session_mode: Mode,
    },
    /// A call was judged. With decision `ask` an `approval` follows.
    ToolAttempt(Box<Attempt>),
    /// A call left the approved directories and was denied. Shown to people as `tool.denied`.
    SecurityViolation(Box<Attempt>),
    /// An answer to a question, by a person, the AI reviewer or nobody.
    Approval(Box<Approval>),
    /// A permitted call came back.
    ToolFinished {
        tool_name: String,
        digest: Digest,
        #[serde(skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// What ran is not what was approved.
    InputChanged {
        tool_name: String,
        tool_input: Value,
        digest: Digest,
        approved_digest: Digest,
    },
    /// A call ran without a permit.
    ToolRanUngated {
        tool_name: String,
        tool_input: Value,
        reason: String,
    },
    /// The agent refused its own call before asking.
    RefusedByAgent {
        tool_name: String,
        reason: String,
    },
    GitOperation {
        operation: String,
        detail: String,
        working_directory: PathBuf,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
    },
    /// A file was sent to a person at a distance.
    FileSent {
        path: PathBuf,
        user_id: String,
    },
    SessionEnded {
        reason: String,
        failed: bool,
    },
    /// A check of the installed agent or of the containment.
    SelfTest {
        check: String,
        passed: bool,
        detail: String,
    },
    /// A directory, policy or server was trusted, or no longer is.
    Trust {
        what: String,
        trusted: bool,
        digest: Option<Digest>,
        user_id: String,
    },
    /// Configuration or policy took effect.
    Config {
        what: String,
        policy_generation: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        user_id: Option<String>,
    },
    /// A contained process reached for the network.
    Network {
        target: String,
        allowed: bool,
        /// The addresses, or why not.
        detail: String,
    },
    /// Files that git takes orders from were changed during a session.
    GitOrdersChanged {
        changes: Vec<String>,
    },
    /// Somebody was not let in at the daemon's own door.
    TurnedAway {
        detail: String,
    },
    GrantRevoked {
        grant: String,
        rule: String,
        user_id: String,
    },
    /// A write was cut short (crash, full disk). The fragment was moved aside; nothing before it is affected.
    AuditRecovered {
        bytes: u64,
        sha256: Digest,
        moved_to: PathBuf,
    },
}

impl Record {
    /// True if something depends on it from now on, so that it has to be on disk before the caller goes on.
    pub(super) fn is_decision(&self) -> bool {
        match self {
            // A question is followed by its answer, which is a decision.
            Record::ToolAttempt(attempt) => attempt.decision != Decision::Ask,
            Record::ToolFinished { .. }
            | Record::RefusedByAgent { .. }
            | Record::TurnedAway { .. }
            | Record::AuditRecovered { .. } => false,
            Record::SessionStarted { .. }
            | Record::SecurityViolation(_)
            | Record::Approval(_)
            | Record::InputChanged { .. }
            | Record::ToolRanUngated { .. }
            | Record::GitOperation { .. }
            | Record::FileSent { .. }
            | Record::SessionEnded { .. }
            | Record::SelfTest { .. }
            | Record::Trust { .. }
            | Record::Config { .. }
            | Record::Network { .. }
            | Record::GitOrdersChanged { .. }
            | Record::GrantRevoked { .. } => true,
        }
    }
}

/// A judged call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub tool_name: String,
    pub tool_input: Value,
    /// The kinds of effect seen (`read`, `network`, …), joined by `+`; `none` without any.
    pub classification: String,
    pub risk_level: Band,
    pub decision: Decision,
    pub stage: Stage,
    pub matched_rule: String,
    pub reason: String,
    /// `policy`, or `grant` with the grant's id in `grant`.
    pub approver_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    pub session_mode: Mode,
    pub working_directory: PathBuf,
    pub policy_generation: u64,
    /// Of tool and final input: what may run.
    pub digest: Digest,
    /// Real paths of everything the call names; at most 64.
    pub paths: Vec<PathBuf>,
    /// The shell commands as they were understood; at most 32.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subagent: Option<String>,
    /// `hook` for a call of a person's own session; nothing for the sessions leashd drives.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<AgentKind>,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Approval {
    pub tool_name: String,
    pub approved: bool,
    /// `allow`, `deny`; `ask` when the agent's own prompt decides.
    pub decision: Decision,
    /// `human`, `ai`, `nobody`, `deferred`.
    pub approver_type: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<String>,
    /// What was answered (`allow-once`, `allow-session`, `plan-approve`, …).
    pub answer: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rejection_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    pub risk_level: Band,
    pub stage: Stage,
    pub matched_rule: String,
    pub policy_generation: u64,
    /// Of tool and final input: what may run.
    pub digest: Digest,
    /// What was asked.
    pub asked_digest: Digest,
}
