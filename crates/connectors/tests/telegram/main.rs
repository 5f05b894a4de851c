//! Conversations on Telegram, against a server as strict as Telegram itself. The daemon is the test's own.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that fails ends"
)]

mod daemon;
mod edges;
mod git;
mod kills;
mod limits;
mod stage;

use daemon::{call, person};
use leashd_connectors::telegram::Privacy;
use leashd_testkit::telegram::{Delivery, Storm, Weather};
use leashd_types::{
    Answer, Approver, AskKind, AskState, Band, Choice, Command, Containment, Decision, Effect, Event,
    MessageId, MessageRow, MessageState, Mode, Money, PathText, PlanAnswer, Question, Role, RuleRef,
    SessionId, Stage as Layer, Timestamp, Verdict,
};
use serde_json::json;
use stage::{ANNA, Stage};
use std::collections::BTreeMap;
use std::time::Duration;

fn approval(session: &SessionId, command: &str) -> AskKind {
    let verdict = Verdict {
        decision: Decision::Ask,
        band: Band::High,
        rule: RuleRef { name: "delete".to_owned(), source: "default".to_owned(), line: 12 },
        reason: "it deletes files".to_owned(),
        stage: Layer::Policy,
        commands: Vec::new(),
        effects: vec![Effect::Delete {
            path: PathText::Exact("build".to_owned()),
            depth: leashd_types::Depth::Recursive,
            force: leashd_types::Force::Normal,
        }],
        nearest_allow: None,
    };
    AskKind::Approval {
        call: call(session, "Bash", json!({"command": command, "description": "clean <up> & go"})),
        verdict,
        session_rule: Some("rm -r build in /home/dev/proj".to_owned()),
        containment: Containment::Proven,
    }
}

#[tokio::test]
async fn approval_is_shown_as_landed_when_the_agent_has_it() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Approve").await;
    anna.taps(&card, "Approve");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::AllowOnce);
    chat.until_said("does not have it yet").await;
    // The old picture of the card: its buttons are worth nothing any more.
    let late = anna.taps(&card, "Reject").answered(Duration::from_secs(10)).await;
    assert!(late.text.contains("already"), "{late:?}");
    stage.daemon.lands(&ask, Answer::AllowOnce, person(ANNA)).await;
    chat.until_said("✅ Approved").await;
    stage.daemon.types(&session, "It is **gone**.").await;
    stage.daemon.turn_ends(&session, &[("Bash", 1)]).await;
    chat.until_said("🧰").await;
    stage.ends("approval").await;
}

#[tokio::test]
async fn plain_text_rejects_with_instructions() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    chat.until_button("Reject").await;
    anna.sends_text(ANNA, "only build/tmp, please");
    let instructions = "only build/tmp, please".to_owned();
    let answer = Answer::DenyWith { instructions };
    assert_eq!(stage.daemon.answered(&ask.id).await, answer);
    stage.daemon.lands(&ask, answer, person(ANNA)).await;
    chat.until_said("❌ Rejected with instructions").await;
    stage.ends("rejection").await;
}

#[tokio::test]
async fn a_plan_is_adjusted_and_then_approved() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_command(ANNA, "/plan tidy the parser");
    let (session, text) = stage.daemon.heard(1).await;
    assert_eq!(text, "tidy the parser");
    let plan = |text: &str| AskKind::PlanReview {
        call: call(&session, "ExitPlanMode", json!({})),
        plan: text.to_owned(),
    };
    let first = stage.daemon.asks(&session, plan("1. Rewrite everything")).await;
    let card = chat.until_button("Adjust…").await;
    anna.taps(&card, "Adjust…").answered(Duration::from_secs(10)).await;
    anna.sends_text(ANNA, "smaller steps");
    let adjust = Answer::Plan { review: PlanAnswer::Adjust { feedback: "smaller steps".to_owned() } };
    assert_eq!(stage.daemon.answered(&first.id).await, adjust);
    stage.daemon.lands(&first, adjust, person(ANNA)).await;
    chat.until_said("Plan to be adjusted").await;
    let second = stage.daemon.asks(&session, plan("1. Rename `parse`\n2. Test it")).await;
    let card = chat.until_button("Approve and edit freely").await;
    anna.taps(&card, "Approve and edit freely");
    let approve = Answer::Plan { review: PlanAnswer::ApproveAndEdit };
    assert_eq!(stage.daemon.answered(&second.id).await, approve);
    stage.daemon.lands(&second, approve, person(ANNA)).await;
    chat.until_said("Plan approved").await;
    stage.ends("plan").await;
}

