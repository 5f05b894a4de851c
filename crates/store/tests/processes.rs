//! Several processes and the ways they end: killed while they write, at the same file together, out of disk, locked out.
//! Has its own `main`: the test binary starts itself as each of them.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod sample;

use leashd_store::{Of, Options, Store, StoreError};
use leashd_types::{AskId, Kept, MessageId, MessageRow};
use sample::{ask, event, message, private_directory, session};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, raw_sql};
use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// How often the writing process is killed. `LEASHD_TEST_KILLS` sets another number.
const KILLS: u64 = 60;
/// Tasks of the writing process that keep at the same time.
const WRITERS: u64 = 8;

fn main() {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["__write", path, first, calls] => write(path, first.parse().unwrap(), calls.parse().unwrap()),
        ["__fill", path] => fill(path),
        ["__full-disk", directory] => full_disk(directory.as_ref()),
        ["__read-only", directory] => read_only(directory.as_ref()),
        ["__hold", path, sql] => hold(path, sql),
        _ => tests(&words),
    }
}

fn tests(words: &[&str]) {
    let filter = words.iter().find(|word| !word.starts_with('-'));
    if words.contains(&"--list") {
        return;
    }
    let all: [(&str, fn()); 7] = [
        ("every_acknowledged_call_outlives_a_kill", every_acknowledged_call_outlives_a_kill),
        (
            "a_kill_while_it_is_made_leaves_a_whole_one_or_none",
            a_kill_while_it_is_made_leaves_a_whole_one_or_none,
        ),
        ("two_processes_keep_together", two_processes_keep_together),
        (
            "a_locked_database_is_told_and_not_waited_for_long",
            a_locked_database_is_told_and_not_waited_for_long,
        ),
        ("a_file_that_may_not_grow_is_told", a_file_that_may_not_grow_is_told),
        ("a_full_disk_is_told_and_survived", || {
            in_own_mounts("a_full_disk_is_told_and_survived", "__full-disk")
        }),
        ("a_read_only_disk_is_told", || in_own_mounts("a_read_only_disk_is_told", "__read-only")),
    ];
    for (name, test) in all {
        if filter.is_none_or(|filter| name.contains(filter)) {
            let begin = Instant::now();
            test();
            println!("test {name} ... ok ({:.1} s)", begin.elapsed().as_secs_f64());
        }
    }
}

