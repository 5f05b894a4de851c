//! What lies in a `.git` directory: what git takes orders from, what is history, and the rest. Knows names only.

use super::Nature;
use crate::places::Located;
use std::path::Path;

pub(super) fn nature(inner: &[&str]) -> Nature {
    let inner: Vec<String> = inner.iter().map(|part| part.to_ascii_lowercase()).collect();
    let inner: Vec<&str> = inner.iter().map(String::as_str).collect();
    let orders = |part: &&str| GIT_ORDERS.contains(part);
    match inner.as_slice() {
        [first, ..] if orders(first) => Nature::GitControl,
        ["info", "attributes"] => Nature::GitControl,
        // Submodules and worktrees have a `.git` of their own in there.
        ["modules" | "worktrees", rest @ ..]
            if rest.iter().any(orders) || rest.ends_with(&["info", "attributes"]) =>
        {
            Nature::GitControl
        }
        // What a rebase that waits will run, among other things.
        ["rebase-merge" | "rebase-apply" | "sequencer", _, ..] => Nature::Automation,
        _ => Nature::GitInternal,
    }
}

/// Files and directories git takes orders from; the last two say where others are.
const GIT_ORDERS: &[&str] = &["hooks", "config", "config.worktree", "commondir", "gitdir"];

/// What of `.git` holds the commits, the branches and what is staged.
const HISTORY: &[&str] =
    &["objects", "refs", "logs", "index", "HEAD", "ORIG_HEAD", "packed-refs", "shallow", "worktrees"];

/// True for a part of `.git` without which work or history is gone. Locks left behind are not.
pub(crate) fn is_history(path: &Located<'_>) -> bool {
    let real = path.real.map_or(Path::new(path.asked), |real| real.as_path());
    let mut parts = real.components().filter_map(|part| part.as_os_str().to_str());
    let Some(_git) = parts.by_ref().find(|part| part.eq_ignore_ascii_case(".git")) else { return false };
    let lock = real.extension().is_some_and(|ending| ending == "lock");
    !lock && parts.next().is_some_and(|part| HISTORY.contains(&part))
}