#[tokio::test]
async fn questions_have_full_labels_and_take_words_too() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "set up the database");
    let (session, _) = stage.daemon.heard(1).await;
    let choice = |label: &str| Choice { label: label.to_owned(), description: String::new() };
    let long = "PostgreSQL, because a team will outgrow one machine sooner than anybody thinks";
    let question = |text: &str, multi_select, options| Question {
        question: text.to_owned(),
        header: String::new(),
        multi_select,
        options,
    };
    let questions = vec![
        question("Which database?", false, vec![choice("SQLite"), choice(long)]),
        question("Which tables?", true, vec![choice("users"), choice("orders"), choice("logs")]),
        question("What is it called?", false, Vec::new()),
    ];
    let kind = AskKind::Question { call: call(&session, "AskUserQuestion", json!({})), questions };
    let ask = stage.daemon.asks(&session, kind).await;
    let card = chat.until_button("2").await;
    anna.taps(&card, "2");
    let card = chat.until_button("Done").await;
    anna.taps(&card, "1");
    let card = chat.until_button("☑ 1").await;
    anna.taps(&card, "3");
    let card = chat.until_button("☑ 3").await;
    anna.taps(&card, "Done");
    chat.until_said("What is it called?").await;
    anna.sends_text(ANNA, "shop");
    let given = [("Which database?", long), ("Which tables?", "users, logs"), ("What is it called?", "shop")];
    let answers: BTreeMap<_, _> = given.into_iter().map(|(q, a)| (q.to_owned(), a.to_owned())).collect();
    let answer = Answer::Choices { answers };
    assert_eq!(stage.daemon.answered(&ask.id).await, answer);
    stage.daemon.lands(&ask, answer, person(ANNA)).await;
    chat.until_said("✅ Answered").await;
    stage.ends("question").await;
}

#[tokio::test]
async fn what_waits_can_be_sent_now() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "count to a million");
    let (session, _) = stage.daemon.heard(1).await;
    anna.sends_text(ANNA, "stop at ten");
    stage.daemon.heard(2).await;
    let prompt = chat.until_button("Send now 📩").await;
    anna.taps(&prompt, "Send now 📩");
    let interrupted = Command::Interrupt { session: session.clone() };
    stage.daemon.until(|world| world.accepted.iter().any(|it| it.command == interrupted).then_some(())).await;
    chat.until_said("📩 Sent now").await;
    anna.sends_text(ANNA, "and then rest");
    let prompt = chat.until_button("Wait ⏳").await;
    anna.taps(&prompt, "Wait ⏳");
    chat.until_said("It waits until").await;
    anna.sends_command(ANNA, "/stop");
    chat.until_said("⏹ Stopped").await;
    assert!(stage.daemon.commands().contains(&Command::Stop { session }));
    stage.ends("queue").await;
}

#[tokio::test]
async fn a_long_answer_comes_as_a_file() {
    let stage = Stage::with(|options| options.document_over = 6000).await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "show me");
    let (session, _) = stage.daemon.heard(1).await;
    for number in 0..200 {
        stage
            .daemon
            .types(&session, &format!("line {number} of a long answer that goes on and on\n\n"))
            .await;
    }
    stage.daemon.turn_ends(&session, &[]).await;
    chat.until(|chat| chat.from_bot().iter().find_map(|message| chat.file(message))).await;
    stage.ends("long").await;
}

#[tokio::test]
async fn a_stranger_meets_one_wall() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Approve").await;
    let eve = stage.server.person(666, "Eve");
    eve.sends_text(666, "rm -rf /");
    let wall = stage.server.chat(666);
    wall.until_said("not allowed").await;
    for command in
        ["/status", "/dir", "/git status", "/file /etc/passwd", "/stop", "/nonsense", "/help", "/audit"]
    {
        eve.sends_command(666, command);
    }
    eve.sends_document(666, "x.txt", "text/plain", "payload", "");
    eve.sends_voice(666, 3);
    let data = match &card.button("Approve").unwrap().press {
        leashd_testkit::telegram::Press::Data(data) => data.clone(),
        other => panic!("{other:?}"),
    };
    // Her own client says what Anna's button says.
    eve.forges_tap(&card, &data).answered(Duration::from_secs(10)).await;
    let own = wall.from_bot().remove(0);
    eve.forges_tap(&own, &data).answered(Duration::from_secs(10)).await;
    eve.forges_tap(&own, "approval:yes:1").answered(Duration::from_secs(10)).await;
    stage.server.until(|server| (server.pending_updates() == 0).then_some(())).await;
    assert_eq!(wall.from_bot().len(), 1, "one line, and no more for a minute");
    assert!(stage.daemon.with(|world| world.accepted.iter().all(|it| it.from.as_str() == "42")));
    // A forged tap of somebody who is known is told why.
    let forged = anna.forges_tap(&card, "0123456789abcdef").answered(Duration::from_secs(10)).await;
    assert!(forged.text.contains("does not know this button"), "{forged:?}");
    stage.daemon.lands(&ask, Answer::Deny, Approver::Nobody).await;
    chat.until_said("❌ Rejected").await;
    stage.ends("stranger").await;
}

