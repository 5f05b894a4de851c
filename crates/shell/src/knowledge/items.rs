//! Splits text into words as programs do that are not shells: `xargs` its standard input, `env -S` its argument. Knows
//! their quoting; expands nothing.

use super::args::Parsed;
use crate::Word;

/// How xargs was told to read its standard input.
pub(super) enum Items {
    /// Blanks and newlines end an item; quotes and backslashes protect.
    Quoted,
    /// One item per line (`-I`); quotes and backslashes protect.
    Lines,
    /// One item per delimiter, nothing protects (`-0`, `-d`).
    Delimited(char),
}

impl Items {
    pub(super) fn of(parsed: &Parsed<'_>) -> Self {
        let delimiter = parsed.value("-d").or_else(|| parsed.value("--delimiter")).map(delimiter);
        if parsed.has("-0") || parsed.has("--null") {
            Items::Delimited('\0')
        } else if let Some(delimiter) = delimiter {
            Items::Delimited(delimiter)
        } else if parsed.has("-I") || parsed.has("-i") {
            Items::Lines
        } else {
            Items::Quoted
        }
    }

    pub(super) fn read(&self, text: &str) -> Vec<String> {
        match self {
            Items::Quoted => split(text, char::is_whitespace),
            Items::Lines => {
                let lines = split(text, |c| c == '\n');
                lines
                    .iter()
                    .map(|line| line.trim_start().to_owned())
                    .filter(|line| !line.is_empty())
                    .collect()
            }
            Items::Delimited(delimiter) => {
                let text = text.strip_suffix(*delimiter).unwrap_or(text);
                let all = if text.is_empty() { None } else { Some(text.split(*delimiter)) };
                all.into_iter().flatten().map(str::to_owned).collect()
            }
        }
    }
}

/// `-d '\n'` names the character by its escape.
fn delimiter(word: &Word) -> char {
    let text = word.text().unwrap_or("\n");
    match text {
        "\\n" => '\n',
        "\\t" => '\t',
        "\\0" => '\0',
        "\\r" => '\r',
        text => text.chars().next().unwrap_or('\n'),
    }
}

/// Words with single and double quotes and backslashes taken off.
pub(super) fn split(text: &str, ends: impl Fn(char) -> bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            Some(open) if c == open => quote = None,
            Some('"') | None if c == '\\' => word.get_or_insert_default().extend(chars.next()),
            Some(_) => word.get_or_insert_default().push(c),
            None if ends(c) => words.extend(word.take()),
            None if matches!(c, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            None => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
