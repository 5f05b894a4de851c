//! Judges every line of `corpus/commands.jsonl` once, facts given. `cargo xtask instructions` counts what each
//! `judge_line` costs.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot go on has failed; it reads the corpus"
)]

#[path = "../tests/support/mod.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod support;

use leashd_policy::{Rules, judge, plan};
use leashd_types::{Facts, ToolCall};
use std::hint::black_box;

fn main() {
    let rules = support::rules(&["default", "dev-tools"]);
    let facts = support::contained();
    let cases: Vec<(ToolCall, Facts)> = support::corpus("commands.jsonl")
        .into_iter()
        .map(|case| {
            let answered = support::answered(&case.call, &facts);
            (case.call, answered)
        })
        .collect();
    // What is made on first use belongs to no line.
    let (call, facts) = &cases[0];
    let _warm = judge(&rules, call, &plan(call, facts), facts);
    for (call, facts) in &cases {
        judge_line(&rules, call, facts);
    }
    println!("{}", cases.len());
}

/// A function of its own, and never inlined: what is counted is what happens between its entry and its return.
#[inline(never)]
fn judge_line(rules: &Rules, call: &ToolCall, facts: &Facts) {
    let planned = plan(call, facts);
    let _verdict = black_box(judge(rules, call, &planned, facts));
}
