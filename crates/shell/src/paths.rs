//! From a word to the path it names, as far as the line tells.

use crate::walk::origin::{JOB, NUMBER};
use crate::word::{Part, Word};
use leashd_types::PathText;

/// The path a word names for a command that runs in `directory`.
pub(crate) fn path_text(word: &Word, directory: Option<&str>) -> PathText {
    if let Some(text) = word.text() {
        return match join(text, directory) {
            Some(path) => PathText::Exact(path),
            None => PathText::Unknown("the directory it starts from is not known".to_owned()),
        };
    }
    if let Some(numbered) = numbered(word) {
        return path_text(&numbered, directory);
    }
    if let Some(why) = word.unknown_reason() {
        return PathText::Unknown(why.to_owned());
    }
    let whole: String = word
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) | Part::Glob(text) | Part::Unknown(text) => text.as_str(),
        })
        .collect();
    let plain = word.prefix();
    let start = plain.rfind('/').map_or(0, |at| at + 1);
    let before = whole.get(..start).unwrap_or("");
    let pattern = whole.get(start..).unwrap_or("").to_owned();
    match join(before, directory) {
        Some(directory) => PathText::Glob { directory, pattern },
        None => PathText::Unknown("the directory it starts from is not known".to_owned()),
    }
}

/// A name with a number in it that is not known: a pattern for it, or any number where files are made anew each time.
pub(crate) fn numbered(word: &Word) -> Option<Word> {
    let temporary = ["/tmp/", "/var/tmp/"].iter().any(|place| word.prefix().starts_with(place));
    let mut numbered = Word::default();
    let mut any = false;
    for part in word.parts() {
        numbered.push(match part {
            Part::Unknown(why) if why == NUMBER || why == JOB => {
                any = true;
                if temporary { Part::Text("0".to_owned()) } else { Part::Glob("[0-9]*".to_owned()) }
            }
            Part::Unknown(_) => return None,
            part => part.clone(),
        });
    }
    any.then_some(numbered)
}

/// Absolute, but with `.` and `..` as they are.
pub(crate) fn join(path: &str, directory: Option<&str>) -> Option<String> {
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let directory = directory?;
    if path.is_empty() {
        return Some(directory.to_owned());
    }
    Some(format!("{}/{path}", directory.trim_end_matches('/')))
}

/// Without `.`, `..` and doubled slashes, as `cd` reads a path.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

pub(crate) fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
