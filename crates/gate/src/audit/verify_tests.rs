//! Every way a log can be changed, and how it is named.

use super::{Finding, Problem, Report, verify, verify_against};
use crate::audit::fixture::{Fixture, append, fixture};
use crate::audit::{Head, chain};
use leashd_types::Digest;
use proptest::prelude::*;

fn report(fixture: &Fixture) -> Report {
    verify(&fixture.path).unwrap()
}

#[track_caller]
fn check(fixture: &Fixture, line: u64, seq: u64, problem: Problem) {
    let report = report(fixture);
    assert_eq!(report.finding, Some(Finding { line, seq, problem }));
    assert!(!report.is_intact());
}

#[test]
fn an_untouched_log_is_intact() {
    for count in [0, 1, 40] {
        let fixture = Fixture::filled(count);
        let report = report(&fixture);
        assert_eq!((report.entries, report.finding.clone()), (count as u64, None));
        assert_eq!(report.head, fixture.open().head().unwrap());
        assert!(report.is_intact());
    }
}

#[test]
fn every_flip_of_every_byte_is_found_and_the_entry_named() {
    let fixture = Fixture::filled(3);
    let good = fixture.bytes();
    for offset in 0..good.len() {
        let entry = 1 + good[..offset].iter().filter(|byte| **byte == b'\n').count() as u64;
        for flip in [0x01, 0x20, 0x80, 0xff, good[offset], good[offset] ^ b'\n', good[offset] ^ b' '] {
            if flip == 0 {
                continue;
            }
            let mut bad = good.clone();
            bad[offset] ^= flip;
            std::fs::write(&fixture.path, &bad).unwrap();
            let report = report(&fixture);
            let found = report.finding.as_ref().map(|finding| finding.seq);
            assert_eq!(found, Some(entry), "offset {offset}, flip {flip:#x}: {report:?}");
            assert!(!report.is_intact(), "offset {offset}, flip {flip:#x}: {report:?}");
        }
    }
}

#[test]
fn removed_moved_and_exchanged_entries_are_told_apart() {
    let fixture = Fixture::filled(6);
    let lines = fixture.lines();
    let without = |gone: &[usize]| -> Vec<String> {
        (0..6).filter(|index| !gone.contains(index)).map(|index| lines[index].clone()).collect()
    };
    fixture.set_lines(&without(&[2]));
    check(&fixture, 3, 4, Problem::Missing { first: 3, last: 3 });
    fixture.set_lines(&without(&[2, 3]));
    check(&fixture, 3, 5, Problem::Missing { first: 3, last: 4 });
    fixture.set_lines(&without(&[0, 1]));
    check(&fixture, 1, 3, Problem::PrefixCut);
    let mut swapped = lines.clone();
    swapped.swap(1, 3);
    fixture.set_lines(&swapped);
    check(&fixture, 2, 4, Problem::Reordered { expected: 2 });
    let mut doubled = lines.clone();
    doubled.insert(2, lines[1].clone());
    fixture.set_lines(&doubled);
    check(&fixture, 3, 2, Problem::Reordered { expected: 3 });
    let mut blank = lines.clone();
    blank.insert(2, String::new());
    fixture.set_lines(&blank);
    check(&fixture, 3, 3, Problem::BytesChanged);
}

#[test]
fn an_entry_made_anew_breaks_the_next() {
    let fixture = Fixture::filled(4);
    let mut lines = fixture.lines();
    let first = chain::open(lines[0].as_bytes()).unwrap().head;
    lines[1] = chain::seal(first, "\"timestamp\":\"x\",\"event\":\"forged\"").0.trim_end().to_owned();
    fixture.set_lines(&lines);
    check(&fixture, 3, 3, Problem::Rewritten);
}

