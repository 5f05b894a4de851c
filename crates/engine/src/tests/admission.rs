//! Who is admitted: the same for every form and every command.

use super::{at, chat, digest};
use crate::admission::Door;
use crate::{Admission, Allowed, Rate};
use leashd_types::{
    Answer, AskId, Chat, Command, ConnectorKind, Envelope, Form, Mode, OpenSession, Refusal, Seen, SessionId,
    UserId,
};
use std::collections::BTreeSet;

fn commands() -> Vec<Command> {
    let session = || SessionId::new("s1");
    let ask = || AskId::new("a");
    vec![
        Command::Open { order: OpenSession::default() },
        Command::Switch { session: session() },
        Command::Say { session: session(), text: "x".to_owned(), attachments: Vec::new(), key: None },
        Command::Answer { ask: ask(), answer: Answer::AllowOnce, digest: digest() },
        Command::Answer { ask: ask(), answer: Answer::Deny, digest: digest() },
        Command::Shown { ask: ask(), seen: Seen::Seen },
        Command::Interrupt { session: session() },
        Command::Stop { session: session() },
        Command::Clear { session: session() },
        Command::SetMode { session: session(), mode: Mode::Edit },
        Command::SetDirectory { session: session(), directory: "/".into(), workspace: None },
        Command::Revoke { grant: "g".to_owned() },
        Command::Close { session: session() },
    ]
}

fn envelope(chat: Chat, from: &str, command: Command) -> Envelope {
    Envelope { chat, from: UserId::new(from), form: Form::Command, command }
}

fn users(names: &[&str]) -> Allowed {
    Allowed::Users(names.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>())
}

#[test]
fn nobody_else_gets_in_whatever_they_say_and_however() {
    let admission = Admission {
        telegram: users(&["111"]),
        groups: BTreeSet::from(["-5".to_owned()]),
        ..Admission::default()
    };
    let telegram = |id: &str| Chat::new(ConnectorKind::Telegram, id);
    for command in commands() {
        for form in [Form::Text, Form::Command, Form::Button, Form::File] {
            for (chat, from, allowed) in [
                (telegram("111"), "111", true),
                (telegram("666"), "666", false),
                (telegram("111"), "666", false),
                (telegram("-5"), "111", true),
                (telegram("-5"), "666", false),
                (telegram("-6"), "111", false),
                (chat(), "111", false),
                (Chat::new(ConnectorKind::Web, "111"), "111", false),
            ] {
                let envelope = Envelope { form, ..envelope(chat, from, command.clone()) };
                let admitted = Door::default().admit(&envelope, &admission, at(0));
                assert_eq!(admitted.is_ok(), allowed, "{envelope:?}");
            }
        }
    }
}

#[test]
fn a_bucket_for_each_person_and_stopping_is_free() {
    let rate = Rate { per_minute: 60, burst: 2 };
    let admission = Admission { rate, ..Admission::open() };
    let mut door = Door::default();
    let mut say = |from: &str, micros: i64, command: Command| {
        let now = leashd_types::Timestamp::from_micros(micros);
        match door.admit(&envelope(chat(), from, command), &admission, now) {
            Ok(()) => "in".to_owned(),
            Err(turned) => {
                let Refusal::RateLimited { retry_after_ms } = turned.refusal else { panic!() };
                format!("{retry_after_ms}{}", if turned.event.is_some() { " told" } else { "" })
            }
        }
    };
    let text = || commands().remove(2);
    for (from, micros, expected) in [
        ("ann", 0, "in"),
        ("ann", 0, "in"),
        ("ann", 0, "1000 told"),
        ("bob", 0, "in"),
        ("ann", 999_999, "1"),
        ("ann", 1_000_000, "in"),
        ("ann", 1_000_000, "1000"),
        // A clock that goes back earns nothing and costs nothing.
        ("ann", 500_000, "1000"),
        ("ann", 61_000_000, "in"),
        ("ann", 61_000_000, "in"),
        ("ann", 61_000_000, "1000 told"),
    ] {
        assert_eq!(say(from, micros, text()), expected, "{from} {micros}");
    }
    for command in commands() {
        let free = matches!(
            command,
            Command::Stop { .. }
                | Command::Interrupt { .. }
                | Command::Shown { .. }
                | Command::Answer { answer: Answer::Deny, .. }
        );
        assert_eq!(say("ann", 61_000_000, command.clone()) == "in", free, "{command:?}");
    }
}

#[test]
fn strangers_are_told_of_once_a_minute_and_cannot_fill_the_memory() {
    let admission = Admission::default();
    let mut door = Door::default();
    let mut told = |from: &str, seconds| {
        let turned = door.admit(&envelope(chat(), from, commands().remove(0)), &admission, at(seconds));
        turned.unwrap_err().event.is_some()
    };
    assert!(told("eve", 0));
    assert!(!told("eve", 59));
    assert!(told("eve", 60));
    let all: usize = (0..20_000).map(|number| usize::from(told(&format!("u{number}"), 61))).sum();
    assert_eq!(all, 9_999);
    assert!(told("eve", 200));
}
