//! What the people of the day remember: what they said, what was acknowledged, what they answered.

use leashd_types::{Answer, AskId, SessionId};
use std::collections::BTreeMap;

/// What its sender knows about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    /// It is being sent for the first time.
    Nothing,
    /// The daemon died before it said anything.
    Doubtful,
    Acknowledged,
    /// Refused the first time it was sent.
    Refused,
}

#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) chat: String,
    pub(crate) session: SessionId,
    pub(crate) text: String,
    pub(crate) known: Known,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By the key of the message.
    pub(crate) said: BTreeMap<String, Said>,
    /// Answers that were accepted, by ask.
    pub(crate) answers: BTreeMap<AskId, Vec<Answer>>,
    /// The session of each chat, as far as its people know.
    pub(crate) sessions: BTreeMap<String, SessionId>,
    numbers: u64,
}

impl Ledger {
    /// A name nobody had before.
    pub(crate) fn name(&mut self) -> String {
        self.numbers += 1;
        format!("m{}", self.numbers)
    }

    /// A message of this chat and session of which nobody knows what became of it.
    pub(crate) fn unsure(&self, chat: &str, session: &SessionId) -> Option<(String, Said)> {
        let unsure =
            |said: &Said| said.chat == chat && said.session == *session && said.known == Known::Doubtful;
        self.said.iter().find(|(_, said)| unsure(said)).map(|(key, said)| (key.clone(), said.clone()))
    }
}
