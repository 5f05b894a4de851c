//! The proof that a call may run. Only the gate makes one, it cannot be copied, and using it consumes it.

use crate::Grant;
use leashd_types::{Approver, CallId, Digest, Effect, Mode, RuleRef, SessionId};
use serde_json::Value;

/// One call may run once, with exactly this input.
#[derive(Debug)]
#[must_use]
pub struct Permit {
    pub(crate) session: SessionId,
    pub(crate) released: Released,
    pub(crate) rule: RuleRef,
    pub(crate) via: Approver,
    pub(crate) sequence: u64,
    pub(crate) grant: Option<Grant>,
    pub(crate) effects: Vec<Effect>,
}

/// What a permit releases to the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct Released {
    pub call: CallId,
    pub tool: String,
    /// The input that may run: canonical paths, answers filled in.
    pub input: Value,
    /// Of tool and input; what runs is compared with it.
    pub digest: Digest,
    /// The session's mode from now on (after a plan was approved).
    pub mode: Option<Mode>,
}

impl Permit {
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    #[must_use]
    pub fn call(&self) -> &CallId {
        &self.released.call
    }

    #[must_use]
    pub fn tool(&self) -> &str {
        &self.released.tool
    }

    /// What may run: for whoever has to make room for it in the walls.
    #[must_use]
    pub fn released(&self) -> &Released {
        &self.released
    }

    /// What was allowed to happen.
    #[must_use]
    pub fn effects(&self) -> &[Effect] {
        &self.effects
    }

    /// The rule that allowed it, or asked.
    #[must_use]
    pub fn rule(&self) -> &RuleRef {
        &self.rule
    }

    #[must_use]
    pub fn via(&self) -> &Approver {
        &self.via
    }

    #[must_use]
    pub fn digest(&self) -> Digest {
        self.released.digest
    }

    /// The audit entry that let it out.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The session's mode from now on (after a plan was approved).
    #[must_use]
    pub fn mode(&self) -> Option<Mode> {
        self.released.mode
    }

    /// The grant the person gave with the answer; the caller keeps it.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }

    /// Hands the call over to the agent. The permit is used up.
    #[must_use]
    pub fn redeem(self) -> Released {
        self.released
    }
}
