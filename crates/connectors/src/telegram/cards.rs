//! An ask as a message: the same lines as on every other screen, and buttons. Decides nothing; what was pressed means only
//! what is bound to the button.

use super::markup::{block, bold, clip, escape, fit, italic};
use super::options::{Options, Privacy};
use super::press::{Choices, Press, choice};
use crate::card::{Card, card};
use leashd_types::{
    Answer, Approver, Ask, AskKind, AskOutcome, Band, Decision, PlanAnswer, Question, Timestamp, ToolCall,
    visible,
};
use std::collections::BTreeSet;

/// UTF-16 units of the parts of a card; all together stay below the 4,096 of a message.
const HEADLINE_MAX: usize = 300;
const REASON_MAX: usize = 500;
const EFFECTS_MAX: usize = 900;
const BODY_MAX: usize = 1500;
const SAYS_MAX: usize = 250;
const RULE_MAX: usize = 300;
/// Buttons side by side.
const NUMBERS_IN_A_ROW: usize = 5;
/// Options that get a button; further ones can be written.
const OPTIONS_MAX: usize = 40;

const SAY_INSTEAD: &str = "To reject with instructions, just write them, or reply to this message.";
const SAY_PLAN: &str = "To adjust the plan, just write what should change, or reply to this message.";
const SAY_ANSWER: &str = "Or write the answer in your own words, or reply to this message.";
const REPLY_INSTEAD: &str = "To reject with instructions, reply to this message.";

/// A message that is to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sheet {
    pub(crate) html: String,
    pub(crate) choices: Choices,
    /// What did not fit, in full: a file's name and content.
    pub(crate) file: Option<(String, String)>,
}

impl Sheet {
    /// A text with buttons.
    pub(crate) fn new(html: impl Into<String>, choices: Choices) -> Self {
        Self { html: html.into(), choices, file: None }
    }
}

/// Whether plain text in the chat answers the ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hears {
    /// It is of the session the chat talks to.
    Text,
    /// Of one in the background: only replies do.
    RepliesOnly,
}

/// How far the person got with a question card.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chosen {
    /// The question that is on the card.
    pub(crate) question: usize,
    /// Options ticked so far, where several are possible.
    pub(crate) ticked: BTreeSet<usize>,
}

/// The card of an ask.
pub(crate) fn sheet(ask: &Ask, chosen: &Chosen, hears: Hears, options: &Options) -> Sheet {
    let card = redacted(card(ask), options);
    match &ask.kind {
        AskKind::Approval { call, verdict, session_rule, .. } => {
            let rule = session_rule.as_deref().map(|rule| options.redact.text(rule));
            approval(ask, &card, (call, verdict.band), rule.as_deref(), (hears, options))
        }
        AskKind::Confirmation { .. } => {
            Sheet::new(head(&card, options.privacy), vec![approve_and_reject(ask)])
        }
        AskKind::PlanReview { plan, .. } => self::plan(ask, &card, &options.redact.text(plan), options),
        AskKind::Question { questions, .. } => {
            let Some(question) = questions.get(chosen.question) else {
                return Sheet::new(head(&card, options.privacy), Vec::new());
            };
            self::question(ask, question, (chosen, questions.len()), options)
        }
    }
}

/// The headline, as far as it may leave the machine.
pub(crate) fn headline(ask: &Ask, options: &Options) -> String {
    let card = redacted(card(ask), options);
    match (&ask.kind, options.privacy) {
        (AskKind::Approval { call, .. }, Privacy::Private) => format!("USE {}", visible(&call.tool)),
        (_, Privacy::Full | Privacy::Summary)
        | (AskKind::PlanReview { .. } | AskKind::Question { .. }, _) => clip(&card.headline, HEADLINE_MAX),
        (AskKind::Confirmation { .. }, Privacy::Private) => "CONFIRM".to_owned(),
    }
}

fn approval(
    ask: &Ask,
    card: &Card,
    (call, band): (&ToolCall, Band),
    rule: Option<&str>,
    (hears, options): (Hears, &Options),
) -> Sheet {
    if options.privacy == Privacy::Private {
        return private(ask, &call.tool, band);
    }
    let mut html = head(card, options.privacy);
    let (effects, more) = fit(&card.effects, EFFECTS_MAX);
    for effect in &effects {
        html.push_str(&format!("\n• {}", escape(effect)));
    }
    let mut file = None;
    if options.privacy == Privacy::Full {
        let body = body(card, &mut html);
        if body == Body::Cut || more > 0 {
            file = Some(("call.txt".to_owned(), whole(card, call, options)));
        }
    } else {
        html.push_str(&format!("\n<i>{} lines are not shown here (privacy: summary)</i>", card.body.len()));
    }
    if more > 0 {
        html.push_str(&format!("\n<b>… and {more} more effects</b>, all of them in the file"));
    }
    html.push_str(&foot(card));
    if let (Some(says), Privacy::Full) = (&card.agent_says, options.privacy) {
        html.push_str(&format!("\nagent says: “{}”", escape(&clip(says, SAYS_MAX))));
    }
    let mut choices = vec![approve_and_reject(ask)];
    if let Some(rule) = rule {
        html.push_str(&format!(
            "\nFor this session would allow: {}",
            escape(&clip(&visible(rule), RULE_MAX))
        ));
        choices.push(vec![choice("Approve for this session", answer(ask, Answer::AllowSession))]);
    }
    html.push_str(&format!(
        "\n{}",
        italic(match hears {
            Hears::Text => SAY_INSTEAD,
            Hears::RepliesOnly => REPLY_INSTEAD,
        })
    ));
    Sheet { html, choices, file }
}

