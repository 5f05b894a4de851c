//! A git subcommand's words: options, their values, operands.

use crate::Word;

/// A subcommand's words, sorted just enough.
pub(super) struct Words<'w> {
    pub(super) all: &'w [Word],
    pub(super) operands: Vec<&'w Word>,
}

/// Options of subcommands that take the next word.
fn takes_value(name: &str, flag: &str) -> bool {
    match name {
        "push" => matches!(flag, "-o" | "--push-option" | "--receive-pack" | "--exec" | "--repo"),
        "clone" => matches!(
            flag,
            "-b" | "--branch"
                | "-o"
                | "--origin"
                | "--depth"
                | "-c"
                | "--config"
                | "-u"
                | "--upload-pack"
                | "--template"
                | "--reference"
                | "-j"
                | "--jobs"
                | "--separate-git-dir"
                | "--filter"
                | "--shallow-since"
                | "--shallow-exclude"
                | "--server-option"
        ),
        "fetch" | "pull" => matches!(
            flag,
            "--depth" | "--deepen" | "--upload-pack" | "-j" | "--jobs" | "-o" | "-s" | "-X" | "--strategy"
        ),
        "rebase" => matches!(flag, "-x" | "--exec" | "--onto" | "-s" | "-X" | "-C" | "--strategy"),
        "worktree" => matches!(flag, "-b" | "-B" | "--reason" | "--expire"),
        "log" | "diff" | "show" | "shortlog" | "format-patch" | "archive" | "stash" | "grep" | "blame" => {
            matches!(
                flag,
                "-o" | "--output"
                    | "-n"
                    | "-S"
                    | "-G"
                    | "-e"
                    | "-f"
                    | "--output-directory"
                    | "-L"
                    | "-m"
                    | "--remote"
                    | "--exec"
                    | "--format-patch"
                    | "-O"
                    | "-A"
                    | "-B"
                    | "-C"
            ) && !(matches!(name, "log" | "diff" | "show" | "blame")
                && matches!(flag, "-m" | "-e" | "-f" | "-o" | "-A" | "-B" | "-C" | "-O"))
        }
        _ => matches!(
            flag,
            "-m" | "-F"
                | "-b"
                | "-B"
                | "-s"
                | "--message"
                | "--author"
                | "--date"
                | "-u"
                | "--pathspec-from-file"
        ),
    }
}

impl<'w> Words<'w> {
    pub(super) fn new(name: &str, all: &'w [Word]) -> Self {
        let mut operands = Vec::new();
        let mut rest = all;
        while let Some((word, tail)) = rest.split_first() {
            rest = tail;
            match word.text() {
                Some("--") => {
                    operands.extend(tail);
                    break;
                }
                Some(flag) if takes_value(name, flag) => rest = tail.get(1..).unwrap_or(&[]),
                _ if word.prefix().starts_with('-') && word.prefix().len() > 1 => {}
                _ => operands.push(word),
            }
        }
        Self { all, operands }
    }

    /// Options only: nothing after `--`.
    pub(super) fn flags(&self) -> impl Iterator<Item = &'w str> {
        self.all
            .iter()
            .filter_map(Word::text)
            .take_while(|text| *text != "--")
            .filter(|text| text.starts_with('-'))
    }

    /// An option by its long name (or a beginning of it) or its letter, also in a bundle.
    pub(super) fn has(&self, long: &str, letter: Option<char>) -> bool {
        self.flags().any(|flag| match flag.strip_prefix("--") {
            Some(name) => {
                let name = name.split('=').next().unwrap_or(name);
                name == long || (name.len() >= 4 && long.starts_with(name))
            }
            None => letter.is_some_and(|letter| flag.contains(letter)),
        })
    }

    pub(super) fn value(&self, names: &[&str]) -> Vec<Word> {
        let mut values = Vec::new();
        for (at, word) in self.all.iter().enumerate() {
            let start = word.prefix();
            if names.contains(&start) {
                values.extend(self.all.get(at + 1).cloned());
            } else if let Some((name, _)) = start.split_once('=')
                && names.contains(&name)
            {
                values.push(crate::knowledge::args::after(word, name.len() + 1));
            }
        }
        values
    }

    pub(super) fn first(&self) -> &'w str {
        self.operands.first().and_then(|word| word.text()).unwrap_or("")
    }

    pub(super) fn pathspec(&self) -> bool {
        self.all.iter().any(|word| word.text() == Some("--"))
    }
}
