//! Laws that hold for whatever happens, wherever leashd is cut off, and whichever writes fail.

use super::{
    allowed, at, call, chat, denied, digest, exited, from, open, open_to_all, pending, ready, turn_end,
};
use crate::session::AgentState;
use crate::{Action, Config, Engine, Gated, Incarnation, Input, KeepFailure, Limits};
use leashd_types::{
    AgentEvent, Answer, Approver, AskId, AskRow, CallId, Command, Event, GrantRow, Kept, MessageRow,
    MessageState, Mode, Receipt, Restored, Seen, SessionId, SessionRow, SessionState, TurnOutcome, UserId,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What the store would have.
#[derive(Clone, Debug, Default)]
struct Store {
    sessions: BTreeMap<SessionId, SessionRow>,
    messages: Vec<MessageRow>,
    asks: BTreeMap<AskId, AskRow>,
    grants: BTreeMap<(SessionId, String), GrantRow>,
}

impl Store {
    fn keep(&mut self, facts: &[Kept]) {
        for fact in facts {
            match fact.clone() {
                Kept::Session(row) => drop(self.sessions.insert(row.session.clone(), row)),
                Kept::Message(row) => match self.messages.iter_mut().find(|known| known.id == row.id) {
                    Some(known) => *known = row,
                    None => self.messages.push(row),
                },
                Kept::Ask(row) => drop(self.asks.insert(row.ask.id.clone(), row)),
                Kept::Grant(row) => drop(self.grants.insert((row.session.clone(), row.id.clone()), row)),
                Kept::Run(_) | Kept::Event(_) => {}
            }
        }
    }

    fn restored(&self) -> Restored {
        let open = |session: &SessionId| {
            self.sessions.get(session).is_some_and(|row| row.state == SessionState::Open)
        };
        let live = |state| matches!(state, MessageState::Waiting | MessageState::Given);
        Restored {
            sessions: self.sessions.values().filter(|row| open(&row.session)).cloned().collect(),
            messages: self.messages.iter().filter(|row| live(row.state)).cloned().collect(),
            asks: self.asks.values().filter(|row| !row.state.is_over()).cloned().collect(),
            grants: self
                .grants
                .values()
                .filter(|row| row.revoked.is_none() && open(&row.session))
                .cloned()
                .collect(),
            last_event: 0,
        }
    }
}

/// The same of an engine.
fn live(engine: &Engine) -> Restored {
    let mut messages: Vec<MessageRow> = engine
        .sessions
        .values()
        .flat_map(|found| found.turn.iter().flat_map(|turn| &turn.messages).chain(&found.waiting))
        .map(|message| (**message).clone())
        .collect();
    messages.sort_by(|left, right| left.id.as_str().cmp(right.id.as_str()));
    Restored {
        sessions: engine.sessions.values().map(|found| found.row.clone()).collect(),
        messages,
        asks: engine.asks(),
        grants: engine.grants(),
        last_event: 0,
    }
}

#[derive(Clone, Debug)]
enum Op {
    Open(u8),
    Say(u8),
    Answer(u8, bool),
    Shown(u8),
    Interrupt(u8),
    Stop(u8),
    Clear(u8),
    Close(u8),
    Mode(u8),
    Directory(u8),
    Revoke,
    Grant(u8),
    /// What the agent of a session does next.
    Agent(u8, u8),
    Judge,
    Settle,
    Wait(u8),
    /// The next write fails.
    Fail,
    /// leashd is killed after so many actions.
    Kill(u8),
}

fn op() -> impl Strategy<Value = Op> {
    let session = 0..3_u8;
    prop_oneof![
        2 => session.clone().prop_map(Op::Open),
        8 => session.clone().prop_map(Op::Say),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(ask, yes)| Op::Answer(ask, yes)),
        1 => any::<u8>().prop_map(Op::Shown),
        2 => session.clone().prop_map(Op::Interrupt),
        2 => session.clone().prop_map(Op::Stop),
        1 => session.clone().prop_map(Op::Clear),
        1 => session.clone().prop_map(Op::Close),
        1 => session.clone().prop_map(Op::Mode),
        1 => session.clone().prop_map(Op::Directory),
        1 => Just(Op::Revoke),
        1 => session.clone().prop_map(Op::Grant),
        20 => (session, any::<u8>()).prop_map(|(session, what)| Op::Agent(session, what)),
        6 => Just(Op::Judge),
        4 => Just(Op::Settle),
        3 => any::<u8>().prop_map(Op::Wait),
        2 => Just(Op::Fail),
        1 => (0..6_u8).prop_map(Op::Kill),
    ]
}

fn id(number: u8) -> SessionId {
    SessionId::new(format!("s{}", number % 3))
}

/// Everything around the engine, as badly behaved as it can be.
struct Around {
    engine: Engine,
    store: Store,
    seconds: i64,
    fails: bool,
    /// Actions until leashd is killed.
    kill: Option<u8>,
    judging: Vec<(SessionId, Incarnation, CallId)>,
    settling: Vec<(SessionId, Incarnation, CallId, Answer, Approver)>,
    numbers: u32,
    // What was seen.
    accepted: BTreeSet<String>,
    given: BTreeMap<String, u32>,
    warned: String,
    settled: BTreeSet<(u32, SessionId, Incarnation, CallId)>,
    answered: BTreeSet<AskId>,
    kills: u32,
}

