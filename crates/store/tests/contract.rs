//! What every backend promises. One suite, run over each of them.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "contract/bounds.rs"]
mod bounds;
mod sample;

use bounds::{a_closed_store_refuses, limits_hold, pruning_leaves_what_is_needed};
use leashd_store::{AskFilter, Of, Options, Progress, Pruned, SessionFilter, Store, StoreError};
use leashd_types::{
    AskId, AskKind, AskRow, AskState, Attachment, Attended, EventRow, GrantRow, Kept, MessageId, MessageRow,
    MessageState, Restored, Role, RunRow, SessionId, SessionRow, SessionState, UserId,
};
use sample::{at, chat, closed, grant, message, one_of_each, run, session, started};
use serde_json::json;

macro_rules! over_both {
    ($($case:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                super::$case(super::Store::open(&super::Options::memory()).await.unwrap()).await;
            })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let directory = super::sample::private_directory();
                let options = super::Options::sqlite(directory.path().join("store.db"));
                let store = super::Store::open(&options).await.unwrap();
                super::$case(store.clone()).await;
                store.close().await.ok();
                // What was kept is there the next time too, and what was closed needs no look for damage.
                let again = super::Store::open(&options).await.unwrap();
                assert_eq!(again.opening(), &Default::default());
                assert!(again.restore().await.is_ok());
            })+
        }
    };
}

over_both![
    every_kind_comes_back_as_it_was,
    any_text_comes_back_as_it_was,
    what_was_asked_keeps_its_digest,
    a_row_replaces_the_row_of_its_id,
    a_call_is_kept_whole_or_not_at_all,
    a_key_is_unique_in_its_chat,
    a_refused_call_takes_no_other_with_it,
    what_belongs_to_a_session_needs_it,
    an_event_is_never_another,
    a_start_begins_with_what_is_unfinished,
    messages_are_read_in_pages,
    words_are_found_and_nothing_is_syntax,
    sessions_are_filtered,
    whether_anybody_watches_is_kept,
    asks_are_filtered,
    grants_and_runs_are_listed,
    events_are_followed,
    what_is_open_is_counted,
    pruning_leaves_what_is_needed,
    limits_hold,
    a_closed_store_refuses,
];

async fn keep(store: &Store, rows: impl IntoIterator<Item = Kept>) {
    store.keep(rows.into_iter().collect()).await.unwrap();
}

fn ids(messages: &[MessageRow]) -> Vec<&str> {
    messages.iter().map(|message| message.id.as_str()).collect()
}

async fn every_kind_comes_back_as_it_was(store: Store) {
    assert_eq!(store.restore().await.unwrap(), Restored::default());
    // In an order in which no row could be written alone.
    keep(&store, one_of_each()).await;
    let expected = Restored {
        sessions: vec![session("s1")],
        messages: vec![message("m1", "s1")],
        asks: vec![sample::ask("a1", "s1")],
        grants: vec![grant("g1", "s1")],
        last_event: 1,
    };
    assert_eq!(store.restore().await.unwrap(), expected);
    assert_eq!(store.events(0, 10, &[]).await.unwrap(), [sample::event(1, "s1")]);
    assert_eq!(store.ask(&AskId::new("a1")).await.unwrap(), Some(sample::ask("a1", "s1")));
    assert_eq!(store.session(&SessionId::new("s1")).await.unwrap(), Some(session("s1")));
    assert_eq!(store.session(&SessionId::new("s2")).await.unwrap(), None);
    let expected = RunRow { session: Some(SessionId::new("s1")), ..run("r1", "running") };
    assert_eq!(store.runs(None, 10).await.unwrap(), [expected]);
}

async fn any_text_comes_back_as_it_was(store: Store) {
    keep(&store, [Kept::Session(session("s1"))]).await;
    let texts =
        ["", "\0", "a\0b", "'; DROP TABLE messages; --", "👩‍👩‍👧 ñ\u{202e}", "\u{feff}\r\n\t", "?1 :a @b $c"];
    for (number, text) in texts.iter().enumerate() {
        let row = MessageRow {
            text: (*text).to_owned(),
            key: Some(format!("{number}{text}")),
            turn: None,
            from: None,
            attachments: vec![Attachment::Pdf { base64: "JVBERg==".to_owned() }],
            ..message(&format!("m{number}{text}"), "s1")
        };
        keep(&store, [Kept::Message(row.clone())]).await;
        let found = store.messages(&Of::Everybody, None, 1).await.unwrap();
        assert_eq!(found, [row]);
        assert!(store.seen(&chat("42"), &format!("{number}{text}")).await.unwrap());
    }
}

