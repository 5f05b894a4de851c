//! The reference monitor itself: one readable path from a tool call to a permit.

use crate::audit::{AuditError, AuditLog, Head, Record};
use crate::{Denial, Grant, Observation, Outcome, Pending};
use leashd_policy::Rules;
use leashd_types::{
    Answer, Approver, Band, Digest, Facts, RanCall, RuleRef, SessionId, Stage, Timestamp, ToolCall,
};
use std::sync::Arc;

/// One gate per process: the audit log and the clock, and which calls it let out.
#[derive(Debug)]
pub struct Gate {
    audit: AuditLog,
    clock: fn() -> Timestamp,
}

/// Everything a judgement depends on, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub rules: Arc<Rules>,
    /// The session's standing facts, without answers.
    pub facts: Facts,
    pub grants: Vec<Grant>,
    /// Of the policy. Giving or revoking a grant does not change it; it is in every audit entry, and an answer to
    /// a question of another generation is refused.
    pub generation: u64,
    pub interactive: Interactive,
}

/// Whether anybody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interactive {
    Somebody,
    /// No terminal, an unattended run without reviewer: what would ask is denied at once.
    Nobody,
}

impl Gate {
    #[must_use]
    pub fn new(audit: AuditLog, clock: fn() -> Timestamp) -> Gate {
        Gate { audit, clock }
    }

    /// Judges a call. Never waits for anybody.
    pub fn begin(&self, call: ToolCall, _snapshot: &Snapshot) -> Outcome {
        Outcome::Denied(not_there(&call))
    }

    /// Applies an answer: gathers and judges again, and refuses if anything changed since the question.
    /// `digest` is the one that was shown with the question.
    pub fn settle(
        &self,
        pending: Pending,
        _answer: &Answer,
        _by: &Approver,
        _digest: Digest,
        _snapshot: &Snapshot,
    ) -> Outcome {
        Outcome::Denied(not_there(&pending.call))
    }

    /// Leaves the decision to the agent's own prompt, in a person's own session. Recorded; gives no permit.
    ///
    /// # Errors
    /// The denial to answer with when it could not be recorded.
    pub fn defer(&self, pending: Pending, _snapshot: &Snapshot) -> Result<u64, Denial> {
        Err(not_there(&pending.call))
    }

    /// Compares what became of a call with what was decided, and records it.
    pub fn observe(&self, _session: &SessionId, _ran: &RanCall) -> Observation {
        Observation::RanUngated
    }

    /// Forgets the calls of a session that is over.
    pub fn forget(&self, _session: &SessionId) {}

    /// Records something that is not a tool call.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn record(&self, session: Option<&SessionId>, record: Record) -> Result<Head, AuditError> {
        self.audit.append((self.clock)(), session, None, record)
    }

    #[must_use]
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }
}

fn not_there(call: &ToolCall) -> Denial {
    Denial {
        call: call.id.clone(),
        stage: Stage::Policy,
        rule: RuleRef::floor("stage-failed"),
        band: Band::High,
        reason: "the gate is not there yet".to_owned(),
        for_model: "Denied: the gate is not there yet.".to_owned(),
        sequence: None,
    }
}
