//! Chats and their sessions.

use super::{Script, chat, command, exited, from, open, open_to_all, say, turn_end};
use crate::{Config, Defaults, Input, Limits, RequestId};
use leashd_types::{
    Attended, Chat, Command, ConnectorKind, Envelope, Form, Mode, OpenSession, Receipt, SessionId,
    SessionRow, SessionState, TurnOutcome, UserId,
};

#[test]
fn a_chat_has_one_current_session() {
    let mut script = Script::opened();
    script.check_facts(command(open("s2")), &["session s1", "session s2"]);
    assert_eq!(script.engine.current(&chat()), Some(&SessionId::new("s2")));
    let switch = |id: &str| command(Command::Switch { session: SessionId::new(id) });
    script.check(switch("s1"), &["show session.switched", "accepted"]);
    assert_eq!(script.engine.current(&chat()), Some(&SessionId::new("s1")));
    script.check(switch("s9"), &["refused unknown"]);
    script.check(command(open("s1")), &["refused rejected"]);
    let elsewhere = Chat::new(ConnectorKind::Terminal, "2");
    let switch = Command::Switch { session: SessionId::new("s1") };
    script.check(from(elsewhere.clone(), "ann", switch), &["refused unknown"]);
    let order = OpenSession { resume: Some(SessionId::new("s1")), ..OpenSession::default() };
    let bring = from(elsewhere.clone(), "ann", Command::Open { order });
    script.check(bring, &["show session.switched", "accepted"]);
    assert_eq!(script.engine.current(&elsewhere), Some(&SessionId::new("s1")));
    assert_eq!(script.engine.current(&chat()), None);
}

/// Whoever says what the policy would do has to know which.
#[test]
fn a_view_names_the_policies_of_the_session() {
    let mut script = Script::opened();
    let (session, policy) = (SessionId::new("own"), vec!["strict".to_owned()]);
    let order = OpenSession {
        session: Some(session.clone()),
        directory: Some("/p".into()),
        policy: policy.clone(),
        ..OpenSession::default()
    };
    script.actions(command(Command::Open { order }));
    assert_eq!(script.engine.view(&session).unwrap().policy, policy);
}

#[test]
fn what_an_order_leaves_out_is_as_configured() {
    let defaults = Defaults { directory: "/p".into(), approved: vec!["/p".into()], ..Defaults::default() };
    let mut script = Script::blank(Config { defaults, ..open_to_all() });
    let actions = script.actions(command(Command::Open { order: OpenSession::default() }));
    let session = actions.iter().find_map(|action| match action {
        crate::Action::Receipt { receipt: Receipt::Accepted { session }, .. } => session.clone(),
        _ => None,
    });
    let session = session.unwrap();
    assert_eq!(session.as_str().len(), 36, "{session}");
    assert_eq!(script.engine.view(&session).unwrap().directory.to_str(), Some("/p"));
    for directory in ["/q", "/p/../q", "p", "/pp"] {
        let order = OpenSession { directory: Some(directory.into()), ..OpenSession::default() };
        script.check(command(Command::Open { order }), &["refused rejected"]);
    }
}

/// The name of a session becomes that of a directory, and an argument.
#[test]
fn a_session_has_a_plain_name() {
    let mut script = Script::opened();
    for name in ["", "..", "../x", "/etc", "a/b", "a b", "-p", "a.b", "ä", &"a".repeat(65)] {
        let id = || Some(SessionId::new(name));
        for order in [
            OpenSession { session: id(), directory: Some("/p".into()), ..OpenSession::default() },
            OpenSession { resume: id(), directory: Some("/p".into()), ..OpenSession::default() },
        ] {
            script.check(command(Command::Open { order }), &["refused rejected"]);
        }
    }
}

#[test]
fn sessions_have_a_limit() {
    let limits = Limits { sessions_max: 1, ..Limits::default() };
    let mut script = Script::opened_with(Config { limits, ..open_to_all() });
    script.check(command(open("s2")), &["refused rejected"]);
    let close = Command::Close { session: SessionId::new("s1") };
    script.check(command(close), &["show session.ended", "accepted"]);
    script.check(command(open("s2")), &["show session.opened", "accepted"]);
}

#[test]
fn a_close_waits_for_the_agent_and_takes_nothing_more() {
    let mut script = Script::asking();
    let close = Command::Close { session: script.session.clone() };
    script.check(command(close), &["settle withdrawn", "stop", "accepted"]);
    script.say("more", &["refused rejected"]);
    script.check_facts(script.input(exited(Some(0))), &["session s1", "user done go"]);
    assert!(script.engine.view(&script.session).is_none());
    script.check(command(say("s1", "x")), &["refused unknown"]);
}

