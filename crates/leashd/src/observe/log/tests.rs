//! The log on real files: rotation, several writers, a full disk, a directory nobody may use.

use super::file::{NAME, Rotating};
use super::line::LINE_MAX;
use super::{Level, Line, Log, LogOptions, Paint, ROOM};
use leashd_gate::Secrets;
use leashd_types::Timestamp;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const WITHIN: Duration = Duration::from_secs(20);

fn clock() -> Timestamp {
    Timestamp::from_micros(1_700_000_000_123_456)
}

fn options(directory: &Path) -> LogOptions {
    LogOptions {
        directory: directory.to_owned(),
        level: Level::Info,
        max_bytes: 1 << 20,
        backups: 3,
        terminal: None,
        secrets: Secrets::new(["correct-horse-battery".to_owned()]).unwrap(),
    }
}

struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    fn logs(&self) -> PathBuf {
        self.root.path().join("logs")
    }

    fn lines(&self) -> Vec<Value> {
        read(&self.logs().join(NAME))
    }
}

/// Every line of a file; each has to be whole.
#[track_caller]
fn read(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    assert!(text.is_empty() || text.ends_with('\n'), "{} ends in half a line", path.display());
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect()
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    }
}

fn say(log: &Log, level: Level, name: &'static str, value: Value) {
    log.say(level, name, fields(value));
}

#[track_caller]
fn check_line(name: &'static str, given: Value, json: &str, human: &str) {
    let line = Line { at: clock(), level: Level::Warning, name: name.into(), fields: fields(given) };
    let secrets = Secrets::new(["correct-horse-battery".to_owned()]).unwrap();
    assert_eq!(line.json(&secrets), format!("{json}\n"));
    assert_eq!(line.human(&secrets, Paint::Plain), format!("{human}\n"));
}

