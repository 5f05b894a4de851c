//! The audit log among real processes: several writers, `kill -9`, a full disk, a lock that is not given back, a
//! disk that fails. The program is its own child: `processes write PATH …`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

use leashd_gate::audit::{AuditError, Record, search, verify};
use leashd_gate::{AuditLog, Durability, Gate, Interactive, Outcome, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Facts, GitGrants, Mode, ResolvedPath, SessionId, Stage,
    Timestamp, ToolCall,
};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const NOW: Timestamp = Timestamp::from_micros(1_790_000_000_000_000);

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, path, rest @ ..] = arguments.as_slice()
        && let Some(role) = role.strip_prefix("child-")
    {
        return child(role, Path::new(path), rest);
    }
    let scenarios: [(&str, fn()); 6] = [
        ("several_processes_keep_one_chain", several_processes_keep_one_chain),
        ("kill_9_loses_nothing_that_was_acknowledged", kill_9_loses_nothing_that_was_acknowledged),
        ("a_full_disk_stops_and_then_goes_on", a_full_disk_stops_and_then_goes_on),
        ("a_full_disk_is_a_denial", a_full_disk_is_a_denial),
        ("a_lock_not_given_back_is_an_error_in_time", a_lock_not_given_back_is_an_error_in_time),
        ("a_failed_flush_shuts_the_log", a_failed_flush_shuts_the_log),
    ];
    for (name, scenario) in scenarios {
        let started = Instant::now();
        println!("test {name} ...");
        scenario();
        println!("test {name} ... ok ({:.1} s)", started.elapsed().as_secs_f32());
    }
}

fn open(path: &Path, durability: Durability) -> AuditLog {
    AuditLog::open(path, durability, Secrets::default()).unwrap()
}

fn record(text: &str) -> Record {
    Record::SessionEnded { reason: text.to_owned(), failed: false }
}

/// A child's work: appends, and says after each entry that it is there.
fn child(role: &str, path: &Path, rest: &[String]) {
    match role {
        "write" => {
            let (name, count) = (&rest[0], rest[1].parse::<u64>().unwrap());
            let log = open(path, Durability::Group);
            let session = SessionId::new(name.clone());
            for number in 0..count {
                let written =
                    log.append(NOW, Some(&session), None, record(&format!("{number} {}", "x".repeat(300))));
                match written {
                    Ok(head) => println!("{}", head.seq),
                    Err(error) => println!("{error:?}"),
                }
            }
        }
        "hold" => {
            let file = std::fs::File::open(path).unwrap();
            file.lock().unwrap();
            println!("held");
            std::io::stdin().read_line(&mut String::new()).unwrap();
        }
        other => panic!("no role {other}"),
    }
}

fn start(role: &str, path: &Path, rest: &[&str]) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg(format!("child-{role}"))
        .arg(path)
        .args(rest)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

fn several_processes_keep_one_chain() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let children: Vec<Child> =
        (0..4).map(|number| start("write", &path, &[&number.to_string(), "100"])).collect();
    let mut acknowledged = BTreeSet::new();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            assert!(acknowledged.insert(line.parse::<u64>().unwrap()), "{line} was given out twice");
        }
    }
    let report = verify(&path).unwrap();
    assert_eq!((report.entries, report.finding), (400, None));
    assert_eq!(acknowledged.len(), 400);
}

fn kill_9_loses_nothing_that_was_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let mut last = 0;
    for round in 0..25 {
        let mut child = start("write", &path, &["victim", "1000000"]);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for _ in 0..=round % 7 {
            last = lines.next().unwrap().unwrap().parse().unwrap();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died counts too; its last line may be cut.
        last = lines.map_while(Result::ok).filter_map(|line| line.parse().ok()).fold(last, u64::max);
        let report = verify(&path).unwrap();
        assert!(report.is_intact() && report.entries >= last, "{report:?}");
        let head = open(&path, Durability::Group).append(NOW, None, None, record("after")).unwrap();
        let report = verify(&path).unwrap();
        assert_eq!((report.entries, report.finding), (head.seq, None));
    }
}

/// A file system of 128 KiB, unmounted when dropped.
struct SmallDisk {
    at: tempfile::TempDir,
}

impl SmallDisk {
    fn mount() -> Option<Self> {
        let at = tempfile::tempdir().unwrap();
        let options = "size=128k,mode=0700";
        let status =
            Command::new("mount").args(["-t", "tmpfs", "-o", options, "leashd-test"]).arg(at.path()).status();
        status.is_ok_and(|status| status.success()).then_some(Self { at })
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let status = Command::new("umount").arg(self.at.path()).status();
        assert!(status.is_ok_and(|status| status.success()), "cannot unmount {}", self.at.path().display());
    }
}

/// A scenario this machine cannot run may be left out only if it is named in `LEASHD_TEST_SKIP`.
fn skip(name: &str) {
    let declared = std::env::var("LEASHD_TEST_SKIP").unwrap_or_default();
    assert!(
        declared.split(',').any(|entry| entry == name),
        "{name} cannot run here and is not in LEASHD_TEST_SKIP"
    );
    println!("skipped as declared: {name}");
}

