//! What the gate costs: one file tool inside the project from call to permit, without and with a durable record, a
//! thousand at once, beside a long log, and the parts. Wall time; the durable figures measure the disk below.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, missing_docs, reason = "a benchmark")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use leashd_gate::audit::{Record, tail, verify};
use leashd_gate::{AuditLog, Durability, Gate, Interactive, Outcome, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Facts, GitGrants, Mode, RanCall, RanOutcome, ResolvedPath,
    SessionId, Timestamp, ToolCall,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

fn now() -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000)
}

fn session() -> SessionId {
    SessionId::new("3f0c2a6e-8d4b-4c39-9b6a-0d9e6f3f1a52")
}

fn snapshot(project: &Path) -> Snapshot {
    let resolved = |path: &Path| ResolvedPath::assume_resolved(path.to_owned());
    let sources = [Source::builtin("default").unwrap(), Source::builtin("dev-tools").unwrap()];
    Snapshot {
        rules: Arc::new(Rules::load(&sources).unwrap()),
        facts: Facts {
            cwd: resolved(project),
            home: resolved("/home/dev".as_ref()),
            approved: vec![resolved(project)],
            temporary: vec![resolved("/tmp".as_ref())],
            protected: Vec::new(),
            containment: Containment::NotProven,
            attendance: Attendance::Attended,
            mode: Mode::Default,
            git_grants: GitGrants::default(),
            paths: BTreeMap::new(),
            files: BTreeMap::new(),
            globs: BTreeMap::new(),
        },
        grants: Vec::new(),
        generation: 1,
        interactive: Interactive::Somebody,
    }
}

fn call(number: u64, tool: &str, input: Value, project: &Path) -> ToolCall {
    ToolCall {
        agent: AgentKind::Claude,
        session: session(),
        tool: tool.to_owned(),
        input,
        cwd: project.to_owned(),
        id: CallId::new(format!("toolu_{number:024}")),
        subagent: None,
    }
}

fn decisions(criterion: &mut Criterion) {
    // Inside the repository's target directory: /tmp may be memory, where a flush costs nothing.
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let project = directory.path().canonicalize().unwrap().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("main.rs"), "fn main() {}").unwrap();
    let cases = [
        ("read", "Read", json!({"file_path": project.join("main.rs")}), Durability::Never),
        ("read, durable", "Read", json!({"file_path": project.join("main.rs")}), Durability::Group),
        ("outside", "Read", json!({"file_path": "/etc/passwd"}), Durability::Never),
        ("bash", "Bash", json!({"command": "git status --short && ls -la src"}), Durability::Never),
        (
            "write 100 KiB",
            "Write",
            json!({"file_path": "a.txt", "content": "x".repeat(100 * 1024)}),
            Durability::Never,
        ),
    ];
    for (name, tool, input, durability) in cases {
        let log = directory.path().join(format!("{name}/audit.jsonl"));
        let gate = Gate::new(AuditLog::open(&log, durability, Secrets::default()).unwrap(), now);
        let snapshot = snapshot(&project);
        let mut number = 0;
        criterion.bench_function(name, |bencher| {
            bencher.iter_batched(
                || {
                    number += 1;
                    // Permits nobody redeems would fill the gate's memory of open calls.
                    gate.forget(&session());
                    call(number, tool, input.clone(), &project)
                },
                |call| gate.begin(black_box(call), &snapshot),
                BatchSize::PerIteration,
            );
        });
    }
}

/// So many calls wait for the gate at the same moment, each on a thread of its own.
const AT_ONCE: u64 = 1_000;

/// How long each of the calls was with the gate, sorted, and how long it took until all had been.
fn at_once(gate: &Gate, snapshot: &Snapshot, calls: Vec<ToolCall>) -> (Vec<Duration>, Duration) {
    let begun = Barrier::new(calls.len() + 1);
    std::thread::scope(|scope| {
        let waiting: Vec<_> = calls
            .into_iter()
            .map(|call| {
                let begun = &begun;
                let work = move || {
                    begun.wait();
                    let begin = Instant::now();
                    let outcome = gate.begin(call, snapshot);
                    let took = begin.elapsed();
                    assert!(matches!(outcome, Outcome::Permit(_)), "{outcome:?}");
                    took
                };
                std::thread::Builder::new().stack_size(512 * 1024).spawn_scoped(scope, work).unwrap()
            })
            .collect();
        begun.wait();
        let begin = Instant::now();
        let mut took: Vec<Duration> = waiting.into_iter().map(|thread| thread.join().unwrap()).collect();
        let all = begin.elapsed();
        took.sort();
        (took, all)
    })
}

