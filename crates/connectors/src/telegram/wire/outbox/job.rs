//! One thing to be done, and who wants to know what became of it. Makes the requests' parameters; decides nothing.

use super::super::client::{Client, put_keyboard};
use super::super::failure::Failure;
use super::super::model::{ChatId, Keyboard, MessageId};
use super::super::text::Text;
use super::{Change, Edit, File, Notice, Post, Priority, Shown, Sound};
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::Instant;

pub(super) type Tell<T> = oneshot::Sender<Result<T, Failure>>;

#[derive(Debug)]
pub(super) enum Work {
    Post(Post, Tell<MessageId>),
    Edit(Edit, Tell<Shown>),
    File(File, Tell<MessageId>),
    Delete { chat: ChatId, message: MessageId, priority: Priority, tell: Tell<()> },
    Tap { tap: String, text: String, notice: Notice, tell: Tell<()> },
    Typing(ChatId),
}

#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    pub(super) since: Instant,
}

/// What became of a try.
#[derive(Debug)]
pub(super) enum Outcome {
    Message(MessageId),
    Done,
    Failed(Failure),
}

/// What a job counts as for Telegram's limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cost {
    Message,
    Free,
}

impl Job {
    pub(super) fn new(work: Work, since: Instant) -> Self {
        Self { work, since }
    }

    /// Taps belong to no chat: they are answered at once.
    pub(super) fn chat(&self) -> Option<ChatId> {
        match &self.work {
            Work::Post(post, _) => Some(post.chat),
            Work::Edit(edit, _) => Some(edit.chat),
            Work::File(file, _) => Some(file.chat),
            Work::Delete { chat, .. } | Work::Typing(chat) => Some(*chat),
            Work::Tap { .. } => None,
        }
    }

    pub(super) fn priority(&self) -> Priority {
        match &self.work {
            Work::Post(post, _) => post.priority,
            Work::Edit(edit, _) => edit.priority,
            Work::File(file, _) => file.priority,
            Work::Delete { priority, .. } => *priority,
            Work::Tap { .. } => Priority::Stop,
            Work::Typing(_) => Priority::Stream,
        }
    }

    pub(super) fn cost(&self) -> Cost {
        match &self.work {
            Work::Post(..) | Work::Edit(..) | Work::File(..) => Cost::Message,
            Work::Delete { .. } | Work::Tap { .. } | Work::Typing(_) => Cost::Free,
        }
    }

    /// Bytes of a file.
    pub(super) fn bytes(&self) -> usize {
        if let Work::File(file, _) = &self.work { file.bytes.len() } else { 0 }
    }

    /// Says what became of it.
    pub(super) fn tell(self, outcome: Outcome) {
        // Nobody has to listen.
        let lost = |method| Failure::Unreadable { method, what: "no message came back".to_owned() };
        match (self.work, outcome) {
            (Work::Post(_, tell), Outcome::Message(id)) | (Work::File(_, tell), Outcome::Message(id)) => {
                drop(tell.send(Ok(id)))
            }
            (Work::Post(_, tell), Outcome::Done) | (Work::File(_, tell), Outcome::Done) => {
                drop(tell.send(Err(lost("sendMessage"))))
            }
            (Work::Post(_, tell), Outcome::Failed(failure))
            | (Work::File(_, tell), Outcome::Failed(failure)) => drop(tell.send(Err(failure))),
            (Work::Edit(_, tell), Outcome::Failed(failure)) => drop(tell.send(Err(failure))),
            (Work::Edit(_, tell), Outcome::Message(_) | Outcome::Done) => drop(tell.send(Ok(Shown::Now))),
            (Work::Delete { tell, .. } | Work::Tap { tell, .. }, Outcome::Failed(failure)) => {
                drop(tell.send(Err(failure)))
            }
            (Work::Delete { tell, .. } | Work::Tap { tell, .. }, Outcome::Message(_) | Outcome::Done) => {
                drop(tell.send(Ok(())))
            }
            (Work::Typing(_), _) => {}
        }
    }

    /// Tries once. The job stays whole: it may have to be tried again.
    pub(super) async fn perform(&self, client: &Client) -> Outcome {
        match &self.work {
            Work::Post(post, _) => message(client, post).await,
            Work::Edit(edit, _) => done(change(client, edit).await, "message is not modified"),
            Work::File(file, _) => document(client, file).await,
            Work::Delete { chat, message, .. } => {
                done(client.delete(*chat, *message).await, "message to delete not found")
            }
            Work::Tap { tap, text, notice, .. } => {
                let text: String = text.chars().take(TAP_MAX).collect();
                let mut parameters =
                    json!({"callback_query_id": tap, "show_alert": *notice == Notice::Alert});
                put(&mut parameters, "text", (!text.is_empty()).then(|| json!(text)));
                done(client.answer_tap(&parameters).await, "\0")
            }
            Work::Typing(chat) => done(client.typing(*chat).await, "\0"),
        }
    }
}

