//! What may follow a dollar sign, except for the inside of `${…}`.

use super::cursor::{is_name, is_name_start};
use super::word::{Escapes, Quoting};
use super::{Close, Parser, Result};
use crate::syntax::{Operation, Parameter, Piece};
use std::borrow::Cow;

/// Most text that is read as arithmetic in vain, in bytes.
const REREAD_BYTES: usize = 1024 * 1024;

impl<'a> Parser<'a> {
    /// At `$`.
    pub(super) fn dollar(&mut self, quoting: Quoting) -> Result<Piece<'a>> {
        let start = self.at;
        self.step();
        match self.peek() {
            Some(b'\'') if quoting == Quoting::None => self.ansi_quoted().map(Piece::AnsiC),
            Some(b'"') if quoting == Quoting::None => {
                self.at += 1;
                self.double_quoted().map(Piece::Double)
            }
            Some(b'(') => self.parenthesized(),
            Some(b'[') => {
                self.at += 1;
                self.nested(|parser| parser.bracketed(b']')).map(Piece::Arithmetic)
            }
            Some(b'{') => {
                self.step();
                self.nested(|parser| parser.braced(quoting))
            }
            Some(byte) if is_name_start(byte) => {
                let name = self.name();
                Ok(plain(name))
            }
            Some(b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!' | b'0'..=b'9') => {
                self.at += 1;
                Ok(plain(Cow::Borrowed(self.slice((self.at - 1, self.at)))))
            }
            _ => {
                self.at = start + 1;
                let text = self.slice((start, start + 1));
                Ok(if quoting == Quoting::None { Piece::Literal(text) } else { Piece::Quoted(text) })
            }
        }
    }

    pub(super) fn name(&mut self) -> Cow<'a, str> {
        let start = self.at;
        while self.peek().is_some_and(is_name) {
            self.at += 1;
        }
        let end = self.at;
        if self.peek() != Some(b'\\') || self.peek_at(1) != Some(b'\n') {
            return Cow::Borrowed(self.slice((start, end)));
        }
        let mut name = self.slice((start, end)).to_owned();
        loop {
            self.continuations();
            match self.peek() {
                Some(byte) if is_name(byte) => {
                    name.push(char::from(byte));
                    self.at += 1;
                }
                _ => return Cow::Owned(name),
            }
        }
    }

    /// At the `(` of `$(` or `$((`.
    fn parenthesized(&mut self) -> Result<Piece<'a>> {
        let start = self.at;
        self.step();
        if self.peek() == Some(b'(') && !self.not_arithmetic.contains(&start) {
            self.at += 1;
            if let Some(pieces) = self.arithmetic()? {
                return Ok(Piece::Arithmetic(pieces));
            }
            self.not_arithmetic.insert(start);
            self.at = start;
            self.step();
        }
        let script = self.substitution(Close::Parenthesis)?;
        self.at += 1;
        Ok(Piece::Command(script))
    }

    /// After `((`, up to and with `))`. Nothing if it is not arithmetic after all but a subshell in parentheses.
    pub(super) fn arithmetic(&mut self) -> Result<Option<Vec<Piece<'a>>>> {
        let start = self.at;
        let (depth, notes, documents) = (self.depth, self.notes.len(), self.documents.len());
        let pieces = self.nested(|parser| parser.bracketed(b')'));
        if let Ok(pieces) = pieces
            && self.peek() == Some(b')')
        {
            self.at += 1;
            return Ok(Some(pieces));
        }
        // What was read in vain is read again as commands: that must stay little.
        self.reread += self.at.saturating_sub(start);
        if self.reread > REREAD_BYTES {
            return self.reject("too much that looks like arithmetic and is not");
        }
        self.depth = depth;
        self.notes.truncate(notes);
        self.documents.truncate(documents);
        Ok(None)
    }

    /// The text of an expression up to and with the bracket that closes it.
    fn bracketed(&mut self, close: u8) -> Result<Vec<Piece<'a>>> {
        let open = if close == b')' { b'(' } else { b'[' };
        let mut pieces = Vec::new();
        let mut inner = 0_u32;
        loop {
            match self.peek() {
                None => return self.reject("an arithmetic expression is not closed"),
                Some(byte) if byte == close && inner == 0 => {
                    self.at += 1;
                    return Ok(pieces);
                }
                Some(byte) if byte == open || byte == close => {
                    inner = if byte == open { inner + 1 } else { inner - 1 };
                    pieces.push(Piece::Quoted(self.slice((self.at, self.at + 1))));
                    self.at += 1;
                }
                Some(_) => self.expression_piece(&mut pieces, open, close)?,
            }
        }
    }

    /// One piece of an arithmetic expression.
    pub(super) fn expression_piece(
        &mut self,
        pieces: &mut Vec<Piece<'a>>,
        open: u8,
        close: u8,
    ) -> Result<()> {
        match self.peek() {
            Some(b'\\') => {
                let length = 1 + self.rest().chars().nth(1).map_or(0, char::len_utf8);
                if self.peek_at(1) != Some(b'\n') {
                    pieces.push(Piece::Quoted(self.slice((self.at, self.at + length))));
                }
                self.at += length;
            }
            Some(b'\'') => {
                let text = self.single_quoted()?;
                pieces.push(Piece::Quoted(text));
            }
            Some(b'"') => {
                self.at += 1;
                let inner = self.double_quoted()?;
                pieces.push(Piece::Double(inner));
            }
            Some(b'$') => {
                let piece = self.dollar(Quoting::Double)?;
                pieces.push(piece);
            }
            Some(b'`') => {
                let text = self.backquoted(Escapes::Plain)?;
                pieces.push(Piece::Backquote(text));
            }
            _ => {
                let start = self.at;
                while let Some(byte) = self.peek() {
                    if byte == open
                        || byte == close
                        || matches!(byte, b'\\' | b'\'' | b'"' | b'$' | b'`' | b':')
                    {
                        break;
                    }
                    self.at += 1;
                }
                // A colon ends an offset in `${x:1:2}`; elsewhere it is text like any other.
                if self.at == start {
                    self.at += 1;
                }
                pieces.push(Piece::Quoted(self.slice((start, self.at))));
            }
        }
        Ok(())
    }
}

fn plain(name: Cow<'_, str>) -> Piece<'_> {
    Piece::Parameter(Box::new(Parameter {
        name,
        subscript: None,
        indirect: false,
        operation: Operation::Bare,
    }))
}