fn a_full_disk_stops_and_then_goes_on() {
    let Some(disk) = SmallDisk::mount() else { return skip("full-disk") };
    let path = disk.at.path().join("audit.jsonl");
    let log = open(&path, Durability::Group);
    let filler = disk.at.path().join("filler");
    for round in 0..8 {
        let before = log.append(NOW, None, None, record("room")).unwrap();
        let mut file = std::fs::File::create(&filler).unwrap();
        while file.write_all(&[0; 1024]).is_ok() {}
        // The last page of the log may have room for a few more.
        let mut whole = before;
        let error = loop {
            match log.append(NOW, None, None, record(&"y".repeat(300 + 97 * round))) {
                Ok(head) => whole = head,
                Err(error) => break error,
            }
        };
        assert!(matches!(error, AuditError::Io { .. }), "{error}");
        assert!(log.append(NOW, None, None, record(&"z".repeat(2000))).is_err());
        let report = verify(&path).unwrap();
        assert_eq!((report.head, report.finding), (whole, None), "nothing half-written remains");
        std::fs::remove_file(&filler).unwrap();
    }
    log.append(NOW, None, None, record("room again")).unwrap();
    assert_eq!(verify(&path).unwrap().finding, None);
}

fn a_full_disk_is_a_denial() {
    let Some(disk) = SmallDisk::mount() else { return skip("full-disk") };
    let work = tempfile::tempdir().unwrap();
    let project = work.path().canonicalize().unwrap();
    std::fs::write(project.join("a.txt"), "x").unwrap();
    let path = disk.at.path().join("audit.jsonl");
    let gate = Gate::new(open(&path, Durability::Group), || NOW);
    let snapshot = snapshot(&project);
    let read = |number: u32| gate.begin(call(number, &project), &snapshot);
    assert!(matches!(read(0), Outcome::Permit(_)));
    let filler = disk.at.path().join("filler");
    let mut file = std::fs::File::create(&filler).unwrap();
    while file.write_all(&[0; 1024]).is_ok() {}
    let mut number = 1;
    let denial = loop {
        match read(number) {
            Outcome::Permit(_) => number += 1,
            Outcome::Denied(denial) => break denial,
            Outcome::Pending(pending) => panic!("{pending:?}"),
        }
    };
    assert_eq!((denial.stage, denial.sequence), (Stage::Audit, None));
    drop(file);
    std::fs::remove_file(&filler).unwrap();
    let Outcome::Permit(permit) = read(number + 1) else { panic!("no permit after there was room again") };
    let report = verify(&path).unwrap();
    assert_eq!((report.head.seq, report.finding), (permit.sequence(), None));
    assert_eq!(report.entries, u64::from(number) + 1);
}

fn snapshot(project: &Path) -> Snapshot {
    let resolved = |path: &Path| ResolvedPath::assume_resolved(path.to_owned());
    Snapshot {
        rules: Arc::new(Rules::load(&[Source::builtin("default").unwrap()]).unwrap()),
        facts: Facts {
            cwd: resolved(project),
            home: resolved("/home/dev".as_ref()),
            approved: vec![resolved(project)],
            temporary: Vec::new(),
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
        interactive: Interactive::Nobody,
    }
}

fn call(number: u32, project: &Path) -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: SessionId::new("session"),
        tool: "Read".to_owned(),
        input: serde_json::json!({"file_path": "a.txt"}),
        cwd: project.to_owned(),
        id: CallId::new(number.to_string()),
        subagent: None,
    }
}

fn a_lock_not_given_back_is_an_error_in_time() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let log = open(&path, Durability::Group);
    log.append(NOW, None, None, record("before")).unwrap();
    let mut holder = start("hold", &path, &[]);
    let mut line = String::new();
    BufReader::new(holder.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let started = Instant::now();
    let error = log.append(NOW, None, None, record("held")).unwrap_err();
    assert!(matches!(error, AuditError::Locked { seconds: 2, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
    holder.kill().unwrap();
    holder.wait().unwrap();
    log.append(NOW, None, None, record("after")).unwrap();
    assert_eq!(verify(&path).unwrap().entries, 2);
}

fn a_failed_flush_shuts_the_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("audit.jsonl");
    let traced = Command::new("strace")
        .args(["-f", "-o", "/dev/null", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=3"])
        .arg(std::env::current_exe().unwrap())
        .arg("child-write")
        .arg(&path)
        .args(["victim", "6"])
        .output();
    let Ok(output) = traced else { return skip("strace") };
    let said = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[..2], ["1", "2"], "{said} {}", String::from_utf8_lossy(&output.stderr));
    assert!(lines[2].starts_with("Io"), "{said}");
    assert!(lines[3..].iter().all(|line| line.starts_with("Suspect")) && lines.len() == 6, "{said}");
    // The third entry was written, but its caller never got a yes; the chain itself is whole.
    let mut entries = 0;
    search(&path, &Default::default(), |_| entries += 1).unwrap();
    assert_eq!((entries, verify(&path).unwrap().finding), (3, None));
}
