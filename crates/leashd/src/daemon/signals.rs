//! What other processes tell the daemon: stop, or read the settings again. Many of a kind at once are one.

use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    Stop,
    Reload,
}

/// Who hears Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interrupts {
    /// It stops the daemon.
    Stop,
    /// The conversation on this terminal: it interrupts a turn.
    Conversation,
}

/// From when it is made on, none of them kills the process.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    interrupts: Interrupts,
    hang_up: Signal,
}

impl Signals {
    pub(crate) fn listen(interrupts: Interrupts) -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            interrupts,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    /// The next wish. Dropped before it is done, nothing is lost.
    pub(crate) async fn next(&mut self) -> Wish {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Wish::Stop,
            _ = self.interrupt.recv(), if self.interrupts == Interrupts::Stop => Wish::Stop,
            _ = self.hang_up.recv() => Wish::Reload,
        }
    }
}
