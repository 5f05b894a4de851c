//! Reads the `.env` of a project for settings of ours. The file is the project's: most of it is not for us, nothing in it
//! is substituted, and whether what it sets counts is decided elsewhere.

use super::config_file::nearest;
use super::place::{Place, mistake};
use super::table::{self, PREFIX, Row};
use super::value::Raw;
use crate::failure::Failure;

/// The file in a project's directory.
pub(crate) const NAME: &str = ".env";
/// Bytes of it.
pub(crate) const BYTES_MAX: u64 = 1 << 20;

/// One setting the file makes. The last of several counts, as in a shell.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) row: &'static Row,
    pub(crate) raw: Raw,
    pub(crate) place: Place,
}

/// The lines that set something of ours.
///
/// # Errors
/// An unknown setting: a misspelt one would tighten nothing, and nobody would see it.
pub(crate) fn read(file: &str, text: &str) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let trimmed = line.trim_start();
        let assignment = trimmed.strip_prefix("export ").map_or(trimmed, str::trim_start);
        let Some((name, value)) = assignment.split_once('=') else { continue };
        let name = name.trim_end();
        if !name.starts_with(PREFIX) || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        {
            continue;
        }
        let column = line.len() - assignment.len() + 1;
        let place = Place { file: file.to_owned(), line: index + 1, column, length: name.len() };
        let Some(row) = table::find(name) else {
            let hint = match nearest(name) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "remove it; `leashd config` lists all settings".to_owned(),
            };
            return Err(mistake(&place, text, &format!("unknown setting `{name}`")).hint(hint));
        };
        let value = unquoted(value);
        if !value.is_empty() {
            lines.push(Line { row, raw: Raw::text(value), place });
        }
    }
    Ok(lines)
}

/// A value without its quotes, or without the comment behind it.
fn unquoted(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(rest) = value.strip_prefix(quote)
            && let Some((inner, _)) = rest.split_once(quote)
        {
            return inner;
        }
    }
    value.split_once(" #").map_or(value, |(before, _)| before).trim_end()
}
