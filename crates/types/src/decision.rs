//! The three possible answers, and how serious a call is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What we think of a tool call. Later is stricter; the order is the meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[must_use]
pub enum Decision {
    Allow,
    Ask,
    Deny,
}

impl Decision {
    /// The strictest of many opinions. No opinion is a `Deny`.
    pub fn strictest(opinions: impl IntoIterator<Item = Decision>) -> Decision {
        opinions.into_iter().max().unwrap_or(Decision::Deny)
    }
}

impl fmt::Display for Decision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Decision::Allow => "allow",
            Decision::Ask => "ask",
            Decision::Deny => "deny",
        })
    }
}

/// How bad it would be if this went wrong, by the class of its worst effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Band {
    Low,
    #[default]
    Medium,
    High,
    Critical,
}

impl fmt::Display for Band {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Band::Low => "low",
            Band::Medium => "medium",
            Band::High => "high",
            Band::Critical => "critical",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Decision;

    #[test]
    fn the_strictest_opinion_wins_and_none_is_a_denial() {
        assert_eq!(Decision::strictest([Decision::Allow, Decision::Ask]), Decision::Ask);
        assert_eq!(Decision::strictest([Decision::Deny, Decision::Ask]), Decision::Deny);
        assert_eq!(Decision::strictest([]), Decision::Deny);
    }
}
