//! Code handed to an interpreter: finds the calls that run commands, touch files or the network. Reads names and
//! literal arguments; whatever decides and is not literal is said to be unclear. Does not run anything in its head.

mod bindings;
mod calls;
mod functions;
mod kinds;
mod names;
mod others;
mod reach;
mod repositories;
mod texts;
mod values;

use super::lexer::{self, Token};
use super::report::Report;
use crate::Word;
use leashd_types::CodeSource;
use std::collections::HashMap;
use values::{Value, Values};

/// How deep `eval('…')` inside `eval` is followed.
const DEEPEST: usize = 4;
/// Tokens of one call or assignment that are looked at; the arguments of a longer one are not literal.
const WIDEST: usize = 512;

/// Code in one word of the command line.
pub(super) fn inline(report: &mut Report<'_>, language: &str, word: &Word) {
    inline_with(report, language, word, &[]);
}

/// Code in one word and the words it is given.
pub(super) fn inline_with(report: &mut Report<'_>, language: &str, word: &Word, operands: &[Word]) {
    match word.text() {
        Some(text) => scan_with(report, language, text, operands),
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
        Some(package) if package.starts_with("npm:") || package.starts_with("jsr:") => {
            report.runs(CodeSource::Package { name: package.to_owned() });
        }
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

/// Code that is read without knowing the words after it.
pub(super) fn scan(report: &mut Report<'_>, language: &str, text: &str) {
    scan_with(report, language, text, &[]);
}

/// Code and the words it is given.
pub(super) fn scan_with(report: &mut Report<'_>, language: &str, text: &str, operands: &[Word]) {
    let loops = ["while", "loop", "for(;;)", "for (;;)", "until", "times", "forever", "range"];
    if text.contains("fork") && loops.iter().any(|word| text.contains(word)) {
        report.system(leashd_types::SystemChange::ForkBomb);
    }
    let mut scan = Scan::new(language, text, operands);
    scan.all(report, text, 0);
    repositories::check(report, language, text);
    // Perl reads the files its argument list names, and the code can name them itself.
    if language == "perl" && text.contains("<>") {
        match scan.variables.get("ARGV") {
            Some(Arg::List(files)) => files.iter().for_each(|file| report.read(file)),
            Some(Arg::Text(file)) => report.read_text(file),
            _ => {}
        }
    }
    if language == "other" {
        others::scan(report, text);
    }
    if scan.beyond || language == "other" {
        report.runs(CodeSource::Inline { language: language.to_owned(), text: text.to_owned() });
    }
    let talks = scan.socket || scan.fetches;
    if scan.shell && scan.socket || scan.evaluates && talks {
        // A shell or an `eval` wired to a connection: whoever is at the other end says what runs.
        let origin = "what it would fetch over a network connection".to_owned();
        let interpreter = if scan.shell { "sh" } else { language };
        report.runs(CodeSource::Piped { interpreter: interpreter.to_owned(), origin });
    }
}

/// What the snippet was found to do besides its effects.
struct Scan<'t> {
    language: &'t str,
    /// Something in it is not understood.
    beyond: bool,
    shell: bool,
    socket: bool,
    fetches: bool,
    /// Code or a command that cannot be told is run.
    evaluates: bool,
    source: &'t str,
    variables: HashMap<String, Arg>,
    /// Functions under another name: `from os import system as s`.
    aliases: HashMap<String, String>,
    operands: &'t [Word],
}

/// An argument as far as it is literal.
#[derive(Clone, Debug, PartialEq)]
enum Arg {
    Text(String),
    /// A text with holes in it.
    Partly(Word),
    List(Vec<Word>),
    /// Not literal; the names in it, for options such as `recursive`.
    Other(Vec<String>),
}

impl<'t> Scan<'t> {
    fn new(language: &'t str, source: &'t str, operands: &'t [Word]) -> Self {
        Self {
            language,
            beyond: false,
            shell: false,
            socket: false,
            fetches: false,
            evaluates: false,
            source,
            variables: HashMap::new(),
            aliases: HashMap::new(),
            operands,
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
        bindings::loops(self, &tokens);
        let mut before: Option<&Token> = None;
        for (at, token) in tokens.iter().enumerate() {
            let (done, tail) = tokens.split_at_checked(at).unwrap_or((&tokens, &[]));
            let tail = tail.get(1..).unwrap_or(&[]);
            self.beyond |= names::is_computed_call(before, token);
            match token {
                Token::Command(command) => {
                    report.script_text(command);
                }
                Token::MixedCommand => {
                    self.beyond = true;
                    self.evaluates = true;
                    report.unclear("a command is put together while the code runs");
                }
                Token::Name(name) => {
                    bindings::assignment(self, name, before, tail);
                    let full = self.real_name(name).or_else(|| required(name, done));
                    let name = full.as_deref().unwrap_or(name);
                    if let Some(args) = self.arguments(name, tail) {
                        let receiver = self.receiver(name, done);
                        calls::call(self, report, &calls::Call { name, args: &args, receiver }, depth);
                        if let Some((looked_up, args)) = self.looked_up(name, &args, tail) {
                            let call = calls::Call { name: &looked_up, args: &args, receiver: None };
                            calls::call(self, report, &call, depth);
                        }
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
                    for code in names::interpolated(self.language, text) {
                        self.all(report, code, depth + 1);
                    }
                }
                Token::Text(_) | Token::Sign(_) => {}
            }
            before = Some(token);
        }
    }

    /// `getattr(os, 'system')('…')`, `send(:system, '…')`: a function looked up by its name.
    fn looked_up(&self, name: &str, args: &[Arg], tail: &[Token]) -> Option<(String, Vec<Arg>)> {
        let named = |arg: Option<&Arg>| match arg {
            Some(Arg::Text(text)) => Some(text.clone()),
            Some(Arg::Other(names)) => names.first().cloned(),
            _ => None,
        };
        match name.rsplit('.').next() {
            Some("getattr") => {
                let after = tail.get(closing(tail)..)?;
                Some((named(args.get(1))?, self.arguments("", after)?))
            }
            Some("send" | "public_send" | "__send__") if self.language == "ruby" => {
                Some((named(args.first())?, args.get(1..).unwrap_or(&[]).to_vec()))
            }
            _ => None,
        }
        .filter(|(name, _)| kinds::kind(name).is_some())
    }

    /// The function behind an alias.
    fn real_name(&self, name: &str) -> Option<String> {
        if self.language == "php" && name.starts_with('$') {
            // `$f = 'system'; $f('…')`
            return match self.variables.get(name.trim_start_matches('$')) {
                Some(Arg::Text(text)) if kinds::kind(text).is_some() => Some(text.clone()),
                _ => None,
            };
        }
        if self.aliases.is_empty() {
            return None;
        }
        let (head, tail) = name.split_once('.').unwrap_or((name, ""));
        let real = self.aliases.get(head.trim_start_matches('$'))?;
        Some(if tail.is_empty() { real.clone() } else { format!("{real}.{tail}") })
    }

    /// What a method is called on, where that is a text.
    fn receiver(&self, name: &str, done: &[Token]) -> Option<Word> {
        if kinds::kind(name).is_none_or(|kind| kind == kinds::Kind::Harmless) {
            return None;
        }
        let word = match name.strip_prefix('.') {
            Some(_) => self.values().receiver(done).one(),
            None => {
                let (head, _) = name.split_once('.')?;
                match self.variables.get(head.trim_start_matches('$'))? {
                    Arg::Text(text) => Word::literal(text.as_str()),
                    Arg::Partly(word) => word.clone(),
                    Arg::List(_) | Arg::Other(_) => return None,
                }
            }
        };
        (!texts::is_hole(&word)).then_some(word)
    }

    fn values(&self) -> Values<'_> {
        Values { language: self.language, variables: &self.variables, operands: self.operands }
    }

    /// The arguments if `name` is called here, with or without parentheses.
    fn arguments(&self, name: &str, tail: &[Token]) -> Option<Vec<Arg>> {
        if self.language == "perl" && name.starts_with(['$', '@']) {
            // `for my $i (1..3)`: calling what a variable holds is written with an arrow.
            return None;
        }
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
        Some(self.split(tail.get(..end_of_statement(tail)).unwrap_or(tail)))
    }

    fn split(&self, tokens: &[Token]) -> Vec<Arg> {
        values::at_commas(tokens).map(|part| self.value(part)).collect()
    }

    fn value(&self, tokens: &[Token]) -> Arg {
        let other = || Arg::Other(words(tokens));
        match self.values().evaluate(tokens) {
            Value::Many(list) if list.iter().all(texts::is_hole) && !list.is_empty() => other(),
            Value::Many(list) => Arg::List(list),
            Value::One(word) => match word.text() {
                Some(text) if !tokens.is_empty() => Arg::Text(text.to_owned()),
                _ if texts::is_hole(&word) => other(),
                _ => Arg::Partly(word),
            },
        }
    }
}

/// `require('https').get` is `https.get`.
fn required(name: &str, done: &[Token]) -> Option<String> {
    let method = name.strip_prefix('.')?;
    match done {
        [.., Token::Name(bring), Token::Sign('('), Token::Text(module), Token::Sign(')')]
            if matches!(bring.as_str(), "require" | "__import__" | "import_module") =>
        {
            Some(format!("{}.{method}", module.trim_start_matches("node:")))
        }
        _ => None,
    }
}

fn words(tokens: &[Token]) -> Vec<String> {
    tokens
        .iter()
        .filter_map(|token| match token {
            Token::Name(text) | Token::Text(text) => Some(text.clone()),
            _ => None,
        })
        .collect()
}

/// Where a statement without parentheses ends: at `;` or the bracket around it.
fn end_of_statement(tokens: &[Token]) -> usize {
    let mut depth = 0_i32;
    let end = tokens.iter().position(|token| {
        match token {
            Token::Sign('(' | '[' | '{') => depth += 1,
            Token::Sign(')' | ']' | '}') => depth -= 1,
            _ => {}
        }
        depth < 0 || depth == 0 && *token == Token::Sign(';')
    });
    end.unwrap_or(tokens.len())
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
