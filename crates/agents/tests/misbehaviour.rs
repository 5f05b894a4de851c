//! Processes that misbehave in every way a process can. A small shell script plays Claude Code: what a process does is
//! real, only its reasons are not. Nothing here may hang.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use leashd_agents::claude::ClaudeCode;
use leashd_agents::{Message, Order, StartError};
use leashd_testkit::Rig;
use leashd_types::{AgentEvent, Fault};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;
use support::{Driven, Person, SUPERVISOR};

/// Answers the first request, as every agent has to.
const HELLO: &str = r#"read -r line; echo '{"type":"control_response","response":{"subtype":"success","request_id":"leashd-initialize","response":{}}}'"#;
const IDLE: &str = r#"echo '{"type":"system","subtype":"session_state_changed","state":"idle"}'"#;
const RUNNING: &str = r#"echo '{"type":"system","subtype":"session_state_changed","state":"running"}'"#;
const ASK: &str = r#"echo '{"type":"control_request","request_id":"h1","request":{"subtype":"hook_callback","input":{"hook_event_name":"PreToolUse","tool_use_id":"t1","tool_name":"Bash","cwd":"/"}}}'
echo '{"type":"control_request","request_id":"q1","request":{"subtype":"can_use_tool","tool_name":"Bash","tool_use_id":"t1","input":{"command":"ls"}}}'"#;
const WAIT: &str = "sleep 1000 & wait";

