//! A process that let nothing out finds in the log what another one did, and compares.

use super::{Recorded, recall};
use crate::fixture::Bench;
use crate::{Gate, Observation, Outcome};
use leashd_types::{AgentKind, CallId, RanCall, RanOutcome, SessionId, ToolCall};
use serde_json::{Value, json};

const SESSION: &str = "session";

fn ran(id: &str, tool: &str, input: Value) -> RanCall {
    RanCall {
        id: CallId::new(id),
        tool: tool.to_owned(),
        input: Some(input),
        outcome: RanOutcome::Ran,
        subagent: None,
    }
}

fn bash(command: &str) -> Value {
    json!({ "command": command })
}

/// Judges in one gate, leaves questions to the agent's prompt, and forgets the call.
fn judge(bench: &Bench, id: &str, command: &str) {
    let call = ToolCall { agent: AgentKind::Hook, ..bench.call(id, "Bash", bash(command)) };
    let (session, id) = (call.session.clone(), call.id.clone());
    if let Outcome::Pending(pending) = bench.gate.begin(call, &bench.snapshot) {
        bench.gate.defer(pending).unwrap();
    }
    bench.gate.forget_call(&session, &id);
}

/// What another gate on the same log says about a call that came back.
fn observe(bench: &Bench, ran: &RanCall) -> Observation {
    let audit = crate::AuditLog::open(&bench.log, crate::Durability::Never, crate::Secrets::default());
    let other = Gate::new(audit.unwrap(), || leashd_types::Timestamp::from_micros(1));
    other.observe_recorded(&SessionId::new(SESSION), ran)
}

#[test]
fn another_process_knows_what_was_decided() {
    let bench = Bench::new();
    judge(&bench, "allowed", "ls");
    judge(&bench, "asked", "curl https://example.com");
    judge(&bench, "denied", "sudo ls");
    let last = |id: &str| recall(&bench.log, &SessionId::new(SESSION), &CallId::new(id)).unwrap();
    assert!(matches!(last("allowed"), Some(Recorded::Allowed { .. })));
    assert!(matches!(last("asked"), Some(Recorded::Deferred { .. })));
    assert_eq!(last("denied"), Some(Recorded::Denied));
    assert_eq!(last("unknown"), None);

    let finished = observe(&bench, &ran("allowed", "Bash", bash("ls")));
    assert!(matches!(finished, Observation::Finished), "{finished:?}");
    let twice = observe(&bench, &ran("allowed", "Bash", bash("ls")));
    assert!(matches!(twice, Observation::RanUngated), "{twice:?}");
    let changed = observe(&bench, &ran("asked", "Bash", bash("curl https://example.org")));
    assert!(matches!(changed, Observation::InputChanged), "{changed:?}");
    let denied = observe(&bench, &ran("denied", "Bash", bash("sudo ls")));
    assert!(matches!(denied, Observation::RanUngated), "{denied:?}");
    let failed = RanCall {
        outcome: RanOutcome::Failed { message: "Exit code 1".to_owned() },
        ..ran("denied", "Bash", bash("sudo ls"))
    };
    let failed = observe(&bench, &failed);
    assert!(matches!(failed, Observation::RanUngated), "it ran, and failed: {failed:?}");
    let unseen = observe(&bench, &ran("unknown", "Bash", bash("ls")));
    assert!(matches!(unseen, Observation::RanUngated), "{unseen:?}");
    bench.entries();
}

#[test]
fn a_call_of_another_session_or_tool_is_another_call() {
    let bench = Bench::new();
    judge(&bench, "one", "ls");
    assert_eq!(recall(&bench.log, &SessionId::new("other"), &CallId::new("one")).unwrap(), None);
    let other_tool = observe(&bench, &ran("one", "Write", bash("ls")));
    assert!(matches!(other_tool, Observation::RanUngated), "{other_tool:?}");
}

#[test]
fn it_is_found_far_up_and_across_blocks() {
    let bench = Bench::new();
    judge(&bench, "first", "ls");
    for number in 0..300 {
        judge(&bench, &format!("later-{number}"), &format!("echo {}", "x".repeat(200 + number)));
    }
    for id in ["first", "later-0", "later-150", "later-299"] {
        let found = recall(&bench.log, &SessionId::new(SESSION), &CallId::new(id)).unwrap();
        assert!(matches!(found, Some(Recorded::Allowed { .. })), "{id}: {found:?}");
    }
}

#[test]
fn a_changed_entry_is_no_entry() {
    let bench = Bench::new();
    judge(&bench, "denied", "sudo ls");
    let text = std::fs::read_to_string(&bench.log).unwrap();
    std::fs::write(&bench.log, text.replace("\"decision\":\"deny\"", "\"decision\":\"allow\"")).unwrap();
    assert_eq!(recall(&bench.log, &SessionId::new(SESSION), &CallId::new("denied")).unwrap(), None);
}

#[test]
fn the_origin_of_a_call_is_recorded() {
    let bench = Bench::new();
    judge(&bench, "one", "ls");
    assert_eq!(bench.last()["origin"], "hook");
    drop(bench.gate.begin(bench.call("two", "Bash", bash("ls")), &bench.snapshot));
    assert!(!bench.last().contains_key("origin"));
}
