//! git: which operation a command amounts to, where a push goes, and which configuration would run code. Knows git's
//! own options; does not know a repository's aliases or remotes.

mod config;
mod remotes;
mod subcommands;
mod words;

use super::custom::After;
use super::report::Report;
use crate::Word;
use leashd_types::{Direction, Effect, Force, GitOperation};

/// Global options that take the next word.
const WITH_VALUE: [&str; 9] = [
    "-C",
    "-c",
    "--git-dir",
    "--work-tree",
    "--namespace",
    "--exec-path",
    "--super-prefix",
    "--config-env",
    "--attr-source",
];

pub(super) fn git(report: &mut Report<'_>, words: &[Word]) -> After {
    let mut rest = words;
    let mut aliases = Vec::new();
    while let Some((word, tail)) = rest.split_first() {
        let Some(text) = word.text() else {
            if word.prefix().is_empty() || !word.prefix().starts_with('-') {
                report.unclear("the git subcommand cannot be told");
                report.git(GitOperation::Unknown);
                return After::Done;
            }
            report.unclear("an option of git cannot be told");
            rest = tail;
            continue;
        };
        if !text.starts_with('-') {
            break;
        }
        rest = global(report, text, tail, &mut aliases);
        if report.help {
            return After::Done;
        }
    }
    let Some((name, args)) = rest.split_first() else { return After::Done };
    let name = name.text().unwrap_or_default();
    if let Some((_, value)) = aliases.iter().find(|(key, _)| key == name) {
        expand_alias(report, value, args);
        return After::Done;
    }
    if args.iter().take_while(|word| word.text() != Some("--")).any(|word| word.text() == Some("--help")) {
        report.help = true;
        return After::Done;
    }
    if matches!(args, [word] if word.text() == Some("-h")) {
        report.help = true;
        return After::Done;
    }
    subcommands::run(report, name, args);
    After::Done
}

/// One option before the subcommand; gives the words after it.
fn global<'w>(
    report: &mut Report<'_>,
    text: &str,
    tail: &'w [Word],
    aliases: &mut Vec<(String, Word)>,
) -> &'w [Word] {
    if matches!(text, "--help" | "-h" | "--version" | "-v" | "--html-path" | "--man-path" | "--info-path") {
        report.help = true;
        return tail;
    }
    if !WITH_VALUE.contains(&text) {
        if let Some(path) = text.strip_prefix("--exec-path=") {
            // Subcommands would be looked for there.
            report.runs_file(&Word::literal(path));
        }
        if text.starts_with("--config-env=") {
            report.unclear("git takes a setting from a variable");
        }
        if let Some(path) = text.strip_prefix("--git-dir=") {
            repository(report, &Word::literal(path));
        }
        return tail;
    }
    let Some((value, after)) = tail.split_first() else { return tail };
    match text {
        "-c" => config::given(report, value, aliases),
        "--config-env" => report.unclear("git takes a setting from a variable"),
        "--exec-path" => report.runs_file(value),
        "--git-dir" => repository(report, value),
        _ => {}
    }
    after
}

/// A directory that git is told to take for its own. What is called `.git` is guarded; any other may have been prepared,
/// and its configuration is code.
fn repository(report: &mut Report<'_>, directory: &Word) {
    let name = directory.text().and_then(|text| text.trim_end_matches('/').rsplit('/').next());
    if !name.is_some_and(|name| name.eq_ignore_ascii_case(".git")) {
        report.unclear("git is told to take its orders from another directory than `.git`");
    }
}

/// An alias given with `-c`: shell code after `!`, else words of git.
fn expand_alias(report: &mut Report<'_>, value: &Word, args: &[Word]) {
    let Some(text) = value.text() else {
        report.unclear("a git alias cannot be told");
        return;
    };
    match text.strip_prefix('!') {
        Some(code) => {
            let mut line = Word::literal(format!("{code} "));
            for (at, arg) in args.iter().enumerate() {
                if at > 0 {
                    line.push(crate::Part::Text(" ".to_owned()));
                }
                arg.parts().iter().for_each(|part| line.push(part.clone()));
            }
            report.script(if args.is_empty() { Word::literal(code) } else { line });
        }
        None => {
            let words: Vec<Word> = std::iter::once("git")
                .chain(text.split_whitespace())
                .map(Word::literal)
                .chain(args.iter().cloned())
                .collect();
            report.command(words);
        }
    }
}

fn operation(report: &mut Report<'_>, operation: GitOperation, force: Force, target: Option<String>) {
    report.add(Effect::Git { operation, force, target });
}

/// A remote by URL names its host; by name it is configured; a path is a directory.
fn remote(report: &mut Report<'_>, remote: Option<&Word>, direction: Direction) {
    match remote {
        None => report.configured("the git remote", direction),
        Some(word) => match super::hosts::of_remote(word) {
            Some(host) if word.prefix().starts_with("ext::") => {
                let code = super::args::after(word, "ext::".len());
                report.script(code);
                report.network(host, direction);
            }
            Some(host) => report.network(host, direction),
            None => match word.text() {
                Some(path) if path.starts_with(['.', '/', '~']) => {
                    if direction == Direction::Send {
                        report.write(word)
                    } else {
                        report.read(word)
                    }
                }
                Some(name) => report.configured(&format!("the git remote {name}"), direction),
                None => {
                    let why = word.unknown_reason().unwrap_or("a pattern").to_owned();
                    report.network(leashd_types::Host::Unknown(why), direction);
                }
            },
        },
    }
}
