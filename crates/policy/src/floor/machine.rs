//! Floor: privilege, disks, shutdown, fork bombs, dropped databases, exported secrets, and leashd's own command.

use crate::act::Act;
use crate::opinion::Opinion;
use crate::seen::Seen;
use leashd_types::{Effect, Strength, SystemChange};

/// What only a person may say to leashd.
const PERSONS_ONLY: &[&str] = &[
    "approve",
    "deny",
    "answer",
    "grant",
    "grants",
    "policy",
    "trust",
    "hook",
    "git",
    // Settings, and what agents may reach.
    "init",
    "config",
    "add-dir",
    "remove-dir",
    "ws",
    "autonomous",
    "telegram",
    "clean",
    // Whether leashd runs, and under which rules.
    "stop",
    "restart",
    "reload",
    "service",
];

/// Port of the page that watches a run; it has a stop button.
const WATCH_PORT: &str = ":4179";

pub(super) fn check(seen: &Seen<'_>, act: &Act<'_>) -> Option<Opinion> {
    match seen.effect {
        Effect::Privilege { via } => {
            Some(Opinion::floor("privilege", format!("`{via}` would give the agent another user's rights")))
        }
        Effect::Database { statement: Strength::Destroy } => {
            Some(Opinion::floor("drop-database", "this drops or truncates tables or databases".to_owned()))
        }
        Effect::System { change } => system(*change, act),
        Effect::Secret { what } if !is_environment(what) => {
            Some(Opinion::floor("secrets", format!("this would print a secret: {what}")))
        }
        _ => None,
    }
}

fn system(change: SystemChange, act: &Act<'_>) -> Option<Opinion> {
    let (name, reason) = match change {
        SystemChange::Shutdown => ("shutdown", "this stops the machine"),
        SystemChange::Disk => ("disks", "this overwrites or removes a disk, volume or pool"),
        SystemChange::ForkBomb => ("fork-bomb", "this starts processes without end"),
        SystemChange::Users => ("privilege", "this changes users or groups of the machine"),
        SystemChange::Agent => return leashd(act),
        SystemChange::Services
        | SystemChange::Firewall
        | SystemChange::Kernel
        | SystemChange::Mounts
        | SystemChange::Scheduled
        | SystemChange::Kill
        | SystemChange::Packages
        | SystemChange::Other => return None,
    };
    Some(Opinion::floor(name, reason.to_owned()))
}

/// The environment may hold secrets or not: printing it is a question, sending it is not (see `code`).
pub(super) fn is_environment(what: &str) -> bool {
    what.to_ascii_lowercase().contains("environment")
}

fn leashd(act: &Act<'_>) -> Option<Opinion> {
    let ours = matches!(act.program(), Some("leashd" | "leopold"));
    let says = act.arguments().find(|word| !word.starts_with('-'));
    let persons = says.is_none_or(|word| PERSONS_ONLY.contains(&word));
    (ours && persons)
        .then(|| Opinion::floor("leashd-command", "only a person may tell leashd what to do".to_owned()))
}

/// What shows in the words alone.
pub(super) fn commands(act: &Act<'_>) -> Option<Opinion> {
    if let Some(opinion) = leashd(act).filter(|_| act.arguments().next().is_some()) {
        return Some(opinion);
    }
    let talks = act.effects().any(|effect| matches!(effect, Effect::Network { .. }));
    let to_watch = || act.arguments().any(|word| word.contains(WATCH_PORT));
    (talks && to_watch())
        .then(|| Opinion::floor("leashd-command", "the page that watches a run is for people".to_owned()))
}
