//! What goes into the engine and what comes out of it.

use crate::Config;
use leashd_types::{
    AgentEvent, Answer, Approver, AskKind, Attachment, Attended, Band, CallId, Digest, Envelope, Event,
    GrantRow, Kept, Mode, RanCall, Receipt, RuleRef, SessionId, SessionRow, Stage, ToolCall, TurnId,
};
use std::time::Duration;

/// Something happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// Answered with one `Action::Receipt` of the same number.
    Command {
        request: RequestId,
        envelope: Envelope,
    },
    /// The same of an order to go on with a session that is closed, which is only kept: its row.
    Reopen {
        request: RequestId,
        envelope: Envelope,
        row: Box<SessionRow>,
    },
    Agent {
        session: SessionId,
        incarnation: Incarnation,
        event: AgentEvent,
    },
    /// The gate looked at a call (`Action::Judge`).
    Judged {
        session: SessionId,
        incarnation: Incarnation,
        call: CallId,
        gated: Gated,
    },
    /// The gate settled an answered call (`Action::Settle`) and the agent has the reply.
    Settled {
        session: SessionId,
        incarnation: Incarnation,
        call: CallId,
        gated: Gated,
        answer: Answer,
        by: Approver,
    },
    /// The gate compared what ran with what was permitted (`Action::Observe`).
    Observed {
        session: SessionId,
        incarnation: Incarnation,
        observed: Observed,
    },
    /// An answer opened something for the rest of the session. Comes before its `Settled`.
    Granted(GrantRow),
    /// An answer changed what the session is for (a plan was approved). Comes before its `Settled`.
    Approved {
        session: SessionId,
        mode: Mode,
    },
    /// `Action::Keep` failed. Nothing of that step was done after it, and nothing else came in between.
    KeepFailed(KeepFailure),
    /// `Action::Continue`, fed back at once.
    Continue,
    /// Time passed.
    Tick,
    /// Settings were read again.
    Configure(Config),
    /// leashd is going down.
    Drain(Drain),
}

/// Why something could not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeepFailure {
    /// The message was kept before.
    Duplicate,
    Failed {
        reason: String,
    },
}

/// How leashd goes down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drain {
    /// Turns that run may end; no other begins. What comes in waits for the next start.
    AfterTurns,
    /// Turns that run are interrupted.
    Now,
}

/// Which envelope a receipt is for. The caller's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub u64);

/// One start of an agent. What an earlier one still says concerns nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Incarnation(pub u64);

/// Which conversation an agent starts with. The ids are the agent's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begin {
    /// The first of the session, under the session's own id.
    First,
    /// A new one of a session that had another before.
    Fresh(String),
    Resume(String),
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
        /// How long an approval may wait, where the session's policy says so.
        patience: Option<Duration>,
    },
}

/// What the gate found out about a call after it ran.
#[derive(Clone, Debug)]
pub enum Observed {
    /// As it was decided; nothing to be told of.
    Noted,
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

/// Something to be done, in the order given.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// To be kept, all or nothing, before what follows. If that fails nothing of what follows is done, and
    /// `Input::KeepFailed` is the next input.
    Keep(Vec<Kept>),
    /// The last word of the agent started so is `AgentEvent::Exited`, also if it could not be started.
    Start {
        row: SessionRow,
        attended: Attended,
        incarnation: Incarnation,
        begin: Begin,
        grants: Vec<GrantRow>,
    },
    Prompt {
        session: SessionId,
        turn: TurnId,
        text: String,
        attachments: Vec<Attachment>,
    },
    Judge {
        incarnation: Incarnation,
        call: ToolCall,
    },
    /// Answered with `Input::Settled`, whatever comes of it.
    Settle {
        session: SessionId,
        incarnation: Incarnation,
        call: CallId,
        answer: Answer,
        by: Approver,
        digest: Digest,
    },
    Observe {
        session: SessionId,
        incarnation: Incarnation,
        ran: RanCall,
    },
    Interrupt {
        session: SessionId,
    },
    /// Tells the agent.
    SetMode {
        session: SessionId,
        mode: Mode,
    },
    /// Calls are judged under these from now on.
    Terms {
        session: SessionId,
        mode: Mode,
        grants: Vec<GrantRow>,
    },
    Stop {
        session: SessionId,
    },
    /// The agent is gone because we wanted it; nobody has to be told.
    Ended {
        session: SessionId,
        reason: String,
    },
    Show(Event),
    Receipt {
        request: RequestId,
        receipt: Receipt,
    },
    /// There is more to do: the next input is `Input::Continue`.
    Continue,
}
