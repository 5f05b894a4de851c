//! `[[ … ]]`.

use super::cursor::is_meta;
use super::{Parser, Result};
use crate::syntax::{Kind, Piece, SourceWord, Test};

const BINARY: [&str; 14] =
    ["==", "=", "!=", "=~", "-eq", "-ne", "-lt", "-le", "-gt", "-ge", "-nt", "-ot", "-ef", "<"];

impl<'a> Parser<'a> {
    /// After `[[`.
    pub(super) fn conditional(&mut self) -> Result<Kind<'a>> {
        let mut tests = Vec::new();
        self.alternatives(&mut tests)?;
        self.newlines()?;
        self.expect_reserved("]]")?;
        Ok(Kind::Conditional(tests))
    }

    fn alternatives(&mut self, tests: &mut Vec<Test<'a>>) -> Result<()> {
        self.nested(|parser| {
            loop {
                parser.term(tests)?;
                parser.newlines()?;
                match (parser.peek(), parser.ahead()) {
                    (Some(b'&'), Some(b'&')) | (Some(b'|'), Some(b'|')) => {
                        parser.step();
                        parser.step();
                    }
                    _ => return Ok(()),
                }
            }
        })
    }

    fn term(&mut self, tests: &mut Vec<Test<'a>>) -> Result<()> {
        self.newlines()?;
        while self.eat_reserved("!") {
            self.newlines()?;
        }
        if self.peek() == Some(b'(') {
            self.step();
            self.alternatives(tests)?;
            self.newlines()?;
            return if self.eat(b')') { Ok(()) } else { self.reject("`)` is missing in [[ ]]") };
        }
        if self.reserved() == Some("]]") {
            return self.reject("an empty [[ ]]");
        }
        let Some(first) = self.word()? else { return self.reject("a test is missing in [[ ]]") };
        if let Some(operator) = unary(&first) {
            self.blanks();
            if self.ends_test() && self.reserved() != Some("]]") {
                return self.reject("an operand is missing in [[ ]]");
            }
            let operand_follows = !self.ends_test() && self.binary().is_none();
            if operand_follows {
                let Some(operand) = self.word()? else {
                    return self.reject("an operand is missing in [[ ]]");
                };
                tests.push(Test::Unary { operator, operand });
                return Ok(());
            }
        }
        self.blanks();
        let newline = self.peek() == Some(b'\n');
        self.newlines()?;
        if self.ends_test() {
            tests.push(Test::Word(first));
            return Ok(());
        }
        if newline {
            return self.reject("a newline in front of an operator in [[ ]]");
        }
        let Some(operator) = self.binary() else { return self.reject("an operator is missing in [[ ]]") };
        self.at += operator.len();
        self.blanks();
        let right = match operator {
            "=~" => self.expression_word()?,
            "==" | "=" | "!=" => self.pattern_word()?,
            _ => self.word()?,
        };
        let Some(right) = right else { return self.reject("an operand is missing in [[ ]]") };
        tests.push(Test::Binary { operator, left: first, right });
        Ok(())
    }

    fn ends_test(&self) -> bool {
        matches!(self.peek(), None | Some(b'&' | b'|' | b')')) || self.reserved() == Some("]]")
    }

    fn binary(&self) -> Option<&'static str> {
        let rest = self.rest();
        if rest.starts_with('<') {
            return Some("<");
        }
        if rest.starts_with('>') {
            return Some(">");
        }
        let length = rest.bytes().take(4).take_while(|&byte| !is_meta(byte)).count();
        BINARY.into_iter().find(|operator| Some(*operator) == rest.get(..length))
    }

    /// The right side of `==`: a pattern, extended ones included.
    fn pattern_word(&mut self) -> Result<Option<SourceWord<'a>>> {
        let before = std::mem::replace(&mut self.extended_patterns, true);
        let word = self.word();
        self.extended_patterns = before;
        word
    }

    /// The right side of `=~`: parentheses and `|` belong to it.
    fn expression_word(&mut self) -> Result<Option<SourceWord<'a>>> {
        let start = self.at;
        let mut pieces = Vec::new();
        let mut open = 0_u32;
        loop {
            match self.peek() {
                None => break,
                Some(b' ' | b'\t' | b'\n') if open == 0 => break,
                Some(b'&' | b';' | b'<' | b'>') if open == 0 => break,
                Some(b')') if open == 0 => break,
                Some(byte @ (b'(' | b')' | b'|' | b' ' | b'\t' | b'\n' | b'<' | b'>' | b'&' | b';')) => {
                    if byte == b'|' && open == 0 && self.ahead() == Some(b'|') {
                        break;
                    }
                    open = match byte {
                        b'(' => open + 1,
                        b')' => open.saturating_sub(1),
                        _ => open,
                    };
                    pieces.push(Piece::Literal(self.slice((self.at, self.at + 1))));
                    self.step();
                }
                Some(_) => self.pieces(&mut pieces)?,
            }
        }
        if open > 0 {
            return self.reject("`)` is missing in [[ ]]");
        }
        Ok((!pieces.is_empty()).then_some(SourceWord { pieces, span: (start, self.at) }))
    }
}

fn unary<'a>(word: &SourceWord<'a>) -> Option<&'a str> {
    match word.pieces.as_slice() {
        [Piece::Literal(text)] if text.len() == 2 && text.starts_with('-') => {
            let letter = text.chars().nth(1)?;
            "abcdefghknoprstuvwxzGLNORS".contains(letter).then_some(*text)
        }
        _ => None,
    }
}
