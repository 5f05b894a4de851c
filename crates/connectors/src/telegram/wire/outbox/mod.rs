//! The one way out: everything that is written to chats goes through here, as fast as Telegram allows and no faster, the
//! urgent first. Nothing is dropped but edits that a newer edit of the same message replaced, and signs of typing.
//!
//! Messages arrive at least once: where the answer to a request was lost nobody knows whether it was carried out, and it is
//! made again. Knows nothing of what the texts say.

mod courier;
mod job;
mod pace;
mod queue;

#[cfg(test)]
mod tests;

pub use pace::{Allowance, Limits};

use super::client::Client;
use super::failure::Failure;
use super::model::{ChatId, Keyboard, MessageId};
use super::text::Text;
use hyper::body::Bytes;
use job::{Job, Work};
use queue::Queue;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

/// What goes first. Within one chat nothing overtakes what has the same priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Answers to `/stop`.
    Stop,
    /// Cards that ask, and what they become.
    Card,
    Reply,
    /// Answers that grow.
    Stream,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    Rings,
    Silent,
}

/// How the answer to a tap is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A line that goes away.
    Toast,
    /// A window that has to be closed.
    Alert,
}

/// A new message.
#[derive(Clone, Debug)]
pub struct Post {
    pub chat: ChatId,
    pub text: Text,
    pub keyboard: Keyboard,
    /// The message it answers; if that is gone, it is sent all the same.
    pub reply_to: Option<MessageId>,
    pub priority: Priority,
    pub sound: Sound,
}

impl Post {
    /// Without buttons, ringing, as a reply goes.
    #[must_use]
    pub fn new(chat: ChatId, text: Text) -> Self {
        let (keyboard, priority, sound) = (Keyboard::none(), Priority::Reply, Sound::Rings);
        Self { chat, text, keyboard, reply_to: None, priority, sound }
    }
}

/// A message of the bot becomes another one.
#[derive(Clone, Debug)]
pub struct Edit {
    pub chat: ChatId,
    pub message: MessageId,
    pub change: Change,
    pub priority: Priority,
}

#[derive(Clone, Debug)]
pub enum Change {
    /// The buttons too: none takes those that are there away.
    Text { text: Text, keyboard: Keyboard },
    /// The text stays.
    Keyboard(Keyboard),
}

/// A file as a message.
#[derive(Clone, Debug)]
pub struct File {
    pub chat: ChatId,
    pub name: String,
    /// At most 50 MB, not empty.
    pub bytes: Bytes,
    /// At most 1,024 UTF-16 units; may be empty.
    pub caption: Text,
    pub reply_to: Option<MessageId>,
    pub priority: Priority,
    pub sound: Sound,
}

/// What became of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shown {
    /// It is what the message says. Also, if the message said so before.
    Now,
    /// A newer edit of the same message came before it was sent.
    Superseded,
}

/// Something on its way. Dropped, it arrives all the same.
#[derive(Debug)]
pub struct Sending<T>(oneshot::Receiver<Result<T, Failure>>);

impl<T> Future for Sending<T> {
    type Output = Result<T, Failure>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|it| it.unwrap_or(Err(Failure::Closed)))
    }
}

/// Takes what is to be written. Clones are the same outbox.
#[derive(Clone, Debug)]
pub struct Outbox(Arc<Door>);

/// Closes the outbox when its last clone is gone.
#[derive(Debug)]
struct Door(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    /// Something was put in.
    came: Notify,
    /// Something is done.
    done: Notify,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.0.queue().close();
        self.0.came.notify_one();
    }
}

impl Outbox {
    /// An outbox, and what carries things out of it: a future to be run. It ends when all clones of the outbox are gone and
    /// everything is sent.
    pub fn open(client: Client, limits: Limits) -> (Self, impl Future<Output = ()> + Send + use<>) {
        let queue = Mutex::new(Queue::new(limits));
        let shared = Arc::new(Shared { queue, came: Notify::new(), done: Notify::new() });
        let courier = courier::carry(client, Arc::clone(&shared));
        (Self(Arc::new(Door(shared))), courier)
    }

    /// Sends a message; its id comes when Telegram has it.
    pub fn send(&self, post: Post) -> Sending<MessageId> {
        let (tell, told) = oneshot::channel();
        self.put(Work::Post(post, tell));
        Sending(told)
    }

    /// Changes a message. Of several edits of one message that wait only the newest is sent.
    pub fn edit(&self, edit: Edit) -> Sending<Shown> {
        let (tell, told) = oneshot::channel();
        self.put(Work::Edit(edit, tell));
        Sending(told)
    }

    /// Ends the progress sign of a tapped button; at most 200 characters of text, or none. Before everything else.
    pub fn answer_tap(&self, tap: &str, text: &str, notice: Notice) -> Sending<()> {
        let (tell, told) = oneshot::channel();
        self.put(Work::Tap { tap: tap.to_owned(), text: text.to_owned(), notice, tell });
        Sending(told)
    }

    /// Sends a file.
    pub fn document(&self, file: File) -> Sending<MessageId> {
        let (tell, told) = oneshot::channel();
        self.put(Work::File(file, tell));
        Sending(told)
    }

    /// Deletes a message of the bot. One that is gone already is no failure.
    pub fn delete(&self, chat: ChatId, message: MessageId, priority: Priority) -> Sending<()> {
        let (tell, told) = oneshot::channel();
        self.put(Work::Delete { chat, message, priority, tell });
        Sending(told)
    }

    /// Shows for five seconds that the bot is at work, if it can be said now.
    pub fn typing(&self, chat: ChatId) {
        self.put(Work::Typing(chat));
    }

    /// What waits or is on its way.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.0.queue().len()
    }

    /// Waits until nothing waits any more.
    pub async fn settled(&self) {
        loop {
            let done = self.0.0.done.notified();
            tokio::pin!(done);
            done.as_mut().enable();
            if self.waiting() == 0 {
                return;
            }
            done.await;
        }
    }

    fn put(&self, work: Work) {
        let now = Instant::now();
        // What is not taken is told so by the queue.
        self.0.0.queue().put(Job::new(work, now), now);
        self.0.0.came.notify_one();
    }
}
