//! Variables: which of them change what later programs run, and the commands that set or show them.

use super::custom::After;
use super::report::Report;
use super::roles;
use crate::Word;
use std::collections::BTreeSet;
use std::sync::LazyLock;

const VARIABLES: &str = include_str!("../../knowledge/variables");

/// The list of variables, ready to be searched: it is asked for every assignment.
struct Variables {
    names: BTreeSet<&'static str>,
    families: Vec<&'static str>,
    taken_out: BTreeSet<&'static str>,
}

static STEERING: LazyLock<Variables> = LazyLock::new(|| {
    let names = || VARIABLES.lines().filter(|line| !line.starts_with('#')).flat_map(|line| line.split(' '));
    Variables {
        names: names().collect(),
        families: names().filter_map(|name| name.strip_suffix('*')).collect(),
        taken_out: names().filter_map(|name| name.strip_prefix('!')).collect(),
    }
});

/// Variables that change what later programs run, load or connect to.
pub(crate) fn steers(name: &str) -> bool {
    let of_family = || STEERING.families.iter().any(|start| name.starts_with(start));
    STEERING.names.contains(name) || (of_family() && !STEERING.taken_out.contains(name))
}

pub(super) fn env(report: &mut Report<'_>, words: &[Word]) -> After {
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first() {
        let start = word.prefix();
        match start {
            "-i" | "-0" | "-v" | "-" | "--ignore-environment" | "--null" | "--debug" | "--" => rest = tail,
            "--help" | "--version" => {
                report.help = true;
                return After::Done;
            }
            "-C" | "--chdir" => {
                report.unclear("the command runs in another directory");
                rest = tail.get(1..).unwrap_or(&[]);
            }
            _ if start.starts_with("--chdir=") || (start.starts_with("-C") && start.len() > 2) => {
                report.unclear("the command runs in another directory");
                rest = tail;
            }
            "-u" | "--unset" | "-P" => rest = tail.get(1..).unwrap_or(&[]),
            "-S" | "--split-string" => {
                split_string(report, tail.first().cloned(), tail.get(1..).unwrap_or(&[]));
                return After::Done;
            }
            _ if start.starts_with("-S")
                || start.starts_with("--split-string=")
                || start.starts_with("-vS") =>
            {
                let at = start.find(['S', '=']).map_or(0, |at| at + 1);
                split_string(report, Some(super::args::after(word, at)), tail);
                return After::Done;
            }
            _ if start.starts_with('-') => rest = tail,
            _ => match start.split_once('=') {
                Some((name, _)) => {
                    if steers(name) {
                        roles::environment(report, name);
                    }
                    rest = tail;
                }
                None => break,
            },
        }
    }
    if rest.is_empty() {
        report.secret("the environment");
    } else {
        report.command(rest.to_vec());
    }
    After::Done
}

/// `-S TEXT`: only the text is split; the words after it stay the words they are.
fn split_string(report: &mut Report<'_>, line: Option<Word>, rest: &[Word]) {
    let Some(line) = line else { return };
    let Some(text) = line.text() else {
        report.unclear("the words env would split cannot be told");
        report.command(vec![line]);
        return;
    };
    if text.contains(['$', '#']) || text.contains("\\_") {
        report.unclear("env would put variables into the words it splits");
    }
    let words = super::items::split(text, char::is_whitespace);
    let words = std::iter::once("env".to_owned()).chain(words).map(Word::literal);
    report.command(words.chain(rest.iter().cloned()).collect());
}

/// `export`, `declare`, `typeset`, `readonly`, `local`.
pub(super) fn export(report: &mut Report<'_>, words: &[Word]) -> After {
    let prints = words.iter().all(|word| word.prefix().starts_with('-'));
    let functions = words
        .iter()
        .any(|word| word.text().is_some_and(|text| text.starts_with('-') && text.contains(['f', 'F'])));
    if prints && !functions {
        report.secret("the environment");
    }
    let is_export = report.name == "export"
        || words
            .iter()
            .any(|word| word.text().is_some_and(|text| text.starts_with('-') && text.contains('x')));
    for word in words {
        let name = word.prefix().split(['=', '+']).next().unwrap_or("");
        if is_export && steers(name) && word.prefix().contains('=') {
            roles::environment(report, name);
        }
    }
    After::Done
}

pub(super) fn set(report: &mut Report<'_>, words: &[Word]) -> After {
    if words.is_empty() {
        report.secret("the variables of the shell");
    }
    After::Done
}
