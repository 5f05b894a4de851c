//! Killed at the worst moments: nothing is lost, nothing is done twice, and cards tell the truth.

use super::approval;
use super::daemon::{World, person};
use super::stage::{ANNA, Stage};
use leashd_testkit::telegram::{Chat, Message, Storm, Weather};
use leashd_types::{Answer, Approver, AskState, Command, Decision, GitEnd, GitOrder, GitSaid};
use std::time::Duration;

const SOON: Duration = Duration::from_secs(10);

/// Waits until only a line is left of a card.
async fn becomes(chat: &Chat, card: &Message, text: &str) {
    let is_so = |it: &Message| it.labels().is_empty() && it.text().contains(text);
    chat.until(|chat| chat.message(card.id).filter(is_so)).await;
}

fn withdrawn() -> (Answer, Approver, Decision) {
    (Answer::Withdrawn, Approver::Nobody, Decision::Deny)
}

#[tokio::test]
async fn a_receipt_that_did_not_arrive_is_sent_after_the_restart() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Approve").await;
    stage.server.storm(Storm::of(Weather::Reset).on("editMessageText"));
    let tap = anna.taps(&card, "Approve");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::AllowOnce);
    tap.answered(SOON).await;
    stage.daemon.lands(&ask, Answer::AllowOnce, person(ANNA)).await;
    stage.server.until(|server| (server.storms_met() > 0).then_some(())).await;
    stage.kills().await;
    stage.server.calm();
    stage.starts().await;
    becomes(&chat, &card, "✅ Approved by Anna").await;
    stage.stops().await;
}

#[tokio::test]
async fn a_card_whose_place_nobody_heard_of_is_over_with_the_next_tap() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    stage.server.storm(Storm::of(Weather::LostAnswer).on("sendMessage"));
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Approve").await;
    stage.kills().await;
    stage.server.calm();
    stage.daemon.ends(&ask.id, AskState::Withdrawn, withdrawn());
    stage.starts().await;
    let tap = anna.taps(&card, "Approve").answered(SOON).await;
    assert!(tap.text.contains("Withdrawn"), "{tap:?}");
    becomes(&chat, &card, "↩️ Withdrawn").await;
    stage.stops().await;
}

#[tokio::test]
async fn a_tap_tells_where_its_card_stands() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    stage.server.storm(Storm::of(Weather::LostAnswer).on("sendMessage"));
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Approve").await;
    let tap = anna.taps(&card, "Approve");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::AllowOnce);
    stage.kills().await;
    stage.server.calm();
    stage.daemon.ends(&ask.id, AskState::Withdrawn, withdrawn());
    stage.starts().await;
    becomes(&chat, &card, "↩️ Withdrawn").await;
    tap.answered(SOON).await;
    stage.stops().await;
}

#[tokio::test]
async fn a_card_that_may_have_been_sent_twice_is_over_twice() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    stage.server.storm(Storm::of(Weather::LostAnswer).on("sendMessage"));
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let first = chat.until_button("Approve").await;
    stage.kills().await;
    stage.server.calm();
    stage.starts().await;
    let other = |it: &Message| it.id != first.id && it.button("Approve").is_some();
    let second = chat.until(|chat| chat.from_bot().into_iter().find(other)).await;
    let tap = anna.taps(&first, "Approve");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::AllowOnce);
    stage.daemon.lands(&ask, Answer::AllowOnce, person(ANNA)).await;
    for card in [&first, &second] {
        becomes(&chat, card, "✅ Approved by Anna").await;
    }
    tap.answered(SOON).await;
    stage.stops().await;
}

#[tokio::test]
async fn a_tap_is_answered_even_if_the_answer_was_lost_with_the_process() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Approve").await;
    stage.server.storm(Storm::of(Weather::Reset).on("answerCallbackQuery"));
    let tap = anna.taps(&card, "Approve");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::AllowOnce);
    stage.server.until(|server| (server.storms_met() > 0).then_some(())).await;
    stage.kills().await;
    stage.server.calm();
    stage.starts().await;
    tap.answered(SOON).await;
    // The agent has it only now.
    chat.until_said("does not have it yet").await;
    stage.daemon.lands(&ask, Answer::AllowOnce, person(ANNA)).await;
    becomes(&chat, &card, "✅ Approved by Anna").await;
    stage.stops().await;
}