fn config() -> Config {
    let limits = Limits { agents_max: 2, retries: 1, ..Limits::default() };
    Config { limits, ..open_to_all() }
}

impl Around {
    fn new() -> Self {
        Self {
            engine: Engine::new(config()),
            store: Store::default(),
            seconds: 0,
            fails: false,
            kill: None,
            judging: Vec::new(),
            settling: Vec::new(),
            numbers: 0,
            accepted: BTreeSet::new(),
            given: BTreeMap::new(),
            warned: String::new(),
            settled: BTreeSet::new(),
            answered: BTreeSet::new(),
            kills: 0,
        }
    }

    fn input(&mut self, input: Input) {
        let mut text = None;
        if let Input::Command { envelope, .. } = &input
            && let Command::Say { text: said, .. } = &envelope.command
        {
            text = Some(said.clone());
        }
        let mut next = Some(input);
        while let Some(input) = next.take() {
            let actions = self.engine.step(input, at(self.seconds));
            let keeps = actions.iter().filter(|action| matches!(action, Action::Keep(_))).count();
            assert!(keeps == 0 || keeps == 1 && matches!(actions.first(), Some(Action::Keep(_))));
            next = self.perform(actions, text.as_deref());
        }
        self.check();
    }

    /// Performs actions in order; the input that has to follow.
    fn perform(&mut self, actions: Vec<Action>, text: Option<&str>) -> Option<Input> {
        for action in actions {
            if self.kill == Some(0) {
                self.kill = None;
                return self.restart();
            }
            self.kill = self.kill.map(|left| left.saturating_sub(1));
            match action {
                Action::Keep(_) if std::mem::take(&mut self.fails) => {
                    let reason = "disk full".to_owned();
                    return Some(Input::KeepFailed(KeepFailure::Failed { reason }));
                }
                Action::Keep(facts) => self.store.keep(&facts),
                Action::Continue => return Some(Input::Continue),
                Action::Receipt { receipt: Receipt::Accepted { .. }, .. } => {
                    self.accepted.extend(text.map(str::to_owned));
                }
                Action::Judge { incarnation, call } => {
                    self.judging.push((call.session, incarnation, call.id))
                }
                Action::Settle { session, incarnation, call, answer, by, .. } => {
                    let fresh = self.settled.insert((self.kills, session.clone(), incarnation, call.clone()));
                    assert!(fresh, "a call was settled twice");
                    self.settling.push((session, incarnation, call, answer, by));
                }
                Action::Show(event) => self.show(event),
                _ => {}
            }
        }
        None
    }

    fn show(&mut self, event: Event) {
        match event {
            Event::MessageIn { text, .. } => {
                for line in text.split("\n\n") {
                    *self.given.entry(line.to_owned()).or_default() += 1;
                }
            }
            Event::AskAnswered { ask, .. } => assert!(self.answered.insert(ask), "answered twice"),
            Event::Warning { message, .. } => self.warned.push_str(&message),
            _ => {}
        }
    }

    fn restart(&mut self) -> Option<Input> {
        self.kills += 1;
        self.judging.clear();
        self.settling.clear();
        self.seconds += 1;
        let (engine, actions) = Engine::restore(self.store.restored(), config(), at(self.seconds));
        self.engine = engine;
        self.perform(actions, None)
    }

    /// What the engine holds is what a start would begin with.
    fn check(&self) {
        for (text, times) in &self.given {
            assert_eq!(*times, 1, "{text} was given {times} times");
        }
        for text in &self.accepted {
            assert!(self.store.messages.iter().any(|row| row.text == *text), "{text} is lost");
        }
        if self.engine.durable.has_backlog() {
            return;
        }
        let mut kept = self.store.restored();
        kept.messages.sort_by(|left, right| left.id.as_str().cmp(right.id.as_str()));
        let live = live(&self.engine);
        assert_eq!(kept.sessions, live.sessions);
        assert_eq!(kept.messages, live.messages);
        assert_eq!(kept.asks, live.asks);
        assert_eq!(kept.grants, live.grants);
    }

    fn say(&mut self, session: u8) {
        self.numbers += 1;
        let text = format!("m{}", self.numbers);
        let session = id(session);
        let say = Command::Say { session, text, attachments: Vec::new(), key: None };
        self.input(from(chat(), "ann", say));
    }

    fn any_ask(&self, number: u8) -> Option<AskId> {
        let asks = self.engine.asks();
        asks.get(usize::from(number) % asks.len().max(1)).map(|row| row.ask.id.clone())
    }

