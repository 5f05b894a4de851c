//! A start with what was kept: sessions are open, messages wait, and whatever was in the agent's hands is told to be so.

use crate::asks::Ledger;
use crate::durable::Risk;
use crate::out::Out;
use crate::session::Session;
use crate::texts::preview_of;
use crate::{Action, Config, Engine};
use leashd_types::{Kept, MessageRow, MessageState, Restored, SessionState, Timestamp};
use std::sync::Arc;

impl Engine {
    /// An engine that goes on where the last one was cut off. No agent runs; they start with what waits for them.
    #[must_use]
    pub fn restore(restored: Restored, config: Config, now: Timestamp) -> (Self, Vec<Action>) {
        let mut engine = Self::new(config);
        let mut out = Out::at(now);
        for row in restored.sessions.into_iter().filter(|row| row.state == SessionState::Open) {
            if row.current {
                engine.chats.insert(row.chat.clone(), row.session.clone());
            }
            engine.sessions.insert(row.session.clone(), Session::new(row));
        }
        for row in restored.grants {
            if let Some(session) = engine.sessions.get_mut(&row.session) {
                session.grants.insert(row.id.clone(), row);
            }
        }
        for row in restored.asks.into_iter().filter(|row| !row.state.is_over()) {
            Ledger::orphaned(row, &mut out);
        }
        for row in restored.messages {
            engine.take_up(row, &mut out);
        }
        let actions = engine.finish(out, Risk::Happened);
        (engine, actions)
    }

    fn take_up(&mut self, row: MessageRow, out: &mut Out) {
        if let Some(key) = &row.key {
            self.keys.remember((row.chat.clone(), key.clone()));
        }
        let id = row.session.clone();
        let Some(session) = self.sessions.get_mut(&id) else {
            // Its session was closed and this could not be written down any more.
            out.keep(Kept::Message(MessageRow { state: MessageState::Dropped, ..row }));
            return;
        };
        match row.state {
            MessageState::Waiting => {
                session.waiting.push_back(Arc::new(row));
                self.do_next(&id);
            }
            MessageState::Given => {
                let message = format!(
                    "leashd stopped while this was worked on: “{}”; look at what was done, and say so to go on",
                    preview_of(&row.text)
                );
                out.warn(&id, message);
                // Told once; it is not given again, because what was begun may have been done.
                out.keep(Kept::Message(MessageRow { state: MessageState::Done, ..row }));
            }
            MessageState::Done | MessageState::Dropped => {}
        }
    }
}
