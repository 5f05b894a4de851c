//! Shell patterns: matching text against `*`, `?`, `[…]`.

use crate::limits::PATTERN_BYTES;
use crate::word::{Part, Word};

/// Longest bracket expression that is looked for, in bytes.
pub(super) const BRACKET_BYTES: usize = 256;

/// A pattern ready to be matched.
#[derive(Debug)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
}

#[derive(Debug)]
enum Token {
    Char(char),
    One,
    Many,
    Set { negated: bool, ranges: Vec<(char, char)> },
}

impl Pattern {
    /// Nothing if a part is not known or of a kind that is not followed.
    pub(crate) fn new(word: &Word) -> Option<Self> {
        let mut tokens = Vec::new();
        for part in word.parts() {
            match part {
                Part::Text(text) => tokens.extend(text.chars().map(Token::Char)),
                Part::Glob(glob) => match glob.as_str() {
                    "*" => tokens.push(Token::Many),
                    "?" => tokens.push(Token::One),
                    glob => tokens.push(set(glob)?),
                },
                Part::Unknown(_) => return None,
            }
        }
        (tokens.len() <= PATTERN_BYTES).then_some(Self { tokens })
    }

    /// Whether the whole text matches.
    pub(crate) fn matches(&self, text: &[char]) -> bool {
        let (mut at, mut token) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        loop {
            let matched = match (self.tokens.get(token), text.get(at)) {
                (None, None) => return true,
                (Some(Token::Many), _) => {
                    retry = Some((at, token));
                    token += 1;
                    continue;
                }
                (Some(wanted), Some(&char)) => wanted.accepts(char),
                (None, Some(_)) | (Some(_), None) => false,
            };
            if matched {
                at += 1;
                token += 1;
            } else if let Some((from, star)) = retry.filter(|&(from, _)| from < text.len()) {
                retry = Some((from + 1, star));
                at = from + 1;
                token = star + 1;
            } else {
                return false;
            }
        }
    }
}

impl Token {
    fn accepts(&self, char: char) -> bool {
        match self {
            Self::Char(wanted) => *wanted == char,
            Self::One => true,
            Self::Many => false,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|&(low, high)| (low..=high).contains(&char)) != *negated
            }
        }
    }
}

fn set(glob: &str) -> Option<Token> {
    let inside = glob.strip_prefix('[')?.strip_suffix(']')?;
    let (negated, inside) = match inside.strip_prefix(['!', '^']) {
        Some(inside) => (true, inside),
        None => (false, inside),
    };
    let mut ranges = Vec::new();
    let mut rest = inside;
    while let Some(char) = rest.chars().next() {
        if let Some((class, after)) = rest.strip_prefix("[:").and_then(|rest| rest.split_once(":]")) {
            ranges.extend_from_slice(self::class(class)?);
            rest = after;
            continue;
        }
        if rest.starts_with("[.") || rest.starts_with("[=") {
            return None;
        }
        rest = rest.get(char.len_utf8()..).unwrap_or("");
        let upper = rest.strip_prefix('-').and_then(|after| after.chars().next());
        match upper {
            Some(upper) => {
                ranges.push((char, upper));
                rest = rest.get(1 + upper.len_utf8()..).unwrap_or("");
            }
            None => ranges.push((char, char)),
        }
    }
    Some(Token::Set { negated, ranges })
}

fn class(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alpha" => &[('a', 'z'), ('A', 'Z')],
        "digit" => &[('0', '9')],
        "alnum" => &[('a', 'z'), ('A', 'Z'), ('0', '9')],
        "upper" => &[('A', 'Z')],
        "lower" => &[('a', 'z')],
        "space" => &[(' ', ' '), ('\t', '\r')],
        "blank" => &[(' ', ' '), ('\t', '\t')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "xdigit" => &[('0', '9'), ('a', 'f'), ('A', 'F')],
        "word" => &[('a', 'z'), ('A', 'Z'), ('0', '9'), ('_', '_')],
        _ => return None,
    })
}
