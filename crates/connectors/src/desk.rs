//! The one value a connector gets: where commands go, where questions go, where events come from.

use leashd_types::{Command, Event, SessionId, SessionView};
use tokio::sync::{mpsc, oneshot};

/// Events that may wait for a connector before the daemon waits for it.
pub const EVENTS_MAX: usize = 1024;

#[derive(Debug)]
pub struct Desk {
    pub commands: mpsc::Sender<Command>,
    pub queries: mpsc::Sender<Query>,
    pub events: mpsc::Receiver<Event>,
}

/// Something a screen wants to know now.
#[derive(Debug)]
pub enum Query {
    Session { session: SessionId, reply: oneshot::Sender<Option<SessionView>> },
}