/// Characters of an answer to a tap: 200 units even if each has two.
const TAP_MAX: usize = 100;

fn put(parameters: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(fields), Some(value)) = (parameters.as_object_mut(), value) {
        fields.insert(name.to_owned(), value);
    }
}

/// Words with which Telegram says that it is so already.
fn done(result: Result<(), Failure>, already: &str) -> Outcome {
    match result {
        Err(failure) if !failure.says(already) => Outcome::Failed(failure),
        Ok(()) | Err(_) => Outcome::Done,
    }
}

/// With markup, or without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Markup {
    Html,
    Plain,
}

/// The fields of a text. No address in it is looked up by anybody: looking it up would tell its owner.
fn put_text(parameters: &mut Value, text: &Text, markup: Markup) {
    let html = text.html().filter(|_| markup == Markup::Html);
    put(parameters, "text", Some(json!(html.unwrap_or(text.without_markup()))));
    put(parameters, "parse_mode", html.map(|_| json!("HTML")));
    put(parameters, "link_preview_options", Some(json!({"is_disabled": true})));
}

fn put_manner(parameters: &mut Value, reply_to: Option<MessageId>, sound: Sound) {
    let reply = reply_to.map(|it| json!({"message_id": it, "allow_sending_without_reply": true}));
    put(parameters, "reply_parameters", reply);
    put(parameters, "disable_notification", (sound == Sound::Silent).then_some(Value::Bool(true)));
}

/// Telegram did not understand the markup.
fn is_markup(failure: &Failure) -> bool {
    failure.says("can't parse entities")
}

async fn message(client: &Client, post: &Post) -> Outcome {
    let parameters = |markup: Markup| {
        let mut parameters = json!({"chat_id": post.chat});
        put_text(&mut parameters, &post.text, markup);
        put_manner(&mut parameters, post.reply_to, post.sound);
        put_keyboard(&mut parameters, &post.keyboard);
        parameters
    };
    let mut sent = client.send_message(&parameters(Markup::Html)).await;
    if sent.as_ref().is_err_and(is_markup) {
        sent = client.send_message(&parameters(Markup::Plain)).await;
    }
    sent.map_or_else(Outcome::Failed, Outcome::Message)
}

async fn change(client: &Client, edit: &Edit) -> Result<(), Failure> {
    let parameters = |keyboard: &Keyboard| {
        let mut parameters = json!({"chat_id": edit.chat, "message_id": edit.message});
        put_keyboard(&mut parameters, keyboard);
        parameters
    };
    match &edit.change {
        Change::Keyboard(keyboard) => client.edit_keyboard(&parameters(keyboard)).await,
        Change::Text { text, keyboard } => {
            let with = |markup: Markup| {
                let mut parameters = parameters(keyboard);
                put_text(&mut parameters, text, markup);
                parameters
            };
            let edited = client.edit_text(&with(Markup::Html)).await;
            if edited.as_ref().is_err_and(is_markup) {
                return client.edit_text(&with(Markup::Plain)).await;
            }
            edited
        }
    }
}

async fn document(client: &Client, file: &File) -> Outcome {
    let fields = |markup: Markup| {
        let mut parameters = json!({"chat_id": file.chat});
        put_manner(&mut parameters, file.reply_to, file.sound);
        if !file.caption.is_empty() {
            let html = file.caption.html().filter(|_| markup == Markup::Html);
            put(&mut parameters, "caption", Some(json!(html.unwrap_or(file.caption.without_markup()))));
            put(&mut parameters, "parse_mode", html.map(|_| json!("HTML")));
        }
        parameters
    };
    let send = async |markup: Markup| {
        let parameters = fields(markup);
        let fields: Vec<(&str, String)> = parameters
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                (name.as_str(), text)
            })
            .collect();
        client.send_document(&fields, &file.name, &file.bytes).await
    };
    let mut sent = send(Markup::Html).await;
    if sent.as_ref().is_err_and(is_markup) {
        sent = send(Markup::Plain).await;
    }
    sent.map_or_else(Outcome::Failed, Outcome::Message)
}
