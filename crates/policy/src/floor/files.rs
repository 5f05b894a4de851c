//! Floor: credentials, leashd's own files, what runs by itself later, devices, and deleting what must not be deleted.

use super::brings::is_called;
use crate::act::Act;
use crate::opinion::Opinion;
use crate::places::{Located, Where, locate};
use crate::seen::Seen;
use crate::sensitive::{Nature, could_name_credential, is_history, nature};
use leashd_shell::{Part, REPOSITORY_ROOT};
use leashd_types::{Depth, Effect, Facts, Opens, PathKind, Protection, matches_everything};
use std::path::Path;

pub(super) fn check(seen: &Seen<'_>, act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    if let Effect::Permissions { opens: Opens::ToEveryone, .. } = seen.effect {
        return Some(Opinion::floor(
            "world-writable",
            "nothing may be made writable for everybody (`chmod 777`)".to_owned(),
        ));
    }
    let path = seen.path.as_ref()?;
    whole_tree(seen, path, facts)
        .or_else(|| protected(seen, path, act, facts))
        .or_else(|| by_nature(seen, path))
        .or_else(|| stands_for_directory(seen, path, act))
        .or_else(|| device(seen, path))
        .or_else(|| git_directory(seen, path, act))
        .or_else(|| outside_tree(seen, path, act))
}

/// leashd's own files and whatever else the facts protect.
fn protected(seen: &Seen<'_>, path: &Located<'_>, act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    let hit = facts.protected.iter().find(|protected| {
        let touches = path.is_inside(&protected.path) && path.pattern.is_none()
            || path.pattern.is_some() && path.is_inside(&protected.path);
        let changes = seen.changes_path();
        match protected.protection {
            Protection::Hidden => touches || changes && path.holds(protected.path.as_path()),
            Protection::ReadOnly => {
                changes && (touches || takes_along(seen, path, act, protected.path.as_path()))
            }
        }
    })?;
    let verb = if seen.changes_path() { "changed" } else { "read" };
    Some(Opinion::floor("protected-path", format!("{} must not be {verb}: {}", path.shown(), hit.what)))
}

/// Deleting, moving away or re-owning a directory does it to everything below; so does putting something whole in its
/// place.
fn takes_along(seen: &Seen<'_>, path: &Located<'_>, act: &Act<'_>, below: &Path) -> bool {
    let whole = match seen.effect {
        Effect::Delete { .. } | Effect::Permissions { .. } => true,
        Effect::Write { .. } => is_replaced(seen, path, act) || is_moved_away(seen, act),
        _ => false,
    };
    whole && path.holds(below)
}

/// Something stands there afterwards that was made elsewhere, or leads elsewhere.
fn is_replaced(seen: &Seen<'_>, path: &Located<'_>, act: &Act<'_>) -> bool {
    let written = matches!(seen.effect, Effect::Write { .. }) && path.pattern.is_none();
    written && path.kind != PathKind::Directory && act.program() != Some("mkdir")
}

/// All that `mv` writes but the last is gone afterwards.
fn is_moved_away(seen: &Seen<'_>, act: &Act<'_>) -> bool {
    let moves = match act.program() {
        Some("mv" | "gmv") => true,
        Some("git") => act.arguments().any(|word| word == "mv"),
        _ => false,
    };
    let mut written = act.seen.iter().filter(|other| matches!(other.effect, Effect::Write { .. }));
    moves && written.next_back().is_some_and(|last| !std::ptr::eq(last, seen))
}

/// `.claude` and `.git` as a whole: what they hold came from elsewhere, under names that were nobody's business there.
fn stands_for_directory(seen: &Seen<'_>, path: &Located<'_>, act: &Act<'_>) -> Option<Opinion> {
    let real = path.real.map_or(Path::new(path.asked), |real| real.as_path());
    let called = |name: &str| is_called(real, name) || is_called(Path::new(path.asked), name);
    if is_replaced(seen, path, act) && called(".claude") {
        let reason = format!("{} may carry the settings of the gate", path.shown());
        return Some(Opinion::floor("agent-settings", reason));
    }
    let written = matches!(seen.effect, Effect::Write { .. });
    let matched = path.matches.is_some_and(|found| found.iter().any(|path| is_called(path, ".git")));
    let named = path.pattern.is_none() && called(".git");
    (written && (named || matched)).then(|| {
        Opinion::floor("git-control", format!("{} says where git takes its orders from", path.shown()))
    })
}

fn by_nature(seen: &Seen<'_>, path: &Located<'_>) -> Option<Opinion> {
    let changes = seen.changes_path();
    let shown = || path.shown();
    match seen.nature {
        Nature::Credential => {
            let verb = match seen.effect {
                Effect::Read { .. } => "read",
                Effect::Runs { .. } => "run",
                _ => "changed",
            };
            Some(Opinion::floor(
                "credentials",
                format!("{} holds credentials and must not be {verb}", shown()),
            ))
        }
        Nature::Startup if changes => {
            Some(Opinion::floor("startup-files", format!("{} runs by itself at the next start", shown())))
        }
        Nature::GitControl if changes => {
            Some(Opinion::floor("git-control", format!("{} decides what git runs", shown())))
        }
        Nature::AgentSettings if changes => {
            Some(Opinion::floor("agent-settings", format!("{} carries the settings of the gate", shown())))
        }
        Nature::Leashd if changes => {
            Some(Opinion::floor("leashd-files", format!("{} belongs to leashd", shown())))
        }
        Nature::RunControl if changes => {
            Some(Opinion::floor("run-control", format!("only a person may change {}", shown())))
        }
        Nature::Ordinary
        | Nature::PerhapsCredential
        | Nature::Startup
        | Nature::GitControl
        | Nature::GitInternal
        | Nature::AgentSettings
        | Nature::Leashd
        | Nature::RunControl
        | Nature::RunFiles
        | Nature::Automation => None,
    }
}

