//! What an expression of a snippet comes to as far as it is literal: texts put together, the home directory however it
//! is asked for, words of the command line, decoded text. What is not literal stays a hole with what stands around it.

use super::texts::{append, hole, join_path, push_text};
use super::{Arg, functions};
use crate::Word;
use crate::knowledge::lexer::{self, Token};
use std::collections::HashMap;

/// How deep calls and brackets of one expression are followed.
const DEEPEST: usize = 12;
/// Texts of one list.
const MOST_WORDS: usize = 1_024;
/// Tokens before a method that are looked through for what it is called on.
const WIDEST: usize = 128;

/// What names stand for while an expression is read.
pub(super) struct Values<'v> {
    pub(super) language: &'v str,
    pub(super) variables: &'v HashMap<String, Arg>,
    /// The words after the code.
    pub(super) operands: &'v [Word],
}

/// A text with holes, or several of them.
#[derive(Clone, Debug)]
pub(super) enum Value {
    One(Word),
    Many(Vec<Word>),
}

impl Value {
    pub(super) fn literal(text: impl Into<String>) -> Self {
        Self::One(Word::literal(text))
    }

    pub(super) fn hole() -> Self {
        Self::One(hole())
    }

    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::One(word) => word.text(),
            Self::Many(_) => None,
        }
    }

    /// As one text; several have no one.
    pub(super) fn one(self) -> Word {
        match self {
            Self::One(word) => word,
            Self::Many(words) => match <[Word; 1]>::try_from(words) {
                Ok([only]) => only,
                Err(_) => hole(),
            },
        }
    }
}

/// One walk over the tokens of an expression.
struct Reader<'r> {
    values: &'r Values<'r>,
    rest: &'r [Token],
    depth: usize,
}

impl Values<'_> {
    pub(super) fn evaluate(&self, tokens: &[Token]) -> Value {
        Reader { values: self, rest: tokens, depth: 0 }.expression()
    }

    /// What the method that comes after these tokens is called on.
    pub(super) fn receiver(&self, before: &[Token]) -> Value {
        let start = start_of_term(before);
        match before.get(start..) {
            Some(term) if !term.is_empty() => self.evaluate(term),
            _ => Value::hole(),
        }
    }

    fn variable(&self, name: &str) -> Option<Value> {
        let bare = name.trim_start_matches(['$', '@']);
        match self.variables.get(bare)? {
            Arg::Text(text) => Some(Value::literal(text.as_str())),
            Arg::Partly(word) => Some(Value::One(word.clone())),
            Arg::List(list) => Some(Value::Many(list.clone())),
            Arg::Other(_) => None,
        }
    }

    /// A string with something in it: what is in it is code.
    fn interpolated(&self, text: &str, depth: usize) -> Word {
        let mut word = Word::default();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '{', '#', '@']) {
            let (before, tail) = rest.split_at_checked(at).unwrap_or((rest, ""));
            push_text(&mut word, before);
            let taken = self.hole_in(tail, depth, &mut word);
            rest = tail.get(taken..).unwrap_or("");
        }
        push_text(&mut word, rest);
        word
    }

    /// Reads what `$x`, `{x}`, `#{x}`, `${x}` stands for into the word; says how many bytes that took.
    fn hole_in(&self, text: &str, depth: usize, word: &mut Word) -> usize {
        let open = match self.language {
            "python" => text.starts_with('{').then_some(1),
            "ruby" => text.starts_with("#{").then_some(2),
            "node" => text.starts_with("${").then_some(2),
            "php" => text.starts_with("{$").then_some(1),
            _ => None,
        };
        let code = match open {
            Some(open) => {
                let body = text.get(open..).unwrap_or("");
                let end = body.find('}').unwrap_or(body.len());
                body.get(..end).map(|body| (body, open + end + 1))
            }
            None if matches!(self.language, "perl" | "php") && text.starts_with(['$', '@']) => {
                let end = end_of_variable(text);
                (end > 1).then(|| text.get(..end).map(|body| (body, end))).flatten()
            }
            None => None,
        };
        let Some((code, taken)) = code else {
            let first = text.chars().next().map_or(1, char::len_utf8);
            push_text(word, text.get(..first).unwrap_or(""));
            return first;
        };
        // `${name}` is `$name`.
        let code = match code.strip_prefix("${").and_then(|rest| rest.strip_suffix('}')) {
            Some(name) if self.language == "perl" => format!("${name}"),
            _ => code.to_owned(),
        };
        let tokens = lexer::tokens(self.language, &code);
        let value = match depth < DEEPEST {
            true => Reader { values: self, rest: &tokens, depth: depth + 1 }.expression().one(),
            false => hole(),
        };
        append(word, &value);
        taken
    }
}

