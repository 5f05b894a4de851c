//! git's subcommands, one by one.

use super::{config, operation, remote};
use crate::Word;
use crate::knowledge::report::Report;
use leashd_types::{CodeSource, Direction, Force, GitOperation};

/// A subcommand's words, sorted just enough.
struct Words<'w> {
    all: &'w [Word],
    operands: Vec<&'w Word>,
}

/// Options of subcommands that take the next word.
fn takes_value(name: &str, flag: &str) -> bool {
    match name {
        "push" => matches!(flag, "-o" | "--push-option" | "--receive-pack" | "--exec" | "--repo"),
        "clone" => matches!(
            flag,
            "-b" | "--branch"
                | "-o"
                | "--origin"
                | "--depth"
                | "-c"
                | "--config"
                | "-u"
                | "--upload-pack"
                | "--template"
                | "--reference"
                | "-j"
                | "--jobs"
                | "--separate-git-dir"
                | "--filter"
                | "--shallow-since"
                | "--shallow-exclude"
                | "--server-option"
        ),
        "fetch" | "pull" => matches!(
            flag,
            "--depth" | "--deepen" | "--upload-pack" | "-j" | "--jobs" | "-o" | "-s" | "-X" | "--strategy"
        ),
        "rebase" => matches!(flag, "-x" | "--exec" | "--onto" | "-s" | "-X" | "-C" | "--strategy"),
        "worktree" => matches!(flag, "-b" | "-B" | "--reason" | "--expire"),
        "log" | "diff" | "show" | "shortlog" | "format-patch" | "archive" | "stash" | "grep" | "blame" => {
            matches!(
                flag,
                "-o" | "--output"
                    | "-n"
                    | "-S"
                    | "-G"
                    | "-e"
                    | "-f"
                    | "--output-directory"
                    | "-L"
                    | "-m"
                    | "--remote"
                    | "--exec"
                    | "--format-patch"
                    | "-O"
                    | "-A"
                    | "-B"
                    | "-C"
            ) && !(matches!(name, "log" | "diff" | "show" | "blame")
                && matches!(flag, "-m" | "-e" | "-f" | "-o" | "-A" | "-B" | "-C" | "-O"))
        }
        _ => matches!(
            flag,
            "-m" | "-F"
                | "-b"
                | "-B"
                | "-s"
                | "--message"
                | "--author"
                | "--date"
                | "-u"
                | "--pathspec-from-file"
        ),
    }
}

impl<'w> Words<'w> {
    fn new(name: &str, all: &'w [Word]) -> Self {
        let mut operands = Vec::new();
        let mut rest = all;
        while let Some((word, tail)) = rest.split_first() {
            rest = tail;
            match word.text() {
                Some("--") => {
                    operands.extend(tail);
                    break;
                }
                Some(flag) if takes_value(name, flag) => rest = tail.get(1..).unwrap_or(&[]),
                _ if word.prefix().starts_with('-') && word.prefix().len() > 1 => {}
                _ => operands.push(word),
            }
        }
        Self { all, operands }
    }

    /// Options only: nothing after `--`.
    fn flags(&self) -> impl Iterator<Item = &'w str> {
        self.all
            .iter()
            .filter_map(Word::text)
            .take_while(|text| *text != "--")
            .filter(|text| text.starts_with('-'))
    }

    /// An option by its long name (or a beginning of it) or its letter, also in a bundle.
    fn has(&self, long: &str, letter: Option<char>) -> bool {
        self.flags().any(|flag| match flag.strip_prefix("--") {
            Some(name) => {
                let name = name.split('=').next().unwrap_or(name);
                name == long || (name.len() >= 4 && long.starts_with(name))
            }
            None => letter.is_some_and(|letter| flag.contains(letter)),
        })
    }

    fn value(&self, names: &[&str]) -> Vec<Word> {
        let mut values = Vec::new();
        for (at, word) in self.all.iter().enumerate() {
            let start = word.prefix();
            if names.contains(&start) {
                values.extend(self.all.get(at + 1).cloned());
            } else if let Some((name, _)) = start.split_once('=') {
                if names.contains(&name) {
                    values.push(crate::knowledge::args::after(word, name.len() + 1));
                }
            }
        }
        values
    }

    fn first(&self) -> &'w str {
        self.operands.first().and_then(|word| word.text()).unwrap_or("")
    }

    fn pathspec(&self) -> bool {
        self.all.iter().any(|word| word.text() == Some("--"))
    }
}

