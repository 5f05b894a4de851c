//! What comes into a directory without being named there: copies keep the names they had, archives and patches bring
//! names nobody has read. Knows no rules.

use crate::act::Act;
use crate::names::GIT_VALUES;
use crate::opinion::Opinion;
use crate::places::Located;
use crate::seen::Seen;
use crate::sensitive::{Nature, of_text};
use leashd_types::{Containment, Decision, Effect, Facts, PathKind, Protection};
use std::path::Path;

/// Put what they are given into a directory under the name it has.
const KEEP_NAMES: &[&str] =
    &["cp", "gcp", "mv", "gmv", "ln", "gln", "install", "ginstall", "rsync", "scp", "ditto", "git"];

/// Write under names that stand in an archive or a patch.
const UNPACK: &[&str] = &[
    "tar",
    "gtar",
    "bsdtar",
    "cpio",
    "bsdcpio",
    "pax",
    "unzip",
    "bsdunzip",
    "7z",
    "7za",
    "7zr",
    "7zz",
    "unar",
    "unrar",
    "jar",
    "patch",
    "gpatch",
    "unsquashfs",
    "cabextract",
];

/// Make names by a rule.
const RENAME: &[&str] = &["rename", "prename", "file-rename", "perl-rename", "mmv", "qmv"];

/// Of git: what takes names from a patch, a list or a stream.
const GIT_UNPACKS: &[&str] = &[
    "am",
    "apply",
    "bundle",
    "checkout-index",
    "fast-import",
    "mktree",
    "quiltimport",
    "read-tree",
    "unpack-objects",
    "update-index",
];

/// What a command puts under its own name where nothing of that name may be written.
pub(super) fn named(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    let program = act.program()?;
    if !KEEP_NAMES.contains(&program) {
        return None;
    }
    let whole = program == "rsync" || act.arguments().any(|word| word == "--parents");
    for (at, into) in directories(act) {
        let directory = into.real.map_or(Path::new(into.asked), |real| real.as_path());
        let others = act.seen.iter().enumerate().filter(|(other, _)| *other != at);
        for source in others.filter_map(|(_, seen)| seen.path.as_ref()) {
            for name in names(source) {
                if let Some(opinion) = forbidden(&directory.join(name), facts) {
                    return Some(opinion);
                }
            }
            if whole && let Some(opinion) = forbidden(Path::new(source.asked), facts) {
                return Some(opinion);
            }
        }
    }
    None
}

/// What a command may bring where something lies that is not the agent's to change: it is asked for.
pub(crate) fn unseen(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    let program = act.program()?;
    let asks = |what: &str| {
        let reason = format!("it brings files nobody has named here, perhaps {what}");
        Some(Opinion::judge(Decision::Ask, "unseen-files", reason))
    };
    let unnamed = RENAME.contains(&program) || program == "git" && GIT_UNPACKS.contains(&git_verb(act)?);
    if unnamed {
        let below =
            |protected: &Path| facts.approved.iter().any(|root| protected.starts_with(root.as_path()));
        return asks(read_only(facts, below)?);
    }
    if UNPACK.contains(&program) {
        return if writes_unseen(act, program) { unpacked(facts) } else { None };
    }
    if !KEEP_NAMES.contains(&program) {
        return None;
    }
    for (at, into) in directories(act) {
        let directory = into.real.map_or(Path::new(into.asked), |real| real.as_path());
        let contents = |(other, seen): (usize, &Seen<'_>)| {
            other != at && seen.path.as_ref().is_some_and(brings_contents)
        };
        let flat =
            || act.arguments().any(|word| matches!(word, "-T" | "--no-target-directory" | "-rT" | "-aT"));
        let all = act.seen.iter().enumerate().any(contents) || flat();
        let reaches = |protected: &Path| match all {
            true => protected.starts_with(directory),
            false => protected.parent() == Some(directory),
        };
        if let Some(what) = read_only(facts, reaches) {
            return asks(what);
        }
    }
    None
}

/// Nobody holds what is unpacked: it may be settings of the agent, or a repository with orders for git in it.
fn unpacked(facts: &Facts) -> Option<Opinion> {
    let inside = |protected: &Path| facts.approved.iter().any(|root| protected.starts_with(root.as_path()));
    let what = match facts.containment {
        Containment::Proven => read_only(facts, inside)?,
        Containment::NotProven => "settings of the agent or orders for git",
    };
    let reason = format!("it brings files nobody has named here, perhaps {what}");
    Some(Opinion::judge(Decision::Ask, "unseen-files", reason))
}

