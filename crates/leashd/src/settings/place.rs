//! Where something stands in a file of settings, and how a mistake there is shown: message, place, line, caret. What looks
//! like a secret is not shown.

use super::table::{self, Secrecy};
use crate::failure::Failure;
use leashd_types::visible;
use std::fmt;

/// Longest piece of a line that is shown, in characters.
const SHOWN: usize = 120;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: String,
    /// 1-based; 0 is the file as a whole.
    pub(crate) line: usize,
    /// 1-based, in characters.
    pub(crate) column: usize,
    /// Characters to underline; at least one is.
    pub(crate) length: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => formatter.write_str(&visible(&self.file)),
            line => write!(formatter, "{}:{line}", visible(&self.file)),
        }
    }
}

/// The error about something in `text`, which is the file of `place`.
pub(crate) fn mistake(place: &Place, text: &str, message: &str) -> Failure {
    let message = visible(message);
    let file = visible(&place.file);
    let Some(line) = place.line.checked_sub(1).and_then(|index| text.lines().nth(index)) else {
        return Failure::usage(format!("{message}\n --> {file}"));
    };
    let margin = place.line.to_string().len();
    let (line, before) = (shown(line), place.column.saturating_sub(1));
    let mut out = format!("{message}\n{:margin$}--> {file}:{}:{}\n", "", place.line, place.column);
    out.push_str(&format!("{:margin$} |\n{} | {line}", "", place.line));
    let room = line.chars().count().saturating_sub(before);
    if room > 0 {
        out.push_str(&format!(
            "\n{:margin$} | {:before$}{}",
            "",
            "",
            "^".repeat(place.length.clamp(1, room))
        ));
    }
    Failure::usage(out)
}

/// The line without what must not reach a terminal or a log: a value is shown if its key is known to hold no secret.
fn shown(line: &str) -> String {
    let key = line.split([':', '=']).next().unwrap_or_default();
    let name = key.trim().trim_start_matches("export ").trim_matches(['"', '\'', ' ']);
    let open = table::find(name).is_some_and(|row| row.secrecy == Secrecy::Open);
    let kept = match line.len() == key.len() {
        _ if open => line.replace('\t', " "),
        // A value that stands apart from its key.
        true => "…".to_owned(),
        false => format!("{key}: …"),
    };
    visible(&kept).chars().take(SHOWN).collect()
}
