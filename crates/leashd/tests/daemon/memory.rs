//! What open sessions cost while no agent works in them.
//!
//! The figure that counts is that of the program that is shipped:
//! `LEASHD_TEST_PROGRAM=<static leashd> cargo test -p leashd --test daemon open_sessions -- --nocapture`

use crate::support::{Place, program};
use serde_json::{Value, json};
use std::fs;

const SESSIONS: usize = 200;
const MIB: u64 = 1024 * 1024;
const LIMIT: u64 = 60 * MIB;

/// Bytes of a process, from its own account in /proc.
fn bytes(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap();
    line.trim().strip_suffix(" kB").unwrap().parse::<u64>().unwrap() * 1024
}

#[test]
fn open_sessions_cost_little() {
    let place = Place::new();
    let pid = place.start();
    let idle = bytes(pid, "VmRSS");
    for number in 0..SESSIONS {
        let order = json!({"directory": place.path("project")});
        let body = json!({"chat": format!("chat {number}"), "command": {"command": "open", "order": order}});
        let (status, receipt) = place.request("POST", "/v1/envelopes", &body.to_string());
        assert_eq!((status, &receipt["receipt"]), (200, &Value::from("accepted")), "{receipt}");
    }
    assert_eq!(place.status()["sessions"], SESSIONS);
    assert_eq!(place.request("GET", "/v1/sessions", "").1.as_array().unwrap().len(), SESSIONS);
    let (all, own) = (bytes(pid, "VmRSS"), bytes(pid, "RssAnon"));
    let mib = |bytes: u64| format!("{}.{} MiB", bytes / MIB, bytes % MIB * 10 / MIB);
    println!("{}", program().display());
    println!("idle {}, {SESSIONS} sessions {}, of that its own {}", mib(idle), mib(all), mib(own));
    assert!(own <= LIMIT, "{}", mib(own));
    // Of one that was built for tests the program itself is most.
    assert!(std::env::var_os("LEASHD_TEST_PROGRAM").is_none() || all <= LIMIT, "{}", mib(all));
}
