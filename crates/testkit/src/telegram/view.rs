//! Chats as a test reads them, and waiting for what is to appear in them. Changes nothing.

use super::message::{Media, Message};
use super::serve::Shared;
use super::transcript::Transcript;
use super::world::{Event, World};
use std::sync::Arc;
use std::time::Duration;

/// How long waits go on, unless told otherwise.
pub const USUAL_WAIT: Duration = Duration::from_secs(20);

/// One chat.
#[derive(Clone, Debug)]
pub struct Chat {
    pub(super) shared: Arc<Shared>,
    pub(super) id: i64,
}

/// A file of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFile {
    pub name: Option<String>,
    pub kind: Option<String>,
    pub bytes: Vec<u8>,
}

impl Chat {
    #[must_use]
    pub fn id(&self) -> i64 {
        self.id
    }

    /// All messages that are there, in order.
    #[must_use]
    pub fn messages(&self) -> Vec<Message> {
        self.all_messages().into_iter().filter(Message::is_there).collect()
    }

    /// Deleted ones too.
    #[must_use]
    pub fn all_messages(&self) -> Vec<Message> {
        self.shared.look(|world| world.chats.get(&self.id).map_or(Vec::new(), |it| it.messages.clone()))
    }

    /// What the bot said that is there, in order.
    #[must_use]
    pub fn from_bot(&self) -> Vec<Message> {
        self.messages().into_iter().filter(Message::is_from_bot).collect()
    }

    #[must_use]
    pub fn message(&self, id: i32) -> Option<Message> {
        self.shared.look(|world| world.message(self.id, i64::from(id)).cloned())
    }

    /// The latest message that is there.
    #[must_use]
    pub fn last(&self) -> Option<Message> {
        self.messages().pop()
    }

    /// Everything that happened, in order.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        self.shared.look(|world| world.chats.get(&self.id).map_or(Vec::new(), |it| it.events.clone()))
    }

    /// The file of a message; for a photo its largest size.
    #[must_use]
    pub fn file(&self, message: &Message) -> Option<SentFile> {
        let id = match message.media.as_ref()? {
            Media::Document(id) | Media::Voice(id) => id,
            Media::Photo(ids) => ids.last()?,
        };
        self.shared.look(|world: &World| {
            let file = world.files.get(id)?;
            Some(SentFile { name: file.name.clone(), kind: file.kind.clone(), bytes: file.bytes.to_vec() })
        })
    }

    #[must_use]
    pub fn transcript(&self) -> Transcript {
        Transcript::of(self)
    }

    pub(super) fn name_of(&self, person: i64) -> String {
        self.shared
            .look(|world| world.people.get(&person).map_or_else(|| "bot".to_owned(), |it| it.name.clone()))
    }

    /// Waits until something is so, for at most [`USUAL_WAIT`].
    ///
    /// # Panics
    /// If it is not so in time; the message has the whole conversation.
    pub async fn until<T>(&self, found: impl Fn(&Self) -> Option<T>) -> T {
        self.until_within(USUAL_WAIT, found).await
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// If it is not so in time; the message has the whole conversation.
    pub async fn until_within<T>(&self, within: Duration, found: impl Fn(&Self) -> Option<T>) -> T {
        let found = wait(&self.shared, within, || found(self)).await;
        found.unwrap_or_else(|| panic!("not so within {within:?}; the chat:\n{}", self.transcript().render()))
    }

    /// Waits for a message of the bot with this in its text.
    ///
    /// # Panics
    /// If there is none in time.
    pub async fn until_said(&self, text: &str) -> Message {
        self.until(|chat| chat.from_bot().into_iter().rev().find(|it| it.text().contains(text))).await
    }

    /// Waits for a message of the bot with this button.
    ///
    /// # Panics
    /// If there is none in time.
    pub async fn until_button(&self, label: &str) -> Message {
        self.until(|chat| chat.from_bot().into_iter().rev().find(|it| it.button(label).is_some())).await
    }
}

/// Looks again after each change.
pub(super) async fn wait<T>(shared: &Shared, within: Duration, found: impl Fn() -> Option<T>) -> Option<T> {
    let mut changes = shared.changes();
    let looking = async {
        loop {
            changes.borrow_and_update();
            if let Some(found) = found() {
                return Some(found);
            }
            changes.changed().await.ok()?;
        }
    };
    tokio::time::timeout(within, looking).await.unwrap_or_default()
}
