//! What comes out of the gate: a permit, a denial, a question, and afterwards what became of the call.

use crate::{AuditError, Pending, Permit};
use leashd_types::{Band, CallId, Facts, RuleRef, Stage, Verdict};

/// Characters of what the model is told, a person's instructions aside.
const MODEL_TEXT: usize = 1_000;
/// Characters of a person's instructions to the model.
const INSTRUCTIONS: usize = 8_000;

/// What the gate says about one call.
#[derive(Debug)]
#[must_use]
#[expect(clippy::large_enum_variant, reason = "one lives at a time, and the pending one is stored as it is")]
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
    /// For the model: the rule and what to do instead. At most 1,000 characters, and 8,000 of a person's own words.
    pub for_model: String,
    /// The audit entry of the denial. `None` when the log itself failed.
    pub sequence: Option<u64>,
}

impl Denial {
    /// The rules, the sandbox or the floor said no.
    pub(crate) fn by_verdict(call: &CallId, verdict: &Verdict, facts: &Facts) -> Self {
        let advice = match verdict.stage {
            Stage::Sandbox => {
                let approved: Vec<_> =
                    facts.approved.iter().map(|root| root.as_path().display().to_string()).collect();
                format!("Work inside the approved directories: {}.", approved.join(", "))
            }
            Stage::Floor => {
                "No approval can open this. Do not look for another way to the same effect; leave it to the user."
                    .to_owned()
            }
            Stage::Policy => match &verdict.nearest_allow {
                Some(near) => format!(
                    "Nearest allowed: rule {}, which did not apply: {}. Else do without it or tell the user.",
                    near.rule.name, near.failed
                ),
                None => "Do without it or tell the user what you need it for.".to_owned(),
            },
            Stage::Approval => "Go on with what needs no approval, and say what you could not do.".to_owned(),
            Stage::Audit => "Nothing can run until the audit log can be written. Stop and tell the user.".to_owned(),
            Stage::Agent => "Make a new, well-formed call.".to_owned(),
        };
        let for_model =
            format!("Denied by leashd, rule {}: {}. {advice}", verdict.rule.name, plain(&verdict.reason));
        Self {
            call: call.clone(),
            stage: verdict.stage,
            rule: verdict.rule.clone(),
            band: verdict.band,
            reason: verdict.reason.clone(),
            for_model: for_model.chars().take(MODEL_TEXT).collect(),
            sequence: None,
        }
    }

    /// The person said no, in their own words.
    pub(crate) fn with_instructions(mut self, instructions: &str) -> Self {
        let words: String = instructions.chars().take(INSTRUCTIONS).collect();
        self.for_model = format!("The user denied this and says: {words}");
        self
    }
}

/// Without the full stop that the sentence around it sets.
fn plain(reason: &str) -> &str {
    reason.trim_end().trim_end_matches('.')
}

/// What became of a call.
#[derive(Debug)]
#[must_use]
pub enum Observation {
    /// A permitted call ran as it was approved.
    Finished,
    /// A permitted call failed; the text is the agent's.
    Failed { message: String },
    /// A call we denied came back as an error, as it should.
    Refused,
    /// The agent refused its own call before asking (unknown tool, bad schema, edit mismatch).
    RefusedByAgent { message: String },
    /// What ran is not what was approved. The session must be stopped.
    InputChanged,
    /// It ran without a permit, or twice with one. The session must be stopped.
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
