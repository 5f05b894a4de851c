//! Real directories with every kind of fault.

use super::PrivateDir;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn place() -> (TempDir, PathBuf) {
    let keep = TempDir::new().unwrap();
    let path = keep.path().canonicalize().unwrap();
    (keep, path)
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// The error of `result` must say `what`, and what to do where that is known.
fn check<T: std::fmt::Debug, E: std::fmt::Display>(result: Result<T, E>, what: &str) {
    let error = result.map_err(|error| error.to_string()).unwrap_err();
    assert!(error.contains(what), "{error}");
}

#[test]
fn it_is_created_for_us_alone() {
    let (_keep, top) = place();
    let directory = PrivateDir::create(&top.join("a/b/c")).unwrap();
    assert_eq!(directory.path(), top.join("a/b/c"));
    for path in ["a", "a/b", "a/b/c"] {
        assert_eq!(mode(&top.join(path)), 0o700);
    }
    directory.append("log").unwrap().write_all(b"one\n").unwrap();
    directory.append("log").unwrap().write_all(b"two\n").unwrap();
    directory.sync().unwrap();
    assert_eq!(mode(&top.join("a/b/c/log")), 0o600);
    let mut text = String::new();
    PrivateDir::open(&top.join("a/b/c")).unwrap().read("log").unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "one\ntwo\n");
    let below = directory.subdirectory("below").unwrap();
    assert_eq!((below.path(), mode(below.path())), (&*top.join("a/b/c/below"), 0o700));
}

#[test]
fn it_does_not_appear_by_looking() {
    let (_keep, top) = place();
    check(PrivateDir::open(&top.join("a")), "No such file");
    assert!(!top.join("a").exists());
}

#[test]
fn what_is_open_to_others_is_refused() {
    let (_keep, top) = place();
    let path = top.join("state");
    let directory = PrivateDir::create(&path).unwrap();
    drop(directory.append("log").unwrap());
    for (open, what) in
        [(0o755, "mode 755"), (0o701, "chmod 700"), (0o1777, "mode 1777"), (0o770, "chmod 700")]
    {
        chmod(&path, open);
        check(PrivateDir::create(&path), what);
    }
    chmod(&path, 0o700);
    for open in [0o644, 0o620, 0o604] {
        chmod(&path.join("log"), open);
        check(directory.append("log"), "chmod 600");
        check(directory.read("log"), "open to others");
    }
}

#[test]
fn a_place_where_others_rename_is_refused() {
    let (_keep, top) = place();
    PrivateDir::create(&top.join("shared/state")).unwrap();
    chmod(&top.join("shared"), 0o777);
    check(PrivateDir::create(&top.join("shared/state")), "chmod go-w");
    chmod(&top.join("shared"), 0o1777);
    PrivateDir::create(&top.join("shared/state")).unwrap();
    chmod(&top.join("shared"), 0o775);
    PrivateDir::create(&top.join("shared/state")).unwrap();
    if rustix::process::geteuid().is_root() {
        let nobody = 65_534;
        std::os::unix::fs::chown(top.join("shared"), None, Some(nobody)).unwrap();
        check(PrivateDir::create(&top.join("shared/state")), "chmod go-w");
        std::os::unix::fs::chown(top.join("shared"), Some(nobody), Some(0)).unwrap();
        check(PrivateDir::create(&top.join("shared/state")), "another user");
        std::os::unix::fs::chown(top.join("shared"), Some(0), None).unwrap();
        std::os::unix::fs::chown(top.join("shared/state"), Some(nobody), None).unwrap();
        check(PrivateDir::create(&top.join("shared/state")), "another user");
    }
}

#[test]
fn links_are_followed_on_the_way_and_refused_inside() {
    let (_keep, top) = place();
    let directory = PrivateDir::create(&top.join("state")).unwrap();
    symlink("state", top.join("way")).unwrap();
    assert_eq!(PrivateDir::create(&top.join("way")).unwrap().path(), top.join("state"));
    fs::write(top.join("secret"), "x").unwrap();
    symlink("../secret", top.join("state/soft")).unwrap();
    symlink("../new", top.join("state/dangling")).unwrap();
    symlink("..", top.join("state/up")).unwrap();
    chmod(&top.join("secret"), 0o600);
    fs::hard_link(top.join("secret"), top.join("state/hard")).unwrap();
    check(directory.read("soft"), "cannot open");
    check(directory.append("dangling"), "cannot open");
    check(directory.append("hard"), "one name");
    check(directory.subdirectory("up"), "cannot open");
    assert!(!top.join("new").exists());
    rustix::fs::mknodat(
        rustix::fs::CWD,
        top.join("state/pipe"),
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR,
        0,
    )
    .unwrap();
    check(directory.read("pipe"), "ordinary file");
}

#[test]
fn a_name_is_a_name() {
    let (_keep, top) = place();
    let directory = PrivateDir::create(&top.join("state")).unwrap();
    for name in ["", ".", "..", "a/b", "/a", "a/", "./a"] {
        check(directory.append(name), "plain file name");
        check(directory.subdirectory(name), "plain file name");
    }
    fs::write(top.join("file"), "x").unwrap();
    check(PrivateDir::create(&top.join("file")), "cannot open");
    check(PrivateDir::create(&top.join("file/below")), "directory");
}