fn own() -> Command {
    Command::new(env::current_exe().unwrap())
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

async fn open(path: &Path) -> Store {
    Store::open(&Options::sqlite(path)).await.unwrap_or_else(|error| panic!("{error}"))
}

/// What one call keeps: of everything one, so that half of it would show.
fn call(number: u64) -> Vec<Kept> {
    let id = format!("{number}");
    let text = format!("call {number} {}", "x".repeat(usize::try_from(number % 5_000).unwrap()));
    vec![
        Kept::Message(MessageRow { text, ..message(&id, "s1") }),
        Kept::Ask(ask(&id, "s1")),
        Kept::Event(event(number, "s1")),
    ]
}

/// Says on standard output what is kept, once it is.
fn said(number: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{number}").and_then(|()| out.flush()).unwrap();
}

fn write(path: &str, first: u64, calls: u64) {
    runtime().block_on(async {
        let store = open(path.as_ref()).await;
        store.keep(vec![Kept::Session(session("s1"))]).await.unwrap();
        let next = Arc::new(AtomicU64::new(first));
        let tasks: Vec<_> = (0..WRITERS)
            .map(|_| {
                let (store, next) = (store.clone(), Arc::clone(&next));
                tokio::spawn(async move {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= first.saturating_add(calls) {
                            break;
                        }
                        store.keep(call(number)).await.unwrap();
                        said(number);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        store.close().await.unwrap();
    });
}

struct Writing {
    child: Child,
    lines: BufReader<ChildStdout>,
}

fn start_writing(path: &Path, first: u64, calls: u64) -> Writing {
    let mut child = own()
        .arg("__write")
        .arg(path)
        .args([first.to_string(), calls.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    Writing { child, lines }
}

impl Writing {
    fn next(&mut self) -> Option<u64> {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        // A line that was cut is no acknowledgement.
        line.strip_suffix('\n').map(|line| line.parse().unwrap())
    }

    fn kill(mut self, acknowledged: &mut BTreeSet<u64>) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        while let Some(number) = self.next() {
            acknowledged.insert(number);
        }
    }
}

/// A generator of moments; what matters is that they differ, and that a failure can be repeated.
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }

    fn wait(&mut self, limit: Duration) {
        let micros = u64::try_from(limit.as_micros()).unwrap();
        std::thread::sleep(Duration::from_micros(self.below(micros)));
    }
}

fn kills() -> u64 {
    env::var("LEASHD_TEST_KILLS").ok().map_or(KILLS, |kills| kills.parse().unwrap())
}

fn every_acknowledged_call_outlives_a_kill() {
    let directory = private_directory();
    let path = directory.path().join("store.db");
    let mut moments = Moments(0x9e37_79b9_7f4a_7c15);
    let mut acknowledged = BTreeSet::new();
    let mut first = 1;
    for round in 0..kills() {
        let mut writing = start_writing(&path, first, u64::MAX / 2);
        // Some are killed while they open what the last kill left, most between two of their calls.
        if round % 5 > 0 {
            for _ in 0..moments.below(40) {
                acknowledged.insert(writing.next().expect("it writes"));
            }
        }
        moments.wait(Duration::from_millis(8));
        writing.kill(&mut acknowledged);
        first = check_calls(&path, &acknowledged) + 1;
    }
    println!("{} kills, {} calls acknowledged", kills(), acknowledged.len());
    assert!(acknowledged.len() > usize::try_from(kills()).unwrap());
}

/// Everything acknowledged is there, and whatever is there is whole. The highest number there is.
fn check_calls(path: &Path, acknowledged: &BTreeSet<u64>) -> u64 {
    if !path.exists() {
        assert!(acknowledged.is_empty());
        return 0;
    }
    runtime().block_on(async {
        let store = open(path).await;
        let restored = store.restore().await.unwrap();
        let messages: BTreeSet<u64> =
            restored.messages.iter().map(|it| it.id.as_str().parse().unwrap()).collect();
        let asks: BTreeSet<u64> =
            restored.asks.iter().map(|it| it.ask.id.as_str().parse().unwrap()).collect();
        let mut events = BTreeSet::new();
        loop {
            let page = store.events(events.last().copied().unwrap_or(0), 1_000, &[]).await.unwrap();
            if page.is_empty() {
                break;
            }
            events.extend(page.iter().map(|row| row.seq));
        }
        let lost: Vec<_> = acknowledged.difference(&messages).collect();
        assert!(lost.is_empty(), "lost: {lost:?}");
        assert!(messages == asks && asks == events, "a call was kept in part");
        for row in &restored.messages {
            let number = row.id.as_str().parse().unwrap();
            let [Kept::Message(expected), _, _] = &call(number)[..] else { panic!() };
            assert_eq!(row, expected);
        }
        let last = events.last().copied().unwrap_or(0);
        if last > 0 {
            let of_last = (AskId::new(last.to_string()), MessageId::new(last.to_string()));
            assert!(store.ask(&of_last.0).await.unwrap().is_some());
            // Callers are answered in any order: the highest number may well be the first.
            let before = store.messages(&Of::Everybody, Some(&of_last.1), 1).await.unwrap();
            assert!(before.iter().all(|row| row.id != of_last.1 && messages.len() > 1));
            assert!(!store.search(&format!("call {last}"), &Of::Everybody, 1).await.unwrap().is_empty());
        }
        // Every other time this process leaves as if killed, too.
        if last % 2 == 0 {
            store.close().await.unwrap();
        }
        last
    })
}

fn a_kill_while_it_is_made_leaves_a_whole_one_or_none() {
    let mut moments = Moments(0x2545_f491_4f6c_dd1d);
    let mut made = 0;
    for _ in 0..kills() {
        let directory = private_directory();
        let path = directory.path().join("store.db");
        let writing = start_writing(&path, 1, 1_000);
        moments.wait(Duration::from_millis(30));
        let mut acknowledged = BTreeSet::new();
        writing.kill(&mut acknowledged);
        made += u64::from(path.exists());
        check_calls(&path, &acknowledged);
        runtime().block_on(async { open(&path).await.close().await.unwrap() });
        assert_eq!(names(directory.path()), ["store.db"]);
    }
    println!("{made} of {} were there", kills());
}

fn two_processes_keep_together() {
    let directory = private_directory();
    let path = directory.path().join("store.db");
    // They also make it together.
    let mut both = [start_writing(&path, 1, 300), start_writing(&path, 10_001, 300)];
    let mut acknowledged = BTreeSet::new();
    for writing in &mut both {
        while let Some(number) = writing.next() {
            acknowledged.insert(number);
        }
        assert!(writing.child.wait().unwrap().success());
    }
    assert_eq!(acknowledged.len(), 600);
    assert_eq!(check_calls(&path, &acknowledged), 10_300);
    let left = names(directory.path());
    assert!(!left.iter().any(|name| name.contains(".new")), "{left:?}");
}

fn names(directory: &Path) -> Vec<String> {
    fs::read_dir(directory).unwrap().map(|it| it.unwrap().file_name().into_string().unwrap()).collect()
}

/// Takes a lock with `sql` and holds it until standard input ends.
fn hold(path: &str, sql: &str) {
    runtime().block_on(async {
        let mut conn: SqliteConnection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
        raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut conn).await.unwrap();
        said(0);
        std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    });
}

fn start_holding(path: &Path, sql: &str) -> (Child, ChildStdin) {
    let mut child =
        own().arg("__hold").arg(path).arg(sql).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let stdin = child.stdin.take().unwrap();
    (child, stdin)
}

fn a_locked_database_is_told_and_not_waited_for_long() {
    let directory = private_directory();
    let path = directory.path().join("store.db");
    runtime().block_on(async {
        let mut options = Options::sqlite(&path);
        options.limits.lock = Duration::from_millis(200);
        let store = Store::open(&options).await.unwrap();
        let (mut child, stdin) = start_holding(&path, "BEGIN IMMEDIATE");
        let begin = Instant::now();
        let rows = vec![Kept::Session(session("s1"))];
        let error = store.keep(rows.clone()).await.unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
        assert!(error.to_string().contains("fuser"), "{error}");
        assert!(begin.elapsed() < Duration::from_secs(3));
        assert!(store.restore().await.unwrap().sessions.is_empty(), "reading goes on");
        drop(stdin);
        child.wait().unwrap();
        store.keep(rows).await.unwrap();
        store.close().await.unwrap();

        let exclusive =
            "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; UPDATE sessions SET turns = 0; COMMIT";
        let (mut child, stdin) = start_holding(&path, exclusive);
        let error = Store::open(&options).await.unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error:?}");
        drop(stdin);
        child.wait().unwrap();
        assert_eq!(Store::open(&options).await.unwrap().restore().await.unwrap().sessions.len(), 1);
    });
}

/// Keeps until there is no room, and says what the last error was.
fn fill(path: &str) {
    runtime().block_on(async {
        let store = open(path.as_ref()).await;
        println!("{}", fill_up(&store).await);
    });
}

/// Keeps calls until one is refused for want of room; then everything before is there and nothing of that one.
async fn fill_up(store: &Store) -> StoreError {
    store.keep(vec![Kept::Session(session("s1"))]).await.unwrap();
    let mut number = 4_000;
    let error = loop {
        match store.keep(call(number)).await {
            Ok(()) => number += 1,
            Err(error) => break error,
        }
        assert!(number < 100_000, "it never ends");
    };
    let restored = store.restore().await.unwrap();
    let kept = usize::try_from(number - 4_000).unwrap();
    assert!(kept > 10);
    assert_eq!((restored.messages.len(), restored.asks.len()), (kept, kept));
    assert_eq!(restored.last_event, number - 1);
    error
}

fn a_file_that_may_not_grow_is_told() {
    let directory = private_directory();
    let path = directory.path().join("store.db");
    // Without the signal, as the daemon would have it.
    let line = "trap '' XFSZ; ulimit -f 2048; exec \"$0\" __fill \"$1\"";
    let output =
        Command::new("sh").args(["-c", line]).arg(env::current_exe().unwrap()).arg(&path).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("no room") || said.contains("disk refused"), "{said}");
    runtime().block_on(async {
        let store = open(&path).await;
        assert!(store.restore().await.unwrap().messages.len() > 10);
        store.keep(call(1)).await.unwrap();
        store.close().await.unwrap();
    });
}

/// Runs this binary with `word` where it may mount.
fn in_own_mounts(name: &str, word: &str) {
    let may = Command::new("unshare")
        .args(["-rm", "mount", "-t", "tmpfs", "none", "/mnt"])
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if !may {
        skip(name, "this machine lets nobody mount in a namespace of their own");
        return;
    }
    let directory = private_directory();
    let own = env::current_exe().unwrap();
    let output =
        Command::new("unshare").arg("-rm").arg(own).arg(word).arg(directory.path()).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}{error}", String::from_utf8_lossy(&output.stdout));
}

