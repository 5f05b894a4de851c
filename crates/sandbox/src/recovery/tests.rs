//! Real repositories, made by git. The test runs git; the code under test does not.

use super::{Index, Recovery};
use crate::{recovery, resolve};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

struct Repository {
    _keep: TempDir,
    top: PathBuf,
}

fn git(directory: &Path, args: &[&str]) {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"])
        .args(args)
        .current_dir(directory)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_SYSTEM", "/dev/null")
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A repository with a commit, whose files are older than its index by more than the clock's grain.
fn repository(init: &[&str]) -> Repository {
    let keep = TempDir::new().unwrap();
    let top = keep.path().canonicalize().unwrap().join("project");
    fs::create_dir_all(top.join("src/deep")).unwrap();
    let files = ["README", "src/a.rs", "src/ab.rs", "src/deep/x", "src/deep/y", "srcs", "run.sh"];
    for name in files {
        fs::write(top.join(name), name).unwrap();
    }
    std::os::unix::fs::symlink("a.rs", top.join("src/link")).unwrap();
    fs::write(top.join(".gitignore"), "ignored\n").unwrap();
    git(&top, &[&["init", "-q"], init].concat());
    age(&top);
    git(&top, &["add", "."]);
    git(&top, &["commit", "-q", "-m", "first"]);
    Repository { _keep: keep, top }
}

/// Waits until the clock has moved on from the last write: a file written in the same grain as the index is never
/// taken for unchanged, rightly.
fn age(top: &Path) {
    let probe = top.join(".git/probe");
    let written = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    fs::write(&probe, "").unwrap();
    let before = written(&probe);
    while written(&probe) <= before {
        fs::write(&probe, "x").unwrap();
    }
}

fn check(repository: &Repository, name: &str, expected: Recovery) {
    let (real, kind) = resolve(Path::new(name), &repository.top).unwrap();
    assert_eq!(recovery(&real, kind), expected, "{name}");
}

use Recovery::{Committed, Lost, Unknown};

#[test]
fn every_version_of_the_index() {
    for version in ["2", "3", "4"] {
        let repository = repository(&[]);
        git(&repository.top, &["update-index", "--index-version", version]);
        if version == "3" {
            // Git writes version 3 only if an entry needs it.
            fs::write(repository.top.join("announced"), "x").unwrap();
            git(&repository.top, &["add", "-N", "announced"]);
            check(&repository, "announced", Lost);
        }
        let written = fs::read(repository.top.join(".git/index")).unwrap();
        assert_eq!(written[7].to_string(), version);
        for name in ["README", "src/a.rs", "src/ab.rs", "src/deep/x", "src/deep/y", "srcs", "src/deep", "src"]
        {
            check(&repository, name, Committed);
        }
    }
}

#[test]
fn what_git_does_not_have() {
    let repository = repository(&[]);
    fs::write(repository.top.join("src/untracked"), "x").unwrap();
    fs::write(repository.top.join("ignored"), "x").unwrap();
    fs::write(repository.top.join("README"), "another size").unwrap();
    let outside = repository.top.parent().unwrap().join("outside");
    fs::write(outside, "x").unwrap();
    for name in ["src/untracked", "ignored", "README", "../outside", ".git/config", ".git", "."] {
        check(&repository, name, Lost);
    }
    check(&repository, "src", Lost);
    check(&repository, "src/deep", Committed);
    check(&repository, "missing", Unknown);
    fs::create_dir_all(repository.top.join("src/deep/nested/.git")).unwrap();
    check(&repository, "src/deep", Lost);
}

#[test]
fn same_size_is_not_enough() {
    let repository = repository(&[]);
    let path = repository.top.join("README");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, "readme").unwrap();
    check(&repository, "README", Unknown);
    // Setting the time back does not hide it: the time of change cannot be set.
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    check(&repository, "README", Unknown);
    check(&repository, "src", Committed);
    let program = repository.top.join("src/a.rs");
    fs::set_permissions(program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    check(&repository, "src/a.rs", Unknown);
    check(&repository, "src", Unknown);
}

#[test]
fn a_conflict_is_not_a_stored_state() {
    let repository = repository(&[]);
    let top = &repository.top;
    git(top, &["checkout", "-q", "-b", "other"]);
    fs::write(top.join("README"), "other").unwrap();
    git(top, &["commit", "-q", "-a", "-m", "other"]);
    git(top, &["checkout", "-q", "-"]);
    fs::write(top.join("README"), "ours, longer").unwrap();
    git(top, &["commit", "-q", "-a", "-m", "ours"]);
    let merge = Command::new("git").args(["merge", "-q", "other"]).current_dir(top).output().unwrap();
    assert!(!merge.status.success());
    check(&repository, "README", Lost);
}

#[test]
fn worktrees_and_submodules_have_their_own_index() {
    let repository = repository(&[]);
    let top = &repository.top;
    git(top, &["worktree", "add", "-q", "../tree"]);
    fs::write(top.join("../tree/new"), "x").unwrap();
    age(top);
    git(&top.join("../tree"), &["status"]);
    check(&repository, "../tree/src/a.rs", Committed);
    check(&repository, "../tree/new", Lost);
    check(&repository, "../tree", Lost);
    git(top, &["submodule", "--quiet", "add", "./.git", "module"]);
    age(top);
    git(&top.join("module"), &["update-index", "--refresh"]);
    check(&repository, "module/src/a.rs", Committed);
    check(&repository, "module", Lost);
}

#[test]
fn what_is_not_understood_is_unknown() {
    let sha256 = repository(&["--object-format=sha256"]);
    check(&sha256, "README", Unknown);
    let split = repository(&[]);
    git(&split.top, &["update-index", "--split-index"]);
    check(&split, "README", Unknown);
    let sparse = repository(&[]);
    git(&sparse.top, &["sparse-checkout", "set", "--cone", "--sparse-index", "src"]);
    check(&sparse, "README", Unknown);
    let link = repository(&[]);
    fs::rename(link.top.join(".git/index"), link.top.join(".git/moved")).unwrap();
    check(&link, "README", Unknown);
    std::os::unix::fs::symlink("moved", link.top.join(".git/index")).unwrap();
    check(&link, "README", Unknown);
}

/// No damage makes it panic, and what was cut anywhere in the entries is refused. (Cut between extensions it reads as
/// whole: the checksum is not computed.)
#[test]
fn damage_is_noticed() {
    for version in ["2", "4"] {
        let repository = repository(&[]);
        git(&repository.top, &["update-index", "--index-version", version]);
        let whole = fs::read(repository.top.join(".git/index")).unwrap();
        let entries = |bytes: &[u8]| {
            let index = Index::new(bytes.to_vec(), 0, 0)?;
            let mut count = 0;
            index.each(|_, _| count += 1);
            Some(count)
        };
        assert_eq!(entries(&whole), Some(9));
        for length in 0..whole.len() {
            assert!(matches!(entries(&whole[..length]), None | Some(9)), "{length} of {}", whole.len());
        }
        assert_eq!(entries(&whole[..whole.len() - 1]), None);
        assert_eq!(entries(&[&whole[..], b"x"].concat()), None);
        for place in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[place] ^= 1 << bit;
                let _any_answer = entries(&damaged);
            }
        }
    }
}
