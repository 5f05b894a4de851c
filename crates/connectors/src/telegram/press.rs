//! What a button means, and what it is bound to. The button itself carries an opaque random name only.

use leashd_types::{Answer, AskId, Digest, SessionId};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What happens when a button is pressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub(crate) enum Press {
    Answer {
        ask: AskId,
        digest: Digest,
        answer: Answer,
    },
    /// The next text is what should be done instead.
    Instruct {
        ask: AskId,
    },
    /// Numbers count from nought.
    Choose {
        ask: AskId,
        question: usize,
        option: usize,
    },
    /// Enough was chosen.
    Chosen {
        ask: AskId,
        question: usize,
    },
    ShowAsk {
        ask: AskId,
    },
    SendNow {
        session: SessionId,
    },
    Wait {
        session: SessionId,
    },
    GoTo {
        session: SessionId,
        directory: PathBuf,
        workspace: Option<String>,
    },
    Switch {
        session: SessionId,
    },
    Resume {
        session: SessionId,
    },
    NewSession,
    Close {
        session: SessionId,
    },
    Revoke {
        grant: String,
    },
    Git {
        session: SessionId,
        press: GitPress,
    },
    /// What it was for is over.
    Over {
        why: String,
        /// What it was about, if that was an ask.
        #[serde(default)]
        ask: Option<AskId>,
    },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "does", rename_all = "kebab-case")]
pub(crate) enum GitPress {
    Status,
    Diff {
        page: usize,
    },
    AddAll,
    Add {
        path: PathBuf,
    },
    Checkout {
        branch: String,
    },
    /// Asks for the message.
    Commit,
    CommitAs {
        message: String,
    },
    Push {
        remote: Option<String>,
        branch: Option<String>,
        #[serde(default)]
        address: Option<String>,
    },
    MergeAbort,
    /// The agent settles the conflicts.
    Resolve {
        branch: String,
    },
    Cancel,
}

impl GitPress {
    /// Whether something is otherwise afterwards.
    pub(crate) fn changes(&self) -> bool {
        match self {
            GitPress::Status | GitPress::Diff { .. } | GitPress::Commit | GitPress::Cancel => false,
            GitPress::AddAll
            | GitPress::Add { .. }
            | GitPress::Checkout { .. }
            | GitPress::CommitAs { .. }
            | GitPress::Push { .. }
            | GitPress::MergeAbort
            | GitPress::Resolve { .. } => true,
        }
    }
}

impl Press {
    /// The ask it belongs to.
    pub(crate) fn ask(&self) -> Option<&AskId> {
        match self {
            Press::Answer { ask, .. }
            | Press::Instruct { ask }
            | Press::Choose { ask, .. }
            | Press::Chosen { ask, .. }
            | Press::Over { ask: Some(ask), .. } => Some(ask),
            Press::ShowAsk { .. }
            | Press::SendNow { .. }
            | Press::Wait { .. }
            | Press::GoTo { .. }
            | Press::Switch { .. }
            | Press::Resume { .. }
            | Press::NewSession
            | Press::Close { .. }
            | Press::Revoke { .. }
            | Press::Git { .. }
            | Press::Over { ask: None, .. } => None,
        }
    }
}

/// A label and what it does; not yet bound to anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) label: String,
    pub(crate) press: Press,
}

/// Rows of buttons.
pub(crate) type Choices = Vec<Vec<Choice>>;

pub(crate) fn choice(label: impl Into<String>, press: Press) -> Choice {
    Choice { label: label.into(), press }
}

/// What a button is good for: this chat, this message, this person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Binding {
    pub(crate) chat: i64,
    /// Unknown for the moment between sending and hearing of it.
    pub(crate) message: Option<i64>,
    /// Whose it is; in a private chat nobody else can press.
    pub(crate) person: Option<i64>,
    pub(crate) press: Press,
    /// Counts on; the oldest go first.
    pub(crate) number: u64,
}
