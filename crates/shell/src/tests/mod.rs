//! Lines and what is found in them.

mod carried;
mod constructs;
mod doubts;
mod limits;
mod parsing;
mod probes;

use crate::word::Part;
use crate::{Analysis, Command, Env, Word, analyze};
use leashd_types::FileText;
use std::collections::BTreeMap;

/// A word as text; what is not known shows as `‹why›`.
fn shown(word: &Word) -> String {
    word.parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) | Part::Glob(text) => text.clone(),
            Part::Unknown(why) => format!("‹{why}›"),
        })
        .collect()
}

fn line_of(command: &Command) -> String {
    let words: Vec<String> = command.words.iter().map(shown).collect();
    words.join(" ")
}

fn analyzed(line: &str) -> Analysis {
    analyzed_with(line, &[])
}

fn analyzed_with(line: &str, files: &[(&str, &str)]) -> Analysis {
    let files: BTreeMap<String, FileText> =
        files.iter().map(|(path, text)| ((*path).to_owned(), FileText::Text((*text).to_owned()))).collect();
    analyze(line, &Env { cwd: "/home/dev/proj", home: "/home/dev", files: &files })
}

/// The commands of a line as text, those without words left out.
fn commands(line: &str) -> Vec<String> {
    analyzed(line).commands.iter().filter(|command| !command.words.is_empty()).map(line_of).collect()
}

/// Checks that a line is found to run exactly these commands, with no doubt about any.
fn check(line: &str, expected: &[&str]) {
    let analysis = analyzed(line);
    let doubts: Vec<&String> = analysis
        .unclear
        .iter()
        .chain(analysis.commands.iter().flat_map(|command| &command.unclear))
        .collect();
    assert_eq!(commands(line), expected, "{line}");
    assert!(doubts.is_empty(), "{line}: {doubts:?}");
}

/// Checks that a line runs a command among others, whatever else is found or doubted.
fn check_runs(line: &str, expected: &str) {
    let found = commands(line);
    assert!(found.iter().any(|command| command == expected), "{line}: {found:?}");
}

/// Checks that something about a line cannot be told.
fn check_unclear(line: &str) {
    let analysis = analyzed(line);
    let unclear =
        !analysis.unclear.is_empty() || analysis.commands.iter().any(|command| !command.unclear.is_empty());
    assert!(unclear, "{line}: {analysis:?}");
}
