//! The scripted agent behind the same interface: the file system is the witness.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use leashd_agents::{Act, Order, Scripted};
use leashd_testkit::Rig;
use leashd_types::{RanOutcome, TurnOutcome};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use support::{Driven, Person, SUPERVISOR};

fn uses(tool: &str, input: Value) -> Act {
    Act::Use { tool: tool.to_owned(), input }
}

async fn play(rig: &Rig, turns: Vec<Vec<Act>>) -> Driven {
    Driven::start(&Scripted::new(turns, Path::new(SUPERVISOR)), rig, rig.launch()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_permitted_happens_and_what_is_denied_does_not() {
    let rig = Rig::new().await;
    let file = rig.write("project/a.txt", "one");
    let turn = vec![
        Act::Say("Let me see.".to_owned()),
        uses("Read", json!({"file_path": file})),
        uses("Edit", json!({"file_path": file, "old_string": "one", "new_string": "two"})),
        uses("Write", json!({"file_path": rig.project().join("b.txt"), "content": "new"})),
        uses("Bash", json!({"command": "echo three > c.txt"})),
        uses("Bash", json!({"command": "touch denied"})),
        uses("Bash", json!({"command": "ls nowhere"})),
        Act::Say("All done.".to_owned()),
    ];
    let mut agent = play(&rig, vec![turn]).await;
    let deny = |call: &leashd_types::ToolCall| call.text("command").is_some_and(|it| it.contains("denied"));
    let end = agent.turn("go", |call| if deny(call) { Person::Denies } else { Person::Allows }).await;
    assert_eq!((end.outcome, end.result.as_str()), (TurnOutcome::Completed, "All done."));
    let content = |name: &str| fs::read_to_string(rig.project().join(name)).ok();
    let found = ["a.txt", "b.txt", "c.txt", "denied"].map(content);
    assert_eq!(found, [Some("two".to_owned()), Some("new".to_owned()), Some("three\n".to_owned()), None]);
    let ran: Vec<_> = agent.ran().iter().map(|ran| ran.outcome == RanOutcome::Ran).collect();
    assert_eq!(ran, [true, true, true, true, false, false]);
    assert!(agent.stop().await.0 == Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_call_is_withdrawn_by_an_interrupt_and_by_a_stop() {
    let rig = Rig::new().await;
    let turn = || vec![uses("Bash", json!({"command": "touch late"})), Act::Say("never".to_owned())];
    let mut agent = play(&rig, vec![turn(), turn()]).await;
    agent.say("go").await;
    let first = agent.call().await;
    agent.order(Order::Interrupt).await;
    assert_eq!(agent.rest(|_| Person::Thinks).await.outcome, TurnOutcome::Interrupted);
    agent.reply(&first, Person::Allows).await;
    agent.say("again").await;
    let second = agent.call().await;
    agent.stop().await;
    assert_eq!(agent.withdrawn(), [&first.id, &second.id]);
    assert!(!rig.project().join("late").exists());
}