fn skip(name: &str, reason: &str) {
    println!("test {name} ... skipped: {reason}");
    if let Some(list) = env::var_os("LEASHD_TEST_SKIPS") {
        let mut list = fs::OpenOptions::new().append(true).create(true).open(list).unwrap();
        writeln!(list, "{name}\t{reason}").unwrap();
    }
}

fn mount(options: &str, directory: &Path) {
    let status = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(directory).status();
    assert!(status.unwrap().success());
}

fn full_disk(directory: &Path) {
    mount("size=3m,mode=0700", directory);
    runtime().block_on(async {
        let (filler, path) = (directory.join("filler"), directory.join("store.db"));
        fs::write(&filler, vec![1_u8; 1024 * 1024]).unwrap();
        let store = open(&path).await;
        let error = fill_up(&store).await;
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        assert!(error.to_string().contains("free some"), "{error}");
        let kept = store.restore().await.unwrap().messages.len();
        // Room again, and it goes on; without a restart and after one.
        fs::remove_file(&filler).unwrap();
        store.keep(call(1)).await.unwrap();
        store.close().await.unwrap();
        assert_eq!(open(&path).await.restore().await.unwrap().messages.len(), kept + 1);

        let full = directory.join("other.db");
        fs::write(&filler, vec![1_u8; 4 * 1024 * 1024]).unwrap_err();
        let error = Store::open(&Options::sqlite(&full)).await.unwrap_err();
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        let left: Vec<_> = fs::read_dir(directory).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("other")), "{left:?}");
    });
}

fn read_only(directory: &Path) {
    mount("size=8m,mode=0700", directory);
    runtime().block_on(async {
        let path: PathBuf = directory.join("store.db");
        let store = open(&path).await;
        store.keep(vec![Kept::Session(session("s1"))]).await.unwrap();
        store.close().await.unwrap();
        mount_again("remount,ro", directory);
        for path in [path.clone(), directory.join("new.db")] {
            let error = Store::open(&Options::sqlite(&path)).await.unwrap_err();
            assert!(matches!(error, StoreError::ReadOnly { .. }), "{error:?}");
        }
        mount_again("remount,rw", directory);
        assert_eq!(open(&path).await.restore().await.unwrap().sessions.len(), 1);
    });
}

fn mount_again(options: &str, directory: &Path) {
    assert!(Command::new("mount").args(["-o", options]).arg(directory).status().unwrap().success());
}
