//! What the client says of itself and of what goes wrong.

use super::super::fixture::{Bench, access};
use super::super::{Access, Client, Failure, MenuCommand, Token};
use leashd_testkit::telegram::{BOT_NAME, Pace, Storm, Weather};

#[tokio::test]
async fn the_bot_says_who_it_is_and_gets_its_menu() {
    let bench = Bench::new(Pace::unlimited()).await;
    bench.server.set_webhook("https://example.com/hook");
    bench.client.delete_webhook().await.unwrap();
    assert_eq!(bench.client.me().await.unwrap().username, BOT_NAME);
    let command = MenuCommand { command: "stop".into(), description: "Stop what runs".into() };
    bench.client.set_menu(&[command]).await.unwrap();
    assert_eq!(bench.server.menu(), [("stop".to_owned(), "Stop what runs".to_owned())]);
    let failure = bench.client.fetch("no-such-file", 10).await.unwrap_err();
    assert!(failure.says("invalid file_id"), "{failure}");
}

#[tokio::test]
async fn no_error_says_the_token() {
    let bench = Bench::new(Pace::unlimited()).await;
    let secret = bench.server.token().rsplit(':').next().unwrap().to_owned();
    let mut said = vec![format!("{:?} {:?}", bench.client, access(&bench.server))];
    for weather in
        [Weather::Throttled(3), Weather::InternalError, Weather::BadGateway, Weather::Garbage, Weather::Reset]
    {
        bench.server.storm(Storm::of(weather).on("getMe").requests(1));
        let failure = bench.client.me().await.unwrap_err();
        assert!(failure.is_passing(), "{failure}");
        said.push(format!("{failure} {failure:?}"));
    }
    // Nobody listens at port 1.
    let nobody = Access { base_url: "http://127.0.0.1:1".into(), ..access(&bench.server) };
    let failure = Client::new(&nobody).unwrap().me().await.unwrap_err();
    assert!(matches!(failure, Failure::Network { .. }), "{failure}");
    said.push(format!("{failure} {failure:?}"));
    let wrong = Access { token: Token::new(&format!("x{}", bench.server.token())), ..nobody };
    let failure = Client::new(&wrong).unwrap_err();
    said.push(format!("{failure} {failure:?} {wrong:?}"));
    for said in said {
        assert!(!said.contains(&secret), "{said}");
    }
}
