//! `kill -9` of the owner leaves nothing of the agent. The test starts itself again as the owner.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use leashd_testkit::Rig;
use serde_json::json;
use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use support::{Driven, Person, script};

const OWNER: &str = "LEASHD_TEST_OWNER";
const NAME: &str = "killing_the_owner_leaves_no_process";

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_owner_leaves_no_process() {
    if std::env::var_os(OWNER).is_some() {
        return be_the_owner().await;
    }
    let owner = Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture"])
        .env(OWNER, "1")
        .stdout(Stdio::piped())
        .spawn();
    let mut owner = owner.unwrap();
    let mut lines = BufReader::new(owner.stdout.take().unwrap()).lines();
    let rig = lines.find_map(|line| line.unwrap().split_once("rig=").map(|(_, rig)| rig.to_owned())).unwrap();
    assert!(processes(&rig) >= 3, "supervisor, agent and its tool run");
    owner.kill().unwrap();
    owner.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    while processes(&rig) > 0 {
        assert!(Instant::now() < deadline, "{} processes are left", processes(&rig));
        std::thread::sleep(Duration::from_millis(20));
    }
    fs::remove_dir_all(rig).unwrap();
}

/// Starts an agent whose tool runs for long in a session of its own, says so, and waits to be killed.
async fn be_the_owner() {
    let rig = Rig::new().await;
    let mut agent = Driven::claude(&rig).await;
    let flag = rig.project().join("tool-runs");
    let command = format!("touch {}; setsid sleep 900 & sleep 901; true", flag.display());
    agent.say(script(json!([{"tool": "Bash", "input": {"command": command}}]))).await;
    let call = agent.call().await;
    agent.reply(&call, Person::Allows).await;
    while !flag.exists() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    println!("rig={}", rig.path("").display());
    agent.until_gone().await;
}

/// Living processes whose environment or command line names the rig.
fn processes(rig: &str) -> usize {
    let rig = rig.trim_end_matches('/').as_bytes();
    let names = |path: std::path::PathBuf| {
        fs::read(path).is_ok_and(|text| text.windows(rig.len()).any(|part| part == rig))
    };
    let entries = fs::read_dir("/proc").unwrap().flatten();
    entries.filter(|it| names(it.path().join("environ")) || names(it.path().join("cmdline"))).count()
}
