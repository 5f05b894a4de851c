//! Which events somebody wants, by name: `tool.denied`, `approval.*`, `*`. Knows no event but by its name.

use super::events::NAMES;

/// Patterns of one filter.
const PATTERNS_MAX: usize = 64;

/// Names that pass. Without a pattern all do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter(Vec<String>);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FilterError {
    #[error("no event is called {pattern:?}; events are {}", NAMES.join(", "))]
    Unknown { pattern: String },
    #[error("{given} patterns for events, the limit is {PATTERNS_MAX}; use `*`, as in `approval.*`")]
    TooMany { given: usize },
}

impl Filter {
    pub(crate) fn all() -> Self {
        Self::default()
    }

    /// Each pattern is a name in which `*` stands for any text.
    pub(crate) fn parse<S: AsRef<str>>(patterns: &[S]) -> Result<Self, FilterError> {
        if patterns.len() > PATTERNS_MAX {
            return Err(FilterError::TooMany { given: patterns.len() });
        }
        let known = |pattern: &S| {
            let pattern = pattern.as_ref().trim();
            if NAMES.iter().any(|name| matches(pattern, name)) {
                Ok(pattern.to_owned())
            } else {
                Err(FilterError::Unknown { pattern: pattern.to_owned() })
            }
        };
        Ok(Self(patterns.iter().map(known).collect::<Result<_, _>>()?))
    }

    /// The names that pass; none, if all do.
    pub(crate) fn names(&self) -> Vec<&'static str> {
        if self.0.is_empty() {
            Vec::new()
        } else {
            NAMES.iter().copied().filter(|name| self.passes(name)).collect()
        }
    }

    pub(crate) fn passes(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| matches(pattern, name))
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(mut left) = name.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    // The first place for each part leaves most for the others.
    for part in parts {
        match left.split_once(part) {
            Some((_, after)) => left = after,
            None => return false,
        }
    }
    left.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{Filter, FilterError, NAMES, PATTERNS_MAX};

    #[track_caller]
    fn check(patterns: &[&str], passes: &[&str], others: &[&str]) {
        let filter = Filter::parse(patterns).unwrap();
        for name in passes {
            assert!(filter.passes(name), "{patterns:?} holds {name} back");
        }
        for name in others {
            assert!(!filter.passes(name), "{patterns:?} lets {name} pass");
        }
    }

    #[test]
    fn names_pass_by_pattern() {
        check(&[], NAMES, &[]);
        check(&["*"], NAMES, &[]);
        check(&["approval.*"], &["approval.requested", "approval.resolved"], &["tool.denied"]);
        check(&["tool.denied", " session.ended "], &["tool.denied", "session.ended"], &["tool.allowed"]);
        check(&["*.re*ed"], &["approval.requested", "interaction.resolved"], &["message.queued"]);
        check(&["t*l.*a*"], &["tool.gated", "tool.ran_ungated"], &["tool.denied"]);
    }

    #[test]
    fn a_pattern_that_can_match_nothing_is_an_error() {
        for pattern in ["tool.denid", "", "approval", "*.x"] {
            let error = Filter::parse(&[pattern]).unwrap_err();
            assert_eq!(error, FilterError::Unknown { pattern: pattern.to_owned() });
            assert!(error.to_string().contains("tool.denied"), "{error}");
        }
        assert!(Filter::parse(&vec!["*"; PATTERNS_MAX + 1]).is_err());
    }
}
