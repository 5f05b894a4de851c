//! awk programs: finds `system`, pipes, redirections and `getline`. Reads literals, their concatenation and
//! `ENVIRON["HOME"]`; what else decides is said to be unclear.

use super::args::Parsed;
use super::custom::After;
use super::report::Report;
use super::{Argv, Nested, Stdin, items, roles};
use crate::Word;
use leashd_types::{CodeSource, Effect};

pub(super) fn program(report: &mut Report<'_>, parsed: &Parsed<'_>) -> After {
    if parsed.has("--help") || parsed.has("--version") {
        report.help = true;
        return After::Done;
    }
    let mut operands = parsed.operands.as_slice();
    let mut texts: Vec<&Word> = parsed.values("-e").collect();
    if !parsed.has("-e")
        && !parsed.has("-f")
        && let Some((first, rest)) = operands.split_first()
    {
        texts.push(first);
        operands = rest;
    }
    for text in texts {
        match text.text() {
            Some(text) => scan(report, &with_variables(parsed, text)),
            None => report.unclear("the awk program cannot be told, and awk can run commands"),
        }
    }
    for file in parsed.values("-f").chain(parsed.values("-i")) {
        report.read(file);
        report.runs_file(file);
    }
    let in_place = parsed.values("-i").any(|value| value.text() == Some("inplace"));
    for file in operands {
        // `name=value` between the files sets a variable.
        let assignment = file.prefix().split_once('=').is_some_and(|(name, _)| {
            !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        });
        if assignment {
            continue;
        }
        report.read(file);
        if in_place {
            roles::write(report, file);
        }
    }
    After::Done
}

/// The program with the variables of `-v` set before it, as awk has them.
fn with_variables(parsed: &Parsed<'_>, text: &str) -> String {
    let mut whole = text.to_owned();
    for value in parsed.values("-v").filter_map(Word::text) {
        let Some((name, value)) = value.split_once('=') else { continue };
        // Only what a command or a file name is made of needs to be known.
        let quoted = format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
        for call in ["system(", "| ", "|", "> ", ">> ", "|& "] {
            whole = replace_word(&whole, call, name, &quoted);
        }
    }
    whole
}

/// `name` behind `before`, where it is a whole word.
fn replace_word(text: &str, before: &str, name: &str, by: &str) -> String {
    let wanted = format!("{before}{name}");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((head, tail)) = rest.split_once(wanted.as_str()) {
        out.push_str(head);
        let whole = !tail.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        out.push_str(before);
        out.push_str(if whole { by } else { name });
        rest = tail;
    }
    out.push_str(rest);
    out
}

/// Tokens before a pipe in which its command is looked for.
const NEAR: usize = 32;
/// Commands of one pipe that are asked what they do with what is printed.
const MOST_PARTS: usize = 16;

