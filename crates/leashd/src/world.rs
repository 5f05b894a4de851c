//! Performs what the engine decides: starts agents, asks the gate, hands replies over, shows events. It wires; it decides
//! nothing.

use crate::clock;
use crate::containment::Doors;
use crate::observe::{Evaluation, Observe};
use leashd_agents::{AfterDenial, Agent, Conversation, Launch, Message, Order, Reply};
use leashd_connectors::Delivery;
use leashd_engine::{Action, Gated, Input, Observed, RequestId};
use leashd_gate::audit::Record;
use leashd_gate::{Denial, Gate, Grant, Observation, Outcome, Pending, Permit, Snapshot};
use leashd_sandbox::{GitChange, GitOrders};
use leashd_types::{
    AgentEvent, Answer, Approver, Band, CallId, Digest, Event, Fault, Mode, RanCall, Receipt, RuleRef,
    SessionId, Stage, ToolCall, visible,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, oneshot};

/// What arrives at the loop from the tasks it started.
#[expect(clippy::large_enum_variant, reason = "moved once from a task to the loop")]
pub(crate) enum Mail {
    Input(Input),
    /// The agent runs; orders go here.
    Started {
        session: SessionId,
        orders: mpsc::Sender<Order>,
    },
    /// A call waits for an answer.
    Asked {
        session: SessionId,
        pending: Pending,
    },
    /// An answer gave a grant or changed the mode.
    Changed {
        session: SessionId,
        grant: Option<Grant>,
        mode: Option<Mode>,
    },
}

/// Changed orders of git that are named at a time.
const GIT_CHANGES_MAX: usize = 32;

/// One session's ends.
pub(crate) struct Link {
    pub(crate) agent: Arc<dyn Agent>,
    pub(crate) launch: Launch,
    pub(crate) snapshot: Snapshot,
    /// Where there are walls.
    doors: Option<Arc<Doors>>,
    /// As they were when the session began, or were last spoken of.
    git_orders: GitOrders,
    orders: Option<mpsc::Sender<Order>>,
    /// Set when the session was told to stop before its agent was there.
    stop_wanted: bool,
    pendings: BTreeMap<CallId, Pending>,
}

impl Link {
    pub(crate) fn new(
        agent: Arc<dyn Agent>,
        launch: Launch,
        snapshot: Snapshot,
        doors: Option<Arc<Doors>>,
    ) -> Self {
        let git_orders = GitOrders::snapshot(&launch.directory);
        Self {
            agent,
            launch,
            snapshot,
            doors,
            git_orders,
            orders: None,
            stop_wanted: false,
            pendings: BTreeMap::new(),
        }
    }
}

pub(crate) struct World {
    pub(crate) gate: Arc<Gate>,
    pub(crate) links: BTreeMap<SessionId, Link>,
    pub(crate) mail: mpsc::Sender<Mail>,
    pub(crate) shows: mpsc::Sender<Event>,
    pub(crate) receipts: Receipts,
    pub(crate) observe: Observe,
}

/// Envelopes whose senders still wait to hear what became of them.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    given: u64,
    waiting: BTreeMap<RequestId, oneshot::Sender<Receipt>>,
}

impl World {
    /// Takes one piece of mail; what the engine has to know comes back.
    pub(crate) fn receive(&mut self, mail: Mail) -> Option<Input> {
        match mail {
            Mail::Input(input) => Some(input),
            Mail::Started { session, orders } => {
                if let Some(link) = self.links.get_mut(&session) {
                    if link.stop_wanted {
                        drop(orders.try_send(Order::Stop));
                    }
                    link.orders = Some(orders);
                }
                None
            }
            Mail::Asked { session, pending } => {
                let call = pending.call().id.clone();
                let gated = Gated::Pending { kind: pending.kind().clone(), digest: pending.digest() };
                let link = self.links.get_mut(&session)?;
                link.pendings.insert(call.clone(), pending);
                Some(Input::Judged { session, call, gated })
            }
            Mail::Changed { session, grant, mode } => {
                let link = self.links.get_mut(&session)?;
                link.snapshot.grants.extend(grant);
                link.snapshot.facts.mode = mode.unwrap_or(link.snapshot.facts.mode);
                None
            }
        }
    }

