//! What keeping costs: one row, a thousand callers at once, a start, and whether it grows with what is there. Wall time;
//! the durable figures measure the disk below.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

#[path = "../tests/sample/mod.rs"]
mod sample;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use leashd_store::{Durability, Options, Store};
use leashd_types::{Kept, MessageRow, MessageState};
use sample::{ask, event, message, private_directory_in, session};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const BOTH: [(&str, Durability); 2] = [("", Durability::Process), (", durable", Durability::Disk)];

/// No row is kept twice.
static NEXT: AtomicU64 = AtomicU64::new(10_000_000);

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// Inside the repository's target directory: /tmp may be memory, where a flush costs nothing.
fn directory() -> TempDir {
    private_directory_in(Path::new(env!("CARGO_TARGET_TMPDIR")))
}

async fn open(directory: &TempDir, durability: Durability) -> Store {
    let options = Options { durability, ..Options::sqlite(directory.path().join("store.db")) };
    let store = Store::open(&options).await.unwrap();
    store.keep(vec![Kept::Session(session("s1"))]).await.unwrap();
    store
}

fn an_event() -> Vec<Kept> {
    vec![Kept::Event(event(next(), "s1"))]
}

fn a_message() -> Vec<Kept> {
    let text = "Please find out why the third test of the parser fails and mend it".to_owned();
    let row = message(&format!("m{}", next()), "s1");
    vec![Kept::Message(MessageRow { text, state: MessageState::Done, ..row })]
}

fn one_row(criterion: &mut Criterion) {
    let runtime = runtime();
    for (suffix, durability) in BOTH {
        let directory = directory();
        let store = runtime.block_on(open(&directory, durability));
        for (name, make) in [("keep an event", an_event as fn() -> Vec<Kept>), ("keep a message", a_message)]
        {
            criterion.bench_function(&format!("{name}{suffix}"), |bencher| {
                bencher.iter_batched(
                    make,
                    |rows| runtime.block_on(store.keep(rows)).unwrap(),
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

fn a_thousand_callers(criterion: &mut Criterion) {
    let runtime = runtime();
    for (suffix, durability) in BOTH {
        let directory = directory();
        let store = runtime.block_on(open(&directory, durability));
        criterion.bench_function(&format!("1,000 callers keep an event each{suffix}"), |bencher| {
            bencher.iter_batched(
                || (0..1_000).map(|_| an_event()).collect::<Vec<_>>(),
                |calls| {
                    runtime.block_on(async {
                        let tasks: Vec<_> = calls
                            .into_iter()
                            .map(|rows| {
                                let store = store.clone();
                                tokio::spawn(async move { store.keep(rows).await })
                            })
                            .collect();
                        for task in tasks {
                            task.await.unwrap().unwrap();
                        }
                    });
                },
                BatchSize::PerIteration,
            );
        });
    }
}

fn a_start(criterion: &mut Criterion) {
    let runtime = runtime();
    let directory = directory();
    let store = runtime.block_on(open(&directory, Durability::Process));
    let asks = (0..10_000).map(|n| Kept::Ask(ask(&format!("a{n}"), "s1"))).collect();
    runtime.block_on(store.keep(asks)).unwrap();
    criterion.bench_function("restore 10,000 open asks", |bencher| {
        bencher.iter(|| runtime.block_on(store.restore()).unwrap());
    });
    runtime.block_on(store.close()).unwrap();
    criterion.bench_function("open and close", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async {
                let options = Options::sqlite(directory.path().join("store.db"));
                Store::open(&options).await.unwrap().close().await.unwrap();
            });
        });
    });
}

fn with_much_kept(criterion: &mut Criterion) {
    let runtime = runtime();
    for entries in [1_000_u64, 1_000_000] {
        let directory = directory();
        let store = runtime.block_on(open(&directory, Durability::Process));
        for _ in 0..entries / 1_000 {
            let rows = (0..500).flat_map(|_| an_event().into_iter().chain(a_message())).collect();
            runtime.block_on(store.keep(rows)).unwrap();
        }
        let call = || an_event().into_iter().chain(a_message()).collect::<Vec<_>>();
        criterion.bench_function(&format!("keep a message and an event beside {entries}"), |bencher| {
            bencher.iter_batched(
                call,
                |rows| runtime.block_on(store.keep(rows)).unwrap(),
                BatchSize::PerIteration,
            );
        });
        criterion.bench_function(&format!("count what is open beside {entries}"), |bencher| {
            bencher.iter(|| runtime.block_on(store.counts()).unwrap());
        });
    }
}

criterion_group!(benches, one_row, a_thousand_callers, a_start, with_much_kept);
criterion_main!(benches);
