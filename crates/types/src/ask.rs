//! A question to a person: an approval, a plan to review, something the agent wants to know, a confirmation.

use crate::{AskId, Containment, Digest, SessionId, Timestamp, ToolCall, UserId, Verdict, visible};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One open question. It is durable and has one owner, whoever shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub id: AskId,
    pub session: SessionId,
    pub kind: AskKind,
    /// What was asked: tool, input, directory, policy generation. An answer must carry the same digest.
    pub digest: Digest,
    pub created: Timestamp,
    /// Without an answer by then it is denied.
    pub expires: Timestamp,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[expect(clippy::large_enum_variant, reason = "asks are few and live long; a box would only hide the value")]
pub enum AskKind {
    Approval {
        call: ToolCall,
        verdict: Verdict,
        /// The rule that "for this session" would add, in words; none where no such rule is offered.
        session_rule: Option<String>,
        /// Whether the kernel holds what is approved.
        #[serde(default)]
        containment: Containment,
    },
    PlanReview {
        call: ToolCall,
        plan: String,
    },
    Question {
        call: ToolCall,
        questions: Vec<Question>,
    },
    /// leashd itself wants to do something (git, workspace, merge).
    Confirmation {
        what: String,
    },
}

/// One question of the agent, with the answers it proposes. Free text is always possible.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    pub question: String,
    #[serde(default)]
    pub header: String,
    #[serde(default, rename = "multiSelect")]
    pub multi_select: bool,
    #[serde(default)]
    pub options: Vec<Choice>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub label: String,
    #[serde(default)]
    pub description: String,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "kebab-case")]
pub enum Answer {
    AllowOnce,
    /// The server derives the rule from what was asked; nothing of it comes from the client.
    AllowSession,
    Deny,
    /// The text goes to the model.
    DenyWith {
        instructions: String,
    },
    Plan {
        review: PlanAnswer,
    },
    /// To each question (by its text) the chosen label, labels joined by ", ", or free text.
    Choices {
        answers: BTreeMap<String, String>,
    },
    /// Nobody answered in time: a denial.
    Expired,
    /// The session stopped or the agent withdrew the call.
    Withdrawn,
    /// There is nobody to ask (no terminal, an unattended run without reviewer): a denial.
    Nobody,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "plan", rename_all = "kebab-case")]
pub enum PlanAnswer {
    /// Go ahead; the policy asks as usual.
    Approve,
    /// Go ahead; file edits inside the approved directories go unasked.
    ApproveAndEdit,
    Adjust {
        feedback: String,
    },
    Reject,
}

/// Characters of a text that are repeated when an answer is spoken of.
const SAID_CHARS_MAX: usize = 200;

impl Answer {
    /// What a person or a reviewer said, in a few words. `None` where nobody said anything.
    #[must_use]
    pub fn said(&self) -> Option<String> {
        let quoted = |text: &str| {
            let begin: String = text.chars().take(SAID_CHARS_MAX).collect();
            let rest = if begin.len() < text.len() { "…" } else { "" };
            format!("“{}{rest}”", visible(&begin).replace('\n', " "))
        };
        Some(match self {
            Answer::AllowOnce => "approved".to_owned(),
            Answer::AllowSession => "approved for the session".to_owned(),
            Answer::Deny => "denied".to_owned(),
            Answer::DenyWith { instructions } => format!("denied, {}", quoted(instructions)),
            Answer::Plan { review: PlanAnswer::Approve } => "plan approved".to_owned(),
            Answer::Plan { review: PlanAnswer::ApproveAndEdit } => "plan approved, edits too".to_owned(),
            Answer::Plan { review: PlanAnswer::Adjust { feedback } } => {
                format!("plan to be changed, {}", quoted(feedback))
            }
            Answer::Plan { review: PlanAnswer::Reject } => "plan rejected".to_owned(),
            Answer::Choices { answers } => {
                answers.values().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
            }
            Answer::Expired | Answer::Withdrawn | Answer::Nobody => return None,
        })
    }
}

/// Who answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "approver_type", rename_all = "kebab-case")]
pub enum Approver {
    Human {
        user: UserId,
    },
    Ai {
        model: String,
    },
    /// A grant a person gave earlier.
    Grant {
        name: String,
    },
    /// The rules alone.
    Policy,
    /// Nobody was there or nobody answered in time.
    Nobody,
    /// Claude Code's own prompt, in a person's own session.
    Deferred,
}
