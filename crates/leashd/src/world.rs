//! Performs what the engine decides: keeps facts, starts agents, hands calls to the gate, shows events. It wires; it
//! decides nothing.

use crate::calls::{Answered, Way};
use crate::clock;
use crate::directories;
use crate::keeper::Keeper;
use crate::links::{Link, Seat, Terms};
use crate::observe::Observe;
use crate::outfitter::Outfitter;
use leashd_agents::{Agent, Conversation, Launch, Message, Order};
use leashd_connectors::Delivery;
use leashd_engine::{Action, Begin, Gated, Incarnation, Input, RequestId};
use leashd_gate::audit::Record;
use leashd_gate::{Gate, Pending};
use leashd_sandbox::{GitChange, GitOrders};
use leashd_types::{
    AgentEvent, AskId, Attended, CallId, Chat, Command, Event, Fault, Receipt, Refusal, SessionId,
    SessionRow, SessionState, SessionView, ToolCall, visible,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// What arrives at the loop from the tasks it started.
#[expect(clippy::large_enum_variant, reason = "moved once from a task to the loop")]
pub(crate) enum Mail {
    Input(Input),
    /// Everything is there that the agent is started with.
    Outfitted {
        session: SessionId,
        incarnation: Incarnation,
        begin: Begin,
        link: Box<Link>,
    },
    /// The agent runs; orders go here.
    Started {
        session: SessionId,
        incarnation: Incarnation,
        orders: mpsc::Sender<Order>,
    },
    /// A call waits for an answer.
    Asked {
        session: SessionId,
        incarnation: Incarnation,
        pending: Pending,
        patience: Option<Duration>,
    },
}

/// For looking where a directory is; a disk that takes longer is as good as none.
const LOOK: Duration = Duration::from_secs(2);

/// Changed orders of git that are named at a time.
const GIT_CHANGES_MAX: usize = 32;

pub(crate) struct World {
    pub(crate) gate: Arc<Gate>,
    pub(crate) keeper: Keeper,
    pub(crate) outfitter: Arc<Outfitter>,
    pub(crate) mail: mpsc::Sender<Mail>,
    pub(crate) shows: mpsc::Sender<Event>,
    pub(crate) observe: Observe,
    pub(crate) receipts: Receipts,
    pub(crate) seats: BTreeMap<SessionId, Seat>,
}

/// Envelopes whose senders still wait to hear what became of them.
#[derive(Debug, Default)]
pub(crate) struct Receipts {
    given: u64,
    waiting: BTreeMap<RequestId, Waiting>,
}

#[derive(Debug)]
struct Waiting {
    receipt: oneshot::Sender<Receipt>,
    /// What is answered, and where.
    answers: Option<(AskId, Chat)>,
}

impl World {
    /// Takes one piece of mail; what the engine has to know comes back.
    pub(crate) async fn receive(&mut self, mail: Mail) -> Option<Input> {
        match mail {
            Mail::Input(input) => Some(input),
            Mail::Outfitted { session, incarnation, begin, mut link } => {
                for message in std::mem::take(&mut link.warnings) {
                    self.show(Event::Warning { session: session.clone(), message }).await;
                }
                self.outfitted(session, incarnation, begin, link)
            }
            Mail::Started { session, incarnation, orders } => {
                let seat = self.seat(&session, incarnation)?;
                if seat.stop_wanted {
                    drop(orders.try_send(Order::Stop));
                }
                seat.orders = Some(orders);
                None
            }
            Mail::Asked { session, incarnation, pending, patience } => {
                let call = pending.call().id.clone();
                let gated =
                    Gated::Pending { kind: pending.kind().clone(), digest: pending.digest(), patience };
                self.seat(&session, incarnation)?.pendings.insert(call.clone(), pending);
                Some(Input::Judged { session, incarnation, call, gated })
            }
        }
    }

    /// Takes an envelope; the receipt goes back when the engine has one. A session that is to go on and is not open is
    /// looked up where it is kept: only that row knows the agent's conversation.
    pub(crate) async fn accept(&mut self, delivery: Delivery, absent: Option<SessionId>) -> Option<Input> {
        let Delivery { mut envelope, receipt } = delivery;
        pin(&mut envelope.command).await;
        let kept = match absent {
            Some(id) => self.keeper.session(&id).await,
            None => Ok(None),
        };
        let row = match kept {
            Ok(row) => row.filter(|row| row.state == SessionState::Closed),
            Err(reason) => {
                // Whoever sent it need not listen.
                drop(receipt.send(Receipt::Refused { refusal: Refusal::Rejected { reason } }));
                return None;
            }
        };
        self.receipts.given = self.receipts.given.wrapping_add(1);
        let request = RequestId(self.receipts.given);
        let answers = match &envelope.command {
            Command::Answer { ask, .. } => Some((ask.clone(), envelope.chat.clone())),
            _ => None,
        };
        self.receipts.waiting.insert(request, Waiting { receipt, answers });
        Some(match row {
            Some(row) => Input::Reopen { request, envelope, row: Box::new(row) },
            None => Input::Command { request, envelope },
        })
    }

    /// Performs actions in their order. If there is an input that has to follow before anything else, it comes back.
    pub(crate) async fn perform_all(&mut self, actions: Vec<Action>) -> Option<Input> {
        for action in actions {
            match action {
                Action::Keep(facts) => {
                    if let Err(failure) = self.keeper.keep(facts).await {
                        return Some(Input::KeepFailed(failure));
                    }
                }
                Action::Continue => return Some(Input::Continue),
                action => self.perform(action).await,
            }
        }
        None
    }

    /// What holds the agent is known here only.
    pub(crate) fn furnish(&self, mut view: SessionView) -> SessionView {
        let link = self.seats.get(&view.session).and_then(|seat| seat.link.as_ref());
        view.containment = link.map(|link| link.held.says.clone()).unwrap_or_default();
        view
    }

    async fn perform(&mut self, action: Action) {
        match action {
            Action::Start { row, attended, incarnation, begin, grants } => {
                let terms = Terms::new(row.mode, &grants);
                self.seats.insert(row.session.clone(), Seat::new(incarnation, terms));
                self.start(row, attended, incarnation, begin);
            }
            Action::Prompt { session, turn: _, text, attachments } => {
                self.order(&session, Order::Prompt(Message { text, attachments }));
            }
            Action::Judge { incarnation, call } => self.judge(incarnation, call),
            Action::Settle { session, incarnation, call, answer, by, digest } => {
                self.settle(session, incarnation, call, Answered { answer, by, digest });
            }
            Action::Observe { session, incarnation, ran } => {
                let way = self.way(session, incarnation);
                if let Some(doors) = &way.doors {
                    doors.close(&ran.id);
                }
                tokio::spawn(way.observe(ran));
            }
            Action::Interrupt { session } => self.order(&session, Order::Interrupt),
            Action::SetMode { session, mode } => self.order(&session, Order::SetMode(mode)),
            Action::Terms { session, mode, grants } => {
                if let Some(seat) = self.seats.get_mut(&session) {
                    seat.renew(Terms::new(mode, &grants));
                }
            }
            Action::Stop { session } => {
                if let Some(seat) = self.seats.get_mut(&session) {
                    seat.stop_wanted = true;
                    seat.order(Order::Stop);
                }
            }
            Action::Ended { session, reason } => {
                self.ended(&session, Record::SessionEnded { reason, failed: false });
            }
            Action::Show(event) => self.show(event).await,
            Action::Receipt { request, receipt } => self.receipt(request, receipt),
            // `perform_all` has them.
            Action::Keep(_) | Action::Continue => {}
        }
    }

    /// How an ask ended that the engine no longer knows, stands where it is kept.
    fn receipt(&mut self, request: RequestId, receipt: Receipt) {
        let Some(Waiting { receipt: sender, answers }) = self.receipts.waiting.remove(&request) else {
            return;
        };
        let unknown = matches!(&receipt, Receipt::Refused { refusal: Refusal::Unknown { .. } });
        let Some((ask, chat)) = answers.filter(|_| unknown) else {
            // Whoever sent it need not listen.
            return drop(sender.send(receipt));
        };
        let keeper = self.keeper.clone();
        tokio::spawn(async move {
            let how = keeper.ending(&ask, &chat).await;
            let closed = how.map(|how| Receipt::Refused { refusal: Refusal::Closed { how } });
            drop(sender.send(closed.unwrap_or(receipt)));
        });
    }

    /// Puts together what the agent is started with, beside the loop. Where that fails the agent is gone already.
    fn start(&self, row: SessionRow, attended: Attended, incarnation: Incarnation, begin: Begin) {
        let (outfitter, mail) = (Arc::clone(&self.outfitter), self.mail.clone());
        tokio::spawn(async move {
            let session = row.session.clone();
            let made = tokio::spawn(async move { (outfitter.outfit(&row, attended, &begin).await, begin) });
            let reason = match made.await {
                Ok((Ok(link), begin)) => {
                    let link = Box::new(link);
                    return send(&mail, Mail::Outfitted { session, incarnation, begin, link }).await;
                }
                Ok((Err(failure), _)) => failure.in_one(),
                Err(error) => error.to_string(),
            };
            let fault = AgentEvent::Fault(Fault::Start { reason });
            for event in [fault, gone()] {
                let session = session.clone();
                send(&mail, Mail::Input(Input::Agent { session, incarnation, event })).await;
            }
        });
    }

    fn outfitted(
        &mut self,
        session: SessionId,
        incarnation: Incarnation,
        begin: Begin,
        link: Box<Link>,
    ) -> Option<Input> {
        let mail = self.mail.clone();
        let seat = self.seat(&session, incarnation)?;
        if seat.stop_wanted {
            return Some(Input::Agent { session, incarnation, event: gone() });
        }
        seat.take(link);
        let link = seat.link.as_ref()?;
        let mut launch = link.launch.clone();
        launch.mode = seat.terms.mode;
        launch.conversation = match begin {
            Begin::First => Conversation::New,
            Begin::Fresh(id) => Conversation::Fresh(id),
            Begin::Resume(id) => Conversation::Resume(id),
        };
        if let Some(calls) = link.doors().and_then(|doors| doors.calls()) {
            tokio::spawn(pass_on(calls, (session.clone(), incarnation), mail.clone()));
        }
        tokio::spawn(run_agent(Arc::clone(&link.agent), launch, (session, incarnation), mail));
        None
    }

    fn judge(&self, incarnation: Incarnation, call: ToolCall) {
        let link = self.seats.get(&call.session).and_then(|seat| seat.link.as_ref());
        // An agent without a link is gone, and with it whoever waits for the reply.
        let Some(snapshot) = link.map(|link| link.snapshot.clone()) else { return };
        tokio::spawn(self.way(call.session.clone(), incarnation).judge(call, snapshot));
    }

    fn settle(&mut self, session: SessionId, incarnation: Incarnation, call: CallId, answered: Answered) {
        let way = self.way(session.clone(), incarnation);
        let waiting = self.seat(&session, incarnation).and_then(|seat| {
            let snapshot = seat.link.as_ref()?.snapshot.clone();
            seat.pendings.remove(&call).map(|pending| (pending, snapshot))
        });
        match waiting {
            Some((pending, snapshot)) => tokio::spawn(way.settle(pending, snapshot, answered)),
            None => tokio::spawn(way.nothing_waits(call, answered)),
        };
    }

    fn way(&self, session: SessionId, incarnation: Incarnation) -> Way {
        let seat = self.seats.get(&session).filter(|seat| seat.incarnation == incarnation);
        let link = seat.and_then(|seat| seat.link.as_ref());
        Way {
            gate: Arc::clone(&self.gate),
            observe: self.observe.clone(),
            mail: self.mail.clone(),
            incarnation,
            orders: seat.and_then(|seat| seat.orders.clone()),
            doors: link.and_then(|link| link.doors()).cloned(),
            patience: link.and_then(|link| link.patience),
            session,
        }
    }

    fn seat(&mut self, session: &SessionId, incarnation: Incarnation) -> Option<&mut Seat> {
        self.seats.get_mut(session).filter(|seat| seat.incarnation == incarnation)
    }

    fn order(&mut self, session: &SessionId, order: Order) {
        if let Some(seat) = self.seats.get_mut(session) {
            seat.order(order);
        }
    }

    async fn show(&mut self, mut event: Event) {
        if let Event::SessionStarted { session, containment, .. } = &mut event {
            let link = self.seats.get(session).and_then(|seat| seat.link.as_ref());
            *containment = link.map(|link| link.held.says.clone()).unwrap_or_default();
        }
        if let Event::TurnCompleted { session, .. } | Event::SessionEnded { session, .. } = &event
            && let Some(warning) = self.look_at_git_orders(session.clone()).await
        {
            self.observe.publish(warning.clone());
            drop(self.shows.send(warning).await);
        }
        match &event {
            Event::SessionStarted { session, .. } => self.started(session, &event),
            Event::SessionEnded { session, reason, failed } => {
                self.ended(session, Record::SessionEnded { reason: reason.clone(), failed: *failed });
            }
            _ => {}
        }
        self.observe.publish(event.clone());
        // A screen that is gone needs no events.
        drop(self.shows.send(event).await);
    }

    /// Says and records which files that git takes orders from are not as they were. Whoever wrote them: the agent, a
    /// command of its, or the person meanwhile.
    async fn look_at_git_orders(&mut self, session: SessionId) -> Option<Event> {
        let link = self.seats.get_mut(&session)?.link.as_mut()?;
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

    /// Agents that begin and end stand in the audit log.
    fn started(&self, session: &SessionId, event: &Event) {
        let Event::SessionStarted { agent, version, model, directory, .. } = event else { return };
        let link = self.seats.get(session).and_then(|seat| seat.link.as_ref());
        let facts = link.map(|link| &link.snapshot.facts);
        let record = Record::SessionStarted {
            agent: *agent,
            version: version.clone(),
            model: model.clone(),
            working_directory: directory.clone(),
            containment: facts.map(|facts| facts.containment).unwrap_or_default(),
            session_mode: facts.map(|facts| facts.mode).unwrap_or_default(),
        };
        // No permit depends on this entry. If the log is broken, the next call is denied and says so.
        drop(self.gate.record(Some(session), record));
    }

    /// The agent is gone, and with it everything that was made for it.
    fn ended(&mut self, session: &SessionId, record: Record) {
        self.gate.forget(session);
        self.seats.remove(session);
        drop(self.gate.record(Some(session), record));
    }
}

/// A person names a directory once, and it is the one it is now: what a name leads to later, an agent may have changed.
async fn pin(command: &mut Command) {
    let directory = if let Command::Open { order } = command {
        order.directory.as_mut()
    } else if let Command::SetDirectory { directory, .. } = command {
        Some(directory)
    } else {
        None
    };
    let Some(directory) = directory.filter(|directory| directory.is_absolute()) else { return };
    let named = directory.clone();
    let looking = tokio::task::spawn_blocking(move || directories::real_directory(&named));
    // What is not there is said when the agent starts, and what stands there then is not what was named.
    if let Ok(Ok(Ok(real))) = tokio::time::timeout(LOOK, looking).await {
        *directory = real;
    }
}

/// Starts an agent and passes on everything it does. Its last word is always `Exited`.
async fn run_agent(
    agent: Arc<dyn Agent>,
    launch: Launch,
    (session, incarnation): (SessionId, Incarnation),
    mail: mpsc::Sender<Mail>,
) {
    let tell =
        |event| send(&mail, Mail::Input(Input::Agent { session: session.clone(), incarnation, event }));
    let mut running = match agent.start(launch).await {
        Ok(running) => running,
        Err(error) => {
            tell(AgentEvent::Fault(Fault::Start { reason: error.to_string() })).await;
            return tell(gone()).await;
        }
    };
    send(&mail, Mail::Started { session: session.clone(), incarnation, orders: running.orders }).await;
    let mut exited = false;
    while let Some(event) = running.events.recv().await {
        exited = matches!(event, AgentEvent::Exited { .. });
        tell(event).await;
    }
    if !exited {
        tell(gone()).await;
    }
}

/// Calls that leashd makes itself, for a command that wants to reach a host.
async fn pass_on(
    mut calls: mpsc::Receiver<AgentEvent>,
    (session, incarnation): (SessionId, Incarnation),
    mail: mpsc::Sender<Mail>,
) {
    while let Some(event) = calls.recv().await {
        send(&mail, Mail::Input(Input::Agent { session: session.clone(), incarnation, event })).await;
    }
}

/// The last word of an agent that never was, or that could not say it.
fn gone() -> AgentEvent {
    AgentEvent::Exited { code: None, signal: None, stderr_tail: String::new() }
}

async fn send(mail: &mpsc::Sender<Mail>, letter: Mail) {
    // The loop is gone only when the process is going down, and then nothing may run anyway.
    drop(mail.send(letter).await);
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

/// From now until `deadline`.
pub(crate) fn until(deadline: leashd_types::Timestamp) -> std::time::Duration {
    deadline.since(clock::now())
}