fn device(seen: &Seen<'_>, path: &Located<'_>) -> Option<Opinion> {
    if !seen.changes_path() || path.place == Where::HarmlessDevice {
        return None;
    }
    let named = Path::new(path.asked).starts_with("/dev") && !Path::new(path.asked).starts_with("/dev/shm");
    (path.kind == PathKind::Device || named)
        .then(|| Opinion::floor("devices", format!("{} is a device", path.shown())))
}

/// The root, a home directory, a project, or anything that holds one of them.
fn whole_tree(seen: &Seen<'_>, path: &Located<'_>, facts: &Facts) -> Option<Opinion> {
    let recursive = match seen.effect {
        Effect::Delete { depth, .. } | Effect::Permissions { depth, .. } => *depth == Depth::Recursive,
        _ => false,
    };
    if recursive && path.place == Where::Unknown && path.asked == REPOSITORY_ROOT {
        let reason = format!("{} is a whole project and must not be deleted or re-owned", path.asked);
        return Some(Opinion::floor("whole-tree", reason));
    }
    let everything = path.pattern.is_none_or(matches_everything);
    if !recursive || !everything {
        return None;
    }
    let real = path.real.map_or(Path::new(path.asked), |real| real.as_path());
    let root = real.parent().is_none();
    let deletes = matches!(seen.effect, Effect::Delete { .. });
    let what = if root {
        "the root of the file system"
    } else if facts.home.as_path().starts_with(real) || is_a_home(real) {
        "a home directory"
    } else if deletes && facts.approved.iter().any(|approved| approved.as_path().starts_with(real)) {
        "a whole project"
    } else {
        return None;
    };
    let verb = if deletes { "deleted" } else { "re-owned" };
    Some(Opinion::floor(
        "whole-tree",
        format!("{} is {what} and must not be {verb} as a whole", path.shown()),
    ))
}

fn is_a_home(real: &Path) -> bool {
    real.parent().is_some_and(|parent| parent == Path::new("/home") || parent == Path::new("/Users"))
        || real == Path::new("/root")
}

/// The history of a project.
fn git_directory(seen: &Seen<'_>, path: &Located<'_>, act: &Act<'_>) -> Option<Opinion> {
    let deletes = matches!(seen.effect, Effect::Delete { .. });
    let is_git = |path: &Path| path.file_name().is_some_and(|name| name.eq_ignore_ascii_case(".git"));
    let real = path.real.map_or(Path::new(path.asked), |real| real.as_path());
    let hit = seen.nature == Nature::GitInternal && (is_git(real) || is_git(Path::new(path.asked)));
    let by_glob = seen.nature == Nature::GitInternal && path.pattern.is_some();
    let part = seen.nature == Nature::GitInternal && is_history(path);
    // Written as a whole it is moved away or over.
    let moved = matches!(seen.effect, Effect::Write { .. })
        && hit
        && path.kind != PathKind::Missing
        && act.program() == Some("mv");
    (deletes && (hit || by_glob || part) || moved)
        .then(|| Opinion::floor("git-directory", format!("{} is the history of the project", path.shown())))
}

/// A recursive delete outside of what the agent may work in.
fn outside_tree(seen: &Seen<'_>, path: &Located<'_>, act: &Act<'_>) -> Option<Opinion> {
    let Effect::Delete { depth: Depth::Recursive, .. } = seen.effect else { return None };
    let outside = matches!(path.place, Where::Outside | Where::System | Where::Unresolved);
    // A search that deletes single matches (`find DIR -delete`) is one, too.
    (outside && act.is_shell()).then(|| {
        Opinion::floor("delete-outside", format!("{} lies outside the approved directories", path.shown()))
    })
}

/// A credential that is there, named by a word of which nobody knows what the program makes of it.
pub(super) fn mentioned(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    let path = act.mentions.iter().map(|path| locate(path, facts)).find(|path| {
        let there = path.kind != PathKind::Missing && path.matches.is_none_or(|found| !found.is_empty());
        there && nature(path, facts) == Nature::Credential
    })?;
    let reason = format!("{} holds credentials and must not be read", path.shown());
    Some(Opinion::floor("credentials", reason))
}

/// A word of which only pieces are known, where the pieces say that it is a credential.
pub(super) fn half_known(act: &Act<'_>, facts: &Facts) -> Option<Opinion> {
    let uses_it = act.seen.iter().any(|seen| seen.place() == Some(Where::Unknown));
    let command = act.command.filter(|_| uses_it)?;
    let word = command.words.iter().skip(1).filter(|word| word.unknown_reason().is_some()).find(|word| {
        let pieces = word.parts().iter().map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Glob(_) | Part::Unknown(_) => "*",
        });
        could_name_credential(&pieces.collect::<String>(), facts)
    })?;
    let reason = format!("{}… leads to credentials, whatever follows", word.prefix());
    Some(Opinion::floor("credentials", reason))
}
