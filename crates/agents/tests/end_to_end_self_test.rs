//! The self-test says yes about the pinned version, and would say no.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test"
)]

mod support;

use leashd_agents::claude::{Fact, self_test};
use leashd_testkit::Rig;
use leashd_types::Answer;
use support::{Warden, claude};

#[tokio::test(flavor = "multi_thread")]
async fn the_pinned_version_holds_every_fact() {
    let rig = Rig::new().await;
    let warden = Warden::new(&rig);
    let permit = |call: &leashd_types::ToolCall| warden.permit(call, &Answer::AllowOnce).ok();
    let broken = self_test(&claude().await, &rig.path("scratch"), &permit).await.unwrap();
    assert_eq!(broken, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fact_that_is_not_seen_is_broken() {
    let rig = Rig::new().await;
    let scratch = rig.path("scratch");
    let broken = self_test(&claude().await, &scratch, &|_| None).await.unwrap();
    let seen: Vec<_> = broken.iter().map(|broken| (broken.fact, broken.seen.as_str())).collect();
    assert_eq!(
        seen,
        [(Fact::AllToolsAsk, "Bash of a helper did not ask")],
        "without a helper nobody saw it ask"
    );
}