fn fake(rig: &Rig, version: &str, behaviour: &str) -> std::path::PathBuf {
    let program = rig.write(
        "bin/claude",
        &format!("#!/bin/sh\nif [ \"$1\" = --version ]; then echo '{version}'; exit; fi\n{behaviour}\n"),
    );
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

async fn start(
    rig: &Rig,
    behaviour: &str,
    limits: impl FnOnce(&mut leashd_agents::Limits),
) -> Result<Driven, StartError> {
    let program = fake(rig, "2.1.330 (Claude Code)", behaviour);
    let claude = ClaudeCode::find(program.as_os_str(), OsStr::new(""), Path::new(SUPERVISOR)).await?;
    let mut launch = rig.launch();
    launch.limits.stop = Duration::from_millis(400);
    limits(&mut launch.limits);
    Driven::start(&claude, rig, launch).await
}

/// Everything that happens, from a behaviour after the first answer to the end of the process.
async fn events(behaviour: &str, limits: impl FnOnce(&mut leashd_agents::Limits)) -> Driven {
    let rig = Rig::new().await;
    let mut agent = start(&rig, &format!("{HELLO}\n{behaviour}"), limits).await.unwrap();
    agent.until_gone().await;
    agent
}

fn as_is(_: &mut leashd_agents::Limits) {}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_is_told_with_code_signal_and_complaint() {
    for (behaviour, code, signal) in
        [("exit 0", Some(0), None), ("exit 7", Some(7), None), ("kill -9 $$", None, Some(9))]
    {
        let agent = events(&format!("echo complaint >&2; {behaviour}"), as_is).await;
        let expected = AgentEvent::Exited { code, signal, stderr_tail: "complaint".to_owned() };
        assert_eq!(agent.seen.last(), Some(&expected), "{behaviour}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_without_an_answer_has_an_end() {
    let rig = Rig::new().await;
    let silent = start(&rig, WAIT, |limits| limits.start = Duration::from_millis(300)).await.err();
    assert!(matches!(silent, Some(StartError::Silent { .. })), "{silent:?}");
    let left = start(&rig, "echo no licence >&2; exit 3", as_is).await.err().unwrap().to_string();
    assert_eq!(left, "the agent left before it answered (exit code 3); it said: no licence");
    let refusal = r#"read -r line; echo '{"type":"control_response","response":{"subtype":"error","request_id":"leashd-initialize","error":"no"}}'"#;
    let refused = start(&rig, refusal, as_is).await.err();
    assert!(matches!(refused, Some(StartError::Refused { .. })), "{refused:?}");
    let ungated = HELLO
        .replace(r#""response":{}}}"#, r#""response":{"current_permission_mode":"bypassPermissions"}}}"#);
    let ungated = start(&rig, &ungated, as_is).await.err();
    assert!(matches!(ungated, Some(StartError::NotGated { .. })), "{ungated:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_told_and_passed_over() {
    let garbage = [
        "echo 'not json'",
        r"printf '\377\376\n'",
        "echo '{\"type\":'",
        "echo '[1]'",
        "printf 'x\\0y\\n'",
        r#"echo '{"no":"type"}'"#,
    ];
    let behaviour = format!("{}; echo; {ASK}; exit 0", garbage.join("; "));
    let agent = events(&behaviour, as_is).await;
    assert_eq!(agent.faults().len(), garbage.len(), "{:?}", agent.faults());
    assert!(agent.faults().iter().all(|fault| matches!(fault, Fault::Garbage { .. })));
    assert_eq!(agent.calls().len(), 1, "what follows is heard");
    assert_eq!(agent.withdrawn().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn long_lines_pass_up_to_the_limit() {
    let line = |bytes: usize| {
        let head = r#"printf '{"type":"system","subtype":"status","x":"'"#;
        format!(r#"{head}; head -c {bytes} /dev/zero | tr '\0' a; printf '"}}\n'"#)
    };
    let agent = events(&format!("{}; {ASK}; exit 0", line(10 * 1024 * 1024)), as_is).await;
    assert_eq!((agent.faults().len(), agent.calls().len()), (0, 1));
    let behaviour = format!("{}; {ASK}; {WAIT}", line(10 * 1024 * 1024));
    let agent = events(&behaviour, |limits| limits.line = 1024 * 1024).await;
    assert_eq!(agent.faults(), [&Fault::LineTooLong { limit: 1024 * 1024 }]);
    assert_eq!(agent.calls().len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_ends_a_turn_but_nobody_is_hurried() {
    let silence = Duration::from_millis(300);
    let agent = events(&format!("{RUNNING}; {WAIT}"), |limits| limits.silence = silence).await;
    assert_eq!(agent.faults(), [&Fault::Silent { after: silence }]);

    let rig = Rig::new().await;
    let behaviour = format!("{HELLO}; {RUNNING}; {ASK}; {WAIT}");
    let mut agent = start(&rig, &behaviour, |limits| limits.silence = silence).await.unwrap();
    let call = agent.call().await;
    let quiet = tokio::time::timeout(silence * 4, agent.running.events.recv()).await;
    assert!(quiet.is_err(), "a person may think: {quiet:?}");
    agent.reply(&call, Person::Denies).await;
    agent.until_gone().await;
    assert_eq!(agent.faults(), [&Fault::Silent { after: silence }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_leave_is_killed() {
    let rig = Rig::new().await;
    let behaviour = format!("trap '' INT TERM HUP; {HELLO}; while :; do sleep 1000; done");
    let mut agent = start(&rig, &behaviour, as_is).await.unwrap();
    let (code, signal, _) = agent.stop().await;
    assert_eq!((code, signal), (None, Some(9)));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupt_nobody_confirms_ends_the_agent() {
    let rig = Rig::new().await;
    let mut agent = start(&rig, &format!("{HELLO}; {RUNNING}; {WAIT}"), as_is).await.unwrap();
    agent.order(Order::Interrupt).await;
    agent.until_gone().await;
    assert_eq!(agent.faults(), [&Fault::Silent { after: Duration::from_millis(400) }]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_stopped() {
    let rig = Rig::new().await;
    for behaviour in [format!("{HELLO}; exec 0<&-; {WAIT}"), format!("{HELLO}; {WAIT}")] {
        let mut agent = start(&rig, &behaviour, |limits| limits.queue = 4).await.unwrap();
        for _ in 0..20 {
            // The agent may be gone already: then nobody takes orders.
            drop(agent.running.orders.send(Order::Prompt(Message::text("x".repeat(100_000)))).await);
        }
        agent.until_gone().await;
        assert!(matches!(agent.faults()[..], [Fault::Pipe { .. }]), "{:?}", agent.faults());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_we_do_not_know_or_cannot_read_are_refused() {
    let rig = Rig::new().await;
    let answers = rig.path("answers");
    let unknown =
        r#"echo '{"type":"control_request","request_id":"u1","request":{"subtype":"mind_reading"}}'"#;
    let unreadable = r#"echo '{"type":"control_request","request_id":"u2","request":{"subtype":"can_use_tool","tool_name":"Bash","tool_use_id":"t","input":{"command":"\ud800"}}}'"#;
    let blind = ASK.lines().last().unwrap();
    // Without the shell's own reading of backslashes, the first answer is that to our question about usage.
    let behaviour = format!(
        "{HELLO}; {unknown}; printf '%s\\n' '{}'; {blind}; head -n 4 > {}; exit 0",
        unreadable.strip_prefix("echo '").unwrap().strip_suffix('\'').unwrap(),
        answers.display()
    );
    let mut agent = start(&rig, &behaviour, as_is).await.unwrap();
    agent.until_gone().await;
    let answers = fs::read_to_string(answers).unwrap();
    for id in ["u1", "u2", "q1"] {
        let refused = answers.lines().any(|line| {
            line.contains(r#""subtype":"error""#) && line.contains(&format!(r#""request_id":"{id}""#))
        });
        assert!(refused, "{id} in {answers}");
    }
    assert_eq!(agent.calls().len(), 0, "a call from an unknown directory is none");
    assert!(agent.seen.contains(&AgentEvent::Unknown { kind: "control_request/mind_reading".to_owned() }));
}

#[tokio::test(flavor = "multi_thread")]
async fn events_nobody_reads_do_not_stop_a_stop() {
    let rig = Rig::new().await;
    let flood = format!("{HELLO}; while :; do echo '{{\"type\":\"novelty\"}}'; done");
    let mut agent = start(&rig, &flood, |limits| limits.queue = 4).await.unwrap();
    agent.order(Order::Stop).await;
    agent.until_gone().await;

    let agent = start(&rig, &format!("{HELLO}; {IDLE}; {WAIT}"), as_is).await.unwrap();
    let Driven { running, .. } = agent;
    let leashd_agents::Running { mut events, orders, .. } = running;
    drop(orders);
    let mut last = None;
    while let Some(event) = tokio::time::timeout(support::PATIENCE, events.recv()).await.unwrap() {
        last = Some(event);
    }
    assert!(matches!(last, Some(AgentEvent::Exited { .. })), "letting go of the orders stops it: {last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_program_is_refused_with_advice() {
    let rig = Rig::new().await;
    let find = async |name: &str, path: &str| {
        let found = ClaudeCode::find(OsStr::new(name), OsStr::new(path), Path::new(SUPERVISOR)).await;
        found.map(|_| ()).map_err(|error| error.to_string())
    };
    let missing = find("claude", "/nowhere:.").await.unwrap_err();
    assert!(missing.contains("npm install -g @anthropic-ai/claude-code"), "{missing}");
    let directory = fake(&rig, "2.1.329 (Claude Code)", "").parent().unwrap().to_owned();
    let old = find("claude", directory.to_str().unwrap()).await.unwrap_err();
    assert!(old.contains("2.1.329") && old.contains("claude update"), "{old}");
    fake(&rig, "hello", "");
    let strange = find("claude", directory.to_str().unwrap()).await.unwrap_err();
    assert!(strange.contains("is it Claude Code?"), "{strange}");
    fake(&rig, "3.0.0", "");
    assert_eq!(find("claude", &format!("relative:{}", directory.display())).await, Ok(()));
}
