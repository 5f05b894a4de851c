//! Finds the entry for a command's first word, and says what running a file by its path means.

use super::report::Report;
use super::{Argv, Description, Nested, roles, table};
use crate::{Part, Word};
use leashd_types::{CodeSource, Effect};

/// Where the system and its package managers put programs.
const SYSTEM: [&str; 12] = [
    "/bin/",
    "/sbin/",
    "/usr/bin/",
    "/usr/sbin/",
    "/usr/local/bin/",
    "/usr/local/sbin/",
    "/opt/homebrew/bin/",
    "/usr/local/libexec/git-core/",
    "/usr/lib/git-core/",
    "/usr/libexec/git-core/",
    "/snap/bin/",
    "/run/current-system/sw/bin/",
];
/// Below the home directory.
const TOOLCHAINS: [&str; 6] =
    [".cargo/bin/", ".local/bin/", "go/bin/", ".bun/bin/", ".deno/bin/", ".npm-global/bin/"];

pub(super) fn describe(argv: &Argv<'_>) -> Description {
    let Some((first, rest)) = argv.words.split_first() else { return Description::default() };
    let Some(name) = base_name(first) else {
        let mut out = Description::default();
        out.unclear.push("the program's name cannot be told".to_owned());
        return out;
    };
    let place = place(first, argv.home);
    let name = name.strip_suffix(".exe").unwrap_or(name);
    let entry = table::find(name).or_else(|| table::find(versionless(name)));
    if let (Some(slot), false) = (entry, matches!(place, Place::Elsewhere if is_script(name))) {
        let mut report = Report::new(argv, name);
        match slot.spec() {
            Ok(spec) => {
                roles::apply(&mut report, spec, rest);
                super::behind::statements(&mut report, rest);
            }
            Err(why) => report.unclear(format!("the effects table is broken at {name}: {why}")),
        }
        if place == Place::Elsewhere && !is_wrapper_script(name) {
            report.runs_file(first);
        }
        return report.finish();
    }
    let mut report = Report::new(argv, name);
    if let Some(subcommand) = name.strip_prefix("git-") {
        let words: Vec<Word> =
            std::iter::once(Word::literal(subcommand)).chain(rest.iter().cloned()).collect();
        if let Some(Ok(spec)) = table::find("git").map(table::Slot::spec) {
            roles::apply(&mut report, spec, &words);
        }
        return report.finish();
    }
    match place {
        Place::Path | Place::System => report.add(Effect::UnknownProgram { name: name.to_owned() }),
        Place::Elsewhere => file(&mut report, first, name),
    }
    report.finish()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Looked up in `PATH`.
    Path,
    System,
    Elsewhere,
}

/// The last component, even when what stands before it cannot be told.
fn base_name(word: &Word) -> Option<&str> {
    let Some(Part::Text(last)) = word.parts().last() else { return None };
    match last.rsplit_once('/') {
        Some((_, base)) if !base.is_empty() => Some(base),
        Some(_) => None,
        None if word.parts().len() == 1 => Some(last),
        None => None,
    }
}

fn place(word: &Word, home: &str) -> Place {
    let Some(text) = word.text() else { return Place::Elsewhere };
    if !text.contains('/') {
        return Place::Path;
    }
    let text = normal(text);
    let in_home = |rest: &str| TOOLCHAINS.iter().any(|start| rest.starts_with(start));
    let rest =
        text.strip_prefix("~/").or_else(|| text.strip_prefix(home).and_then(|rest| rest.strip_prefix('/')));
    let system = SYSTEM.iter().any(|start| text.strip_prefix(start).is_some_and(|rest| !rest.contains('/')));
    if system || text.starts_with("/lib64/ld-") || text.starts_with("/lib/ld-") || rest.is_some_and(in_home) {
        Place::System
    } else {
        Place::Elsewhere
    }
}

/// `/usr/bin/../bin/rm` is `/usr/bin/rm` as far as text can tell.
fn normal(path: &str) -> String {
    if !path.starts_with('/') {
        return path.to_owned();
    }
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            ".." => drop(kept.pop()),
            name => kept.push(name),
        }
    }
    format!("/{}", kept.join("/"))
}

/// `python3.12`, `gcc-13`, `mkfs.ext4` is listed, `pip3.11`.
fn versionless(name: &str) -> &str {
    name.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.').trim_end_matches('-')
}

/// Project wrappers that download and run the build tool itself.
fn is_wrapper_script(name: &str) -> bool {
    matches!(name, "gradlew" | "mvnw" | "gradlew.bat" | "mvnw.cmd")
}

fn is_script(name: &str) -> bool {
    name.rsplit_once('.')
        .is_some_and(|(_, end)| matches!(end, "sh" | "bash" | "zsh" | "ksh" | "py" | "js" | "rb" | "pl"))
}

/// A file executed by its path: a script to be read in turn, or a program nobody knows.
fn file(report: &mut Report<'_>, word: &Word, name: &str) {
    let extension = name.rsplit_once('.').map(|(_, end)| end);
    let text = word.text().unwrap_or_default();
    let built = ["target/", "node_modules/", ".venv/", "venv/", "build/", "dist/", "out/", "bin/", "_build/"];
    let is_built = built.iter().any(|part| text.starts_with(part) || text.contains(&format!("/{part}")));
    match extension {
        Some("sh" | "bash" | "zsh" | "ksh" | "command") => script(report, word, name),
        None if !is_built => script(report, word, name),
        _ if word.text().is_none() => {
            report.runs(CodeSource::Unknown { why: format!("which {name} would run cannot be told") });
        }
        _ => report.runs_file(word),
    }
}

fn script(report: &mut Report<'_>, word: &Word, name: &str) {
    report.out.nested.push(Nested::File { path: word.clone(), via: name.to_owned() });
}
