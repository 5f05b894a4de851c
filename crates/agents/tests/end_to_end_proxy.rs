//! The real Claude Code behind the model API proxy: it works, and the person's key is nowhere it could look.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use leashd_proxy::{ApiEvent, ApiLimits, ApiProxy, Credential, Listener, Roots, Secret, Upstream};
use leashd_testkit::Rig;
use leashd_types::{RanOutcome, SessionId, TurnOutcome};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use support::{Driven, Person, bash, claude, script};
use tokio::sync::mpsc;

/// A proxy in front of `upstream` with the address it listens at, a key of a session, and what it reports.
async fn proxy(upstream: &str, credential: &Credential) -> (String, Secret, mpsc::Receiver<ApiEvent>) {
    let (sender, events) = mpsc::channel(1000);
    let upstream = Upstream::parse(upstream).unwrap();
    let proxy = ApiProxy::new(upstream, credential, &Roots::default(), ApiLimits::default(), sender);
    let proxy = Arc::new(proxy.unwrap());
    let key = proxy.sessions().issue(SessionId::new("s1")).unwrap();
    let listener = Listener::loopback(0).await.unwrap();
    let url = format!("http://{}", listener.address().unwrap());
    tokio::spawn(proxy.serve(listener));
    (url, key, events)
}

/// The files below `directory` that contain `text`.
fn containing(directory: &Path, text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            found.extend(containing(&entry.path(), text));
        } else if let Ok(bytes) = fs::read(entry.path())
            && bytes.windows(text.len()).any(|part| part == text.as_bytes())
        {
            found.push(entry.path().display().to_string());
        }
    }
    found
}

/// How many running processes have the rig's home in their environment, and how many of those have `text`.
fn environments(rig: &Rig, text: &str) -> (usize, usize) {
    let home = format!("HOME={}", rig.home().display());
    let has = |bytes: &[u8], text: &str| bytes.windows(text.len()).any(|part| part == text.as_bytes());
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|it| fs::read(it.ok()?.path().join("environ")).ok());
    let ours: Vec<_> = processes.filter(|environment| has(environment, &home)).collect();
    (ours.len(), ours.iter().filter(|environment| has(environment, text)).count())
}

/// A session whose key stands in `variable`.
async fn check(variable: &str, credential: impl Fn(Secret) -> Credential) {
    let rig = Rig::new().await;
    // Plays the vendor: a second proxy that answers to nobody but the person's real key.
    let nobody = Credential::ApiKey(Secret::new("nobody"));
    let (vendor, real, _vendor_events) = proxy(&rig.api.url(), &nobody).await;
    let (url, dummy, mut events) = proxy(&vendor, &credential(real.clone())).await;
    let mut launch = rig.launch();
    launch.environment.retain(|(name, _)| name != "ANTHROPIC_API_KEY" && name != "ANTHROPIC_BASE_URL");
    launch.environment.push(("ANTHROPIC_BASE_URL".into(), url.into()));
    launch.environment.push((variable.into(), dummy.expose().into()));
    let mut agent = Driven::start(&claude().await, &rig, launch).await.unwrap();
    let look = "env | sort > environment; echo $((40 + 2))-variables";
    let items =
        json!([{"text": "a".repeat(2000), "tool": "Bash", "input": bash(look)["input"]}, {"text": "ok"}]);
    let end = agent.turn(script(items), |_| Person::Allows).await;
    assert_eq!((end.outcome, agent.ran()[0].outcome.clone()), (TurnOutcome::Completed, RanOutcome::Ran));
    let (seen, keys) = environments(&rig, real.expose());
    assert!(seen >= 1 && keys == 0, "{keys} of {seen} processes of the agent have the key");
    agent.stop().await;

    let said = json!(rig.api.requests()).to_string();
    assert!(said.contains("42-variables"), "the result of the command came back");
    assert_eq!(containing(&rig.path(""), real.expose()), Vec::<String>::new());
    assert!(!said.contains(real.expose()));
    // Had the key been in a variable, the search would have found it: this is what such a variable looks like.
    assert_eq!(containing(&rig.project(), "ANTHROPIC_BASE_URL").len(), 1);
    let mut answered = 0;
    while let Ok(event) = events.try_recv() {
        match event {
            ApiEvent::Answered { status: 200, path: "/v1/messages", received: 1.., .. } => answered += 1,
            other => panic!("the agent asks for more than it is given: {other:?}"),
        }
    }
    assert!(answered >= 2, "{answered}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_stays_with_leashd() {
    check("ANTHROPIC_API_KEY", Credential::ApiKey).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_token_stays_with_leashd() {
    check("ANTHROPIC_AUTH_TOKEN", Credential::Bearer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_token_stays_with_leashd() {
    check("CLAUDE_CODE_OAUTH_TOKEN", Credential::Bearer).await;
}
