//! The dozen methods of the Bot API that are used, each as one function. One request is one try: nothing here waits or
//! tries again. Requests that write messages are for the outbox alone.

mod address;
mod form;
mod transport;

#[cfg(test)]
mod tests;

use super::failure::Failure;
use super::model::{BotUser, ChatId, Keyboard, MenuCommand, MessageId};
use super::secret::Token;
use address::Address;
use form::{Form, Upload, form};
use http_body_util::Full;
use hyper::body::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::{Method, Request};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use transport::{Answer, Bounds, Transport, Way};

/// An answer but to `getUpdates`, in bytes.
const ANSWER_MAX: usize = 1024 * 1024;
/// A hundred updates, in bytes.
const UPDATES_MAX: usize = 16 * 1024 * 1024;
/// What Telegram lets a bot download, in bytes.
const DOWNLOAD_MAX: usize = 20 * 1024 * 1024;
const ANSWER_TIME: Duration = Duration::from_secs(30);
/// For a file, up or down.
const FILE_TIME: Duration = Duration::from_secs(120);
/// Where Telegram gives no number.
const THROTTLE_USUAL: Duration = Duration::from_secs(5);
/// Nobody waits longer because a server said so.
const THROTTLE_MAX: Duration = Duration::from_secs(60 * 60);
/// Characters of what Telegram says that go into an error.
const SAID_MAX: usize = 300;

/// What is needed to speak to the Bot API.
#[derive(Clone, Debug)]
pub struct Access {
    /// `https://api.telegram.org`, or a server of one's own; unencrypted only on this machine.
    pub base_url: String,
    pub token: Token,
    /// PEM files with certificates that are trusted besides the system's.
    pub roots: Vec<PathBuf>,
}

impl Access {
    /// Telegram's own server.
    pub const USUAL: &'static str = "https://api.telegram.org";
}

/// Speaks to the Bot API. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    address: Address,
    token: Token,
    transport: Transport,
}

/// A file that was downloaded.
#[derive(Clone, PartialEq, Eq)]
pub struct FetchedFile {
    pub bytes: Bytes,
}

impl std::fmt::Debug for FetchedFile {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "FetchedFile({} bytes)", self.bytes.len())
    }
}

#[derive(Deserialize)]
struct Reply {
    ok: bool,
    #[serde(default)]
    result: Value,
    #[serde(default)]
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

#[derive(Default, Deserialize)]
struct Parameters {
    /// Seconds.
    #[serde(default)]
    retry_after: Option<u64>,
}

#[derive(Deserialize)]
struct Said {
    message_id: MessageId,
}

#[derive(Deserialize)]
struct FileLink {
    #[serde(default)]
    file_path: Option<String>,
    #[serde(default)]
    file_size: Option<usize>,
}

impl Client {
    /// Sends nothing yet.
    ///
    /// # Errors
    /// If the address or the token cannot be right, or there are no certificates to trust.
    pub fn new(access: &Access) -> Result<Self, Failure> {
        let address = Address::parse(&access.base_url)?;
        if !access.token.is_well_formed() {
            return Err(Failure::Token);
        }
        let way = if address.is_encrypted() { Way::Encrypted } else { Way::Plain };
        let transport = Transport::new(way, &access.roots)?;
        Ok(Self(Arc::new(Inner { address, token: access.token.clone(), transport })))
    }

    #[must_use]
    pub fn token(&self) -> &Token {
        &self.0.token
    }

    /// Who the bot is.
    ///
    /// # Errors
    /// As every request: see [`Failure`].
    pub async fn me(&self) -> Result<BotUser, Failure> {
        self.ask("getMe", &json!({})).await
    }

    /// Waits up to `wait` for updates from `offset` on, and tells Telegram that those before it are stored.
    pub(super) async fn updates(
        &self,
        offset: Option<i64>,
        limit: u8,
        wait: Duration,
        kinds: &[&str],
    ) -> Result<Vec<Value>, Failure> {
        let mut wanted = json!({"timeout": wait.as_secs(), "limit": limit, "allowed_updates": kinds});
        put(&mut wanted, "offset", offset.map(Value::from));
        let bounds = Bounds { size: UPDATES_MAX, time: wait.saturating_add(ANSWER_TIME) };
        self.ask_within("getUpdates", &wanted, bounds).await
    }

