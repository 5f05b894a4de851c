//! The daemon with the real agent: turns through its socket, and what is left after it was killed.

use crate::support::{Bench, script, shell, shown};
use serde_json::Value;

#[test]
fn a_turn_goes_through_the_daemon_and_outlives_it() {
    let bench = Bench::new();
    let leashd = |args: &[&str]| bench.leashd(args).output().unwrap();
    let started = leashd(&["start"]);
    assert_eq!(started.status.code(), Some(0), "{}", shown(&started));
    let turn = leashd(&["exec", "--policy", "permissive", &script(&[shell("touch made")])]);
    assert_eq!(turn.status.code(), Some(0), "{}", shown(&turn));
    assert!(bench.rig.project().join("made").exists(), "{}", shown(&turn));
    let status: Value = serde_json::from_slice(&leashd(&["status", "--json"]).stdout).unwrap();
    let pid = status["pid"].as_u64().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-9", &pid]).status().unwrap().success());
    let again = leashd(&["start"]);
    assert_eq!(again.status.code(), Some(0), "{}", shown(&again));
    let turn = leashd(&["exec", "--policy", "permissive", &script(&[shell("touch more")])]);
    assert_eq!(turn.status.code(), Some(0), "{}", shown(&turn));
    let stopped = leashd(&["stop"]);
    assert_eq!(stopped.status.code(), Some(0), "{}", shown(&stopped));
    assert!(bench.verify().status.success());
}
