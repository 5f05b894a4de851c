//! Finds the model's command in the line that Claude Code gives to bash. Understands quotes and nothing else of the
//! shell; what it does not understand gets nothing.

/// What a line holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// The text that `eval` is given.
    Command(String),
    /// These words, and no `eval`.
    NoEval(Vec<String>),
    /// More than one `eval`, or quotes that do not end.
    Unclear,
}

/// Looks for the one `eval` outside quotes and takes the word after it.
pub(super) fn command(line: &str) -> Line {
    let Some(words) = words(line) else { return Line::Unclear };
    let mut found = words.iter().zip(words.iter().skip(1)).filter(|(word, _)| *word == "eval");
    match (found.next(), found.next()) {
        (Some((_, command)), None) => Line::Command(command.clone()),
        (Some(_), Some(_)) => Line::Unclear,
        (None, _) => Line::NoEval(words),
    }
}

/// The words of a line without their quotes. Nothing if a quote does not end.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(c) = rest.next() {
        if c.is_ascii_whitespace() {
            words.extend(word.take());
            continue;
        }
        let word = word.get_or_insert_default();
        match c {
            '\'' => loop {
                match rest.next()? {
                    '\'' => break,
                    c => word.push(c),
                }
            },
            '"' => loop {
                match rest.next()? {
                    '"' => break,
                    '\\' => match rest.next()? {
                        c @ ('"' | '\\' | '$' | '`') => word.push(c),
                        '\n' => {}
                        c => word.extend(['\\', c]),
                    },
                    c => word.push(c),
                }
            },
            '\\' => word.push(rest.next()?),
            c => word.push(c),
        }
    }
    words.extend(word);
    Some(words)
}
