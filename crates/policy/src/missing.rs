//! Programs a line runs that are not there when it is judged.

use crate::act::Act;
use crate::class::{Class, Classes};
use crate::names::base_name;
use leashd_shell::{Command, Word};
use leashd_types::{CodeSource, Effect, PathKind, ResolvedPath};
use std::collections::BTreeSet;
use std::path::Path;

/// What may bring files into the project that were not there before.
const MAKERS: &[Class] = &[
    Class::ContainedCode,
    Class::PackageCode,
    Class::GitLocal,
    Class::GitDiscard,
    Class::GitCommit,
    Class::GitFetch,
    Class::UnknownProgram,
];

/// A program that is not there is the project's own only if the line makes it first: otherwise nobody knows what will
/// lie there when it runs.
pub(crate) fn settle(acts: &mut [Act<'_>]) {
    let makers = Classes::of(MAKERS);
    let mut made = false;
    let mut written: BTreeSet<&Path> = BTreeSet::new();
    for act in acts {
        let project = act
            .seen
            .iter()
            .any(|seen| matches!(seen.effect, Effect::Runs { code: CodeSource::Project { .. } }));
        if !made && !project {
            let command = act.command;
            for seen in &mut act.seen {
                let missing = matches!(seen.effect, Effect::Runs { code: CodeSource::File { .. } })
                    && seen.path.is_some_and(|path| path.kind == PathKind::Missing);
                let real = seen.path.and_then(|path| path.real);
                if real.is_some_and(|real| is_source(real.as_path())) {
                    continue;
                }
                let ours = real.is_some_and(|real| real.as_path().ancestors().any(|at| written.contains(at)));
                if missing && !ours && !runs_itself(command, real) {
                    seen.classes = seen.classes.without(Class::ContainedCode);
                }
            }
            act.classes = act.seen.iter().fold(Classes::EMPTY, |all, seen| all | seen.classes);
        }
        let changed = act.seen.iter().filter(|seen| matches!(seen.effect, Effect::Write { .. }));
        written.extend(
            changed.filter_map(|seen| seen.path.and_then(|path| path.real)).map(|real| real.as_path()),
        );
        made |= act.classes.meets(makers);
    }
}

/// A source of a language whose interpreter is named on the line. Where it is missing, nothing runs; a program that is
/// named by its path alone could be anything by then.
fn is_source(path: &Path) -> bool {
    const ENDINGS: &[&str] =
        &["py", "js", "mjs", "cjs", "ts", "mts", "tsx", "rb", "php", "jar", "lua", "go", "rs", "R"];
    let ending = path.extension().and_then(|ending| ending.to_str());
    let activates = path.ends_with("bin/activate") || path.ends_with("artisan");
    activates || ending.is_some_and(|ending| ENDINGS.contains(&ending))
}

/// True if a file is the program of a command, or what an interpreter is given: where it is missing, nothing runs. A
/// program named by an option or a variable is started by something else, later.
fn runs_itself(command: Option<&Command>, real: Option<&ResolvedPath>) -> bool {
    const INTERPRETERS: &[&str] = &[
        "sh", "bash", "dash", "zsh", "ksh", "python", "python3", "node", "perl", "ruby", "php", "lua",
        "java", "Rscript", "julia", "deno", "bun", "tsx", "ts-node", "source", ".",
    ];
    // What starts a program that stands on the line as a word, not in an option.
    const STARTERS: &[&str] = &[
        "valgrind",
        "strace",
        "ltrace",
        "perf",
        "time",
        "timeout",
        "env",
        "nohup",
        "nice",
        "stdbuf",
        "sh",
        "bash",
        "xargs",
        "watch",
        "hyperfine",
        "gdb",
    ];
    let (Some(command), Some(name)) = (command, real.and_then(|real| real.as_path().file_name())) else {
        return false;
    };
    let names = |word: &Word| word.text().is_some_and(|text| Path::new(text).file_name() == Some(name));
    let Some((program, words)) = command.words.split_first() else { return false };
    let given = || {
        let mut before = "";
        words.iter().any(|word| {
            let option = std::mem::replace(&mut before, word.prefix());
            let takes_it = option.starts_with('-')
                && !matches!(option, "-x" | "-e" | "-u" | "-jar" | "-cp" | "-w" | "-f" | "-classpath" | "--");
            names(word) && !takes_it
        })
    };
    names(program) && command.via.iter().all(|via| STARTERS.contains(&base_name(via)))
        || program.text().map(base_name).is_some_and(|name| INTERPRETERS.contains(&name)) && given()
}