#[test]
fn another_directory_is_another_conversation() {
    let mut script = Script::running();
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
    let (session, directory) = (script.session.clone(), "/q".into());
    let command_ = Command::SetDirectory { session, directory, workspace: None };
    script.check(command(command_), &["show session.directory", "stop", "accepted"]);
    script.agent(exited(Some(0)), &["ended"]);
    script.say("here", &["accepted", "start fresh"]);
    assert_eq!(script.engine.view(&script.session).unwrap().directory.to_str(), Some("/q"));
}

#[test]
fn the_same_message_is_accepted_once() {
    let mut script = Script::running();
    let with_key = |text: &str| {
        let (session, text) = (SessionId::new("s1"), text.to_owned());
        command(Command::Say { session, text, attachments: Vec::new(), key: Some("42".to_owned()) })
    };
    script.check(with_key("two"), &["show message.queued", "accepted"]);
    script.check(with_key("two"), &["duplicate"]);
}

/// A row as a store has it: closed, with a conversation that is not called like the session.
fn closed_row(chat: Chat) -> SessionRow {
    let mut script = Script::running();
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
    let row = script.engine.sessions.remove(&SessionId::new("s1")).unwrap().row;
    SessionRow { chat, state: SessionState::Closed, current: false, mode: Mode::Edit, ..row }
}

fn reopen(chat: Chat, row: SessionRow) -> Input {
    let order = OpenSession {
        session: Some(SessionId::new("s1")),
        resume: Some(SessionId::new("s1")),
        attended: Attended::Nobody,
        ..OpenSession::default()
    };
    let (from, form) = (UserId::new(chat.id.as_str()), Form::Command);
    let envelope = Envelope { chat, from, form, command: Command::Open { order } };
    Input::Reopen { request: RequestId(1), envelope, row: Box::new(row) }
}

#[test]
fn a_closed_session_goes_on_with_the_agents_own_conversation() {
    let mut script = Script::blank(open_to_all());
    script.check(reopen(chat(), closed_row(chat())), &["show session.opened", "accepted"]);
    let row = &script.engine.sessions[&SessionId::new("s1")].row;
    assert_eq!((row.turns, row.directory.to_str(), row.attended), (1, Some("/p"), Attended::Nobody));
    assert_eq!(row.mode, Mode::Default, "what was opened is not opened again");
    script.say("more", &["accepted", "start resume a1"]);
    script.agent(super::ready("a1"), &["show session.started", "show message.in", "prompt more"]);
}

#[test]
fn a_chat_of_telegram_goes_on_with_its_own_sessions_only() {
    let telegram = |id: &str| Chat::new(ConnectorKind::Telegram, id);
    let mut script = Script::blank(open_to_all());
    script.check(reopen(telegram("8"), closed_row(telegram("7"))), &["refused unknown"]);
    script.check(reopen(telegram("7"), closed_row(telegram("7"))), &["show session.opened", "accepted"]);
    let order = OpenSession { resume: Some(SessionId::new("s1")), ..OpenSession::default() };
    script.check(from(telegram("8"), "8", Command::Open { order }), &["refused unknown"]);
}

#[test]
fn a_session_nobody_knows_is_resumed_only_where_its_directory_is_said() {
    let mut script = Script::blank(open_to_all());
    let order = OpenSession { resume: Some(SessionId::new("s5")), ..OpenSession::default() };
    script.check(command(Command::Open { order: order.clone() }), &["refused unknown"]);
    let order = OpenSession { directory: Some("/p".into()), ..order };
    script.check(command(Command::Open { order }), &["show session.opened", "accepted"]);
    script.check(command(say("s5", "go")), &["accepted", "start resume s5"]);
}

#[test]
fn an_agent_is_started_anew_for_who_is_there() {
    let mut script = Script::running();
    script.agent(turn_end(TurnOutcome::Completed), &["show session.completed"]);
    let order =
        |attended| OpenSession { resume: Some(SessionId::new("s1")), attended, ..OpenSession::default() };
    let open = |attended| command(Command::Open { order: order(attended) });
    script.check(open(Attended::Somebody), &["show session.switched", "accepted"]);
    script.check(open(Attended::Nobody), &["stop", "show session.switched", "accepted"]);
}
