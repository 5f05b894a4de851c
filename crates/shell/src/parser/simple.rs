//! Simple commands: assignments, words, redirections, and the functions that begin like them.

use super::cursor::{is_meta, is_name, is_name_start};
use super::{Parser, Result, Tabs, list::RESERVED};
use crate::syntax::{
    AssignedValue, Assignment, Command, Descriptor, Element, Kind, Operator, Piece, Redirect, Simple,
    SourceWord, Target, Writing,
};
use std::borrow::Cow;

/// Builtins whose arguments may be `name=(…)`.
const DECLARING: [&str; 8] = ["declare", "typeset", "local", "export", "readonly", "alias", "eval", "let"];

/// Longest subscript that is looked at, in bytes.
const SUBSCRIPT_BYTES: usize = 4096;

impl<'a> Parser<'a> {
    pub(super) fn simple_command(&mut self) -> Result<Command<'a>> {
        let start = self.at;
        let mut end = start;
        let mut simple = Simple::default();
        let mut redirects = Vec::new();
        let mut declares = false;
        let mut after_time = std::mem::take(&mut self.after_time);
        loop {
            self.blanks();
            if let Some(redirect) = self.redirect()? {
                redirects.push(redirect);
                // Bash takes no array any more once a redirection stands behind an assignment.
                after_time |= !simple.assignments.is_empty();
            } else if simple.words.is_empty() && self.assignment_ahead()? {
                self.after_time = after_time;
                let Some(assignment) = self.assignment()? else {
                    return self.reject("an assignment that is not one");
                };
                self.after_time = false;
                simple.assignments.push(assignment);
            } else if let Some(mut word) = self.word()? {
                if declares && self.peek() == Some(b'(') && ends_in_assignment(&word) {
                    word.pieces.push(Piece::Array(self.array()?));
                }
                if simple.words.is_empty() {
                    if redirects.is_empty() && simple.assignments.is_empty() && self.function_follows() {
                        return self.function_definition(start, &word);
                    }
                    self.check_first(&word)?;
                    declares =
                        matches!(word.pieces.as_slice(), [Piece::Literal(text)] if DECLARING.contains(text));
                }
                simple.words.push(word);
            } else {
                break;
            }
            end = self.at;
        }
        if simple.words.is_empty() && simple.assignments.is_empty() && redirects.is_empty() {
            return self.reject("a command is missing");
        }
        self.after_compound = false;
        Ok(Command { kind: Kind::Simple(simple), redirects, span: (start, end) })
    }

    /// Bash joins continued lines before it looks for reserved words; such a spelling is not worth following.
    fn check_first(&self, word: &SourceWord<'a>) -> Result<()> {
        let literal = |piece: &Piece<'a>| matches!(piece, Piece::Literal(_));
        if word.pieces.len() > 1 && word.pieces.iter().all(literal) {
            let joined = self.joined(word.span);
            if RESERVED.contains(&joined.as_ref()) {
                return self.reject("a reserved word is written over two lines");
            }
        }
        Ok(())
    }

    fn function_follows(&mut self) -> bool {
        self.blanks();
        self.peek() == Some(b'(')
    }

    fn function_definition(&mut self, start: usize, word: &SourceWord<'a>) -> Result<Command<'a>> {
        let name = match word.pieces.as_slice() {
            [Piece::Literal(name)] => Cow::Borrowed(*name),
            _ => return self.reject("a function needs a plain name"),
        };
        if !self.closes_next() {
            return self.reject("an unexpected `(`");
        }
        self.step();
        self.blanks();
        self.step();
        let kind = self.function(name)?;
        Ok(Command { kind, redirects: Vec::new(), span: (start, self.at) })
    }

    /// Whether `name=`, `name+=` or `name[…]=` begins here.
    fn assignment_ahead(&self) -> Result<bool> {
        let rest = self.rest().as_bytes();
        if !rest.first().is_some_and(|&byte| is_name_start(byte)) {
            return Ok(false);
        }
        let mut at = 0;
        let skip = |at: &mut usize| {
            while rest.get(*at) == Some(&b'\\') && rest.get(*at + 1) == Some(&b'\n') {
                *at += 2;
            }
        };
        while rest.get(at).is_some_and(|&byte| is_name(byte)) {
            at += 1;
            skip(&mut at);
        }
        match rest.get(at) {
            Some(b'=') => Ok(true),
            Some(b'+') => {
                at += 1;
                skip(&mut at);
                Ok(rest.get(at) == Some(&b'='))
            }
            Some(b'[') => self.subscript_is_assigned(at),
            _ => Ok(false),
        }
    }

    /// Whether the bracket at `offset` is closed in front of `=`.
    fn subscript_is_assigned(&self, offset: usize) -> Result<bool> {
        let rest = self.rest().as_bytes();
        let (mut depth, mut odd) = (0_u32, false);
        for (at, byte) in rest.iter().enumerate().skip(offset).take(SUBSCRIPT_BYTES) {
            match byte {
                b'[' => depth += 1,
                b']' => depth -= 1,
                byte => odd |= is_meta(*byte) || matches!(byte, b'"' | b'\'' | b'`' | b'$' | b'\\'),
            }
            if depth == 0 {
                let after = rest.get(at + 1..).unwrap_or(&[]);
                let assigned = after.starts_with(b"=") || after.starts_with(b"+=");
                // Bash reads such a subscript as part of the word, blanks and all.
                return if odd && !assigned {
                    self.reject("a subscript in front of no value")
                } else {
                    Ok(assigned)
                };
            }
        }
        self.reject("a subscript is not closed")
    }

    fn assignment(&mut self) -> Result<Option<Assignment<'a>>> {
        let name = self.name();
        let subscript = if self.peek() == Some(b'[') {
            self.at += 1;
            Some(self.subscript()?)
        } else {
            None
        };
        let writing = if self.eat(b'+') { Writing::Append } else { Writing::Replace };
        if self.peek() != Some(b'=') {
            return Ok(None);
        }
        self.step();
        if self.peek() == Some(b'(') {
            if self.after_time {
                return self.reject("an array behind `time` or a redirection");
            }
            let value = AssignedValue::Array(self.array()?);
            if !self.peek().is_none_or(is_meta) || self.peek() == Some(b'(') {
                return self.reject("text directly behind an array");
            }
            return Ok(Some(Assignment { name, subscript, writing, value }));
        }
        let start = self.at;
        let mut pieces = Vec::new();
        self.word_pieces(&mut pieces)?;
        let value = AssignedValue::Scalar(SourceWord { pieces, span: (start, self.at) });
        Ok(Some(Assignment { name, subscript, writing, value }))
    }

    /// At the `(` of an array literal.
    fn array(&mut self) -> Result<Vec<Element<'a>>> {
        self.nested(|parser| {
            parser.step();
            let mut elements = Vec::new();
            loop {
                parser.newlines()?;
                if parser.peek() == Some(b')') {
                    parser.at += 1;
                    return Ok(elements);
                }
                let subscript = if parser.peek() == Some(b'[') && parser.subscript_is_assigned(0)? {
                    parser.at += 1;
                    let subscript = parser.subscript()?;
                    parser.eat(b'+');
                    parser.eat(b'=');
                    Some(subscript)
                } else {
                    None
                };
                match parser.word()? {
                    Some(value) => elements.push(Element { subscript, value }),
                    None if subscript.is_some() => {
                        elements.push(Element { subscript, value: SourceWord::default() });
                    }
                    None => return parser.reject("an array is not closed"),
                }
            }
        })
    }

    /// The redirection that begins here, if one does.
    pub(super) fn redirect(&mut self) -> Result<Option<Redirect<'a>>> {
        let start = self.at;
        let descriptor = self.descriptor();
        let Some(operator) = self.operator() else {
            self.at = start;
            return Ok(None);
        };
        let target = match operator {
            (Operator::HereDocument, tabs) => self.document(tabs)?,
            _ => {
                self.blanks();
                let start = self.at;
                if self.descriptor() != Descriptor::Default {
                    return self.reject("a redirection where a target is expected");
                }
                self.at = start;
                match self.word()? {
                    Some(word) => Target::Word(word),
                    None => return self.reject("a redirection needs a target"),
                }
            }
        };
        self.after_compound = false;
        Ok(Some(Redirect { descriptor, operator: operator.0, target }))
    }

    /// `3` or `{name}` in front of an operator. The caller goes back if no operator follows.
    fn descriptor(&mut self) -> Descriptor<'a> {
        let start = self.at;
        match self.peek() {
            Some(b'0'..=b'9') => {
                while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    self.step();
                }
                match self.joined((start, self.at)).parse() {
                    Ok(number) if matches!(self.peek(), Some(b'<' | b'>')) => Descriptor::Number(number),
                    _ => {
                        self.at = start;
                        Descriptor::Default
                    }
                }
            }
            Some(b'{') => {
                let length = self.rest().bytes().skip(1).take_while(|&byte| is_name(byte)).count();
                let name = self.slice((start + 1, start + 1 + length));
                let closes = self.peek_at(length + 1) == Some(b'}');
                let operator = matches!(self.peek_at(length + 2), Some(b'<' | b'>'));
                if !closes || !operator || !name.bytes().next().is_some_and(is_name_start) {
                    return Descriptor::Default;
                }
                self.at += length + 2;
                Descriptor::Variable(name)
            }
            _ => Descriptor::Default,
        }
    }

    /// The operator, and for a here-document whether it strips tabs.
    fn operator(&mut self) -> Option<(Operator, Tabs)> {
        let first = self.peek()?;
        let second = self.ahead();
        if second == Some(b'(') && first != b'&' {
            return None;
        }
        match (first, second) {
            (b'<', _) => {
                self.step();
                let operator = match self.peek() {
                    Some(b'<') => return Some(self.here()),
                    Some(b'&') => Operator::DuplicateInput,
                    Some(b'>') => Operator::ReadWrite,
                    _ => return Some((Operator::Read, Tabs::Kept)),
                };
                self.step();
                Some((operator, Tabs::Kept))
            }
            (b'>', _) => {
                self.step();
                let operator = match self.peek() {
                    Some(b'>') => Operator::Append,
                    Some(b'&') => Operator::DuplicateOutput,
                    Some(b'|') => Operator::Write,
                    _ => return Some((Operator::Write, Tabs::Kept)),
                };
                self.step();
                Some((operator, Tabs::Kept))
            }
            (b'&', Some(b'>')) => {
                self.step();
                self.step();
                let append = self.eat(b'>');
                Some((if append { Operator::AppendBoth } else { Operator::WriteBoth }, Tabs::Kept))
            }
            _ => None,
        }
    }

    /// At the second `<`.
    fn here(&mut self) -> (Operator, Tabs) {
        self.step();
        if self.eat(b'<') {
            return (Operator::HereString, Tabs::Kept);
        }
        (Operator::HereDocument, if self.eat(b'-') { Tabs::Stripped } else { Tabs::Kept })
    }
}

/// `name=` or `name+=` and nothing else.
fn ends_in_assignment(word: &SourceWord<'_>) -> bool {
    matches!(word.pieces.as_slice(), [Piece::Literal(text)] if text.ends_with('=') && text.len() > 1)
}
