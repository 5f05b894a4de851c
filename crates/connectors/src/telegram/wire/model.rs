//! The Bot API's objects, as far as they are used: what comes in updates and what goes out as keyboards. Field names are
//! the published ones (<https://core.telegram.org/bots/api#available-types>). Judges nothing.

use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A chat; that with a person has the id of the person, those of groups are below nought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChatId(pub i64);

/// A message, within its chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(pub i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PersonId(pub i64);

impl ChatId {
    #[must_use]
    pub fn is_group(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for ChatId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl fmt::Display for PersonId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// Something happened in a chat.
#[derive(Clone, Debug)]
pub struct Update {
    pub id: i64,
    pub content: Content,
}

#[derive(Clone, Debug)]
pub enum Content {
    Message(Box<Message>),
    /// A person changed an own message: the new form.
    Edited(Box<Message>),
    Tap(Box<Tap>),
    /// The bot was blocked, thrown out, let in.
    Membership(Box<Membership>),
}

/// The bot about itself.
#[derive(Clone, Debug, Deserialize)]
pub struct BotUser {
    pub id: PersonId,
    pub first_name: String,
    /// Without the `@`.
    #[serde(default)]
    pub username: String,
}

#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub id: PersonId,
    pub is_bot: bool,
    #[serde(default)]
    pub first_name: String,
    #[serde(default)]
    pub last_name: Option<String>,
    #[serde(default)]
    pub username: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct ChatRef {
    pub id: ChatId,
    #[serde(rename = "type")]
    pub kind: ChatKind,
    #[serde(default)]
    pub title: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChatKind {
    Private,
    Group,
    Supergroup,
    Channel,
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Message {
    #[serde(rename = "message_id")]
    pub id: MessageId,
    pub chat: ChatRef,
    /// Nobody, in channels and for anonymous administrators.
    #[serde(default)]
    pub from: Option<User>,
    /// Seconds since 1970.
    #[serde(default)]
    pub date: i64,
    #[serde(default)]
    pub text: Option<String>,
    /// Of a file.
    #[serde(default)]
    pub caption: Option<String>,
    #[serde(default, rename = "reply_to_message")]
    pub reply_to: Option<Box<Message>>,
    #[serde(default, rename = "forward_origin")]
    pub forwarding: Forwarding,
    /// All sizes of one photo.
    #[serde(default)]
    pub photo: Vec<Photo>,
    #[serde(default)]
    pub document: Option<Document>,
    /// Several files that were sent as one.
    #[serde(default)]
    pub media_group_id: Option<String>,
    #[serde(flatten)]
    pub unsupported: Unsupported,
}

/// Was it written here, or somewhere else?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarding {
    #[default]
    Own,
    Forwarded,
}

impl<'de> Deserialize<'de> for Forwarding {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self::Forwarded)
    }
}

/// One size of a photo.
#[derive(Clone, Debug, Deserialize)]
pub struct Photo {
    pub file_id: String,
    #[serde(default)]
    pub width: u32,
    #[serde(default)]
    pub height: u32,
    /// Bytes.
    #[serde(default)]
    pub file_size: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Document {
    pub file_id: String,
    #[serde(default)]
    pub file_name: Option<String>,
    #[serde(default)]
    pub mime_type: Option<String>,
    /// Bytes.
    #[serde(default)]
    pub file_size: Option<u64>,
}

/// What is known and not taken.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Unsupported {
    #[serde(default)]
    voice: Option<IgnoredAny>,
    #[serde(default)]
    audio: Option<IgnoredAny>,
    #[serde(default)]
    video: Option<IgnoredAny>,
    #[serde(default)]
    video_note: Option<IgnoredAny>,
    #[serde(default)]
    animation: Option<IgnoredAny>,
    #[serde(default)]
    sticker: Option<IgnoredAny>,
    #[serde(default)]
    contact: Option<IgnoredAny>,
    #[serde(default)]
    location: Option<IgnoredAny>,
    #[serde(default)]
    poll: Option<IgnoredAny>,
}

impl Unsupported {
    /// What it is, for people.
    #[must_use]
    pub fn what(&self) -> Option<&'static str> {
        [
            (&self.voice, "a voice message"),
            (&self.audio, "an audio file"),
            (&self.video, "a video"),
            (&self.video_note, "a video message"),
            (&self.animation, "an animation"),
            (&self.sticker, "a sticker"),
            (&self.contact, "a contact"),
            (&self.location, "a location"),
            (&self.poll, "a poll"),
        ]
        .into_iter()
        .find_map(|(there, name)| there.as_ref().map(|_| name))
    }
}

/// A button was pressed.
#[derive(Clone, Debug, Deserialize)]
pub struct Tap {
    /// For `answer_tap`.
    pub id: String,
    pub from: User,
    /// Nothing, for messages of long ago.
    #[serde(default)]
    pub message: Option<TapMessage>,
    /// What the button carries. Anybody's client can say anything.
    #[serde(default)]
    pub data: Option<String>,
}

/// The message a pressed button stands below; it may be gone.
#[derive(Clone, Debug, Deserialize)]
pub struct TapMessage {
    #[serde(rename = "message_id")]
    pub id: MessageId,
    pub chat: ChatRef,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Membership {
    pub chat: ChatRef,
    pub from: User,
    #[serde(rename = "new_chat_member")]
    pub now: Standing,
}

#[derive(Clone, Debug, Deserialize)]
pub struct Standing {
    /// `member`, `kicked`, `left`, `administrator`, …
    pub status: String,
}

/// Buttons below a message, in rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Keyboard {
    #[serde(rename = "inline_keyboard")]
    pub rows: Vec<Vec<Button>>,
}

/// A button that tells the bot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Button {
    #[serde(rename = "text")]
    pub label: String,
    /// At most 64 bytes.
    #[serde(rename = "callback_data")]
    pub data: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub style: Option<Style>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Style {
    Danger,
    Success,
    Primary,
}

impl Keyboard {
    /// Takes the buttons away.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.iter().all(Vec::is_empty)
    }
}

impl Button {
    #[must_use]
    pub fn new(label: impl Into<String>, data: impl Into<String>) -> Self {
        Self { label: label.into(), data: data.into(), style: None }
    }
}

/// A line of the bot's menu.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MenuCommand {
    /// Without the slash; 1–32 of a–z, 0–9, `_`.
    pub command: String,
    /// 1–256 characters.
    pub description: String,
}
