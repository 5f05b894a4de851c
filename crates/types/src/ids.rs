//! Identifiers. Each is its own type so that a session id cannot be passed where an ask id belongs.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One conversation with one agent, ours. A UUID; Claude Code is started with it as its own session id.
    SessionId
);
id!(
    /// One tool call as the agent names it (`toolu_…` for Claude Code).
    CallId
);
id!(
    /// One question to a person.
    AskId
);
id!(
    /// One message of a person or of the agent.
    MessageId
);
id!(
    /// One prompt and everything the agent did about it.
    TurnId
);
id!(
    /// One unattended run.
    RunId
);
id!(
    /// A person, as the connector knows them (`terminal`, a Telegram user id).
    UserId
);
id!(
    /// A subagent inside a session, as the agent names it.
    SubagentId
);
