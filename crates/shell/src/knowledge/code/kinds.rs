//! The kinds of functions (`crates/shell/knowledge/calls`), by name.

use std::collections::HashMap;
use std::sync::OnceLock;

const CALLS: &str = include_str!("../../../knowledge/calls");

/// What a call of a well-known function means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Command,
    /// A command if the code brings in the module for it; the name alone is too common.
    CommandOfModule,
    /// As `execv`: the second argument is the program's own name for itself.
    CommandArgv0,
    /// As `spawnv`: a mode comes first.
    CommandMode,
    Evaluates,
    /// Can turn into any other call.
    Anything,
    Loads,
    DeletesTree,
    Deletes,
    Opens,
    Reads,
    Writes,
    Copies,
    Moves,
    Modes,
    Kills,
    Becomes,
    Fetches,
    Sends,
    Connects,
    Listens,
    Socket,
    Path,
    Variable,
    /// SQL, where it can be told.
    Sql,
    /// Drops a database or all of its keys.
    Drops,
    Harmless,
}

/// The kind of the whole name, else of its last part.
pub(super) fn kind(name: &str) -> Option<Kind> {
    static KINDS: OnceLock<HashMap<&'static str, Kind>> = OnceLock::new();
    let kinds = KINDS.get_or_init(|| {
        let lines = CALLS.lines().filter(|line| !line.starts_with('#'));
        lines
            .filter_map(|line| line.split_once(' '))
            .filter_map(|(kind, names)| named(kind).map(|kind| (kind, names)))
            .flat_map(|(kind, names)| names.split(' ').map(move |name| (name, kind)))
            .collect()
    });
    let leaf = name.rsplit('.').next().unwrap_or(name);
    kinds.get(name).or_else(|| kinds.get(leaf)).copied()
}

fn named(text: &str) -> Option<Kind> {
    Some(match text {
        "command" => Kind::Command,
        "command-of-module" => Kind::CommandOfModule,
        "command-argv0" => Kind::CommandArgv0,
        "command-mode" => Kind::CommandMode,
        "evaluates" => Kind::Evaluates,
        "anything" => Kind::Anything,
        "loads" => Kind::Loads,
        "deletes-tree" => Kind::DeletesTree,
        "deletes" => Kind::Deletes,
        "opens" => Kind::Opens,
        "reads" => Kind::Reads,
        "writes" => Kind::Writes,
        "copies" => Kind::Copies,
        "moves" => Kind::Moves,
        "modes" => Kind::Modes,
        "kills" => Kind::Kills,
        "becomes" => Kind::Becomes,
        "fetches" => Kind::Fetches,
        "sends" => Kind::Sends,
        "connects" => Kind::Connects,
        "listens" => Kind::Listens,
        "socket" => Kind::Socket,
        "path" => Kind::Path,
        "variable" => Kind::Variable,
        "sql" => Kind::Sql,
        "drops" => Kind::Drops,
        "harmless" => Kind::Harmless,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{CALLS, named};
    use std::collections::BTreeSet;

    #[test]
    fn every_line_has_a_kind_and_every_name_one() {
        let mut seen = BTreeSet::new();
        for line in CALLS.lines().filter(|line| !line.starts_with('#') && !line.is_empty()) {
            let (kind, names) = line.split_once(' ').expect("a kind and names");
            assert!(named(kind).is_some(), "{kind}");
            for name in names.split(' ') {
                assert!(seen.insert(name), "{name} is listed twice");
            }
        }
    }
}