pub(super) fn run(report: &mut Report<'_>, name: &str, args: &[Word]) {
    use GitOperation::{Commit, Configure, Discard, Fetch, Local, Read, Rewrite};
    let words = Words::new(name, args);
    match name {
        "status" | "blame" | "annotate" | "describe" | "rev-parse" | "rev-list" | "ls-files" | "ls-tree"
        | "cat-file" | "merge-base" | "name-rev" | "shortlog" | "whatchanged" | "check-ignore"
        | "check-attr" | "check-mailmap" | "check-ref-format" | "cherry" | "count-objects" | "diff-files"
        | "diff-index" | "diff-tree" | "for-each-ref" | "fsck" | "get-tar-commit-id" | "help"
        | "merge-tree" | "range-diff" | "show-branch" | "show-index" | "show-ref" | "var"
        | "verify-commit" | "verify-pack" | "verify-tag" | "version" | "patch-id" | "stripspace"
        | "column" | "fmt-merge-msg" | "interpret-trailers" | "mailinfo" | "unpack-file" | "diagnose"
        | "bugreport" | "log" | "diff" | "show" | "grep" | "archive" | "difftool" | "instaweb" | "gui"
        | "gitk" | "web--browse" | "request-pull" | "write-tree" | "hash-object" | "mktree" | "mktag"
        | "pack-objects" | "prune-packed" | "index-pack" | "upload-pack" | "upload-archive" | "daemon"
        | "http-backend" | "fast-export" | "format-patch" | "bundle" => looks(report, name, &words),
        "add" | "stage" | "mv" | "init" | "notes" | "rerere" | "sparse-checkout" | "update-index"
        | "read-tree" | "checkout-index" | "apply" | "mergetool" | "maintenance" | "commit-graph"
        | "multi-pack-index" | "pack-refs" | "repack" | "unpack-objects" | "tag" | "replace" => {
            local(report, name, &words)
        }
        "rm" => {
            let keep = words.has("cached", None) || words.has("dry-run", Some('n'));
            operation(
                report,
                if keep {
                    Local
                } else if words.has("force", Some('f')) {
                    Discard
                } else {
                    Local
                },
                Force::Normal,
                None,
            );
        }
        "commit" => match words.has("dry-run", None) {
            true => report.git(Read),
            false => report.git(Commit),
        },
        "merge" | "rebase" | "cherry-pick" | "revert" | "am" => lands(report, name, &words),
        "commit-tree" | "update-ref" | "citool" | "symbolic-ref" | "merge-file" | "merge-index"
        | "merge-one-file" | "quiltimport" | "fast-import" | "cvsimport" | "p4" | "merge-recursive"
        | "merge-resolve" | "merge-octopus" | "merge-ours" | "merge-subtree" => {
            let reads = name == "symbolic-ref" && words.operands.len() < 2 && !words.has("delete", Some('d'));
            let plain = name.starts_with("merge-") && name != "merge-recursive";
            report.git(if reads {
                Read
            } else if plain {
                Local
            } else {
                Commit
            });
        }
        "pull" => {
            remote(report, words.operands.first().copied(), Direction::Fetch);
            report.git(Commit);
        }
        "ls-remote" => {
            words.value(&["--upload-pack", "--exec"]).into_iter().for_each(|program| report.script(program));
            remote(report, words.operands.first().copied(), Direction::Fetch);
            report.git(Read);
        }
        "fetch" | "remote-https" | "remote-http" | "fetch-pack" => fetch(report, &words),
        "clone" => clone(report, &words),
        "push" | "send-pack" | "receive-pack" | "http-push" => push(report, name, &words),
        "reset" => match words.has("hard", None) || words.has("merge", None) || words.has("keep", None) {
            true => report.git(Discard),
            false => report.git(Local),
        },
        "clean" => match words.has("dry-run", Some('n')) {
            true => report.git(Read),
            false => operation(
                report,
                Discard,
                if words.has("force", Some('f')) { Force::Forced } else { Force::Normal },
                None,
            ),
        },
        "checkout" => checkout(report, &words),
        "switch" => match words.has("discard-changes", Some('f'))
            || words.has("force", None)
            || words.has("force-create", Some('C'))
        {
            true => report.git(Discard),
            false => report.git(Local),
        },
        "restore" => match words.has("staged", Some('S')) && !words.has("worktree", Some('W')) {
            true => report.git(Local),
            false => report.git(Discard),
        },
        "stash" => stash(report, &words),
        "branch" => branch(report, &words),
        "worktree" => worktree(report, &words),
        "remote" => remotes(report, &words),
        "config" => config::config(report, args),
        "submodule" => submodule(report, &words),
        "bisect" => bisect(report, &words),
        "hook" => report.runs_project("git hooks"),
        "filter-branch" | "filter-repo" | "reflog" | "gc" | "prune" => rewrite(report, name, &words),
        "lfs" => lfs(report, &words),
        "svn" => match words.first() {
            "dcommit" | "set-tree" | "commit-diff" | "branch" | "tag" => {
                report.configured("the Subversion repository", Direction::Send);
                operation(report, GitOperation::Push, Force::Normal, None);
                report.git(Commit);
            }
            "log" | "info" | "blame" | "find-rev" | "propget" => report.git(Read),
            _ => {
                report.configured("the Subversion repository", Direction::Fetch);
                report.git(Fetch);
            }
        },
        "subtree" => match words.first() {
            "push" => {
                report.configured("the git remote", Direction::Send);
                operation(report, GitOperation::Push, Force::Normal, None);
            }
            "split" => report.git(Local),
            _ => report.git(Commit),
        },
        "send-email" | "imap-send" => {
            report.configured("the mail server", Direction::Send);
            operation(report, GitOperation::Push, Force::Normal, None);
        }
        "credential" | "credential-store" | "credential-cache" => report.secret("a git credential"),
        "shell" | "sh-setup" => report.git(GitOperation::Unknown),
        "flow" | "town" => report.git(Commit),
        "update-server-info" | "submodule--helper" => report.git(Configure),
        "" => {}
        _ => unknown(report, name),
    }
    if matches!(name, "filter-branch" | "filter-repo") {
        report.git(Rewrite);
    }
}

