//! The other end of the desk, as a test wants it: admits who is on its list, keeps sessions and asks, and says what the
//! test tells it to. Judges nothing.

use leashd_connectors::{Delivery, Desk, Query};
use leashd_types::{
    AgentKind, Answer, Approver, Ask, AskId, AskKind, AskOutcome, AskRow, AskState, AskStep, CallId, Chat,
    Command, ConnectorKind, Decision, Digest, Envelope, Event, GitOrder, GitSaid, MessageRow, Mode, Money,
    PlaceView, Receipt, Refusal, SessionId, SessionView, Timestamp, ToolCall, ToolSummary, TurnId,
    TurnOutcome, Usage, UserId, WorkspaceView,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

#[derive(Debug, Default)]
pub(crate) struct World {
    pub(crate) allowed: BTreeSet<String>,
    sessions: BTreeMap<SessionId, SessionView>,
    asks: BTreeMap<AskId, AskRow>,
    keys: BTreeSet<(String, String)>,
    /// Everything that was accepted, oldest first.
    pub(crate) accepted: Vec<Envelope>,
    /// Everything that was asked of git.
    pub(crate) git: Vec<GitOrder>,
    pub(crate) git_says: BTreeMap<String, GitSaid>,
    /// Instead of what `/file` would find.
    pub(crate) file: Option<Vec<u8>>,
    /// What was said before, newest first.
    pub(crate) messages: Vec<MessageRow>,
    /// Commands that are carried out, and nobody hears of it.
    pub(crate) kept_back: Option<fn(&Command) -> bool>,
    receipts: Vec<oneshot::Sender<Receipt>>,
    opened: usize,
    asked: usize,
}

/// Survives restarts of the connector.
#[derive(Clone, Debug)]
pub(crate) struct Daemon {
    world: Arc<Mutex<World>>,
    events: Arc<Mutex<Option<mpsc::Sender<Event>>>>,
    changes: watch::Sender<u64>,
}

impl Daemon {
    pub(crate) fn new(allowed: &[i64]) -> Self {
        let world = World { allowed: allowed.iter().map(ToString::to_string).collect(), ..World::default() };
        Self { world: Arc::new(Mutex::new(world)), events: Arc::default(), changes: watch::channel(0).0 }
    }

    /// A desk for a connector that starts now.
    pub(crate) fn desk(&self) -> Desk {
        let (deliveries, delivered) = mpsc::channel(64);
        let (queries, queried) = mpsc::channel(64);
        let (shows, events) = mpsc::channel(1024);
        *self.events.lock().unwrap() = Some(shows);
        tokio::spawn(self.clone().deliver(delivered));
        tokio::spawn(self.clone().answer(queried));
        Desk { deliveries, queries, events }
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        let result = work(&mut self.world.lock().unwrap());
        self.changes.send_modify(|count| *count += 1);
        result
    }

    pub(crate) async fn say(&self, event: Event) {
        let sender = self.events.lock().unwrap().clone();
        if let Some(sender) = sender {
            sender.send(event).await.unwrap();
        }
    }

    /// Waits until the daemon knows something.
    pub(crate) async fn until<T>(&self, found: impl Fn(&World) -> Option<T>) -> T {
        let mut changes = self.changes.subscribe();
        let looking = async {
            loop {
                changes.borrow_and_update();
                if let Some(found) = found(&self.world.lock().unwrap()) {
                    return found;
                }
                changes.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), looking).await;
        waited.unwrap_or_else(|_| panic!("not so in time: {:#?}", self.world.lock().unwrap().accepted))
    }

    /// Waits for the n-th message to the agent, from one.
    pub(crate) async fn heard(&self, number: usize) -> (SessionId, String) {
        self.until(|world| {
            let said = world.accepted.iter().filter_map(|envelope| match &envelope.command {
                Command::Say { session, text, .. } => Some((session.clone(), text.clone())),
                _ => None,
            });
            said.into_iter().nth(number - 1)
        })
        .await
    }

    /// Waits for the answer to an ask.
    pub(crate) async fn answered(&self, ask: &AskId) -> Answer {
        self.until(|world| {
            world.accepted.iter().find_map(|envelope| match &envelope.command {
                Command::Answer { ask: answered, answer, .. } if answered == ask => Some(answer.clone()),
                _ => None,
            })
        })
        .await
    }

    pub(crate) fn session_of(&self, chat: i64) -> SessionId {
        let here = self::chat(chat);
        let found =
            |world: &World| world.sessions.values().find(|it| it.chat == here).map(|it| it.session.clone());
        found(&self.world.lock().unwrap()).unwrap()
    }

    pub(crate) fn commands(&self) -> Vec<Command> {
        self.with(|world| world.accepted.iter().map(|envelope| envelope.command.clone()).collect())
    }

    /// The agent asks.
    pub(crate) async fn asks(&self, session: &SessionId, kind: AskKind) -> Ask {
        let ask = self.with(|world| {
            world.asked += 1;
            let created = Timestamp::from_micros(1_800_000_000_000_000);
            let ask = Ask {
                id: AskId::new(format!("ask-{}", world.asked)),
                session: session.clone(),
                kind,
                digest: Digest::plain(&[world.asked.to_string().as_bytes()]),
                created,
                expires: created.after(Duration::from_secs(300)),
            };
            let chat = world.sessions[session].chat.clone();
            let row = AskRow {
                ask: ask.clone(),
                call: CallId::new("call"),
                chat,
                state: AskState::Created,
                steps: Vec::new(),
            };
            world.asks.insert(ask.id.clone(), row);
            ask
        });
        self.say(match &ask.kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
                Event::ApprovalRequested { ask: ask.clone() }
            }
            AskKind::PlanReview { .. } | AskKind::Question { .. } => {
                Event::InteractionRequested { ask: ask.clone() }
            }
        })
        .await;
        ask
    }

    /// The agent has the answer.
    pub(crate) async fn lands(&self, ask: &Ask, answer: Answer, by: Approver) {
        let decision = match answer {
            Answer::AllowOnce | Answer::AllowSession | Answer::Choices { .. } => Decision::Allow,
            Answer::Plan {
                review: leashd_types::PlanAnswer::Approve | leashd_types::PlanAnswer::ApproveAndEdit,
            } => Decision::Allow,
            _ => Decision::Deny,
        };
        self.ends(&ask.id, AskState::Landed, (answer.clone(), by.clone(), decision));
        let outcome = AskOutcome { decision, answer, by };
        let (id, session) = (ask.id.clone(), ask.session.clone());
        self.say(match ask.kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
                Event::ApprovalResolved { ask: id, session, outcome }
            }
            AskKind::PlanReview { .. } | AskKind::Question { .. } => {
                Event::InteractionResolved { ask: id, session, outcome }
            }
        })
        .await;
    }

    /// Without telling anybody, as while the connector is away.
    pub(crate) fn ends(
        &self,
        ask: &AskId,
        state: AskState,
        (answer, by, decision): (Answer, Approver, Decision),
    ) {
        self.with(|world| {
            let row = world.asks.get_mut(ask).unwrap();
            row.state = state;
            let (answer, by, decision) = (Some(answer), Some(by), Some(decision));
            row.steps.push(AskStep { state, at: Timestamp::default(), chat: None, answer, by, decision });
        });
    }

    pub(crate) async fn types(&self, session: &SessionId, text: &str) {
        self.say(Event::MessageOut { session: session.clone(), text: text.to_owned() }).await;
    }

    pub(crate) async fn turn_ends(&self, session: &SessionId, tools: &[(&str, u32)]) {
        let tools = tools.iter().map(|(tool, times)| ToolSummary { tool: (*tool).to_owned(), times: *times });
        self.with(|world| {
            if let Some(view) = world.sessions.get_mut(session) {
                view.running_since = None;
            }
        });
        self.say(Event::TurnCompleted {
            session: session.clone(),
            turn: TurnId::new("turn"),
            outcome: TurnOutcome::Completed,
            ended_on_denial: false,
            tools: tools.collect(),
            cost: Money::from_nano_usd(12_300_000),
            total_cost: Money::from_nano_usd(12_300_000),
            usage: Usage::default(),
            duration_ms: 4200,
        })
        .await;
    }

    async fn deliver(self, mut delivered: mpsc::Receiver<Delivery>) {
        while let Some(Delivery { envelope, receipt }) = delivered.recv().await {
            let kept_back = self.with(|world| world.kept_back.is_some_and(|it| it(&envelope.command)));
            let (answer, events) = self.with(|world| world.decide(envelope));
            if kept_back {
                self.with(|world| world.receipts.push(receipt));
            } else {
                receipt.send(answer).ok();
            }
            for event in events {
                self.say(event).await;
            }
        }
    }

    async fn answer(self, mut queried: mpsc::Receiver<Query>) {
        while let Some(query) = queried.recv().await {
            self.with(|world| world.answer(query));
        }
    }
}