    /// Sends a message. The parameters are those of the Bot API.
    pub(super) async fn send_message(&self, parameters: &Value) -> Result<MessageId, Failure> {
        let said: Said = self.ask("sendMessage", parameters).await?;
        Ok(said.message_id)
    }

    pub(super) async fn edit_text(&self, parameters: &Value) -> Result<(), Failure> {
        self.tell("editMessageText", parameters).await
    }

    pub(super) async fn edit_keyboard(&self, parameters: &Value) -> Result<(), Failure> {
        self.tell("editMessageReplyMarkup", parameters).await
    }

    pub(super) async fn answer_tap(&self, parameters: &Value) -> Result<(), Failure> {
        self.tell("answerCallbackQuery", parameters).await
    }

    pub(super) async fn delete(&self, chat: ChatId, message: MessageId) -> Result<(), Failure> {
        self.tell("deleteMessage", &json!({"chat_id": chat, "message_id": message})).await
    }

    pub(super) async fn typing(&self, chat: ChatId) -> Result<(), Failure> {
        self.tell("sendChatAction", &json!({"chat_id": chat, "action": "typing"})).await
    }

    /// Sends a file.
    pub(super) async fn send_document(
        &self,
        fields: &[(&str, String)],
        name: &str,
        bytes: &[u8],
    ) -> Result<MessageId, Failure> {
        let method = "sendDocument";
        let Form { kind, body } = form(fields, Upload { field: "document", name, bytes });
        let bounds = Bounds { size: ANSWER_MAX, time: FILE_TIME };
        let said: Said = self.read(method, self.post(method, &kind, body, bounds).await?)?;
        Ok(said.message_id)
    }

    /// What the bot's menu shows, to everybody.
    ///
    /// # Errors
    /// As every request: see [`Failure`].
    pub async fn set_menu(&self, commands: &[MenuCommand]) -> Result<(), Failure> {
        self.tell("setMyCommands", &json!({"commands": commands})).await
    }

    /// Removes a webhook, if there is one: with it nobody can poll. What waits stays.
    ///
    /// # Errors
    /// As every request: see [`Failure`].
    pub async fn delete_webhook(&self) -> Result<(), Failure> {
        self.tell("deleteWebhook", &json!({})).await
    }

    /// Downloads a file a person sent; `limit` in bytes.
    ///
    /// # Errors
    /// [`Failure::TooLong`] if it is longer than `limit` or than what Telegram gives to bots; else as every request.
    pub async fn fetch(&self, file_id: &str, limit: usize) -> Result<FetchedFile, Failure> {
        let limit = limit.min(DOWNLOAD_MAX);
        let method = "getFile";
        let link: Result<FileLink, Failure> = self.ask(method, &json!({"file_id": file_id})).await;
        let link = match link {
            Err(failure) if failure.says("file is too big") => {
                return Err(Failure::TooLong { method, limit });
            }
            other => other?,
        };
        if link.file_size.is_some_and(|it| it > limit) {
            return Err(Failure::TooLong { method, limit });
        }
        let path = link.file_path.unwrap_or_default();
        // A server of one's own gives paths of its machine; nothing but a plain one is put into an address.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '-' | '.');
        if path.is_empty() || path.starts_with('/') || path.contains("..") || !path.chars().all(plain) {
            let what = "the path of the file is not one below the server's address".to_owned();
            return Err(Failure::Unreadable { method, what });
        }
        let method = "a download";
        let uri = self.0.address.file(&self.0.token, &path)?;
        let request = Request::builder().uri(uri).body(Full::default());
        let request = request.map_err(|_| Failure::Address("makes no request"))?;
        let bounds = Bounds { size: limit, time: FILE_TIME };
        let answer = self.exchange(method, request, bounds).await?;
        if answer.status != 200 {
            let description = "the file is gone; it can be sent again".to_owned();
            return Err(Failure::Refused { method, code: answer.status, description });
        }
        Ok(FetchedFile { bytes: answer.body })
    }

