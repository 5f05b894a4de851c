//! What every part of the conversation needs: the desk, the outbox, what is remembered, and the few ways of saying
//! something. Decides nothing.

use super::cards::Sheet;
use super::markup::without_markup;
use super::memory::{Memory, Told};
use super::options::Options;
use super::press::{Choice, Choices};
use super::state::Book;
use super::wire::{
    Button, Change, ChatId, Client, Edit, Failure, File, Keyboard, MessageId, Outbox, Post, Priority,
    Sending, Shown, Sound, Text,
};
use crate::terminal::refusal_line;
use crate::{Delivery, Person, Query};
use leashd_types::{Chat, Command, ConnectorKind, Envelope, Form, Receipt, Refusal, SessionId, UserId};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::{mpsc, oneshot};

const NOT_ALLOWED: &str = "You are not allowed here.";

/// The conversation with everybody.
#[derive(Debug)]
pub(crate) struct Talk {
    pub(crate) deliveries: mpsc::Sender<Delivery>,
    pub(crate) queries: mpsc::Sender<Query>,
    pub(crate) outbox: Outbox,
    pub(crate) client: Client,
    pub(crate) book: Arc<Book>,
    pub(crate) options: Options,
    /// Without the `@`; unknown until Telegram was reached.
    bot: OnceLock<String>,
    memory: Mutex<Memory>,
}

/// Who said something, where, and with which message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct From {
    pub(crate) chat: ChatId,
    pub(crate) person: i64,
    pub(crate) message: Option<MessageId>,
    /// The update it came with.
    pub(crate) update: Option<i64>,
}

/// Why a request was not carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stopped {
    /// The person knows why.
    Told,
    /// The daemon is going down: nothing was decided, the update comes again.
    Gone,
}

impl From {
    pub(crate) fn speaker(self) -> Person {
        Person { chat: chat(self.chat), user: UserId::new(self.person.to_string()) }
    }
}

/// A chat as the daemon names it.
pub(crate) fn chat(id: ChatId) -> Chat {
    Chat::new(ConnectorKind::Telegram, id.0.to_string())
}

/// Our own chat's number.
pub(crate) fn number(chat: &Chat) -> Option<i64> {
    match chat.connector {
        ConnectorKind::Telegram => chat.id.parse().ok(),
        ConnectorKind::Terminal | ConnectorKind::Web => None,
    }
}

impl Talk {
    pub(crate) fn new(
        (deliveries, queries): (mpsc::Sender<Delivery>, mpsc::Sender<Query>),
        (client, outbox): (Client, Outbox),
        (book, options): (Arc<Book>, Options),
    ) -> Arc<Self> {
        let memory = Mutex::new(Memory::default());
        Arc::new(Self { deliveries, queries, outbox, client, book, options, bot: OnceLock::new(), memory })
    }

    pub(crate) fn is_called(&self, name: String) {
        // It is told once.
        drop(self.bot.set(name));
    }

    pub(crate) fn bot(&self) -> &str {
        self.bot.get().map_or("", String::as_str)
    }

    pub(crate) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a command in and waits until what became of it is durable.
    pub(crate) async fn deliver(&self, from: From, form: Form, command: Command) -> Result<Receipt, Stopped> {
        if !may_come_twice(&command) {
            self.begins(from).await?;
        }
        self.hand_in(from, form, command).await
    }

    /// What cannot be done twice is written down before it is done: killed in between, the update comes again.
    /// A disk that takes nothing does not stand in the way of `/stop`; that the process ends does.
    pub(crate) async fn begins(&self, from: From) -> Result<(), Stopped> {
        match from.update {
            Some(update) if self.book.begins(update) => self.try_save().await,
            Some(_) | None => Ok(()),
        }
    }

