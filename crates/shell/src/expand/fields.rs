//! Collects the pieces of a word into fields.

use super::{HIDDEN, HOLE};
use crate::syntax::{Operation, Piece};
use crate::word::{Part, Word};

/// What the fields are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    /// Arguments: expansions are split, globs are live.
    Split,
    /// As before, for a word that braces made: bash no longer takes it for an assignment.
    Braced,
    /// As before, without splitting: bash does not split a word in which a dollar sign stands for itself.
    Whole,
    /// One value as it is.
    Joined,
    /// One value; tildes also after colons.
    Assigned,
    /// One value with live globs.
    Pattern,
}

#[derive(Debug)]
pub(super) struct Fields<'o> {
    out: &'o mut Vec<Word>,
    current: Word,
    /// The current field exists even if nothing is in it.
    open: bool,
    /// Blanks have just ended a field: a separator next to them belongs to the same gap.
    gap: bool,
    mode: Mode,
    /// The word begins like an assignment: a tilde further on may be live.
    assigns: bool,
}

impl<'o> Fields<'o> {
    pub(super) fn new(out: &'o mut Vec<Word>, mode: Mode) -> Self {
        Self { out, current: Word::default(), open: false, gap: false, mode, assigns: false }
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn splits(&self) -> bool {
        matches!(self.mode, Mode::Split | Mode::Braced)
    }

    pub(super) fn begin_assignment(&mut self) {
        self.assigns = true;
    }

    pub(super) fn assigns(&self) -> bool {
        self.assigns
    }

    /// Whether there may be more than one field.
    pub(super) fn separates(&self) -> bool {
        self.splits() || self.mode == Mode::Whole
    }

    /// Ends the current field.
    pub(super) fn flush(&mut self) {
        if self.open {
            self.out.push(std::mem::take(&mut self.current));
        }
        self.open = false;
    }

    /// Ends the current field, which exists even if it is empty.
    pub(super) fn end_field(&mut self) {
        self.open = true;
        self.flush();
    }

    /// Quotes make a field, except around an empty list (`"$@"`).
    pub(super) fn open_unless_list(&mut self, inner: &[Piece<'_>]) {
        let list = inner.iter().any(|piece| match piece {
            Piece::Parameter(parameter) => {
                parameter.name == "@" && !matches!(parameter.operation, Operation::Length)
                    || matches!(parameter.subscript.as_deref(), Some([Piece::Quoted("@")]))
            }
            _ => false,
        });
        if !list {
            self.touch();
        }
    }

    fn touch(&mut self) {
        self.open = true;
        self.gap = false;
    }

    pub(super) fn quoted(&mut self, text: &str) {
        self.touch();
        self.text(text);
    }

    /// Unquoted text of the word itself: never split.
    pub(super) fn literal(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.touch();
        self.live(text);
    }

    pub(super) fn glob(&mut self, text: &str) {
        self.touch();
        self.current.push(Part::Glob(text.to_owned()));
    }

    pub(super) fn unknown(&mut self, why: &str) {
        self.touch();
        self.current.push(Part::Unknown(why.to_owned()));
    }

    /// A value taken as it is.
    pub(super) fn known(&mut self, word: &Word) {
        self.touch();
        for part in word.parts() {
            match part {
                Part::Text(text) => self.text(text),
                part => self.current.push(part.clone()),
            }
        }
    }

    fn text(&mut self, text: &str) {
        if !text.contains(HOLE) {
            if !text.is_empty() {
                self.current.push(Part::Text(text.to_owned()));
            }
            return;
        }
        for (index, part) in text.split(HOLE).enumerate() {
            if index > 0 {
                self.current.push(Part::Unknown(HIDDEN.to_owned()));
            }
            if !part.is_empty() {
                self.current.push(Part::Text(part.to_owned()));
            }
        }
    }

    /// Text in which globs count, where the mode lets them.
    fn live(&mut self, text: &str) {
        if matches!(self.mode, Mode::Joined | Mode::Assigned) || !text.contains(['*', '?', '[']) {
            return self.text(text);
        }
        let mut plain = 0;
        let mut at = 0;
        while let Some(&byte) = text.as_bytes().get(at) {
            let length = match byte {
                b'*' | b'?' => 1,
                b'[' => bracket(text.get(at..).unwrap_or("")),
                _ => 0,
            };
            if length == 0 {
                at += 1;
                continue;
            }
            self.text(text.get(plain..at).unwrap_or(""));
            let operator = text.get(at..at + length).unwrap_or("");
            self.current.push(Part::Glob(operator.to_owned()));
            at += length;
            plain = at;
        }
        self.text(text.get(plain..).unwrap_or(""));
    }

    /// An unquoted value: split at the separators.
    pub(super) fn split(&mut self, word: &Word, separators: Option<&str>) {
        if !self.splits() {
            if !word.parts().is_empty() {
                self.touch();
            }
            for part in word.parts() {
                match part {
                    Part::Text(text) => self.live(text),
                    part => self.current.push(part.clone()),
                }
            }
            return;
        }
        let Some(separators) = separators else {
            if !word.parts().is_empty() {
                self.unknown("how it is split depends on a value that is not known");
            }
            return;
        };
        for part in word.parts() {
            match part {
                Part::Text(text) => self.split_text(text, separators),
                part => {
                    self.touch();
                    self.current.push(part.clone());
                }
            }
        }
    }

    fn split_text(&mut self, text: &str, separators: &str) {
        let mut rest = text;
        while let Some(at) = rest.find(|char| separators.contains(char)) {
            let (before, after) = rest.split_at(at);
            if !before.is_empty() {
                self.touch();
                self.live(before);
            }
            let Some(separator) = after.chars().next() else { return };
            if matches!(separator, ' ' | '\t' | '\n') {
                if self.open {
                    self.flush();
                    self.gap = true;
                }
            } else if self.gap {
                self.gap = false;
            } else {
                self.end_field();
            }
            rest = after.get(separator.len_utf8()..).unwrap_or("");
        }
        if !rest.is_empty() {
            self.touch();
            self.live(rest);
        }
    }
}

/// Length of the bracket expression at the front of `text`; 0 if it is not one.
fn bracket(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut at = 1;
    if matches!(bytes.get(at), Some(b'!' | b'^')) {
        at += 1;
    }
    if bytes.get(at) == Some(&b']') {
        at += 1;
    }
    while let Some(&byte) = bytes.get(at).filter(|_| at < super::pattern::BRACKET_BYTES) {
        match byte {
            b']' => return at + 1,
            b'/' => return 0,
            b'[' if matches!(bytes.get(at + 1), Some(b':' | b'.' | b'=')) => {
                let class = text.get(at + 2..).unwrap_or("");
                at += 2 + class.find(']').map_or(0, |end| end + 1);
            }
            _ => at += 1,
        }
    }
    0
}
