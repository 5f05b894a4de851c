//! What a store lets go, what it does not take, and what it does when it is closed.

use super::*;

pub(super) async fn pruning_leaves_what_is_needed(store: Store) {
    keep(&store, [Kept::Session(session("open")), Kept::Session(closed("closed"))]).await;
    // More than one step looks at.
    for begin in (1..=3_000).step_by(1_000) {
        let session = |seq: u64| if seq % 3 == 1 { "open" } else { "closed" };
        keep(&store, (begin..begin + 1_000).map(|seq| Kept::Event(sample::event(seq, session(seq))))).await;
    }
    let message = |id: &str, session: &str, state, second| {
        let row = MessageRow { state, at: at(second), role: Role::Assistant, ..message(id, session) };
        Kept::Message(row)
    };
    let old = [
        message("m1", "open", MessageState::Done, 2),
        message("m2", "closed", MessageState::Done, 2),
        message("m3", "closed", MessageState::Waiting, 2),
        message("m4", "closed", MessageState::Done, 2_000),
        Kept::Ask(sample::ask_in("a1", "closed", AskState::Landed)),
        Kept::Ask(sample::ask_in("a2", "closed", AskState::Answered)),
        Kept::Ask(sample::ask_in("a3", "open", AskState::Landed)),
    ];
    keep(&store, old).await;
    assert_eq!(store.prune(at(0)).await.unwrap(), Pruned::default(), "nothing is as old");
    let pruned = store.prune(at(1_000)).await.unwrap();
    assert_eq!(pruned, Pruned { events: 1_999, messages: 1, asks: 1 });
    assert_eq!(ids(&store.messages(&Of::Everybody, None, 9).await.unwrap()), ["m1", "m3", "m4"]);
    assert_eq!(ids(&store.search("m2", &Of::Everybody, 9).await.unwrap()), [""; 0]);
    assert_eq!(store.restore().await.unwrap().last_event, 3_000);
    assert_eq!(store.prune(at(1_000)).await.unwrap(), Pruned::default());
}

pub(super) async fn limits_hold(store: Store) {
    let many = (0..10_001).map(|seq| Kept::Event(sample::event(seq, "s"))).collect();
    let large = MessageRow { text: "x".repeat(64 * 1024 * 1024), ..message("m", "s1") };
    let uncountable = Kept::Event(sample::event(u64::MAX, "s"));
    for rows in [many, vec![Kept::Message(large)], vec![uncountable]] {
        let result = store.keep(rows).await;
        assert!(matches!(result, Err(StoreError::Unwritable { .. })), "{result:?}");
    }
    assert_eq!(store.restore().await.unwrap(), Restored::default());
    keep(&store, []).await;
    for begin in [0, 1_000] {
        keep(&store, (begin..begin + 1_000).map(|seq| Kept::Event(sample::event(seq, "s")))).await;
    }
    assert_eq!(store.events(0, usize::MAX, &[]).await.unwrap().len(), 1_000, "a page");
}

pub(super) async fn a_closed_store_refuses(store: Store) {
    let other = store.clone();
    let waiting: Vec<_> = (1..100)
        .map(|seq| {
            let store = store.clone();
            tokio::spawn(async move { store.keep(vec![Kept::Event(sample::event(seq, "s"))]).await })
        })
        .collect();
    store.close().await.unwrap();
    for call in waiting {
        // In time or too late, but answered.
        assert!(matches!(call.await.unwrap(), Ok(()) | Err(StoreError::Closed)));
    }
    assert_eq!(other.keep(vec![Kept::Event(sample::event(1, "s"))]).await, Err(StoreError::Closed));
    assert_eq!(other.restore().await, Err(StoreError::Closed));
    assert_eq!(other.close().await, Err(StoreError::Closed));
}
