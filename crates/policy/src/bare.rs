//! Bare repositories that lie in a project: git takes a directory with `HEAD` and `objects` in it for one, where no `.git`
//! comes first, and its configuration is code. A repository may carry one among its files. Where the kernel holds what
//! runs, it may.

use crate::names::base_name;
use crate::opinion::Opinion;
use leashd_shell::{Analysis, Command, RunsIn, Word};
use leashd_types::{Containment, Decision, Effect, Facts, PathFact, PathKind, Questions};
use std::path::{Component, Path, PathBuf};

/// Directories looked at for one command.
const DEPTH: usize = 32;
/// Commands of a line that are looked at.
const COMMANDS: usize = 64;

/// A directory in which a command of git starts to look for a repository.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// Place of the command in the analysis.
    pub(crate) command: usize,
    pub(crate) directory: String,
}

/// Where the line runs git, with the questions that tell whether there is a bare repository.
pub(crate) fn starts(
    analysis: &Analysis,
    start: &str,
    facts: &Facts,
    questions: &mut Questions,
) -> Vec<Start> {
    if facts.containment == Containment::Proven {
        return Vec::new();
    }
    let starts: Vec<Start> = analysis
        .commands
        .iter()
        .enumerate()
        .filter(|(_, command)| runs_git(command))
        .take(COMMANDS)
        .filter_map(|(at, command)| Some(Start { command: at, directory: directory(command, start)? }))
        .collect();
    for start in &starts {
        questions.paths.insert(start.directory.clone());
        for place in above(&start.directory, facts) {
            questions.paths.extend(parts(&place));
        }
    }
    starts
}

/// What is thought of git in this directory.
pub(crate) fn check(directory: &str, facts: &Facts) -> Option<Opinion> {
    let is = |path: &String, wanted: PathKind| matches!(facts.paths.get(path), Some(PathFact::Resolved { kind, .. }) if *kind == wanted);
    let found = above(directory, facts).into_iter().find(|place| {
        let [head, objects] = parts(place);
        is(&head, PathKind::File) && is(&objects, PathKind::Directory)
    })?;
    let reason = format!("{} is a repository of its own, whose configuration git would run", found.display());
    Some(Opinion::judge(Decision::Ask, "bare-repository", reason))
}

fn runs_git(command: &Command) -> bool {
    command.words.first().and_then(Word::text).map(base_name) == Some("git")
        && command.effects.iter().any(|effect| matches!(effect, Effect::Git { .. }))
}

/// Where git starts, with its own `-C`.
fn directory(command: &Command, start: &str) -> Option<String> {
    let mut at = match &command.runs_in {
        RunsIn::Start => PathBuf::from(start),
        RunsIn::At(directory) => PathBuf::from(directory),
        RunsIn::Unknown => return None,
    };
    let mut words = command.words.iter().skip(1).filter_map(Word::text);
    while let Some(word) = words.next().filter(|word| word.starts_with('-')) {
        match word {
            "-C" => at.push(words.next()?),
            "-c" => drop(words.next()),
            _ => {}
        }
    }
    at.into_os_string().into_string().ok()
}

/// The directory and those above it, as far as an agent may work there; none of them called `.git`.
fn above(directory: &str, facts: &Facts) -> Vec<PathBuf> {
    let real = match facts.paths.get(directory) {
        Some(PathFact::Resolved { real, .. }) => real.as_path(),
        Some(PathFact::Unresolvable(_)) | None => Path::new(directory),
    };
    let git = |path: &Path| {
        path.components()
            .any(|part| matches!(part, Component::Normal(name) if name.eq_ignore_ascii_case(".git")))
    };
    let roots = || facts.approved.iter().chain(&facts.temporary);
    real.ancestors()
        .take_while(|place| roots().any(|root| place.starts_with(root.as_path())))
        .filter(|place| !git(place))
        .take(DEPTH)
        .map(Path::to_owned)
        .collect()
}

fn parts(place: &Path) -> [String; 2] {
    ["HEAD", "objects"].map(|name| place.join(name).to_string_lossy().into_owned())
}
