//! Every way to leave an order for git is seen; what git does by itself is not.

use super::{GitChange, GitOrders};
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

fn git(directory: &Path, args: &[&str]) {
    let mut git = Command::new("git");
    git.arg("-C").arg(directory).args(["-c", "user.name=n", "-c", "user.email=e@example.com"]).args(args);
    git.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
    let output = git.output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn repository() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    git(directory.path(), &["init", "--quiet", "--template="]);
    fs::create_dir_all(directory.path().join(".git/hooks")).unwrap();
    fs::create_dir_all(directory.path().join(".git/info")).unwrap();
    fs::write(directory.path().join(".git/hooks/pre-push"), "#!/bin/sh\n").unwrap();
    git(directory.path(), &["commit", "--quiet", "--allow-empty", "-m", "first"]);
    directory
}

/// What `act` changes, as `+`, `~` or `-` and the path below the project.
#[track_caller]
fn check(act: impl FnOnce(&Path), expected: &[&str]) {
    let directory = repository();
    let project = directory.path();
    let before = GitOrders::snapshot(project);
    act(project);
    let below = |path: &Path| path.strip_prefix(project).unwrap_or(path).display().to_string();
    let changes: Vec<String> = before
        .changes(&GitOrders::snapshot(project))
        .iter()
        .map(|change| match change {
            GitChange::Appeared { path } => format!("+{}", below(path)),
            GitChange::Changed { path } => format!("~{}", below(path)),
            GitChange::Vanished { path } => format!("-{}", below(path)),
            GitChange::Unknown => "?".to_owned(),
        })
        .collect();
    assert_eq!(changes, expected);
}

#[test]
fn orders_are_seen() {
    check(|at| git(at, &["config", "core.fsmonitor", "/tmp/x"]), &["~.git/config"]);
    check(|at| fs::write(at.join(".git/hooks/post-commit"), "x").unwrap(), &["+.git/hooks/post-commit"]);
    check(|at| fs::write(at.join(".git/info/attributes"), "* filter=x").unwrap(), &["+.git/info/attributes"]);
    check(|at| fs::write(at.join(".git/commondir"), "/tmp/other").unwrap(), &["+.git/commondir"]);
    check(|at| fs::write(at.join(".git/config.worktree"), "").unwrap(), &["+.git/config.worktree"]);
    check(|at| fs::remove_file(at.join(".git/hooks/pre-push")).unwrap(), &["-.git/hooks/pre-push"]);
    check(|at| fs::write(at.join(".gitmodules"), "x").unwrap(), &["+.gitmodules"]);
}

#[test]
fn a_file_becomes_a_hook_by_its_mode() {
    let executable = fs::Permissions::from_mode(0o755);
    check(
        |at| fs::set_permissions(at.join(".git/hooks/pre-push"), executable).unwrap(),
        &["~.git/hooks/pre-push"],
    );
}

#[test]
fn a_link_counts_with_where_it_leads() {
    check(
        |at| {
            fs::rename(at.join(".git/config"), at.join("config")).unwrap();
            symlink(at.join("config"), at.join(".git/config")).unwrap();
        },
        &["~.git/config"],
    );
    check(
        |at| {
            fs::remove_dir_all(at.join(".git/hooks")).unwrap();
            fs::create_dir(at.join("elsewhere")).unwrap();
            symlink("../elsewhere", at.join(".git/hooks")).unwrap();
        },
        &["~.git/hooks", "-.git/hooks/pre-push"],
    );
}

#[test]
fn a_rebuilt_or_replaced_repository_is_seen() {
    let directory = repository();
    let before = GitOrders::snapshot(directory.path());
    fs::rename(directory.path().join(".git"), directory.path().join(".git2")).unwrap();
    fs::write(directory.path().join(".git"), "gitdir: .git2").unwrap();
    let changes = before.changes(&GitOrders::snapshot(directory.path()));
    let dot_git = directory.path().join(".git");
    assert!(changes.contains(&GitChange::Changed { path: dot_git }), "{changes:?}");
}

#[test]
fn worktrees_lead_to_the_orders_they_share() {
    let directory = repository();
    let tree = tempfile::tempdir().unwrap();
    let tree = tree.path().canonicalize().unwrap().join("tree");
    git(directory.path(), &["worktree", "add", "--quiet", tree.to_str().unwrap()]);
    let before = GitOrders::snapshot(&tree);
    git(&tree, &["config", "core.pager", "/tmp/x"]);
    assert_eq!(before.changes(&GitOrders::snapshot(&tree)).len(), 1);
}

#[test]
fn everyday_git_changes_no_orders() {
    check(
        |at| {
            fs::write(at.join("a"), "a").unwrap();
            git(at, &["add", "a"]);
            git(at, &["commit", "--quiet", "-m", "second"]);
            git(at, &["switch", "--quiet", "-c", "other"]);
            git(at, &["gc", "--quiet"]);
        },
        &[],
    );
}
