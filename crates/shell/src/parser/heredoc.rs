//! Here-documents: the delimiter when the operator is read, the body after the next newline.

use super::{Parser, Pending, Result, Tabs};
use crate::expand::ansi;
use crate::syntax::{Document, Piece, SourceWord, Target};
use std::borrow::Cow;

/// One logical line of a body: the text up to and without its newline, and where the next one begins.
struct Line<'a> {
    text: Cow<'a, str>,
    start: usize,
    next: usize,
}

impl<'a> Parser<'a> {
    /// After `<<` or `<<-`.
    pub(super) fn document(&mut self, tabs: Tabs) -> Result<Target<'a>> {
        self.blanks();
        let Some(word) = self.word()? else {
            return self.reject("a here-document needs a delimiter");
        };
        let mut delimiter = String::new();
        let expands = self.delimiter(&word, &mut delimiter)?;
        if delimiter.contains('\n') {
            return self.reject("the delimiter of a here-document holds a newline");
        }
        let index = self.documents.len();
        self.documents.push(Document { body: Cow::Borrowed(""), expands });
        self.pending.push(Pending { delimiter, index, tabs, expands });
        Ok(Target::Document(index))
    }

    /// Takes the quotes off a delimiter; true if it had none. Nothing in it is expanded: `<<$X` ends at `$X`.
    fn delimiter(&self, word: &SourceWord<'a>, text: &mut String) -> Result<bool> {
        let plain =
            |piece: &Piece<'_>| matches!(piece, Piece::Literal(_) | Piece::Quoted(_) | Piece::AnsiC(_));
        let simple = |piece: &Piece<'_>| match piece {
            Piece::Double(inner) => inner.iter().all(|piece| matches!(piece, Piece::Quoted(_))),
            piece => plain(piece),
        };
        if !word.pieces.iter().all(simple) {
            return self.expansion_as_delimiter(word, text);
        }
        let mut bare = true;
        for piece in &word.pieces {
            bare &= matches!(piece, Piece::Literal(_));
            match piece {
                Piece::Literal(part) | Piece::Quoted(part) => text.push_str(part),
                Piece::AnsiC(part) => match ansi::decode(part) {
                    Some(decoded) => text.push_str(&decoded),
                    None => return self.reject("the delimiter of a here-document is not text"),
                },
                Piece::Double(inner) => inner.iter().for_each(|piece| {
                    if let Piece::Quoted(part) = piece {
                        text.push_str(part);
                    }
                }),
                _ => {}
            }
        }
        Ok(bare)
    }

    /// A delimiter with an expansion in it is the text as it is written, as long as no quote makes that doubtful.
    fn expansion_as_delimiter(&self, word: &SourceWord<'a>, text: &mut String) -> Result<bool> {
        let written = self.joined(word.span);
        let inside = written.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
        let plain = inside.unwrap_or(&written);
        if plain.contains(['"', '\'', '\\']) {
            return self.reject("the delimiter of a here-document holds an expansion with quotes");
        }
        text.push_str(plain);
        Ok(inside.is_none())
    }

    /// After a newline: the bodies that were announced on the line before it.
    pub(super) fn read_documents(&mut self) -> Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        for pending in std::mem::take(&mut self.pending) {
            let body = self.document_body(&pending);
            if let Some(document) = self.documents.get_mut(pending.index) {
                document.body = body;
            }
        }
        Ok(())
    }

    /// At the end of the text: bodies that never began.
    pub(super) fn finish_documents(&mut self) -> Result<()> {
        if !self.pending.is_empty() {
            self.pending.clear();
            self.notes.push("a here-document has no body".to_owned());
        }
        Ok(())
    }

    fn document_body(&mut self, pending: &Pending) -> Cow<'a, str> {
        let start = self.at;
        let mut stripped = String::new();
        loop {
            if self.at_end() {
                self.notes
                    .push(format!("the here-document never ends with {}", pending.delimiter.escape_debug()));
                return self.collected(pending, start, self.at, stripped);
            }
            let line = self.body_line(pending);
            let text = if pending.tabs == Tabs::Stripped {
                line.text.trim_start_matches('\t')
            } else {
                line.text.as_ref()
            };
            if text == pending.delimiter {
                self.at = line.next;
                // The newline belongs to the list, which has read it already when the body began.
                return self.collected(pending, start, line.start, stripped);
            }
            if let Some(after) = self.closes_early(text, pending) {
                if !text.get(pending.delimiter.len()..).is_some_and(|rest| rest.starts_with(')')) {
                    self.notes.push("text behind the delimiter of a here-document".to_owned());
                }
                self.at = line.next - after;
                return self.collected(pending, start, line.start, stripped);
            }
            if pending.tabs == Tabs::Stripped {
                let raw = self.slice((line.start, line.next));
                stripped.push_str(raw.trim_start_matches('\t'));
            }
            self.at = line.next;
        }
    }

    fn collected(&self, pending: &Pending, start: usize, end: usize, stripped: String) -> Cow<'a, str> {
        if pending.tabs == Tabs::Stripped {
            Cow::Owned(stripped)
        } else {
            Cow::Borrowed(self.slice((start, end)))
        }
    }

    /// Reads a line from here; in a body that is expanded, `\` newline joins it with the next.
    fn body_line(&self, pending: &Pending) -> Line<'a> {
        let expands = pending.expands;
        let start = self.at;
        let mut end = start;
        loop {
            let rest = self.text.get(end..).unwrap_or("");
            let length = rest.find('\n').unwrap_or(rest.len());
            let line = rest.get(..length).unwrap_or("");
            end += length;
            let backslashes = line.bytes().rev().take_while(|&byte| byte == b'\\').count();
            if expands && backslashes % 2 == 1 && end < self.text.len() {
                end += 1;
                continue;
            }
            let text =
                if expands { self.joined((start, end)) } else { Cow::Borrowed(self.slice((start, end))) };
            return Line { text, start, next: (end + 1).min(self.text.len()) };
        }
    }

    /// `$(cat <<EOF … EOF)`: the delimiter with the closing parenthesis on its line. How many bytes of the line,
    /// its newline included, are left to read.
    fn closes_early(&self, line: &str, pending: &Pending) -> Option<usize> {
        if self.in_substitution == 0 {
            return None;
        }
        let after = line.strip_prefix(pending.delimiter.as_str())?;
        let newline = usize::from(self.slice((self.at, self.text.len())).contains('\n'));
        after.contains(')').then_some(after.len() + newline)
    }
}