impl World {
    fn decide(&mut self, envelope: Envelope) -> (Receipt, Vec<Event>) {
        if !self.allowed.contains(envelope.from.as_str()) {
            return (Receipt::Refused { refusal: Refusal::NotAllowed }, Vec::new());
        }
        let (receipt, events) = match &envelope.command {
            Command::Say { session, text, key, .. } => {
                let key = key.as_ref().map(|key| (envelope.chat.id.clone(), key.clone()));
                self.say(session, text, key)
            }
            Command::Answer { ask, answer, digest } => self.take_answer(ask, answer, *digest, &envelope.from),
            _ => self.carry_out(&envelope),
        };
        if envelope.command != Command::Knock && matches!(receipt, Receipt::Accepted { .. }) {
            self.accepted.push(envelope);
        }
        (receipt, events)
    }

    fn say(&mut self, id: &SessionId, text: &str, key: Option<(String, String)>) -> (Receipt, Vec<Event>) {
        if key.is_some_and(|key| !self.keys.insert(key)) {
            return (Receipt::Duplicate, Vec::new());
        }
        let Some(view) = self.sessions.get_mut(id) else {
            return refused(Refusal::Unknown { what: format!("session {id}") });
        };
        view.messages += 1;
        let (session, text) = (id.clone(), text.to_owned());
        let event = match view.running_since {
            Some(_) => {
                view.queued += 1;
                Event::MessageQueued { session, waiting: view.queued, preview: text }
            }
            None => {
                view.running_since = Some(Timestamp::default());
                Event::MessageIn { session, turn: TurnId::new("turn"), text }
            }
        };
        (Receipt::Accepted { session: None }, vec![event])
    }

