//! A call that waits for an answer. It holds what was asked and on which facts, so that settling can tell whether
//! any of it changed.

use crate::Grant;
use leashd_types::{AskKind, Digest, Facts, ToolCall, Verdict};

/// A judged call that nobody has answered yet. Dropping it runs nothing.
#[derive(Debug)]
#[must_use]
pub struct Pending {
    pub(crate) call: ToolCall,
    pub(crate) facts: Facts,
    pub(crate) verdict: Verdict,
    pub(crate) kind: AskKind,
    pub(crate) generation: u64,
    pub(crate) digest: Digest,
    pub(crate) grant: Option<Grant>,
}

impl Pending {
    #[must_use]
    pub fn call(&self) -> &ToolCall {
        &self.call
    }

    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What to ask: an approval, a plan review or the agent's own questions.
    #[must_use]
    pub fn kind(&self) -> &AskKind {
        &self.kind
    }

    /// What the answer has to carry: binds session, call, tool, input, directory and policy generation.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The grant "allow for this session" would give; its `rule` is shown with the question. `None` where no
    /// grant may be given.
    #[must_use]
    pub fn grant(&self) -> Option<&Grant> {
        self.grant.as_ref()
    }
}
