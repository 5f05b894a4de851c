//! People and their phones: they write, tap, reply, forward, send files, block. They see only what a person sees.

use super::entity::{settle, units};
use super::message::{Media, Message, Press};
use super::methods::dimensions;
use super::published::MESSAGE_LIMIT;
use super::serve::Shared;
use super::world::{BOT_ID, BOT_NAME, ChatKind, Draft, Event, Notice, Regard, StoredFile, TapRecord, World};
use axum::body::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Somebody with a phone. Private chats have the id of the person.
#[derive(Clone, Debug)]
pub struct Person {
    pub(super) shared: Arc<Shared>,
    pub(super) id: i64,
}

/// A tap on a button, and what came of it.
#[derive(Clone, Debug)]
pub struct Tap {
    shared: Arc<Shared>,
    id: String,
}

/// What the person was shown after a tap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TapAnswer {
    /// Empty: only the progress sign went away.
    pub text: String,
    pub notice: Notice,
}

impl Person {
    #[must_use]
    pub fn id(&self) -> i64 {
        self.id
    }

    /// Writes a text into a chat: the own one with the bot, or a group. Returns the id of the message.
    ///
    /// # Panics
    /// If the text is longer than a message, or the chat is a group the person is not in.
    pub fn sends_text(&self, chat: i64, text: &str) -> i32 {
        self.says(chat, Draft::by_person(self.id, text))
    }

    /// Writes `/name arguments`, into the own chat with the bot or a group.
    ///
    /// # Panics
    /// As [`Self::sends_text`], or if it is no command.
    pub fn sends_command(&self, chat: i64, command: &str) -> i32 {
        assert!(command.starts_with('/'), "a command starts with a slash: {command}");
        self.sends_text(chat, command)
    }

    /// # Panics
    /// As [`Self::sends_text`].
    pub fn replies_to(&self, message: &Message, text: &str) -> i32 {
        let mut draft = Draft::by_person(self.id, text);
        draft.reply_to = Some(message.id);
        self.says(message.chat, draft)
    }

    /// Forwards a message, and with it the name of who wrote it.
    ///
    /// # Panics
    /// As [`Self::sends_text`].
    pub fn forwards(&self, message: &Message, chat: i64) -> i32 {
        let mut draft = Draft::by_person(self.id, message.text());
        draft.version = message.now.clone();
        draft.version.buttons.clear();
        draft.media.clone_from(&message.media);
        draft.forwarded_from = Some(message.forwarded_from.unwrap_or(message.from));
        self.says(chat, draft)
    }

    /// Sends a file of any size, with a caption that may be empty.
    ///
    /// # Panics
    /// As [`Self::sends_text`].
    pub fn sends_document(
        &self,
        chat: i64,
        name: &str,
        kind: &str,
        bytes: impl Into<Bytes>,
        caption: &str,
    ) -> i32 {
        let file = file(Some(name), kind, bytes.into(), (0, 0), 0);
        self.sends_file(chat, caption, file, Media::Document)
    }

    /// Sends a photo: a PNG, or something that begins like a JPEG.
    ///
    /// # Panics
    /// As [`Self::sends_text`], or if it is neither.
    pub fn sends_photo(&self, chat: i64, bytes: impl Into<Bytes>, caption: &str) -> i32 {
        let bytes = bytes.into();
        let size = dimensions(&bytes).expect("a PNG or a JPEG");
        let file = file(Some("photo.jpg"), "image/jpeg", bytes, size, 0);
        self.sends_file(chat, caption, file, |id| Media::Photo(vec![id]))
    }

    /// Says something for so many seconds.
    ///
    /// # Panics
    /// As [`Self::sends_text`].
    pub fn sends_voice(&self, chat: i64, seconds: u32) -> i32 {
        let file = file(Some("voice.oga"), "audio/ogg", Bytes::from_static(b"OggS"), (0, 0), seconds);
        self.sends_file(chat, "", file, Media::Voice)
    }

    fn sends_file(
        &self,
        chat: i64,
        caption: &str,
        file: StoredFile,
        media: impl FnOnce(String) -> Media,
    ) -> i32 {
        let id = self.shared.change(|world| world.keep(file));
        let mut draft = Draft::by_person(self.id, caption);
        draft.media = Some(media(id));
        self.says(chat, draft)
    }

    fn says(&self, chat: i64, draft: Draft) -> i32 {
        let length = units(&draft.version.formatted.text);
        assert!(length <= MESSAGE_LIMIT, "a person's message has {length} UTF-16 units; phones cut it up");
        self.shared.change(|world| {
            self.enters(world, chat);
            let id = world.say(chat, draft).expect("there is such a chat");
            let message = world.message(chat, i64::from(id)).expect("it was just said");
            if self.reaches_bot(world, message) {
                let published = world.published(message);
                let now = world.clock.now();
                world.updates.add("message", published, now);
            }
            id
        })
    }

    /// The first message to a bot opens the chat with it.
    fn enters(&self, world: &mut World, chat: i64) {
        if chat == self.id {
            let name = world.people.get(&self.id).map_or(String::new(), |it| it.name.clone());
            world.open_chat(chat, ChatKind::Private, name, vec![chat]);
        }
        let members = world.chats.get(&chat).map_or(&[][..], |it| &it.members);
        assert!(members.contains(&self.id), "person {} is not in chat {chat}", self.id);
    }