    /// Takes an envelope; the receipt goes back when the engine has one.
    pub(crate) fn accept(&mut self, delivery: Delivery) -> Input {
        self.receipts.given = self.receipts.given.wrapping_add(1);
        let request = RequestId(self.receipts.given);
        self.receipts.waiting.insert(request, delivery.receipt);
        Input::Command { request, envelope: delivery.envelope }
    }

    pub(crate) async fn perform(&mut self, action: Action) {
        match action {
            Action::Start { session, resume } => self.start(&session, resume),
            Action::Prompt { session, turn: _, text, attachments } => {
                self.order(&session, Order::Prompt(Message { text, attachments }))
            }
            Action::Judge(call) => self.judge(call),
            Action::Settle { session, call, answer, by, digest } => {
                self.settle(session, call, answer, by, digest);
            }
            Action::Observe { session, ran } => self.observe(session, ran),
            Action::Interrupt { session } => self.order(&session, Order::Interrupt),
            Action::SetMode { session, mode } => {
                if let Some(link) = self.links.get_mut(&session) {
                    link.snapshot.facts.mode = mode;
                }
                self.order(&session, Order::SetMode(mode));
            }
            Action::Stop { session } => self.stop(&session),
            Action::Show(event) => self.show(event).await,
            Action::Receipt { request, receipt } => {
                // Whoever sent it need not listen.
                drop(self.receipts.waiting.remove(&request).map(|waiting| waiting.send(receipt)));
            }
        }
    }

    fn start(&mut self, session: &SessionId, resume: Option<String>) {
        let Some(link) = self.links.get_mut(session) else { return };
        link.stop_wanted = false;
        let mut launch = link.launch.clone();
        launch.mode = link.snapshot.facts.mode;
        launch.conversation = resume.map_or(Conversation::New, Conversation::Resume);
        let (agent, mail, session) = (Arc::clone(&link.agent), self.mail.clone(), session.clone());
        if let Some(calls) = link.doors.as_ref().and_then(|doors| doors.calls()) {
            tokio::spawn(pass_on(calls, session.clone(), mail.clone()));
        }
        tokio::spawn(async move { run_agent(agent, launch, session, mail).await });
    }

    fn judge(&mut self, call: ToolCall) {
        let Some(link) = self.links.get(&call.session) else { return };
        let (gate, snapshot, mail) = (Arc::clone(&self.gate), link.snapshot.clone(), self.mail.clone());
        let (orders, doors) = (link.orders.clone(), link.doors.clone());
        let (session, id) = (call.session.clone(), call.id.clone());
        let (observe, tool) = (self.observe.clone(), call.tool.clone());
        tokio::spawn(async move {
            let began = Instant::now();
            let outcome = blocking(move || gate.begin(call, &snapshot)).await;
            if let Ok(outcome) = &outcome {
                observe.evaluated(&Evaluation::of(&session, &id, tool, outcome, began.elapsed()));
            }
            let reply = match outcome {
                Ok(Outcome::Pending(pending)) => {
                    send(&mail, Mail::Asked { session, pending }).await;
                    return;
                }
                Ok(Outcome::Permit(permit)) => {
                    let gated = Gated::Allowed { rule: permit.rule().clone(), via: permit.via().clone() };
                    send(&mail, judged(&session, &id, gated)).await;
                    allow(doors.as_deref(), permit)
                }
                Ok(Outcome::Denied(denial)) => {
                    send(&mail, judged(&session, &id, denied(&denial))).await;
                    deny(denial)
                }
                Err(reason) => {
                    send(&mail, judged(&session, &id, crashed(&reason))).await;
                    Reply::Deny { message: reason, then: AfterDenial::Continue }
                }
            };
            hand_over(orders, doors, id, reply).await;
        });
    }

