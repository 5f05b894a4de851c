//! git's subcommands, one by one.

use super::remotes::{clone, fetch, lfs, push, remotes, submodule, svn};
use super::words::Words;
use super::{config, operation, remote};
use crate::Word;
use crate::knowledge::report::Report;
use leashd_types::{Direction, Force, GitOperation};

/// Subcommands that only look, unless an option says otherwise.
const LOOKS: &str = " status blame annotate describe rev-parse rev-list ls-files ls-tree cat-file merge-base name-rev \
    shortlog whatchanged check-ignore check-attr check-mailmap check-ref-format cherry count-objects diff-files diff-index \
    diff-tree for-each-ref fsck get-tar-commit-id help merge-tree range-diff show-branch show-index show-ref var \
    verify-commit verify-pack verify-tag version patch-id stripspace column fmt-merge-msg interpret-trailers mailinfo \
    unpack-file diagnose bugreport log diff show grep archive difftool instaweb gitk web--browse request-pull write-tree \
    hash-object mktree mktag pack-objects prune-packed index-pack upload-pack upload-archive daemon http-backend fast-export \
    format-patch bundle ";
/// Subcommands that change the index, the working tree or the object store.
const LOCAL: &str = " add stage mv init notes rerere sparse-checkout update-index read-tree checkout-index apply mergetool \
    maintenance commit-graph multi-pack-index pack-refs repack unpack-objects tag replace ";
/// Plumbing and helpers that make history.
const MAKES_HISTORY: &str = " commit-tree update-ref citool gui symbolic-ref merge-file merge-index merge-one-file quiltimport \
    fast-import cvsimport p4 merge-recursive merge-resolve merge-octopus merge-ours merge-subtree flow town ";

pub(super) fn run(report: &mut Report<'_>, name: &str, args: &[Word]) {
    let words = Words::new(name, args);
    let listed = |names: &str| names.contains(&format!(" {name} "));
    if name.is_empty() {
    } else if listed(LOOKS) {
        looks(report, name, &words);
    } else if listed(LOCAL) {
        local(report, name, &words);
    } else if listed(MAKES_HISTORY) {
        makes_history(report, name, &words);
    } else if !here(report, name, args, &words) && !with_others(report, name, &words) {
        unknown(report, name);
    }
}

/// What stays in this repository.
fn here(report: &mut Report<'_>, name: &str, args: &[Word], words: &Words<'_>) -> bool {
    use GitOperation::{Commit, Discard, Local, Read};
    let operation = match name {
        "commit" => {
            if words.has("dry-run", None) {
                Read
            } else {
                Commit
            }
        }
        "merge" | "rebase" | "cherry-pick" | "revert" | "am" => {
            lands(report, name, words);
            return true;
        }
        "rm" => {
            let keeps = words.has("cached", None) || words.has("dry-run", Some('n'));
            if words.has("force", Some('f')) && !keeps { Discard } else { Local }
        }
        "reset" => {
            let throws = ["hard", "merge", "keep"].iter().any(|mode| words.has(mode, None));
            if throws { Discard } else { Local }
        }
        "clean" => {
            let force = if words.has("force", Some('f')) { Force::Forced } else { Force::Normal };
            match words.has("dry-run", Some('n')) {
                true => report.git(Read),
                false => {
                    words.operands.iter().for_each(|path| report.write(path));
                    operation(report, Discard, force, None);
                }
            }
            return true;
        }
        "switch" => {
            let throws = words.has("discard-changes", Some('f'))
                || words.has("force", None)
                || words.has("force-create", Some('C'));
            if throws { Discard } else { Local }
        }
        "restore" => {
            if words.has("staged", Some('S')) && !words.has("worktree", Some('W')) {
                Local
            } else {
                Discard
            }
        }
        _ => return here_by_verb(report, name, args, words),
    };
    report.git(operation);
    true
}

fn here_by_verb(report: &mut Report<'_>, name: &str, args: &[Word], words: &Words<'_>) -> bool {
    match name {
        "checkout" => checkout(report, words),
        "stash" => stash(report, words),
        "branch" => branch(report, words),
        "worktree" => worktree(report, words),
        "config" => config::config(report, args),
        "bisect" => bisect(report, words),
        "hook" => report.runs_project("git hooks"),
        "filter-branch" | "filter-repo" | "reflog" | "gc" | "prune" => rewrite(report, name, words),
        "credential" | "credential-store" | "credential-cache" => report.secret("a git credential"),
        "shell" | "sh-setup" => report.git(GitOperation::Unknown),
        "update-server-info" | "submodule--helper" => report.git(GitOperation::Configure),
        _ => return false,
    }
    true
}

