//! Names in a snippet that are not called: which of them are understood. Ruby and Perl call functions by their bare
//! names, every language can hand a function on; a name that is not known here makes the code one to look at.

use super::kinds::{Kind, kind};
use super::{Scan, calls};
use crate::knowledge::lexer::Token;
use crate::knowledge::report::Report;
use std::collections::HashSet;

/// Words of the languages, constants and modules that do nothing by being named, in the order of the languages.
const PLAIN: &str = include_str!("../../../knowledge/names");

/// Names the snippet itself gives a meaning: assigned, parameters, loop variables.
pub(super) fn bound(tokens: &[Token]) -> HashSet<&str> {
    let mut bound = HashSet::new();
    let mut in_bars = false;
    for (at, token) in tokens.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| tokens.get(at));
        match token {
            Token::Sign('|') => {
                in_bars = !in_bars && matches!(before, Some(Token::Sign('{')) | Some(Token::Name(_)))
            }
            Token::Name(name) => {
                let assigned = matches!(tokens.get(at + 1), Some(Token::Sign('=')))
                    && !matches!(tokens.get(at + 2), Some(Token::Sign('=' | '~')));
                let declared = matches!(before, Some(Token::Name(word)) if matches!(word.as_str(), "for" | "def" | "sub" | "function" | "my" | "our" | "local" | "foreach" | "class" | "module"));
                // `from MODULE import NAME`: the module is looked at, the name where it is used.
                let taken = matches!(before, Some(Token::Name(word)) if word == "import")
                    && matches!(at.checked_sub(3).and_then(|at| tokens.get(at)), Some(Token::Name(word)) if word == "from");
                if in_bars || assigned || declared || taken {
                    bound.insert(name.trim_start_matches(['$', '@']));
                }
            }
            _ => {}
        }
    }
    bound
}

/// Whether a name that is not called (as far as parentheses show) is known to do nothing.
pub(super) fn is_understood(
    language: &str,
    name: &str,
    before: Option<&Token>,
    tail: &[Token],
    bound: &HashSet<&str>,
) -> bool {
    if name.starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    let imported =
        matches!(before, Some(Token::Name(word)) if matches!(word.as_str(), "import" | "from" | "use"));
    let imports = matches!(name, "import" | "from" | "use");
    match language {
        "python" if imported && bound.contains(name) => true,
        "python" if imported => is_plain("python-module", name.split('.').next().unwrap_or(name)),
        "python" => !name.starts_with('@'),
        "node" if imports => true,
        "node" | "php" | "lua" => true,
        "perl" | "ruby" => {
            imported && is_plain("perl-module", name) || is_bare(language, name, before, tail, bound)
        }
        _ => false,
    }
}

/// Perl and Ruby: a bare name is a call unless it is a variable, a key or a word of the language.
fn is_bare(
    language: &str,
    name: &str,
    before: Option<&Token>,
    tail: &[Token],
    bound: &HashSet<&str>,
) -> bool {
    let mut parts = name.split('.');
    let first = parts.next().unwrap_or_default();
    let key = match tail {
        [Token::Sign('='), Token::Sign('>'), ..] | [Token::Sign(':'), ..] => true,
        [Token::Sign('}'), ..] => language == "perl" && matches!(before, Some(Token::Sign('{'))),
        _ => false,
    };
    let symbol = language == "ruby" && matches!(before, Some(Token::Sign(':')));
    let variable = first.is_empty()
        || first.starts_with(['$', '@'])
        || matches!(before, Some(Token::Sign('%'))) && language == "perl"
        || bound.contains(first);
    let known = |word: &str| is_plain(language, word) || matches!(kind(word), Some(Kind::Harmless));
    let constant = language == "ruby" && first.starts_with(|c: char| c.is_ascii_uppercase());
    (key || symbol || variable || constant || known(first)) && parts.all(known)
}

pub(super) fn is_plain(section: &str, name: &str) -> bool {
    PLAIN
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(found, _)| *found == section)
        .any(|(_, names)| names.split(' ').any(|found| found == name))
}

/// Names with a kind that are also the way to reach something harmless (`ENV["X"]`, `http`).
pub(super) fn is_handle(name: &str) -> bool {
    let leaf = name.rsplit('.').next().unwrap_or(name);
    matches!(
        leaf,
        "path"
            | "Path"
            | "Pathname"
            | "file"
            | "match"
            | "http"
            | "https"
            | "glob"
            | "walk"
            | "socket"
            | "connect"
            | "move"
            | "touch"
            | "file_name"
            | "got"
            | "rename"
            | "open"
            | "link"
            | "copy"
            | "load"
            | "WebSocket"
            | "FTP"
    ) && !matches!(name, "os.open" | "IO.popen")
}

/// `(…)(…)`, `[…](…)`, `"…"(…)`: what is called is computed.
pub(super) fn is_computed_call(before: Option<&Token>, token: &Token) -> bool {
    *token == Token::Sign('(') && matches!(before, Some(Token::Sign(')' | ']') | Token::Text(_)))
}

/// A template handed to a function: the shells of `bun` and `zx`, or anything.
pub(super) fn template(scan: &mut Scan<'_>, report: &mut Report<'_>, tag: &str, body: &str) {
    let leaf = tag.rsplit('.').next().unwrap_or(tag);
    match leaf {
        "$" | "sh" | "exec" | "execa" | "execSync" | "shell" if body.contains("${") => {
            calls::hidden(scan, report, "a command is put together while the code runs");
        }
        "$" | "sh" | "exec" | "execa" | "execSync" | "shell" => report.script_text(body),
        "raw" => {}
        _ => scan.beyond = true,
    }
}

/// Most pieces of code in one string that are looked at.
const MOST_PIECES: usize = 64;

/// The code inside a string: what stands in braces.
pub(super) fn interpolated<'t>(language: &str, text: &'t str) -> Vec<&'t str> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((before, tail)) = rest.split_once('{')
        && pieces.len() < MOST_PIECES
    {
        let mut depth = 0_usize;
        let end = tail.char_indices().find_map(|(at, c)| match c {
            '{' => {
                depth += 1;
                None
            }
            '}' if depth == 0 => Some(at),
            '}' => {
                depth -= 1;
                None
            }
            _ => None,
        });
        let (piece, after) = tail.split_at_checked(end.unwrap_or(tail.len())).unwrap_or((tail, ""));
        // In Perl `$NAME{key}` is an element, `@{[ code ]}` is code.
        if language != "perl" || before.ends_with(['@', '$']) {
            pieces.push(piece);
        }
        rest = after;
    }
    pieces
}
