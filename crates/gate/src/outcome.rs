//! What comes out of the gate: a permit, a denial, a question, and afterwards what became of the call.

use crate::{AuditError, Pending, Permit};
use leashd_types::{Band, CallId, RuleRef, Stage};

/// What the gate says about one call.
#[derive(Debug)]
#[must_use]
pub enum Outcome {
    Permit(Permit),
    Denied(Denial),
    /// A person (or the AI reviewer) has to be asked; nothing may run meanwhile.
    Pending(Pending),
}

/// A call that may not run, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    pub call: CallId,
    /// Where it failed.
    pub stage: Stage,
    pub rule: RuleRef,
    pub band: Band,
    /// One sentence for a person.
    pub reason: String,
    /// For the model: the rule and what to do instead. At most 1,000 characters.
    pub for_model: String,
    /// The audit entry of the denial. `None` when the log itself failed.
    pub sequence: Option<u64>,
}

/// What became of a call.
#[derive(Debug)]
#[must_use]
pub enum Observation {
    /// A permitted call ran as it was approved.
    Finished,
    /// A permitted call failed without proof that it ran; the text is the agent's.
    Failed { message: String },
    /// A call we denied came back as an error, as it should.
    Refused,
    /// The agent refused its own call before asking (unknown tool, bad schema, edit mismatch).
    RefusedByAgent { message: String },
    /// What ran is not what was approved. The session must be stopped.
    InputChanged,
    /// It ran without a permit. The session must be stopped.
    RanUngated,
    /// What happened could not be recorded. The session must be stopped.
    Unrecorded { what: Box<Observation>, error: AuditError },
}

impl Observation {
    /// True if the session must be stopped.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        match self {
            Observation::Finished
            | Observation::Failed { .. }
            | Observation::Refused
            | Observation::RefusedByAgent { .. } => false,
            Observation::InputChanged | Observation::RanUngated | Observation::Unrecorded { .. } => true,
        }
    }
}