/// What is not shown cannot be approved where it would matter.
fn private(ask: &Ask, tool: &str, band: Band) -> Sheet {
    let mut html = format!("{}\n{band}", bold(&format!("USE {}", visible(tool))));
    let reject = choice("Reject", answer(ask, Answer::Deny));
    let choices = match band {
        Band::Low | Band::Medium => vec![approve_and_reject(ask)],
        Band::High | Band::Critical => {
            html.push_str("\nLook at it on the machine (<code>leashd inbox</code>) to approve it.");
            vec![vec![reject]]
        }
    };
    html.push_str("\n<i>What it would do is not shown here (privacy: private).</i>");
    Sheet { html, choices, file: None }
}

fn plan(ask: &Ask, card: &Card, plan: &str, options: &Options) -> Sheet {
    let mut html = head(card, options.privacy);
    let mut file = None;
    match options.privacy {
        Privacy::Full | Privacy::Summary => {
            if body(card, &mut html) == Body::Cut {
                file = Some(("plan.md".to_owned(), visible(plan)));
            }
        }
        Privacy::Private => {
            html.push_str("\n<i>Read it on the machine (privacy: private).</i>");
        }
    }
    html.push_str(&foot(card));
    html.push_str(&format!("\n{}", italic(SAY_PLAN)));
    let review = |review| answer(ask, Answer::Plan { review });
    let choices = vec![
        vec![choice("Approve", review(PlanAnswer::Approve))],
        vec![choice("Approve and edit freely", review(PlanAnswer::ApproveAndEdit))],
        vec![choice("Adjust…", Press::Instruct { ask: ask.id.clone() })],
        vec![choice("Reject", review(PlanAnswer::Reject))],
    ];
    Sheet { html, choices, file }
}

fn question(ask: &Ask, question: &Question, (chosen, count): (&Chosen, usize), options: &Options) -> Sheet {
    let number = chosen.question.saturating_add(1);
    let title = match count {
        1 => "ANSWER a question".to_owned(),
        _ => format!("ANSWER question {number} of {count}"),
    };
    let mut lines = vec![visible(&options.redact.text(&question.question))];
    if !question.header.is_empty() {
        lines.insert(0, visible(&question.header));
    }
    for (index, option) in question.options.iter().enumerate() {
        let tick = if chosen.ticked.contains(&index) { "☑ " } else { "" };
        let description = match option.description.as_str() {
            "" => String::new(),
            text => format!(" — {}", visible(text)),
        };
        let label = visible(&option.label);
        lines.push(format!("{}. {tick}{label}{description}", index.saturating_add(1)));
    }
    let (shown, more) = fit(&lines, EFFECTS_MAX + BODY_MAX);
    let mut html = format!("{}\n{}", bold(&title), escape(&shown.join("\n")));
    let file = (more > 0).then(|| ("question.txt".to_owned(), lines.join("\n")));
    if more > 0 {
        html.push_str(&format!("\n<b>… and {more} more lines</b>, all of them in the file"));
    }
    let wait = ask.expires.since(ask.created).as_secs();
    html.push_str(&format!("\n<i>declined if nobody answers in {wait} s</i>\n{}", italic(SAY_ANSWER)));
    let press = |option| Press::Choose { ask: ask.id.clone(), question: chosen.question, option };
    let numbers: Vec<_> = (0..question.options.len().min(OPTIONS_MAX))
        .map(|index| {
            let tick = if chosen.ticked.contains(&index) { "☑ " } else { "" };
            choice(format!("{tick}{}", index.saturating_add(1)), press(index))
        })
        .collect();
    let mut choices: Choices = numbers.chunks(NUMBERS_IN_A_ROW).map(<[_]>::to_vec).collect();
    if question.multi_select {
        let done = Press::Chosen { ask: ask.id.clone(), question: chosen.question };
        choices.push(vec![choice("Done", done)]);
    }
    Sheet { html, choices, file }
}

fn head(card: &Card, privacy: Privacy) -> String {
    let headline = match privacy {
        Privacy::Full | Privacy::Summary => clip(&card.headline, HEADLINE_MAX),
        Privacy::Private => "CONFIRM".to_owned(),
    };
    format!("{}\n{}", bold(&headline), escape(&clip(&card.reason, REASON_MAX)))
}

fn foot(card: &Card) -> String {
    format!("\n{}", italic(&clip(&card.place, REASON_MAX)))
}

#[derive(PartialEq, Eq)]
enum Body {
    Whole,
    Cut,
}