#[test]
fn a_cut_end_is_a_warning_in_an_entry_and_found_by_a_published_head() {
    let fixture = Fixture::filled(3);
    let good = fixture.bytes();
    let head = fixture.open().head().unwrap();
    let last = good[..good.len() - 1].iter().rposition(|byte| *byte == b'\n').unwrap() + 1;
    for end in last + 1..good.len() {
        std::fs::write(&fixture.path, &good[..end]).unwrap();
        let report = report(&fixture);
        assert!(report.is_intact() && report.entries == 2, "{end}: {report:?}");
        let problem = report.finding.unwrap().problem;
        assert_eq!(problem, Problem::TornTail { bytes: (end - last) as u64 });
    }
    std::fs::write(&fixture.path, &good[..last]).unwrap();
    assert!(report(&fixture).is_intact());
    let cut = verify_against(&fixture.path, &[head]).unwrap();
    assert_eq!(cut.finding.unwrap().problem, Problem::HeadLost { published: head });
    std::fs::write(&fixture.path, &good).unwrap();
    assert!(verify_against(&fixture.path, &[head]).unwrap().is_intact());
    let other = Head { seq: 2, hash: Digest::plain(&[b"another copy"]) };
    let finding = verify_against(&fixture.path, &[head, other]).unwrap().finding.unwrap();
    assert_eq!((finding.line, finding.problem), (2, Problem::HeadLost { published: other }));
}

#[test]
fn an_endless_line_is_found_in_bounded_memory() {
    let fixture = Fixture::filled(1);
    let mut bytes = fixture.bytes();
    bytes.extend(std::iter::repeat_n(b'x', 2 * chain::LINE_LIMIT));
    std::fs::write(&fixture.path, bytes).unwrap();
    check(&fixture, 2, 2, Problem::BytesChanged);
}

#[test]
fn a_log_that_is_not_there_is_an_error() {
    assert!(verify(&fixture().path).is_err());
}

#[test]
fn coreutils_and_jq_recompute_the_hash() {
    let fixture = Fixture::filled(2);
    let script = r#"
        prev=$(sed -n 1p "$1" | jq -r .hash)
        actual=$(printf '%s%s' "$prev" "$(sed -n 2p "$1" | sed 's/,"hash":"[0-9a-f]*"}$/}/')" | sha256sum)
        test "${actual%% *}" = "$(sed -n 2p "$1" | jq -r .hash)""#;
    let status =
        std::process::Command::new("sh").args(["-c", script, "sh"]).arg(&fixture.path).status().unwrap();
    assert!(status.success());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever is recorded, every prefix of whole lines verifies and every single-byte edit fails.
    #[test]
    fn every_prefix_verifies_and_every_edit_fails(
        texts in prop::collection::vec(".{0,60}", 1..6), offset in any::<prop::sample::Index>(), flip in 1..=255_u8,
    ) {
        let fixture = fixture();
        let log = fixture.open();
        for text in &texts {
            let record = crate::audit::Record::SessionEnded { reason: text.clone(), failed: false };
            log.append(crate::audit::fixture::NOW, None, None, record).unwrap();
        }
        let good = fixture.bytes();
        let lines = fixture.lines();
        for count in 0..=lines.len() {
            fixture.set_lines(&lines[..count]);
            prop_assert!(report(&fixture).is_intact());
            prop_assert_eq!(report(&fixture).entries, count as u64);
        }
        let mut bad = good.clone();
        bad[offset.index(good.len())] ^= flip;
        std::fs::write(&fixture.path, bad).unwrap();
        prop_assert!(!report(&fixture).is_intact());
    }
}

#[test]
fn the_finding_is_said_in_words() {
    let fixture = Fixture::filled(3);
    let mut lines = fixture.lines();
    lines[1] = lines[1].replace("Tool1", "Tool2");
    fixture.set_lines(&lines);
    let shown = report(&fixture).finding.unwrap().to_string();
    assert_eq!(shown, "line 2, entry 2: its bytes were changed after it was written");
    append(&fixture.open(), 9);
    assert_eq!(report(&fixture).finding.unwrap().seq, 2);
}
