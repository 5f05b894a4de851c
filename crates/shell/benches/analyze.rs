//! How long reading a line takes: the corpus as a whole and by its typical commands, and the worst shapes there are.
#![allow(clippy::disallowed_methods, clippy::expect_used, reason = "a benchmark reads its corpus")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use leashd_shell::{Env, analyze};
use std::collections::BTreeMap;
use std::hint::black_box;

fn corpus() -> Vec<String> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/commands.jsonl");
    let text = std::fs::read_to_string(path).expect("the corpus is there");
    text.lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of the corpus is JSON"))
        .filter_map(|case| case.get("command")?.as_str().map(str::to_owned))
        .collect()
}

fn analyses(criterion: &mut Criterion) {
    let files = BTreeMap::new();
    let env = Env { cwd: "/home/dev/proj", home: "/home/dev", files: &files };
    let lines = corpus();
    let mut group = criterion.benchmark_group("analyze");
    group.throughput(Throughput::Elements(lines.len() as u64));
    group.bench_function("corpus", |bencher| {
        bencher
            .iter(|| lines.iter().map(|line| analyze(black_box(line), &env).commands.len()).sum::<usize>());
    });
    group.throughput(Throughput::Elements(1));
    for line in ["ls -la", "cargo test --workspace -- --nocapture", "cd api && go test ./... 2>&1 | tail -20"]
    {
        group.bench_function(line, |bencher| bencher.iter(|| analyze(black_box(line), &env)));
    }
    group.finish();

    let mut group = criterion.benchmark_group("large");
    group.sample_size(10);
    for unit in ["'", "(", "{a,b} ", "$(", "$((1)) ", "a <<E\nb\nE\n", "\"$x\" ", "echo a;", "x=1 y=$x a;"] {
        let line = unit.repeat((256 * 1024 - 64) / unit.len());
        group.bench_function(unit.trim(), |bencher| bencher.iter(|| analyze(black_box(&line), &env)));
    }
    group.finish();
}

criterion_group!(benches, analyses);
criterion_main!(benches);
