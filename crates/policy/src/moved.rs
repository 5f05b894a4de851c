//! What is moved out of the project is gone from it: the table says that both ends of a move are written, this says
//! which of them are lost. Works on the text of paths; a link that leads elsewhere is found by the boundary.

use leashd_shell::{Analysis, Command, Word};
use leashd_types::{Depth, Effect, Facts, Force, PathText};

/// Most sources of one move that are looked at one by one.
const SOURCES: usize = 256;

/// Adds a deletion for everything a command moves out of the project.
pub(crate) fn mark(analysis: &mut Analysis, cwd: &str, facts: &Facts) {
    let mut roots: Vec<String> = vec![normal(cwd)];
    roots.extend(facts.approved.iter().filter_map(|root| root.as_path().to_str()).map(str::to_owned));
    for command in &mut analysis.commands {
        let name = command.words.first().and_then(Word::text).unwrap_or_default();
        if crate::names::base_name(name) == "mv" {
            let lost = lost(command, &roots);
            command.effects.extend(lost);
        }
    }
}

fn lost(command: &Command, roots: &[String]) -> Vec<Effect> {
    let written: Vec<&PathText> = command
        .effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Write { path } => Some(path),
            _ => None,
        })
        .take(SOURCES)
        .collect();
    let names_target = command.words.iter().any(|word| {
        let text = word.prefix();
        text.starts_with("--target") || text.starts_with("-t")
    });
    let split = if names_target { written.split_first() } else { written.split_last() };
    let Some((target, sources)) = split else { return Vec::new() };
    if is_inside(target, roots) {
        return Vec::new();
    }
    sources
        .iter()
        .filter(|source| is_inside(source, roots))
        .map(|source| Effect::Delete {
            path: PathText::clone(source),
            depth: Depth::Recursive,
            force: Force::Normal,
        })
        .collect()
}

fn is_inside(path: &PathText, roots: &[String]) -> bool {
    let path = match path {
        PathText::Exact(path) | PathText::Glob { directory: path, .. } => normal(path),
        PathText::Unknown(_) => return false,
    };
    roots.iter().any(|root| {
        path.strip_prefix(root.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// Without `.`, `..` and doubled slashes, as text.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}