async fn what_was_asked_keeps_its_digest(store: Store) {
    keep(&store, [Kept::Session(session("s1"))]).await;
    // An answer is refused if the digest of what was asked is another after a start.
    let numbers: Vec<f64> = (1..2_000_u32).map(|n| 1.0 / f64::from(n)).collect();
    let mut row = sample::ask("a1", "s1");
    let AskKind::PlanReview { call, .. } = &mut row.ask.kind else { panic!() };
    call.input = json!({ "numbers": numbers });
    row.ask.digest = call.digest();
    keep(&store, [Kept::Ask(row)]).await;
    let Some(AskRow { ask, .. }) = store.ask(&AskId::new("a1")).await.unwrap() else { panic!() };
    let AskKind::PlanReview { call, .. } = &ask.kind else { panic!() };
    assert_eq!(call.digest(), ask.digest);
}

async fn a_row_replaces_the_row_of_its_id(store: Store) {
    keep(&store, one_of_each()).await;
    keep(&store, [Kept::Message(message("m2", "s1"))]).await;
    let used = SessionRow {
        attended: Attended::Nobody,
        turns: 4,
        last_used: at(9),
        model: Some("opus".to_owned()),
        ..session("s1")
    };
    let given = MessageRow { state: MessageState::Given, ..message("m1", "s1") };
    let answered = sample::ask_in("a1", "s1", AskState::Answered);
    let rows = [Kept::Session(used.clone()), Kept::Message(given.clone()), Kept::Ask(answered.clone())];
    // Twice, and the first state of it in the same call: the last one counts.
    keep(&store, rows.clone()).await;
    keep(&store, [Kept::Ask(sample::ask("a1", "s1"))].into_iter().chain(rows)).await;
    let restored = store.restore().await.unwrap();
    assert_eq!(restored.sessions, [used]);
    assert_eq!(restored.messages, [given, message("m2", "s1")], "its place in the order stays");
    assert_eq!(restored.asks, [answered]);
}

async fn a_call_is_kept_whole_or_not_at_all(store: Store) {
    keep(&store, one_of_each()).await;
    let same_key = MessageRow { key: Some("key of m1".to_owned()), ..message("m9", "s1") };
    let mut rows: Vec<Kept> = (0..40).map(|n| Kept::Message(message(&format!("n{n}"), "s2"))).collect();
    rows.push(Kept::Session(session("s2")));
    rows.push(Kept::Event(sample::event(2, "s2")));
    rows.push(Kept::Message(same_key));
    let error = store.keep(rows.clone()).await.unwrap_err();
    assert_eq!(error, StoreError::Duplicate { chat: "telegram:42".to_owned(), key: "key of m1".to_owned() });
    let restored = store.restore().await.unwrap();
    assert_eq!((restored.sessions.len(), restored.messages.len(), restored.last_event), (1, 1, 1));
    rows.pop();
    keep(&store, rows).await;
    assert_eq!(store.restore().await.unwrap().messages.len(), 41);
}

async fn a_key_is_unique_in_its_chat(store: Store) {
    keep(&store, one_of_each()).await;
    let (key, other) = (Some("key of m1".to_owned()), Some(chat("43")));
    let keyless = |id| MessageRow { key: None, ..message(id, "s1") };
    // Message, whether it is taken.
    let cases = [
        (message("m1", "s1"), true),
        (MessageRow { state: MessageState::Done, ..message("m1", "s1") }, true),
        (MessageRow { key: key.clone(), ..message("m2", "s1") }, false),
        (MessageRow { key: key.clone(), chat: other.unwrap(), ..message("m3", "s1") }, true),
        (keyless("m4"), true),
        (keyless("m5"), true),
        (MessageRow { key, ..message("m4", "s1") }, false),
    ];
    for (row, taken) in cases {
        let result = store.keep(vec![Kept::Message(row.clone())]).await;
        match taken {
            true => result.unwrap(),
            false => assert!(matches!(result, Err(StoreError::Duplicate { .. })), "{row:?}: {result:?}"),
        }
    }
    for (id, key, seen) in [("42", "key of m1", true), ("43", "key of m1", true), ("44", "key of m1", false)]
    {
        assert_eq!(store.seen(&chat(id), key).await.unwrap(), seen, "{id} {key}");
    }
}