/// True if names from inside an archive are written, not an archive.
fn writes_unseen(act: &Act<'_>, program: &str) -> bool {
    let cluster = |word: &str, letter: char| !word.starts_with("--") && word.contains(letter);
    let extracts = match program {
        "tar" | "gtar" | "bsdtar" | "jar" => act.arguments().enumerate().any(|(at, word)| {
            matches!(word, "--extract" | "--get") || (at == 0 || word.starts_with('-')) && cluster(word, 'x')
        }),
        "7z" | "7za" | "7zr" | "7zz" => matches!(act.arguments().next(), Some("x" | "e")),
        _ => true,
    };
    // A directory that the line makes is not there yet.
    let into = |seen: &Seen<'_>| {
        let there = seen.path.as_ref().is_some_and(|path| path.kind != PathKind::File);
        matches!(seen.effect, Effect::Write { .. }) && there
    };
    extracts && act.seen.iter().any(into)
}

/// Directories that are there and are written to, with their place among what the act does.
fn directories<'a>(act: &'a Act<'_>) -> impl Iterator<Item = (usize, &'a Located<'a>)> {
    act.seen.iter().enumerate().filter_map(|(at, seen)| {
        let path = seen.path.as_ref()?;
        let written = matches!(seen.effect, Effect::Write { .. }) && path.kind == PathKind::Directory;
        written.then_some((at, path))
    })
}

/// The names a source has, and each of its matches.
fn names<'a>(source: &'a Located<'_>) -> impl Iterator<Item = &'a std::ffi::OsStr> {
    let own = Path::new(source.asked).file_name().filter(|_| source.pattern.is_none());
    let matches = source.matches.unwrap_or_default().iter();
    own.into_iter().chain(matches.filter_map(|path| path.file_name()))
}

/// What is in it comes, not the thing itself.
fn brings_contents(source: &Located<'_>) -> bool {
    let unknown = source.pattern.is_some() && source.matches.is_none();
    unknown || source.pattern.is_none() && (source.asked.ends_with('/') || source.asked.ends_with("/."))
}

/// `.claude` as a whole may carry its settings.
fn forbidden(path: &Path, facts: &Facts) -> Option<Opinion> {
    let shown = || path.display().to_string();
    let protected = facts.protected.iter().find(|protected| {
        let own = protected.path.as_path();
        path.starts_with(own) || own.starts_with(path)
    });
    if let Some(protected) = protected {
        return Some(Opinion::floor(
            "protected-path",
            format!("{} must not be changed: {}", shown(), protected.what),
        ));
    }
    let nature = of_text(path.to_str()?, facts);
    let (name, why) = match nature {
        Nature::AgentSettings => ("agent-settings", "carries the settings of the gate"),
        Nature::Leashd => ("leashd-files", "belongs to leashd"),
        Nature::GitControl => ("git-control", "decides what git runs"),
        Nature::Startup => ("startup-files", "runs by itself at the next start"),
        Nature::RunControl => ("run-control", "is for a person to change"),
        _ if is_called(path, ".claude") => ("agent-settings", "may carry the settings of the gate"),
        _ => return None,
    };
    Some(Opinion::floor(name, format!("{} {why}", shown())))
}

pub(super) fn is_called(path: &Path, name: &str) -> bool {
    path.file_name().is_some_and(|own| own.eq_ignore_ascii_case(name))
}

fn read_only(facts: &Facts, reaches: impl Fn(&Path) -> bool) -> Option<&str> {
    let own = facts.protected.iter().filter(|protected| protected.protection == Protection::ReadOnly);
    own.into_iter()
        .find(|protected| reaches(protected.path.as_path()))
        .map(|protected| protected.what.as_str())
}

fn git_verb<'a>(act: &Act<'a>) -> Option<&'a str> {
    let mut words = act.arguments();
    while let Some(word) = words.next() {
        if GIT_VALUES.contains(&word) {
            let _value = words.next();
        } else if !word.starts_with('-') {
            return Some(word);
        }
    }
    None
}
