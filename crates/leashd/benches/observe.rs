//! What it costs the daemon to say a line and to publish an event: the side that must not wait. What a thread of its own
//! then does with the line is measured apart.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

#[allow(
    dead_code,
    unused_imports,
    reason = "a program has no library: the part that is measured is built again here"
)]
#[path = "../src/observe/mod.rs"]
mod observe;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use leashd_gate::Secrets;
use leashd_types::{Approver, CallId, Event, RuleRef, SessionId, Timestamp};
use observe::{Filter, Observe, ObserveOptions};
use std::fs::Permissions;
use std::hint::black_box;
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Below what may wait for the disk, so that no line of a batch is dropped.
const BATCH: u64 = 4096;
const WITHIN: Duration = Duration::from_secs(60);

fn clock() -> Timestamp {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros();
    Timestamp::from_micros(i64::try_from(micros).unwrap())
}

fn allowed() -> Event {
    Event::ToolAllowed {
        session: SessionId::new("01936f2e-7a5b-7c3d-8e4f-9a0b1c2d3e4f"),
        call: CallId::new("toolu_01ABCDEFGHIJKLMNOPQRSTUV"),
        tool: "Bash".to_owned(),
        rule: RuleRef { name: "read-only-tools".to_owned(), source: "default".to_owned(), line: 12 },
        via: Approver::Grant { name: "git status".to_owned() },
    }
}

fn costs(criterion: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    std::fs::set_permissions(home.path(), Permissions::from_mode(0o700)).unwrap();
    let observe = Observe::start(ObserveOptions::at(home.path(), Secrets::default(), clock));
    observe.listen();
    // A line that nobody wants costs nothing, whatever it is called.
    tracing::info!(target: "leashd", "listening");
    assert!(observe.flush(WITHIN) && observe.status().log.written == 1);
    let mut group = criterion.benchmark_group("observe");
    group.bench_function("say a line", |bencher| {
        bencher.iter_custom(|times| {
            batches(
                &observe,
                times,
                || tracing::info!(target: "leashd", tool = "Bash", rule = 7, "tool_allowed"),
            )
        });
    });
    group.bench_function("a line below the level", |bencher| {
        bencher.iter(|| tracing::debug!(target: "leashd", tool = black_box("Bash"), "tool_gated"));
    });
    group.bench_function("publish, logged", |bencher| {
        bencher.iter_custom(|times| batches(&observe, times, || drop(black_box(observe.publish(allowed())))));
    });
    let _listeners: Vec<_> = (0..10).map(|_| observe.subscribe(Filter::all())).collect();
    observe.set_level(observe::Level::Error);
    group.bench_function("publish to ten, not logged", |bencher| {
        bencher.iter_batched(allowed, |event| observe.publish(event), BatchSize::SmallInput);
    });
    observe.set_level(observe::Level::Info);
    group.bench_function("publish until it is in the file, of 4,096", |bencher| {
        bencher.iter_custom(|times| {
            let began = std::time::Instant::now();
            for _ in 0..times.div_ceil(BATCH) {
                (0..BATCH).for_each(|_| drop(observe.publish(allowed())));
                assert!(observe.flush(WITHIN));
            }
            #[expect(clippy::cast_precision_loss, reason = "a share of a few thousand")]
            let share = times as f64 / (times.div_ceil(BATCH) * BATCH) as f64;
            began.elapsed().mul_f64(share)
        });
    });
    group.finish();
    assert_eq!(observe.status().log.dropped, 0, "what is dropped costs nothing and says nothing");
}

/// The time of the calls alone: the log is written out in between.
fn batches(observe: &Observe, times: u64, mut call: impl FnMut()) -> Duration {
    let mut took = Duration::ZERO;
    let mut left = times;
    while left > 0 {
        let now = left.min(BATCH);
        let began = std::time::Instant::now();
        (0..now).for_each(|_| call());
        took += began.elapsed();
        assert!(observe.flush(WITHIN));
        left -= now;
    }
    took
}

criterion_group!(benches, costs);
criterion_main!(benches);
