//! The one value a connector gets: where envelopes go, where questions go, where events come from.

use leashd_types::{
    AskId, AskRow, Chat, Command, Envelope, Event, Form, GrantRow, MessageRow, Receipt, SessionId,
    SessionView, UserId,
};
use tokio::sync::{mpsc, oneshot};

/// Events that may wait for a connector before the daemon waits for it.
pub const EVENTS_MAX: usize = 1024;

#[derive(Debug)]
pub struct Desk {
    pub deliveries: mpsc::Sender<Delivery>,
    pub queries: mpsc::Sender<Query>,
    pub events: mpsc::Receiver<Event>,
}

/// An envelope, and where to say what became of it.
#[derive(Debug)]
pub struct Delivery {
    pub envelope: Envelope,
    /// Answered once what it says is durable. Nobody has to listen.
    pub receipt: oneshot::Sender<Receipt>,
}

/// Something a screen wants to know now.
#[derive(Debug)]
pub enum Query {
    Session {
        session: SessionId,
        reply: oneshot::Sender<Option<SessionView>>,
    },
    Sessions {
        reply: oneshot::Sender<Vec<SessionView>>,
    },
    /// The asks that are not over.
    Asks {
        reply: oneshot::Sender<Vec<AskRow>>,
    },
    Grants {
        reply: oneshot::Sender<Vec<GrantRow>>,
    },
    /// The last asks, those that are over too, newest first. An error says why nothing is kept.
    PastAsks {
        limit: usize,
        reply: oneshot::Sender<Result<Vec<AskRow>, String>>,
    },
    PastAsk {
        ask: AskId,
        reply: oneshot::Sender<Result<Option<AskRow>, String>>,
    },
    /// The last messages of one session or of all, newest first; with words, only those in which they stand.
    Messages {
        session: Option<SessionId>,
        words: Option<String>,
        limit: usize,
        reply: oneshot::Sender<Result<Vec<MessageRow>, String>>,
    },
}

/// Who speaks through a desk, and from where.
#[derive(Clone, Debug)]
pub struct Person {
    pub chat: Chat,
    pub user: UserId,
}

impl Desk {
    /// Hands a command in. The receipt may be dropped; without a daemon it never comes.
    pub async fn send(&self, person: &Person, form: Form, command: Command) -> oneshot::Receiver<Receipt> {
        let (receipt, receiver) = oneshot::channel();
        let envelope = Envelope { chat: person.chat.clone(), from: person.user.clone(), form, command };
        // A closed channel means the daemon is going down; the event channel and the receipt say so next.
        drop(self.deliveries.send(Delivery { envelope, receipt }).await);
        receiver
    }
}
