//! Words of a command that name a credential file, whatever the program makes of them. The effects table says what
//! the flags and operands of a program mean; where it is wrong or does not know, a file that is named on the line is
//! taken to be read. Knows which words are no file names: texts, search patterns, names that are only listed.

use crate::names::base_name;
use crate::places::question;
use crate::seen::path_of;
use crate::sensitive::{Nature, looks_secret, of_glob, of_text};
use leashd_shell::{Analysis, Command, Part, RunsIn, Word};
use leashd_types::{Facts, PathText};

/// Programs that handle names, or show them, and open no file they are given.
const NAMES_ONLY: &[&str] = &[
    "[",
    "alias",
    "basename",
    "cd",
    "chgrp",
    "chmod",
    "chown",
    "declare",
    "dir",
    "dirname",
    "du",
    "echo",
    "exa",
    "export",
    "eza",
    "false",
    "fd",
    "fdfind",
    "find",
    "hash",
    "kill",
    "killall",
    "let",
    "ln",
    "local",
    "ls",
    "lsd",
    "mkdir",
    "mv",
    "pgrep",
    "pkill",
    "popd",
    "printf",
    "pushd",
    "read",
    "readlink",
    "readonly",
    "realpath",
    "rm",
    "rmdir",
    "set",
    "sleep",
    "ssh-add",
    "ssh-keygen",
    "stat",
    "test",
    "touch",
    "trap",
    "tree",
    "true",
    "type",
    "typeset",
    "unlink",
    "unset",
    "vdir",
    "whereis",
    "which",
];

/// Programs whose first operand is a pattern or code, unless an option gives it.
const PATTERN_FIRST: &[&str] = &[
    "ack", "ag", "awk", "egrep", "fgrep", "gawk", "ggrep", "gojq", "grep", "gsed", "jaq", "jq", "mawk",
    "nawk", "perl", "rg", "ripgrep", "ruby", "sed", "ugrep", "yq", "zgrep",
];

/// What git prints the contents of. Everything else of git names files, or is described in full by the table.
const GIT_PRINTS: &[&str] = &[
    "annotate",
    "archive",
    "blame",
    "cat-file",
    "diff",
    "diff-files",
    "diff-index",
    "diff-tree",
    "difftool",
    "format-patch",
    "grep",
    "log",
    "range-diff",
    "show",
    "stash",
    "whatchanged",
];

/// Parts of the names of options whose value is a text, a pattern, or a key that is used and not shown.
const TEXT_OPTIONS: &[&str] = &[
    "author",
    "body",
    "branch",
    "cert",
    "description",
    "exclude",
    "filter",
    "grep",
    "identity",
    "ignore",
    "key",
    "kubeconfig",
    "label",
    "message",
    "pattern",
    "query",
    "regex",
    "search",
    "subject",
    "tag",
    "title",
];

/// Most words of one command that are looked at.
const WORDS: usize = 4096;
/// Longest word that is taken for a path, in bytes.
const LONGEST: usize = 4096;

/// A file that a command of the line names, and what is not said about it by the command's effects.
#[derive(Clone, Debug)]
pub(crate) struct Mention {
    /// Place of the command in the analysis.
    pub(crate) command: usize,
    pub(crate) path: PathText,
}

/// Everything the line names that would hold credentials.
pub(crate) fn mentions(analysis: &Analysis, start: &str, facts: &Facts) -> Vec<Mention> {
    let mut found = Vec::new();
    for (at, command) in analysis.commands.iter().enumerate() {
        let Some(program) = command.words.first().and_then(Word::text).map(base_name) else { continue };
        if command.words.len() < 2 || NAMES_ONLY.contains(&program) {
            continue;
        }
        let later = analysis.commands.get(at + 1..).unwrap_or(&[]);
        for word in file_words(command, program) {
            let Some(path) = secret(word, command, start, facts) else { continue };
            let told =
                command.effects.iter().filter_map(path_of).any(|known| question(known) == question(&path));
            if !told && !handed_on(word, command, later) {
                found.push(Mention { command: at, path });
            }
        }
    }
    found
}

/// True if a command that this one starts is given the word: what it is there is judged there.
fn handed_on(word: &Word, command: &Command, later: &[Command]) -> bool {
    later
        .iter()
        .take_while(|inner| inner.via.len() > command.via.len())
        .any(|inner| inner.words.contains(word))
}

