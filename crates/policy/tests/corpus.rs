//! The corpora: every line gets the verdict it should get. `CORPUS=1` prints every line that did not.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test may read files and fail loudly; each uses a part of the shared support"
)]

mod support;

use leashd_policy::Rules;
use leashd_types::{Attendance, Decision, Facts};
use std::collections::BTreeMap;
use support::{Case, Counts, check, contained, corpus, facts, rules};

/// Judges all lines; gives the counts by label and the lines whose decision is not the label.
fn score(name: &str, rules: &Rules, cases: &[Case], facts: &Facts) -> BTreeMap<String, Counts> {
    let mut counts: BTreeMap<String, Counts> = BTreeMap::new();
    let tell = std::env::var_os("CORPUS").is_some();
    for case in cases {
        let facts = Facts { git_grants: case.grants, ..facts.clone() };
        let verdict = check(rules, &case.call, &facts);
        counts.entry(case.expect.clone()).or_default().add(verdict.decision);
        if tell && verdict.decision.to_string() != case.expect {
            println!(
                "{name}: {} -> {}: {:?}\n    {} | {}",
                case.expect, verdict.decision, case.shown, verdict.rule, verdict.reason
            );
        }
    }
    println!("{name}: {counts:#?}");
    counts
}

fn of(counts: &BTreeMap<String, Counts>, label: &str) -> Counts {
    counts.get(label).copied().unwrap_or_default()
}

#[test]
fn contained_keeps_what_it_promises() {
    let counts = score("contained", &rules(&["contained"]), &corpus("commands.jsonl"), &contained());
    let (deny, ask, allow) = (of(&counts, "deny"), of(&counts, "ask"), of(&counts, "allow"));
    assert_eq!((deny.allow, ask.allow), (0, 0), "something dangerous was allowed");
    assert_eq!(allow.deny, 0, "something ordinary was denied");
    assert!(deny.deny * 100 >= deny.all() * 95, "too few denials: {deny:?}");
    assert!(allow.ask * 100 <= allow.all(), "too many questions: {allow:?}");
}

#[test]
fn default_allows_nothing_of_it_and_denies_nothing_ordinary() {
    let counts = score("default", &rules(&["default", "dev-tools"]), &corpus("commands.jsonl"), &facts());
    assert_eq!(
        (of(&counts, "deny").allow, of(&counts, "ask").allow),
        (0, 0),
        "something dangerous was allowed"
    );
    assert_eq!(of(&counts, "allow").deny, 0, "something ordinary was denied");
}

#[test]
fn what_was_proven_to_destroy_or_leak_is_never_allowed() {
    let cases = corpus("executed.jsonl");
    let under_contained = score("executed, contained", &rules(&["contained"]), &cases, &contained());
    let under_default = score("executed, default", &rules(&["default", "dev-tools"]), &cases, &facts());
    assert_eq!(of(&under_contained, "not-allow").allow, 0);
    assert_eq!(of(&under_default, "not-allow").allow, 0);
    assert_eq!(of(&under_default, "not-allow").all(), cases.len());
}

#[test]
fn the_git_lock_holds_and_the_rest_goes_on() {
    let facts = Facts { attendance: Attendance::Unattended, ..contained() };
    let counts = score("leopold", &rules(&["leopold"]), &corpus("git-lock.jsonl"), &facts);
    assert_eq!(of(&counts, "deny").allow, 0, "the lock was passed");
    assert_eq!(of(&counts, "allow").deny, 0, "something ordinary was denied");
}

/// Cases of our own, one promise of the policies per line: `policy` (several, `+` loads two
/// together), `expect`, the call, and optional facts.
#[test]
fn every_promise_of_the_policies_holds() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/policy-cases.jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let is = |key: &str| value.get(key).is_some_and(|flag| flag == true);
        let mut facts = if is("contained") { contained() } else { facts() };
        if is("unattended") {
            facts.attendance = Attendance::Unattended;
        }
        if let Some(mode) = value.get("mode") {
            facts.mode = serde_json::from_value(mode.clone()).unwrap();
        }
        let call = match value.get("command").and_then(|command| command.as_str()) {
            Some(command) => support::bash(command),
            None => support::call(value["tool"].as_str().unwrap(), value["input"].clone()),
        };
        let expected: Decision = serde_json::from_value(value["expect"].clone()).unwrap();
        for policy in value["policy"].as_str().unwrap().split(' ') {
            let verdict = check(&rules(&policy.split('+').collect::<Vec<_>>()), &call, &facts);
            if verdict.decision != expected {
                wrong.push(format!(
                    "{policy}: {line}\n    -> {} by {}: {}",
                    verdict.decision, verdict.rule, verdict.reason
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong\n{}", wrong.len(), wrong.join("\n"));
}
