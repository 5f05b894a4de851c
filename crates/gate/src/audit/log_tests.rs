//! Appending: the chain goes on whatever happened to the file before.

use super::{AuditLog, Durability};
use crate::audit::fixture::{Fixture, NOW, append, fixture};
use crate::audit::{AuditError, Problem, Record, Secrets, verify};
use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

fn open(path: &Path) -> Result<AuditLog, AuditError> {
    AuditLog::open(path, Durability::Never, Secrets::default())
}

#[track_caller]
fn check_refused(path: &Path, why: &str) {
    let error = open(path).unwrap_err().to_string();
    assert!(error.contains(why), "{error}");
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn the_log_is_its_owners_alone() {
    let fixture = fixture();
    let path = fixture.directory.path().join("state/deep/audit.jsonl");
    drop(open(&path).unwrap());
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    drop(open(&path).unwrap());
    assert_eq!(mode(&path), 0o600);
}

#[test]
fn what_is_not_a_plain_file_of_ours_is_refused() {
    let fixture = Fixture::filled(1);
    let directory = fixture.directory.path();
    let link = directory.join("link");
    symlink(&fixture.path, &link).unwrap();
    check_refused(&link, "symbolic link");
    check_refused(directory, "directory");
    let hard = directory.join("hard");
    std::fs::hard_link(&fixture.path, &hard).unwrap();
    check_refused(&fixture.path, "hard link");
    std::fs::remove_file(hard).unwrap();
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o660)).unwrap();
    check_refused(&fixture.path, "others may write it");
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::set_permissions(directory, std::fs::Permissions::from_mode(0o777)).unwrap();
    check_refused(&fixture.path, "others may write its directory");
}

#[test]
fn every_torn_tail_is_mended_and_the_chain_goes_on() {
    let fixture = Fixture::filled(3);
    let good = fixture.bytes();
    let last = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in (last + 1..good.len()).step_by(7).chain([good.len() - 1]) {
        std::fs::write(&fixture.path, &good[..end]).unwrap();
        let log = fixture.open();
        append(&log, 9);
        let report = verify(&fixture.path).unwrap();
        assert_eq!((report.entries, report.finding), (4, None), "cut at {end}");
        let entry: serde_json::Value = serde_json::from_str(&fixture.lines()[2]).unwrap();
        assert_eq!(entry["event"], "audit_recovered");
        let aside = std::fs::read(entry["moved_to"].as_str().unwrap()).unwrap();
        assert_eq!(aside, good[last..end]);
        assert_eq!(entry["bytes"].as_u64().unwrap(), (end - last) as u64);
    }
}

#[test]
fn a_log_torn_in_its_first_entry_is_mended_too() {
    let fixture = fixture();
    std::fs::write(&fixture.path, "{\"seq\":1,\"time").unwrap();
    std::fs::set_permissions(&fixture.path, std::fs::Permissions::from_mode(0o600)).unwrap();
    append(&fixture.open(), 0);
    let report = verify(&fixture.path).unwrap();
    assert_eq!((report.entries, report.finding), (2, None));
}

#[test]
fn a_tampered_end_is_not_taken_for_a_crash() {
    for change in ["flip", "garbage", "newline"] {
        let fixture = Fixture::filled(2);
        let mut bytes = fixture.bytes();
        match change {
            "flip" => {
                let at = bytes.len() - 100;
                bytes[at] ^= 1;
            }
            "garbage" => bytes.extend(b"hello"),
            _ => *bytes.last_mut().unwrap() = b' ',
        }
        std::fs::write(&fixture.path, &bytes).unwrap();
        assert!(matches!(open(&fixture.path), Err(AuditError::Damaged { .. })), "{change}");
        assert_eq!(fixture.bytes(), bytes, "nothing is written to a damaged log");
    }
}

#[test]
fn two_logs_on_one_file_keep_one_chain() {
    let fixture = Fixture::filled(0);
    let (one, two) = (fixture.open(), fixture.open());
    for number in 0..20 {
        append(&one, number);
        append(&two, number);
        append(&two, number);
    }
    let report = verify(&fixture.path).unwrap();
    assert_eq!((report.entries, report.finding), (60, None));
}

#[test]
fn a_replaced_or_cut_log_stops_everything() {
    let record = || Record::SessionEnded { reason: "x".to_owned(), failed: false };
    for change in ["replaced", "removed", "cut"] {
        let fixture = Fixture::filled(0);
        let log = fixture.open();
        append(&log, 0);
        append(&log, 1);
        match change {
            "replaced" => {
                let copy = fixture.directory.path().join("copy");
                std::fs::copy(&fixture.path, &copy).unwrap();
                std::fs::rename(copy, &fixture.path).unwrap();
            }
            "removed" => std::fs::remove_file(&fixture.path).unwrap(),
            _ => fixture.set_lines(&fixture.lines()[..1]),
        }
        log.append(NOW, None, None, record()).unwrap_err();
        log.append(NOW, None, None, record()).unwrap_err();
    }
}

#[test]
fn threads_share_one_chain_and_one_flush() {
    let fixture = fixture();
    for durability in [Durability::Group, Durability::EveryDecision] {
        let log = AuditLog::open(&fixture.path, durability, Secrets::default()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..10).for_each(|number| append(&log, number)));
            }
        });
    }
    let report = verify(&fixture.path).unwrap();
    assert_eq!((report.entries, report.finding), (160, None));
}

#[test]
fn the_longest_entry_is_still_found_from_the_end() {
    let fixture = fixture();
    let log = fixture.open();
    for _ in 0..3 {
        let input: Vec<String> = (0..14).map(|n| format!("{n}").repeat(2000)).collect();
        let record = Record::ToolRanUngated {
            tool_name: "x".to_owned(),
            tool_input: serde_json::json!(input),
            reason: String::new(),
        };
        log.append(NOW, None, None, record).unwrap();
    }
    assert!(fixture.lines()[0].len() > 20_000);
    assert_eq!(fixture.open().head().unwrap().seq, 3);
    assert_eq!(verify(&fixture.path).unwrap().finding, None);
}

#[test]
fn a_fragment_with_a_newline_in_it_is_no_fragment() {
    let fixture = Fixture::filled(2);
    let mut file = std::fs::OpenOptions::new().append(true).open(&fixture.path).unwrap();
    file.write_all(b"{\"seq\":3,\"ti\n").unwrap();
    assert!(matches!(open(&fixture.path), Err(AuditError::Damaged { .. })));
    assert_eq!(verify(&fixture.path).unwrap().finding.unwrap().problem, Problem::BytesChanged);
}