    async fn tell(&self, method: &'static str, parameters: &Value) -> Result<(), Failure> {
        self.ask::<Value>(method, parameters).await.map(drop)
    }

    async fn ask<T: DeserializeOwned>(&self, method: &'static str, parameters: &Value) -> Result<T, Failure> {
        let bounds = Bounds { size: ANSWER_MAX, time: ANSWER_TIME };
        self.ask_within(method, parameters, bounds).await
    }

    async fn ask_within<T: DeserializeOwned>(
        &self,
        method: &'static str,
        parameters: &Value,
        bounds: Bounds,
    ) -> Result<T, Failure> {
        let body = Bytes::from(parameters.to_string());
        self.read(method, self.post(method, "application/json", body, bounds).await?)
    }

    async fn post(
        &self,
        method: &'static str,
        kind: &str,
        body: Bytes,
        bounds: Bounds,
    ) -> Result<Answer, Failure> {
        let uri = self.0.address.method(&self.0.token, method)?;
        let request = Request::builder().method(Method::POST).uri(uri).header(CONTENT_TYPE, kind);
        let request = request.body(Full::new(body)).map_err(|_| Failure::Address("makes no request"))?;
        self.exchange(method, request, bounds).await
    }

    /// No error that leaves here says the token, whatever a library puts into its words.
    async fn exchange(
        &self,
        method: &'static str,
        request: Request<Full<Bytes>>,
        bounds: Bounds,
    ) -> Result<Answer, Failure> {
        match self.0.transport.exchange(method, request, bounds).await {
            Err(Failure::Network { method, what }) => {
                Err(Failure::Network { method, what: self.0.token.scrub(&what) })
            }
            other => other,
        }
    }

    fn read<T: DeserializeOwned>(&self, method: &'static str, answer: Answer) -> Result<T, Failure> {
        let unreadable = |what: String| Failure::Unreadable { method, what };
        match serde_json::from_slice::<Reply>(&answer.body) {
            Ok(reply) if reply.ok => serde_json::from_value(reply.result)
                .map_err(|error| unreadable(self.shortened(&error.to_string()))),
            Ok(_) => Err(self.refusal(method, &answer)),
            Err(_) if answer.status >= 400 => Err(self.refusal(method, &answer)),
            Err(error) => Err(unreadable(self.shortened(&error.to_string()))),
        }
    }

    /// What an answer that is no success says.
    fn refusal(&self, method: &'static str, answer: &Answer) -> Failure {
        let reply = serde_json::from_slice::<Reply>(&answer.body).ok();
        let code = reply.as_ref().and_then(|it| it.error_code).unwrap_or(answer.status);
        let description = reply.as_ref().map_or_else(String::new, |it| self.shortened(&it.description));
        match code {
            401 | 404 => Failure::Unauthorized { code },
            409 => Failure::Conflict { method, description },
            429 => {
                let seconds = reply.and_then(|it| it.parameters.retry_after).map(Duration::from_secs);
                let retry_after = seconds.unwrap_or(THROTTLE_USUAL).min(THROTTLE_MAX);
                Failure::Throttled { method, retry_after }
            }
            _ => Failure::Refused { method, code, description },
        }
    }

    fn shortened(&self, text: &str) -> String {
        self.0.token.scrub(text).chars().take(SAID_MAX).collect()
    }
}

fn put(parameters: &mut Value, name: &str, value: Option<Value>) {
    if let (Some(fields), Some(value)) = (parameters.as_object_mut(), value) {
        fields.insert(name.to_owned(), value);
    }
}

/// A keyboard, if it has buttons. An edit without one takes the buttons away.
pub(super) fn put_keyboard(parameters: &mut Value, keyboard: &Keyboard) {
    put(parameters, "reply_markup", (!keyboard.is_empty()).then(|| json!(keyboard)));
}
