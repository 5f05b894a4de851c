//! Compound commands: groups, conditionals, loops, case, functions, coprocesses.

use super::cursor::is_meta;
use super::{Close, Parser, Result};
use crate::syntax::{Arm, Command, Kind, Piece, Script, SourceWord};
use std::borrow::Cow;

const THEN: Close = Close::Words(&["then"]);
const BRANCH: Close = Close::Words(&["elif", "else", "fi"]);
const DO: Close = Close::Words(&["do"]);
const DONE: Close = Close::Words(&["done"]);
const FI: Close = Close::Words(&["fi"]);
const BRACE: Close = Close::Words(&["}"]);

impl<'a> Parser<'a> {
    pub(super) fn command(&mut self) -> Result<Command<'a>> {
        self.nested(|parser| {
            parser.blanks();
            let start = parser.at;
            match parser.compound()? {
                Some(kind) => parser.finish_compound(start, kind),
                None => parser.simple_command(),
            }
        })
    }

    /// A compound command, or nothing if what stands here is a simple one.
    fn compound(&mut self) -> Result<Option<Kind<'a>>> {
        if self.peek() == Some(b'(') {
            return self.parenthesis().map(Some);
        }
        let Some(word) = self.reserved() else { return Ok(None) };
        if !matches!(
            word,
            "if" | "while" | "until" | "for" | "select" | "case" | "{" | "[[" | "function" | "coproc"
        ) {
            return self.reject("a reserved word stands where a command should");
        }
        self.eat_reserved(word);
        let kind = match word {
            "if" => self.conditional_branches()?,
            "while" | "until" => {
                let condition = self.closed(DO, "do")?;
                let body = self.closed(DONE, "done")?;
                Kind::Loop { condition, body }
            }
            "for" | "select" => self.for_loop(word)?,
            "case" => self.case()?,
            "{" => Kind::Group(self.closed(BRACE, "}")?),
            "[[" => self.conditional()?,
            "function" => return self.function_keyword().map(Some),
            _ => return self.coprocess().map(Some),
        };
        Ok(Some(kind))
    }

    /// A non-empty list and the reserved word behind it.
    fn closed(&mut self, close: Close, word: &'static str) -> Result<Script<'a>> {
        let script = self.body(close)?;
        self.expect_reserved(word)?;
        Ok(script)
    }

    fn finish_compound(&mut self, start: usize, kind: Kind<'a>) -> Result<Command<'a>> {
        if matches!(kind, Kind::Function { .. } | Kind::Coproc(_)) {
            return Ok(Command { kind, redirects: Vec::new(), span: (start, self.at) });
        }
        let mut redirects = Vec::new();
        let mut end = self.at;
        loop {
            self.blanks();
            match self.redirect()? {
                Some(redirect) => redirects.push(redirect),
                None => break,
            }
            end = self.at;
        }
        self.after_compound = redirects.is_empty();
        Ok(Command { kind, redirects, span: (start, end) })
    }

    fn parenthesis(&mut self) -> Result<Kind<'a>> {
        if self.ahead() == Some(b'(') && !self.not_arithmetic.contains(&self.at) {
            let start = self.at;
            self.step();
            self.step();
            if let Some(pieces) = self.arithmetic()? {
                return Ok(Kind::Arithmetic(pieces));
            }
            self.not_arithmetic.insert(start);
            self.at = start;
        }
        self.step();
        let script = self.body(Close::Parenthesis)?;
        self.step();
        Ok(Kind::Subshell(script))
    }

    fn conditional_branches(&mut self) -> Result<Kind<'a>> {
        let mut branches = Vec::new();
        loop {
            let condition = self.closed(THEN, "then")?;
            branches.push((Some(condition), self.body(BRANCH)?));
            if self.eat_reserved("elif") {
                continue;
            }
            if self.eat_reserved("else") {
                branches.push((None, self.body(FI)?));
            }
            self.expect_reserved("fi")?;
            return Ok(Kind::If(branches));
        }
    }

    fn for_loop(&mut self, keyword: &str) -> Result<Kind<'a>> {
        self.blanks();
        if keyword == "for" && self.peek() == Some(b'(') && self.ahead() == Some(b'(') {
            self.step();
            self.step();
            let Some(header) = self.arithmetic()? else {
                return self.reject("the header of a for loop is not arithmetic");
            };
            let parts = |piece: &Piece<'_>| match piece {
                Piece::Quoted(text) if !text.starts_with('\\') => text.matches(';').count(),
                _ => 0,
            };
            if header.iter().map(parts).sum::<usize>() != 2 {
                return self.reject("the header of a for loop has three parts");
            }
            self.blanks();
            self.eat(b';');
            self.newlines()?;
            let body = self.loop_body()?;
            return Ok(Kind::ArithmeticFor { header, body });
        }
        let name = self.plain_word("a loop needs a variable")?;
        self.blanks();
        if self.peek() == Some(b';') && self.ahead() != Some(b';') {
            self.step();
            self.newlines()?;
            return Ok(Kind::For { name, words: None, body: self.loop_body()? });
        }
        self.newlines()?;
        if !self.eat_reserved("in") {
            return Ok(Kind::For { name, words: None, body: self.loop_body()? });
        }
        let words = self.word_list()?;
        Ok(Kind::For { name, words: Some(words), body: self.loop_body()? })
    }

    /// `do … done`, or the braces bash takes as well.
    fn loop_body(&mut self) -> Result<Script<'a>> {
        if self.eat_reserved("{") {
            return self.closed(BRACE, "}");
        }
        self.expect_reserved("do")?;
        self.closed(DONE, "done")
    }

    /// The words after `in`, up to `;` or a newline, and the newlines behind.
    fn word_list(&mut self) -> Result<Vec<SourceWord<'a>>> {
        let mut words = Vec::new();
        loop {
            self.blanks();
            match self.word()? {
                Some(word) => words.push(word),
                None => break,
            }
        }
        match self.peek() {
            Some(b';') if self.ahead() != Some(b';') => self.step(),
            Some(b'\n') => {}
            _ => return self.reject("the words of a loop do not end"),
        }
        self.newlines()?;
        Ok(words)
    }

    /// A word that must be plain text, such as a loop variable.
    fn plain_word(&mut self, what: &'static str) -> Result<Cow<'a, str>> {
        self.blanks();
        let start = self.at;
        while self.peek().is_some_and(|byte| {
            !is_meta(byte) && !matches!(byte, b'"' | b'\'' | b'`' | b'$' | b'\\' | b'{' | b'}')
        }) {
            self.step();
        }
        let name = self.joined((start, self.at));
        let ends = self.peek().is_none_or(is_meta);
        if name.is_empty() || !ends {
            return self.reject(what);
        }
        Ok(name)
    }

    fn case(&mut self) -> Result<Kind<'a>> {
        self.blanks();
        let Some(subject) = self.word()? else { return self.reject("case needs a word") };
        self.newlines()?;
        self.expect_reserved("in")?;
        let mut arms = Vec::new();
        loop {
            self.newlines()?;
            if self.eat_reserved("esac") {
                return Ok(Kind::Case { subject, arms });
            }
            arms.push(self.arm()?);
            if self.peek() == Some(b';') {
                self.step();
                self.step();
                self.eat(b'&');
            }
        }
    }

    fn arm(&mut self) -> Result<Arm<'a>> {
        let opened = self.eat(b'(');
        let mut patterns = Vec::new();
        loop {
            self.blanks();
            if opened && patterns.is_empty() && self.reserved() == Some("esac") {
                return self.reject("`esac` as a pattern");
            }
            let Some(pattern) = self.word()? else { return self.reject("case needs a pattern") };
            patterns.push(pattern);
            self.blanks();
            if self.eat(b')') {
                break;
            }
            if self.peek() != Some(b'|') || self.ahead() == Some(b'|') {
                return self.reject("a pattern of case does not end");
            }
            self.step();
        }
        let body = self.list(Close::Arm)?;
        Ok(Arm { patterns, body })
    }

    fn function_keyword(&mut self) -> Result<Kind<'a>> {
        let name = self.plain_word("a function needs a plain name")?;
        self.blanks();
        if self.peek() == Some(b'(') && self.closes_next() {
            self.step();
            self.blanks();
            self.step();
        }
        self.function(name)
    }

    /// Whether `(` here is followed by `)`.
    pub(super) fn closes_next(&self) -> bool {
        let inside = self.text.get(self.at + 1..).unwrap_or("");
        let mut rest = inside;
        loop {
            let trimmed = rest.trim_start_matches([' ', '\t']);
            let trimmed = trimmed.strip_prefix("\\\n").unwrap_or(trimmed);
            if trimmed.len() == rest.len() {
                return rest.starts_with(')');
            }
            rest = trimmed;
        }
    }

    /// The body of a function, after its name and parentheses.
    pub(super) fn function(&mut self, name: Cow<'a, str>) -> Result<Kind<'a>> {
        self.newlines()?;
        let start = self.at;
        let (pending, documents) = (self.pending.len(), self.documents.len());
        let body = self.command()?;
        if matches!(body.kind, Kind::Simple(_) | Kind::Function { .. } | Kind::Coproc(_)) {
            return self.reject("the body of a function is a compound command");
        }
        if self.pending.len() != pending {
            return self.reject("a here-document that ends outside its function");
        }
        // They are read again, with the body, at each call.
        self.documents.truncate(documents);
        Ok(Kind::Function { name, body: self.slice((start, body.span.1)) })
    }

    fn coprocess(&mut self) -> Result<Kind<'a>> {
        self.blanks();
        let start = self.at;
        // `coproc NAME compound`: the name is a word of its own only in front of a compound command.
        if self.reserved().is_none() && self.peek() != Some(b'(') && self.word()?.is_some() {
            self.blanks();
            let compound = matches!(
                self.reserved(),
                Some("if" | "while" | "until" | "for" | "select" | "case" | "{" | "[[")
            );
            if !compound && self.peek() != Some(b'(') {
                if self.reserved().is_some() {
                    return self.reject("a reserved word behind the name of a coprocess");
                }
                self.at = start;
            }
        }
        let inner = self.command()?;
        // Behind the possible name of a coprocess bash may read an assignment.
        if let Kind::Simple(simple) = &inner.kind
            && simple.words.get(1).is_some_and(|word| self.slice(word.span).contains('['))
        {
            return self.reject("a subscript behind the name of a coprocess");
        }
        if matches!(inner.kind, Kind::Function { .. } | Kind::Coproc(_)) {
            return self.reject("a function where a coprocess is expected");
        }
        Ok(Kind::Coproc(Box::new(inner)))
    }
}