/// Sends something that is accepted, kills before anybody hears of it, and starts again.
async fn cut_off<T>(stage: &mut Stage, wanted: fn(&Command) -> bool, send: impl FnOnce() -> T) {
    let count = |world: &World| world.accepted.iter().filter(|it| wanted(&it.command)).count();
    let before = stage.daemon.with(|world| count(world));
    stage.daemon.with(|world| world.kept_back = Some(wanted));
    send();
    stage.daemon.until(|world| (count(world) > before).then_some(())).await;
    stage.kills().await;
    stage.daemon.with(|world| world.kept_back = None);
    stage.starts().await;
}

#[tokio::test]
async fn what_was_accepted_is_not_accepted_twice() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "go");
    stage.daemon.heard(1).await;
    cut_off(&mut stage, |it| matches!(it, Command::Stop { .. }), || anna.sends_command(ANNA, "/stop")).await;
    chat.until_said("does not do it a second time").await;
    cut_off(&mut stage, |it| matches!(it, Command::SetMode { .. }), || anna.sends_command(ANNA, "/plan"))
        .await;
    cut_off(&mut stage, |it| matches!(it, Command::Clear { .. }), || anna.sends_command(ANNA, "/clear"))
        .await;
    anna.sends_command(ANNA, "/session");
    let list = chat.until_button("New session").await;
    cut_off(&mut stage, |it| matches!(it, Command::Open { .. }), || anna.taps(&list, "New session")).await;
    cut_off(
        &mut stage,
        |it| matches!(it, Command::Say { text, .. } if text == "once"),
        || {
            anna.sends_text(ANNA, "once");
        },
    )
    .await;
    stage.server.until(|server| (server.pending_updates() == 0).then_some(())).await;
    let commands = stage.daemon.commands();
    let count = |wanted: fn(&Command) -> bool| commands.iter().filter(|it| wanted(it)).count();
    assert_eq!(count(|it| matches!(it, Command::Stop { .. })), 1);
    assert_eq!(count(|it| matches!(it, Command::SetMode { .. })), 1);
    assert_eq!(count(|it| matches!(it, Command::Clear { .. })), 1);
    assert_eq!(count(|it| matches!(it, Command::Open { .. })), 2, "{commands:#?}");
    assert_eq!(count(|it| matches!(it, Command::Say { text, .. } if text == "once")), 1);
    stage.stops().await;
    assert_eq!(stage.server.unanswered_taps(), Vec::<String>::new());
}

#[tokio::test]
async fn what_git_was_told_it_is_not_told_twice() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    stage.daemon.with(|world| {
        let said = GitSaid { end: GitEnd::Done, text: String::new(), cut: 0 };
        let target = "origin\nmain\nhttps://example.com/x.git\n".to_owned();
        world.git_says.insert("push-target".to_owned(), GitSaid { text: target, ..said.clone() });
        world.git_says.insert("push".to_owned(), said);
    });
    anna.sends_command(ANNA, "/git push");
    let card = chat.until_button("Push").await;
    // The tap is not answered, so it is not over.
    stage.server.storm(Storm::of(Weather::Reset).on("answerCallbackQuery"));
    let tap = anna.taps(&card, "Push");
    let push = |it: &&GitOrder| matches!(it, GitOrder::Push { .. });
    stage.daemon.until(|world| world.git.iter().find(push).map(drop)).await;
    stage.kills().await;
    stage.server.calm();
    stage.starts().await;
    tap.answered(SOON).await;
    stage.server.until(|server| (server.pending_updates() == 0).then_some(())).await;
    assert_eq!(stage.daemon.with(|world| world.git.iter().filter(push).count()), 1);
    stage.stops().await;
}

#[tokio::test]
async fn killed_whenever_a_tap_opens_one_session() {
    for pause in [0, 2, 5, 10, 15, 25] {
        let mut stage = Stage::new().await;
        let (anna, chat) = stage.anna();
        anna.sends_text(ANNA, "go");
        stage.daemon.heard(1).await;
        anna.sends_command(ANNA, "/session");
        let list = chat.until_button("New session").await;
        anna.taps(&list, "New session");
        // Whatever the moment.
        tokio::time::sleep(Duration::from_millis(pause)).await;
        stage.kills().await;
        stage.starts().await;
        anna.sends_text(ANNA, "once");
        stage.daemon.heard(2).await;
        stage.server.until(|server| (server.pending_updates() == 0).then_some(())).await;
        let commands = stage.daemon.commands();
        let opened = commands.iter().filter(|it| matches!(it, Command::Open { .. })).count();
        assert!(opened <= 2, "after {pause} ms: {commands:#?}");
        stage.stops().await;
    }
}
