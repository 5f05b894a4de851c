//! The judgement of one tool call: floor, lock, boundary, rules and mode, each with an opinion; the strictest holds.
//!
//! Pure: the same call, rules and facts always give the same verdict.

use crate::act::{Act, acts};
use crate::decide::{Ruled, decide, nearest_allow};
use crate::explain;
use crate::floor::{self, Line};
use crate::matching::Texts;
use crate::opinion::Opinion;
use crate::plan::{Plan, Reading};
use crate::rules::Rules;
use crate::sensitive::Nature;
use crate::{bare, boundary, found, lock, missing, tools};
use leashd_types::{
    Band, CommandReport, Decision, Effect, Facts, GitOperation, Mode, NearestAllow, Stage, ToolCall, Verdict,
};

/// Judges a call by its plan, the rules and the facts.
pub fn judge(rules: &Rules, call: &ToolCall, plan: &Plan, facts: &Facts) -> Verdict {
    let acts = settled(call, plan, facts);
    let line = Line::read(&acts);
    let mut reports = Vec::new();
    let mut overall: Option<Judged> = None;
    for act in &acts {
        let judged = judge_act(rules, act, &line, facts);
        if let Some(command) = act.command {
            reports.push(CommandReport {
                text: explain::command(command),
                via: command.via.clone(),
                effects: act.shown_effects(&judged.opinion),
                unclear: command.unclear.clone(),
                decision: judged.opinion.decision,
                rule: judged.opinion.rule.clone(),
            });
        }
        overall = Some(match overall {
            Some(before) if before.opinion.decision >= judged.opinion.decision => before,
            _ => judged,
        });
    }
    let overall = overall.unwrap_or_else(|| Judged::of(nothing_to_run()));
    let Judged { opinion, risk, nearest_allow } = match (rules.tools().check(&call.tool), of_whole_line(plan))
    {
        // A tool the person has taken away is denied whatever it would do.
        (Some(taken), _) => Judged::of(taken),
        (None, Some(whole)) if whole.decision > overall.opinion.decision => Judged::of(whole),
        (None, _) => overall,
    };
    let band = explain::band(&acts, &opinion);
    Verdict {
        decision: opinion.decision,
        band: risk.map_or(band, |risk| risk.max(band)),
        rule: opinion.rule,
        reason: opinion.reason,
        stage: opinion.stage,
        commands: reports,
        effects: acts.iter().flat_map(Act::effects).cloned().collect(),
        nearest_allow,
    }
}

/// Everything a call would do, each thing in the light of the others.
pub(crate) fn settled<'a>(call: &'a ToolCall, plan: &'a Plan, facts: &'a Facts) -> Vec<Act<'a>> {
    let mut acts = acts(call, plan, facts);
    found::resolve(&mut acts, facts);
    missing::settle(&mut acts);
    acts
}

/// The opinion that holds for one act.
struct Judged {
    opinion: Opinion,
    /// The level the deciding rule gives itself.
    risk: Option<Band>,
    nearest_allow: Option<NearestAllow>,
}

impl Judged {
    fn of(opinion: Opinion) -> Self {
        Self { opinion, risk: None, nearest_allow: None }
    }
}

fn judge_act(rules: &Rules, act: &Act<'_>, line: &Line<'_>, facts: &Facts) -> Judged {
    // Nobody overrides the floor, so nothing else needs to be asked.
    if let Some(opinion) = floor::check(act, line, facts).or_else(|| lock::check(act, facts)) {
        return Judged::of(opinion);
    }
    let texts = Texts::default();
    let ruled = decide(rules, act, &texts);
    let allows_outside = ruled.allows_outside();
    let Ruled { opinion: said, rule } = ruled;
    let risk = rule.and_then(|rule| rule.risk);
    let leaves =
        boundary::check(act, facts).filter(|opinion| opinion.decision == Decision::Deny || !allows_outside);
    let opinion = match leaves {
        Some(leaves) => leaves.stricter(Some(said)),
        None => said,
    };
    let opinion =
        opinion.stricter(unclear(act)).stricter(floor::unseen(act, facts)).stricter(repository(act, facts));
    let opinion = in_mode(opinion, act, facts);
    let nearest_allow =
        if opinion.decision == Decision::Allow { None } else { nearest_allow(rules, act, &texts) };
    Judged { opinion, risk, nearest_allow }
}

/// What cannot be read is at least a question.
fn unclear(act: &Act<'_>) -> Option<Opinion> {
    let why = act.unclear().first()?;
    Some(Opinion::judge(Decision::Ask, "unclear", format!("it cannot be told what this does: {why}")))
}

fn repository(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    act.repository.and_then(|start| bare::check(start, facts))
}

fn of_whole_line(plan: &Plan) -> Option<Opinion> {
    let Reading::Shell(analysis) = plan.reading() else { return None };
    if let Some(why) = analysis.unclear.first() {
        let reason = format!("the line cannot be read to the end: {why}");
        return Some(Opinion::judge(Decision::Ask, "unclear", reason));
    }
    let script = analysis.scripts.first()?;
    let reason = format!("what {script} does is not known");
    Some(Opinion::judge(Decision::Ask, "unclear", reason))
}

/// An empty line, a comment, or a function that is never called.
fn nothing_to_run() -> Opinion {
    Opinion::judge(Decision::Allow, "nothing-to-run", "there is nothing to run".to_owned())
}

/// Modes change questions; the one denial they add is writing while planning.
fn in_mode(opinion: Opinion, act: &Act<'_>, facts: &Facts) -> Opinion {
    match facts.mode {
        Mode::Default | Mode::Merge => opinion,
        Mode::Plan => while_planning(opinion, act, facts),
        Mode::Edit | Mode::Test => while_editing(opinion, act),
    }
}

fn while_planning(opinion: Opinion, act: &Act<'_>, facts: &Facts) -> Opinion {
    let changes = |effect: &Effect| match effect {
        Effect::Write { .. } | Effect::Delete { .. } | Effect::Permissions { .. } => true,
        Effect::Git { operation, .. } => !matches!(operation, GitOperation::Read | GitOperation::Fetch),
        _ => false,
    };
    let harmless = |place| matches!(place, Some(crate::places::Where::HarmlessDevice));
    let mut changing =
        act.seen.iter().filter(|seen| changes(seen.effect) && !harmless(seen.place())).peekable();
    if changing.peek().is_none() {
        return opinion;
    }
    if changing.all(|seen| boundary::is_plan_file(seen, facts)) {
        if opinion.decision == Decision::Ask && tools::writes_files(act.tool) {
            let reason = "the plan may be written while planning".to_owned();
            return Opinion::judge(Decision::Allow, "plan-file", reason);
        }
        return opinion;
    }
    let reason = "nothing but the plan is written while planning".to_owned();
    opinion.stricter(Some(Opinion::judge(Decision::Deny, "plan-mode", reason)))
}

fn while_editing(opinion: Opinion, act: &Act<'_>) -> Opinion {
    let ours = tools::is_file_tool(act.tool) && !act.tool.contains("__") && !act.is_unclear();
    let ordinary = act.seen.iter().all(|seen| seen.nature == Nature::Ordinary) && boundary::stays_inside(act);
    if opinion.decision == Decision::Ask && opinion.stage == Stage::Policy && ours && ordinary {
        let reason = "file edits inside the approved directories go unasked in this mode".to_owned();
        return Opinion::judge(Decision::Allow, "edit-mode", reason);
    }
    opinion
}

#[cfg(test)]
mod tests;
