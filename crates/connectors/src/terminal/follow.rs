//! Follows one turn: shows its events and answers its asks with keys.

use crate::card::card;
use crate::terminal::keys::{self, Pressed};
use crate::terminal::lines::{describe, refusal_line};
use crate::terminal::screen::{Screen, Tone};
use crate::terminal::{Keys, json};
use crate::{Desk, Person};
use leashd_types::{
    Approver, Ask, AskId, CallId, Command, Event, Form, NETWORK_TOOL, Receipt, Refusal, SessionId,
    TurnOutcome,
};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What standard output carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// The agent's text.
    Text,
    /// The agent's text, and for each tool call what the gate said and why.
    Explained,
    /// One JSON object per event.
    Json,
}

/// How a turn ended, for the exit status.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub how: How,
    pub session_ended: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum How {
    Turn {
        outcome: TurnOutcome,
        /// Who denied the last tool call of the turn, if it was denied.
        last_denial: Option<Approver>,
    },
    /// The session ended before the turn did.
    Session { reason: String },
    /// A signal ended it.
    Interrupted,
}

impl Ending {
    pub(crate) fn gone() -> Self {
        Self::refused("leashd is shutting down".to_owned())
    }

    pub(crate) fn refused(reason: String) -> Self {
        let how = How::Session { reason };
        Self { how, session_ended: true }
    }
}

pub(crate) struct Follower {
    pub(crate) session: SessionId,
    pub(crate) person: Person,
    pub(crate) output: Output,
    pub(crate) keys: Keys,
    pub(crate) screen: Screen,
    /// Who denied the last tool call, until one is allowed.
    pub(crate) last_denial: Option<Approver>,
    /// What each call that was not decided yet wants.
    pub(crate) gated: BTreeMap<CallId, String>,
}

/// Asks that wait for a key; the first one is on the screen.
#[derive(Default)]
struct Waiting {
    asks: VecDeque<Ask>,
    reader: Option<Reader>,
    /// One that was told to end, and still has the keys.
    leaving: Option<JoinHandle<io::Result<Pressed>>>,
}

struct Reader {
    ask: AskId,
    cancelled: Arc<AtomicBool>,
    handle: JoinHandle<io::Result<Pressed>>,
}

#[expect(clippy::large_enum_variant, reason = "one at a time, consumed at once")]
enum Next {
    Event(Option<Event>),
    Pressed(io::Result<Pressed>),
    Signal,
}

impl Follower {
    /// Until the turn ends.
    pub(crate) async fn turn(&mut self, desk: &mut Desk) -> io::Result<Ending> {
        let mut waiting = Waiting::default();
        let mut interrupts = 0_u8;
        let result = loop {
            match next(desk, &mut waiting).await {
                Next::Event(None) => break Ok(Ending::gone()),
                Next::Event(Some(event)) => {
                    self.show(&event)?;
                    waiting.note(&event, self.keys);
                    if let Some(ending) = self.ending_of(&event) {
                        break Ok(ending);
                    }
                }
                Next::Pressed(Err(error)) => break Err(error),
                Next::Pressed(Ok(Pressed::Answer(answer))) => {
                    if let Some(ask) = waiting.asks.pop_front() {
                        let command = Command::Answer { ask: ask.id.clone(), answer, digest: ask.digest };
                        let receipt = desk.send(&self.person, Form::Button, command).await;
                        self.answered(receipt, ask, &mut waiting).await?;
                    }
                }
                Next::Pressed(Ok(Pressed::Nothing)) => {}
                Next::Pressed(Ok(Pressed::Interrupt)) | Next::Signal => {
                    interrupts = interrupts.saturating_add(1);
                    if interrupts > 1 {
                        break Ok(self.ending(How::Interrupted));
                    }
                    let command = Command::Interrupt { session: self.session.clone() };
                    drop(desk.send(&self.person, Form::Command, command).await);
                }
            }
            self.prompt(&mut waiting).await?;
        };
        waiting.cancel();
        waiting.left().await;
        self.screen.end_text()?;
        result
    }

    /// Until the session is over and nothing of its agent is left.
    pub(crate) async fn until_ended(&mut self, desk: &mut Desk) -> io::Result<()> {
        while let Some(event) = desk.events.recv().await {
            self.show(&event)?;
            if matches!(event, Event::SessionEnded { .. }) {
                break;
            }
        }
        Ok(())
    }

    /// Why what was said was not accepted, if so. Without a daemon there is no receipt; the events say that next.
    pub(crate) async fn refused(
        &mut self,
        receipt: oneshot::Receiver<Receipt>,
    ) -> io::Result<Option<String>> {
        let Ok(Receipt::Refused { refusal }) = receipt.await else { return Ok(None) };
        let reason = refusal_line(&refusal);
        self.screen.note(Tone::Bad, &format!("✗ {reason}"))?;
        Ok(Some(reason))
    }

    /// An answer that could not be written down was not given: it is asked again.
    async fn answered(
        &mut self,
        receipt: oneshot::Receiver<Receipt>,
        ask: Ask,
        waiting: &mut Waiting,
    ) -> io::Result<()> {
        let Ok(Receipt::Refused { refusal }) = receipt.await else { return Ok(()) };
        self.screen.note(Tone::Warn, &format!("! {}", refusal_line(&refusal)))?;
        match refusal {
            Refusal::NotDurable { .. } | Refusal::RateLimited { .. } => waiting.asks.push_front(ask),
            Refusal::NotAllowed
            | Refusal::Unknown { .. }
            | Refusal::Closed { .. }
            | Refusal::Changed
            | Refusal::Rejected { .. } => {}
        }
        Ok(())
    }