/// The words after the program that could be file names.
fn file_words<'a>(command: &'a Command, program: &'a str) -> impl Iterator<Item = &'a Word> {
    let git = program == "git";
    let mut words = command.words.iter().skip(1).take(WORDS);
    let mut pattern = PATTERN_FIRST.contains(&program);
    let mut options = true;
    // git's subcommand decides; its own options before that have nothing to do with files.
    if git {
        let verb = words.by_ref().find(|word| word.text().is_some_and(|text| GIT_PRINTS.contains(&text)));
        pattern = verb.and_then(Word::text) == Some("grep");
        if verb.and_then(Word::text) == Some("log") && !shows_patches(command) {
            words.by_ref().for_each(drop);
        }
    }
    std::iter::from_fn(move || {
        loop {
            let word = words.next()?;
            let text = word.text().unwrap_or_else(|| word.prefix());
            if options && text == "--" {
                options = false;
                // What stands behind is a path, unless the pattern is still to come.
                pattern &= !git;
            } else if options && text.len() > 1 && text.starts_with('-') {
                let gives = gives_text(program, text);
                pattern &= !(gives && !text.starts_with("--")
                    || text.starts_with("--regexp")
                    || text.starts_with("--file"));
                if gives && !text.contains('=') {
                    let _text = words.next()?;
                } else if !gives && text.contains('=') {
                    return Some(word);
                }
            } else if pattern {
                pattern = false;
            } else {
                return Some(word);
            }
        }
    })
}

fn shows_patches(command: &Command) -> bool {
    command.words.iter().filter_map(Word::text).any(|text| {
        matches!(text, "--patch" | "--cc" | "-c" | "--full-diff")
            || text.starts_with("-L")
            || text.starts_with("--word-diff")
            || text
                .strip_prefix('-')
                .is_some_and(|flags| !flags.starts_with('-') && flags.contains(['p', 'u']))
    })
}

/// True for an option whose value is no file, or not one that is shown.
fn gives_text(program: &str, option: &str) -> bool {
    if let Some(long) = option.strip_prefix("--") {
        let name = long.split('=').next().unwrap_or(long);
        return TEXT_OPTIONS.iter().any(|known| name.contains(known)) && !name.ends_with("from");
    }
    match program {
        "perl" | "ruby" => option.ends_with(['e', 'E']),
        "ssh" | "scp" | "sftp" | "rsync" | "autossh" | "mosh" | "sshfs" | "ssh-copy-id" => option == "-i",
        "zip" | "diff" | "7z" => matches!(option, "-x" | "-x!"),
        "gh" | "glab" | "hub" => matches!(option, "-t" | "-b" | "-m" | "-l"),
        _ => option == "-e" || PATTERN_FIRST.contains(&program) && option.ends_with('e') || option == "-m",
    }
}

/// The path a word names, if that is a credential by name.
fn secret(word: &Word, command: &Command, start: &str, facts: &Facts) -> Option<PathText> {
    if let Some(text) = word.text() {
        // `--file=.env`, `name=@.env`, `@.env`.
        let value = match text.strip_prefix('-') {
            Some(_) => text.split_once('=').map_or(text, |(_, value)| value),
            None => text,
        };
        let value = value.rsplit_once(['@', '<']).map_or(value, |(_, file)| file);
        if value.len() > LONGEST || value.contains([' ', '\n', '\t']) {
            return None;
        }
        if command.runs_in == RunsIn::Start && !looks_secret(value) {
            return None;
        }
        let path = absolute(value, command, start);
        return (of_text(&path, facts) == Nature::Credential).then_some(PathText::Exact(path));
    }
    if !word.has_glob() || word.unknown_reason().is_some() {
        return None;
    }
    let known = word.prefix();
    let before = known.rsplit_once('/').map_or("", |(before, _)| before);
    let directory = absolute(before, command, start);
    let skip = if before.is_empty() && !known.starts_with('/') { 0 } else { before.len() + 1 };
    let pattern: String = word
        .parts()
        .iter()
        .map(|part| match part {
            Part::Text(text) | Part::Glob(text) | Part::Unknown(text) => text.as_str(),
        })
        .collect();
    let pattern = pattern.get(skip..)?.to_owned();
    let nature = of_glob(&directory, &pattern, facts);
    matches!(nature, Nature::Credential | Nature::PerhapsCredential)
        .then_some(PathText::Glob { directory, pattern })
}

fn absolute(path: &str, command: &Command, start: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let directory = match &command.runs_in {
        RunsIn::At(directory) => directory,
        // Where it is not known, the name alone says what it is.
        RunsIn::Start | RunsIn::OneOf(_) | RunsIn::Unknown => start,
    };
    let directory = directory.trim_end_matches('/');
    if path.is_empty() { directory.to_owned() } else { format!("{directory}/{path}") }
}
