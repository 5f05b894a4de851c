//! A verdict on one screen: what was decided and why, then every command with its effects. Shows exactly the value the
//! judge returned, so an explanation cannot disagree with the judgement.

use crate::card::effect_line;
use leashd_types::{CommandReport, Decision, Verdict, visible};

/// Columns of the command text before what was decided about it.
const COMMAND_COLUMNS: usize = 44;

/// Lines for a person.
#[must_use]
pub fn explain(verdict: &Verdict) -> Vec<String> {
    let mut lines = vec![
        format!("{}  {} · {} · {}", shout(verdict.decision), verdict.band, verdict.stage, verdict.rule),
        format!("  {}", visible(&verdict.reason)),
    ];
    if !verdict.commands.is_empty() {
        lines.push(String::new());
    }
    for command in &verdict.commands {
        command_lines(command, &mut lines);
    }
    if verdict.commands.is_empty() && !verdict.effects.is_empty() {
        lines.push(String::new());
        lines.extend(verdict.effects.iter().map(|effect| format!("  {}", effect_line(effect))));
    }
    if let Some(nearest) = &verdict.nearest_allow {
        lines.push(String::new());
        lines.push(format!("nearest allow: {} – {}", nearest.rule, visible(&nearest.failed)));
    }
    lines
}

fn command_lines(command: &CommandReport, lines: &mut Vec<String>) {
    let indent = "  ".repeat(command.via.len().min(6) + 1);
    let text = visible(&command.text).replace('\n', "⏎");
    let arrow = match command.via.last() {
        Some(via) => format!("{indent}↳ {}: ", visible(via)),
        None => indent.clone(),
    };
    let head = format!("{arrow}{text}");
    let width = head.chars().count();
    let padding = " ".repeat(COMMAND_COLUMNS.saturating_sub(width).max(2));
    lines.push(format!("{head}{padding}{}  {}", shout(command.decision), command.rule));
    for effect in &command.effects {
        lines.push(format!("{indent}    {}", effect_line(effect)));
    }
    for why in &command.unclear {
        lines.push(format!("{indent}    unclear: {}", visible(why)));
    }
}

fn shout(decision: Decision) -> &'static str {
    match decision {
        Decision::Allow => "allow",
        Decision::Ask => "ASK",
        Decision::Deny => "DENY",
    }
}
