//! What people ask of leashd, whatever they use to ask it. Who asks stands on the envelope.

use crate::{AgentKind, Answer, AskId, Attachment, Digest, Mode, SessionId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// Asks to be let in and nothing else: whoever is, may look. The receipt names the chat's current session.
    Knock,
    /// Opens a session in the envelope's chat; it becomes the chat's current one.
    Open {
        order: OpenSession,
    },
    /// Makes another session of the chat its current one.
    Switch {
        session: SessionId,
    },
    /// A message to the agent. Waits while a turn is running.
    Say {
        session: SessionId,
        text: String,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        attachments: Vec<Attachment>,
        /// The connector's own name for this message. The same one is accepted once.
        #[serde(default)]
        key: Option<String>,
    },
    /// An answer to an ask. `digest` is the one shown with the question.
    Answer {
        ask: AskId,
        answer: Answer,
        digest: Digest,
    },
    /// A connector has shown an ask, or a person has looked at it.
    Shown {
        ask: AskId,
        seen: Seen,
    },
    /// Ends the running turn; what waits comes next, the session stays.
    Interrupt {
        session: SessionId,
    },
    /// Ends everything the session is doing; what waits is dropped, the session and its history stay.
    Stop {
        session: SessionId,
    },
    /// Forgets the conversation: a fresh start in the same directory.
    Clear {
        session: SessionId,
    },
    SetMode {
        session: SessionId,
        mode: Mode,
    },
    /// Works somewhere else from now on, with a fresh conversation.
    SetDirectory {
        session: SessionId,
        directory: PathBuf,
        /// The workspace the directory is part of, when one was chosen.
        workspace: Option<String>,
    },
    /// Takes back what "allow for this session" gave.
    Revoke {
        grant: String,
    },
    /// Ends the session and its agent.
    Close {
        session: SessionId,
    },
}

/// How far an ask got on its way to a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Seen {
    Delivered,
    Seen,
}

/// A session to be opened. What is left out is as configured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct OpenSession {
    /// A UUID; without it, a new one.
    pub session: Option<SessionId>,
    pub agent: AgentKind,
    pub directory: Option<PathBuf>,
    pub workspace: Option<String>,
    pub mode: Option<Mode>,
    pub model: Option<String>,
    /// Policy files or built-in names.
    pub policy: Vec<String>,
    /// A session of before that is to go on.
    pub resume: Option<SessionId>,
    /// Whether somebody will be there to answer.
    pub attended: Attended,
}

/// Whether questions of a session can be put to anybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Attended {
    #[default]
    Somebody,
    /// What would ask is denied at once.
    Nobody,
}
