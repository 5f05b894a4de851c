//! What is shown when a policy file does not load: the message, the place, the line with a caret, a hint.

use crate::rules::Spot;
use std::fmt::Write as _;

/// Longest piece of a source line that is shown, in characters.
const SHOWN: usize = 160;

/// Why a policy file did not load.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    #[error(
        "error: the policy file is too large\n --> {file}\n  = {bytes} bytes, the limit is {limit}\n  \
         = help: split it, or remove what is not a rule"
    )]
    TooLarge { file: String, bytes: usize, limit: usize },
    #[error("{0}")]
    At(Box<Place>),
}

/// A mistake and where it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{rendered}")]
pub struct Place {
    pub file: String,
    /// 1-based; 0 when the mistake has no place.
    pub line: u32,
    /// 1-based, in characters.
    pub column: u32,
    pub message: String,
    pub hint: Option<String>,
    rendered: String,
}

impl Spot {
    pub(crate) fn of(location: serde_saphyr::Location) -> Self {
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        Self {
            line: narrow(location.line()),
            column: narrow(location.column()),
            length: narrow(location.span().len()),
        }
    }
}

/// Builds the error for a mistake in `text`.
pub(crate) fn at(file: &str, text: &str, spot: Spot, message: String, hint: Option<String>) -> LoadError {
    // They quote the file, which may come with a repository: nothing of it may write to the terminal by itself.
    let (message, hint) = (leashd_types::visible(&message), hint.as_deref().map(leashd_types::visible));
    let rendered = render(file, text, spot, &message, hint.as_deref());
    LoadError::At(Box::new(Place {
        file: file.to_owned(),
        line: spot.line,
        column: spot.column,
        message,
        hint,
        rendered,
    }))
}

fn render(file: &str, text: &str, spot: Spot, message: &str, hint: Option<&str>) -> String {
    let mut out = format!("error: {message}\n");
    let margin = spot.line.to_string().len();
    if spot.line == 0 {
        let _infallible = writeln!(out, " --> {file}");
    } else {
        let _infallible = writeln!(out, "{:margin$}--> {file}:{}:{}", "", spot.line, spot.column);
        if let Some(line) = text.lines().nth(usize::try_from(spot.line - 1).unwrap_or(usize::MAX)) {
            let shown: String = line.chars().take(SHOWN).map(visible).collect();
            let before = usize::try_from(spot.column.saturating_sub(1)).unwrap_or(0);
            let room = shown.chars().count().saturating_sub(before).max(1);
            let length = usize::try_from(spot.length).unwrap_or(1).clamp(1, room);
            let _infallible = writeln!(out, "{:margin$} |", "");
            let _infallible = writeln!(out, "{} | {shown}", spot.line);
            if before <= SHOWN {
                let _infallible = writeln!(out, "{:margin$} | {:before$}{}", "", "", "^".repeat(length));
            }
        }
    }
    if let Some(hint) = hint {
        let _infallible = writeln!(out, "{:margin$} = help: {hint}", "");
    }
    out.truncate(out.trim_end().len());
    out
}

/// Control and direction characters could make an error show something else than what is there.
fn visible(character: char) -> char {
    match character {
        '\t' => ' ',
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => {
            '\u{fffd}'
        }
        other if other.is_control() => '\u{fffd}',
        other => other,
    }
}

/// The name among `known` that is nearest to `name`, if one is near enough to be a typo.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().flat_map(char::to_lowercase).take(64).collect();
    known
        .into_iter()
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len().min(wanted.len()) / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Edit distance with swaps of neighbours counted as two.
fn distance(left: &[char], right: &str) -> usize {
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (above, letter) in right.chars().enumerate() {
        let mut diagonal = above;
        let mut before = above + 1;
        let mut next = vec![before];
        for (wanted, old) in left.iter().zip(row.iter().skip(1)) {
            let cost = diagonal + usize::from(*wanted != letter);
            diagonal = *old;
            before = cost.min(old + 1).min(before + 1);
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}
