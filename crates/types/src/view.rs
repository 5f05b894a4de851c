//! What a screen may ask for instead of waiting for events.

use crate::{AgentKind, Ask, Mode, Money, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// One session as it stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SessionView {
    pub session: SessionId,
    pub agent: AgentKind,
    pub directory: PathBuf,
    pub mode: Mode,
    /// Set while a turn runs.
    pub running_since: Option<Timestamp>,
    /// Messages waiting behind the running turn.
    pub queued: usize,
    pub turns: u64,
    pub total_cost: Money,
    pub open_asks: Vec<Ask>,
}