#[tokio::test]
async fn cards_of_asks_that_are_over_say_so_after_a_restart() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "clean up");
    let (session, _) = stage.daemon.heard(1).await;
    let gone = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    let card = chat.until_button("Approve").await;
    stage.stops().await;
    stage.daemon.ends(&gone.id, AskState::Withdrawn, (Answer::Withdrawn, Approver::Nobody, Decision::Deny));
    let tap = anna.taps(&card, "Approve");
    anna.sends_text(ANNA, "are you there?");
    stage.starts().await;
    let answer = tap.answered(Duration::from_secs(10)).await;
    assert!(answer.text.contains("Withdrawn"), "{answer:?}");
    chat.until_said("↩️ Withdrawn").await;
    assert_eq!(stage.daemon.heard(2).await.1, "are you there?");
    chat.until_button("Send now 📩").await;
    stage.ends("restart").await;
}

#[tokio::test]
async fn nothing_is_lost_and_nothing_comes_twice_when_telegram_is_away() {
    let mut stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    stage.server.deliver(Delivery::Twice);
    anna.sends_text(ANNA, "one");
    let (session, _) = stage.daemon.heard(1).await;
    stage.server.deliver(Delivery::Again);
    stage.server.storm(Storm::of(Weather::Down).lasts(Duration::from_secs(600)));
    let ask = stage.daemon.asks(&session, approval(&session, "rm -r build")).await;
    stage.daemon.types(&session, "still here, all the time").await;
    anna.sends_text(ANNA, "/status");
    stage.server.advance(Duration::from_secs(600));
    let card = chat.until_button("Approve").await;
    stage.server.deliver(Delivery::Backwards);
    anna.taps(&card, "Approve");
    assert_eq!(stage.daemon.answered(&ask.id).await, Answer::AllowOnce);
    stage.daemon.lands(&ask, Answer::AllowOnce, person(ANNA)).await;
    chat.until_said("✅ Approved").await;
    stage.server.until(|server| (server.pending_updates() == 0).then_some(())).await;
    let said = stage.daemon.commands().into_iter().filter(|command| matches!(command, Command::Say { .. }));
    assert_eq!(said.count(), 1);
    stage.daemon.turn_ends(&session, &[]).await;
    chat.until_said("still here, all the time").await;
    // What waited on both sides may come in any order, but each comes once.
    stage.stops().await;
    assert_eq!(stage.server.rate_limited().answers, 0);
    assert_eq!(stage.server.unanswered_taps(), Vec::<String>::new());
    for text in ["✅ Approved by Anna", "Session: s1", "still here, all the time"] {
        let found = chat.from_bot().iter().filter(|it| it.text().contains(text)).count();
        assert_eq!(found, 1, "{text}: {}", chat.transcript().render());
    }
}

#[tokio::test]
async fn every_command_says_what_it_did() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    let answers = [
        ("/status", "No session yet"),
        ("/plan", "Plan mode"),
        ("/edit", "Edit mode"),
        ("/default", "Default mode"),
        ("/status", "Mode: default"),
        ("/dir site", "Now in /home/dev/site"),
        ("/ws shop", "Now in /home/dev/proj"),
        ("/ws exit", "a fresh conversation"),
        ("/session new", "A new session"),
        ("/session", "2 sessions"),
        ("/inbox", "Nothing waits"),
        ("/grants", "Nothing is approved"),
        ("/audit", "allow Read"),
        ("/resume", "no earlier conversation"),
        ("/explain ls", "not in this test"),
        ("/task build it", "not there yet"),
        ("/tasks", "not there yet"),
        ("/test", "not there yet"),
        ("/cancel", "No task is active"),
        ("/clear", "forgotten"),
        ("/stop", "Stopped"),
        ("/dir", "Where should the agent work"),
        ("/ws", "Workspaces"),
        ("/frobnicate", "no command /frobnicate"),
        ("/help", "/grants"),
    ];
    for (command, answer) in answers {
        let sent = anna.sends_command(ANNA, command);
        let reply = chat.until(|chat| chat.from_bot().into_iter().find(|it| it.reply_to == Some(sent))).await;
        assert!(reply.text().contains(answer), "{command}: {}", reply.text());
    }
    stage.ends("commands").await;
}

