//! What the gate costs: one file tool inside the project from call to permit, without and with a durable record, and
//! the parts. Wall time; the durable figures measure the disk below.

#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a benchmark")]

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use leashd_gate::audit::{Record, tail, verify};
use leashd_gate::{AuditLog, Durability, Gate, Interactive, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Facts, GitGrants, Mode, RanCall, RanOutcome, ResolvedPath,
    SessionId, Timestamp, ToolCall,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;

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

fn audit(criterion: &mut Criterion) {
    let directory = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = AuditLog::open(&path, Durability::Never, Secrets::default()).unwrap();
    let record = || Record::ToolRanUngated {
        tool_name: "Bash".to_owned(),
        tool_input: json!({"command": "cargo test --workspace"}),
        reason: "a test".to_owned(),
    };
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

criterion_group!(benches, decisions, audit);
criterion_main!(benches);