    fn ending_of(&mut self, event: &Event) -> Option<Ending> {
        match event {
            // A command that does without a host is no end of the agent's turn.
            Event::ToolDenied { tool, .. } if tool == NETWORK_TOOL => {}
            Event::ToolDenied { via, .. } => self.last_denial = Some(via.clone()),
            Event::ToolAllowed { .. } | Event::MessageIn { .. } => self.last_denial = None,
            Event::TurnCompleted { outcome, .. } => {
                let last_denial = self.last_denial.take();
                return Some(self.ending(How::Turn { outcome: outcome.clone(), last_denial }));
            }
            Event::SessionEnded { reason, .. } => {
                let how = How::Session { reason: reason.clone() };
                return Some(Ending { session_ended: true, ..self.ending(how) });
            }
            _ => {}
        }
        None
    }

    fn ending(&self, how: How) -> Ending {
        Ending { how, session_ended: false }
    }

    fn show(&mut self, event: &Event) -> io::Result<()> {
        if self.output == Output::Json {
            return json::write(event);
        }
        match event {
            Event::MessageOut { text, .. } => return self.screen.text(text),
            Event::ToolGated { call, tool, summary, .. } => {
                if self.output == Output::Explained {
                    self.gated.insert(call.clone(), format!("{tool}: {summary}"));
                }
                return self.screen.indicate(&format!("🔧 {tool}: {summary}"));
            }
            Event::ToolAllowed { call, .. } | Event::ToolDenied { call, .. }
                if self.output == Output::Explained =>
            {
                let what = self.gated.remove(call).unwrap_or_default();
                return self.explain(event, &what);
            }
            Event::TurnCompleted { .. } => self.screen.end_text()?,
            _ => {}
        }
        match describe(event) {
            Some((tone, line)) => self.screen.note(tone, &line),
            None => Ok(()),
        }
    }

    /// One line: the answer, what was asked for, and why.
    fn explain(&mut self, event: &Event, what: &str) -> io::Result<()> {
        match event {
            Event::ToolAllowed { rule, via, .. } => {
                let by = match via {
                    Approver::Human { user } => format!("by {user}"),
                    Approver::Grant { name } => format!("by the grant {name}"),
                    Approver::Ai { .. } | Approver::Policy | Approver::Nobody | Approver::Deferred => {
                        format!("by {rule}")
                    }
                };
                self.screen.note(Tone::Good, &format!("✓ allow  {what}  — {by}"))
            }
            Event::ToolDenied { rule, reason, .. } => {
                self.screen.note(Tone::Bad, &format!("✗ deny   {what}  — {reason} [{rule}]"))
            }
            _ => Ok(()),
        }
    }

    /// Puts the next ask on the screen if none is there.
    async fn prompt(&mut self, waiting: &mut Waiting) -> io::Result<()> {
        if waiting.reader.is_some() {
            return Ok(());
        }
        waiting.left().await;
        let Some(ask) = waiting.asks.front().cloned() else { return Ok(()) };
        self.draw(&ask)?;
        let cancelled = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&cancelled);
        let id = ask.id.clone();
        let handle = tokio::task::spawn_blocking(move || keys::read_answer(&ask, &flag));
        waiting.reader = Some(Reader { ask: id, cancelled, handle });
        Ok(())
    }

    fn draw(&mut self, ask: &Ask) -> io::Result<()> {
        let card = card(ask);
        self.screen.note(Tone::Plain, "")?;
        self.screen.note(Tone::Bold, &card.headline)?;
        self.screen.note(Tone::Warn, &card.reason)?;
        for effect in &card.effects {
            self.screen.note(Tone::Plain, &format!("  {effect}"))?;
        }
        for line in &card.body {
            self.screen.note(Tone::Plain, &format!("  │ {line}"))?;
        }
        self.screen.note(Tone::Dim, &card.place)?;
        if let Some(says) = &card.agent_says {
            self.screen.note(Tone::Dim, &format!("agent says: “{says}”"))?;
        }
        Ok(())
    }
}

impl Waiting {
    fn note(&mut self, event: &Event, keys: Keys) {
        match event {
            Event::ApprovalRequested { ask } | Event::InteractionRequested { ask }
                if keys == Keys::Terminal =>
            {
                self.asks.push_back(ask.clone());
            }
            Event::ApprovalResolved { ask, .. } | Event::InteractionResolved { ask, .. } => {
                self.asks.retain(|waiting| waiting.id != *ask);
                if self.reader.as_ref().is_some_and(|reader| reader.ask == *ask) {
                    self.cancel();
                }
            }
            _ => {}
        }
    }

    /// The key reader looks at the flag ten times a second and ends by itself.
    fn cancel(&mut self) {
        if let Some(reader) = self.reader.take() {
            reader.cancelled.store(true, Ordering::Relaxed);
            self.leaving = Some(reader.handle);
        }
    }

    /// Two readers at a time would take each other's keys, and the first to end would give the terminal back under the
    /// other. What was pressed for an ask that is over is nobody's answer.
    async fn left(&mut self) {
        if let Some(handle) = self.leaving.take() {
            drop(handle.await);
        }
    }
}

async fn next(desk: &mut Desk, waiting: &mut Waiting) -> Next {
    let reading = waiting.reader.as_mut().map(|reader| &mut reader.handle);
    let pressed = async {
        match reading {
            Some(handle) => handle.await,
            None => std::future::pending().await,
        }
    };
    let next = tokio::select! {
        event = desk.events.recv() => Next::Event(event),
        pressed = pressed => Next::Pressed(pressed.unwrap_or_else(|error| Err(io::Error::other(error)))),
        _ = tokio::signal::ctrl_c() => Next::Signal,
    };
    if matches!(next, Next::Pressed(_)) {
        waiting.reader = None;
    }
    next
}
