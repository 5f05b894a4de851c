//! A Bot API server on loopback, as strict as Telegram itself, and people who talk to the bot through it.
//!
//! Requests are held against the published parameters (`published`); whatever the Bot API does not allow is recorded as
//! a violation, also what Telegram would let pass in silence. The server panics when it is dropped with violations that
//! nobody took. Errors have the codes and words of Telegram. Time runs by the server's own clock, which tests can move on.
//!
//! It is stricter than Telegram where Telegram publishes no number: no bursts above the rate limits, fifteen seconds for
//! the answer to a tap, UTF-16 units for all lengths of text. It plays no channels, no inline mode, no webhooks, no
//! Markdown; a request for one of those is a violation too.

mod check;
mod connection;
mod entity;
mod html;
mod markup;
mod message;
mod methods;
mod pace;
mod person;
pub mod published;
mod refusal;
mod request;
mod serve;
mod transcript;
mod updates;
mod view;
mod weather;
mod wire;
mod world;

#[cfg(test)]
mod tests;

pub use entity::{Entity, Formatted, Style};
pub use message::{Author, Button, Media, Message, Presence, Press, Sound, Version};
pub use methods::TAP_LIMIT;
pub use pace::{Allowance, Pace, RateLimited};
pub use person::{Person, Tap, TapAnswer};
pub use refusal::Refusal;
pub use transcript::{Edits, Transcript};
pub use updates::Delivery;
pub use view::{Chat, SentFile, USUAL_WAIT};
pub use weather::{Storm, Weather};
pub use world::{BOT_ID, BOT_NAME, Call, ChatKind, Event, Notice, Outcome, Violation};

use pace::Meter;
use serde_json::{Value, json};
use serve::Shared;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use world::{Profile, Regard};