    fn take_answer(
        &mut self,
        ask: &AskId,
        answer: &Answer,
        digest: Digest,
        from: &UserId,
    ) -> (Receipt, Vec<Event>) {
        let Some(row) = self.asks.get_mut(ask) else {
            return refused(Refusal::Unknown { what: format!("ask {ask}") });
        };
        if !row.state.is_open() {
            return refused(Refusal::Closed { how: "already answered by somebody".to_owned() });
        }
        if row.ask.digest != digest {
            return refused(Refusal::Changed);
        }
        row.state = AskState::Answered;
        let by = Approver::Human { user: from.clone() };
        row.steps.push(AskStep {
            state: row.state,
            at: Timestamp::default(),
            chat: None,
            answer: Some(answer.clone()),
            by: Some(by.clone()),
            decision: None,
        });
        let (ask, session) = (ask.clone(), row.ask.session.clone());
        let event = Event::AskAnswered { ask, session, answer: answer.clone(), by };
        (Receipt::Accepted { session: None }, vec![event])
    }

    fn carry_out(&mut self, envelope: &Envelope) -> (Receipt, Vec<Event>) {
        let mut events = Vec::new();
        let mut session = None;
        match &envelope.command {
            Command::Open { .. } => {
                let (id, opened) = self.open(&envelope.chat, &envelope.from);
                session = Some(id);
                events.push(opened);
            }
            Command::Switch { session: id } => {
                self.make_current(id);
                events.push(Event::SessionSwitched { chat: envelope.chat.clone(), session: id.clone() });
            }
            Command::Interrupt { session: id } => {
                if let Some(view) = self.sessions.get_mut(id) {
                    view.queued = 0;
                }
                events.push(Event::Interrupted { session: id.clone(), turn: TurnId::new("turn") });
            }
            Command::SetMode { session: id, mode } => {
                if let Some(view) = self.sessions.get_mut(id) {
                    view.mode = *mode;
                }
                events.push(Event::ModeChanged { session: id.clone(), mode: *mode });
            }
            Command::SetDirectory { session: id, directory, workspace } => {
                if let Some(view) = self.sessions.get_mut(id) {
                    (view.directory, view.workspace) = (directory.clone(), workspace.clone());
                }
                events.push(Event::DirectoryChanged {
                    session: id.clone(),
                    directory: directory.clone(),
                    workspace: workspace.clone(),
                });
            }
            _ => {}
        }
        (Receipt::Accepted { session }, events)
    }

