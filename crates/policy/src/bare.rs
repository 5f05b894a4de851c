//! Bare repositories that lie in a project: git takes a directory with `HEAD` and `objects` in it for one, where no `.git`
//! comes first, and its configuration is code. A repository may carry one among its files. Where the kernel holds what
//! runs, it may.

use crate::names::{GIT_VALUES, base_name};
use crate::opinion::Opinion;
use leashd_shell::{Analysis, Command, RunsIn, Word};
use leashd_types::{Containment, Decision, Effect, Facts, PathFact, PathKind, Questions};
use std::path::{Component, Path, PathBuf};

/// Directories looked at for one command, from where git starts upwards. Deeper down nobody knows what is there.
const DEPTH: usize = 32;
/// Commands of a line that are looked at, the same way.
const COMMANDS: usize = 64;

/// Where a command of git starts to look for a repository.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    /// Place of the command in the analysis.
    pub(crate) command: usize,
    /// All that it may be; empty if nobody knows.
    directories: Vec<String>,
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
        .enumerate()
        .map(|(number, (at, command))| {
            let found = directories(command, start).filter(|found| {
                number < COMMANDS && found.iter().all(|directory| above(directory, facts).len() <= DEPTH)
            });
            Start { command: at, directories: found.unwrap_or_default() }
        })
        .collect();
    for directory in starts.iter().flat_map(|start| &start.directories) {
        questions.paths.insert(directory.clone());
        for place in above(directory, facts) {
            questions.paths.extend(parts(&place));
        }
    }
    starts
}

/// What is thought of git there.
pub(crate) fn check(start: &Start, facts: &Facts) -> Option<Opinion> {
    let asks = |reason| Some(Opinion::judge(Decision::Ask, "bare-repository", reason));
    if start.directories.is_empty() {
        return asks(
            "git would take its orders from whatever repository is there, and nobody knows where".to_owned(),
        );
    }
    let found = start.directories.iter().find_map(|directory| prepared(directory, facts))?;
    asks(format!("{} is a repository of its own, whose configuration git would run", found.display()))
}

/// The bare repository that git would find first.
fn prepared(directory: &str, facts: &Facts) -> Option<PathBuf> {
    let is = |path: &String, wanted: PathKind| matches!(facts.paths.get(path), Some(PathFact::Resolved { kind, .. }) if *kind == wanted);
    above(directory, facts).into_iter().find(|place| {
        let [head, objects] = parts(place);
        is(&head, PathKind::File) && is(&objects, PathKind::Directory)
    })
}

fn runs_git(command: &Command) -> bool {
    command.words.first().and_then(Word::text).map(base_name) == Some("git")
        && command.effects.iter().any(|effect| matches!(effect, Effect::Git { .. }))
}

/// Where git starts, with its own `-C`. Nothing if that cannot be told.
fn directories(command: &Command, start: &str) -> Option<Vec<String>> {
    let mut all = match &command.runs_in {
        RunsIn::Start => vec![PathBuf::from(start)],
        RunsIn::At(directory) => vec![PathBuf::from(directory)],
        RunsIn::OneOf(directories) => directories.iter().map(PathBuf::from).collect(),
        RunsIn::Unknown => return None,
    };
    let mut words = command.words.iter().skip(1);
    while let Some(word) = words.next() {
        let word = word.text()?;
        if !word.starts_with('-') {
            break;
        }
        if word == "-C" {
            let further = words.next()?.text()?;
            all.iter_mut().for_each(|directory| directory.push(further));
        } else if GIT_VALUES.contains(&word) {
            let _value = words.next();
        }
    }
    all.into_iter().map(|directory| directory.into_os_string().into_string().ok()).collect()
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
        .map(Path::to_owned)
        .collect()
}

fn parts(place: &Path) -> [String; 2] {
    ["HEAD", "objects"].map(|name| place.join(name).to_string_lossy().into_owned())
}
