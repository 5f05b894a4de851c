//! What a screen may ask for instead of waiting for events.

use crate::{AgentKind, Ask, Chat, Mode, Money, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One session as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    pub session: SessionId,
    pub chat: Chat,
    /// Whether the chat's messages go here.
    pub current: bool,
    pub agent: AgentKind,
    pub directory: PathBuf,
    pub workspace: Option<String>,
    pub mode: Mode,
    /// Its own policies; empty if those of the settings hold.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub policy: Vec<String>,
    /// Set while a turn runs.
    pub running_since: Option<Timestamp>,
    /// Messages waiting behind the running turn.
    pub queued: usize,
    pub turns: u64,
    pub messages: u64,
    pub total_cost: Money,
    /// What holds the agent, for people; empty while none runs.
    pub containment: String,
    pub created: Timestamp,
    pub last_used: Timestamp,
    pub open_asks: Vec<Ask>,
}

/// A directory agents may work in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceView {
    /// The last part of the path, or as many parts as tell it apart.
    pub name: String,
    pub path: PathBuf,
}

/// Directories that belong together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceView {
    pub name: String,
    pub description: String,
    /// The first one is where a session works.
    pub directories: Vec<PathBuf>,
}

/// A file in an approved directory, read for a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileView {
    /// Relative to the session's directory where it is below it.
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}