async fn a_refused_call_takes_no_other_with_it(store: Store) {
    keep(&store, one_of_each()).await;
    let calls = (0..200).map(|n| {
        let mut row = message(&format!("c{n}"), "s1");
        let bad = n % 7 == 3;
        if bad {
            row.key = Some("key of m1".to_owned());
        }
        let store = store.clone();
        tokio::spawn(async move { (bad, store.keep(vec![Kept::Message(row)]).await) })
    });
    for call in calls.collect::<Vec<_>>() {
        let (bad, result) = call.await.unwrap();
        assert_eq!(result.is_err(), bad, "{result:?}");
    }
    let expected = 1 + (0..200).filter(|n| n % 7 != 3).count();
    assert_eq!(store.restore().await.unwrap().messages.len(), expected);
}

async fn what_belongs_to_a_session_needs_it(store: Store) {
    let orphans = [
        ("message", Kept::Message(message("x", "none"))),
        ("ask", Kept::Ask(sample::ask("x", "none"))),
        ("grant", Kept::Grant(grant("x", "none"))),
        ("run", Kept::Run(RunRow { session: Some(SessionId::new("none")), ..run("x", "running") })),
    ];
    for (what, row) in orphans {
        let expected = StoreError::NoSession { what, id: "x".to_owned(), session: SessionId::new("none") };
        assert_eq!(store.keep(vec![row]).await, Err(expected));
    }
    // What was refused by the engine is told too, and of what is forgotten events may speak.
    keep(&store, [Kept::Event(sample::event(1, "none")), Kept::Run(run("x", "running"))]).await;
}

async fn an_event_is_never_another(store: Store) {
    keep(&store, [Kept::Event(sample::event(5, "s"))]).await;
    keep(&store, [Kept::Event(sample::event(5, "s"))]).await;
    for other in [started(5), sample::event(5, "t"), EventRow { at: at(8), ..sample::event(5, "s") }] {
        let result = store.keep(vec![Kept::Event(sample::event(6, "s")), Kept::Event(other)]).await;
        assert_eq!(result, Err(StoreError::Rewritten { seq: 5 }));
    }
    assert_eq!(store.events(0, 10, &[]).await.unwrap(), [sample::event(5, "s")]);
}

async fn a_start_begins_with_what_is_unfinished(store: Store) {
    let states = [
        (AskState::Created, true),
        (AskState::Delivered, true),
        (AskState::Seen, true),
        (AskState::Answered, true),
        (AskState::Landed, false),
        (AskState::Expired, false),
        (AskState::Withdrawn, false),
    ];
    keep(&store, [Kept::Session(session("s1")), Kept::Session(closed("s2"))]).await;
    let mut expected = Vec::new();
    for (number, (state, unfinished)) in states.into_iter().enumerate() {
        // Not in the order of their names.
        let row: AskRow = sample::ask_in(&format!("a{}", 9 - number), "s1", state);
        keep(&store, [Kept::Ask(row.clone())]).await;
        if unfinished {
            expected.push(row);
        }
        assert_eq!(state.is_over(), !unfinished);
    }
    let messages = [
        (MessageState::Waiting, true),
        (MessageState::Given, true),
        (MessageState::Done, false),
        (MessageState::Dropped, false),
    ];
    let row = |n: usize, state| MessageRow { state, ..message(&format!("m{}", 9 - n), "s1") };
    let rows: Vec<_> = messages.iter().enumerate().map(|(n, (state, _))| row(n, *state)).collect();
    keep(&store, rows.iter().cloned().map(Kept::Message)).await;
    let revoked = GrantRow { revoked: Some(at(9)), ..grant("g2", "s1") };
    let grants = [grant("g1", "s1"), revoked, grant("g3", "s2")];
    keep(&store, grants.iter().cloned().map(Kept::Grant)).await;
    let restored = store.restore().await.unwrap();
    assert_eq!(restored.sessions, [session("s1")]);
    assert_eq!(restored.asks, expected);
    assert_eq!(restored.messages, rows.split_at(2).0);
    assert_eq!(restored.grants, grants.split_at(1).0);
}