#[tokio::test]
async fn an_earlier_conversation_goes_on() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "today's work");
    let (session, _) = stage.daemon.heard(1).await;
    let row = |number: i64, session: &str, chat: i64, text: &str| MessageRow {
        id: MessageId::new(format!("m{number}")),
        session: SessionId::new(session),
        chat: daemon::chat(chat),
        turn: None,
        role: Role::User,
        from: None,
        key: None,
        text: text.to_owned(),
        attachments: Vec::new(),
        state: MessageState::Done,
        cost: Money::ZERO,
        duration_ms: 0,
        at: Timestamp::from_micros(number),
    };
    stage.daemon.with(|world| {
        world.messages = vec![
            row(5, session.as_str(), ANNA, "today's work"),
            row(4, "old2-x", ANNA, "mend the <parser>\nand test it"),
            row(3, "old1-x", ANNA, "write the docs"),
            row(2, "eves-x", 666, "a stranger's plans"),
            row(1, "old2-x", ANNA, "look at the parser"),
        ];
    });
    anna.sends_command(ANNA, "/resume");
    let list = chat.until_button("Go on with 2").await;
    assert_eq!(list.labels(), ["Go on with 1", "Go on with 2"]);
    anna.taps(&list, "Go on with 1");
    chat.until_said("Going on in session old2").await;
    let resumed = |command: &Command| match command {
        Command::Open { order } => order.resume.as_ref().map(|it| it.as_str().to_owned()),
        _ => None,
    };
    assert_eq!(stage.daemon.commands().iter().find_map(resumed).as_deref(), Some("old2-x"));
    anna.sends_text(ANNA, "where were we?");
    assert_ne!(stage.daemon.heard(2).await.0, session, "what is written goes to the resumed session");
    stage.ends("resume").await;
}

#[tokio::test]
async fn files_reach_the_agent_and_voice_does_not() {
    let stage = Stage::with(|options| options.privacy = Privacy::Full).await;
    let (anna, chat) = stage.anna();
    anna.sends_document(ANNA, "notes.txt", "text/plain", "remember ```this```", "read it");
    let (_, text) = stage.daemon.heard(1).await;
    assert_eq!(text, "read it\n\nFile `notes.txt`:\n````\nremember ```this```\n````");
    anna.sends_document(ANNA, "a.pdf", "application/pdf", "%PDF-1.7 …", "");
    stage.daemon.heard(2).await;
    chat.until_button("Wait ⏳").await;
    anna.sends_voice(ANNA, 5);
    chat.until_said("cannot listen").await;
    anna.sends_document(ANNA, "big.txt", "text/plain", vec![b'a'; 300 * 1024], "");
    chat.until_said("are possible").await;
    anna.sends_command(ANNA, "/file README.md");
    chat.until(|chat| chat.from_bot().iter().find_map(|message| chat.file(message))).await;
    let message = chat.from_bot().remove(0);
    anna.forwards(&message, ANNA);
    stage.ends("files").await;
}

#[tokio::test]
async fn a_background_session_sends_one_notice() {
    let stage = Stage::new().await;
    let (anna, chat) = stage.anna();
    anna.sends_text(ANNA, "first");
    let (first, _) = stage.daemon.heard(1).await;
    anna.sends_command(ANNA, "/session new");
    chat.until_said("A new session").await;
    stage.daemon.types(&first, "nobody reads this now").await;
    let ask = stage.daemon.asks(&first, approval(&first, "rm -r build")).await;
    chat.until_button("Approve").await;
    // What is written goes to the session of the chat, not to the card of another one.
    anna.sends_text(ANNA, "second");
    assert_ne!(stage.daemon.heard(2).await.0, first);
    stage.daemon.lands(&ask, Answer::Expired, Approver::Nobody).await;
    chat.until_said("nobody answered").await;
    stage.daemon.turn_ends(&first, &[]).await;
    chat.until_said("is done").await;
    stage.daemon.say(Event::ModeChanged { session: first, mode: Mode::Plan }).await;
    stage.ends("background").await;
}
