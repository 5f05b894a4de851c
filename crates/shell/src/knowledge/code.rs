//! Code handed to an interpreter: finds the calls that run commands, touch files or the network. Reads names and
//! literal arguments; whatever decides and is not literal is said to be unclear. Does not run anything in its head.

mod calls;
mod kinds;
mod names;
mod reach;

use super::lexer::{self, Token};
use super::report::Report;
use crate::Word;
use leashd_types::CodeSource;
use std::collections::HashMap;

/// How deep `eval('…')` inside `eval` is followed.
const DEEPEST: usize = 4;
/// Tokens of one call or assignment that are looked at; the arguments of a longer one are not literal.
const WIDEST: usize = 512;

/// Code in one word of the command line.
pub(super) fn inline(report: &mut Report<'_>, language: &str, word: &Word) {
    match word.text() {
        Some(text) => scan(report, language, text),
        None => {
            let why = word.unknown_reason().unwrap_or("it holds a pattern").to_owned();
            let interpreter = report.name.to_owned();
            report.unclear(format!("the code {interpreter} would run cannot be told: {why}"));
            report.runs(CodeSource::Piped { interpreter, origin: why });
        }
    }
}

/// A file an interpreter is told to run.
pub(super) fn file(report: &mut Report<'_>, language: &str, word: &Word) {
    match word.text() {
        Some("-" | "/dev/stdin" | "/dev/fd/0" | "/proc/self/fd/0") => report.stdin_code(language),
        Some(url) if url.contains("://") => {
            report.url(word, report.direction);
            report.runs(CodeSource::Package { name: url.to_owned() });
        }
        _ => {
            report.read(word);
            report.runs_file(word);
        }
    }
}

/// A project's own tool under its interpreter (`php artisan`, `python manage.py`) means what its entry says.
pub(super) fn own_tool(report: &mut Report<'_>, words: &[Word]) {
    let Some((first, rest)) = words.split_first() else { return };
    let name = first.text().map(|text| text.rsplit('/').next().unwrap_or(text));
    if let Some(name) =
        name.filter(|name| matches!(*name, "artisan" | "manage.py" | "console" | "rails" | "rake"))
    {
        report.command(std::iter::once(Word::literal(name)).chain(rest.iter().cloned()).collect());
    }
}

pub(super) fn scan(report: &mut Report<'_>, language: &str, text: &str) {
    let loops = ["while", "loop", "for(;;)", "for (;;)", "until", "times", "forever", "range"];
    if text.contains("fork") && loops.iter().any(|word| text.contains(word)) {
        report.system(leashd_types::SystemChange::ForkBomb);
    }
    let mut scan = Scan::new(language, text);
    scan.all(report, text, 0);
    if scan.beyond || language == "other" {
        report.runs(CodeSource::Inline { language: language.to_owned(), text: text.to_owned() });
    }
    if scan.shell && scan.socket {
        // A shell wired to a connection: whoever is at the other end types the commands.
        let origin = "a network connection".to_owned();
        report.runs(CodeSource::Piped { interpreter: "sh".to_owned(), origin });
    }
}

/// What the snippet was found to do besides its effects.
struct Scan<'t> {
    language: &'t str,
    /// Something in it is not understood.
    beyond: bool,
    shell: bool,
    socket: bool,
    source: &'t str,
    variables: HashMap<String, Arg>,
    /// The literal a method is called on: `Path('x').unlink()`.
    receiver: Option<String>,
}

/// An argument as far as it is literal.
#[derive(Clone, Debug, PartialEq)]
enum Arg {
    Text(String),
    List(Vec<String>),
    /// Not literal; the names in it, for options such as `recursive`.
    Other(Vec<String>),
}

impl<'t> Scan<'t> {
    fn new(language: &'t str, source: &'t str) -> Self {
        Self {
            language,
            beyond: false,
            shell: false,
            socket: false,
            source,
            variables: HashMap::new(),
            receiver: None,
        }
    }

    fn all(&mut self, report: &mut Report<'_>, text: &str, depth: usize) {
        let tokens = lexer::tokens(self.language, text);
        if tokens.len() >= lexer::MOST_TOKENS || depth > DEEPEST {
            self.beyond = true;
            report.unclear("the code is too long to be read");
            return;
        }
        let bound = names::bound(&tokens);
        let mut rest = tokens.as_slice();
        let mut before: Option<&Token> = None;
        while let Some((token, tail)) = rest.split_first() {
            self.beyond |= names::is_computed_call(before, token);
            match token {
                Token::Command(command) => {
                    report.script_text(command);
                }
                Token::MixedCommand => {
                    self.beyond = true;
                    report.unclear("a command is put together while the code runs");
                }
                Token::Name(name) => {
                    self.assignment(name, tail);
                    if let Some(args) = self.arguments(name, tail) {
                        calls::call(self, report, name, &args, depth);
                    } else {
                        let import = matches!(before, Some(Token::Name(word)) if word == "import");
                        if !import {
                            calls::mention(self, report, name, tail);
                        }
                        self.beyond |= !names::is_understood(self.language, name, before, tail, &bound);
                    }
                }
                Token::Template(tag, body) => names::template(self, report, tag, body),
                Token::Mixed(text) => {
                    for code in names::interpolated(text) {
                        self.all(report, code, depth + 1);
                    }
                }
                Token::Text(_) | Token::Sign(_) => {}
            }
            before = Some(token);
            rest = tail;
        }
    }