async fn messages_are_read_in_pages(store: Store) {
    keep(&store, [Kept::Session(session("s1")), Kept::Session(session("s2"))]).await;
    for number in 0..10 {
        let mut row = message(&format!("m{number}"), if number % 2 == 0 { "s1" } else { "s2" });
        row.chat = chat(if number < 5 { "1" } else { "2" });
        keep(&store, [Kept::Message(row)]).await;
    }
    let (s1, second) = (Of::Session(SessionId::new("s1")), Of::Chat(chat("2")));
    let cases = [
        (&Of::Everybody, None, 3, vec!["m7", "m8", "m9"]),
        (&Of::Everybody, Some("m3"), 2, vec!["m1", "m2"]),
        (&Of::Everybody, Some("m0"), 2, vec![]),
        (&s1, None, 2, vec!["m6", "m8"]),
        (&s1, Some("m6"), 9, vec!["m0", "m2", "m4"]),
        (&second, Some("m7"), 9, vec!["m5", "m6"]),
    ];
    for (of, before, limit, expected) in cases {
        let before = before.map(MessageId::new);
        let found = store.messages(of, before.as_ref(), limit).await.unwrap();
        assert_eq!(ids(&found), expected, "{of:?} before {before:?}");
    }
    let unknown = store.messages(&s1, Some(&MessageId::new("gone")), 1).await;
    assert_eq!(unknown, Err(StoreError::Unknown { what: "message", id: "gone".to_owned() }));
}

async fn words_are_found_and_nothing_is_syntax(store: Store) {
    keep(&store, [Kept::Session(session("s1")), Kept::Session(session("s2"))]).await;
    let texts = [
        ("m1", "s1", "Fix the failing test in src/parser.rs"),
        ("m2", "s1", "The café's OR-gate: \"quoted\" text"),
        ("m3", "s2", "fix nothing, NEAR here"),
    ];
    for (id, session, text) in texts {
        keep(&store, [Kept::Message(MessageRow { text: text.to_owned(), ..message(id, session) })]).await;
    }
    let cases: &[(&str, &[&str])] = &[
        ("fix", &["m3", "m1"]),
        ("FIX test", &["m1"]),
        ("test fix", &["m1"]),
        ("fail", &["m1"]),
        ("src/parser.rs", &["m1"]),
        ("cafe", &["m2"]),
        ("\"quoted", &["m2"]),
        ("or", &["m2"]),
        ("OR", &["m2"]),
        ("near", &["m3"]),
        ("NEAR here", &["m3"]),
        ("NEAR(fix here)", &[]),
        ("zebra", &[]),
        ("fix NOT failing", &[]),
        ("fix NOT here", &["m3"]),
        ("", &[]),
        (" \t\n", &[]),
        ("\"", &[]),
        ("*", &[]),
        ("' OR 1=1 --", &[]),
        ("text:fix", &[]),
        ("\0", &[]),
        ("^fix ( { } ) + - : *", &["m3", "m1"]),
        ("👍", &[]),
    ];
    for (text, expected) in cases {
        let found = store.search(text, &Of::Everybody, 10).await;
        assert_eq!(ids(&found.unwrap_or_else(|error| panic!("{text:?}: {error}"))), *expected, "{text:?}");
    }
    assert_eq!(ids(&store.search("fix", &Of::Session(SessionId::new("s1")), 9).await.unwrap()), ["m1"]);
    assert_eq!(ids(&store.search("fix", &Of::Everybody, 1).await.unwrap()), ["m3"]);
    keep(&store, [Kept::Message(MessageRow { text: "all new".to_owned(), ..message("m1", "s1") })]).await;
    assert_eq!(ids(&store.search("fix", &Of::Everybody, 9).await.unwrap()), ["m3"]);
    assert_eq!(ids(&store.search("new", &Of::Everybody, 9).await.unwrap()), ["m1"]);
}