/// What fits of the body; the rest is counted.
fn body(card: &Card, html: &mut String) -> Body {
    if card.body.is_empty() {
        return Body::Whole;
    }
    let (mut lines, mut left) = fit(&card.body, BODY_MAX);
    if lines.is_empty() {
        lines.push(clip(&card.body.concat(), BODY_MAX));
        left = left.saturating_sub(1);
    }
    html.push_str(&format!("\n{}", block(&lines.join("\n"))));
    let cut_before =
        card.body.iter().any(|line| line.starts_with("… and ") || line.ends_with("more characters"));
    if left > 0 {
        html.push_str(&format!("\n<b>… and {left} more lines</b>, all of it in the file"));
    }
    if left > 0 || cut_before || lines.last().is_some_and(|line| line.ends_with('…')) {
        Body::Cut
    } else {
        Body::Whole
    }
}

/// Everything there is to know, for the file.
fn whole(card: &Card, call: &ToolCall, options: &Options) -> String {
    let input = match call.text("command") {
        Some(command) => command.to_owned(),
        None => serde_json::to_string_pretty(&call.input).unwrap_or_default(),
    };
    let lines = [vec![card.headline.clone(), card.reason.clone()], card.effects.clone()].concat();
    let input: Vec<String> = options.redact.text(&input).lines().map(visible).collect();
    format!("{}\n\n{}\n", lines.join("\n"), input.join("\n"))
}

fn approve_and_reject(ask: &Ask) -> Vec<super::press::Choice> {
    vec![choice("Approve", answer(ask, Answer::AllowOnce)), choice("Reject", answer(ask, Answer::Deny))]
}

fn answer(ask: &Ask, answer: Answer) -> Press {
    Press::Answer { ask: ask.id.clone(), digest: ask.digest, answer }
}

fn redacted(card: Card, options: &Options) -> Card {
    let text = |text: &String| options.redact.text(text);
    Card {
        headline: text(&card.headline),
        reason: text(&card.reason),
        effects: card.effects.iter().map(text).collect(),
        body: card.body.iter().map(text).collect(),
        place: text(&card.place),
        agent_says: card.agent_says.as_ref().map(text),
    }
}

/// What a card says between the answer and the agent having it.
pub(crate) fn on_its_way(headline: &str, answer: &Answer) -> String {
    let what = match answer {
        Answer::AllowOnce | Answer::AllowSession => "Approved",
        Answer::Deny | Answer::DenyWith { .. } => "Rejected",
        Answer::Plan { .. } | Answer::Choices { .. } => "Answered",
        Answer::Expired | Answer::Nobody => "Denied",
        Answer::Withdrawn => "Withdrawn",
    };
    format!("⏳ {what}, the agent does not have it yet · {}", escape(headline))
}

/// One line that is left of a card.
pub(crate) fn receipt(
    headline: &str,
    outcome: &AskOutcome,
    (expired, name): (Option<Timestamp>, Option<&str>),
) -> String {
    let by = match &outcome.by {
        Approver::Human { user } => format!(" by {}", visible(name.unwrap_or(user.as_str()))),
        Approver::Ai { model } => format!(" by {}", visible(model)),
        Approver::Grant { name } => format!(" by the grant {}", visible(name)),
        Approver::Policy => " by the policy".to_owned(),
        Approver::Nobody | Approver::Deferred => String::new(),
    };
    let at = expired.map(|at| format!(" at {} UTC", clock(at))).unwrap_or_default();
    let what = match (&outcome.answer, outcome.decision) {
        // What was approved can still be refused: something had changed.
        (Answer::AllowOnce | Answer::AllowSession, Decision::Deny | Decision::Ask) => {
            format!("❌ Approved{by}, but denied: what was asked had changed")
        }
        (Answer::AllowOnce, Decision::Allow) => format!("✅ Approved{by}"),
        (Answer::AllowSession, Decision::Allow) => format!("✅ Approved for this session{by}"),
        (Answer::Deny, _) => format!("❌ Rejected{by}"),
        (Answer::DenyWith { .. }, _) => format!("❌ Rejected with instructions{by}"),
        (Answer::Plan { review }, _) => match review {
            PlanAnswer::Approve => format!("✅ Plan approved{by}"),
            PlanAnswer::ApproveAndEdit => format!("✅ Plan approved, edits go unasked{by}"),
            PlanAnswer::Adjust { .. } => format!("✏️ Plan to be adjusted{by}"),
            PlanAnswer::Reject => format!("❌ Plan rejected{by}"),
        },
        (Answer::Choices { answers }, _) => {
            let given: Vec<_> = answers.values().map(|answer| visible(answer)).collect();
            format!("✅ Answered{by}: {}", clip(&given.join(" · "), REASON_MAX))
        }
        (Answer::Expired, _) => format!("⌛ Denied{at}, nobody answered"),
        (Answer::Withdrawn, _) => "↩️ Withdrawn, the agent no longer waits".to_owned(),
        (Answer::Nobody, _) => "❌ Denied, nobody is there to answer".to_owned(),
    };
    format!("{} · {}", escape(&what), escape(headline))
}

/// Hours and minutes.
fn clock(at: Timestamp) -> String {
    at.to_string().split_once('T').map_or(String::new(), |(_, time)| time.chars().take(5).collect())
}
