//! Two judgements of the same calls held against each other: what is loosened, what is tightened, and by which rule.
//! Knows neither where the calls come from nor how they were judged.

use crate::written::WrittenRule;
use leashd_types::{Decision, RuleRef, Verdict};
use serde::Serialize;
use serde_json::{Value, json};

/// Cases kept of one group; more are only counted.
const KEPT: usize = 1_000;

/// Which way a verdict moved. The order is the order of showing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    Loosened,
    Tightened,
}

/// Cases that moved the same way through the same rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Group {
    pub change: Change,
    pub before: Decision,
    pub after: Decision,
    /// The rule that decides now.
    pub rule: RuleRef,
    /// How many calls; the same call counts each time it was made.
    pub calls: usize,
    /// Different calls, at most 1,000.
    pub cases: Vec<Moved>,
}

/// One call that is judged differently.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved {
    pub call: String,
    pub times: usize,
    /// The rule that decided before.
    pub was: RuleRef,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    pub calls: usize,
    pub loosened: usize,
    pub tightened: usize,
    pub groups: Vec<Group>,
}

impl Comparison {
    /// Adds a call that was made `times` times.
    pub fn add(&mut self, call: &str, times: usize, before: &Verdict, after: &Verdict) {
        self.calls += times;
        let change = match after.decision.cmp(&before.decision) {
            std::cmp::Ordering::Equal => return,
            std::cmp::Ordering::Less => Change::Loosened,
            std::cmp::Ordering::Greater => Change::Tightened,
        };
        match change {
            Change::Loosened => self.loosened += times,
            Change::Tightened => self.tightened += times,
        }
        let same = |group: &&mut Group| {
            group.change == change
                && (group.before, group.after) == (before.decision, after.decision)
                && group.rule == after.rule
        };
        let moved = Moved { call: call.to_owned(), times, was: before.rule.clone() };
        match self.groups.iter_mut().find(same) {
            Some(group) => {
                group.calls += times;
                if group.cases.len() < KEPT {
                    group.cases.push(moved);
                }
            }
            None => self.groups.push(Group {
                change,
                before: before.decision,
                after: after.decision,
                rule: after.rule.clone(),
                calls: times,
                cases: vec![moved],
            }),
        }
    }

    /// Loosened first, then by how many calls are concerned.
    pub fn sort(&mut self) {
        self.groups.sort_by(|left, right| {
            left.change
                .cmp(&right.change)
                .then(left.after.cmp(&right.after))
                .then(right.calls.cmp(&left.calls))
                .then_with(|| left.rule.to_string().cmp(&right.rule.to_string()))
        });
    }
}

/// The tool call an example of a rule stands for: a shell line, a call in the notation of the agent's own permission
/// rules (`Read(src/.env)`), or the name of a tool.
#[must_use]
pub fn example_call(example: &str, rule: &WrittenRule) -> (String, Value) {
    let (tool, argument) = match example.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((tool, argument)) if is_tool_name(tool) => (tool, Some(argument)),
        _ if !rule.is_for_tool("Bash") && is_tool_name(example) => (example, None),
        _ => ("Bash", Some(example)),
    };
    let key = match tool {
        "Bash" => "command",
        "NotebookEdit" => "notebook_path",
        "Glob" | "Grep" | "LS" => "path",
        "WebFetch" => "url",
        _ => "file_path",
    };
    let input = match argument {
        Some(argument) => json!({key: argument}),
        None => json!({}),
    };
    (tool.to_owned(), input)
}

fn is_tool_name(text: &str) -> bool {
    (text.starts_with("mcp__") || text.starts_with(|c: char| c.is_ascii_uppercase()))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::{Change, Comparison};
    use leashd_types::{Band, Decision, RuleRef, Stage, Verdict};

    fn verdict(decision: Decision, rule: &str) -> Verdict {
        let rule = RuleRef { name: rule.to_owned(), source: "a.yaml".to_owned(), line: 1 };
        Verdict { decision, band: Band::Low, rule, ..Verdict::failure(Stage::Policy, "") }
    }

    #[test]
    fn what_is_loosened_comes_first_and_what_is_equal_is_only_counted() {
        let mut comparison = Comparison::default();
        let (allow, ask, deny) =
            (verdict(Decision::Allow, "x"), verdict(Decision::Ask, "y"), verdict(Decision::Deny, "z"));
        comparison.add("a", 5, &allow, &deny);
        comparison.add("b", 1, &ask, &allow);
        comparison.add("c", 1, &ask, &verdict(Decision::Ask, "other"));
        comparison.add("d", 2, &ask, &allow);
        comparison.sort();
        let found: Vec<(Change, usize, usize)> =
            comparison.groups.iter().map(|group| (group.change, group.calls, group.cases.len())).collect();
        assert_eq!(found, [(Change::Loosened, 3, 2), (Change::Tightened, 5, 1)]);
        assert_eq!((comparison.calls, comparison.loosened, comparison.tightened), (9, 3, 5));
    }
}
