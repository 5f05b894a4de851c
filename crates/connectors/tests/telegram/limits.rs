//! As fast as Telegram allows and no faster, by the server's own record of messages and edits.

use super::stage::Stage;
use leashd_types::{Event, SessionId};
use std::time::Duration;

/// Lines to a group: more than may be sent there within a minute.
const LINES: usize = 30;

#[tokio::test]
async fn a_hundred_chats_stream_at_once_within_the_limits() {
    let mut stage = Stage::new().await;
    let people: Vec<i64> = (1000..1097).collect();
    let groups = [-1, -2, -3];
    let everybody = people.iter().map(|id| (*id, *id)).chain(groups.iter().map(|id| (1000 - id, *id)));
    let everybody: Vec<(i64, i64)> = everybody.collect();
    stage.daemon.with(|world| world.allowed.extend(everybody.iter().map(|(person, _)| person.to_string())));
    for (id, chat) in &everybody {
        let person = stage.server.person(*id, "Someone");
        if *chat < 0 {
            drop(stage.server.group(*chat, "Team", &[&person]));
        }
        let name = leashd_testkit::telegram::BOT_NAME;
        person.sends_text(*chat, &if *chat < 0 { format!("@{name} go") } else { "go".to_owned() });
    }
    let mut sessions: Vec<SessionId> = Vec::new();
    for number in 1..=everybody.len() {
        sessions.push(stage.daemon.heard(number).await.0);
    }
    for _ in 0..10 {
        for session in &sessions {
            stage.daemon.types(session, "a few more words, ").await;
        }
    }
    for id in groups {
        let session = stage.daemon.session_of(id);
        for number in 0..LINES {
            let message = format!("something to know, {number}");
            stage.daemon.say(Event::Warning { session: session.clone(), message }).await;
        }
    }
    for session in &sessions {
        stage.daemon.types(session, "the end").await;
        stage.daemon.turn_ends(session, &[("Read", 2)]).await;
    }
    let said = |id: i64, text: &str| {
        stage.server.chat(id).from_bot().iter().filter(|it| it.text().contains(text)).count()
    };
    let all = stage.server.until_within(Duration::from_secs(90), |_| {
        let ended = people.iter().all(|id| said(*id, "the end") > 0);
        // The rest of the minute belongs to what is more urgent.
        let full = groups.iter().all(|id| said(*id, "") >= 18);
        (ended && full).then_some(())
    });
    all.await;
    stage.stops().await;
    assert_eq!(stage.server.rate_limited().answers, 0);
    for (_, chat) in &everybody {
        assert_eq!(stage.server.busiest(Some(*chat), Duration::from_secs(1)), 1, "chat {chat}");
        let edits = stage.server.chat(*chat).from_bot().iter().map(|it| it.before.len()).sum::<usize>();
        assert!(*chat < 0 || edits > 0, "chat {chat} did not stream");
    }
    for group in groups {
        let busiest = stage.server.busiest(Some(group), Duration::from_secs(60));
        assert!((18..=20).contains(&busiest), "group {group}: {busiest}");
    }
    assert!(stage.server.busiest(None, Duration::from_secs(1)) <= 30);
}
