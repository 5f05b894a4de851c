//! Events as lines for a person.

use crate::terminal::screen::Tone;
use leashd_types::{Answer, Approver, AskOutcome, Event, Refusal, Stage, ToolSummary, TurnOutcome, visible};

/// The line an event is worth, if it is worth one.
#[must_use]
pub fn describe(event: &Event) -> Option<(Tone, String)> {
    Some(match event {
        Event::SessionStarted { session, agent: _, version, model, directory, containment } => {
            let mut parts = vec![format!("session {session}"), directory.display().to_string()];
            // Which model answers is known only with its first answer, unless the person chose one.
            parts.extend([model, version, containment].into_iter().filter(|part| !part.is_empty()).cloned());
            let tone = if containment.starts_with("not contained") { Tone::Warn } else { Tone::Dim };
            (tone, parts.join(" · "))
        }
        Event::MessageQueued { waiting, .. } => {
            (Tone::Dim, format!("queued, {waiting} waiting until this turn ends"))
        }
        Event::ToolDenied { tool, reason, rule, stage, via, .. } => {
            (Tone::Bad, format!("✗ denied {tool}: {reason} [{}, {rule}]", who(*stage, via)))
        }
        Event::ToolFinished { tool, failed: Some(message), .. } => {
            (Tone::Warn, format!("! {tool} failed: {}", first_line(message)))
        }
        Event::ToolRefusedByAgent { tool, message, .. } => {
            (Tone::Warn, format!("! the agent refused its own call of {tool}: {}", first_line(message)))
        }
        Event::ToolRanUngated { tool, .. } => {
            (Tone::Bad, format!("✗ {tool} RAN WITHOUT A PERMIT; the session is stopped"))
        }
        Event::ApprovalResolved { outcome, .. } | Event::InteractionResolved { outcome, .. } => {
            (Tone::Dim, outcome_line(outcome))
        }
        Event::Interrupted { .. } => (Tone::Warn, "interrupted".to_owned()),
        Event::Retry { attempt, max_attempts, error, .. } => {
            (Tone::Warn, format!("retry {attempt} of {max_attempts}: {error}"))
        }
        Event::TurnCompleted { outcome, tools, cost, duration_ms, .. } => {
            turn_line(outcome, tools, &cost.to_string(), *duration_ms)
        }
        Event::Warning { message, .. } => (Tone::Warn, format!("! {message}")),
        Event::SessionEnded { reason, failed: true, .. } => (Tone::Bad, format!("✗ session ended: {reason}")),
        Event::SessionEnded { failed: false, .. }
        | Event::MessageIn { .. }
        | Event::MessageOut { .. }
        | Event::ToolGated { .. }
        | Event::ToolAllowed { .. }
        | Event::ToolFinished { failed: None, .. }
        | Event::ApprovalRequested { .. }
        | Event::InteractionRequested { .. } => return None,
        other => return around(other),
    })
}

/// What happens around the agent: sessions that change, asks on their way, the daemon itself.
fn around(event: &Event) -> Option<(Tone, String)> {
    let dim = |line: String| Some((Tone::Dim, line));
    match event {
        Event::SessionSwitched { session, .. } => dim(format!("now in session {session}")),
        Event::SessionCleared { dropped: 0, .. } => dim("the conversation is forgotten".to_owned()),
        Event::SessionCleared { dropped, .. } => {
            dim(format!("the conversation is forgotten; {dropped} waiting messages are dropped"))
        }
        Event::ModeChanged { mode, .. } => dim(format!("mode {mode:?}").to_lowercase()),
        Event::DirectoryChanged { directory, .. } => {
            dim(format!("now in {}", visible(&directory.display().to_string())))
        }
        Event::GrantGiven { rule, .. } => dim(format!("for this session: {}", visible(rule))),
        Event::GrantRevoked { grant, .. } => dim(format!("taken back: grant {grant}")),
        Event::ConfigReloaded { changed, .. } => dim(format!("settings read again: {}", changed.join(", "))),
        Event::ConfigRejected { reason } => {
            Some((Tone::Bad, format!("✗ the settings stay as they were: {reason}")))
        }
        Event::EngineStopped { reason } => Some((Tone::Warn, format!("leashd stops: {reason}"))),
        Event::AuthRejected { from, chat, .. } => {
            Some((Tone::Warn, format!("! {from} in {chat} is not allowed here")))
        }
        Event::RateLimited { from, chat, .. } => {
            Some((Tone::Warn, format!("! {from} in {chat} sends too much")))
        }
        _ => None,
    }
}