async fn sessions_are_filtered(store: Store) {
    let other = SessionRow { chat: chat("1"), user: UserId::new("bob"), last_used: at(50), ..session("s2") };
    keep(&store, [session("s1"), other, closed("s3")].map(Kept::Session)).await;
    let none = SessionFilter::default();
    let cases: [(SessionFilter, &[&str]); 5] = [
        (none.clone(), &["s2", "s1", "s3"]),
        (SessionFilter { state: Some(SessionState::Open), ..none.clone() }, &["s2", "s1"]),
        (SessionFilter { state: Some(SessionState::Closed), ..none.clone() }, &["s3"]),
        (SessionFilter { chat: Some(chat("42")), ..none.clone() }, &["s1", "s3"]),
        (SessionFilter { user: Some(UserId::new("bob")), chat: Some(chat("42")), ..none.clone() }, &[]),
    ];
    for (filter, expected) in cases {
        let found = store.sessions(&filter, 10).await.unwrap();
        let found: Vec<_> = found.iter().map(|row| row.session.as_str()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    assert_eq!(store.sessions(&none, 1).await.unwrap().len(), 1);
}

async fn whether_anybody_watches_is_kept(store: Store) {
    let alone = SessionRow { attended: Attended::Nobody, ..session("s1") };
    keep(&store, [Kept::Session(alone.clone()), Kept::Session(session("s2"))]).await;
    assert_eq!(store.session(&SessionId::new("s1")).await.unwrap(), Some(alone));
    assert_eq!(store.session(&SessionId::new("s2")).await.unwrap(), Some(session("s2")));
}

async fn asks_are_filtered(store: Store) {
    keep(&store, [Kept::Session(session("s1")), Kept::Session(session("s2"))]).await;
    let asks = [
        sample::ask_in("a4", "s1", AskState::Delivered),
        sample::ask_in("a3", "s1", AskState::Answered),
        AskRow { chat: chat("1"), ..sample::ask_in("a2", "s2", AskState::Seen) },
        sample::ask_in("a1", "s2", AskState::Landed),
    ];
    keep(&store, asks.map(Kept::Ask)).await;
    let filter = |progress| AskFilter { progress, ..AskFilter::default() };
    let s2 = Some(SessionId::new("s2"));
    let cases: [(AskFilter, usize, &[&str]); 6] = [
        (filter(Progress::Open), 9, &["a4", "a2"]),
        (filter(Progress::Unfinished), 9, &["a4", "a3", "a2"]),
        (filter(Progress::Any), 9, &["a1", "a2", "a3", "a4"]),
        (filter(Progress::Any), 2, &["a1", "a2"]),
        (AskFilter { session: s2, ..filter(Progress::Open) }, 9, &["a2"]),
        (AskFilter { chat: Some(chat("42")), ..filter(Progress::Open) }, 9, &["a4"]),
    ];
    for (filter, limit, expected) in cases {
        let found = store.asks(&filter, limit).await.unwrap();
        let found: Vec<_> = found.iter().map(|row| row.ask.id.as_str()).collect();
        assert_eq!(found, expected, "{filter:?}");
    }
    assert_eq!(store.ask(&AskId::new("a")).await.unwrap(), None);
}

async fn grants_and_runs_are_listed(store: Store) {
    keep(&store, [Kept::Session(session("s1")), Kept::Session(session("s2"))]).await;
    let late = GrantRow { given: at(60), revoked: Some(at(61)), ..grant("g1", "s1") };
    keep(&store, [late.clone(), grant("g2", "s1"), grant("g3", "s2")].map(Kept::Grant)).await;
    assert_eq!(store.grants(&SessionId::new("s1")).await.unwrap(), [grant("g2", "s1"), late]);
    let done = RunRow { updated: at(90), ..run("r2", "done") };
    keep(&store, [run("r1", "running"), done.clone()].map(Kept::Run)).await;
    assert_eq!(store.runs(None, 9).await.unwrap(), [done, run("r1", "running")]);
    assert_eq!(store.runs(Some("running"), 9).await.unwrap(), [run("r1", "running")]);
}

async fn events_are_followed(store: Store) {
    let rows = [started(1), sample::event(2, "s1"), started(4), sample::event(9, "s1")];
    keep(&store, rows.clone().map(Kept::Event)).await;
    let cases: [(u64, usize, &[&str], &[u64]); 7] = [
        (0, 9, &[], &[1, 2, 4, 9]),
        (2, 9, &[], &[4, 9]),
        (0, 2, &[], &[1, 2]),
        (0, 9, &["engine.started"], &[1, 4]),
        (1, 9, &["engine.started", "message.out"], &[2, 4, 9]),
        (0, 9, &["engine.stopped", "' OR 1"], &[]),
        (u64::MAX, 9, &[], &[]),
    ];
    for (since, limit, names, expected) in cases {
        let found = store.events(since, limit, names).await.unwrap();
        assert_eq!(found.iter().map(|row| row.seq).collect::<Vec<_>>(), expected, "{since} {names:?}");
    }
    assert_eq!(store.restore().await.unwrap().last_event, 9);
}

async fn what_is_open_is_counted(store: Store) {
    keep(&store, one_of_each()).await;
    keep(&store, [Kept::Session(closed("s2")), Kept::Grant(grant("g2", "s2"))]).await;
    let answered = sample::ask_in("a2", "s1", AskState::Answered);
    let given = MessageRow { state: MessageState::Given, ..message("m2", "s1") };
    keep(&store, [Kept::Ask(answered), Kept::Message(given), Kept::Event(started(77))]).await;
    let counts = store.counts().await.unwrap();
    let numbers = (counts.open_sessions, counts.open_asks, counts.waiting_messages, counts.grants);
    assert_eq!(numbers, (1, 1, 1, 1));
    assert_eq!((counts.last_event, counts.open_cost), (77, session("s1").total_cost));
    assert!(counts.bytes > 4096);
}
