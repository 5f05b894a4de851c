//! The inside of `${…}`.

use super::cursor::{is_name, is_name_start};
use super::word::{Escapes, Quoting};
use super::{Close, Parser, Result};
use crate::syntax::{Length, Operation, Parameter, Piece, Place, Reach, TrimEnd};
use std::borrow::Cow;

/// Whether `!` stands in front of the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reference {
    Direct,
    Indirect,
}

impl<'a> Parser<'a> {
    /// After `${`.
    pub(super) fn braced(&mut self, quoting: Quoting) -> Result<Piece<'a>> {
        if matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'|')) {
            self.eat(b'|');
            let script = self.substitution(Close::Words(&["}"]))?;
            self.at += 1;
            return Ok(Piece::Command(script));
        }
        let start = self.at;
        match self.parameter(quoting)? {
            Some(parameter) => Ok(Piece::Parameter(Box::new(parameter))),
            None => {
                self.at = start;
                self.operand(quoting, &[])?;
                self.at += 1;
                Ok(Piece::Bad)
            }
        }
    }

    /// Nothing where bash reports a bad substitution when it runs.
    fn parameter(&mut self, quoting: Quoting) -> Result<Option<Parameter<'a>>> {
        let length = self.peek() == Some(b'#')
            && !matches!(self.peek_at(1), Some(b'}' | b':' | b'%' | b'=' | b'+' | b'/'))
            && !(matches!(self.peek_at(1), Some(b'-' | b'?' | b'#')) && self.peek_at(2) != Some(b'}'));
        let indirect = self.peek() == Some(b'!')
            && self
                .peek_at(1)
                .is_some_and(|byte| is_name(byte) || matches!(byte, b'@' | b'*' | b'#' | b'?' | b'!'))
            && !(matches!(self.peek_at(1), Some(b'#' | b'?' | b'@' | b'*' | b'!'))
                && self.peek_at(2) != Some(b'}'));
        if length || indirect {
            self.step();
        }
        let reference = if indirect { Reference::Indirect } else { Reference::Direct };
        let Some(name) = self.parameter_name() else { return Ok(None) };
        let subscript = if self.peek() == Some(b'[') && name.bytes().next().is_some_and(is_name_start) {
            self.at += 1;
            Some(self.subscript()?)
        } else {
            None
        };
        let operation = if length { Some(Operation::Length) } else { self.operation(quoting, reference)? };
        let closed = self.peek() == Some(b'}');
        let Some(operation) = operation.filter(|_| closed) else { return Ok(None) };
        self.at += 1;
        Ok(Some(Parameter { name, subscript, indirect, operation }))
    }

    fn parameter_name(&mut self) -> Option<Cow<'a, str>> {
        match self.peek()? {
            byte if is_name_start(byte) => Some(self.name()),
            b'0'..=b'9' => {
                let start = self.at;
                while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    self.at += 1;
                }
                let digits = self.slice((start, self.at));
                self.continuations();
                Some(Cow::Borrowed(digits))
            }
            b'@' | b'*' | b'#' | b'?' | b'-' | b'$' | b'!' => {
                let start = self.at;
                self.step();
                Some(Cow::Borrowed(self.slice((start, start + 1))))
            }
            _ => None,
        }
    }

    /// After `[`, up to and with `]`.
    pub(super) fn subscript(&mut self) -> Result<Vec<Piece<'a>>> {
        self.nested(|parser| {
            let mut pieces = Vec::new();
            let mut inner = 0_u32;
            loop {
                match parser.peek() {
                    None => return parser.reject("a subscript is not closed"),
                    Some(b']') if inner == 0 => {
                        parser.step();
                        return Ok(pieces);
                    }
                    Some(byte @ (b'[' | b']')) => {
                        inner = if byte == b'[' { inner + 1 } else { inner - 1 };
                        pieces.push(Piece::Quoted(parser.slice((parser.at, parser.at + 1))));
                        parser.at += 1;
                    }
                    Some(_) => parser.expression_piece(&mut pieces, b'[', b']')?,
                }
            }
        })
    }

    fn operation(&mut self, quoting: Quoting, reference: Reference) -> Result<Option<Operation<'a>>> {
        let Some(operator) = self.peek() else { return self.reject("`${` is not closed") };
        if operator == b'}' {
            return Ok(Some(Operation::Plain));
        }
        if reference == Reference::Indirect
            && matches!(operator, b'*' | b'@')
            && self.peek_at(1) == Some(b'}')
        {
            self.at += 1;
            return Ok(Some(Operation::Names));
        }
        self.step();
        Ok(Some(match operator {
            b':' => return self.colon(quoting).map(Some),
            b'-' | b'=' | b'?' | b'+' => {
                Operation::Default { operator, colon: false, word: self.operand(quoting, &[])? }
            }
            b'#' | b'%' => {
                let length = if self.eat(operator) { Length::Longest } else { Length::Shortest };
                let end = if operator == b'#' { TrimEnd::Front } else { TrimEnd::Back };
                Operation::Trim { end, length, pattern: self.operand(Quoting::None, &[])? }
            }
            b'/' => self.replacement()?,
            b'^' | b',' | b'~' => {
                let reach = if self.eat(operator) { Reach::All } else { Reach::First };
                Operation::Case { operator, reach, pattern: self.operand(Quoting::None, &[])? }
            }
            b'@' => {
                let Some(letter) = self.peek().filter(u8::is_ascii_alphabetic) else { return Ok(None) };
                self.step();
                Operation::Transform(letter)
            }
            _ => return Ok(None),
        }))
    }

    /// After `${name:`.
    fn colon(&mut self, quoting: Quoting) -> Result<Operation<'a>> {
        if let Some(operator @ (b'-' | b'=' | b'?' | b'+')) = self.peek() {
            self.step();
            return Ok(Operation::Default { operator, colon: true, word: self.operand(quoting, &[])? });
        }
        let offset = self.offset()?;
        let length = if self.peek() == Some(b':') {
            self.step();
            Some(self.offset()?)
        } else {
            None
        };
        Ok(Operation::Substring { offset, length })
    }

    /// An arithmetic expression up to `:` or `}`.
    fn offset(&mut self) -> Result<Vec<Piece<'a>>> {
        let mut pieces = Vec::new();
        loop {
            match self.peek() {
                None => return self.reject("`${` is not closed"),
                Some(b':' | b'}') => return Ok(pieces),
                Some(_) => self.expression_piece(&mut pieces, b'}', b'}')?,
            }
        }
    }

    /// After `${name/`.
    fn replacement(&mut self) -> Result<Operation<'a>> {
        let place = match self.peek() {
            Some(b'/') => Place::All,
            Some(b'#') => Place::Front,
            Some(b'%') => Place::Back,
            _ => Place::First,
        };
        if place != Place::First {
            self.step();
        }
        let pattern = self.operand(Quoting::None, b"/")?;
        let replacement = if self.eat(b'/') { self.operand(Quoting::None, &[])? } else { Vec::new() };
        Ok(Operation::Replace { place, pattern, replacement })
    }

    /// A word inside the braces, up to `}` or one of `stops`.
    fn operand(&mut self, quoting: Quoting, stops: &[u8]) -> Result<Vec<Piece<'a>>> {
        let mut pieces = Vec::new();
        loop {
            match self.peek() {
                None => return self.reject("`${` is not closed"),
                Some(b'}') => return Ok(pieces),
                Some(byte) if stops.contains(&byte) && !(pieces.is_empty() && byte == b'/') => {
                    return Ok(pieces);
                }
                Some(_) if quoting == Quoting::None => self.unquoted_operand(&mut pieces, stops)?,
                Some(_) => self.quoted_operand(&mut pieces, quoting)?,
            }
        }
    }

    fn unquoted_operand(&mut self, pieces: &mut Vec<Piece<'a>>, stops: &[u8]) -> Result<()> {
        match self.peek() {
            Some(b'\\' | b'\'' | b'"' | b'`' | b'$') => self.pieces(pieces),
            Some(b'<' | b'>') if self.ahead() == Some(b'(') => self.pieces(pieces),
            _ => {
                let start = self.at;
                while let Some(byte) = self.peek() {
                    let first = self.at == start;
                    if !first && stops.contains(&byte)
                        || matches!(byte, b'}' | b'\\' | b'\'' | b'"' | b'`' | b'$')
                        || !first && matches!(byte, b'<' | b'>')
                    {
                        break;
                    }
                    self.at += 1;
                }
                pieces.push(Piece::Literal(self.slice((start, self.at))));
                self.continuations();
                Ok(())
            }
        }
    }

    /// Inside double quotes single quotes are text and double quotes begin a quoted part of their own.
    fn quoted_operand(&mut self, pieces: &mut Vec<Piece<'a>>, quoting: Quoting) -> Result<()> {
        let start = self.at;
        match self.peek() {
            Some(b'"') => {
                self.at += 1;
                let inner = self.double_quoted()?;
                pieces.push(Piece::Double(inner));
            }
            Some(b'\\') if self.peek_at(1) == Some(b'}') => {
                pieces.push(Piece::Quoted("}"));
                self.at += 2;
            }
            Some(b'`') => {
                let text = self.backquoted(Escapes::InDoubleQuotes)?;
                pieces.push(Piece::Backquote(text));
            }
            Some(b'\\' | b'$') => self.quoted_piece(pieces, b'}', quoting)?,
            _ => {
                while let Some(byte) = self.peek() {
                    if matches!(byte, b'}' | b'"' | b'\\' | b'$' | b'`') {
                        break;
                    }
                    self.at += 1;
                }
                pieces.push(Piece::Quoted(self.slice((start, self.at))));
            }
        }
        Ok(())
    }
}
