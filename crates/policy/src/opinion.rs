//! What one stage thinks of one thing a call would do. The strictest opinion wins; among equals the first.

use leashd_types::{Decision, RuleRef, Stage};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Opinion {
    pub(crate) decision: Decision,
    pub(crate) rule: RuleRef,
    pub(crate) reason: String,
    pub(crate) stage: Stage,
}

impl Opinion {
    /// A denial of the hard floor.
    pub(crate) fn floor(name: &str, reason: String) -> Self {
        Self { decision: Decision::Deny, rule: RuleRef::floor(name), reason, stage: Stage::Floor }
    }

    /// An opinion about a path that leaves the approved directories.
    pub(crate) fn boundary(decision: Decision, name: &str, reason: String) -> Self {
        let rule = RuleRef { name: name.to_owned(), source: "sandbox".to_owned(), line: 0 };
        Self { decision, rule, reason, stage: Stage::Sandbox }
    }

    /// An opinion of the judge itself (modes, things that cannot be read).
    pub(crate) fn judge(decision: Decision, name: &str, reason: String) -> Self {
        let rule = RuleRef { name: name.to_owned(), source: "judge".to_owned(), line: 0 };
        Self { decision, rule, reason, stage: Stage::Policy }
    }

    /// The stricter of two; the first if they are equally strict.
    pub(crate) fn stricter(self, other: Option<Opinion>) -> Opinion {
        match other {
            Some(other) if other.decision > self.decision => other,
            _ => self,
        }
    }
}
