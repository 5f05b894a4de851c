//! A call that waits for an answer. It holds what was asked and on which facts, so that settling can tell whether
//! any of it changed.

use crate::Grant;
use crate::decide::{Digests, Judged};
use leashd_types::{AskKind, Containment, Digest, Facts, Question, ToolCall, Verdict};
use serde_json::Value;

/// Questions of one call.
const QUESTIONS: usize = 16;

/// The tool with which the agent asks the person something.
const QUESTION_TOOL: &str = "AskUserQuestion";
/// The tool with which the agent hands in its plan.
const PLAN_TOOL: &str = "ExitPlanMode";

/// A judged call that nobody has answered yet. Dropping it runs nothing.
#[derive(Debug)]
#[must_use]
pub struct Pending {
    pub(crate) call: ToolCall,
    pub(crate) facts: Facts,
    pub(crate) verdict: Verdict,
    pub(crate) input: Value,
    pub(crate) digests: Digests,
    pub(crate) kind: AskKind,
    pub(crate) generation: Generation,
    pub(crate) digest: Digest,
    pub(crate) grant: Option<Grant>,
}

/// Which policy judged: the snapshot's number and the number of the rules in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Generation {
    pub(crate) snapshot: u64,
    pub(crate) rules: u64,
}

impl Pending {
    pub(crate) fn new(call: ToolCall, judged: Judged, mut kind: AskKind, generation: Generation) -> Self {
        let grant = match &mut kind {
            AskKind::Approval { session_rule, .. } => {
                let grant = Grant::derive(&call, &judged);
                *session_rule = grant.as_ref().map(|grant| grant.rule.clone());
                grant
            }
            AskKind::PlanReview { .. } | AskKind::Question { .. } | AskKind::Confirmation { .. } => None,
        };
        let digest = digest_of_question(&call, &judged.input, generation);
        let Judged { facts, verdict, input, digests, .. } = judged;
        Self { call, facts, verdict, input, digests, kind, generation, digest, grant }
    }

    #[must_use]
    pub fn call(&self) -> &ToolCall {
        &self.call
    }

    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What may run if it is allowed: canonical paths in place of those the model wrote.
    #[must_use]
    pub fn input(&self) -> &Value {
        &self.input
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

/// The input as sent and as it would run are both in it: a person approves the one by looking at the other.
pub(crate) fn digest_of_question(call: &ToolCall, input: &Value, generation: Generation) -> Digest {
    Digest::of_parts(&[
        call.session.as_str().as_bytes(),
        call.id.as_str().as_bytes(),
        call.tool.as_bytes(),
        call.input.to_string().as_bytes(),
        input.to_string().as_bytes(),
        call.cwd.as_os_str().as_encoded_bytes(),
        &generation.snapshot.to_be_bytes(),
        &generation.rules.to_be_bytes(),
    ])
}

/// Whether only a person can answer this tool, whatever the rules say.
pub(crate) fn is_for_a_person(tool: &str) -> bool {
    tool == QUESTION_TOOL || tool == PLAN_TOOL
}

/// What to ask about a call.
///
/// # Errors
/// If the agent's questions cannot be read: in words.
pub(crate) fn kind_of(
    call: &ToolCall,
    verdict: &Verdict,
    containment: Containment,
) -> Result<AskKind, String> {
    match call.tool.as_str() {
        PLAN_TOOL => Ok(AskKind::PlanReview {
            call: call.clone(),
            plan: call.text("plan").unwrap_or_default().to_owned(),
        }),
        QUESTION_TOOL => {
            let questions = call.input.get("questions").cloned().unwrap_or(Value::Null);
            let questions: Vec<Question> = serde_json::from_value(questions)
                .map_err(|error| format!("its questions cannot be read: {error}"))?;
            if questions.is_empty() || questions.len() > QUESTIONS {
                return Err(format!("it has {} questions, 1 to {QUESTIONS} can be asked", questions.len()));
            }
            Ok(AskKind::Question { call: call.clone(), questions })
        }
        _ => Ok(AskKind::Approval {
            call: call.clone(),
            verdict: verdict.clone(),
            session_rule: None,
            containment,
        }),
    }
}
