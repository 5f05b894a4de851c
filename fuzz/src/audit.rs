//! The check of the audit log. An input is a list of edits of a good log; what comes out is never called intact unless
//! it is a beginning of a log in whole entries, and against the published head only if it is that log.

use leashd_gate::audit::{Head, Problem, Record, verify, verify_against};
use leashd_gate::{AuditLog, Durability, Secrets};
use leashd_types::{CallId, SessionId, Timestamp};
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

const ENTRIES: usize = 12;
/// Bytes a log may have before it is edited further.
const LONGEST: usize = 256 * 1024;

struct Good {
    bytes: Vec<u8>,
    /// Another log of the same length: whole entries that do not belong here.
    other: Vec<u8>,
    head: Head,
    edited: PathBuf,
}

pub fn check(input: &[u8]) {
    let good = good();
    let edited = edit(input, good);
    fs::write(&good.edited, &edited).expect("a temporary file can be written");
    let report = verify(&good.edited).expect("it is there and readable");
    // A log written anew from its first entry is, seen alone, a good log.
    let written = [&good.bytes, &good.other].map(|log| whole_entries(&edited, log));
    let whole = if written[0].bytes >= written[1].bytes { written[0] } else { written[1] };
    assert_eq!(report.entries, whole.count, "entries before the first that is not as written: {report:?}");
    let rest = edited.get(whole.bytes..).unwrap_or_default();
    match &report.finding {
        None => assert!(rest.is_empty(), "{} bytes more than the log and nothing found", rest.len()),
        Some(found) => {
            assert_eq!(found.line, whole.count + 1, "{report:?}");
            let torn = matches!(found.problem, Problem::TornTail { .. });
            assert!(!torn || !rest.contains(&b'\n'), "a whole line is called torn: {report:?}");
            assert_eq!(report.is_intact(), torn, "{report:?}");
        }
    }
    let against = verify_against(&good.edited, &[good.head]).expect("it is there and readable");
    let complete = edited.starts_with(&good.bytes);
    assert!(!against.is_intact() || complete, "the end is gone and nobody saw it: {against:?}");
    assert!(edited != good.bytes || against.finding.is_none(), "the log itself is refused: {against:?}");
}

#[derive(Clone, Copy)]
struct Whole {
    count: u64,
    bytes: usize,
}

/// How many entries at the start are, byte for byte, those that were written.
fn whole_entries(edited: &[u8], good: &[u8]) -> Whole {
    let same = edited.iter().zip(good).take_while(|(left, right)| left == right).count();
    let common = good.get(..same).unwrap_or_default();
    let bytes = common.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let lines = common.iter().filter(|byte| **byte == b'\n').count();
    Whole { count: lines.try_into().unwrap_or(u64::MAX), bytes }
}

/// Four bytes are one edit: what, where (two), and a value; some take the bytes that follow them as well.
fn edit(input: &[u8], good: &Good) -> Vec<u8> {
    let mut log = good.bytes.clone();
    let mut rest = input;
    while let [what, high, low, value, after @ ..] = rest {
        rest = after;
        // Lines joined and doubled again and again would grow without end and show nothing new.
        if log.len() > LONGEST {
            break;
        }
        let place = usize::from(u16::from_be_bytes([*high, *low]));
        let at = place % (log.len() + 1);
        match what % 10 {
            0 => change(&mut log, at, |byte| byte ^ value),
            1 => change(&mut log, at, |_| *value),
            2 => log.insert(at, *value),
            3 => drop(log.drain(at..(at + usize::from(*value)).min(log.len()))),
            4 => log.truncate(at),
            5 => lines(&mut log, place, *value, |all, at, other| all.swap(at, other)),
            6 => lines(&mut log, place, *value, |all, at, _| drop(all.remove(at))),
            7 => lines(&mut log, place, *value, |all, at, other| all.insert(at, all[other].clone())),
            8 => foreign(&mut log, &good.other, place, *value),
            _ => {
                let (text, remains) = after.split_at(after.len().min(usize::from(*value)));
                log.splice(at..at, text.iter().copied());
                rest = remains;
            }
        }
    }
    log
}

fn change(log: &mut [u8], at: usize, how: impl FnOnce(u8) -> u8) {
    if let Some(byte) = log.get_mut(at) {
        *byte = how(*byte);
    }
}

/// Edits whole lines; the edit gets two places that are there.
fn lines(log: &mut Vec<u8>, place: usize, value: u8, how: impl FnOnce(&mut Vec<Vec<u8>>, usize, usize)) {
    let mut all: Vec<Vec<u8>> = log.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    let count = all.len();
    if count > 0 {
        how(&mut all, place % count, usize::from(value) % count);
        *log = all.concat();
    }
}

fn foreign(log: &mut Vec<u8>, other: &[u8], place: usize, value: u8) {
    let others: Vec<&[u8]> = other.split_inclusive(|byte| *byte == b'\n').collect();
    let line = others[usize::from(value) % others.len()].to_vec();
    lines(log, place, value, |all, at, _| all[at] = line);
}

fn good() -> &'static Good {
    static GOOD: OnceLock<Good> = OnceLock::new();
    GOOD.get_or_init(|| {
        // Memory where there is some to write to: every input is one file written and read.
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let place = base.join(format!("leashd-fuzz-{}", std::process::id()));
        fs::create_dir_all(&place).expect("a temporary directory can be made");
        let (bytes, head) = log(&place.join("good.jsonl"), "first");
        let (other, _) = log(&place.join("other.jsonl"), "second");
        Good { bytes, other, head, edited: place.join("edited.jsonl") }
    })
}

fn log(path: &Path, name: &str) -> (Vec<u8>, Head) {
    drop(fs::remove_file(path));
    let log = AuditLog::open(path, Durability::Never, Secrets::default()).expect("a log can be opened");
    let at = Timestamp::from_micros(1_790_000_000_000_000);
    for number in 0..ENTRIES {
        let record = Record::ToolRanUngated {
            tool_name: format!("Tool{number}"),
            tool_input: json!({ "log": name, "number": number, "text": "naïve \"test\"\n{}" }),
            reason: "an example".to_owned(),
        };
        let session = SessionId::new(name);
        let call = CallId::new(format!("call-{number}"));
        log.append(at, Some(&session), Some(&call), record).expect("an entry can be appended");
    }
    let head = log.head().expect("the log has a head");
    (fs::read(path).expect("the log can be read"), head)
}