fn a_thousand_at_once(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let project = directory.path().canonicalize().unwrap().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("main.rs"), "fn main() {}").unwrap();
    let snapshot = snapshot(&project);
    let mut group = criterion.benchmark_group("1,000 calls at once");
    group.sample_size(10);
    for (suffix, durability) in [("", Durability::Never), (", durable", Durability::Group)] {
        let log = directory.path().join(format!("log{suffix}/audit.jsonl"));
        let gate = Gate::new(AuditLog::open(&log, durability, Secrets::default()).unwrap(), now);
        let mut number = 0;
        let mut batch = || {
            gate.forget(&session());
            let calls = (0..AT_ONCE).map(|_| {
                number += 1;
                call(number, "Read", json!({"file_path": project.join("main.rs")}), &project)
            });
            at_once(&gate, &snapshot, calls.collect())
        };
        let middle = usize::try_from(AT_ONCE / 2).unwrap();
        group.bench_function(format!("one of them{suffix}"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| batch().0[middle]).sum());
        });
        group.bench_function(format!("until all have their answer{suffix}"), |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| batch().1).sum());
        });
    }
    group.finish();
}

/// The same call where the log is short and where it is long.
fn beside_a_long_log(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let project = directory.path().canonicalize().unwrap().join("project");
    std::fs::create_dir(&project).unwrap();
    std::fs::write(project.join("main.rs"), "fn main() {}").unwrap();
    let snapshot = snapshot(&project);
    for entries in [1_000_u64, 1_000_000] {
        let path = directory.path().join(format!("{entries}/audit.jsonl"));
        let log = AuditLog::open(&path, Durability::Never, Secrets::default()).unwrap();
        for _ in 0..entries {
            log.append(now(), Some(&session()), None, record()).unwrap();
        }
        drop(log);
        criterion.bench_function(&format!("open a log of {entries}"), |bencher| {
            bencher.iter(|| AuditLog::open(&path, Durability::Never, Secrets::default()).unwrap());
        });
        for (suffix, durability) in [("", Durability::Never), (", durable", Durability::Group)] {
            let gate = Gate::new(AuditLog::open(&path, durability, Secrets::default()).unwrap(), now);
            let mut number = 0;
            criterion.bench_function(&format!("read beside {entries} entries{suffix}"), |bencher| {
                bencher.iter_batched(
                    || {
                        number += 1;
                        gate.forget(&session());
                        call(number, "Read", json!({"file_path": project.join("main.rs")}), &project)
                    },
                    |call| gate.begin(black_box(call), &snapshot),
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

fn record() -> Record {
    Record::ToolRanUngated {
        tool_name: "Bash".to_owned(),
        tool_input: json!({"command": "cargo test --workspace"}),
        reason: "a test".to_owned(),
    }
}

fn audit(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = AuditLog::open(&path, Durability::Never, Secrets::default()).unwrap();
    criterion.bench_function("append", |bencher| {
        bencher.iter_batched(
            record,
            |record| log.append(now(), None, None, record).unwrap(),
            BatchSize::SmallInput,
        );
    });
    while std::fs::metadata(&path).unwrap().len() < 64 * 1024 * 1024 {
        log.append(now(), None, None, record()).unwrap();
    }
    criterion.bench_function("append to 64 MiB", |bencher| {
        bencher.iter_batched(
            record,
            |record| log.append(now(), None, None, record).unwrap(),
            BatchSize::SmallInput,
        );
    });
    criterion.bench_function("open 64 MiB", |bencher| {
        bencher.iter(|| AuditLog::open(&path, Durability::Never, Secrets::default()).unwrap());
    });
    criterion.bench_function("tail of 64 MiB", |bencher| bencher.iter(|| tail(&path, 20).unwrap()));
    let mut group = criterion.benchmark_group("slow");
    group.sample_size(10).bench_function("verify 64 MiB", |bencher| bencher.iter(|| verify(&path).unwrap()));
    group.finish();
    let ran = RanCall {
        id: CallId::new("unknown"),
        tool: "Bash".to_owned(),
        input: None,
        outcome: RanOutcome::Failed { message: "no".to_owned() },
        subagent: None,
    };
    let gate = Gate::new(log, now);
    criterion.bench_function("observe", |bencher| bencher.iter(|| gate.observe(&SessionId::new("s"), &ran)));
}

criterion_group!(benches, decisions, a_thousand_at_once, beside_a_long_log, audit);
criterion_main!(benches);
