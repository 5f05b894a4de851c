//! Everything the server knows: people, chats, messages, files, taps, and the log of what happened. Knows no HTTP.

use super::entity;
use super::message::{Author, Media, Message, Presence, Sound, Version};
use super::pace::Meter;
use super::refusal::Refusal;
use super::updates::Updates;
use super::weather::Sky;
use axum::body::Bytes;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The id of the bot: what stands before the colon of its token.
pub const BOT_ID: i64 = 7_000_000_001;
pub const BOT_NAME: &str = "leashd_test_bot";
/// Requests kept for looking at, the latest.
const KEPT_CALLS: usize = 100_000;
/// How long a download address works.
const LINK_LASTS: Duration = Duration::from_secs(60 * 60);

/// Time, which tests can move on.
#[derive(Debug)]
pub(super) struct Clock {
    started: Instant,
    unix: u64,
    ahead: Duration,
}

impl Clock {
    fn new() -> Self {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |it| it.as_secs());
        Self { started: Instant::now(), unix, ahead: Duration::ZERO }
    }

    /// Since the server started.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed() + self.ahead
    }

    pub(super) fn unix(&self) -> u64 {
        self.unix + self.now().as_secs()
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.ahead += time;
    }
}

/// Something the client did that the published Bot API does not allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub method: String,
    pub what: String,
}

/// A request the bot made.
#[derive(Clone, Debug)]
pub struct Call {
    pub method: String,
    pub arguments: Value,
    pub outcome: Outcome,
    /// Since the server started, in its own time.
    pub at: Duration,
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    Refused(Refusal),
    /// A storm took it before it was carried out.
    Lost,
}

/// What a person thinks of the bot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regard {
    Welcome,
    Blocked,
}

#[derive(Clone, Debug)]
pub(super) struct Profile {
    pub(super) name: String,
    pub(super) regard: Regard,
}

/// What kind of chat it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChatKind {
    Private,
    Group,
}

#[derive(Debug)]
pub(super) struct ChatRecord {
    pub(super) id: i64,
    pub(super) kind: ChatKind,
    pub(super) title: String,
    pub(super) members: Vec<i64>,
    /// Is the bot a member of the group?
    pub(super) bot_is_in: bool,
    pub(super) messages: Vec<Message>,
    pub(super) events: Vec<Event>,
    next: i32,
}

/// What happened in a chat, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    Said {
        message: i32,
    },
    /// It became its version of this number, counted from nought.
    Edited {
        message: i32,
        version: usize,
    },
    Deleted {
        message: i32,
    },
    Tapped {
        person: i64,
        message: i32,
        label: String,
    },
    /// What a person was shown after a tap; nothing, if the text is empty.
    Answered {
        person: i64,
        text: String,
        notice: Notice,
    },
    Reacted {
        message: i32,
        emoji: String,
    },
    /// "is typing" and the like.
    Activity {
        action: String,
    },
    Blocked {
        person: i64,
    },
    Unblocked {
        person: i64,
    },
}

/// How the answer to a tap is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// A line that goes away.
    Toast,
    /// A window that has to be closed.
    Alert,
}

#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    pub(super) id: String,
    pub(super) name: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) bytes: Bytes,
    pub(super) size: (u32, u32),
    pub(super) seconds: u32,
    pub(super) link_until: Option<Duration>,
}

#[derive(Clone, Debug)]
pub(super) struct TapRecord {
    pub(super) person: i64,
    pub(super) chat: i64,
    pub(super) at: Duration,
    pub(super) answer: Option<(String, Notice)>,
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) clock: Clock,
    pub(super) token_is_good: bool,
    pub(super) webhook: Option<String>,
    pub(super) people: BTreeMap<i64, Profile>,
    pub(super) chats: BTreeMap<i64, ChatRecord>,
    pub(super) files: BTreeMap<String, StoredFile>,
    pub(super) taps: BTreeMap<String, TapRecord>,
    /// By scope and language.
    pub(super) commands: BTreeMap<(String, String), Vec<Value>>,
    pub(super) updates: Updates,
    pub(super) meter: Meter,
    pub(super) sky: Sky,
    pub(super) violations: Vec<Violation>,
    pub(super) calls: VecDeque<Call>,
    pub(super) conflicts: u32,
}

impl World {
    pub(super) fn new() -> Self {
        Self {
            clock: Clock::new(),
            token_is_good: true,
            webhook: None,
            people: BTreeMap::new(),
            chats: BTreeMap::new(),
            files: BTreeMap::new(),
            taps: BTreeMap::new(),
            commands: BTreeMap::new(),
            updates: Updates::new(500_000_001),
            meter: Meter::default(),
            sky: Sky::default(),
            violations: Vec::new(),
            calls: VecDeque::new(),
            conflicts: 0,
        }
    }

    pub(super) fn violate(&mut self, method: &str, what: impl Into<String>) {
        self.violations.push(Violation { method: method.to_owned(), what: what.into() });
    }

    pub(super) fn log(&mut self, method: &str, arguments: Value, outcome: Outcome) {
        if self.calls.len() == KEPT_CALLS {
            self.calls.pop_front();
        }
        let at = self.clock.now();
        self.calls.push_back(Call { method: method.to_owned(), arguments, outcome, at });
    }

