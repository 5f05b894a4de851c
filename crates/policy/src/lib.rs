//! May it? Rules, the hard floor and the judgement of one tool call.
//!
//! Pure: the caller brings the facts. The same call, rules and facts always give the same verdict.

use leashd_types::{Decision, Facts, Questions, Stage, ToolCall, Verdict};

/// A call, read: what it would do and what has to be known to judge it.
#[derive(Clone, Debug)]
pub struct Plan {
    questions: Questions,
    paths: Vec<PathArgument>,
}

/// A path argument of a file tool. The gate sends the canonical path back to the agent in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathArgument {
    /// Key in the tool's input (`file_path`).
    pub key: String,
    /// The absolute path as asked in `Questions::paths`.
    pub path: String,
}

impl Plan {
    #[must_use]
    pub fn questions(&self) -> &Questions {
        &self.questions
    }

    #[must_use]
    pub fn path_arguments(&self) -> &[PathArgument] {
        &self.paths
    }
}

/// Rules of all layers, loaded and checked.
#[derive(Debug)]
pub struct Rules {
    // INVARIANT: names exactly one set of rules; the audit records it with every decision.
    generation: u64,
}

impl Rules {
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// `approval_timeout_seconds` of the last file that sets one.
    #[must_use]
    pub fn approval_timeout_seconds(&self) -> Option<u32> {
        None
    }
}

/// Reads a call. `facts` may already hold answers (script texts) that lead to further questions.
#[must_use]
pub fn plan(_call: &ToolCall, _facts: &Facts) -> Plan {
    Plan { questions: Questions::default(), paths: Vec::new() }
}

/// Judges a call by its plan, the rules and the facts.
pub fn judge(_rules: &Rules, _call: &ToolCall, _plan: &Plan, _facts: &Facts) -> Verdict {
    let verdict = Verdict::failure(Stage::Policy, "the judge is not there yet");
    debug_assert_eq!(verdict.decision, Decision::Deny);
    verdict
}
