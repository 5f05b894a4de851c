//! Finding entries again.

use super::{Filter, search, tail};
use crate::audit::fixture::{Fixture, NOW};
use leashd_types::{Decision, SessionId};
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

#[track_caller]
fn check(fixture: &Fixture, filter: Filter, expected: &[u64]) {
    let mut numbers = Vec::new();
    search(&fixture.path, &filter, |line| numbers.push(line.entry["tool_input"]["number"].as_u64().unwrap()))
        .unwrap();
    assert_eq!(numbers, expected);
}

#[test]
fn each_filter_and_all_together() {
    let fixture = Fixture::filled(6);
    let any = Filter::default;
    check(&fixture, any(), &[0, 1, 2, 3, 4, 5]);
    check(&fixture, Filter { tool: Some("Tool1".to_owned()), ..any() }, &[1, 4]);
    check(&fixture, Filter { session: Some(SessionId::new("s1")), ..any() }, &[1, 3, 5]);
    check(&fixture, Filter { path: Some(PathBuf::from("/p/3")), ..any() }, &[3]);
    check(&fixture, Filter { path: Some(PathBuf::from("/p/3/f")), ..any() }, &[3]);
    check(&fixture, Filter { path: Some(PathBuf::from("/p/")), ..any() }, &[0, 1, 2, 3, 4, 5]);
    check(&fixture, Filter { text: Some("NAÏVE".to_owned()), ..any() }, &[0, 1, 2, 3, 4, 5]);
    check(&fixture, Filter { text: Some("no such text".to_owned()), ..any() }, &[]);
    check(&fixture, Filter { decision: Some(Decision::Allow), ..any() }, &[]);
    check(&fixture, Filter { rule: Some("x".to_owned()), ..any() }, &[]);
    check(&fixture, Filter { since: Some(NOW), ..any() }, &[0, 1, 2, 3, 4, 5]);
    check(&fixture, Filter { since: Some(NOW.after(Duration::from_micros(1))), ..any() }, &[]);
    let both = Filter { tool: Some("Tool1".to_owned()), session: Some(SessionId::new("s1")), ..any() };
    check(&fixture, both, &[1]);
    check(&fixture, Filter { event: Some("session_ended".to_owned()), ..any() }, &[]);
}

#[test]
fn damaged_lines_do_not_stop_a_search() {
    let fixture = Fixture::filled(3);
    let mut lines = fixture.lines();
    lines[1] = "\u{0}not json".to_owned();
    fixture.set_lines(&lines);
    check(&fixture, Filter::default(), &[0, 2]);
}

#[test]
fn the_tail_is_read_from_the_end() {
    let fixture = Fixture::filled(700);
    for count in [0, 1, 5, 699, 700, 1000] {
        let numbers: Vec<u64> = tail(&fixture.path, count)
            .unwrap()
            .iter()
            .map(|entry| entry["tool_input"]["number"].as_u64().unwrap())
            .collect();
        let first = 700_u64.saturating_sub(count as u64);
        assert_eq!(numbers, (first..700).collect::<Vec<_>>(), "{count}");
    }
    let mut file = std::fs::OpenOptions::new().append(true).open(&fixture.path).unwrap();
    file.write_all(b"{\"seq\":701,\"ti").unwrap();
    assert_eq!(tail(&fixture.path, 1).unwrap().len(), 1);
}
