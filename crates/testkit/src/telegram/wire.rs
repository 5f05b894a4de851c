//! People, chats, messages and files in the published form. Changes nothing.

use super::entity::{Entity, units};
use super::message::{Button, Media, Message};
use super::world::{BOT_ID, BOT_NAME, ChatKind, StoredFile, World};
use serde_json::{Value, json};

impl World {
    pub(super) fn bot(&self) -> Value {
        json!({"id": BOT_ID, "is_bot": true, "first_name": "leashd", "username": BOT_NAME})
    }

    pub(super) fn user(&self, id: i64) -> Value {
        if id == BOT_ID {
            return self.bot();
        }
        let name = self.people.get(&id).map_or("", |it| it.name.as_str());
        json!({"id": id, "is_bot": false, "first_name": name, "language_code": "en"})
    }

    pub(super) fn chat(&self, id: i64) -> Value {
        let Some(record) = self.chats.get(&id) else { return Value::Null };
        match record.kind {
            ChatKind::Private => json!({"id": id, "type": "private", "first_name": record.title}),
            ChatKind::Group => json!({"id": id, "type": "supergroup", "title": record.title}),
        }
    }

    fn photo_size(&self, id: &String) -> Value {
        let Some(file) = self.files.get(id) else { return Value::Null };
        json!({
            "file_id": id, "file_unique_id": file.unique(), "width": file.size.0, "height": file.size.1,
            "file_size": file.bytes.len(),
        })
    }

    /// A message in the published form.
    pub(super) fn published(&self, message: &Message) -> Value {
        let mut value = self.published_alone(message);
        let answered = message.reply_to.and_then(|it| self.message(message.chat, i64::from(it)));
        if let (Some(answered), Some(fields)) = (answered.filter(|it| it.is_there()), value.as_object_mut()) {
            fields.insert("reply_to_message".into(), self.published_alone(answered));
            if let Some(quote) = &message.quote {
                let before = answered.text().split(quote.as_str()).next().unwrap_or_default();
                let position = units(before);
                fields
                    .insert("quote".into(), json!({"text": quote, "position": position, "is_manual": true}));
            }
        }
        value
    }

    fn published_alone(&self, message: &Message) -> Value {
        let mut value = json!({
            "message_id": message.id, "from": self.user(message.from), "chat": self.chat(message.chat),
            "date": message.date,
        });
        let Some(fields) = value.as_object_mut() else { return value };
        let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
        if let Some(date) = message.edited {
            put("edit_date", json!(date));
        }
        if let Some(person) = message.forwarded_from {
            put(
                "forward_origin",
                json!({"type": "user", "sender_user": self.user(person), "date": message.date}),
            );
        }
        if message.protected {
            put("has_protected_content", json!(true));
        }
        if let Some(options) = &message.link_preview {
            put("link_preview_options", options.clone());
        }
        let (text, entities) = match &message.media {
            None => ("text", "entities"),
            Some(_) => ("caption", "caption_entities"),
        };
        if !message.text().is_empty() {
            put(text, json!(message.text()));
        }
        let found: Vec<_> = message.now.formatted.entities.iter().map(Entity::to_value).collect();
        if !found.is_empty() {
            put(entities, json!(found));
        }
        match &message.media {
            None => {}
            Some(Media::Photo(sizes)) => {
                put("photo", sizes.iter().map(|it| self.photo_size(it)).collect());
            }
            Some(Media::Document(id)) => {
                put("document", self.files.get(id).map_or(Value::Null, StoredFile::document));
            }
            Some(Media::Voice(id)) => {
                put("voice", self.files.get(id).map_or(Value::Null, StoredFile::voice));
            }
        }
        if !message.now.buttons.is_empty() {
            let row = |row: &Vec<Button>| row.iter().map(|it| it.published.clone()).collect::<Vec<_>>();
            let rows: Vec<_> = message.now.buttons.iter().map(row).collect();
            put("reply_markup", json!({"inline_keyboard": rows}));
        }
        value
    }
}

impl StoredFile {
    pub(super) fn unique(&self) -> String {
        let number: String = self.id.chars().filter(char::is_ascii_digit).collect();
        format!("AgAD{number}")
    }

    pub(super) fn path(&self) -> String {
        let name = self.name.as_deref().unwrap_or_default();
        let ending = name.rsplit_once('.').map_or("dat", |it| it.1);
        let ending: String = ending.chars().filter(char::is_ascii_alphanumeric).collect();
        format!("files/file_{}.{ending}", self.unique())
    }

    fn document(&self) -> Value {
        let mut value = json!({
            "file_id": self.id, "file_unique_id": self.unique(), "file_size": self.bytes.len(),
        });
        for (name, text) in [("file_name", &self.name), ("mime_type", &self.kind)] {
            if let (Some(text), Some(fields)) = (text, value.as_object_mut()) {
                fields.insert(name.to_owned(), json!(text));
            }
        }
        value
    }

    fn voice(&self) -> Value {
        json!({
            "file_id": self.id, "file_unique_id": self.unique(), "duration": self.seconds,
            "mime_type": "audio/ogg", "file_size": self.bytes.len(),
        })
    }
}
