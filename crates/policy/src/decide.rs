//! What the rules say about one act: first match within a layer, layers from the nearest to the farthest, and a
//! project that can only make things stricter.

use crate::act::Act;
use crate::explain;
use crate::matching::{Fit, Texts, fit};
use crate::opinion::Opinion;
use crate::rules::{LayerRules, Places, Rule, Rules};
use leashd_types::{Decision, NearestAllow, RuleRef, Stage};

/// What the rules say, and the rule that said it.
#[derive(Debug)]
pub(crate) struct Ruled<'r> {
    pub(crate) opinion: Opinion,
    /// `None` where no rule matched.
    pub(crate) rule: Option<&'r Rule>,
}

impl Ruled<'_> {
    /// True if a rule allows this and says in so many words that it may lie outside.
    pub(crate) fn allows_outside(&self) -> bool {
        self.opinion.decision == Decision::Allow
            && self.rule.is_some_and(|rule| rule.places.meets(Places::OUTSIDE))
    }
}

pub(crate) fn decide<'r>(rules: &'r Rules, act: &Act<'_>, texts: &Texts) -> Ruled<'r> {
    let first = |layer: &'r LayerRules| layer.rules.iter().find(|rule| fit(rule, act, texts) == Fit::Fits);
    let user = first(&rules.user);
    // INVARIANT: an ask of a nearer layer never hides a denial of a farther one, so that adding a rule that asks
    // never weakens anything.
    let general = match user {
        Some(rule) if rule.action != Decision::Ask => ruled(rule),
        Some(rule) => match first(&rules.builtin) {
            Some(below) if below.action == Decision::Deny => ruled(below),
            _ => ruled(rule),
        },
        None => first(&rules.builtin).map_or_else(|| unmatched(rules.default_action()), ruled),
    };
    // A project's own allow only ends its own list.
    match first(&rules.project) {
        Some(rule) if rule.action > general.opinion.decision => ruled(rule),
        _ => general,
    }
}

fn ruled(rule: &Rule) -> Ruled<'_> {
    let opinion = Opinion {
        decision: rule.action,
        rule: rule.reference.clone(),
        reason: rule.reason().to_owned(),
        stage: Stage::Policy,
    };
    Ruled { opinion, rule: Some(rule) }
}

fn unmatched<'r>(decision: Decision) -> Ruled<'r> {
    let reason = match decision {
        Decision::Allow => "no rule speaks against it",
        Decision::Ask => "no rule allows it",
        Decision::Deny => "no rule allows it, and the policy denies what it does not know",
    };
    Ruled { opinion: Opinion::judge(decision, "default-action", reason.to_owned()), rule: None }
}

/// The allowing rule that came closest, and why it did not apply.
pub(crate) fn nearest_allow(rules: &Rules, act: &Act<'_>, texts: &Texts) -> Option<NearestAllow> {
    let mut best: Option<(u8, &Rule, Fit)> = None;
    for rule in
        rules.user.rules.iter().chain(&rules.builtin.rules).filter(|rule| rule.action == Decision::Allow)
    {
        let fit = fit(rule, act, texts);
        let rank = match fit {
            Fit::Foreign => continue,
            Fit::Fits => 3,
            Fit::Uncovered(_) | Fit::Unclear if rule.reads_commands() => 2,
            Fit::Uncovered(_) | Fit::Unclear => 1,
        };
        if best.as_ref().is_none_or(|(before, _, _)| rank > *before) {
            best = Some((rank, rule, fit));
        }
    }
    let (_, rule, fit) = best?;
    let failed = match fit {
        Fit::Fits => "another stage or an earlier rule is stricter".to_owned(),
        Fit::Unclear => format!("it cannot be told what this does: {}", act.unclear().join("; ")),
        Fit::Uncovered(index) => match act.seen.get(index) {
            Some(seen) => format!("it does not cover that this {}", explain::effect(seen.effect)),
            None => "it does not cover all of it".to_owned(),
        },
        Fit::Foreign => return None,
    };
    let rule = RuleRef { ..rule.reference.clone() };
    Some(NearestAllow { rule, failed })
}