/// `$name`, `${name}`, `$NAME{key}`, `$name[1]`.
fn end_of_variable(text: &str) -> usize {
    let after = text.get(1..).unwrap_or("");
    let braced = after.starts_with('{');
    let name = after.trim_start_matches('{');
    let mut end = 1
        + usize::from(braced)
        + name.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(name.len());
    if braced {
        return end + usize::from(text.get(end..).is_some_and(|rest| rest.starts_with('}')));
    }
    for (open, close) in [('{', '}'), ('[', ']')] {
        let tail = text.get(end..).unwrap_or("");
        if end > 1 && tail.starts_with(open) {
            end += tail.find(close).map_or(tail.len(), |at| at + 1);
            break;
        }
    }
    end
}

impl<'r> Reader<'r> {
    fn next(&mut self) -> Option<&'r Token> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    fn peek_sign(&self, sign: char) -> bool {
        matches!(self.rest.first(), Some(Token::Sign(found)) if *found == sign)
    }

    fn expression(&mut self) -> Value {
        let mut value = self.term();
        while let Some(token) = self.rest.first() {
            match token {
                Token::Sign('/') if matches!(self.values.language, "python" | "ruby") => {
                    self.next();
                    let more = self.term().one();
                    value = Value::One(join_path(&value.one(), &more));
                }
                Token::Sign('+' | '.') => {
                    self.next();
                    let more = self.term();
                    value = sum(value, more);
                }
                Token::Text(_) | Token::Mixed(_) => {
                    let more = self.term();
                    value = sum(value, more);
                }
                Token::Sign(';') => {
                    self.next();
                }
                // `unlink $_ for …`, `rm x if …`
                Token::Name(word)
                    if matches!(self.values.language, "perl" | "ruby")
                        && matches!(
                            word.as_str(),
                            "for" | "foreach" | "if" | "unless" | "while" | "until"
                        ) =>
                {
                    return value;
                }
                // `x or 'default'`, `a ? b : c`: one of them.
                _ => return with_hole(value),
            }
        }
        value
    }

    fn term(&mut self) -> Value {
        self.depth += 1;
        let value = if self.depth > DEEPEST {
            // Whoever asked for a term goes on after it: nothing may be left that was not taken.
            self.rest = &[];
            Value::hole()
        } else {
            self.primary()
        };
        let value = self.postfix(value);
        self.depth -= 1;
        value
    }

    fn primary(&mut self) -> Value {
        let values = self.values;
        match self.next() {
            Some(Token::Text(text)) => Value::literal(text.as_str()),
            Some(Token::Mixed(text)) => {
                let (text, depth) = (text.clone(), self.depth);
                Value::One(values.interpolated(&text, depth))
            }
            Some(Token::Sign('(')) => {
                let inside = self.bracketed();
                match self.list(inside) {
                    Value::Many(list) if list.len() == 1 && self.values.language != "perl" => {
                        Value::Many(list).one().into()
                    }
                    value => value,
                }
            }
            Some(Token::Sign('[')) => {
                let inside = self.bracketed();
                self.list(inside)
            }
            Some(Token::Sign('*' | '\\' | '@')) => self.primary(),
            Some(Token::Name(name)) => {
                let name = name.clone();
                self.named(&name)
            }
            _ => Value::hole(),
        }
    }

    /// A name: a number, a variable, a place that is known, a call.
    fn named(&mut self, name: &str) -> Value {
        let values = self.values;
        if name.starts_with(|c: char| c.is_ascii_digit()) {
            return Value::literal(name);
        }
        if matches!(name, "new" | "await" | "my" | "return" | "scalar") {
            return self.primary();
        }
        if functions::is_arguments(values.language, name) {
            return self.operand(values);
        }
        if functions::is_environment(name) && (self.peek_sign('[') || self.peek_sign('{')) {
            self.next();
            let inside = self.bracketed();
            return functions::variable(inside.first());
        }
        if name == "Dir" && self.peek_sign('[') {
            self.next();
            let inside = self.bracketed();
            return functions::call("Dir.glob", &self.arguments(inside));
        }
        if let Some(value) = values.variable(name) {
            return value;
        }
        if self.peek_sign('(') {
            self.next();
            let inside = self.bracketed();
            let arguments = self.arguments(inside);
            return match name.split_once('.').and_then(|(head, tail)| Some((values.variable(head)?, tail))) {
                Some((value, method)) => functions::method(method, value, &arguments),
                None => functions::call(name, &arguments),
            };
        }
        if let Some(value) = functions::place(name) {
            return value;
        }
        if matches!(values.language, "perl" | "ruby" | "php")
            && functions::takes_text(name)
            && !self.rest.is_empty()
        {
            let argument = self.term();
            return functions::call(name, &[argument]);
        }
        // `x.parent` of a known `x` lies near it.
        match name.split_once('.').and_then(|(head, tail)| Some((values.variable(head)?, tail))) {
            Some((value, method)) => functions::method(method, value, &[]),
            None => Value::hole(),
        }
    }

    /// `sys.argv[1]`, `$ARGV[0]`, `ARGV`.
    fn operand(&mut self, values: &Values<'_>) -> Value {
        if !self.peek_sign('[') {
            return Value::Many(values.operands.to_vec());
        }
        self.next();
        let inside = self.bracketed();
        let index = match inside {
            [Token::Name(number)] => number.parse::<usize>().ok(),
            _ => None,
        };
        let first = usize::from(!matches!(values.language, "perl" | "ruby"));
        let word = index.and_then(|index| index.checked_sub(first)).and_then(|at| values.operands.get(at));
        match word {
            Some(word) => Value::One(word.clone()),
            None => Value::hole(),
        }
    }

    /// Methods and slices behind a term.
    fn postfix(&mut self, mut value: Value) -> Value {
        loop {
            match self.rest {
                [Token::Name(name), ..] if name.starts_with('.') => {
                    let name = name.trim_start_matches('.').to_owned();
                    self.next();
                    let arguments = if self.peek_sign('(') {
                        self.next();
                        let inside = self.bracketed();
                        self.arguments(inside)
                    } else {
                        Vec::new()
                    };
                    value = functions::method(&name, value, &arguments);
                }
                // `[::-1]`
                [
                    Token::Sign('['),
                    Token::Sign(':'),
                    Token::Sign(':'),
                    Token::Sign('-'),
                    Token::Name(one),
                    Token::Sign(']'),
                    ..,
                ] if one == "1" => {
                    self.rest = self.rest.get(6..).unwrap_or(&[]);
                    value = functions::method("reverse", value, &[]);
                }
                [Token::Sign('['), ..] if self.values.language != "ruby" => {
                    self.next();
                    self.bracketed();
                    value = Value::hole();
                }
                _ => return value,
            }
        }
    }

    /// The tokens up to the bracket that closes the one just taken.
    fn bracketed(&mut self) -> &'r [Token] {
        let mut depth = 1_usize;
        let end = self.rest.iter().position(|token| {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            depth == 0
        });
        let end = end.unwrap_or(self.rest.len());
        let (inside, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
        self.rest = rest.get(1..).unwrap_or(&[]);
        inside
    }

    fn arguments(&self, tokens: &[Token]) -> Vec<Value> {
        let part =
            |part: &[Token]| Reader { values: self.values, rest: part, depth: self.depth + 1 }.expression();
        at_commas(tokens).map(part).collect()
    }

    fn list(&self, tokens: &[Token]) -> Value {
        Value::Many(self.arguments(tokens).into_iter().map(Value::one).collect())
    }
}

