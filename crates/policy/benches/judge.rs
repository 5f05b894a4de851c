//! One judgement, analysis included, over the corpus; and loading what ships. Criterion for the trend, and a plain
//! table of median and 99th percentile because those are what is promised.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    dead_code,
    reason = "a test may read files and fail loudly; each uses a part of the shared support"
)]

#[path = "../tests/support/mod.rs"]
mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use leashd_policy::{BUILTIN_NAMES, Rules, Source, judge, plan};
use leashd_types::{Facts, ToolCall};
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Repetitions per line; the fastest third is what the machine can do undisturbed.
const REPEATS: usize = 15;

fn cases() -> Vec<(ToolCall, Facts)> {
    let facts = support::contained();
    ["commands.jsonl", "executed.jsonl", "git-lock.jsonl"]
        .iter()
        .flat_map(|name| support::corpus(name))
        .map(|case| {
            let answered = support::answered(&case.call, &facts);
            (case.call, answered)
        })
        .collect()
}

fn one(rules: &Rules, call: &ToolCall, facts: &Facts) {
    let planned = plan(call, facts);
    let _verdict = black_box(judge(rules, call, &planned, facts));
}

fn table(rules: &Rules, cases: &[(ToolCall, Facts)]) {
    let mut medians: Vec<Duration> = cases
        .iter()
        .map(|(call, facts)| {
            let mut times: Vec<Duration> = (0..REPEATS)
                .map(|_| {
                    let start = Instant::now();
                    one(rules, call, facts);
                    start.elapsed()
                })
                .collect();
            times.sort_unstable();
            times[REPEATS / 3]
        })
        .collect();
    medians.sort_unstable();
    let at = |percent: usize| medians[(medians.len() - 1) * percent / 100];
    println!("per judgement: median {:?}, p90 {:?}, p99 {:?}, max {:?}", at(50), at(90), at(99), at(100));
}

fn judging(criterion: &mut Criterion) {
    let cases = cases();
    for policies in [&["default", "dev-tools"][..], &["contained"][..]] {
        let rules = support::rules(policies);
        table(&rules, &cases);
        criterion.bench_function(&format!("judge the corpus, {}", policies.join("+")), |bencher| {
            bencher.iter(|| cases.iter().for_each(|(call, facts)| one(&rules, call, facts)));
        });
    }
}

fn loading(criterion: &mut Criterion) {
    let all: Vec<Source<'_>> = BUILTIN_NAMES.iter().map(|name| Source::builtin(name).unwrap()).collect();
    criterion.bench_function("load every policy that ships", |bencher| {
        bencher.iter(|| Rules::load(black_box(&all)).unwrap());
    });
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(3));
    targets = judging, loading
}
criterion_main!(benches);
