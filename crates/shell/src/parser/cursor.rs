//! Moving over the text: bytes, blanks, comments, newlines and line continuations.

use super::{Parser, Result};

impl Parser<'_> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(super) fn peek_at(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    pub(super) fn at_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(super) fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Steps over one byte and any line continuation after it.
    pub(super) fn step(&mut self) {
        self.at += 1;
        self.continuations();
    }

    /// Steps over `\` newline pairs.
    pub(super) fn continuations(&mut self) {
        while self.peek() == Some(b'\\') && self.peek_at(1) == Some(b'\n') {
            self.at += 2;
        }
    }

    /// Steps over `byte` if it is next.
    pub(super) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.step();
        }
        found
    }

    /// Steps over blanks and a comment: what may stand before a token.
    pub(super) fn blanks(&mut self) {
        self.continuations();
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.step();
        }
        if self.peek() == Some(b'#') {
            let length = self.rest().find('\n').unwrap_or(self.text.len() - self.at);
            self.at += length;
        }
    }

    /// Steps over blanks, comments and newlines, reading the here-documents that were waiting.
    pub(super) fn newlines(&mut self) -> Result<()> {
        loop {
            self.blanks();
            if self.peek() != Some(b'\n') {
                return Ok(());
            }
            self.at += 1;
            self.read_documents()?;
        }
    }
}

/// Ends a word when it is not quoted.
pub(super) fn is_meta(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'<' | b'>' | b'(' | b')')
}

pub(super) fn is_name_start(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || byte == b'_'
}

pub(super) fn is_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}