    async fn hand_in(&self, from: From, form: Form, command: Command) -> Result<Receipt, Stopped> {
        let (receipt, received) = oneshot::channel();
        let Person { chat, user } = from.speaker();
        let envelope = Envelope { chat, from: user, form, command };
        self.deliveries.send(Delivery { envelope, receipt }).await.map_err(|_| Stopped::Gone)?;
        let receipt = received.await.map_err(|_| Stopped::Gone)?;
        // The names of strangers are not kept.
        let name = self.memory().name(from.person);
        if let (Receipt::Accepted { .. } | Receipt::Duplicate, Some(name)) = (&receipt, name) {
            self.book.is_called(from.person, &name);
        }
        Ok(receipt)
    }

    /// What the person with this number is called in chats, if that is known.
    pub(crate) fn name(&self, user: &UserId) -> Option<String> {
        let person = user.as_str().parse().ok()?;
        let volatile = self.memory().name(person);
        volatile.or_else(|| self.book.name(person))
    }

    /// The same, and whoever is refused is told why.
    pub(crate) async fn order(
        &self,
        from: From,
        form: Form,
        command: Command,
    ) -> Result<Option<SessionId>, Stopped> {
        let receipt = self.deliver(from, form, command).await?;
        self.accepted(from, receipt)
    }

    fn accepted(&self, from: From, receipt: Receipt) -> Result<Option<SessionId>, Stopped> {
        match receipt {
            Receipt::Accepted { session } => Ok(session),
            // It came twice; the first one was answered.
            Receipt::Duplicate => Err(Stopped::Told),
            Receipt::Refused { refusal } => {
                self.refused(from, &refusal);
                Err(Stopped::Told)
            }
        }
    }

    /// Passes the door, for everything that is no command of the daemon.
    pub(crate) async fn knock(&self, from: From, form: Form) -> Result<(), Stopped> {
        self.order(from, form, Command::Knock).await.map(drop)
    }

    /// Asks the daemon. Nothing, if it does not answer.
    pub(crate) async fn query<T>(&self, query: impl FnOnce(oneshot::Sender<T>) -> Query) -> Option<T> {
        let (reply, replied) = oneshot::channel();
        self.queries.send(query(reply)).await.ok()?;
        replied.await.ok()
    }

    /// The chat's current session; a new one if there is none.
    pub(crate) async fn session(&self, from: From, form: Form) -> Result<SessionId, Stopped> {
        if let Some(session) = self.memory().current(from.chat.0) {
            return Ok(session);
        }
        let order = leashd_types::OpenSession::default();
        // Should it come again, the session is there.
        let receipt = self.hand_in(from, form, Command::Open { order }).await?;
        let opened = self.accepted(from, receipt)?;
        let session = opened.ok_or(Stopped::Gone)?;
        self.memory().room(from.chat.0).current = Some(session.clone());
        Ok(session)
    }

    pub(crate) fn refused(&self, from: From, refusal: &Refusal) {
        match refusal {
            Refusal::NotAllowed => {
                if self.memory().tells(from.person) == Told::Now {
                    self.say(from, &super::markup::escape(NOT_ALLOWED));
                }
            }
            other => self.say(from, &format!("✗ {}", super::markup::escape(&refusal_line(other)))),
        }
    }

    /// A line in reply.
    pub(crate) fn say(&self, from: From, html: &str) {
        drop(self.outbox.send(Post { reply_to: from.message, ..self.post(from.chat, html) }));
    }

    /// A line nobody asked for.
    pub(crate) fn note(&self, chat: i64, html: &str, sound: Sound) {
        drop(self.outbox.send(Post { sound, ..self.post(ChatId(chat), html) }));
    }

    pub(crate) fn post(&self, chat: ChatId, html: &str) -> Post {
        Post::new(chat, text(html))
    }

    /// A text with buttons, and with a file if it did not fit.
    pub(crate) async fn show(
        &self,
        from: From,
        sheet: Sheet,
        priority: Priority,
    ) -> Result<MessageId, Failure> {
        self.attach(from.chat, &sheet, priority);
        let (keyboard, names) = self.keyboard(from, &sheet.choices).await;
        let post = Post { keyboard, priority, reply_to: from.message, ..self.post(from.chat, &sheet.html) };
        let message = self.outbox.send(post).await?;
        self.book.place(&names, message.0);
        self.save().await;
        Ok(message)
    }