fn unknown(report: &mut Report<'_>, name: &str) {
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
    if matches!(name, "show" | "cat-file" | "log" | "diff" | "blame" | "archive") {
        shown_files(report, name, words);
    }
    report.git(GitOperation::Read);
}

fn shown_files(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
    for operand in &words.operands {
        if let Some((revision, path)) = operand.prefix().split_once(':') {
            if !path.is_empty() && !revision.contains('/') || !path.is_empty() && name == "show" {
                let start = operand.prefix().len() - path.len();
                let file = crate::knowledge::args::after(operand, start);
                report.read(&file);
            }
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
        }
        "add" | "stage" => words.value(&["--pathspec-from-file"]).iter().for_each(|file| report.read(file)),
        "mergetool" => report.runs(CodeSource::Project { tool: "git mergetool".to_owned() }),
        _ => {}
    }
    report.git(operation);
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
        (true, _) => {
            if words.has("abort", None) {
                GitOperation::Discard
            } else {
                GitOperation::Local
            }
        }
        (_, true) => GitOperation::Local,
        _ => GitOperation::Commit,
    };
    report.git(operation);
}

fn fetch(report: &mut Report<'_>, words: &Words<'_>) {
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

fn clone(report: &mut Report<'_>, words: &Words<'_>) {
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

fn push(report: &mut Report<'_>, name: &str, words: &Words<'_>) {
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

fn remotes(report: &mut Report<'_>, words: &Words<'_>) {
    match words.first() {
        "" | "get-url" => report.git(GitOperation::Read),
        "show" | "update" | "prune" => {
            remote(report, words.operands.get(1).copied(), Direction::Fetch);
            report.git(if words.first() == "show" { GitOperation::Read } else { GitOperation::Fetch });
        }
        _ => report.git(GitOperation::Configure),
    }
}

fn submodule(report: &mut Report<'_>, words: &Words<'_>) {
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
        }
        _ => {}
    }
}

fn lfs(report: &mut Report<'_>, words: &Words<'_>) {
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