#[derive(Clone, Debug, PartialEq)]
enum Token {
    Text(String),
    Name(String),
    Sign(char),
    /// `>>`, `||`, `&&`, `|&`, `==` and the like.
    Double(&'static str),
    End,
}

fn scan(report: &mut Report<'_>, text: &str) {
    let tokens = tokens(text, report.argv.home);
    wired(report, &tokens);
    let mut printing = false;
    let mut parens = 0_i32;
    let mut print_start = 0;
    let mut statement_start = 0;
    for (at, token) in tokens.iter().enumerate() {
        let rest = tokens.get(at + 1..).unwrap_or(&[]);
        match token {
            Token::Name(name) if name == "system" => {
                let inside = rest.strip_prefix(&[Token::Sign('(')]).unwrap_or(rest);
                runs(report, literal(inside));
            }
            Token::Name(name) if name == "print" || name == "printf" => {
                printing = true;
                print_start = at + 1;
                parens = 0;
            }
            Token::Name(name) if name == "getline" => getline(report, &tokens, at, rest, statement_start),
            Token::Sign('(') => parens += 1,
            Token::Sign(')') => parens -= 1,
            Token::End | Token::Sign('{' | '}') => {
                printing = false;
                statement_start = at + 1;
            }
            Token::Sign('>') | Token::Double(">>") if printing && parens <= 0 => match literal(rest) {
                Some(name) if matches!(name.as_str(), "/dev/stdout" | "/dev/stderr" | "") => {}
                Some(name) => {
                    match name.strip_prefix("/inet/tcp/0/").or_else(|| name.strip_prefix("/inet/udp/0/")) {
                        Some(place) => network(report, place),
                        None => roles::write(report, &Word::literal(name)),
                    }
                }
                None => report.write(&Word::unknown("the awk program computes the file it writes")),
            },
            Token::Sign('|') | Token::Double("|&") if printing && parens <= 0 => {
                let command = literal(rest);
                if let Some(command) = &command {
                    let text = tokens.get(print_start..at).and_then(printed);
                    fed(report, command, text.as_deref());
                }
                runs(report, command);
            }
            Token::Double("|&") => inet(report, &tokens, statement_start, at),
            _ => {}
        }
    }
}

/// A connection by its file name. A program that also runs what it computes lets the other end say what.
fn wired(report: &mut Report<'_>, tokens: &[Token]) {
    let mut connected = false;
    for token in tokens {
        let Token::Text(text) = token else { continue };
        let place = ["/inet/tcp/", "/inet4/tcp/", "/inet6/tcp/", "/inet/udp/"]
            .iter()
            .find_map(|start| text.strip_prefix(start));
        if let Some((_, place)) = place.and_then(|place| place.split_once('/')) {
            network(report, place);
            connected = true;
        }
    }
    let named = |wanted: &str| {
        tokens.iter().filter(|token| matches!(token, Token::Name(name) if name == wanted)).count()
    };
    if connected && (named("system") > 0 || named("getline") > 1) {
        let origin = "what it would fetch over a network connection".to_owned();
        report.runs(CodeSource::Piped { interpreter: "awk".to_owned(), origin });
    }
}

fn runs(report: &mut Report<'_>, command: Option<String>) {
    match command {
        Some(command) => report.script_text(&command),
        None => report.unclear("the awk program runs a command it computes"),
    }
}

/// What a `print` writes, if it is literal.
fn printed(tokens: &[Token]) -> Option<String> {
    let mut text = String::new();
    for token in tokens {
        match token {
            Token::Text(part) if !part.contains('%') => text.push_str(part),
            Token::Sign('(' | ')') => {}
            _ => return None,
        }
    }
    Some(text)
}

/// A command behind `print … |` reads what is printed; to an interpreter that is code.
fn fed(report: &mut Report<'_>, command: &str, text: Option<&str>) {
    let stdin = text.map_or(Stdin::Opaque("what the awk program prints"), Stdin::Text);
    for part in command.split(['|', ';', '&', '(', ')']).take(MOST_PARTS) {
        let words: Vec<Word> =
            items::split(part, char::is_whitespace).into_iter().map(Word::literal).collect();
        if words.is_empty() {
            continue;
        }
        let argv = Argv { words: &words, cwd: report.argv.cwd, home: report.argv.home, stdin };
        let said = super::describe(&argv);
        for effect in said.effects.into_iter().filter(|effect| matches!(effect, Effect::Runs { .. })) {
            report.add(effect);
        }
        for nested in said.nested {
            match (nested, text) {
                (Nested::StdinScript { .. }, Some(text)) => report.script_text(text),
                (Nested::StdinScript { via }, None) => {
                    let origin = "what the awk program prints".to_owned();
                    report.runs(CodeSource::Piped { interpreter: via, origin });
                }
                (Nested::Script { text, .. }, _) => report.script(text),
                (Nested::Command { words, .. }, _) => report.command(words),
                (Nested::File { .. }, _) => {}
            }
        }
    }
}

/// `"cmd" | getline` runs, `getline < "file"` reads.
fn getline(report: &mut Report<'_>, tokens: &[Token], at: usize, rest: &[Token], start: usize) {
    let piped = at.checked_sub(1).and_then(|before| tokens.get(before));
    if matches!(piped, Some(Token::Sign('|') | Token::Double("|&"))) {
        let command = tokens.get(start.max(at.saturating_sub(NEAR))..at - 1).unwrap_or(&[]);
        let from = command.iter().position(|token| matches!(token, Token::Text(_))).unwrap_or(0);
        runs(report, literal(command.get(from..).unwrap_or(&[])));
    }
    if let Some(less) = rest.iter().take(3).position(|token| *token == Token::Sign('<')) {
        match literal(rest.get(less + 1..).unwrap_or(&[])) {
            Some(name) => report.read_text(&name),
            None => report.read(&Word::unknown("the awk program computes the file it reads")),
        }
    }
}

fn inet(report: &mut Report<'_>, tokens: &[Token], start: usize, at: usize) {
    for token in tokens.get(start.max(at.saturating_sub(NEAR))..at).unwrap_or(&[]) {
        if let Token::Text(text) = token
            && let Some(place) = text.strip_prefix("/inet/tcp/0/")
        {
            network(report, place);
        }
    }
}

fn network(report: &mut Report<'_>, place: &str) {
    let host = place.split('/').next().unwrap_or(place);
    report.network(super::hosts::of_authority(host), leashd_types::Direction::Send);
}

/// The text the expression at the start of the tokens stands for, if it is literal to its end.
fn literal(tokens: &[Token]) -> Option<String> {
    let mut text = String::new();
    let mut any = false;
    let mut rest = tokens;
    loop {
        rest = match rest {
            [Token::Text(part), tail @ ..] => {
                text.push_str(part);
                any = true;
                tail
            }
            [] | [Token::End | Token::Sign(')' | '}' | '|' | ',' | '>'), ..] => return any.then_some(text),
            [Token::Sign('('), tail @ ..] if !any => tail,
            [Token::Name(name), ..] if any && name == "getline" => return Some(text),
            _ => return None,
        };
    }
}

fn tokens(text: &str, home: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = |bytes: usize| rest.get(bytes..).unwrap_or("");
        let doubles = [">>", "||", "&&", "|&", "==", "<=", ">=", "!="];
        rest = if first == '#' {
            rest.find('\n').map_or("", skip)
        } else if first == '"' {
            let (string, tail) = string(skip(1));
            tokens.push(Token::Text(string));
            tail
        } else if first == '/' && regex_may_start(tokens.last()) {
            end_of_regex(skip(1))
        } else if let Some(double) = doubles.iter().find(|double| rest.starts_with(**double)) {
            tokens.push(Token::Double(double));
            skip(2)
        } else if first.is_ascii_alphanumeric() || first == '_' {
            let end = rest
                .find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '.')))
                .unwrap_or(rest.len());
            tokens.push(Token::Name(rest.get(..end).unwrap_or("").to_owned()));
            let tail = skip(end);
            match tail
                .strip_prefix("[\"HOME\"]")
                .filter(|_| tokens.last() == Some(&Token::Name("ENVIRON".into())))
            {
                Some(tail) => {
                    tokens.pop();
                    tokens.push(Token::Text(home.to_owned()));
                    tail
                }
                None => tail,
            }
        } else {
            match first {
                ';' | '\n' => tokens.push(Token::End),
                c if c.is_whitespace() => {}
                c => tokens.push(Token::Sign(c)),
            }
            skip(first.len_utf8())
        };
    }
    tokens
}

fn regex_may_start(last: Option<&Token>) -> bool {
    !matches!(last, Some(Token::Name(_) | Token::Text(_) | Token::Sign(')' | ']' | '$')))
}

fn end_of_regex(text: &str) -> &str {
    let mut escaped = false;
    let mut bracket = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => bracket = true,
            ']' => bracket = false,
            '/' if !bracket => return text.get(at + 1..).unwrap_or(""),
            '\n' => return text.get(at..).unwrap_or(""),
            _ => {}
        }
    }
    ""
}

fn string(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return (out, text.get(at + 1..).unwrap_or("")),
            '\\' => match chars.next() {
                Some((_, 'n')) => out.push('\n'),
                Some((_, 't')) => out.push('\t'),
                Some((at, digit @ '0'..='7')) => {
                    let digits: String =
                        text.get(at..).unwrap_or("").chars().take(3).take_while(|c| c.is_digit(8)).collect();
                    out.extend(u32::from_str_radix(&digits, 8).ok().and_then(char::from_u32).or(Some(digit)));
                    for _ in 1..digits.len() {
                        chars.next();
                    }
                }
                Some((_, other)) => out.push(other),
                None => {}
            },
            c => out.push(c),
        }
    }
    (out, "")
}