    /// The chat a request names, if the bot may write there.
    pub(super) fn writable(&self, chat: Option<&Value>) -> Result<i64, Refusal> {
        let record = self.known(chat)?;
        match record.kind {
            ChatKind::Private
                if self.people.get(&record.id).is_some_and(|it| it.regard == Regard::Blocked) =>
            {
                Err(Refusal::new(403, "Forbidden: bot was blocked by the user"))
            }
            ChatKind::Group if !record.bot_is_in => {
                Err(Refusal::new(403, "Forbidden: bot is not a member of the supergroup chat"))
            }
            ChatKind::Private | ChatKind::Group => Ok(record.id),
        }
    }

    pub(super) fn known(&self, chat: Option<&Value>) -> Result<&ChatRecord, Refusal> {
        let chat = chat.ok_or_else(|| Refusal::bad("chat_id is empty"))?;
        if chat.as_str().is_some_and(str::is_empty) {
            return Err(Refusal::bad("chat_id is empty"));
        }
        let record = chat.as_i64().and_then(|it| self.chats.get(&it));
        record.ok_or_else(|| Refusal::bad("chat not found"))
    }

    pub(super) fn message(&self, chat: i64, id: i64) -> Option<&Message> {
        let messages = &self.chats.get(&chat)?.messages;
        messages.iter().find(|it| i64::from(it.id) == id)
    }

    pub(super) fn message_mut(&mut self, chat: i64, id: i64) -> Option<&mut Message> {
        let messages = &mut self.chats.get_mut(&chat)?.messages;
        messages.iter_mut().find(|it| i64::from(it.id) == id)
    }

    pub(super) fn happened(&mut self, chat: i64, event: Event) {
        if let Some(record) = self.chats.get_mut(&chat) {
            record.events.push(event);
        }
    }

    /// Opens a chat.
    pub(super) fn open_chat(&mut self, id: i64, kind: ChatKind, title: String, members: Vec<i64>) {
        let (messages, events) = (Vec::new(), Vec::new());
        let record = ChatRecord { id, kind, title, members, bot_is_in: true, messages, events, next: 1 };
        self.chats.entry(id).or_insert(record);
    }

    /// Puts a message into a chat. Returns its id.
    pub(super) fn say(&mut self, chat: i64, draft: Draft) -> Option<i32> {
        let date = self.clock.unix();
        let record = self.chats.get_mut(&chat)?;
        let id = record.next;
        record.next += 1;
        let Draft {
            from, by, mut version, media, reply_to, quote, forwarded_from, sound, asks_reply, ..
        } = draft;
        entity::find(&mut version.formatted);
        record.messages.push(Message {
            id,
            chat,
            from,
            by,
            date,
            edited: None,
            now: version,
            before: Vec::new(),
            media,
            reply_to,
            quote,
            forwarded_from,
            presence: Presence::There,
            sound,
            asks_reply,
            reaction: None,
            link_preview: draft.link_preview,
            protected: draft.protected,
        });
        record.events.push(Event::Said { message: id });
        Some(id)
    }

    /// Keeps a file. Returns its id, which is as opaque as the real ones.
    pub(super) fn keep(&mut self, mut file: StoredFile) -> String {
        let number = self.files.len() + 1;
        file.id = format!("BQACAgIAAxkBAAIB{number:08}AgADTestFileIdentifier");
        let id = file.id.clone();
        self.files.insert(id.clone(), file);
        id
    }

    /// `getFile`: an address that works for an hour.
    pub(super) fn link(&mut self, id: &str) -> Option<&StoredFile> {
        let until = self.clock.now() + LINK_LASTS;
        let file = self.files.get_mut(id)?;
        file.link_until = Some(until);
        Some(file)
    }

    pub(super) fn download(&self, path: &str) -> Option<Bytes> {
        let now = self.clock.now();
        let file = self.files.values().find(|it| it.path() == path)?;
        file.link_until.is_some_and(|it| now < it).then(|| file.bytes.clone())
    }
}

/// A message that is about to be said.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) from: i64,
    pub(super) by: Author,
    pub(super) version: Version,
    pub(super) media: Option<Media>,
    pub(super) reply_to: Option<i32>,
    pub(super) quote: Option<String>,
    pub(super) forwarded_from: Option<i64>,
    pub(super) sound: Sound,
    pub(super) asks_reply: bool,
    pub(super) link_preview: Option<Value>,
    pub(super) protected: bool,
}

impl Draft {
    pub(super) fn by_bot(version: Version) -> Self {
        Self::new(BOT_ID, Author::Bot, version)
    }

    pub(super) fn by_person(person: i64, text: &str) -> Self {
        let (formatted, _) = entity::settle(text, Vec::new());
        Self::new(person, Author::Person, Version { formatted, buttons: Vec::new() })
    }

    fn new(from: i64, by: Author, version: Version) -> Self {
        Self {
            from,
            by,
            version,
            media: None,
            reply_to: None,
            quote: None,
            forwarded_from: None,
            sound: Sound::Rings,
            asks_reply: false,
            link_preview: None,
            protected: false,
        }
    }
}
