//! What people press. A button is a random name; what it means and for whom stands in the book. Whoever presses something
//! that is not theirs, or too late, is told why.

use super::cards::{Hears, sheet};
use super::hear::CUT_OFF;
use super::markup::escape;
use super::memory::{Pending, Stage, Told, Waiting};
use super::press::Press;
use super::talk::{From, Stopped, Talk};
use super::wire::{Notice, Priority, Sending, Tap};
use leashd_types::{Answer, AskId, AskKind, Command, Form, OpenSession, Question, Receipt, Refusal};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const UNKNOWN: &str = "leashd does not know this button (any more). /inbox shows what waits.";
const ELSEWHERE: &str = "This button belongs to another message.";
const NOT_YOURS: &str = "This button is somebody else's.";
const SENT: &str = "Sent. The card says when the agent has it.";
/// How long a tap waits for its answer to be sent.
const ANSWER_WAIT: Duration = Duration::from_secs(5);
/// Characters Telegram shows after a tap.
const ANSWER_MAX: usize = 190;

/// A tap, and what its person is told.
#[derive(Debug)]
struct Tapped {
    tap: Tap,
    told: Mutex<Vec<Sending<()>>>,
}

impl Tapped {
    fn answers(&self) -> MutexGuard<'_, Vec<Sending<()>>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take_answers(&self) -> Vec<Sending<()>> {
        std::mem::take(&mut *self.answers())
    }

    fn is_untold(&self) -> bool {
        self.answers().is_empty()
    }
}

impl Talk {
    pub(crate) async fn tap(self: &Arc<Self>, tap: Tap, update: i64) -> Result<(), Stopped> {
        self.memory().is_called(tap.from.id.0, &tap.from.first_name);
        let tap = Tapped { tap, told: Mutex::new(Vec::new()) };
        let done = self.looks_up(&tap, update).await;
        if done == Err(Stopped::Gone) {
            return done;
        }
        // A tap is done with when the person sees that it is: killed before, it comes again.
        let answers = tap.take_answers();
        let told = async {
            for answer in answers {
                drop(answer.await);
            }
        };
        drop(tokio::time::timeout(ANSWER_WAIT, told).await);
        done
    }

    async fn looks_up(self: &Arc<Self>, tapped: &Tapped, update: i64) -> Result<(), Stopped> {
        let tap = &tapped.tap;
        let Some(place) = &tap.message else {
            // Without its message it cannot be told whose it is; Telegram leaves it away for those of long ago.
            self.tell(tapped, UNKNOWN, Notice::Alert);
            return Ok(());
        };
        let from = From {
            chat: place.chat.id,
            person: tap.from.id.0,
            message: Some(place.id),
            update: Some(update),
        };
        let name = tap.data.as_deref().unwrap_or_default();
        let binding = self.book.button(name);
        let problem = match &binding {
            None => Some(UNKNOWN),
            Some(it) if it.chat != from.chat.0 => Some(ELSEWHERE),
            Some(it) if it.message.is_some_and(|message| message != place.id.0) => Some(ELSEWHERE),
            Some(it) if it.person.is_some_and(|person| person != from.person) => Some(NOT_YOURS),
            Some(_) => None,
        };
        let press = match (binding, problem) {
            (Some(_), None) if self.book.is_unfinished(update) => {
                Press::Over { why: CUT_OFF.to_owned(), ask: None }
            }
            (Some(binding), None) => {
                if binding.message.is_none() {
                    self.stands_at(name, &binding.press, from).await;
                }
                binding.press
            }
            (_, problem) => Press::Over { why: problem.unwrap_or(UNKNOWN).to_owned(), ask: None },
        };
        self.pressed(tapped, from, press).await?;
        if tapped.is_untold() {
            self.tell(tapped, "", Notice::Toast);
        }
        Ok(())
    }

    /// leashd did not hear where a message came to stand, or not yet: the tap tells it.
    async fn stands_at(self: &Arc<Self>, name: &str, press: &Press, at: From) {
        let Some(message) = at.message.map(|message| message.0) else { return };
        self.book.place(&[name.to_owned()], message);
        let Some(ask) = press.ask() else { return };
        match (self.book.card_at(ask, message), press) {
            (Some(place), _) => {
                self.save().await;
                self.show_receipt(ask, &place);
            }
            (None, Press::Over { why, .. }) if self.book.card(ask).is_none() => {
                self.become_line(at.chat.0, message, &escape(why));
            }
            (None, _) => {}
        }
    }