    fn settle(&mut self, session: SessionId, call: CallId, answer: Answer, by: Approver, digest: Digest) {
        let Some(link) = self.links.get_mut(&session) else { return };
        let Some(pending) = link.pendings.remove(&call) else { return };
        let (gate, snapshot, mail) = (Arc::clone(&self.gate), link.snapshot.clone(), self.mail.clone());
        let (orders, doors) = (link.orders.clone(), link.doors.clone());
        tokio::spawn(async move {
            let (said, who) = (answer.clone(), by.clone());
            let outcome = blocking(move || gate.settle(pending, &said, &who, digest, &snapshot)).await;
            let (gated, reply) = match outcome {
                Ok(Outcome::Permit(permit)) => {
                    let (grant, mode) = (permit.grant().cloned(), permit.mode());
                    send(&mail, Mail::Changed { session: session.clone(), grant, mode }).await;
                    let via = permit.via().clone();
                    (Gated::Allowed { rule: permit.rule().clone(), via }, allow(doors.as_deref(), permit))
                }
                Ok(Outcome::Denied(denial)) => (denied(&denial), deny(denial)),
                Ok(Outcome::Pending(again)) => {
                    drop(again);
                    let reason = "the call could not be settled".to_owned();
                    (crashed(&reason), Reply::Deny { message: reason, then: AfterDenial::Continue })
                }
                Err(reason) => {
                    (crashed(&reason), Reply::Deny { message: reason, then: AfterDenial::Continue })
                }
            };
            hand_over(orders, doors, call.clone(), reply).await;
            send(&mail, Mail::Input(Input::Settled { session, call, gated, answer, by })).await;
        });
    }

    fn observe(&mut self, session: SessionId, ran: RanCall) {
        let (gate, mail) = (Arc::clone(&self.gate), self.mail.clone());
        if let Some(doors) = self.links.get(&session).and_then(|link| link.doors.as_ref()) {
            doors.close(&ran.id);
        }
        tokio::spawn(async move {
            let (call, tool) = (ran.id.clone(), ran.tool.clone());
            let id = session.clone();
            let observed = match blocking(move || gate.observe(&id, &ran)).await {
                Ok(observation) => observed(call, tool, observation),
                Err(reason) => Some(Observed::RecordFailed { reason }),
            };
            if let Some(observed) = observed {
                send(&mail, Mail::Input(Input::Observed { session, observed })).await;
            }
        });
    }

    fn stop(&mut self, session: &SessionId) {
        let Some(link) = self.links.get_mut(session) else { return };
        link.stop_wanted = true;
        self.order(session, Order::Stop);
    }

    fn order(&mut self, session: &SessionId, order: Order) {
        // An agent that is gone says so with its last event; one whose queue is full is told to stop by dropping it.
        if let Some(link) = self.links.get_mut(session)
            && let Some(orders) = &link.orders
            && let Err(mpsc::error::TrySendError::Full(_)) = orders.try_send(order)
        {
            link.orders = None;
        }
    }

    async fn show(&mut self, event: Event) {
        if let Event::TurnCompleted { session, .. } | Event::SessionEnded { session, .. } = &event
            && let Some(warning) = self.look_at_git_orders(session.clone()).await
        {
            self.observe.publish(warning.clone());
            drop(self.shows.send(warning).await);
        }
        self.keep(&event);
        self.observe.publish(event.clone());
        // A screen that is gone needs no events.
        drop(self.shows.send(event).await);
    }

    /// Says and records which files that git takes orders from are not as they were. Whoever wrote them: the agent, a
    /// command of its, or the person meanwhile.
    async fn look_at_git_orders(&mut self, session: SessionId) -> Option<Event> {
        let link = self.links.get_mut(&session)?;
        let directory = link.launch.directory.clone();
        let now = tokio::task::spawn_blocking(move || GitOrders::snapshot(&directory)).await.ok()?;
        let changes: Vec<String> =
            link.git_orders.changes(&now).iter().map(change).take(GIT_CHANGES_MAX).collect();
        link.git_orders = now;
        if changes.is_empty() {
            return None;
        }
        let message = format!(
            "git takes orders from what was changed: {}; look before you use git here",
            changes.join(", ")
        );
        drop(self.gate.record(Some(&session), Record::GitOrdersChanged { changes }));
        Some(Event::Warning { session, message })
    }

    /// Sessions that begin and end stand in the audit log.
    fn keep(&self, event: &Event) {
        let (session, record) = match event {
            Event::SessionStarted { session, agent, version, model, directory } => {
                let facts = self.links.get(session).map(|link| &link.snapshot.facts);
                let started = Record::SessionStarted {
                    agent: *agent,
                    version: version.clone(),
                    model: model.clone(),
                    working_directory: directory.clone(),
                    containment: facts.map(|facts| facts.containment).unwrap_or_default(),
                    session_mode: facts.map(|facts| facts.mode).unwrap_or_default(),
                };
                (session, started)
            }
            Event::SessionEnded { session, reason, failed } => {
                self.gate.forget(session);
                (session, Record::SessionEnded { reason: reason.clone(), failed: *failed })
            }
            _ => return,
        };
        // No permit depends on this entry. If the log is broken, the next call is denied and says so.
        drop(self.gate.record(Some(session), record));
    }
}

