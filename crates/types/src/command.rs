//! What people ask of leashd, whatever they use to ask it.

use crate::{Answer, AskId, Digest, Mode, SessionId, UserId};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// A message to the agent. Queued while a turn is running.
    Say {
        session: SessionId,
        text: String,
        from: UserId,
    },
    /// An answer to an ask. `digest` is the one shown with the question.
    Answer {
        ask: AskId,
        answer: Answer,
        digest: Digest,
        from: UserId,
    },
    /// Ends the running turn; the session stays.
    Interrupt {
        session: SessionId,
        from: UserId,
    },
    SetMode {
        session: SessionId,
        mode: Mode,
        from: UserId,
    },
    /// Ends the session and its agent.
    Close {
        session: SessionId,
        from: UserId,
    },
}