/// A running server with one bot. It ends when this is dropped.
#[derive(Debug)]
pub struct TelegramServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl TelegramServer {
    /// Listens on a free port of 127.0.0.1, with the published rate limits.
    ///
    /// # Errors
    /// If the machine has no port to give.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(format!("{BOT_ID}:made-up-token-for-tests-on-loopback")));
        let serving = serve::serve(listener, Arc::clone(&shared));
        let server = tokio::spawn(async move {
            // Ends only with the task.
            drop(serving.await);
        });
        Ok(Self { address, shared, server })
    }

    /// What stands in the place of `https://api.telegram.org`.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}", self.address)
    }

    #[must_use]
    pub fn token(&self) -> &str {
        &self.shared.token
    }

    /// Somebody, new or known.
    #[must_use]
    pub fn person(&self, id: i64, name: &str) -> Person {
        self.shared.change(|world| {
            world
                .people
                .entry(id)
                .or_insert_with(|| Profile { name: name.to_owned(), regard: Regard::Welcome });
        });
        Person { shared: Arc::clone(&self.shared), id }
    }

    /// A group with the bot in it; its id is below nought.
    ///
    /// # Panics
    /// If the id is that of a person.
    #[must_use]
    pub fn group(&self, id: i64, title: &str, members: &[&Person]) -> Chat {
        assert!(id < 0, "ids of groups are below nought");
        let members = members.iter().map(|it| it.id).collect();
        self.shared.change(|world| world.open_chat(id, ChatKind::Group, title.to_owned(), members));
        self.chat(id)
    }

    /// The bot is thrown out of a group.
    pub fn throw_out(&self, group: i64) {
        self.shared.change(|world| {
            if let Some(record) = world.chats.get_mut(&group) {
                record.bot_is_in = false;
            }
        });
    }

    /// A chat; with a person its id is the person's.
    #[must_use]
    pub fn chat(&self, id: i64) -> Chat {
        Chat { shared: Arc::clone(&self.shared), id }
    }

    /// What the client did that the published Bot API does not allow.
    #[must_use]
    pub fn violations(&self) -> Vec<Violation> {
        self.shared.look(|world| world.violations.clone())
    }

    /// Takes the violations, so that the server does not panic over them.
    #[must_use]
    pub fn take_violations(&self) -> Vec<Violation> {
        self.shared.change(|world| std::mem::take(&mut world.violations))
    }

    /// Requests that were carried out, refused or lost, oldest first; of `getUpdates` only those that failed.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.shared.look(|world| world.calls.iter().cloned().collect())
    }

    /// Requests of one method.
    #[must_use]
    pub fn calls_of(&self, method: &str) -> Vec<Call> {
        self.calls().into_iter().filter(|it| it.method == method).collect()
    }

    /// Sets the rate limits; the counters stay.
    pub fn set_pace(&self, pace: Pace) {
        self.shared.change(|world| world.meter.pace = pace);
    }

    #[must_use]
    pub fn rate_limited(&self) -> RateLimited {
        self.shared.look(|world| world.meter.limited)
    }

    /// The most messages and edits the bot made within any window of this length, in one chat or in all.
    #[must_use]
    pub fn busiest(&self, chat: Option<i64>, within: Duration) -> usize {
        let counts = |call: &&Call| {
            let counted = call.method.starts_with("send") || call.method.starts_with("edit");
            let here = chat.is_none_or(|it| call.arguments.get("chat_id") == Some(&json!(it)));
            counted && here && call.method != "sendChatAction" && call.outcome == Outcome::Done
        };
        let times: Vec<_> = self.calls().iter().filter(counts).map(|it| it.at).collect();
        Meter::busiest(&times, within)
    }

    /// From now on requests meet this.
    pub fn storm(&self, storm: Storm) {
        self.shared.change(|world| {
            let now = world.clock.now();
            world.sky.break_out(storm, now);
        });
    }

    /// All storms are over.
    pub fn calm(&self) {
        self.shared.change(|world| world.sky.clear());
    }

    /// How many requests met a storm.
    #[must_use]
    pub fn storms_met(&self) -> u32 {
        self.shared.look(|world| world.sky.met)
    }

    /// How updates are handed out from now on.
    pub fn deliver(&self, delivery: Delivery) {
        self.shared.change(|world| world.updates.delivery = delivery);
    }

    /// Moves the server's clock on: rate limits, the day updates are kept, taps and download addresses that grow old.
    pub fn advance(&self, time: Duration) {
        self.shared.change(|world| world.clock.advance(time));
    }

    /// Another program polls once with the same token: a waiting poll ends with 409.
    pub fn rival_polls(&self) {
        self.shared.change(|world| world.updates.poll += 1);
    }

    /// Polls that ended with 409 because another one came.
    #[must_use]
    pub fn conflicts(&self) -> u32 {
        self.shared.look(|world| world.conflicts)
    }

    /// Polls that were begun, rivals' included.
    #[must_use]
    pub fn polls(&self) -> u64 {
        self.shared.look(|world| world.updates.poll)
    }

    /// Somebody set a webhook for the bot: polls are refused until it is deleted.
    pub fn set_webhook(&self, url: &str) {
        self.shared.change(|world| world.webhook = Some(url.to_owned()));
    }

    /// Somebody got a new token from the bot's father: 401 from now on.
    pub fn revoke_token(&self) {
        self.shared.change(|world| world.token_is_good = false);
    }

    /// Queues an update of any form; an object gets an `update_id`.
    pub fn sends_raw_update(&self, update: Value) {
        self.shared.change(|world| {
            let now = world.clock.now();
            world.updates.add_any(update, now);
        });
    }

    /// Updates are numbered from here on, as after a quiet week.
    pub fn restart_update_ids(&self, next: i64) {
        self.shared.change(|world| world.updates.restart_ids(next));
    }

    /// Updates the bot did not acknowledge yet.
    #[must_use]
    pub fn pending_updates(&self) -> usize {
        self.shared.change(|world| {
            let now = world.clock.now();
            world.updates.pending(now)
        })
    }

    /// Updates that were lost because nobody asked for a day.
    #[must_use]
    pub fn expired_updates(&self) -> usize {
        self.shared.look(|world| world.updates.expired)
    }

    /// Ids of taps that have no answer yet.
    #[must_use]
    pub fn unanswered_taps(&self) -> Vec<String> {
        self.shared.look(|world| {
            let open = world.taps.iter().filter(|it| it.1.answer.is_none());
            open.map(|it| it.0.clone()).collect()
        })
    }

    /// The bot's menu as name and description, for everybody and every language.
    #[must_use]
    pub fn menu(&self) -> Vec<(String, String)> {
        let place = (json!({"type": "default"}).to_string(), String::new());
        let commands = self.shared.look(|world| world.commands.get(&place).cloned().unwrap_or_default());
        let text =
            |it: &Value, name: &str| it.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        commands.iter().map(|it| (text(it, "command"), text(it, "description"))).collect()
    }

    /// Waits until something is so.
    ///
    /// # Panics
    /// If it is not so within [`USUAL_WAIT`].
    pub async fn until<T>(&self, found: impl Fn(&Self) -> Option<T>) -> T {
        self.until_within(USUAL_WAIT, found).await
    }

    /// The same, with more or less patience.
    ///
    /// # Panics
    /// If it is not so in that time.
    pub async fn until_within<T>(&self, within: Duration, found: impl Fn(&Self) -> Option<T>) -> T {
        let found = view::wait(&self.shared, within, || found(self)).await;
        found.unwrap_or_else(|| panic!("not so within {within:?}; the latest calls: {:#?}", self.latest()))
    }

    fn latest(&self) -> Vec<Call> {
        let calls = self.calls();
        calls.into_iter().rev().take(20).collect()
    }
}

impl Drop for TelegramServer {
    fn drop(&mut self) {
        // Waiting polls end, as when a server goes away.
        self.storm(Storm::of(Weather::Down));
        self.server.abort();
        let violations = self.violations();
        if !violations.is_empty() && !std::thread::panicking() {
            panic!("the client did what the Bot API does not allow: {violations:#?}");
        }
    }
}