/// Starts an agent and passes on everything it does. Its last word is always `Exited`.
async fn run_agent(agent: Arc<dyn Agent>, launch: Launch, session: SessionId, mail: mpsc::Sender<Mail>) {
    let mut running = match agent.start(launch).await {
        Ok(running) => running,
        Err(error) => {
            let fault = AgentEvent::Fault(Fault::Start { reason: error.to_string() });
            let gone = AgentEvent::Exited { code: None, signal: None, stderr_tail: String::new() };
            for event in [fault, gone] {
                send(&mail, Mail::Input(Input::Agent(session.clone(), event))).await;
            }
            return;
        }
    };
    send(&mail, Mail::Started { session: session.clone(), orders: running.orders }).await;
    while let Some(event) = running.events.recv().await {
        send(&mail, Mail::Input(Input::Agent(session.clone(), event))).await;
    }
}

/// Calls that leashd makes itself, for a command that wants to reach a host.
async fn pass_on(mut calls: mpsc::Receiver<AgentEvent>, session: SessionId, mail: mpsc::Sender<Mail>) {
    while let Some(event) = calls.recv().await {
        send(&mail, Mail::Input(Input::Agent(session.clone(), event))).await;
    }
}

/// The gate does short file work and waits for the disk: never on the loop's thread. A panic in it is a denial.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the gate failed: {error}"))
}

async fn hand_over(
    orders: Option<mpsc::Sender<Order>>,
    doors: Option<Arc<Doors>>,
    call: CallId,
    reply: Reply,
) {
    let left = match doors {
        Some(doors) => doors.answer(&call, reply),
        None => Some(reply),
    };
    let Some(reply) = left else { return };
    if let Some(orders) = orders {
        // An agent that is gone waits for no reply.
        drop(orders.send(Order::Reply { call, reply }).await);
    }
}

async fn send(mail: &mpsc::Sender<Mail>, letter: Mail) {
    // The loop is gone only when the process is going down, and then nothing may run anyway.
    drop(mail.send(letter).await);
}

fn judged(session: &SessionId, call: &CallId, gated: Gated) -> Mail {
    Mail::Input(Input::Judged { session: session.clone(), call: call.clone(), gated })
}

fn denied(denial: &Denial) -> Gated {
    Gated::Denied {
        rule: denial.rule.clone(),
        stage: denial.stage,
        band: denial.band,
        reason: denial.reason.clone(),
    }
}

fn crashed(reason: &str) -> Gated {
    Gated::Denied {
        rule: RuleRef::floor("stage-failed"),
        stage: Stage::Policy,
        band: Band::High,
        reason: reason.to_owned(),
    }
}

/// What was permitted has to be possible by the time the agent hears of it.
fn allow(doors: Option<&Doors>, permit: Permit) -> Reply {
    if let Some(doors) = doors {
        doors.open(&permit);
    }
    Reply::Allow(Box::new(permit))
}

fn change(change: &GitChange) -> String {
    let (what, path) = match change {
        GitChange::Appeared { path } => ("new", path),
        GitChange::Changed { path } => ("changed", path),
        GitChange::Vanished { path } => ("gone", path),
        GitChange::Unknown => return "not all of it can be looked at".to_owned(),
    };
    format!("{} ({what})", visible(&path.display().to_string()))
}

fn deny(denial: Denial) -> Reply {
    Reply::Deny { message: denial.for_model, then: AfterDenial::Continue }
}

fn observed(call: CallId, tool: String, observation: Observation) -> Option<Observed> {
    Some(match observation {
        Observation::Finished => Observed::Finished { call, tool, failed: None },
        Observation::Failed { message } => Observed::Finished { call, tool, failed: Some(message) },
        Observation::Refused => return None,
        Observation::RefusedByAgent { message } => Observed::RefusedByAgent { call, tool, message },
        Observation::InputChanged => Observed::InputChanged { call, tool },
        Observation::RanUngated => Observed::RanUngated { call, tool },
        Observation::Unrecorded { what: _, error } => Observed::RecordFailed { reason: error.to_string() },
    })
}

/// From now until `deadline`.
pub(crate) fn until(deadline: leashd_types::Timestamp) -> std::time::Duration {
    deadline.since(clock::now())
}
