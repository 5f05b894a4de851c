//! A message as people see it: text, buttons, a file, and everything it said before it was edited. Knows no chat but by
//! its id.

use super::entity::{Formatted, part};
use super::html;
use serde_json::Value;

/// A message of a chat, by the bot or by a person.
#[derive(Clone, Debug)]
pub struct Message {
    /// Counted in each chat from one: the same id in two chats is two messages.
    pub id: i32,
    pub chat: i64,
    /// A person, or the bot.
    pub from: i64,
    pub by: Author,
    /// Seconds since 1970.
    pub date: u64,
    /// Seconds since 1970.
    pub edited: Option<u64>,
    /// What it says now. For a file: its caption.
    pub now: Version,
    /// What it said before, oldest first.
    pub before: Vec<Version>,
    pub media: Option<Media>,
    pub reply_to: Option<i32>,
    /// The part of that message that was quoted.
    pub quote: Option<String>,
    pub forwarded_from: Option<i64>,
    pub presence: Presence,
    pub sound: Sound,
    /// The person's keyboard opens for an answer to it.
    pub asks_reply: bool,
    /// Emoji the bot put on it.
    pub reaction: Option<String>,
    pub(super) link_preview: Option<Value>,
    pub(super) protected: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    Bot,
    Person,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    There,
    Deleted,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sound {
    Rings,
    Silent,
}

/// What a message said at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Version {
    pub formatted: Formatted,
    /// In rows.
    pub buttons: Vec<Vec<Button>>,
}

/// A button below a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Button {
    pub label: String,
    pub press: Press,
    pub(super) published: Value,
}

/// What a button does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Press {
    /// Tells the bot.
    Data(String),
    Opens(String),
    Copies(String),
}

/// The file of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Media {
    /// Ids of files, of all sizes for a photo.
    Document(String),
    Photo(Vec<String>),
    Voice(String),
}

impl Message {
    /// The text, without formatting; for a file its caption.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.now.formatted.text
    }

    /// The text as HTML that Telegram would take.
    #[must_use]
    pub fn html(&self) -> String {
        self.now.html()
    }

    /// The labels of all buttons, row by row.
    #[must_use]
    pub fn labels(&self) -> Vec<&str> {
        self.now.labels()
    }

    #[must_use]
    pub fn button(&self, label: &str) -> Option<&Button> {
        self.now.button(label)
    }

    #[must_use]
    pub fn is_from_bot(&self) -> bool {
        self.by == Author::Bot
    }

    #[must_use]
    pub fn is_there(&self) -> bool {
        self.presence == Presence::There
    }

    /// Everything it ever said, the present included.
    pub fn versions(&self) -> impl Iterator<Item = &Version> {
        self.before.iter().chain(std::iter::once(&self.now))
    }

    pub(super) fn become_version(&mut self, version: Version, date: u64) {
        self.before.push(std::mem::replace(&mut self.now, version));
        self.edited = Some(date);
    }
}

impl Version {
    #[must_use]
    pub fn text(&self) -> &str {
        &self.formatted.text
    }

    #[must_use]
    pub fn html(&self) -> String {
        html::write(&self.formatted)
    }

    #[must_use]
    pub fn labels(&self) -> Vec<&str> {
        self.buttons.iter().flatten().map(|it| it.label.as_str()).collect()
    }

    #[must_use]
    pub fn button(&self, label: &str) -> Option<&Button> {
        self.buttons.iter().flatten().find(|it| it.label == label)
    }

    /// The texts of all entities of a kind, by its published name: `pre`, `code`, `bold`.
    #[must_use]
    pub fn parts(&self, kind: &str) -> Vec<String> {
        let entities = self.formatted.entities.iter().filter(|it| it.style.name() == kind);
        entities.map(|it| part(&self.formatted.text, it.offset, it.length)).collect()
    }
}
