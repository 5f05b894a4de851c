//! `leashd approve`, `deny`, `answer`: one answer to one ask, with the digest of what was asked.

use super::inbox::find;
use super::talk::{self, print_json};
use crate::cli::{AnswerArgs, ApproveArgs, DenyArgs};
use crate::daemon::api::EnvelopeBody;
use crate::failure::{Exit, Failure};
use leashd_types::{Answer, Ask, AskKind, Command, Form, PlanAnswer, Question, Receipt, Refusal};
use std::collections::BTreeMap;

/// What standard output gets.
#[derive(Clone, Copy)]
enum Print {
    Nothing,
    Receipt,
}

/// The conversation the command line speaks in.
pub(super) const CHAT: &str = "command-line";

pub(crate) fn approve(args: &ApproveArgs) -> Result<Exit, Failure> {
    answer_with(&args.ask, if args.json { Print::Receipt } else { Print::Nothing }, |ask| approval(ask, args))
}

pub(crate) fn deny(args: &DenyArgs) -> Result<Exit, Failure> {
    answer_with(&args.ask, if args.json { Print::Receipt } else { Print::Nothing }, |ask| {
        Ok(denial(ask, args.reason.as_deref()))
    })
}

pub(crate) fn answer(args: &AnswerArgs) -> Result<Exit, Failure> {
    answer_with(&args.ask, if args.json { Print::Receipt } else { Print::Nothing }, |ask| {
        reply(ask, &args.option, &args.text)
    })
}

fn answer_with(
    given: &str,
    form: Print,
    answer: impl FnOnce(&Ask) -> Result<Answer, Failure>,
) -> Result<Exit, Failure> {
    talk::with_daemon(|client| async move {
        let row = find(&client, given).await?;
        let ask = &row.ask;
        if let Some(ending) = row.ending() {
            return Err(Failure::failed(format!("{} is over: {ending}", ask.id))
                .hint("leashd inbox lists what is open"));
        }
        let command = Command::Answer { ask: ask.id.clone(), answer: answer(ask)?, digest: ask.digest };
        let body = EnvelopeBody { chat: CHAT.to_owned(), form: Form::Command, command };
        let given = client.deliver(&body).await?;
        if let Print::Receipt = form {
            print_json(&given)?;
        } else if let Receipt::Accepted { .. } = given {
            eprintln!("answered {}", ask.id);
        }
        receipt(&given)
    })
}

fn approval(ask: &Ask, args: &ApproveArgs) -> Result<Answer, Failure> {
    match &ask.kind {
        AskKind::Approval { session_rule, .. } => {
            match (args.session, session_rule) {
                (true, None) => Err(Failure::usage(format!("{} can only be approved once", ask.id))
                    .hint("leave --session out")),
                (true, Some(_)) => Ok(Answer::AllowSession),
                (false, _) => Ok(Answer::AllowOnce),
            }
        }
        AskKind::Confirmation { .. } => Ok(Answer::AllowOnce),
        AskKind::PlanReview { .. } if args.edit => Ok(Answer::Plan { review: PlanAnswer::ApproveAndEdit }),
        AskKind::PlanReview { .. } => Ok(Answer::Plan { review: PlanAnswer::Approve }),
        AskKind::Question { .. } => Err(Failure::usage(format!("{} is a question", ask.id))
            .hint(format!("leashd answer {} --option N, or with a text", ask.id))),
    }
}

fn denial(ask: &Ask, reason: Option<&str>) -> Answer {
    match (&ask.kind, reason) {
        (AskKind::PlanReview { .. }, None) => Answer::Plan { review: PlanAnswer::Reject },
        (AskKind::PlanReview { .. }, Some(text)) => {
            Answer::Plan { review: PlanAnswer::Adjust { feedback: text.to_owned() } }
        }
        (_, None) => Answer::Deny,
        (_, Some(text)) => Answer::DenyWith { instructions: text.to_owned() },
    }
}

fn reply(ask: &Ask, options: &[String], texts: &[String]) -> Result<Answer, Failure> {
    match &ask.kind {
        AskKind::Question { questions, .. } => choices(ask, questions, options, texts),
        AskKind::PlanReview { .. } => plan(ask, options, texts),
        AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
            Err(Failure::usage(format!("{} is no question", ask.id))
                .hint(format!("leashd approve {0}, or leashd deny {0}", ask.id)))
        }
    }
}

fn plan(ask: &Ask, options: &[String], texts: &[String]) -> Result<Answer, Failure> {
    let feedback = || match texts {
        [text] => Ok(PlanAnswer::Adjust { feedback: text.clone() }),
        _ => Err(Failure::usage("what should change?")
            .hint(format!("leashd answer {} \"what to change\"", ask.id))),
    };
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    let review = match options.as_slice() {
        [] | ["3"] => feedback()?,
        ["1"] => PlanAnswer::Approve,
        ["2"] => PlanAnswer::ApproveAndEdit,
        ["4"] => PlanAnswer::Reject,
        _ => return Err(Failure::usage("a plan has options 1 to 4").hint("leashd answer --help lists them")),
    };
    Ok(Answer::Plan { review })
}