    fn open(&mut self, chat: &Chat, user: &UserId) -> (SessionId, Event) {
        self.opened += 1;
        let id = SessionId::new(format!("s{}-of-the-test", self.opened));
        let view = SessionView {
            session: id.clone(),
            chat: chat.clone(),
            current: true,
            agent: AgentKind::Scripted,
            directory: "/home/dev/proj".into(),
            workspace: None,
            mode: Mode::Default,
            policy: Vec::new(),
            running_since: None,
            queued: 0,
            turns: 0,
            messages: 0,
            total_cost: Money::ZERO,
            containment: String::new(),
            created: Timestamp::default(),
            last_used: Timestamp::default(),
            open_asks: Vec::new(),
        };
        self.sessions.insert(id.clone(), view);
        self.make_current(&id);
        let event = Event::SessionOpened {
            session: id.clone(),
            chat: chat.clone(),
            user: user.clone(),
            directory: "/home/dev/proj".into(),
            workspace: None,
            mode: Mode::Default,
            resumed: false,
        };
        (id, event)
    }

    fn make_current(&mut self, id: &SessionId) {
        let chat = self.sessions[id].chat.clone();
        for view in self.sessions.values_mut().filter(|view| view.chat == chat) {
            view.current = view.session == *id;
        }
    }

    fn view(&self, view: &SessionView) -> SessionView {
        let open = self.asks.values().filter(|row| row.ask.session == view.session && row.state.is_open());
        SessionView { open_asks: open.map(|row| row.ask.clone()).collect(), ..view.clone() }
    }

    fn answer(&mut self, query: Query) {
        match query {
            Query::Session { session, reply } => {
                reply.send(self.sessions.get(&session).map(|view| self.view(view))).ok();
            }
            Query::Sessions { reply } => {
                reply.send(self.sessions.values().map(|view| self.view(view)).collect()).ok();
            }
            Query::Asks { reply } => {
                reply.send(self.asks.values().filter(|row| !row.state.is_over()).cloned().collect()).ok();
            }
            Query::Grants { reply } => drop(reply.send(Vec::new())),
            Query::PastAsks { reply, .. } => drop(reply.send(Ok(Vec::new()))),
            Query::PastAsk { ask, reply } => drop(reply.send(Ok(self.asks.get(&ask).cloned()))),
            Query::Messages { reply, .. } => drop(reply.send(Ok(self.messages.clone()))),
            Query::Directories { reply } => {
                let place = |name: &str| PlaceView {
                    name: name.to_owned(),
                    path: format!("/home/dev/{name}").into(),
                };
                reply.send(vec![place("proj"), place("site")]).ok();
            }
            Query::Workspaces { reply } => {
                let directories = vec!["/home/dev/proj".into(), "/home/dev/site".into()];
                let workspace = WorkspaceView {
                    name: "shop".to_owned(),
                    description: "the shop".to_owned(),
                    directories,
                };
                reply.send(vec![workspace]).ok();
            }
            Query::Git { order, reply, .. } => {
                let name = json!(order)["git"].as_str().unwrap().to_owned();
                self.git.push(order);
                let said = self.git_says.get(&name).cloned();
                reply.send(said.ok_or_else(|| format!("no {name} in this test"))).ok();
            }
            Query::Audit { reply, .. } => drop(reply.send(Ok(vec!["12:00 allow Read README.md".to_owned()]))),
            Query::Explain { reply, .. } => drop(reply.send(Err("not in this test".to_owned()))),
            Query::Files { reply, pattern, .. } => {
                let file = leashd_types::FileView {
                    path: pattern.into(),
                    bytes: self.file.clone().unwrap_or_else(|| b"hello\n".to_vec()),
                };
                reply.send(Ok(vec![file])).ok();
            }
        }
    }
}

pub(crate) fn chat(id: i64) -> Chat {
    Chat::new(ConnectorKind::Telegram, id.to_string())
}

fn refused(refusal: Refusal) -> (Receipt, Vec<Event>) {
    (Receipt::Refused { refusal }, Vec::new())
}

pub(crate) fn call(session: &SessionId, tool: &str, input: Value) -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: session.clone(),
        tool: tool.to_owned(),
        input,
        cwd: "/home/dev/proj".into(),
        id: CallId::new("call"),
        subagent: None,
    }
}

pub(crate) fn person(id: i64) -> Approver {
    Approver::Human { user: UserId::new(id.to_string()) }
}
