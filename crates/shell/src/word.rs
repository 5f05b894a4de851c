//! A word of a command line after expansion: a value, not a string of source.

/// Pieces laid end to end.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Word {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Known text: quotes removed, escapes decoded, expansions done.
    Text(String),
    /// An unquoted glob operator (`*`, `?`, `[a-z]`), still to be matched against files.
    Glob(String),
    /// Cannot be known; the text says why, in words for a person.
    Unknown(String),
}

impl Word {
    #[must_use]
    pub fn literal(text: impl Into<String>) -> Self {
        Self { parts: vec![Part::Text(text.into())] }
    }

    #[must_use]
    pub fn unknown(why: impl Into<String>) -> Self {
        Self { parts: vec![Part::Unknown(why.into())] }
    }

    /// Appends a part, merging neighbouring text.
    pub fn push(&mut self, part: Part) {
        match (self.parts.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.push_str(&text),
            (_, part) => self.parts.push(part),
        }
    }

    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The whole text, if every part of it is known text. The empty word is `""`.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The known text before the first glob or unknown part.
    #[must_use]
    pub fn prefix(&self) -> &str {
        match self.parts.first() {
            Some(Part::Text(text)) => text,
            _ => "",
        }
    }

    /// Why the word is not known, if a part of it is not.
    #[must_use]
    pub fn unknown_reason(&self) -> Option<&str> {
        self.parts.iter().find_map(|part| match part {
            Part::Unknown(why) => Some(why.as_str()),
            Part::Text(_) | Part::Glob(_) => None,
        })
    }

    #[must_use]
    pub fn has_glob(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Glob(_)))
    }
}