/// One option or one text for each question, in their order.
fn choices(
    ask: &Ask,
    questions: &[Question],
    options: &[String],
    texts: &[String],
) -> Result<Answer, Failure> {
    let given = match (options, texts) {
        ([], texts) => texts,
        (options, []) => options,
        _ => return Err(Failure::usage("give options or texts, not both")),
    };
    if given.len() != questions.len() {
        let message =
            format!("{} asks {} questions, {} answers were given", ask.id, questions.len(), given.len());
        return Err(Failure::usage(message).hint(format!("leashd inbox {} shows them", ask.id)));
    }
    let mut answers = BTreeMap::new();
    for (question, given) in questions.iter().zip(given) {
        let said = if options.is_empty() { given.clone() } else { labels(question, given)? };
        answers.insert(question.question.clone(), said);
    }
    Ok(Answer::Choices { answers })
}

/// The labels the numbers stand for.
fn labels(question: &Question, numbers: &str) -> Result<String, Failure> {
    let label = |number: &str| {
        let index = number.trim().parse::<usize>().ok().and_then(|number| number.checked_sub(1));
        index.and_then(|index| question.options.get(index)).map(|option| option.label.clone()).ok_or_else(
            || {
                let message = format!(
                    "{:?} has {} options, {number:?} is none of them",
                    question.question,
                    question.options.len()
                );
                Failure::usage(message).hint("give a text instead of --option")
            },
        )
    };
    let labels = numbers.split(',').map(label).collect::<Result<Vec<_>, _>>()?;
    if labels.len() > 1 && !question.multi_select {
        return Err(Failure::usage(format!("{:?} takes one option", question.question)));
    }
    Ok(labels.join(", "))
}

/// How a command ends whose envelope got this receipt.
pub(super) fn receipt(receipt: &Receipt) -> Result<Exit, Failure> {
    let refusal = match receipt {
        Receipt::Accepted { .. } | Receipt::Duplicate => return Ok(Exit::Done),
        Receipt::Refused { refusal } => refusal,
    };
    Err(match refusal {
        Refusal::NotAllowed => Failure::new(Exit::Agent, "leashd does not take this from you"),
        Refusal::RateLimited { retry_after_ms } => Failure::new(
            Exit::TryLater,
            format!("too fast; try again in {} s", retry_after_ms.div_ceil(1000)),
        ),
        Refusal::Unknown { what } => Failure::failed(format!("there is no {what}")),
        Refusal::Closed { how } => Failure::failed(how),
        Refusal::Changed => {
            Failure::failed("what is asked has changed meanwhile").hint("look at it again with leashd inbox")
        }
        Refusal::Rejected { reason } => Failure::failed(reason),
        Refusal::NotDurable { reason } => {
            Failure::new(Exit::TryLater, format!("it could not be kept, so it did not happen: {reason}"))
                .hint("make room on the disk, then try again")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{choices, labels};
    use leashd_types::{Answer, Ask, AskId, AskKind, Choice, Digest, Question, SessionId, Timestamp};

    fn several(text: &str) -> Question {
        Question { multi_select: true, ..question(text) }
    }

    fn question(text: &str) -> Question {
        let choice = |label: &str| Choice { label: label.to_owned(), description: String::new() };
        Question {
            question: text.to_owned(),
            header: String::new(),
            multi_select: false,
            options: vec![choice("red"), choice("blue")],
        }
    }

    #[test]
    fn options_are_numbers_of_labels() {
        assert_eq!(labels(&question("?"), "2").unwrap(), "blue");
        assert_eq!(labels(&several("?"), "2, 1").unwrap(), "blue, red");
        assert!(labels(&question("?"), "1,2").is_err());
        for wrong in ["3", "0", "x", ""] {
            assert!(labels(&several("?"), wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn every_question_gets_its_answer() {
        let questions = [question("one"), several("two")];
        let ask = Ask {
            id: AskId::new("A"),
            session: SessionId::new("s"),
            kind: AskKind::Confirmation { what: String::new() },
            digest: Digest::ZERO,
            created: Timestamp::default(),
            expires: Timestamp::default(),
        };
        let options = ["1".to_owned(), "1,2".to_owned()];
        let Answer::Choices { answers } = choices(&ask, &questions, &options, &[]).unwrap() else { panic!() };
        assert_eq!(answers["one"], "red");
        assert_eq!(answers["two"], "red, blue");
        let texts = ["mine".to_owned()];
        assert!(choices(&ask, &questions, &[], &texts).is_err());
        assert!(choices(&ask, &questions, &options, &texts).is_err());
    }
}
