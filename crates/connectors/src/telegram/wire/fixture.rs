//! A strict Bot API server, Ann who has a chat with the bot, and a client of ours, for tests.

use super::{Access, ChatId, Client, Limits, Outbox, Post, Priority, Text, Token};
use leashd_testkit::telegram::{Chat, Pace, Person, TelegramServer};

pub(super) const ANN: i64 = 42;
pub(super) const GROUP: i64 = -100;

pub(super) struct Bench {
    pub(super) server: TelegramServer,
    pub(super) ann: Person,
    pub(super) chat: Chat,
    pub(super) client: Client,
}

pub(super) fn access(server: &TelegramServer) -> Access {
    Access { base_url: server.base_url(), token: Token::new(server.token()), roots: Vec::new() }
}

impl Bench {
    /// Ann has started a chat; nothing she said is read.
    pub(super) async fn new(pace: Pace) -> Self {
        let server = TelegramServer::start().await.unwrap();
        server.set_pace(pace);
        let ann = server.person(ANN, "Ann");
        ann.sends_command(ANN, "/start");
        let chat = server.chat(ANN);
        let client = Client::new(&access(&server)).unwrap();
        Self { server, ann, chat, client }
    }

    /// An outbox that is carried until the test ends.
    pub(super) fn outbox(&self, limits: Limits) -> Outbox {
        let (outbox, courier) = Outbox::open(self.client.clone(), limits);
        tokio::spawn(courier);
        outbox
    }
}

pub(super) fn post(chat: i64, text: &str, priority: Priority) -> Post {
    Post { priority, ..Post::new(ChatId(chat), Text::plain(text)) }
}
