//! Pairing, privacy and groups.

use super::stage::{ANNA, Stage};
use super::{approval, daemon::person};
use leashd_connectors::telegram::{Options, Privacy, Token, pairing};
use leashd_testkit::telegram::TelegramServer;
use leashd_types::Answer;

#[tokio::test]
async fn whoever_sends_the_code_is_the_owner() {
    let server = TelegramServer::start().await.unwrap();
    let state = tempfile::tempdir().unwrap();
    let mut options = Options::new(Token::new(server.token()), state.path().to_owned());
    options.base_url = server.base_url();
    let (anna, eve) = (server.person(ANNA, "Anna"), server.person(666, "Eve"));
    let group = server.group(-7, "Team", &[&eve]);
    assert_eq!(pairing::bot(&options).await.unwrap().username, leashd_testkit::telegram::BOT_NAME);
    eve.sends_text(666, "000000");
    // A code that is read aloud in a group is nobody's.
    eve.sends_text(group.id(), &format!("/start@{} 123456", leashd_testkit::telegram::BOT_NAME));
    anna.sends_text(ANNA, " 123456 ");
    assert_eq!(pairing::run(&options, "123456").await.unwrap().as_str(), "42");
    let said = server.chat(ANNA).until_said("Connected").await;
    assert!(server.chat(666).from_bot().is_empty(), "{said:?}");
    for _ in 0..10 {
        eve.sends_text(666, "guess");
    }
    let guessed = pairing::run(&options, "654321").await;
    assert!(guessed.unwrap_err().to_string().contains("wrong codes"));
}

#[tokio::test]
async fn what_is_private_stays_on_the_machine() {
    let stage = Stage::with(|options| options.privacy = Privacy::Private).await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Reject").await;
    assert_eq!(card.labels(), ["Reject"], "what is not shown is not approved");
    stage.daemon.types(&session, "the answer").await;
    anna.taps(&card, "Reject");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::Deny);
    stage.daemon.lands(&ask, Answer::Deny, person(ANNA)).await;
    stage.daemon.turn_ends(&session, &[("Bash", 2)]).await;
    chat.until_said("Done").await;
    for message in chat.from_bot() {
        for version in message.versions() {
            for word in ["build", "the answer", "clean <up>"] {
                assert!(!version.text().contains(word), "{word}: {}", version.text());
            }
        }
    }
    stage.ends("private").await;
}

#[tokio::test]
async fn in_a_group_only_the_owner_of_a_session_presses_its_buttons() {
    let stage = Stage::new().await;
    let (anna, _) = stage.anna();
    let bob = stage.server.person(43, "Bob");
    stage.daemon.with(|world| world.allowed.insert("43".to_owned()));
    let group = stage.server.group(-7, "Team", &[&anna, &bob]);
    anna.sends_text(-7, &format!("@{} clean up", leashd_testkit::telegram::BOT_NAME));
    let (session, _) = stage.daemon.heard(1).await;
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = group.until_button("Approve").await;
    let foreign = bob.taps(&card, "Approve").answered(std::time::Duration::from_secs(10)).await;
    assert!(foreign.text.contains("somebody else's"), "{foreign:?}");
    anna.taps(&card, "Approve");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::AllowOnce);
    stage.daemon.lands(&ask, Answer::AllowOnce, person(ANNA)).await;
    let receipt = group.until_said("✅ Approved").await;
    assert!(receipt.text().contains("by Anna"), "{}", receipt.text());
}
