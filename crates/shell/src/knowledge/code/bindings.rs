//! What names stand for in a snippet: assignments, loops over something known, functions under another name.

use super::kinds::{Kind, kind};
use super::values::{self, Value};
use super::{Arg, Scan, WIDEST, end_of_statement, sign};
use crate::knowledge::lexer::Token;

/// `x = 'literal'`, `const x = [...]`, `x += 'more'`, `import f as x`, `x = os.system`.
pub(super) fn assignment(scan: &mut Scan<'_>, name: &str, before: Option<&Token>, tail: &[Token]) {
    if name == "as" {
        if let (Some(Token::Name(real)), Some(Token::Name(alias))) = (before, tail.first()) {
            scan.aliases.insert(alias.clone(), real.clone());
        }
        return;
    }
    let tail = tail.get(..WIDEST).unwrap_or(tail);
    let (adds, after) = match tail {
        [Token::Sign('+' | '.'), Token::Sign('='), after @ ..] => (true, after),
        _ => match sign(tail, '=') {
            Some(after) => (false, after),
            None => return,
        },
    };
    if matches!(after.first(), Some(Token::Sign('=' | '~' | '>'))) {
        return;
    }
    let name = name.trim_start_matches(['$', '@']).to_owned();
    let statement = after.get(..end_of_statement(after)).unwrap_or(after);
    let expression = values::at_commas(statement).next().unwrap_or(&[]);
    if let Some(real) = function(expression) {
        scan.aliases.insert(name, real.to_owned());
        return;
    }
    let mut value = scan.value(expression);
    if adds {
        value = match (scan.variables.get(&name), value) {
            (Some(Arg::Text(old)), Arg::Text(new)) => Arg::Text(format!("{old}{new}")),
            (Some(Arg::List(old)), Arg::List(new)) => Arg::List(old.iter().cloned().chain(new).collect()),
            _ => Arg::Other(Vec::new()),
        };
    }
    let long = match &value {
        Arg::Text(text) => text.len() > LONGEST,
        Arg::List(list) => list.len() > MOST_WORDS,
        Arg::Partly(_) | Arg::Other(_) => false,
    };
    let value = if long { Arg::Other(Vec::new()) } else { value };
    scan.variables.insert(name, value);
}

/// Bytes and words of a value that are kept; what grows beyond is not followed.
const LONGEST: usize = 4 * 1024;
const MOST_WORDS: usize = 256;

/// An expression that is a function and no call of it.
fn function(expression: &[Token]) -> Option<&str> {
    let name = match expression {
        [Token::Name(name)] => name,
        [.., Token::Sign(')'), Token::Name(name)] if name.starts_with('.') => name,
        _ => return None,
    };
    let name = name.trim_start_matches('.');
    kind(name)
        .is_some_and(|kind| !matches!(kind, Kind::Harmless | Kind::Path | Kind::Reads | Kind::Opens))
        .then_some(name)
}

/// Loops that are looked for.
const MOST_LOOPS: usize = 64;

/// `for x in known:`, `known.each { |x| … }`, `known.forEach(x => …)`, `foreach (known)`: what runs through it stands
/// for all of it. Done first, because a comprehension names its loop last.
pub(super) fn loops(scan: &mut Scan<'_>, tokens: &[Token]) {
    let mut found = 0;
    for (at, token) in tokens.iter().enumerate() {
        let Token::Name(word) = token else { continue };
        let tail = tokens.get(at + 1..).unwrap_or(&[]);
        let tail = tail.get(..WIDEST).unwrap_or(tail);
        let bound = match word.as_str() {
            "for" | "foreach" => in_loop(scan, tail),
            name if matches!(name.rsplit('.').next(), Some("each" | "forEach" | "map" | "each_entry")) => {
                block_parameter(tail)
                    .map(|variable| (vec![variable], over(scan, name, tokens.get(..at).unwrap_or(&[]))))
            }
            _ => None,
        };
        let Some((names, value)) = bound else { continue };
        found += 1;
        if found > MOST_LOOPS {
            return;
        }
        let arg = element(value);
        for name in names {
            scan.variables.insert(name.trim_start_matches(['$', '@']).to_owned(), arg.clone());
        }
    }
}