    fn act(&mut self, op: Op) {
        let command = match op {
            Op::Open(number) => open(id(number).as_str()),
            Op::Say(number) => return self.say(number),
            Op::Answer(number, yes) => {
                let Some(ask) = self.any_ask(number) else { return };
                let answer = if yes { Answer::AllowOnce } else { Answer::Deny };
                Command::Answer { ask, answer, digest: digest() }
            }
            Op::Shown(number) => {
                let Some(ask) = self.any_ask(number) else { return };
                Command::Shown { ask, seen: Seen::Delivered }
            }
            Op::Interrupt(number) => Command::Interrupt { session: id(number) },
            Op::Stop(number) => Command::Stop { session: id(number) },
            Op::Clear(number) => Command::Clear { session: id(number) },
            Op::Close(number) => Command::Close { session: id(number) },
            Op::Mode(number) => Command::SetMode { session: id(number), mode: Mode::Plan },
            Op::Directory(number) => {
                Command::SetDirectory { session: id(number), directory: "/q".into(), workspace: None }
            }
            Op::Revoke => Command::Revoke { grant: "g".to_owned() },
            other => return self.around(other),
        };
        self.input(from(chat(), "ann", command));
    }

    fn around(&mut self, op: Op) {
        match op {
            Op::Grant(number) => self.input(Input::Granted(GrantRow {
                id: "g".to_owned(),
                session: id(number),
                rule: String::new(),
                by: UserId::new("ann"),
                given: at(0),
                revoked: None,
                body: serde_json::Value::Null,
            })),
            Op::Agent(number, what) => self.agent(&id(number), what),
            Op::Judge => {
                if let Some((session, incarnation, call)) = self.judging.pop() {
                    self.input(Input::Judged { session, incarnation, call, gated: pending() });
                }
            }
            Op::Settle => {
                if let Some((session, incarnation, call, answer, by)) = self.settling.pop() {
                    let gated = settled(&answer);
                    self.input(Input::Settled { session, incarnation, call, gated, answer, by });
                }
            }
            Op::Wait(seconds) => {
                self.seconds += i64::from(seconds) * 4;
                self.input(Input::Tick);
            }
            Op::Fail => self.fails = true,
            Op::Kill(after) => self.kill = Some(after),
            _ => {}
        }
    }

    fn agent(&mut self, session: &SessionId, what: u8) {
        let Some(found) = self.engine.sessions.get(session) else { return };
        let state = found.agent;
        let Some(incarnation) = state.incarnation() else { return };
        // What comes late, of an agent before this one.
        let incarnation = if what > 250 { Incarnation(incarnation.0.saturating_sub(1)) } else { incarnation };
        self.numbers += 1;
        let event = match (state, what % 8) {
            (AgentState::Starting { .. }, 0) => exited(None),
            (AgentState::Starting { .. }, _) => ready(&format!("a{}", self.numbers)),
            (AgentState::Stopping { .. }, 0..4) | (_, 0) => exited(Some(0)),
            (_, 1..4) => AgentEvent::ToolCall(call(session, &format!("c{}", self.numbers))),
            (_, 4) => turn_end(TurnOutcome::ApiError { status: None, message: String::new() }),
            (_, _) => turn_end(TurnOutcome::Completed),
        };
        self.input(Input::Agent { session: session.clone(), incarnation, event });
    }

    /// Lets everything come to its end, with a world that works.
    fn quiet(&mut self) {
        (self.fails, self.kill) = (false, None);
        for round in 0..200 {
            self.seconds += 400;
            self.input(Input::Tick);
            while !self.settling.is_empty() {
                self.around(Op::Settle);
            }
            self.judging.clear();
            for number in 0..3 {
                let session = id(number);
                let Some(found) = self.engine.sessions.get(&session) else { continue };
                let (agent, waiting) = (found.agent, found.waiting.len());
                let event = match agent {
                    AgentState::Starting { .. } => ready("a"),
                    AgentState::Stopping { .. } => exited(Some(0)),
                    AgentState::Running { .. } => turn_end(TurnOutcome::Completed),
                    // After an agent died it is a person who says how to go on.
                    AgentState::Absent if waiting > 0 && round % 10 == 0 => {
                        self.say(number);
                        continue;
                    }
                    AgentState::Absent | AgentState::InLine | AgentState::Idle { .. } => continue,
                };
                let Some(incarnation) = agent.incarnation() else { continue };
                self.input(Input::Agent { session, incarnation, event });
            }
        }
    }
}

fn settled(answer: &Answer) -> Gated {
    match answer {
        Answer::AllowOnce => allowed(),
        _ => denied(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_accepted_is_lost_and_nothing_is_done_twice(ops in prop::collection::vec(op(), 1..120)) {
        let mut around = Around::new();
        around.act(Op::Open(0));
        for op in ops {
            around.act(op);
        }
        around.quiet();
        for row in &around.store.messages {
            let over = matches!(row.state, MessageState::Done | MessageState::Dropped);
            prop_assert!(over, "{} is {:?}", row.text, row.state);
            if row.from.is_some() && row.state == MessageState::Done {
                let told = around.given.contains_key(&row.text) || around.warned.contains(&format!("“{}”", row.text));
                prop_assert!(told || around.kills > 1, "{} was never given", row.text);
            }
        }
        prop_assert!(around.engine.asks().is_empty());
        prop_assert!(!around.engine.durable.has_backlog());
    }
}
