//! Every call that was acknowledged is there, however many came before it: one after the other, together, and among calls
//! that are refused.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod sample;

use leashd_store::{Of, Options, Store};
use leashd_types::{Kept, MessageId, MessageRow, MessageState};
use sample::{message, private_directory, session};

/// Many times what any counter or buffer on the way is likely to go up to.
const CALLS: usize = 400;

async fn check(store: &Store, expected: usize) {
    let found = store.messages(&Of::Everybody, None, CALLS * 4).await.unwrap();
    assert_eq!(found.len(), expected);
}

/// Keeps one message, and looks at once whether it is there.
async fn keep(store: &Store, number: usize, state: MessageState) {
    let row = MessageRow { state, ..message(&format!("m{number}"), "s1") };
    store.keep(vec![Kept::Message(row.clone())]).await.unwrap();
    assert_eq!(store.messages(&Of::Everybody, None, 1).await.unwrap(), [row], "call {number}");
}

async fn many(store: &Store) {
    store.keep(vec![Kept::Session(session("s1"))]).await.unwrap();
    for number in 0..CALLS {
        keep(store, number, MessageState::Waiting).await;
    }
    check(store, CALLS).await;
    // What replaces a row is a call like the others.
    for number in 0..CALLS {
        let row = MessageRow { state: MessageState::Done, ..message(&format!("m{number}"), "s1") };
        store.keep(vec![Kept::Message(row)]).await.unwrap();
    }
    assert!(store.restore().await.unwrap().messages.is_empty(), "all of them are done");
    // Two at the same time, of which one may be refused: its key is taken.
    for number in CALLS..2 * CALLS {
        let good = message(&format!("m{number}"), "s1");
        let bad = MessageRow { id: MessageId::new(format!("again {number}")), ..message("m0", "s1") };
        let (kept, refused) =
            tokio::join!(store.keep(vec![Kept::Message(good)]), store.keep(vec![Kept::Message(bad)]));
        kept.unwrap();
        refused.unwrap_err();
        check(store, number + 1).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_memory() {
    let mut options = Options::memory();
    options.limits.page = CALLS * 4;
    many(&Store::open(&options).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_file() {
    let directory = private_directory();
    let mut options = Options::sqlite(directory.path().join("store.db"));
    options.limits.page = CALLS * 4;
    let store = Store::open(&options).await.unwrap();
    many(&store).await;
    store.close().await.unwrap();
    check(&Store::open(&options).await.unwrap(), 2 * CALLS).await;
}