impl From<Word> for Value {
    fn from(word: Word) -> Self {
        Self::One(word)
    }
}

/// The parts between commas that are in no bracket.
pub(super) fn at_commas(tokens: &[Token]) -> impl Iterator<Item = &[Token]> {
    let mut depth = 0_i32;
    tokens
        .split(move |token| {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                _ => {}
            }
            depth == 0 && *token == Token::Sign(',')
        })
        .filter(|part| !part.is_empty())
}

fn sum(left: Value, right: Value) -> Value {
    match (left, right) {
        (Value::Many(mut left), Value::Many(right)) => {
            left.extend(right.into_iter().take(MOST_WORDS.saturating_sub(left.len())));
            Value::Many(left)
        }
        (left, right) => {
            let mut word = left.one();
            append(&mut word, &right.one());
            Value::One(word)
        }
    }
}

fn with_hole(value: Value) -> Value {
    let mut word = value.one();
    append(&mut word, &hole());
    Value::One(word)
}

/// Where the term that ends these tokens starts: `Path('x')`, `(a / b)`, `f(x).g(y)`, `name`, a text.
fn start_of_term(tokens: &[Token]) -> usize {
    let mut at = tokens.len();
    let least = at.saturating_sub(WIDEST);
    while at > least {
        let Some(last) = tokens.get(at - 1) else { return at };
        match last {
            Token::Sign(')' | ']') => {
                let mut depth = 0_i32;
                let open = tokens.get(least..at).unwrap_or(&[]).iter().rposition(|token| {
                    match token {
                        Token::Sign(')' | ']' | '}') => depth += 1,
                        Token::Sign('(' | '[' | '{') => depth -= 1,
                        _ => {}
                    }
                    depth == 0
                });
                let Some(open) = open else { return at };
                at = least + open;
                // A name before the bracket is what is called.
                match at.checked_sub(1).and_then(|before| tokens.get(before)) {
                    Some(Token::Name(name)) => {
                        at -= 1;
                        if !name.starts_with('.') {
                            return at;
                        }
                    }
                    _ => return at,
                }
            }
            Token::Name(name) if name.starts_with('.') => at -= 1,
            Token::Name(_) | Token::Text(_) | Token::Mixed(_) => return at - 1,
            _ => return at,
        }
    }
    at
}
