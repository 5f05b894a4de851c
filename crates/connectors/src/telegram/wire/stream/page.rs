//! The messages of one answer, and what each says now. Sends and edits only what differs.

use super::super::failure::Failure;
use super::super::model::{Keyboard, MessageId};
use super::super::outbox::{Change, Edit, File, Outbox, Post, Priority, Sending, Sound};
use super::super::text::{Rich, Text};
use super::StreamOptions;
use super::view::View;
use std::time::Duration;
use tokio::time::sleep;

/// How often and how long the end of an answer waits for room in the outbox.
const FULL_TRIES: u32 = 600;
const FULL_WAIT: Duration = Duration::from_secs(1);
const FILE_NAME: &str = "answer.md";

#[derive(Debug)]
pub(super) struct Page {
    outbox: Outbox,
    options: StreamOptions,
    parts: Vec<Part>,
}

#[derive(Debug, Default)]
struct Part {
    message: Option<MessageId>,
    /// It is being sent, and says this then.
    sending: Option<(Sending<MessageId>, Rich)>,
    /// What it surely says.
    shown: Option<Rich>,
}

impl Part {
    /// Its id, once it has one. Dropped, it goes on where it was.
    async fn sent(&mut self) -> Result<(), Failure> {
        let Some((sending, _)) = &mut self.sending else { return Ok(()) };
        let sent = sending.await;
        let said = self.sending.take().map(|it| it.1);
        self.message = Some(sent?);
        self.shown = said;
        Ok(())
    }
}

impl Page {
    pub(super) fn new(outbox: Outbox, options: StreamOptions) -> Self {
        Self { outbox, options, parts: Vec::new() }
    }

    /// Shows the answer as it is now. A full outbox is no failure: there will be a newer state. May be dropped at any point.
    pub(super) async fn follow(&mut self, view: View) -> Result<(), Failure> {
        match self.show(&view, Priority::Stream).await {
            Err(Failure::Full { .. }) => Ok(()),
            other => other,
        }
    }

    /// Shows the answer as it stays.
    pub(super) async fn finish(mut self, view: View) -> Result<Vec<MessageId>, Failure> {
        let mut tries = 0;
        loop {
            match self.show(&view, Priority::Reply).await {
                Err(Failure::Full { .. }) if tries < FULL_TRIES => tries += 1,
                other => break other?,
            }
            sleep(FULL_WAIT).await;
        }
        let mut messages: Vec<_> = self.parts.iter().filter_map(|it| it.message).collect();
        if let Some(file) = view.file {
            messages.push(self.outbox.document(self.file(file)).await?);
        }
        Ok(messages)
    }

    fn file(&self, whole: String) -> File {
        File {
            chat: self.options.chat,
            name: FILE_NAME.to_owned(),
            bytes: whole.into_bytes().into(),
            caption: Text::default(),
            reply_to: None,
            priority: Priority::Reply,
            sound: Sound::Silent,
        }
    }

    async fn show(&mut self, view: &View, priority: Priority) -> Result<(), Failure> {
        for (number, wanted) in view.parts.iter().enumerate() {
            self.show_part(number, wanted, priority).await?;
        }
        // Markdown read anew may be shorter.
        while self.parts.len() > view.parts.len() {
            if let Some(last) = self.parts.last_mut() {
                last.sent().await?;
            }
            if let Some(message) = self.parts.last().and_then(|it| it.message) {
                self.outbox.delete(self.options.chat, message, priority).await?;
            }
            self.parts.pop();
        }
        Ok(())
    }

    async fn show_part(&mut self, number: usize, wanted: &Rich, priority: Priority) -> Result<(), Failure> {
        if self.parts.len() <= number {
            self.parts.push(Part::default());
        }
        let Some(part) = self.parts.get_mut(number) else { return Ok(()) };
        part.sent().await?;
        if part.shown.as_ref() == Some(wanted) {
            return Ok(());
        }
        if let Some(message) = part.message {
            // From here on it may say the one or the other.
            part.shown = None;
            let change = Change::Text { text: wanted.text(), keyboard: Keyboard::none() };
            let edit = Edit { chat: self.options.chat, message, change, priority };
            match self.outbox.edit(edit).await {
                Err(failure) if is_gone(&failure) => part.message = None,
                edited => {
                    edited?;
                    part.shown = Some(wanted.clone());
                    return Ok(());
                }
            }
        }
        let first = number == 0;
        let post = Post {
            reply_to: self.options.reply_to.filter(|_| first),
            priority,
            sound: if first { self.options.sound } else { Sound::Silent },
            ..Post::new(self.options.chat, wanted.text())
        };
        part.sending = Some((self.outbox.send(post), wanted.clone()));
        part.sent().await
    }
}

/// The person deleted it.
fn is_gone(failure: &Failure) -> bool {
    failure.says("message to edit not found") || failure.says("message can't be edited")
}
