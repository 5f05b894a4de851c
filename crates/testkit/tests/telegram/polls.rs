//! Long polls: waiting, acknowledging, rivals, webhooks, and updates that come twice or in no order.

use crate::client::{ANN, Bench};
use leashd_testkit::telegram::Delivery;
use serde_json::{Value, json};
use std::time::Duration;

fn texts(updates: &Value) -> Vec<&str> {
    updates.as_array().unwrap().iter().map(|it| it["message"]["text"].as_str().unwrap()).collect()
}

fn next(updates: &Value) -> i64 {
    updates.as_array().unwrap().iter().map(|it| it["update_id"].as_i64().unwrap()).max().unwrap() + 1
}

#[tokio::test]
async fn a_poll_waits_for_what_comes() {
    let bench = Bench::new().await;
    let polls = bench.server.polls();
    let poll = tokio::spawn(bench.client.ok("getUpdates", json!({"timeout": 50})));
    bench.server.until(|it| (it.polls() > polls).then_some(())).await;
    bench.ann.sends_text(ANN, "now");
    assert_eq!(texts(&poll.await.unwrap()), ["now"]);
    assert_eq!(bench.server.pending_updates(), 1, "not acknowledged");
    let updates = bench.client.ok("getUpdates", json!({"offset": -1})).await;
    let rest = json!({"offset": next(&updates), "timeout": 50});
    let poll = tokio::spawn(bench.client.ok("getUpdates", rest));
    bench.server.until(|it| (it.polls() > polls + 2).then_some(())).await;
    bench.server.advance(Duration::from_secs(50));
    assert_eq!(poll.await.unwrap(), json!([]), "it is over after its time");
}

#[tokio::test]
async fn the_older_of_two_pollers_is_sent_away() {
    let bench = Bench::new().await;
    let conflict =
        "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running";
    let client = bench.client.clone();
    let polls = bench.server.polls();
    let older = tokio::spawn(async move { client.call("getUpdates", json!({"timeout": 50})).await });
    bench.server.until(|it| (it.polls() > polls).then_some(())).await;
    let younger = tokio::spawn(bench.client.ok("getUpdates", json!({"timeout": 50})));
    bench.check(&older.await.unwrap(), 409, conflict, &[]);
    bench.ann.sends_text(ANN, "hello");
    assert_eq!(texts(&younger.await.unwrap()), ["hello"]);
    let client = bench.client.clone();
    let polls = bench.server.polls();
    let poll =
        tokio::spawn(
            async move { client.call("getUpdates", json!({"offset": i32::MAX, "timeout": 50})).await },
        );
    bench.server.until(|it| (it.polls() > polls).then_some(())).await;
    bench.ann.sends_text(ANN, "again");
    poll.await.unwrap();
    assert_eq!(bench.server.conflicts(), 1);
}

#[tokio::test]
async fn somebody_elses_webhook_and_rival_are_told() {
    let bench = Bench::new().await;
    bench.server.set_webhook("https://example.com/hook");
    let webhook = "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first";
    bench.check(&bench.client.call("getUpdates", json!({})).await, 409, webhook, &[]);
    assert_eq!(bench.client.ok("getWebhookInfo", json!({})).await["url"], "https://example.com/hook");
    bench.client.ok("deleteWebhook", json!({})).await;
    let polls = bench.server.polls();
    let client = bench.client.clone();
    let poll = tokio::spawn(async move { client.call("getUpdates", json!({"timeout": 50})).await });
    bench.server.until(|it| (it.polls() > polls).then_some(())).await;
    bench.server.rival_polls();
    assert_eq!(poll.await.unwrap().0, 409);
    assert_eq!(bench.server.conflicts(), 1);
}

#[tokio::test]
async fn updates_come_twice_again_and_backwards() {
    let bench = Bench::new().await;
    bench.ann.sends_text(ANN, "one");
    bench.ann.sends_text(ANN, "two");
    let poll = async |offset: i64| {
        bench.server.advance(Duration::from_secs(5));
        bench.client.ok("getUpdates", json!({"offset": offset})).await
    };
    bench.server.deliver(Delivery::Backwards);
    assert_eq!(texts(&poll(0).await), ["two", "one"]);
    bench.server.deliver(Delivery::Twice);
    let updates = poll(0).await;
    assert_eq!(texts(&updates), ["one", "one", "two", "two"]);
    assert_eq!(updates[0], updates[1]);
    bench.server.deliver(Delivery::Again);
    bench.ann.sends_text(ANN, "three");
    assert_eq!(texts(&poll(next(&updates)).await), ["one", "two", "three"]);
    assert_eq!(texts(&poll(next(&updates)).await), ["three"]);
    bench.server.deliver(Delivery::InOrder);
    bench.server.advance(Duration::from_secs(24 * 60 * 60));
    assert_eq!(poll(0).await, json!([]));
    assert_eq!(bench.server.expired_updates(), 1);
}

#[tokio::test]
async fn updates_may_be_anything() {
    let bench = Bench::new().await;
    bench.server.sends_raw_update(json!({"from_the_future": {"x": 1}}));
    bench.server.sends_raw_update(json!("not even an object"));
    bench.server.restart_update_ids(7);
    bench.ann.sends_text(ANN, "after a quiet week");
    let updates = bench.client.ok("getUpdates", json!({})).await;
    assert_eq!(updates[0]["from_the_future"]["x"], 1);
    assert_eq!(updates[1], "not even an object");
    assert_eq!(updates[2]["update_id"], 7);
}