/// What talks to another repository.
fn with_others(report: &mut Report<'_>, name: &str, words: &Words<'_>) -> bool {
    match name {
        "pull" => {
            remote(report, words.operands.first().copied(), Direction::Fetch);
            report.git(GitOperation::Commit);
        }
        "ls-remote" => {
            words.value(&["--upload-pack", "--exec"]).into_iter().for_each(|program| report.script(program));
            remote(report, words.operands.first().copied(), Direction::Fetch);
            report.git(GitOperation::Read);
        }
        "fetch" | "remote-https" | "remote-http" | "fetch-pack" => fetch(report, words),
        "clone" => clone(report, words),
        "push" | "send-pack" | "receive-pack" | "http-push" => push(report, name, words),
        "remote" => remotes(report, words),
        "submodule" => submodule(report, words),
        "lfs" => lfs(report, words),
        "svn" => svn(report, words),
        "subtree" => match words.first() {
            "push" => {
                let forced = words.has("force", Some('f'))
                    || words.operands.iter().any(|word| word.prefix().starts_with('+'));
                let force = if forced { Force::Forced } else { report.force };
                report.configured("the git remote", Direction::Send);
                operation(report, GitOperation::Push, force, None);
            }
            "split" => report.git(GitOperation::Local),
            _ => report.git(GitOperation::Commit),
        },
        "send-email" | "imap-send" => {
            report.configured("the mail server", Direction::Send);
            operation(report, GitOperation::Push, Force::Normal, None);
        }
        _ => return false,
    }
    true
}

fn makes_history(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    let reads = name == "symbolic-ref" && words.operands.len() < 2 && !words.has("delete", Some('d'));
    let plain = name.starts_with("merge-") && name != "merge-recursive";
    if words.has("delete", Some('d')) && matches!(name, "update-ref" | "symbolic-ref") {
        // What nothing names any more is lost.
        report.git(GitOperation::Discard);
    }
    report.git(if reads {
        GitOperation::Read
    } else if plain {
        GitOperation::Local
    } else {
        GitOperation::Commit
    });
}

pub(super) fn unknown(report: &mut Report<'_>, name: &str) {
    report.git(GitOperation::Unknown);
    report.unclear(format!("`git {name}` is an alias or an extension that is not known here"));
}

/// Options with which a looking command writes, or runs something.
fn looks(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    for file in words.value(&["--output"]) {
        report.write(&file);
    }
    match name {
        "archive" | "format-patch" => {
            for file in words.value(&["-o", "--output", "--output-directory"]) {
                report.write(&file);
            }
            if let Some(host) = words.value(&["--remote"]).first() {
                remote(report, Some(host), Direction::Fetch);
            }
            for program in words.value(&["--exec"]) {
                report.script(program);
            }
        }
        "grep" => {
            for flag in words.all.iter().filter(|word| {
                word.prefix().starts_with("-O") || word.prefix().starts_with("--open-files-in-pager=")
            }) {
                let skip = if flag.prefix().starts_with("-O") { 2 } else { "--open-files-in-pager=".len() };
                let pager = crate::knowledge::args::after(flag, skip);
                if !pager.parts().is_empty() {
                    report.script(pager);
                }
            }
        }
        "difftool" => words.value(&["-x", "--extcmd"]).into_iter().for_each(|code| report.script(code)),
        "daemon" | "instaweb" | "http-backend" => {
            report.network(leashd_types::Host::Named("localhost".to_owned()), Direction::Listen);
        }
        "bundle" if words.first() == "create" => {
            words.operands.iter().skip(1).take(1).for_each(|file| report.write(file));
        }
        _ => {}
    }
    if name == "diff" && words.has("no-index", None) || name == "hash-object" {
        words.operands.iter().for_each(|file| report.read(file));
    }
    // `git show HEAD:.env` prints a file.
    let patches = || {
        words.flags().any(|flag| {
            flag == "--patch"
                || flag.starts_with("-L")
                || is_cluster_of(flag, 'p')
                || is_cluster_of(flag, 'u')
        })
    };
    let prints = ["show", "cat-file", "diff", "blame", "archive", "grep", "annotate", "whatchanged"];
    if prints.contains(&name) || name == "log" && patches() {
        shown_files(report, name, words);
    }
    report.git(GitOperation::Read);
}