/// Why something was not accepted.
#[must_use]
pub fn refusal_line(refusal: &Refusal) -> String {
    match refusal {
        Refusal::NotAllowed => "you may not speak here".to_owned(),
        Refusal::RateLimited { retry_after_ms } => {
            format!("too much at once; try again in {} s", retry_after_ms.div_ceil(1000))
        }
        Refusal::Unknown { what } => format!("there is no {what}"),
        Refusal::Closed { how } => format!("it is over: {how}"),
        Refusal::Changed => "what is asked changed meanwhile; look again".to_owned(),
        Refusal::Rejected { reason } => reason.clone(),
        Refusal::NotDurable { reason } => {
            format!("it could not be written down, so it did not happen: {reason}")
        }
    }
}

/// `Bash ×3, Read`.
#[must_use]
pub(crate) fn tools_line(tools: &[ToolSummary]) -> String {
    let each: Vec<String> = tools
        .iter()
        .map(|summary| match summary.times {
            1 => summary.tool.clone(),
            times => format!("{} ×{times}", summary.tool),
        })
        .collect();
    each.join(", ")
}

fn turn_line(outcome: &TurnOutcome, tools: &[ToolSummary], cost: &str, duration_ms: u64) -> (Tone, String) {
    let mut parts = Vec::new();
    if !tools.is_empty() {
        parts.push(format!("🧰 {}", tools_line(tools)));
    }
    parts.push(cost.to_owned());
    parts.push(format!("{}.{} s", duration_ms / 1000, duration_ms % 1000 / 100));
    let (tone, ended) = match outcome {
        TurnOutcome::Completed => (Tone::Dim, None),
        TurnOutcome::Interrupted => (Tone::Warn, Some("interrupted".to_owned())),
        TurnOutcome::MaxTurns => {
            (Tone::Warn, Some("the turn limit is reached; raise LEASHD_MAX_TURNS or say more".to_owned()))
        }
        TurnOutcome::BudgetExhausted => (Tone::Warn, Some("the budget is used up".to_owned())),
        TurnOutcome::ApiError { status: Some(status), message } => {
            (Tone::Bad, Some(format!("API error {status}: {}", first_line(message))))
        }
        TurnOutcome::ApiError { status: None, message } => {
            (Tone::Bad, Some(format!("API error: {}", first_line(message))))
        }
        TurnOutcome::Failed { message } => (Tone::Bad, Some(format!("failed: {}", first_line(message)))),
    };
    parts.extend(ended);
    (tone, parts.join(" · "))
}

fn outcome_line(outcome: &AskOutcome) -> String {
    let what = match &outcome.answer {
        Answer::AllowOnce => "approved",
        Answer::AllowSession => "approved for this session",
        Answer::Deny => "rejected",
        Answer::DenyWith { .. } => "rejected with instructions",
        Answer::Plan { .. } | Answer::Choices { .. } => "answered",
        Answer::Expired => "denied, nobody answered in time",
        Answer::Withdrawn => "withdrawn, the agent no longer waits",
        Answer::Nobody => "denied, nobody is there to answer",
    };
    format!("→ {what}")
}

fn who(stage: Stage, via: &Approver) -> String {
    match via {
        Approver::Human { user } => format!("by {user}"),
        Approver::Nobody => "nobody answered".to_owned(),
        Approver::Ai { .. } | Approver::Grant { .. } | Approver::Policy | Approver::Deferred => {
            stage.to_string()
        }
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