    async fn pressed(self: &Arc<Self>, tap: &Tapped, at: From, press: Press) -> Result<(), Stopped> {
        // These are commands themselves and pass the door as such; all others have to knock.
        if let Press::Answer { ask, digest, answer } = press {
            let command = Command::Answer { ask, answer, digest };
            return self.tapped_order(tap, at, command, SENT).await.map(drop);
        }
        if self.tapped_order(tap, at, Command::Knock, "").await?.is_none() {
            return Ok(());
        }
        match press {
            Press::Answer { .. } => Ok(()),
            Press::Over { why, .. } => {
                self.tell(tap, &why, Notice::Alert);
                Ok(())
            }
            Press::Instruct { .. } => {
                self.tell(tap, "Write what should change, as a message.", Notice::Alert);
                Ok(())
            }
            Press::Choose { ask, question, option } => {
                self.choose(tap, at, &ask, (question, Some(option))).await
            }
            Press::Chosen { ask, question } => self.choose(tap, at, &ask, (question, None)).await,
            Press::Git { session, press } => {
                self.tell(tap, "", Notice::Toast);
                self.git_pressed(at, session, press).await
            }
            other => self.pressed_session(tap, at, other).await,
        }
    }

    async fn pressed_session(self: &Arc<Self>, tap: &Tapped, at: From, press: Press) -> Result<(), Stopped> {
        let message = at.message.map_or(0, |message| message.0);
        let done = |line: &str| {
            self.book.retire_message(at.chat.0, message, "That is done already.");
            self.become_line(at.chat.0, message, line);
        };
        match press {
            Press::SendNow { session } => {
                let order = Command::Interrupt { session: session.clone() };
                if self.tapped_order(tap, at, order, "The running turn is interrupted.").await?.is_some() {
                    self.forget_waiting(&session);
                    done("📩 Sent now");
                }
            }
            Press::Wait { session } => {
                self.tell(tap, "", Notice::Toast);
                self.forget_waiting(&session);
                done("⏳ It waits until the running turn ends");
            }
            Press::GoTo { session, directory, workspace } => {
                let shown = escape(&self.options.redact.text(&directory.display().to_string()));
                let order = Command::SetDirectory { session, directory, workspace };
                if self.tapped_order(tap, at, order, "").await?.is_some() {
                    done(&format!("📁 Now in {shown}; a fresh conversation begins"));
                }
            }
            Press::Switch { session } => {
                let order = Command::Switch { session: session.clone() };
                if self.tapped_order(tap, at, order, "").await?.is_some() {
                    self.memory().room(at.chat.0).current = Some(session.clone());
                    done(&format!("💬 Now in session {}", escape(&short(session.as_str()))));
                }
            }
            Press::Resume { session } => {
                let order = OpenSession { resume: Some(session.clone()), ..OpenSession::default() };
                if self.tapped_order(tap, at, Command::Open { order }, "").await?.is_some() {
                    self.memory().room(at.chat.0).current = Some(session.clone());
                    done(&format!("💬 Going on in session {}", escape(&short(session.as_str()))));
                }
            }
            Press::NewSession => {
                let order = OpenSession::default();
                if self.tapped_order(tap, at, Command::Open { order }, "").await?.is_some() {
                    done("💬 A new session; what you write goes there");
                }
            }
            Press::Close { session } => {
                let order = Command::Close { session: session.clone() };
                if self.tapped_order(tap, at, order, "").await?.is_some() {
                    done(&format!("💬 Session {} is closed", escape(&short(session.as_str()))));
                }
            }
            Press::Revoke { grant } => {
                if self.tapped_order(tap, at, Command::Revoke { grant }, "").await?.is_some() {
                    done("🔓 Taken back; it asks again");
                }
            }
            Press::ShowAsk { ask } => {
                self.tell(tap, "", Notice::Toast);
                self.show_again(&ask);
            }
            Press::Answer { .. }
            | Press::Over { .. }
            | Press::Instruct { .. }
            | Press::Choose { .. }
            | Press::Chosen { .. }
            | Press::Git { .. } => {}
        }
        Ok(())
    }

    /// Carries out a command for a tap. Nothing, if it was refused; the person knows then.
    async fn tapped_order(
        &self,
        tap: &Tapped,
        at: From,
        command: Command,
        done: &str,
    ) -> Result<Option<()>, Stopped> {
        let knocking = command == Command::Knock;
        match self.deliver(at, Form::Button, command).await? {
            Receipt::Accepted { .. } | Receipt::Duplicate => {
                if !knocking {
                    self.tell(tap, done, Notice::Toast);
                }
                Ok(Some(()))
            }
            Receipt::Refused { refusal: Refusal::NotAllowed } => {
                let told = self.memory().tells(at.person);
                let text = if told == Told::Now { "You are not allowed here." } else { "" };
                self.tell(tap, text, Notice::Alert);
                Ok(None)
            }
            Receipt::Refused { refusal } => {
                self.tell(tap, &crate::terminal::refusal_line(&refusal), Notice::Alert);
                Ok(None)
            }
        }
    }