#[test]
fn a_line_has_two_forms_and_no_secret_in_either() {
    const HEAD: &str = r#"{"timestamp":"2023-11-14T22:13:20.123456Z","level":"warning","event":"#;
    check_line("a_b", json!({}), &format!(r#"{HEAD}"a_b"}}"#), "22:13:20 WARNING a_b");
    check_line(
        "said",
        json!({"text": "a b", "n": 3, "on": true}),
        &format!(r#"{HEAD}"said","n":3,"on":true,"text":"a b"}}"#),
        r#"22:13:20 WARNING said  n=3  on=true  text="a b""#,
    );
    // By value, also inside; by the key's name; by shape; in the name itself.
    check_line(
        "key sk-ant-0123456789abcdef",
        json!({"x": "is correct-horse-battery", "password": "p", "y": "see 123456789:AAAAAAAAAABBBBBBBBBBCCCCCCCCCCDDDDD"}),
        &format!(
            r#"{HEAD}"key [redacted]","password":"[redacted]","x":"is [redacted]","y":"see [redacted]"}}"#
        ),
        r#"22:13:20 WARNING key [redacted]  password=[redacted]  x="is [redacted]"  y="see [redacted]""#,
    );
    // Nothing moves the cursor, poses as another line or as what stands in front of each.
    check_line(
        "x",
        json!({"event": "other", "t": "a\u{1b}[2J\nb"}),
        &format!(r#"{HEAD}"x","event_":"other","t":"a\u001b[2J\nb"}}"#),
        r"22:13:20 WARNING x  event_=other  t=a\u{1b}[2J\nb",
    );
}

#[test]
fn colours_say_only_the_level() {
    let line = Line { at: clock(), level: Level::Error, name: "x".into(), fields: Map::new() };
    let text = line.human(&Secrets::default(), Paint::Coloured);
    assert_eq!(text, "22:13:20 \u{1b}[31mERROR  \u{1b}[0m x\n");
}

#[test]
fn a_line_that_is_too_long_keeps_its_name() {
    let many: Map<String, Value> =
        (0..40).map(|number| (format!("f{number}"), "x ".repeat(1000).into())).collect();
    let line = Line { at: clock(), level: Level::Info, name: "big".into(), fields: many };
    let json = line.json(&Secrets::default());
    let value: Value = serde_json::from_str(&json).unwrap();
    assert!(json.len() < LINE_MAX && value["cut"].as_u64().unwrap() > LINE_MAX as u64, "{json}");
    assert_eq!(value["event"], "big");
}

#[test]
fn levels_are_read_and_changed_while_running() {
    for (text, level) in [("DEBUG", Level::Debug), ("info", Level::Info), (" Warning ", Level::Warning)] {
        assert_eq!(text.parse(), Ok(level));
    }
    assert!("LOUD".parse::<Level>().unwrap_err().contains("DEBUG, INFO, WARNING or ERROR"));
    let place = Place::new();
    let log = Log::start(options(&place.logs()), clock);
    let hear = || {
        say(&log, Level::Debug, "said", json!({}));
        tracing::dispatcher::with_default(log.dispatch(), || {
            tracing::debug!("traced");
            tracing::error!("failed");
        });
    };
    hear();
    log.set_level(Level::Debug);
    hear();
    log.set_level(Level::Error);
    hear();
    assert!(log.close(WITHIN));
    let names: Vec<_> = place.lines().iter().map(|line| line["event"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["failed", "said", "traced", "failed", "failed"]);
}

#[test]
fn what_code_says_carries_the_context_it_is_said_in() {
    let place = Place::new();
    let mut wanted = options(&place.logs());
    wanted.level = Level::Error;
    let log = Log::start(wanted, clock);
    tracing::dispatcher::with_default(log.dispatch(), || {
        let session = tracing::error_span!(
            "session",
            session_id = "s-1",
            chat_id = 7,
            request_id = tracing::field::Empty
        );
        let _in_session = session.enter();
        session.record("request_id", "r-1");
        let call = tracing::error_span!("call", call_id = "c-1");
        call.in_scope(|| tracing::error!(took = 1.5, why = ?Some("x"), ok = false, "it_happened"));
        tracing::error!(chat_id = 8, "outside {}", "call");
        // Of libraries only warnings, whatever the level.
        log.set_level(Level::Debug);
        tracing::debug!(target: "hyper::client", secret = "header", "noise");
        tracing::warn!(target: "hyper::client", "worth knowing");
    });
    assert!(log.close(WITHIN));
    let lines = place.lines();
    let context =
        |line: &Value| (line["session_id"].clone(), line["request_id"].clone(), line["chat_id"].clone());
    assert_eq!(context(&lines[0]), (json!("s-1"), json!("r-1"), json!(7)));
    assert_eq!(lines[0]["event"], "it_happened");
    assert_eq!(
        (&lines[0]["took"], &lines[0]["why"], &lines[0]["ok"]),
        (&json!(1.5), &json!("Some(\"x\")"), &json!(false))
    );
    assert_eq!(lines[0]["call_id"], "c-1");
    assert_eq!(
        (context(&lines[1]), &lines[1]["event"]),
        ((json!("s-1"), json!("r-1"), json!(8)), &json!("outside call"))
    );
    assert_eq!(lines[1].get("call_id"), None);
    assert_eq!((lines.len(), &lines[2]["event"]), (3, &json!("worth knowing")));
}

/// The files of a log directory, newest first, each within the limit, private, and of whole lines.
#[track_caller]
fn check_files(directory: &Path, limit: u64, backups: usize) -> Vec<Vec<Value>> {
    let mut found = Vec::new();
    for number in 0.. {
        let name = if number == 0 { NAME.to_owned() } else { format!("{NAME}.{number}") };
        let path = directory.join(name);
        let Ok(about) = fs::metadata(&path) else { break };
        assert!(about.len() <= limit, "{} has {} bytes", path.display(), about.len());
        assert_eq!(about.permissions().mode() & 0o777, 0o600);
        found.push(read(&path));
    }
    assert_eq!(fs::read_dir(directory).unwrap().count(), found.len(), "something else is there");
    assert!(found.len() <= backups + 1, "{} files", found.len());
    found
}

fn numbered(from: usize, to: usize) -> Vec<String> {
    (from..to)
        .map(|number| format!("{{\"n\":{number},\"x\":\"{}\"}}\n", "y".repeat(number * 37 % 200)))
        .collect()
}

#[test]
fn files_rotate_by_size_and_go_on_after_a_restart() {
    let place = Place::new();
    for round in 0..4 {
        let mut file = Rotating::new(&place.logs(), 4000, 3);
        let lines = numbered(round * 100, round * 100 + 100);
        for part in lines.chunks(7) {
            let written = file.write(part);
            assert!(written.error.is_none() && written.lines == part.len(), "{written:?}");
        }
        let files = check_files(&place.logs(), 4000, 3);
        let kept: Vec<_> = files.iter().rev().flatten().map(|line| line["n"].as_u64().unwrap()).collect();
        let last = round as u64 * 100 + 99;
        let expected: Vec<_> = (last + 1 - kept.len() as u64..=last).collect();
        assert_eq!(kept, expected, "the newest lines, in order");
        assert!(round == 0 || files.len() == 4);
        // Full but for less than a line: nothing is given away.
        for old in 1..files.len() {
            assert!(fs::metadata(place.logs().join(format!("{NAME}.{old}"))).unwrap().len() > 4000 - 240);
        }
    }
    // Fewer backups than before: the others go.
    let mut file = Rotating::new(&place.logs(), 4000, 1);
    assert!(file.write(&numbered(0, 100)).error.is_none());
    check_files(&place.logs(), 4000, 1);
    // Without any, the file starts anew.
    let mut file = Rotating::new(&place.logs(), 4000, 0);
    assert!(file.write(&numbered(0, 100)).error.is_none());
    assert_eq!(check_files(&place.logs(), 4000, 0)[0].last().unwrap()["n"], 99);
}

#[test]
fn a_limit_is_exact() {
    let place = Place::new();
    let line = format!("\"{}\"\n", "x".repeat(97));
    let mut file = Rotating::new(&place.logs(), 300, 1);
    let size = || fs::metadata(place.logs().join(NAME)).unwrap().len();
    assert!(file.write(&vec![line.clone(); 3]).error.is_none());
    assert_eq!((size(), fs::read_dir(place.logs()).unwrap().count()), (300, 1));
    assert!(file.write(&[line]).error.is_none());
    assert_eq!((size(), fs::read_dir(place.logs()).unwrap().count()), (100, 2));
    let written = file.write(&["x".repeat(301)]);
    assert!(written.error.unwrap().to_string().contains("raise LEASHD_LOG_MAX_BYTES"));
    assert_eq!(size(), 100);
}

#[test]
fn half_a_line_of_a_process_that_died_is_taken_back() {
    let place = Place::new();
    let mut file = Rotating::new(&place.logs(), 1 << 20, 1);
    assert!(file.write(&numbered(0, 3)).error.is_none());
    let append = |text: &[u8]| {
        File::options().append(true).open(place.logs().join(NAME)).unwrap().write_all(text).unwrap()
    };
    append(b"{\"n\":3,\"x\":\"yyy");
    assert!(file.write(&numbered(4, 5)).error.is_none());
    let numbers: Vec<_> = place.lines().iter().map(|line| line["n"].clone()).collect();
    assert_eq!(numbers, [0, 1, 2, 4]);
}

#[test]
fn several_writers_share_one_log() {
    let place = Place::new();
    let threads: Vec<_> = (0..4)
        .map(|writer| {
            let logs = place.logs();
            std::thread::spawn(move || {
                let mut file = Rotating::new(&logs, 3000, 90);
                for line in numbered(writer * 250, writer * 250 + 250) {
                    let written = file.write(&[line]);
                    assert!(written.error.is_none(), "{written:?}");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let files = check_files(&place.logs(), 3000, 90);
    let numbers: Vec<_> = files.iter().flatten().map(|line| line["n"].as_u64().unwrap()).collect();
    assert_eq!(numbers.len(), 1000);
    assert_eq!(numbers.into_iter().collect::<BTreeSet<_>>(), (0..1000).collect());
}

#[test]
fn a_file_or_directory_that_was_removed_comes_back() {
    let place = Place::new();
    let mut file = Rotating::new(&place.logs(), 1 << 20, 1);
    let write = |file: &mut Rotating| assert!(file.write(&numbered(1, 2)).error.is_none());
    write(&mut file);
    fs::remove_file(place.logs().join(NAME)).unwrap();
    write(&mut file);
    assert_eq!(place.lines().len(), 1);
    fs::remove_dir_all(place.logs()).unwrap();
    write(&mut file);
    assert_eq!(place.lines().len(), 1);
}

/// Breaks the log, sees that nobody waits and all is counted, mends it, and sees that it goes on and says what is missing.
#[track_caller]
fn check_broken(logs: &Path, says: &str, mend: impl FnOnce()) {
    let log = Log::start(options(logs), clock);
    for _ in 0..5 {
        say(&log, Level::Info, "lost", json!({}));
    }
    assert!(log.flush(WITHIN));
    let status = log.status();
    assert_eq!((status.written, status.lost, status.dropped), (0, 5, 0));
    assert!(status.problem.as_ref().unwrap().contains(says), "{status:?}");
    mend();
    say(&log, Level::Info, "kept", json!({}));
    assert!(log.close(WITHIN));
    let status = log.status();
    assert_eq!((status.lost, status.problem), (5, None));
    let lines = read(&logs.join(NAME));
    assert_eq!((lines.len(), &lines[0]["event"], &lines[0]["lost"]), (2, &json!("log_resumed"), &json!(5)));
    assert_eq!(lines[1]["event"], "kept");
}

#[test]
fn a_directory_that_cannot_be_used_stops_nothing() {
    let place = Place::new();
    fs::write(place.logs(), "a file").unwrap();
    check_broken(&place.logs(), "logs", || fs::remove_file(place.logs()).unwrap());

    let place = Place::new();
    fs::create_dir(place.logs()).unwrap();
    let open = |mode| fs::set_permissions(place.logs(), Permissions::from_mode(mode)).unwrap();
    open(0o777);
    check_broken(&place.logs(), "chmod 700", || open(0o700));

    let place = Place::new();
    fs::create_dir(place.logs()).unwrap();
    fs::set_permissions(place.logs(), Permissions::from_mode(0o700)).unwrap();
    std::os::unix::fs::symlink("/dev/full", place.logs().join(NAME)).unwrap();
    check_broken(&place.logs(), NAME, || fs::remove_file(place.logs().join(NAME)).unwrap());
}

/// Leaves the test out, and says so where somebody counts.
fn skip(name: &str, reason: &str) {
    if let Some(skips) = std::env::var_os("LEASHD_TEST_SKIPS") {
        let mut skips = File::options().append(true).create(true).open(skips).unwrap();
        writeln!(skips, "{name}\t{reason}").unwrap();
    }
}

/// A small file system, gone when dropped.
struct SmallDisk(TempDir);

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(self.0.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot unmount {}", self.0.path().display());
    }
}

#[test]
fn a_full_disk_leaves_whole_lines_and_goes_on_later() {
    let at = tempfile::tempdir().unwrap();
    let mount = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k,mode=0700", "leashd-test"])
        .arg(at.path())
        .output();
    if !mount.is_ok_and(|output| output.status.success()) {
        return skip("a_full_disk_leaves_whole_lines_and_goes_on_later", "mounting a small disk needs root");
    }
    let disk = SmallDisk(at);
    let logs = disk.0.path().join("logs");
    let log = Log::start(options(&logs), clock);
    say(&log, Level::Info, "before", json!({}));
    assert!(log.flush(WITHIN));
    let filler = disk.0.path().join("filler");
    let mut file = File::create(&filler).unwrap();
    while file.write_all(&[0; 512]).is_ok() {}
    for number in 0..400 {
        say(&log, Level::Info, "during", json!({"n": number, "text": "x ".repeat(40)}));
    }
    assert!(log.flush(WITHIN));
    let status = log.status();
    assert!(status.lost > 0 && status.problem.as_ref().unwrap().contains("write"), "{status:?}");
    assert_eq!(status.written + status.lost, 401, "every line is one or the other");
    assert_eq!(read(&logs.join(NAME)).len() as u64, status.written);
    // Space is given back when the last one who holds the file is gone.
    drop(file);
    fs::remove_file(filler).unwrap();
    say(&log, Level::Info, "after", json!({}));
    assert!(log.close(WITHIN));
    let lines = read(&logs.join(NAME));
    let [.., resumed, after] = lines.as_slice() else { panic!("{lines:?}") };
    assert_eq!((&resumed["event"], &resumed["lost"]), (&json!("log_resumed"), &json!(status.lost)));
    assert_eq!(after["event"], "after");
}

#[test]
fn nobody_waits_for_a_disk_that_hangs() {
    let place = Place::new();
    let log = Log::start(options(&place.logs()), clock);
    say(&log, Level::Info, "first", json!({}));
    assert!(log.flush(WITHIN));
    // Another process that holds the log and does not go on.
    let directory = File::open(place.logs()).unwrap();
    directory.lock().unwrap();
    let began = Instant::now();
    let many = ROOM.items * 3;
    for number in 0..many {
        say(&log, Level::Info, "flood", json!({"n": number}));
    }
    assert!(!log.flush(Duration::from_millis(1)), "it was written although the log is held");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let dropped = log.status().dropped;
    assert!(dropped as usize >= many - 2 * ROOM.items, "{dropped}");
    directory.unlock().unwrap();
    assert!(log.close(WITHIN));
    let status = log.status();
    assert_eq!(status.written + status.dropped, many as u64 + 1);
    assert_eq!(status.lost, 0);
    say(&log, Level::Info, "late", json!({}));
    assert_eq!(log.status().dropped, dropped + 1, "what comes after the end is counted");
}

#[test]
fn texts_that_hold_memory_count_as_well() {
    let place = Place::new();
    fs::create_dir(place.logs()).unwrap();
    fs::set_permissions(place.logs(), Permissions::from_mode(0o700)).unwrap();
    let directory = File::open(place.logs()).unwrap();
    directory.lock().unwrap();
    let log = Log::start(options(&place.logs()), clock);
    for _ in 0..40 {
        say(&log, Level::Info, "big", json!({"text": "x".repeat(ROOM.bytes / 8)}));
    }
    assert!(log.status().dropped >= 20, "{:?}", log.status());
    directory.unlock().unwrap();
    assert!(log.close(WITHIN));
}
