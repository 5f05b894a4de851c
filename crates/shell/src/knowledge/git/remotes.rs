//! git's subcommands that talk to other repositories.

use super::subcommands::unknown;
use super::words::Words;
use super::{config, operation, remote};
use crate::Word;
use crate::knowledge::report::Report;
use leashd_types::{Direction, Force, GitOperation};

pub(super) fn fetch(report: &mut Report<'_>, words: &Words<'_>) {
    let from = words.operands.first().copied();
    for program in words.value(&["--upload-pack"]) {
        report.script(program);
    }
    if from.and_then(Word::text) == Some(".") {
        // `fetch . main:copy` moves a branch of this repository.
        let landing = words.operands.iter().skip(1).filter_map(|word| word.text()).any(|spec| {
            spec.starts_with('+') || matches!(spec.rsplit_once(':'), Some((_, to)) if is_protected(to))
        });
        report.git(if landing || words.has("force", Some('f')) {
            GitOperation::Commit
        } else {
            GitOperation::Local
        });
        return;
    }
    remote(report, from, Direction::Fetch);
    report.git(GitOperation::Fetch);
}

fn is_protected(branch: &str) -> bool {
    matches!(branch.strip_prefix("refs/heads/").unwrap_or(branch), "main" | "master" | "trunk" | "production")
}

pub(super) fn clone(report: &mut Report<'_>, words: &Words<'_>) {
    let mut none = Vec::new();
    for setting in words.value(&["-c", "--config"]) {
        config::given(report, &setting, &mut none);
    }
    for program in words.value(&["-u", "--upload-pack"]) {
        report.script(program);
    }
    for template in words.value(&["--template"]) {
        report.runs_file(&template);
    }
    remote(report, words.operands.first().copied(), Direction::Fetch);
    match words.operands.get(1) {
        Some(directory) => report.write(directory),
        None => {
            let url = words.first().trim_end_matches('/');
            let name = url.rsplit(['/', ':']).next().unwrap_or(url).trim_end_matches(".git");
            report.write_text(if name.is_empty() { "." } else { name });
        }
    }
    report.git(GitOperation::Fetch);
}

pub(super) fn push(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    if words.has("dry-run", Some('n')) {
        remote(report, words.operands.first().copied(), Direction::Fetch);
        report.git(GitOperation::Read);
        return;
    }
    for program in words.value(&["--receive-pack", "--exec"]) {
        report.script(program);
    }
    let mut forced = words.flags().any(|flag| {
        let long = flag.starts_with("--");
        let name = flag.split('=').next().unwrap_or(flag);
        match long {
            true => {
                matches!(name, "--mirror" | "--delete" | "--prune")
                    || name.len() >= 4
                        && ["--force", "--force-with-lease", "--force-if-includes", "--mirror", "--delete"]
                            .iter()
                            .any(|full| full.starts_with(name))
            }
            false => !flag.starts_with("-o") && flag.contains(['f', 'd']),
        }
    });
    let refspecs = words.operands.get(1..).unwrap_or(&[]);
    let mut targets = Vec::new();
    for refspec in refspecs {
        let start = refspec.prefix();
        forced |= start.starts_with('+') || start.starts_with(':');
        match refspec.text() {
            Some(text) => {
                let text = text.trim_start_matches('+');
                let target = text.rsplit_once(':').map_or(text, |(_, to)| to);
                targets.push(target.strip_prefix("refs/heads/").unwrap_or(target).to_owned());
            }
            None => report.unclear("what is pushed cannot be told"),
        }
    }
    forced |= report.force == Force::Forced;
    let everything = words.has("all", None) || words.has("branches", None) || words.has("mirror", None);
    remote(report, words.operands.first().copied(), Direction::Send);
    let force = if forced { Force::Forced } else { Force::Normal };
    if targets.is_empty() {
        let target = (everything && name == "push").then(|| "every branch".to_owned());
        operation(report, GitOperation::Push, force, target);
    }
    for target in targets {
        operation(report, GitOperation::Push, force, Some(target));
    }
}

pub(super) fn remotes(report: &mut Report<'_>, words: &Words<'_>) {
    match words.first() {
        "" | "get-url" => report.git(GitOperation::Read),
        "show" | "update" | "prune" => {
            remote(report, words.operands.get(1).copied(), Direction::Fetch);
            report.git(if words.first() == "show" { GitOperation::Read } else { GitOperation::Fetch });
        }
        _ => report.git(GitOperation::Configure),
    }
}

pub(super) fn submodule(report: &mut Report<'_>, words: &Words<'_>) {
    match words.first() {
        "" | "status" | "summary" => report.git(GitOperation::Read),
        "foreach" => {
            let code: Vec<&Word> = words
                .all
                .iter()
                .skip_while(|word| word.text() != Some("foreach"))
                .skip(1)
                .skip_while(|word| word.prefix().starts_with('-'))
                .collect();
            match code.as_slice() {
                [] => {}
                [one] => report.script((*one).clone()),
                many => report.command(many.iter().map(|word| (*word).clone()).collect()),
            }
            report.git(GitOperation::Read);
        }
        "update" | "add" => {
            let from = if words.first() == "add" { words.operands.get(1).copied() } else { None };
            remote(report, from, Direction::Fetch);
            // It checks out what another repository's history says, over what is there.
            report.git(if words.first() == "update" { GitOperation::Discard } else { GitOperation::Fetch });
        }
        "deinit" => report.git(GitOperation::Discard),
        "set-url" | "set-branch" | "init" | "sync" | "absorbgitdirs" => report.git(GitOperation::Configure),
        other => unknown(report, &format!("submodule {other}")),
    }
}

pub(super) fn lfs(report: &mut Report<'_>, words: &Words<'_>) {
    match words.first() {
        "push" => {
            remote(report, words.operands.get(1).copied(), Direction::Send);
            operation(report, GitOperation::Push, Force::Normal, None);
        }
        "pull" | "fetch" | "clone" => {
            remote(report, None, Direction::Fetch);
            report.git(GitOperation::Fetch);
        }
        "ls-files" | "status" | "env" | "version" | "" | "logs" | "locks" | "pointer" => {
            report.git(GitOperation::Read)
        }
        "migrate" => report.git(if words.operands.get(1).and_then(|word| word.text()) == Some("info") {
            GitOperation::Read
        } else {
            GitOperation::Rewrite
        }),
        "install" | "uninstall" | "track" | "untrack" | "update" => report.git(GitOperation::Configure),
        _ => report.git(GitOperation::Local),
    }
}

pub(super) fn svn(report: &mut Report<'_>, words: &Words<'_>) {
    match words.first() {
        "dcommit" | "set-tree" | "commit-diff" | "branch" | "tag" => {
            report.configured("the Subversion repository", Direction::Send);
            operation(report, GitOperation::Push, Force::Normal, None);
            report.git(GitOperation::Commit);
        }
        "log" | "info" | "blame" | "find-rev" | "propget" => report.git(GitOperation::Read),
        _ => {
            report.configured("the Subversion repository", Direction::Fetch);
            report.git(GitOperation::Fetch);
        }
    }
}
