//! What goes into the engine and what comes out of it.

use leashd_types::{
    AgentEvent, AgentKind, Answer, Approver, AskKind, Attachment, Band, CallId, Chat, Digest, Envelope,
    Event, Mode, RanCall, Receipt, RuleRef, SessionId, Stage, ToolCall, TurnId, UserId,
};
use std::path::PathBuf;

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    Open(Opening),
    /// Answered with one `Action::Receipt` of the same number.
    Command {
        request: RequestId,
        envelope: Envelope,
    },
    Agent(SessionId, AgentEvent),
    /// The gate looked at a call (`Action::Judge`).
    Judged {
        session: SessionId,
        call: CallId,
        gated: Gated,
    },
    /// The gate settled an answered call (`Action::Settle`) and the agent has the reply.
    Settled {
        session: SessionId,
        call: CallId,
        gated: Gated,
        answer: Answer,
        by: Approver,
    },
    /// The gate compared what ran with what was permitted (`Action::Observe`).
    Observed {
        session: SessionId,
        observed: Observed,
    },
    /// Time passed.
    Tick,
}

/// Which envelope a receipt is for. The caller's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// A session to be opened.
#[derive(Clone, Debug)]
pub struct Opening {
    pub session: SessionId,
    pub chat: Chat,
    pub user: UserId,
    pub agent: AgentKind,
    pub directory: PathBuf,
    pub mode: Mode,
    /// The agent's own session to go on with.
    pub resume: Option<String>,
}

/// What the gate said about a call.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once per step; a box would cost an allocation per event"
)]
pub enum Gated {
    Allowed {
        rule: RuleRef,
        via: Approver,
    },
    Denied {
        rule: RuleRef,
        stage: Stage,
        band: Band,
        reason: String,
    },
    /// Somebody has to answer; `digest` binds the answer to what was asked.
    Pending {
        kind: AskKind,
        digest: Digest,
    },
}

/// What the gate found out about a call after it ran.
#[derive(Clone, Debug)]
pub enum Observed {
    Finished {
        call: CallId,
        tool: String,
        failed: Option<String>,
    },
    RefusedByAgent {
        call: CallId,
        tool: String,
        message: String,
    },
    RanUngated {
        call: CallId,
        tool: String,
    },
    InputChanged {
        call: CallId,
        tool: String,
    },
    /// The record could not be written.
    RecordFailed {
        reason: String,
    },
}

/// Something to be done.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "moved once per step; a box would cost an allocation per event"
)]
pub enum Action {
    Start { session: SessionId, resume: Option<String> },
    Prompt { session: SessionId, turn: TurnId, text: String, attachments: Vec<Attachment> },
    Judge(ToolCall),
    Settle { session: SessionId, call: CallId, answer: Answer, by: Approver, digest: Digest },
    Observe { session: SessionId, ran: RanCall },
    Interrupt { session: SessionId },
    SetMode { session: SessionId, mode: Mode },
    Stop { session: SessionId },
    Show(Event),
    Receipt { request: RequestId, receipt: Receipt },
}