    /// The same without waiting for it.
    pub(crate) fn present(self: &Arc<Self>, from: From, sheet: Sheet) {
        let talk = Arc::clone(self);
        tokio::spawn(async move {
            if let Err(failure) = talk.show(from, sheet, Priority::Reply).await {
                tracing::warn!(reason = %failure, "telegram_not_sent");
            }
        });
    }

    /// A message becomes another one, with other buttons. Those it has now stay good.
    pub(crate) async fn become_sheet(
        &self,
        from: From,
        message: MessageId,
        sheet: Sheet,
        priority: Priority,
    ) {
        let (keyboard, names) = self.keyboard(from, &sheet.choices).await;
        self.book.place(&names, message.0);
        self.save().await;
        let change = Change::Text { text: text(&sheet.html), keyboard };
        drop(self.outbox.edit(Edit { chat: from.chat, message, change, priority }));
    }

    /// A message becomes a line without buttons.
    pub(crate) fn become_line(&self, chat: i64, message: i64, html: &str) {
        drop(self.turn_into_line(chat, message, html));
    }

    /// The same, for who wants to know when it is so.
    pub(crate) fn turn_into_line(&self, chat: i64, message: i64, html: &str) -> Sending<Shown> {
        let change = Change::Text { text: text(html), keyboard: Keyboard::none() };
        let (chat, message) = (ChatId(chat), MessageId(message));
        self.outbox.edit(Edit { chat, message, change, priority: Priority::Card })
    }

    pub(crate) fn attach(&self, chat: ChatId, sheet: &Sheet, priority: Priority) {
        let Some((name, content)) = sheet.file.clone().filter(|(_, content)| !content.is_empty()) else {
            return;
        };
        drop(self.outbox.document(File {
            chat,
            name,
            bytes: content.into_bytes().into(),
            caption: Text::default(),
            reply_to: None,
            priority,
            sound: Sound::Silent,
        }));
    }

    /// What the buttons mean is written down before anybody can press them.
    pub(crate) async fn keyboard(&self, from: From, choices: &Choices) -> (Keyboard, Vec<String>) {
        let flat: Vec<Choice> = choices.iter().flatten().cloned().collect();
        if flat.is_empty() {
            return (Keyboard::none(), Vec::new());
        }
        let person = (from.person != 0).then_some(from.person);
        let names = self.book.bind(&flat, from.chat.0, person);
        self.save().await;
        let mut left = names.iter();
        let rows = choices.iter().map(|row| {
            let buttons = row.iter().zip(left.by_ref());
            buttons.map(|(choice, name)| Button::new(choice.label.clone(), name.clone())).collect()
        });
        (Keyboard { rows: rows.collect() }, names)
    }

    /// Writes the file. If that fails, taps after a restart are told that nobody knows them.
    pub(crate) async fn save(&self) {
        // Whoever goes down knows.
        self.try_save().await.unwrap_or_default();
    }

    async fn try_save(&self) -> Result<(), Stopped> {
        let book = Arc::clone(&self.book);
        match tokio::task::spawn_blocking(move || book.save()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => {
                tracing::warn!(reason = %error, "telegram_state_not_saved");
                Ok(())
            }
            Err(error) => {
                tracing::warn!(reason = %error, "telegram_state_not_saved");
                Err(Stopped::Gone)
            }
        }
    }
}

/// Whether the daemon sees to it that a command that comes again does nothing more.
fn may_come_twice(command: &Command) -> bool {
    match command {
        Command::Knock | Command::Answer { .. } | Command::Shown { .. } => true,
        Command::Say { key, .. } => key.is_some(),
        Command::Open { .. }
        | Command::Switch { .. }
        | Command::Interrupt { .. }
        | Command::Stop { .. }
        | Command::Clear { .. }
        | Command::SetMode { .. }
        | Command::SetDirectory { .. }
        | Command::Revoke { .. }
        | Command::Close { .. } => false,
    }
}

/// Our own HTML, and what is left of it where Telegram does not take it.
pub(crate) fn text(html: &str) -> Text {
    Text::with_html(html, without_markup(html))
}
