//! The one value a connector gets: where envelopes go, where questions go, where events come from.

use leashd_types::{
    AskId, AskRow, Chat, Command, Envelope, Event, FileView, Form, GitOrder, GitSaid, GrantRow, MessageRow,
    PlaceView, Receipt, SessionId, SessionView, UserId, Verdict, WorkspaceView,
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
    /// Directories agents may work in.
    Directories {
        reply: oneshot::Sender<Vec<PlaceView>>,
    },
    Workspaces {
        reply: oneshot::Sender<Vec<WorkspaceView>>,
    },
    /// Git in the session's directory, contained, hardened and recorded as `from`. An error says why it was not begun.
    Git {
        session: SessionId,
        order: GitOrder,
        from: Person,
        reply: oneshot::Sender<Result<GitSaid, String>>,
    },
    /// The newest entries of the audit log about one session, newest last, one line each; with words, only those in which
    /// they stand.
    Audit {
        session: SessionId,
        words: Option<String>,
        limit: usize,
        reply: oneshot::Sender<Result<Vec<String>, String>>,
    },
    /// What the policy would say to this command in the session's directory. Nothing runs.
    Explain {
        session: SessionId,
        line: String,
        reply: oneshot::Sender<Result<Verdict, String>>,
    },
    /// Reads files of approved directories: a path or a glob, relative to the session's directory. What the agent itself
    /// could not read is not read; it is recorded as read by `from`.
    Files {
        session: SessionId,
        pattern: String,
        from: Person,
        limits: FileLimits,
        reply: oneshot::Sender<Result<Vec<FileView>, String>>,
    },
}

/// How much is read at once. More than that is an error that says so.
#[derive(Clone, Copy, Debug)]
pub struct FileLimits {
    pub files: usize,
    /// Of each file.
    pub bytes: u64,
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
