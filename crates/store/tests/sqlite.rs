//! What only a file can do: be damaged, foreign, newer, in the wrong hands, or too large.

#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod sample;

use leashd_store::{Checked, Limits, Of, Options, Store, StoreError};
use leashd_types::{Kept, MessageRow};
use sample::{message, one_of_each, private_directory, session};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, raw_sql};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

async fn open(path: &Path) -> Result<Store, StoreError> {
    Store::open(&Options::sqlite(path)).await
}

/// A closed store with one row of each kind.
async fn filled() -> (TempDir, PathBuf) {
    let directory = private_directory();
    let path = directory.path().join("store.db");
    let store = open(&path).await.unwrap();
    store.keep(one_of_each()).await.unwrap();
    store.close().await.unwrap();
    (directory, path)
}

async fn raw(path: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap()
}

async fn run(path: &Path, sql: String) {
    let mut conn = raw(path).await;
    raw_sql(AssertSqlSafe(sql)).execute(&mut conn).await.unwrap();
    conn.close().await.unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn all_its_files_are_ours_alone() {
    let (directory, path) = filled().await;
    let store = open(&path).await.unwrap();
    store.keep(vec![Kept::Session(session("s1"))]).await.unwrap();
    store.restore().await.unwrap();
    assert_eq!(names(directory.path()), ["store.db", "store.db-shm", "store.db-wal"]);
    for name in names(directory.path()) {
        let mode = fs::metadata(directory.path().join(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    store.close().await.unwrap();
    assert_eq!(names(directory.path()), ["store.db"], "one file to copy");
}

#[tokio::test]
async fn a_place_that_is_not_ours_alone_is_refused() {
    let (directory, path) = filled().await;
    let check = async |says: &str| {
        let error = open(&path).await.unwrap_err();
        assert!(matches!(error, StoreError::Place { .. }), "{error:?}");
        assert!(error.to_string().contains(says), "{error}");
    };
    mode(directory.path(), 0o750);
    check("chmod 700").await;
    mode(directory.path(), 0o700);
    mode(&path, 0o640);
    check("chmod 600").await;
    mode(&path, 0o600);
    let link = directory.path().join("link.db");
    fs::hard_link(&path, &link).unwrap();
    check("one name").await;
    fs::remove_file(&link).unwrap();
    open(&path).await.unwrap().close().await.unwrap();
    symlink(&path, &link).unwrap();
    assert!(open(&link).await.is_err(), "a link");
    assert!(open(Path::new("store.db")).await.is_err(), "no absolute path");
    assert!(open(&directory.path().join("missing/store.db")).await.is_err(), "no directory");
}

#[tokio::test]
async fn a_log_without_its_database_is_refused() {
    let (directory, path) = filled().await;
    fs::remove_file(&path).unwrap();
    fs::write(directory.path().join("store.db-wal"), "pages of another database").unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(error.to_string().contains("-wal"), "{error}");
    assert_eq!(names(directory.path()), ["store.db-wal"]);
}

/// What is left by a process that was killed while it made the database, whoever has its number now.
#[tokio::test]
async fn what_a_killed_beginning_left_is_removed() {
    let directory = private_directory();
    let path = directory.path().join("store.db");
    let own = format!("store.db.{}.new", std::process::id());
    let leave = || {
        for left in ["store.db.1.new", "store.db.999999.new", &own] {
            for end in ["", "-wal", "-shm", "-journal"] {
                fs::write(directory.path().join(format!("{left}{end}")), "half").unwrap();
            }
        }
    };
    let others =
        ["other.db.1.new", "store.db.1.new.bak", "store.db.new", "store.db.old.new", "store.db1.new"];
    for other in others {
        fs::write(directory.path().join(other), "somebody's").unwrap();
    }
    let mut expected: Vec<&str> = others.to_vec();
    expected.push("store.db");
    expected.sort_unstable();
    for created in [true, false] {
        leave();
        let store = open(&path).await.unwrap();
        assert_eq!(store.opening().created, created);
        store.close().await.unwrap();
        assert_eq!(names(directory.path()), expected);
    }
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_left_alone() {
    let (_directory, path) = filled().await;
    run(&path, "PRAGMA user_version = 999".to_owned()).await;
    let before = fs::read(&path).unwrap();
    let error = open(&path).await.unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 999, .. }), "{error:?}");
    assert!(error.to_string().contains("newer leashd"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_somebody_else_is_refused_and_left_alone() {
    let directory = private_directory();
    let path = directory.path().join("other.db");
    run(&path, "CREATE TABLE notes (text)".to_owned()).await;
    mode(&path, 0o600);
    let before = fs::read(&path).unwrap();
    assert_eq!(open(&path).await.unwrap_err(), StoreError::Foreign { path: path.clone() });
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Every released schema, with rows, as SQL text. A file here is never edited.
const RELEASED: [&str; 2] = [include_str!("released/1.sql"), include_str!("released/2.sql")];

#[tokio::test]
async fn every_released_schema_is_brought_here() {
    let (_directory, fresh) = filled().await;
    let mut versions = Vec::new();
    for sql in RELEASED {
        let directory = private_directory();
        let path = directory.path().join("store.db");
        run(&path, sql.to_owned()).await;
        mode(&path, 0o600);
        let store = open(&path).await.unwrap();
        versions.push(store.opening().upgraded_from);
        let restored = store.restore().await.unwrap();
        assert_eq!(restored.sessions, [session("s1")]);
        assert_eq!(restored.messages, [message("m1", "s1")]);
        assert_eq!(restored.asks, [sample::ask("a1", "s1")]);
        assert_eq!(restored.grants, [sample::grant("g1", "s1")]);
        assert_eq!(restored.last_event, 1);
        assert_eq!(store.search("text", &Of::Everybody, 9).await.unwrap(), [message("m1", "s1")]);
        assert_eq!(store.runs(None, 9).await.unwrap().len(), 1);
        // It can be written to: the triggers and indexes are there too.
        store.keep(vec![Kept::Message(message("m2", "s1"))]).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(schema(&path).await, schema(&fresh).await);
    }
    let latest = versions.pop().unwrap();
    assert_eq!(latest, None, "the last one is the present one");
    assert_eq!(versions, (1..).map(Some).take(versions.len()).collect::<Vec<_>>());
}

/// What makes up the schema, without spacing.
async fn schema(path: &Path) -> Vec<String> {
    let mut conn = raw(path).await;
    let sql = "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT LIKE 'messages_text_%' \
               UNION ALL SELECT sql FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1";
    let all: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut conn).await.unwrap();
    conn.close().await.unwrap();
    all.iter().map(|sql| sql.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

/// Copies an open store with its log: what a kill leaves.
async fn killed(directory: &Path) -> PathBuf {
    let (_keep, path) = filled().await;
    let store = open(&path).await.unwrap();
    let rows = (0..500).map(|n| Kept::Message(message(&format!("k{n}"), "s1"))).collect();
    store.keep(rows).await.unwrap();
    let copy = directory.join("store.db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(&path), name(&copy)).unwrap();
    }
    copy
}

#[tokio::test]
async fn what_was_not_closed_is_looked_at() {
    let directory = private_directory();
    let path = killed(directory.path()).await;
    let store = open(&path).await.unwrap();
    assert!(matches!(store.opening().checked, Some(Checked::Whole { .. })), "{:?}", store.opening());
    assert_eq!(store.restore().await.unwrap().messages.len(), 501);
    store.close().await.unwrap();
    assert_eq!(open(&path).await.unwrap().opening().checked, None);
}

#[tokio::test]
async fn looking_for_damage_has_a_limit() {
    let directory = private_directory();
    let path = killed(directory.path()).await;
    let mut options = Options::sqlite(&path);
    // More rows than SQLite takes steps between two looks at the clock.
    let store = Store::open(&options).await.unwrap();
    for call in 0..10_u64 {
        let row = |n| Kept::Event(sample::event(call * 10_000 + n, "s1"));
        store.keep((0..10_000).map(row).collect()).await.unwrap();
    }
    let copy = directory.path().join("copy.db");
    for suffix in ["", "-wal"] {
        let name = |path: &Path| format!("{}{suffix}", path.display());
        fs::copy(name(&path), name(&copy)).unwrap();
    }
    options = Options::sqlite(&copy);
    options.limits.check = Duration::ZERO;
    let store = Store::open(&options).await.unwrap();
    assert!(matches!(store.opening().checked, Some(Checked::Partly { .. })), "{:?}", store.opening());
    assert_eq!(store.restore().await.unwrap().messages.len(), 501, "and it works");
}

#[tokio::test]
async fn damage_is_told_and_never_mended() {
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 4] = [
        ("empty", Vec::clear),
        ("no header", |bytes| bytes[..100].fill(b'x')),
        ("cut", |bytes| bytes.truncate(10_000)),
        ("a page", |bytes| {
            let page = bytes.len() / 4096 / 2;
            bytes[page * 4096..(page + 1) * 4096].fill(0xa5);
        }),
    ];
    for (name, harm) in harms {
        let directory = private_directory();
        let path = killed(directory.path()).await;
        // Fold the log into the file, then look as if killed: a log that says nothing new.
        open(&path).await.unwrap().close().await.unwrap();
        let mut bytes = fs::read(&path).unwrap();
        harm(&mut bytes);
        fs::write(&path, &bytes).unwrap();
        fs::write(directory.path().join("store.db-wal"), [0_u8; 32]).unwrap();
        let error = open(&path).await.map(|_| ()).expect_err(name);
        assert!(matches!(error, StoreError::Corrupt { .. }), "{name}: {error:?}");
        assert!(error.to_string().contains("backup"), "{name}: {error}");
        assert_eq!(fs::read(&path).unwrap(), bytes, "{name}");
    }
}

#[tokio::test]
async fn damage_under_way_is_told_too() {
    let (_directory, path) = filled().await;
    let mut conn = raw(&path).await;
    let page: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'sessions'")
        .fetch_one(&mut conn)
        .await
        .unwrap();
    conn.close().await.unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let page = usize::try_from(page).unwrap();
    bytes[(page - 1) * 4096..page * 4096].fill(0);
    fs::write(&path, bytes).unwrap();
    let store = open(&path).await.unwrap();
    let error = store.restore().await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
    let error = store.keep(vec![Kept::Session(session("s9"))]).await.unwrap_err();
    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_does_not_fit_is_refused_and_the_rest_is_not() {
    let directory = private_directory();
    let limits = Limits { bytes: 2 * 1024 * 1024, ..Limits::default() };
    let options = Options { limits, ..Options::sqlite(directory.path().join("store.db")) };
    let store = Store::open(&options).await.unwrap();
    store.keep(one_of_each()).await.unwrap();
    let large = |id: &str| MessageRow { text: "x ".repeat(2 * 1024 * 1024), ..message(id, "s1") };
    let calls: Vec<_> = (0..100)
        .map(|n| {
            let store = store.clone();
            let id = format!("f{n}");
            let row = if n % 10 == 5 { large(&id) } else { message(&id, "s1") };
            tokio::spawn(async move { (n, store.keep(vec![Kept::Message(row)]).await) })
        })
        .collect();
    for call in calls {
        let (n, result) = call.await.unwrap();
        assert_eq!(matches!(result, Err(StoreError::Full { .. })), n % 10 == 5, "{n}: {result:?}");
        assert_eq!(result.is_ok(), n % 10 != 5, "{n}: {result:?}");
    }
    assert_eq!(store.restore().await.unwrap().messages.len(), 91);
}

#[tokio::test]
async fn a_row_that_cannot_be_read_is_named() {
    let (_directory, path) = filled().await;
    run(&path, "UPDATE sessions SET mode = 'reckless'".to_owned()).await;
    let store = open(&path).await.unwrap();
    let StoreError::Unreadable { table, why } = store.restore().await.unwrap_err() else { panic!() };
    assert_eq!(table, "sessions");
    assert!(why.contains("mode of s1") && why.contains("reckless"), "{why}");
}
