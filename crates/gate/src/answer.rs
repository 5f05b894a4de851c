//! What an answer means for a waiting call: whether it lets it run, with which input, and who may say so.

use crate::Pending;
use leashd_types::{Answer, Approver, AskKind, Mode, PlanAnswer, Question};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Bytes of one answer to a question of the agent.
const ANSWER_TEXT: usize = 64 * 1024;

/// An answer, read.
#[derive(Debug, PartialEq)]
pub(crate) enum Reading {
    /// It may run.
    Yes { input: Value, mode: Option<Mode>, keep_grant: KeepGrant },
    /// It may not; the text is for the model, in the person's own words.
    No { reason: &'static str, instructions: Option<String> },
    /// The answer does not fit the question, or comes from somebody who may not give it.
    Invalid(&'static str),
}

/// Whether the person allowed it for the whole session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeepGrant {
    Yes,
    No,
}

/// Reads an answer to `pending`.
pub(crate) fn read(pending: &Pending, answer: &Answer, by: &Approver) -> Reading {
    let reading = match answer {
        Answer::Deny => no("it was denied", None),
        Answer::DenyWith { instructions } => no("it was denied", Some(instructions.clone())),
        Answer::Expired => no("nobody answered in time", None),
        Answer::Withdrawn => no("the question was withdrawn", None),
        Answer::Nobody => no("there is nobody to ask", None),
        Answer::AllowOnce | Answer::AllowSession => approval(pending, answer, by),
        Answer::Plan { review } => plan(pending, review),
        Answer::Choices { answers } => choices(pending, answers),
    };
    match (&reading, by, pending.kind()) {
        (Reading::Yes { .. }, Approver::Human { .. }, _)
        | (Reading::Yes { .. }, Approver::Ai { .. }, AskKind::Approval { .. })
        | (Reading::No { .. } | Reading::Invalid(_), _, _) => reading,
        (Reading::Yes { .. }, _, _) => Reading::Invalid("whoever answered may not allow this"),
    }
}

fn no(reason: &'static str, instructions: Option<String>) -> Reading {
    Reading::No { reason, instructions }
}

fn approval(pending: &Pending, answer: &Answer, by: &Approver) -> Reading {
    match pending.kind() {
        AskKind::Approval { .. } => {
            // A reviewer decides one call; what holds for the session is a person's word.
            let keep_grant = match (answer, by) {
                (Answer::AllowSession, Approver::Human { .. }) => KeepGrant::Yes,
                (_, _) => KeepGrant::No,
            };
            Reading::Yes { input: pending.input.clone(), mode: None, keep_grant }
        }
        AskKind::PlanReview { .. } | AskKind::Question { .. } | AskKind::Confirmation { .. } => {
            Reading::Invalid("an approval does not answer this question")
        }
    }
}

fn plan(pending: &Pending, review: &PlanAnswer) -> Reading {
    let AskKind::PlanReview { .. } = pending.kind() else {
        return Reading::Invalid("a plan review does not answer this question");
    };
    let yes =
        |mode| Reading::Yes { input: pending.input.clone(), mode: Some(mode), keep_grant: KeepGrant::No };
    match review {
        PlanAnswer::Approve => yes(Mode::Default),
        PlanAnswer::ApproveAndEdit => yes(Mode::Edit),
        PlanAnswer::Adjust { feedback } => no("the plan has to be changed", Some(feedback.clone())),
        PlanAnswer::Reject => no("the plan was rejected", None),
    }
}

fn choices(pending: &Pending, answers: &BTreeMap<String, String>) -> Reading {
    let AskKind::Question { questions, .. } = pending.kind() else {
        return Reading::Invalid("choices do not answer this question");
    };
    let asked = |text: &String| questions.iter().any(|Question { question, .. }| question == text);
    if answers.is_empty() || !answers.keys().all(asked) {
        return Reading::Invalid("the choices are not for the questions that were asked");
    }
    if answers.values().any(|text| text.len() > ANSWER_TEXT) {
        return Reading::Invalid("an answer is too long");
    }
    let answers: Map<_, _> = answers.iter().map(|(key, text)| (key.clone(), text.as_str().into())).collect();
    let mut input = pending.input.clone();
    let Some(object) = input.as_object_mut() else { return Reading::Invalid("the input is not an object") };
    object.insert("answers".to_owned(), Value::Object(answers));
    Reading::Yes { input, mode: None, keep_grant: KeepGrant::No }
}

/// The answer in one word, for the record.
pub(crate) fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::AllowOnce => "allow-once",
        Answer::AllowSession => "allow-session",
        Answer::Deny => "deny",
        Answer::DenyWith { .. } => "deny-with",
        Answer::Plan { review } => match review {
            PlanAnswer::Approve => "plan-approve",
            PlanAnswer::ApproveAndEdit => "plan-approve-and-edit",
            PlanAnswer::Adjust { .. } => "plan-adjust",
            PlanAnswer::Reject => "plan-reject",
        },
        Answer::Choices { .. } => "choices",
        Answer::Expired => "expired",
        Answer::Withdrawn => "withdrawn",
        Answer::Nobody => "nobody",
    }
}
