//! What the network and an overloaded server can do, and that nothing of it happens by halves.

use crate::client::{ANN, Bench};
use leashd_testkit::telegram::{Outcome, Storm, Weather};
use serde_json::{Value, json};
use std::time::Duration;

/// What a call in this weather gives, and whether it was carried out.
async fn in_weather(weather: Weather) -> (Result<(u16, Vec<u8>), String>, bool) {
    let bench = Bench::new().await;
    bench.server.storm(Storm::of(weather).on("sendMessage").requests(1));
    let request = json!({"chat_id": ANN, "text": "hello"}).to_string();
    let answer = bench.client.try_post("sendMessage", "application/json", request.clone()).await;
    let done = !bench.chat.from_bot().is_empty();
    assert_eq!(bench.server.storms_met(), 1);
    let again = bench.client.try_post("sendMessage", "application/json", request).await.unwrap();
    assert_eq!(again.0, 200, "the storm is over");
    let lost = bench.server.calls().iter().any(|it| it.outcome == Outcome::Lost);
    assert_eq!(lost, !done);
    (answer.map(|(status, body)| (status, body.to_vec())), done)
}

#[tokio::test]
async fn errors_are_answered_and_nothing_is_done() {
    for (weather, status) in [
        (Weather::Throttled(7), 429),
        (Weather::InternalError, 500),
        (Weather::BadGateway, 502),
        (Weather::Garbage, 200),
    ] {
        let (answer, done) = in_weather(weather.clone()).await;
        let (found, body) = answer.unwrap();
        assert_eq!((found, done), (status, false), "{weather:?}");
        match weather {
            Weather::Throttled(_) => {
                let body: Value = serde_json::from_slice(&body).unwrap();
                assert_eq!(body["parameters"]["retry_after"], 7);
            }
            Weather::InternalError => assert!(body.starts_with(b"{")),
            _ => assert!(serde_json::from_slice::<Value>(&body).is_err()),
        }
    }
}

#[tokio::test]
async fn connections_break_before_and_after() {
    for (weather, expected) in
        [(Weather::Reset, false), (Weather::LostAnswer, true), (Weather::HalfAnswer, true)]
    {
        let (answer, done) = in_weather(weather.clone()).await;
        assert!(answer.is_err(), "{weather:?}: {answer:?}");
        assert_eq!(done, expected, "{weather:?}");
    }
}

#[tokio::test]
async fn no_answer_ever_comes() {
    let bench = Bench::new().await;
    bench.server.storm(Storm::of(Weather::Hang).on("getMe").requests(1));
    let call = bench.client.try_post("getMe", "application/json", "{}");
    assert!(tokio::time::timeout(Duration::from_millis(200), call).await.is_err());
    bench.client.ok("getMe", json!({})).await;
}

#[tokio::test]
async fn everything_is_down_for_ten_minutes() {
    let bench = Bench::new().await;
    let polls = bench.server.polls();
    let client = bench.client.clone();
    let poll = tokio::spawn(async move {
        client.try_post("getUpdates", "application/json", json!({"timeout": 50}).to_string()).await
    });
    bench.server.until(|it| (it.polls() > polls).then_some(())).await;
    bench.server.storm(Storm::of(Weather::Down).lasts(Duration::from_secs(600)));
    assert!(poll.await.unwrap().is_err(), "a waiting poll breaks");
    bench.ann.sends_text(ANN, "are you there?");
    assert!(bench.client.try_post("getMe", "application/json", "{}").await.is_err());
    bench.server.advance(Duration::from_secs(600));
    let updates = bench.client.ok("getUpdates", json!({})).await;
    assert_eq!(updates[0]["message"]["text"], "are you there?", "nothing is lost");
    bench.server.storm(Storm::of(Weather::InternalError));
    assert_eq!(bench.client.call("getMe", json!({})).await.0, 500);
    bench.server.calm();
    bench.client.ok("getMe", json!({})).await;
}
