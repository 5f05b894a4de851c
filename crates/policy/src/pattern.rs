//! A regular expression of a rule, compiled when it is first needed. Linear time only.

use regex::{Regex, RegexBuilder};
use std::sync::OnceLock;

/// Largest compiled expression, in bytes.
const MAX_COMPILED: usize = 2 * 1024 * 1024;

/// An expression whose syntax was checked when the file was loaded.
#[derive(Debug)]
pub(crate) struct Pattern {
    text: String,
    compiled: OnceLock<Option<Regex>>,
}

/// What holding a pattern against a text says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Yes,
    No,
    /// The expression cannot be used: too large once compiled.
    CannotSay,
}

impl Pattern {
    pub(crate) fn new(text: String) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    pub(crate) fn find(&self, text: &str) -> Found {
        let compiled =
            self.compiled.get_or_init(|| RegexBuilder::new(&self.text).size_limit(MAX_COMPILED).build().ok());
        match compiled {
            Some(regex) if regex.is_match(text) => Found::Yes,
            Some(_) => Found::No,
            None => Found::CannotSay,
        }
    }
}