fn is_cluster_of(flag: &str, letter: char) -> bool {
    flag.strip_prefix('-').is_some_and(|letters| !letters.starts_with('-') && letters.contains(letter))
}

fn shown_files(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    for operand in &words.operands {
        if let Some((revision, path)) = operand.prefix().split_once(':')
            // `:/text` looks for a commit by its message.
            && !(revision.is_empty() && path.starts_with('/'))
            && (!path.is_empty() && !revision.contains('/') || !path.is_empty() && name == "show")
        {
            let start = operand.prefix().len() - path.len();
            let file = crate::knowledge::args::after(operand, start);
            report.read(&file);
        }
    }
    let after = words.all.iter().position(|word| word.text() == Some("--"));
    for path in after.and_then(|at| words.all.get(at + 1..)).unwrap_or(&[]) {
        report.read(path);
    }
    if name == "blame" && after.is_none() {
        words.operands.iter().for_each(|file| report.read(file));
    }
}

fn local(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    use GitOperation::{Discard, Local, Read};
    let operation = match name {
        "tag"
            if words.operands.is_empty()
                || words.has("list", Some('l'))
                || words.has("verify", Some('v')) =>
        {
            Read
        }
        "tag" if words.flags().any(|flag| flag == "-d" || flag == "--delete") => Local,
        "notes" if matches!(words.first(), "" | "show" | "list") => Read,
        "apply" if words.has("check", None) || words.has("stat", None) || words.has("numstat", None) => Read,
        "checkout-index" | "read-tree" if words.has("force", Some('f')) || words.has("reset", None) => {
            Discard
        }
        "maintenance" if matches!(words.first(), "start" | "register") => {
            report.system(leashd_types::SystemChange::Scheduled);
            GitOperation::Configure
        }
        _ => Local,
    };
    match name {
        "apply" => words.operands.iter().for_each(|file| report.read(file)),
        "init" => {
            words.operands.iter().for_each(|directory| report.write(directory));
            for template in words.value(&["--template"]) {
                report.runs_file(&template);
            }
            words.value(&["--separate-git-dir"]).iter().for_each(|place| super::repository(report, place));
        }
        "add" | "stage" => {
            words.value(&["--pathspec-from-file"]).iter().for_each(|file| report.read(file));
            if words.has("force", Some('f')) {
                // What is ignored on purpose would be kept for good.
                words.operands.iter().for_each(|file| report.read(file));
            }
        }
        "mv" => words.operands.iter().for_each(|path| report.write(path)),
        "checkout-index" | "read-tree" => {
            words.value(&["--prefix"]).iter().for_each(|directory| report.write(directory));
        }
        "update-index" => words.all.iter().for_each(|word| staged_by_hand(report, word)),
        "mergetool" => report.runs_project("git mergetool"),
        _ => {}
    }
    report.git(operation);
}

/// `--cacheinfo MODE,OBJECT,PATH`: the file need not be there, and will be written from what is staged.
fn staged_by_hand(report: &mut Report<'_>, word: &Word) {
    let text = word.prefix();
    let skip = text.find(',').and_then(|first| Some(first + 1 + text.get(first + 1..)?.find(',')? + 1));
    if let Some(skip) = skip {
        report.write(&crate::knowledge::args::after(word, skip));
    }
}

fn lands(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    let undone = words.has("abort", None) || words.has("quit", None) || words.has("show-current-patch", None);
    for code in words.value(&["-x", "--exec"]) {
        if name == "rebase" {
            report.script(code);
        }
    }
    if name == "am" {
        words.operands.iter().for_each(|file| report.read(file));
    }
    let staged = match name {
        "revert" | "cherry-pick" => words.flags().any(|flag| {
            matches!(flag, "-n" | "--no-commit") || (!flag.starts_with("--") && flag.contains('n'))
        }),
        "merge" => words.has("no-commit", None) && words.has("no-ff", None) || words.has("squash", None),
        _ => false,
    };
    let operation = match (undone, staged) {
        // Giving up brings back what was there before.
        (true, _) => GitOperation::Local,
        (_, true) => GitOperation::Local,
        _ => GitOperation::Commit,
    };
    report.git(operation);
}

