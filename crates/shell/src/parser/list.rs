//! Lists, and-or chains and pipelines.

use super::cursor::is_meta;
use super::{Close, Parser, Result};
use crate::syntax::{Command, End, Item, Join, Pipeline, Script};

pub(super) const RESERVED: [&str; 22] = [
    "if", "then", "else", "elif", "fi", "case", "esac", "for", "select", "while", "until", "do", "done",
    "in", "function", "time", "coproc", "{", "}", "!", "[[", "]]",
];

impl<'a> Parser<'a> {
    /// Reads commands up to `close`, which is left to the caller to step over.
    pub(super) fn list(&mut self, close: Close) -> Result<Script<'a>> {
        let mut items = Vec::new();
        loop {
            self.newlines()?;
            if self.at_close(close) {
                return Ok(Script { items });
            }
            if self.at_end() {
                return self.reject("the text ends inside a construct");
            }
            items.push(self.item(close)?);
        }
    }

    /// Like `list`, where at least one command is needed.
    pub(super) fn body(&mut self, close: Close) -> Result<Script<'a>> {
        let script = self.list(close)?;
        if script.items.is_empty() {
            return self.reject("a construct without commands");
        }
        Ok(script)
    }

    /// One and-or chain with the separator behind it.
    pub(super) fn item(&mut self, close: Close) -> Result<Item<'a>> {
        let first = self.pipeline()?;
        let mut rest = Vec::new();
        loop {
            self.blanks();
            let join = match (self.peek(), self.ahead()) {
                (Some(b'&'), Some(b'&')) => Join::And,
                (Some(b'|'), Some(b'|')) => Join::Or,
                _ => break,
            };
            self.step();
            self.step();
            self.newlines()?;
            rest.push((join, self.pipeline()?));
        }
        let end = self.separator(close)?;
        Ok(Item { first, rest, end })
    }

    fn separator(&mut self, close: Close) -> Result<End> {
        match (self.peek(), self.ahead()) {
            (None | Some(b'\n'), _) => Ok(End::Sequence),
            (Some(b';'), Some(b';' | b'&')) => match close {
                Close::Arm => Ok(End::Sequence),
                _ => self.reject("`;;` outside of case"),
            },
            (Some(b';'), _) => {
                self.step();
                Ok(End::Sequence)
            }
            (Some(b'&'), _) => {
                self.step();
                Ok(End::Background)
            }
            (Some(b')'), _) if matches!(close, Close::Parenthesis) => Ok(End::Sequence),
            _ if self.after_compound && self.at_close(close) => Ok(End::Sequence),
            _ => self.reject("a command is not followed by a separator"),
        }
    }

    /// The byte after the next one, line continuations left out.
    pub(super) fn ahead(&self) -> Option<u8> {
        let mut ahead = 1;
        while self.peek_at(ahead) == Some(b'\\') && self.peek_at(ahead + 1) == Some(b'\n') {
            ahead += 2;
        }
        self.peek_at(ahead)
    }

    pub(super) fn at_close(&self, close: Close) -> bool {
        match close {
            Close::EndOfText => false,
            Close::Parenthesis => self.peek() == Some(b')'),
            Close::Words(words) => self.reserved().is_some_and(|word| words.contains(&word)),
            Close::Arm => {
                (self.peek() == Some(b';') && matches!(self.ahead(), Some(b';' | b'&')))
                    || self.reserved() == Some("esac")
            }
        }
    }

    /// The reserved word that stands here, if one does. Only meaningful where a command may begin.
    pub(super) fn reserved(&self) -> Option<&'static str> {
        let first = self.peek()?;
        if !(first.is_ascii_lowercase() || matches!(first, b'{' | b'}' | b'!' | b'[' | b']')) {
            return None;
        }
        let rest = self.rest().as_bytes();
        let length = rest.iter().take(9).take_while(|&&byte| !is_meta(byte) && byte != b'\\').count();
        let word = rest.get(..length)?;
        let found = RESERVED.iter().find(|reserved| reserved.as_bytes() == word)?;
        let mut after = length;
        while rest.get(after) == Some(&b'\\') && rest.get(after + 1) == Some(&b'\n') {
            after += 2;
        }
        rest.get(after).is_none_or(|&byte| is_meta(byte)).then_some(*found)
    }

    /// Steps over a reserved word that `reserved` has found.
    pub(super) fn eat_reserved(&mut self, word: &str) -> bool {
        let found = self.reserved() == Some(word);
        if found {
            self.at += word.len();
            self.continuations();
        }
        found
    }

    pub(super) fn expect_reserved(&mut self, word: &'static str) -> Result<()> {
        if self.eat_reserved(word) { Ok(()) } else { self.reject("a reserved word is missing") }
    }

    fn pipeline(&mut self) -> Result<Pipeline<'a>> {
        let (inverted, prefixed) = self.pipeline_prefix();
        if prefixed && self.pipeline_is_empty() {
            return Ok(Pipeline { commands: Vec::new(), inverted });
        }
        let mut commands: Vec<Command<'a>> = vec![self.command()?];
        loop {
            self.blanks();
            if self.peek() != Some(b'|') || self.ahead() == Some(b'|') {
                return Ok(Pipeline { commands, inverted });
            }
            self.step();
            self.eat(b'&');
            self.newlines()?;
            if self.reserved() == Some("time") {
                // Bash takes `time` for a reserved word here as well.
                self.pipeline_prefix();
            }
            commands.push(self.command()?);
        }
    }

    /// `!` and `time`, any number of them.
    fn pipeline_prefix(&mut self) -> (bool, bool) {
        let (mut inverted, mut prefixed) = (false, false);
        loop {
            self.blanks();
            if self.eat_reserved("!") {
                inverted = !inverted;
            } else if self.eat_reserved("time") {
                self.time_options();
                self.after_time = true;
            } else {
                return (inverted, prefixed);
            }
            prefixed = true;
        }
    }

    fn time_options(&mut self) {
        for option in ["-p", "--"] {
            self.blanks();
            let ends = |byte: Option<&u8>| byte.is_none_or(|&byte| is_meta(byte));
            if self.rest().starts_with(option) && ends(self.rest().as_bytes().get(option.len())) {
                self.at += option.len();
                self.continuations();
            }
        }
    }

    fn pipeline_is_empty(&self) -> bool {
        match self.peek() {
            None | Some(b'\n') => true,
            Some(b';') => !matches!(self.ahead(), Some(b';' | b'&')),
            _ => false,
        }
    }
}