fn over(scan: &Scan<'_>, name: &str, before: &[Token]) -> Value {
    match name.rsplit_once('.') {
        Some(("", _)) => scan.values().receiver(before),
        Some((variable, _)) => match scan.values().evaluate(&[Token::Name(variable.to_owned())]) {
            Value::Many(list) => Value::Many(list),
            value => value,
        },
        None => Value::hole(),
    }
}

/// One of several: the only one, else somewhere among them.
fn element(value: Value) -> Arg {
    let word = match value {
        Value::One(word) => word,
        Value::Many(list) => match list.into_iter().next() {
            Some(first) => first,
            None => super::texts::hole(),
        },
    };
    match word.text() {
        Some(text) => Arg::Text(text.to_owned()),
        None if super::texts::is_hole(&word) => Arg::Other(Vec::new()),
        None => Arg::Partly(word),
    }
}

/// `x in EXPR`, `(const x of EXPR)`, `my $x (EXPR)`, `(EXPR)`.
fn in_loop(scan: &Scan<'_>, tail: &[Token]) -> Option<(Vec<String>, Value)> {
    let inside = sign(tail, '(').unwrap_or(tail);
    let names: Vec<String> = inside
        .iter()
        .take(6)
        .take_while(|token| matches!(token, Token::Name(_) | Token::Sign(',' | '(' | ')')))
        .filter_map(|token| match token {
            Token::Name(name) => Some(name.clone()),
            _ => None,
        })
        .collect();
    let at = inside
        .iter()
        .take(8)
        .position(|token| matches!(token, Token::Name(word) if matches!(word.as_str(), "in" | "of")));
    if let Some(at) = at {
        let expression = inside.get(at + 1..).unwrap_or(&[]);
        let end = expression
            .iter()
            .scan(0_i32, |depth, token| {
                match token {
                    Token::Sign('(' | '[' | '{') => *depth += 1,
                    Token::Sign(')' | ']' | '}') => *depth -= 1,
                    _ => {}
                }
                let over = *depth < 0
                    || *depth == 0 && (matches!(token, Token::Sign(':' | ';')) || matches!(token, Token::Name(word) if matches!(word.as_str(), "if" | "for" | "do")));
                (!over).then_some(())
            })
            .count();
        let value = scan.values().evaluate(expression.get(..end).unwrap_or(&[]));
        let names = names
            .into_iter()
            .take_while(|name| !matches!(name.as_str(), "in" | "of"))
            .filter(|name| !matches!(name.as_str(), "const" | "let" | "var"));
        return Some((names.collect(), value));
    }
    if scan.language != "perl" {
        return None;
    }
    // `… for glob("x")`: the loop comes last.
    if matches!(tail.first(), Some(Token::Name(name)) if !name.starts_with('$') && !matches!(name.as_str(), "my" | "our"))
    {
        let value = scan.values().evaluate(tail.get(..end_of_statement(tail)).unwrap_or(tail));
        return Some((vec!["_".to_owned()], value));
    }
    let open = tail.iter().take(3).position(|token| *token == Token::Sign('('))?;
    let name = tail.get(..open).unwrap_or(&[]).iter().rev().find_map(|token| match token {
        Token::Name(name) => Some(name.clone()),
        _ => None,
    });
    let inside = tail.get(open + 1..).unwrap_or(&[]);
    let value = scan.values().evaluate(inside.get(..end_of_statement(inside)).unwrap_or(inside));
    Some((vec![name.unwrap_or_else(|| "_".to_owned())], value))
}

/// `{ |x|`, `do |x|`, `(x =>`, `((x) =>`, `(function(x)`.
fn block_parameter(tail: &[Token]) -> Option<String> {
    let end = tail.len().min(6);
    let head = tail.get(..end).unwrap_or(tail);
    let start = matches!(head.first(), Some(Token::Sign('{' | '(')) | Some(Token::Name(_)));
    if !start {
        return None;
    }
    head.iter().find_map(|token| match token {
        Token::Name(name) if !matches!(name.as_str(), "do" | "function" | "async") => Some(name.clone()),
        _ => None,
    })
}