    /// `x = 'literal'`, `const x = [...]`.
    fn assignment(&mut self, name: &str, tail: &[Token]) {
        let tail = tail.get(..WIDEST).unwrap_or(tail);
        if let Some(after) = sign(tail, '=') {
            if sign(after, '=').is_some() {
                return;
            }
            let end =
                after.iter().position(|token| matches!(token, Token::Sign(';' | ','))).unwrap_or(after.len());
            let starts_list = matches!(after.first(), Some(Token::Sign('[' | '(')));
            let end = if starts_list { closing(after) } else { end };
            let value = self.value(after.get(..end).unwrap_or(after));
            self.variables.insert(name.trim_start_matches('$').to_owned(), value);
        }
    }

    /// The arguments if `name` is called here, with or without parentheses.
    fn arguments(&self, name: &str, tail: &[Token]) -> Option<Vec<Arg>> {
        let tail = tail.get(..WIDEST).unwrap_or(tail);
        if let Some(inside) = sign(tail, '(') {
            let end = closing(tail).saturating_sub(2);
            let inside = inside.get(..end).unwrap_or(inside);
            return Some(self.split(inside));
        }
        let bare = matches!(self.language, "perl" | "ruby" | "php" | "lua") && calls::takes_bare(name);
        if !bare
            || !matches!(
                tail.first(),
                Some(Token::Text(_) | Token::Mixed(_) | Token::Name(_) | Token::Sign('['))
            )
        {
            return None;
        }
        let end =
            tail.iter().position(|token| matches!(token, Token::Sign(';' | '}' | ')'))).unwrap_or(tail.len());
        Some(self.split(tail.get(..end).unwrap_or(tail)))
    }

    fn split(&self, tokens: &[Token]) -> Vec<Arg> {
        let mut args = Vec::new();
        let mut depth = 0_i32;
        let mut start = 0;
        for (at, token) in tokens.iter().enumerate() {
            match token {
                Token::Sign('(' | '[' | '{') => depth += 1,
                Token::Sign(')' | ']' | '}') => depth -= 1,
                Token::Sign(',') if depth == 0 => {
                    args.push(self.value(tokens.get(start..at).unwrap_or(&[])));
                    start = at + 1;
                }
                _ => {}
            }
        }
        let last = tokens.get(start..).unwrap_or(&[]);
        if !last.is_empty() {
            args.push(self.value(last));
        }
        args
    }

    fn value(&self, tokens: &[Token]) -> Arg {
        let tokens: Vec<&Token> = tokens.iter().filter(|token| **token != Token::Sign(';')).collect();
        if let [Token::Name(name)] = tokens.as_slice() {
            return match self.variables.get(name.trim_start_matches('$')) {
                Some(known) => known.clone(),
                None => Arg::Other(vec![name.clone()]),
            };
        }
        if let [Token::Sign('[' | '('), inside @ .., Token::Sign(']' | ')')] = tokens.as_slice() {
            let texts = inside.split(|token| **token == Token::Sign(',')).filter(|part| !part.is_empty());
            let list: Option<Vec<String>> = texts.map(|part| self.joined(part)).collect();
            return match list {
                Some(list) => Arg::List(list),
                None => Arg::Other(self.words(&tokens)),
            };
        }
        match self.joined(&tokens) {
            Some(text) if !tokens.is_empty() => Arg::Text(text),
            _ => Arg::Other(self.words(&tokens)),
        }
    }

    /// Literals next to each other or joined with `+` or `.`; numbers count.
    fn joined(&self, tokens: &[&Token]) -> Option<String> {
        let mut text = String::new();
        for token in tokens {
            match token {
                Token::Text(part) => text.push_str(part),
                Token::Sign('+' | '.') => {}
                Token::Name(name) if name.starts_with(|c: char| c.is_ascii_digit()) => text.push_str(name),
                Token::Name(name) => match self.variables.get(name.trim_start_matches('$')) {
                    Some(Arg::Text(part)) => text.push_str(part),
                    _ => return None,
                },
                _ => return None,
            }
        }
        Some(text)
    }

    fn words(&self, tokens: &[&Token]) -> Vec<String> {
        tokens
            .iter()
            .filter_map(|token| match token {
                Token::Name(text) | Token::Text(text) => Some(text.clone()),
                _ => None,
            })
            .collect()
    }
}

/// A variable whose name says that its value is a secret.
pub(super) fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "API_KEY", "APIKEY", "CREDENTIAL", "PRIVATE_KEY", "ACCESS_KEY"]
        .iter()
        .any(|part| upper.contains(part))
}

fn sign(tokens: &[Token], sign: char) -> Option<&[Token]> {
    match tokens.split_first() {
        Some((Token::Sign(found), tail)) if *found == sign => Some(tail),
        _ => None,
    }
}

/// How many tokens up to and with the bracket that closes the first one.
fn closing(tokens: &[Token]) -> usize {
    let mut depth = 0_i32;
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    tokens.len() + 1
}
