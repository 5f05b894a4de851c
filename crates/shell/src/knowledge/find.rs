//! `find` and `fd`: where they look, and what they do with what they find.

use super::custom::After;
use super::report::{Report, path_text};
use crate::{Part, Word};
use leashd_types::{Depth, Effect};

pub(super) fn find(report: &mut Report<'_>, words: &[Word]) -> After {
    if words.iter().any(|word| matches!(word.text(), Some("--help" | "-help" | "--version" | "-version"))) {
        report.help = true;
        return After::Done;
    }
    let mut rest = words;
    while let Some((first, tail)) = rest.split_first() {
        match first.text() {
            Some("-H" | "-L" | "-P") => rest = tail,
            Some("-D") => rest = tail.get(1..).unwrap_or(&[]),
            Some(text) if text.starts_with("-O") => rest = tail,
            _ => break,
        }
    }
    let end = rest.iter().position(|word| word.prefix().starts_with(['-', '(', '!'])).unwrap_or(rest.len());
    let (starts, tests) = rest.split_at_checked(end).unwrap_or((rest, &[]));
    let here = [Word::literal(".")];
    let starts = if starts.is_empty() { here.as_slice() } else { starts };
    for start in starts {
        report.read(start);
    }
    let name = name_test(tests);
    let mut rest = tests;
    while let Some((word, tail)) = rest.split_first() {
        rest = expression(report, word, tail, starts, name.as_deref());
    }
    After::Done
}

/// The pattern of the only `-name`, unless something widens it.
fn name_test(tests: &[Word]) -> Option<String> {
    if tests.iter().any(|word| matches!(word.text(), Some("-o" | "-or" | "," | "!" | "-not"))) {
        return None;
    }
    let at = tests.iter().position(|word| matches!(word.text(), Some("-name" | "-iname")))?;
    let pattern = tests.get(at + 1)?;
    pattern.text().map(str::to_owned)
}

fn expression<'w>(
    report: &mut Report<'_>,
    word: &Word,
    tail: &'w [Word],
    starts: &[Word],
    name: Option<&str>,
) -> &'w [Word] {
    let after_value = tail.get(1..).unwrap_or(&[]);
    match word.text() {
        Some(action @ ("-exec" | "-execdir" | "-ok" | "-okdir")) => {
            let end = tail.iter().enumerate().position(|(at, word)| match word.text() {
                Some(";") => true,
                Some("+") => at
                    .checked_sub(1)
                    .and_then(|at| tail.get(at))
                    .is_some_and(|word| word.text() == Some("{}")),
                _ => false,
            });
            let end = end.unwrap_or(tail.len());
            let elsewhere = action.ends_with("dir") && starts.iter().any(leaves_the_directory);
            if elsewhere {
                report.unclear("the command runs in each directory that is found");
            }
            executes(report, tail.get(..end).unwrap_or(tail), starts, name);
            tail.get(end + 1..).unwrap_or(&[])
        }
        Some("-delete") => {
            let depth = if name.is_some() { Depth::Single } else { Depth::Recursive };
            for start in starts {
                let path = path_text(&found(start, name), report.argv.cwd, report.argv.home);
                let force = report.force;
                report.add(Effect::Delete { path, depth, force });
            }
            tail
        }
        Some("-fprint" | "-fprint0" | "-fls") => {
            tail.iter().take(1).for_each(|file| super::roles::write(report, file));
            after_value
        }
        Some("-fprintf") => {
            tail.iter().take(1).for_each(|file| super::roles::write(report, file));
            tail.get(2..).unwrap_or(&[])
        }
        Some("-files0-from" | "-newer" | "-samefile" | "-anewer" | "-cnewer") => after_value,
        Some(
            "-name" | "-iname" | "-path" | "-ipath" | "-wholename" | "-regex" | "-iregex" | "-type" | "-size"
            | "-mtime" | "-mmin" | "-ctime" | "-atime" | "-amin" | "-cmin" | "-perm" | "-user" | "-group"
            | "-maxdepth" | "-mindepth" | "-printf" | "-lname" | "-ilname" | "-regextype" | "-xtype"
            | "-inum" | "-links" | "-uid" | "-gid" | "-fstype" | "-newermt" | "-used" | "-context",
        ) => after_value,
        Some(_) => tail,
        None => {
            if word.prefix().is_empty() {
                report.unclear("a part of find's expression cannot be told, and it can run commands");
            }
            tail
        }
    }
}

fn leaves_the_directory(start: &Word) -> bool {
    start.text().is_none_or(|text| text.starts_with(['/', '~']) || text.contains(".."))
}

/// What `{}` stands for below a starting point.
pub(super) fn found(start: &Word, name: Option<&str>) -> Word {
    let mut word = start.clone();
    if word.text().is_some_and(|text| !text.ends_with('/')) {
        word.push(Part::Text("/".to_owned()));
    }
    word.push(Part::Glob(name.map_or_else(|| "**".to_owned(), |name| format!("**/{name}"))));
    word
}

/// One nested command for every starting point that `{}` can stand for.
fn executes(report: &mut Report<'_>, command: &[Word], starts: &[Word], name: Option<&str>) {
    let uses = command.iter().any(|word| word.text().is_some_and(|text| text.contains("{}")));
    if !uses {
        report.command(command.to_vec());
        return;
    }
    for start in starts {
        if report.is_full() {
            return;
        }
        let words = command.iter().map(|word| replace(word, &found(start, name))).collect();
        report.command(words);
    }
}

/// A word with every `{}` replaced.
pub(super) fn replace(word: &Word, by: &Word) -> Word {
    replace_mark(word, "{}", by)
}

pub(super) fn replace_mark(word: &Word, mark: &str, by: &Word) -> Word {
    let Some(text) = word.text().filter(|text| text.contains(mark) && !mark.is_empty()) else {
        return word.clone();
    };
    if text == mark {
        return by.clone();
    }
    // Inside a longer text only the surroundings are certain; a file name is not code that can be told.
    let mut out = Word::default();
    for (at, piece) in text.split(mark).enumerate() {
        if at > 0 {
            match by.text() {
                Some(known) => out.push(Part::Text(known.to_owned())),
                None => by.parts().iter().for_each(|part| out.push(part.clone())),
            }
        }
        if !piece.is_empty() {
            out.push(Part::Text(piece.to_owned()));
        }
    }
    out
}
