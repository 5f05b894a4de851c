//! One line per chat: what somebody says first is done first. Chats do not wait for each other, taps and `/stop` for nobody.

use super::talk::{Stopped, Talk};
use super::wire::{Content, Incoming};
use super::word::{Spoken, Word, parse};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Updates of one chat that may wait; further ones come again later.
const WAITING_MAX: usize = 64;
/// A line nobody stands in is closed after this.
const IDLE: Duration = Duration::from_secs(600);
/// Lines at the same time.
const LINES_MAX: usize = 4096;

#[derive(Debug, Default)]
pub(crate) struct Lines {
    lines: BTreeMap<i64, mpsc::Sender<Incoming>>,
}

impl Lines {
    /// Never waits: what is not taken comes again.
    pub(crate) fn put(&mut self, talk: &Arc<Talk>, incoming: Incoming) {
        let place = chat(&incoming).filter(|_| !goes_first(talk, &incoming));
        let Some(chat) = place else {
            let talk = Arc::clone(talk);
            tokio::spawn(async move { one(&talk, incoming).await });
            return;
        };
        if self.lines.len() >= LINES_MAX {
            self.lines.retain(|_, line| !line.is_closed());
        }
        let line = match self.lines.get(&chat).filter(|line| !line.is_closed()) {
            Some(line) => line.clone(),
            None if self.lines.len() >= LINES_MAX => return,
            None => {
                let (line, waiting) = mpsc::channel(WAITING_MAX);
                tokio::spawn(stand(Arc::clone(talk), waiting));
                self.lines.insert(chat, line.clone());
                line
            }
        };
        // Full, or closed this moment: it is not stored, so Telegram sends it again.
        drop(line.try_send(incoming));
    }
}

async fn stand(talk: Arc<Talk>, mut waiting: mpsc::Receiver<Incoming>) {
    while let Ok(Some(incoming)) = tokio::time::timeout(IDLE, waiting.recv()).await {
        one(&talk, incoming).await;
    }
    waiting.close();
    while let Some(incoming) = waiting.recv().await {
        one(&talk, incoming).await;
    }
}

async fn one(talk: &Arc<Talk>, incoming: Incoming) {
    let update = incoming.update.id;
    match talk.hear(incoming.update).await {
        // Nobody has to listen.
        Ok(()) | Err(Stopped::Told) => {
            talk.book.saw(update);
            talk.save().await;
            incoming.stored.send(()).ok();
        }
        // Not stored: it comes again, to a daemon that is there.
        Err(Stopped::Gone) => {}
    }
}

fn chat(incoming: &Incoming) -> Option<i64> {
    match &incoming.update.content {
        Content::Message(message) => Some(message.chat.id.0),
        Content::Edited(_) | Content::Tap(_) | Content::Membership(_) => None,
    }
}

fn goes_first(talk: &Talk, incoming: &Incoming) -> bool {
    let Content::Message(message) = &incoming.update.content else { return true };
    let spoken = message.text.as_deref().map(|text| parse(text, talk.bot()));
    matches!(spoken, Some(Spoken::Command { word: Word::Stop, .. }))
}