    /// In groups a bot sees only what is meant for it.
    fn reaches_bot(&self, world: &World, message: &Message) -> bool {
        let Some(record) = world.chats.get(&message.chat) else { return false };
        let blocked = world.people.get(&self.id).is_some_and(|it| it.regard == Regard::Blocked);
        let answers_bot = || {
            let answered = message.reply_to.and_then(|it| world.message(message.chat, i64::from(it)));
            answered.is_some_and(Message::is_from_bot)
        };
        let named = message.text().contains(&format!("@{BOT_NAME}"));
        match record.kind {
            ChatKind::Private => !blocked,
            ChatKind::Group => {
                record.bot_is_in && (message.text().starts_with('/') || named || answers_bot())
            }
        }
    }

    /// Changes an own message.
    ///
    /// # Panics
    /// If it is somebody else's, or gone.
    pub fn edits(&self, message: &Message, text: &str) {
        self.shared.change(|world| {
            let date = world.clock.unix();
            let own = world.message_mut(message.chat, i64::from(message.id));
            let own =
                own.filter(|it| it.from == self.id && it.is_there()).expect("an own message that is there");
            let mut version = own.now.clone();
            (version.formatted, _) = settle(text, Vec::new());
            super::entity::find(&mut version.formatted);
            own.become_version(version, date);
            let number = own.before.len();
            world.happened(message.chat, Event::Edited { message: message.id, version: number });
            let message = world.message(message.chat, i64::from(message.id)).expect("it was just edited");
            if self.reaches_bot(world, message) {
                let published = world.published(message);
                let now = world.clock.now();
                world.updates.add("edited_message", published, now);
            }
        });
    }

    /// Taps a button of the message as the person sees it: a copy from before an edit still has the old buttons.
    ///
    /// # Panics
    /// If it has no such button, or one that does not tell the bot.
    pub fn taps(&self, message: &Message, label: &str) -> Tap {
        let labels = message.labels();
        let button = message.button(label).unwrap_or_else(|| panic!("no button `{label}`, only {labels:?}"));
        let Press::Data(bytes) = &button.press else {
            panic!("`{label}` does not tell the bot: {:?}", button.press)
        };
        self.presses(message, label, bytes)
    }

    /// Sends what no button says, as a changed client can.
    pub fn forges_tap(&self, message: &Message, bytes: &str) -> Tap {
        self.presses(message, "(forged)", bytes)
    }

    fn presses(&self, message: &Message, label: &str, bytes: &str) -> Tap {
        let (chat, id) = (message.chat, message.id);
        self.shared.change(|world| {
            let at = world.clock.now();
            let number = world.taps.len() + 1;
            let query = format!("{}{number:06}", BOT_ID);
            let record = TapRecord { person: self.id, chat, at, answer: None };
            world.taps.insert(query.clone(), record);
            world.happened(chat, Event::Tapped { person: self.id, message: id, label: label.to_owned() });
            let current = world.message(chat, i64::from(id)).filter(|it| it.is_there());
            let gone = || json!({"chat": world.chat(chat), "message_id": id, "date": 0});
            let shown = current.map_or_else(gone, |it| world.published(it));
            let content = json!({
                "id": query, "from": world.user(self.id), "message": shown,
                "chat_instance": format!("-{}", chat.unsigned_abs()), "data": bytes,
            });
            world.updates.add("callback_query", content, at);
            Tap { shared: Arc::clone(&self.shared), id: query }
        })
    }

    /// Puts an emoji on a message; the bot hears of it only if it asked to.
    pub fn reacts(&self, message: &Message, emoji: &str) {
        self.shared.change(|world| {
            let content = json!({
                "chat": world.chat(message.chat), "message_id": message.id, "user": world.user(self.id),
                "date": world.clock.unix(), "old_reaction": [], "new_reaction": [{"type": "emoji", "emoji": emoji}],
            });
            let now = world.clock.now();
            world.updates.add("message_reaction", content, now);
        });
    }

    pub fn blocks_bot(&self) {
        self.turns(Regard::Blocked);
    }

    pub fn unblocks_bot(&self) {
        self.turns(Regard::Welcome);
    }

    fn turns(&self, regard: Regard) {
        self.shared.change(|world| {
            if let Some(profile) = world.people.get_mut(&self.id) {
                profile.regard = regard;
            }
            let kicked = json!({"status": "kicked", "user": world.bot(), "until_date": 0});
            let member = json!({"status": "member", "user": world.bot()});

            let person = self.id;
            let (old, new, event) = match regard {
                Regard::Blocked => (member, kicked, Event::Blocked { person }),
                Regard::Welcome => (kicked, member, Event::Unblocked { person }),
            };
            let content = json!({
                "chat": world.chat(self.id), "from": world.user(self.id), "date": world.clock.unix(),
                "old_chat_member": old, "new_chat_member": new,
            });
            world.happened(self.id, event);
            let now = world.clock.now();
            if content.get("chat").is_some_and(|it| it != &Value::Null) {
                world.updates.add("my_chat_member", content, now);
            }
        });
    }
}

fn file(name: Option<&str>, kind: &str, bytes: Bytes, size: (u32, u32), seconds: u32) -> StoredFile {
    StoredFile {
        id: String::new(),
        name: name.map(str::to_owned),
        kind: Some(kind.to_owned()),
        bytes,
        size,
        seconds,
        link_until: None,
    }
}

impl Tap {
    /// The id of the callback query.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    #[must_use]
    pub fn answer(&self) -> Option<TapAnswer> {
        self.shared.look(|world| {
            let (text, notice) = world.taps.get(&self.id)?.answer.clone()?;
            Some(TapAnswer { text, notice })
        })
    }

    /// Waits for the answer.
    ///
    /// # Panics
    /// If there is none in time.
    pub async fn answered(&self, within: Duration) -> TapAnswer {
        let wait = super::view::wait(&self.shared, within, || self.answer());
        wait.await.unwrap_or_else(|| panic!("tap {} was not answered within {within:?}", self.id))
    }
}