fn checkout(report: &mut Report<'_>, words: &Words<'_>) {
    let creates = words.flags().any(|flag| matches!(flag, "-b" | "--orphan" | "--track" | "-t"));
    let throws = words.flags().any(|flag| matches!(flag, "-f" | "--force" | "-B" | "--ours" | "--theirs"));
    let paths = words.pathspec() || words.operands.len() > 1 || matches!(words.first(), "." | "*" | ":/");
    let globbed = words.operands.iter().any(|word| word.has_glob());
    report.git(if throws || (!creates && (paths || globbed)) {
        GitOperation::Discard
    } else {
        GitOperation::Local
    });
}

fn stash(report: &mut Report<'_>, words: &Words<'_>) {
    if matches!(words.first(), "push" | "save") {
        words.operands.iter().skip(1).for_each(|path| report.read(path));
    }
    if words.pathspec() && matches!(words.first(), "" | "push" | "--") {
        // They are put away.
        let paths = words.all.iter().skip_while(|word| word.text() != Some("--")).skip(1);
        paths.for_each(|path| report.write(path));
    }
    report.git(match words.first() {
        "list" | "show" => GitOperation::Read,
        "drop" | "clear" => GitOperation::Discard,
        _ => GitOperation::Local,
    });
}

fn branch(report: &mut Report<'_>, words: &Words<'_>) {
    let deletes = words
        .flags()
        .any(|flag| flag == "--delete" || (!flag.starts_with("--") && flag.contains(['d', 'D'])));
    let forced = words
        .flags()
        .any(|flag| flag == "--force" || (!flag.starts_with("--") && flag.contains(['D', 'f', 'M', 'C'])));
    let writes = !words.operands.is_empty()
        && !words.has("list", Some('l'))
        && !words.has("contains", None)
        && !words.has("merged", None)
        && !words.has("no-merged", None)
        && !words.has("points-at", None);
    report.git(if forced {
        GitOperation::Discard
    } else if deletes || writes {
        GitOperation::Local
    } else {
        GitOperation::Read
    });
}

fn worktree(report: &mut Report<'_>, words: &Words<'_>) {
    match words.first() {
        "list" => report.git(GitOperation::Read),
        "add" => {
            words.operands.get(1).into_iter().for_each(|directory| report.write(directory));
            report.git(GitOperation::Local);
        }
        "remove" => {
            let forced = words.has("force", Some('f'));
            report.git(if forced { GitOperation::Discard } else { GitOperation::Local });
        }
        _ => report.git(GitOperation::Local),
    }
}

fn bisect(report: &mut Report<'_>, words: &Words<'_>) {
    if words.first() == "run" {
        let at = words.all.iter().position(|word| word.text() == Some("run")).map_or(0, |at| at + 1);
        report.command(words.all.get(at..).unwrap_or(&[]).to_vec());
    }
    report.git(match words.first() {
        "log" | "view" | "visualize" | "terms" | "" => GitOperation::Read,
        _ => GitOperation::Local,
    });
}

fn rewrite(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    use GitOperation::{Local, Read, Rewrite};
    match name {
        "reflog" => report.git(if matches!(words.first(), "expire" | "delete") { Rewrite } else { Read }),
        "gc" => {
            let prunes = words.flags().any(|flag| flag.starts_with("--prune"));
            report.git(if prunes { Rewrite } else { Local });
        }
        "prune" => report.git(if words.has("dry-run", Some('n')) { Read } else { Rewrite }),
        "filter-repo" => report.git(Rewrite),
        "filter-branch" => {
            let filters = [
                "--tree-filter",
                "--index-filter",
                "--msg-filter",
                "--env-filter",
                "--commit-filter",
                "--parent-filter",
                "--tag-name-filter",
                "--setup",
            ];
            words.value(&filters).into_iter().for_each(|code| report.script(code));
            report.git(Rewrite);
        }
        _ => {}
    }
}