    fn tell(&self, tap: &Tapped, text: &str, notice: Notice) {
        let text: String = text.chars().take(ANSWER_MAX).collect();
        tap.answers().push(self.outbox.answer_tap(&tap.tap.id, &text, notice));
    }

    /// An option of a question, or no further one.
    async fn choose(
        self: &Arc<Self>,
        tap: &Tapped,
        at: From,
        ask: &AskId,
        (question, option): (usize, Option<usize>),
    ) -> Result<(), Stopped> {
        let pending = self.memory().ask(ask).cloned();
        let open = pending.filter(|it| it.stage == Stage::Open && it.chosen.question == question);
        let Some(mut pending) = open else {
            self.tell(tap, "This question has its answer already.", Notice::Alert);
            return Ok(());
        };
        let Some(asked) = asked(&pending).cloned() else { return Ok(()) };
        self.tell(tap, "", Notice::Toast);
        if let (true, Some(option)) = (asked.multi_select, option) {
            if !pending.chosen.ticked.remove(&option) {
                pending.chosen.ticked.insert(option);
            }
            self.redraw(at, pending).await;
            return Ok(());
        }
        let chosen: Vec<usize> =
            option.map_or_else(|| pending.chosen.ticked.iter().copied().collect(), |it| vec![it]);
        let labels = chosen.iter().filter_map(|index| asked.options.get(*index)).map(|it| it.label.clone());
        let text = labels.collect::<Vec<_>>().join(", ");
        if text.is_empty() {
            // Nothing chosen is no answer that can be told from a slip of the finger.
            return Ok(());
        }
        self.answered_question(at, Form::Button, pending, text).await
    }

    /// The question on the card has its answer: the next one, or all answers go.
    pub(crate) async fn answered_question(
        self: &Arc<Self>,
        from: From,
        form: Form,
        mut pending: Pending,
        text: String,
    ) -> Result<(), Stopped> {
        let AskKind::Question { questions, .. } = &pending.ask.kind else { return Ok(()) };
        if let Some(asked) = asked(&pending) {
            pending.answers.insert(asked.question.clone(), text);
        }
        let next = pending.chosen.question.saturating_add(1);
        if next >= questions.len() {
            let answers = pending.answers.clone();
            return self.answer(from, form, &pending, Answer::Choices { answers }).await;
        }
        pending.chosen.question = next;
        pending.chosen.ticked.clear();
        self.redraw(from, pending).await;
        Ok(())
    }

    /// The card as it is now.
    async fn redraw(&self, from: From, pending: Pending) {
        let html = sheet(&pending.ask, &pending.chosen, self.hears(&pending), &self.options);
        let place = self.book.card(&pending.ask.id);
        if let Some(known) = self.memory().ask(&pending.ask.id) {
            known.chosen = pending.chosen;
            known.answers = pending.answers;
        }
        if let Some(message) = place.and_then(|place| place.message) {
            let message = super::wire::MessageId(message);
            let owner = self.owner_of(&pending.ask.session, from.chat.0);
            let at = From { person: owner, ..from };
            self.become_sheet(at, message, html, Priority::Card).await;
        }
    }

    pub(crate) fn hears(&self, pending: &Pending) -> Hears {
        if self.memory().is_current(&pending.ask.session) { Hears::Text } else { Hears::RepliesOnly }
    }

    /// Whose buttons are below the cards of a session; nought if anybody's who may speak in the chat.
    pub(crate) fn owner_of(&self, session: &leashd_types::SessionId, chat: i64) -> i64 {
        if chat > 0 {
            return chat;
        }
        self.book.owner(session).and_then(|owner| owner.as_str().parse().ok()).unwrap_or(0)
    }

    fn forget_waiting(&self, session: &leashd_types::SessionId) {
        if let Some(talking) = self.memory().talking(session) {
            talking.waiting = Waiting::Nothing;
        }
    }
}

/// The question that is on the card.
fn asked(pending: &Pending) -> Option<&Question> {
    match &pending.ask.kind {
        AskKind::Question { questions, .. } => questions.get(pending.chosen.question),
        AskKind::Approval { .. } | AskKind::PlanReview { .. } | AskKind::Confirmation { .. } => None,
    }
}

/// The first part of an id, as on cards.
pub(crate) fn short(id: &str) -> String {
    id.split('-').next().unwrap_or(id).to_owned()
}
