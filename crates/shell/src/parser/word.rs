//! Words: runs of plain text, quotes, and the places where expansions begin.

use super::cursor::is_meta;
use super::{Close, Parser, Result};
use crate::syntax::{Flow, Piece, SourceWord};
use std::borrow::Cow;

impl<'a> Parser<'a> {
    /// The word that begins here, if one does.
    pub(super) fn word(&mut self) -> Result<Option<SourceWord<'a>>> {
        self.continuations();
        if !self.word_begins() {
            return Ok(None);
        }
        let start = self.at;
        let mut pieces = Vec::new();
        self.word_pieces(&mut pieces)?;
        self.after_compound = false;
        Ok(Some(SourceWord { pieces, span: (start, self.at) }))
    }

    pub(super) fn word_begins(&self) -> bool {
        match self.peek() {
            None => false,
            Some(b'<' | b'>') => self.ahead() == Some(b'('),
            Some(byte) => !is_meta(byte),
        }
    }

    /// Everything up to the end of the word.
    pub(super) fn word_pieces(&mut self, pieces: &mut Vec<Piece<'a>>) -> Result<()> {
        while self.word_begins() {
            self.pieces(pieces)?;
        }
        Ok(())
    }

    /// The next piece of a word; the next byte is not a metacharacter, unless it begins a process substitution.
    pub(super) fn pieces(&mut self, pieces: &mut Vec<Piece<'a>>) -> Result<()> {
        match self.peek() {
            Some(b'\\') => self.escape(pieces),
            Some(b'\'') => {
                let text = self.single_quoted()?;
                pieces.push(Piece::Quoted(text));
            }
            Some(b'"') => {
                self.at += 1;
                let inner = self.double_quoted()?;
                pieces.push(Piece::Double(inner));
            }
            Some(b'`') => {
                let text = self.backquoted(Escapes::Plain)?;
                pieces.push(Piece::Backquote(text));
            }
            Some(b'$') => {
                let piece = self.dollar(Quoting::None)?;
                pieces.push(piece);
            }
            Some(byte @ (b'<' | b'>')) => {
                let flow = if byte == b'<' { Flow::From } else { Flow::Into };
                self.step();
                self.step();
                let script = self.substitution(Close::Parenthesis)?;
                self.at += 1;
                pieces.push(Piece::Process { script, flow });
            }
            _ => self.plain(pieces)?,
        }
        self.continuations();
        Ok(())
    }

    fn escape(&mut self, pieces: &mut Vec<Piece<'a>>) {
        let rest = self.text.get(self.at + 1..).unwrap_or("");
        match rest.chars().next() {
            // A backslash at the end of the text stands for itself.
            None => pieces.push(Piece::Quoted("\\")),
            Some('\n') => {}
            Some(char) => {
                pieces.push(Piece::Quoted(self.slice((self.at + 1, self.at + 1 + char.len_utf8()))));
            }
        }
        self.at += 1 + rest.chars().next().map_or(0, char::len_utf8);
    }

    fn plain(&mut self, pieces: &mut Vec<Piece<'a>>) -> Result<()> {
        let start = self.at;
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if is_meta(byte) || matches!(byte, b'\\' | b'\'' | b'"' | b'`' | b'$') {
                break;
            }
            if self.extended_patterns
                && matches!(byte, b'?' | b'*' | b'+' | b'@' | b'!')
                && bytes.get(self.at + 1) == Some(&b'(')
            {
                break;
            }
            self.at += 1;
        }
        if self.at == start {
            return self.extended_pattern(pieces);
        }
        let text = self.slice((start, self.at));
        if !text.is_ascii() && text.chars().any(|char| !char.is_ascii() && char.is_whitespace()) {
            self.notes.push("a character outside quotes looks like a space and is not one".to_owned());
        }
        pieces.push(Piece::Literal(text));
        Ok(())
    }

    /// `@(…|…)`: kept as text, with the parentheses matched.
    fn extended_pattern(&mut self, pieces: &mut Vec<Piece<'a>>) -> Result<()> {
        self.nested(|parser| {
            let start = parser.at;
            parser.at += 2;
            let mut inner = Vec::new();
            let mut open = 0_u32;
            loop {
                match parser.peek() {
                    None => return parser.reject("`)` of a pattern is missing"),
                    Some(b')') if open == 0 => break,
                    Some(byte @ (b'(' | b')')) => {
                        open = if byte == b'(' { open + 1 } else { open - 1 };
                        parser.at += 1;
                    }
                    Some(b'<' | b'>' | b'|' | b' ' | b'\t' | b'\n' | b';' | b'&') => parser.at += 1,
                    Some(_) => parser.pieces(&mut inner)?,
                }
            }
            parser.at += 1;
            let live = |piece: &Piece<'_>| {
                !matches!(piece, Piece::Literal(_) | Piece::Quoted(_) | Piece::Pattern(_))
            };
            if inner.iter().any(live) {
                return parser.reject("an expansion inside an extended pattern");
            }
            pieces.push(Piece::Pattern(parser.slice((start, parser.at))));
            Ok(())
        })
    }

    /// `'…'`
    pub(super) fn single_quoted(&mut self) -> Result<&'a str> {
        let start = self.at + 1;
        let Some(length) = self.text.get(start..).and_then(|rest| rest.find('\'')) else {
            return self.reject("a single quote is not closed");
        };
        self.at = start + length + 1;
        Ok(self.slice((start, start + length)))
    }

    /// `'…'` after a dollar sign, where `\'` does not close.
    pub(super) fn ansi_quoted(&mut self) -> Result<&'a str> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        self.at = start;
        while let Some(&byte) = bytes.get(self.at) {
            match byte {
                b'\'' => {
                    self.at += 1;
                    return Ok(self.slice((start, self.at - 1)));
                }
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        self.at = start;
        self.reject("$'…' is not closed")
    }

    /// After `"`.
    pub(super) fn double_quoted(&mut self) -> Result<Vec<Piece<'a>>> {
        self.nested(|parser| {
            let mut pieces = Vec::new();
            loop {
                match parser.peek() {
                    None => return parser.reject("a double quote is not closed"),
                    Some(b'"') => {
                        parser.at += 1;
                        return Ok(pieces);
                    }
                    Some(_) => parser.quoted_piece(&mut pieces, b'"', Quoting::Double)?,
                }
            }
        })
    }

    /// Text to the end, read as between double quotes, where `"` is nothing special.
    pub(super) fn quoted_text(&mut self) -> Result<Vec<Piece<'a>>> {
        let mut pieces = Vec::new();
        while !self.at_end() {
            self.quoted_piece(&mut pieces, b'$', Quoting::Document)?;
        }
        Ok(pieces)
    }

    /// One piece of text where only `$`, backquotes and some backslashes are special. Stops in front of `stop`.
    pub(super) fn quoted_piece(
        &mut self,
        pieces: &mut Vec<Piece<'a>>,
        stop: u8,
        quoting: Quoting,
    ) -> Result<()> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        match self.peek() {
            Some(b'\\') => {
                match self.peek_at(1) {
                    Some(b'\n') => {}
                    Some(b'$' | b'`' | b'\\') => {
                        pieces.push(Piece::Quoted(self.slice((start + 1, start + 2))))
                    }
                    Some(b'"') if !matches!(quoting, Quoting::Document) => {
                        pieces.push(Piece::Quoted(self.slice((start + 1, start + 2))));
                    }
                    _ => {
                        pieces.push(Piece::Quoted("\\"));
                        self.at += 1;
                        return Ok(());
                    }
                }
                self.at += 2;
            }
            Some(b'$') => {
                let piece = self.dollar(quoting)?;
                pieces.push(piece);
            }
            Some(b'`') => {
                let escapes = if matches!(quoting, Quoting::Document) {
                    Escapes::Plain
                } else {
                    Escapes::InDoubleQuotes
                };
                let text = self.backquoted(escapes)?;
                pieces.push(Piece::Backquote(text));
            }
            _ => {
                while let Some(&byte) = bytes.get(self.at) {
                    if byte == stop || matches!(byte, b'\\' | b'$' | b'`') {
                        break;
                    }
                    self.at += 1;
                }
                pieces.push(Piece::Quoted(self.slice((start, self.at))));
            }
        }
        Ok(())
    }

    /// `` `…` ``: its text with the escapes taken out that belong to the backquotes.
    pub(super) fn backquoted(&mut self, escapes: Escapes) -> Result<Cow<'a, str>> {
        let start = self.at + 1;
        let bytes = self.text.as_bytes();
        let mut end = start;
        let mut escaped = false;
        loop {
            match bytes.get(end) {
                None => return self.reject("a backquote is not closed"),
                Some(b'`') => break,
                Some(b'\\') => {
                    escaped = true;
                    end += 2;
                }
                Some(_) => end += 1,
            }
        }
        let raw = self.slice((start, end));
        self.at = end + 1;
        Ok(if escaped { Cow::Owned(escapes.remove(raw)) } else { Cow::Borrowed(raw) })
    }
}

/// What surrounds an expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Quoting {
    None,
    Double,
    /// A here-document, or text read like one.
    Document,
}

/// Which backslashes inside backquotes belong to them.
#[derive(Clone, Copy, Debug)]
pub(super) enum Escapes {
    Plain,
    InDoubleQuotes,
}

impl Escapes {
    fn remove(self, raw: &str) -> String {
        let mut text = String::with_capacity(raw.len());
        let mut chars = raw.chars().peekable();
        while let Some(char) = chars.next() {
            let special = match chars.peek() {
                Some('$' | '`' | '\\' | '\n') => true,
                Some('"') => matches!(self, Self::InDoubleQuotes),
                _ => false,
            };
            if char == '\\' && special {
                if let Some(next) = chars.next().filter(|&next| next != '\n') {
                    text.push(next);
                }
            } else {
                text.push(char);
            }
        }
        text
    }
}
