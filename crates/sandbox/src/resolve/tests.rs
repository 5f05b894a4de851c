//! Real trees, real links. The oracle for what exists is `realpath`; for being inside it is `RESOLVE_BENEATH`.

use super::{resolve, walk};
use crate::Unresolvable;
use leashd_types::PathKind;
use proptest::prelude::*;
use rustix::fs::{CWD, Mode, OFlags, RenameFlags, ResolveFlags, openat2, renameat_with};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use tempfile::TempDir;

/// A project with files and links, and a place outside of it.
struct Tree {
    _keep: TempDir,
    root: PathBuf,
}

fn tree() -> Tree {
    let keep = TempDir::new().unwrap();
    let root = keep.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("project/src/deep")).unwrap();
    fs::create_dir_all(root.join("outside")).unwrap();
    fs::write(root.join("project/file"), "x").unwrap();
    fs::write(root.join("project/odd (deleted)"), "x").unwrap();
    fs::write(root.join("outside/secret"), "x").unwrap();
    let links = [
        ("project/to-file", "file"),
        ("project/to-src", "src/"),
        ("project/src/up", "../.."),
        ("project/out", "../outside"),
        ("project/chain", "to-chain"),
        ("project/to-chain", "src/deep/../../to-file"),
        ("project/loop", "loop2"),
        ("project/loop2", "loop"),
        ("project/self", "self"),
        ("project/dangling", "not/there"),
        ("project/dangling-out", "../outside/new"),
        ("project/dangling-chain", "dangling-out"),
        ("project/device", "/dev/null"),
        ("project/environ", "/proc/self/environ"),
        ("project/magic", "/proc/self/cwd"),
        ("project/through-file", "file/x"),
    ];
    for (link, target) in links {
        symlink(target, root.join(link)).unwrap();
    }
    symlink(root.join("outside"), root.join("project/absolute")).unwrap();
    Tree { _keep: keep, root }
}

/// Resolves `path` in `project`; the answer is relative to the tree where it can be.
fn check(tree: &Tree, path: &str, expected: Result<(&str, PathKind), &str>) {
    let found = resolve(Path::new(path), &tree.root.join("project"));
    let shown = match &found {
        Ok((real, kind)) => {
            let real = real.as_path();
            Ok((real.strip_prefix(&tree.root).unwrap_or(real).to_str().unwrap(), *kind))
        }
        Err(error) => Err(variant(error)),
    };
    assert_eq!(shown, expected, "{path}: {found:?}");
}

fn variant(error: &Unresolvable) -> &'static str {
    match error {
        Unresolvable::Empty => "empty",
        Unresolvable::Nul => "nul",
        Unresolvable::RelativeDirectory(_) => "relative",
        Unresolvable::TooLong => "long",
        Unresolvable::Loop(_) => "loop",
        Unresolvable::PerProcess(_) => "process",
        Unresolvable::NoPermission(_) => "permission",
        Unresolvable::NotADirectory(_) => "not-directory",
        Unresolvable::Changing(_) => "changing",
        Unresolvable::Failed { .. } => "failed",
    }
}

#[test]
fn places() {
    use PathKind::{Device, Directory, File, Missing};
    let tree = tree();
    let cases = [
        ("file", Ok(("project/file", File))),
        ("./src/../file", Ok(("project/file", File))),
        ("src/", Ok(("project/src", Directory))),
        ("src/.", Ok(("project/src", Directory))),
        (".", Ok(("project", Directory))),
        ("..", Ok(("", Directory))),
        ("to-file", Ok(("project/file", File))),
        ("chain", Ok(("project/file", File))),
        ("to-src/deep", Ok(("project/src/deep", Directory))),
        ("odd (deleted)", Ok(("project/odd (deleted)", File))),
        // `..` leaves the directory the link leads to, not the one it lies in.
        ("to-src/up/outside/secret", Ok(("outside/secret", File))),
        ("out/../project/file", Ok(("project/file", File))),
        ("out/secret", Ok(("outside/secret", File))),
        ("absolute/secret", Ok(("outside/secret", File))),
        ("device", Ok(("/dev/null", Device))),
        ("/dev/null", Ok(("/dev/null", Device))),
        ("//dev///null", Ok(("/dev/null", Device))),
        ("/../../..", Ok(("/", Directory))),
        // New files.
        ("new", Ok(("project/new", Missing))),
        ("new/", Ok(("project/new", Missing))),
        ("src/new", Ok(("project/src/new", Missing))),
        ("new/a/b/c", Ok(("project/new/a/b/c", Missing))),
        ("out/new", Ok(("outside/new", Missing))),
        ("to-src/up/new", Ok(("new", Missing))),
        ("dangling", Ok(("project/not/there", Missing))),
        ("dangling/x", Ok(("project/not/there/x", Missing))),
        ("dangling-out", Ok(("outside/new", Missing))),
        ("dangling-chain", Ok(("outside/new", Missing))),
        ("dangling-chain/x/y", Ok(("outside/new/x/y", Missing))),
        // A missing directory is left again.
        ("new/..", Ok(("project", Directory))),
        ("new/../file", Ok(("project/file", File))),
        ("new/a/../../out/secret", Ok(("outside/secret", File))),
        ("new/../../outside/x", Ok(("outside/x", Missing))),
        // What has no one real place.
        ("", Err("empty")),
        ("a\0b", Err("nul")),
        ("loop", Err("loop")),
        ("loop/x", Err("loop")),
        ("self", Err("loop")),
        ("new/../loop", Err("loop")),
        ("file/", Err("not-directory")),
        ("file/.", Err("not-directory")),
        ("file/x", Err("not-directory")),
        ("to-file/", Err("not-directory")),
        ("file/..", Err("not-directory")),
        ("through-file", Err("not-directory")),
        ("new/../file/x", Err("not-directory")),
    ];
    for (path, expected) in cases {
        check(&tree, path, expected);
    }
}

#[test]
fn places_of_a_process() {
    let tree = tree();
    let ours = format!("/proc/{}/environ", std::process::id());
    let cases = [
        ("/proc/self/status", Ok(("/proc/self/status", PathKind::File))),
        ("/proc/self/environ", Ok(("/proc/self/environ", PathKind::File))),
        ("/proc/mounts", Ok(("/proc/self/mounts", PathKind::File))),
        ("/proc/meminfo", Ok(("/proc/meminfo", PathKind::File))),
        (&ours, Err("process")),
        ("environ", Err("process")),
        ("/proc/self/task/../environ", Err("process")),
        ("/proc/thread-self/environ", Err("process")),
        ("/proc/self/root", Err("loop")),
        ("/proc/self/root/etc/passwd", Err("loop")),
        ("/proc/self/cwd", Err("loop")),
        ("/proc/self/exe", Err("loop")),
        ("magic", Err("loop")),
        ("magic/new", Err("loop")),
        ("new/../magic/new", Err("loop")),
        ("/dev/stdin", Err("loop")),
        ("/dev/fd", Err("process")),
        ("/dev/fd/0", Err("loop")),
        ("/dev/fd/900", Err("process")),
        ("/proc/self/fd/900", Err("process")),
        ("/proc/4194305/root/etc", Err("process")),
    ];
    for (path, expected) in cases {
        check(&tree, path, expected);
    }
}

#[test]
fn lengths() {
    let tree = tree();
    check(&tree, &"a".repeat(255), Ok((&format!("project/{}", "a".repeat(255)), PathKind::Missing)));
    check(&tree, &"a".repeat(256), Err("long"));
    check(&tree, &format!("new/{}", "a".repeat(256)), Err("long"));
    check(&tree, &format!("{}file", "./".repeat(1_900)), Ok(("project/file", PathKind::File)));
    check(&tree, &format!("{}file", "./".repeat(2_100)), Err("long"));
    check(&tree, &format!("{}file", "new/../".repeat(500)), Ok(("project/file", PathKind::File)));
    symlink("/".repeat(4_000), tree.root.join("project/slashes")).unwrap();
    check(&tree, "slashes", Ok(("/", PathKind::Directory)));
    // Short to write, too long once the link is followed.
    symlink("m/".repeat(2_040), tree.root.join("project/many")).unwrap();
    check(&tree, "many/l", Err("long"));
}

#[test]
fn forty_links_are_followed_and_no_more() {
    let tree = tree();
    let link = |step: u32| tree.root.join(format!("project/s{step}"));
    symlink("file", link(1)).unwrap();
    for step in 2..=41 {
        symlink(format!("s{}", step - 1), link(step)).unwrap();
    }
    check(&tree, "s40", Ok(("project/file", PathKind::File)));
    check(&tree, "s41", Err("loop"));
    check(&tree, "new/../s41", Err("loop"));
}

#[test]
fn names_that_are_not_utf8() {
    let tree = tree();
    let name = OsStr::from_bytes(b"\xff\xfe\n");
    let cwd = tree.root.join("project");
    let (real, kind) = resolve(Path::new(name), &cwd).unwrap();
    assert_eq!((real.as_path(), kind), (&*cwd.join(name), PathKind::Missing));
    fs::write(cwd.join(name), "x").unwrap();
    let (real, kind) = resolve(Path::new(name), &cwd).unwrap();
    assert_eq!((real.as_path(), kind), (&*cwd.join(name), PathKind::File));
}

#[test]
fn a_socket_and_a_pipe_are_neither_file_nor_device() {
    let tree = tree();
    let socket = tree.root.join("project/socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    check(&tree, "socket", Ok(("project/socket", PathKind::Other)));
    rustix::fs::mknodat(CWD, tree.root.join("project/pipe"), rustix::fs::FileType::Fifo, Mode::RWXU, 0)
        .unwrap();
    check(&tree, "pipe", Ok(("project/pipe", PathKind::Other)));
}

#[test]
fn a_relative_start_is_refused() {
    assert!(matches!(resolve(Path::new("x"), Path::new("y")), Err(Unresolvable::RelativeDirectory(_))));
}

/// What the walk says must be what the kernel says, on everything that does not depend on the process.
#[test]
fn the_walk_agrees_with_the_kernel() {
    let tree = tree();
    let project = tree.root.join("project");
    let mut paths: Vec<PathBuf> =
        fs::read_dir(&project).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.extend(["/", "/dev", "/usr/bin/sh", "/proc/cpuinfo", "/proc/self/root/etc"].map(PathBuf::from));
    for path in paths.iter().flat_map(|path| [path.clone(), path.join("x"), path.join("..")]) {
        let walked = walk::walk(&path).map(walk::Walked::into_found).map_err(|error| variant(&error));
        if walked.as_ref().is_ok_and(|(real, _)| real.starts_with("/proc/")) {
            continue;
        }
        let resolved = resolve(&path, Path::new("/"));
        let resolved = resolved.map(|(real, kind)| (real.as_path().to_owned(), kind));
        assert_eq!(walked, resolved.map_err(|error| variant(&error)), "{}", path.display());
    }
}

/// While links are swapped, what is reported as inside must be openable beneath the root at the reported place,
/// following no link at all: either it still is there, or it is a link now and the open fails. Never a mixture.
#[test]
fn swapping_links_never_yields_a_mixture() {
    let tree = tree();
    let project = tree.root.join("project");
    fs::create_dir(project.join("spot")).unwrap();
    fs::write(project.join("spot/inside-only"), "x").unwrap();
    fs::write(tree.root.join("outside/outside-only"), "x").unwrap();
    symlink("../outside", project.join("swap")).unwrap();
    let done = AtomicBool::new(false);
    struct Finish<'a>(&'a AtomicBool);
    impl Drop for Finish<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let mut seen = [0_u32; 2];
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let (from, to) = (project.join("spot"), project.join("swap"));
            while !done.load(Ordering::Relaxed) {
                renameat_with(CWD, &from, CWD, &to, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let _finish = Finish(&done);
        for round in 0..10_000 {
            let name = ["inside-only", "outside-only"][round % 2];
            let asked = project.join("spot").join(name);
            match resolve(&asked, Path::new("/")) {
                Ok((real, PathKind::File)) => {
                    let inside = real.as_path().starts_with(&project);
                    assert_eq!(inside, name == "inside-only", "{real:?}");
                    seen[usize::from(inside)] += 1;
                }
                Ok((real, PathKind::Missing)) => {
                    // The file is missing exactly where it is not.
                    let inside = real.as_path().starts_with(&project);
                    assert_eq!(inside, name == "outside-only", "{real:?}");
                }
                Ok(other) => panic!("{other:?}"),
                Err(error) => assert!(matches!(error, Unresolvable::Changing(_)), "{error}"),
            }
        }
    });
    assert!(seen[0] > 0 && seen[1] > 0, "the race did not happen: {seen:?}");
}

#[derive(Clone, Debug)]
enum Node {
    Directory(String),
    File(String),
    Link(String, String),
}

fn node() -> impl Strategy<Value = Node> {
    let name = || prop::sample::select(vec!["a", "b", "c"]);
    let path = || prop::collection::vec(name(), 1..4).prop_map(|names| names.join("/"));
    let step = || prop::sample::select(vec!["a", "b", "c", "..", ".", "", "ROOT", "OUT"]);
    let target = || prop::collection::vec(step(), 1..5).prop_map(|steps| steps.join("/"));
    prop_oneof![
        path().prop_map(Node::Directory),
        path().prop_map(Node::File),
        (path(), target()).prop_map(|(path, target)| Node::Link(path, target)),
        (path(), target()).prop_map(|(path, target)| Node::Link(path, target)),
    ]
}

fn grow(root: &Path, outside: &Path, nodes: &[Node]) {
    for node in nodes {
        // A name that is taken, or lies below a file, simply does not grow.
        let _grown = match node {
            Node::Directory(path) => fs::create_dir_all(root.join(path)),
            Node::File(path) => fs::write(root.join(path), "x"),
            Node::Link(path, target) => {
                let target = match target.as_str() {
                    "" => ".".to_owned(),
                    target => target
                        .replace("ROOT", root.to_str().unwrap())
                        .replace("OUT", outside.to_str().unwrap()),
                };
                symlink(target, root.join(path))
            }
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// For random trees with links, no accepted path is real in words only: what exists is where `realpath` says,
    /// can be opened without following a link, and beneath the root if it is said to be inside; what is missing lies
    /// in a directory of which the same holds, or below another missing name.
    #[test]
    fn accepted_paths_are_real(
        nodes in prop::collection::vec(node(), 0..14),
        steps in prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "..", ".", ""]), 1..7),
    ) {
        let keep = TempDir::new().unwrap();
        let top = keep.path().canonicalize().unwrap();
        let (root, outside) = (top.join("root"), top.join("outside"));
        fs::create_dir_all(&root).unwrap();
        fs::create_dir_all(outside.join("a/b")).unwrap();
        grow(&root, &outside, &nodes);
        let asked = root.join(steps.join("/").trim_start_matches('/'));
        let oracle = fs::canonicalize(&asked);
        match resolve(&asked, Path::new("/")) {
            Ok((real, kind)) => accept(real.as_path(), kind, &root, oracle.ok().as_deref())?,
            Err(error) => prop_assert!(oracle.is_err(), "{} exists, but: {error}", asked.display()),
        }
    }
}

fn accept(real: &Path, kind: PathKind, root: &Path, oracle: Option<&Path>) -> Result<(), TestCaseError> {
    prop_assert!(real.is_absolute());
    if let Some(oracle) = oracle {
        prop_assert_eq!(real, oracle);
        prop_assert_ne!(kind, PathKind::Missing);
    }
    let existing = real.ancestors().find(|path| fs::symlink_metadata(path).is_ok()).unwrap();
    prop_assert_eq!(existing == real, kind != PathKind::Missing);
    prop_assert_eq!(&existing.canonicalize().unwrap(), existing);
    let metadata = fs::metadata(existing).unwrap();
    prop_assert!(existing == real || metadata.is_dir());
    prop_assert!(kind != PathKind::Other && !metadata.file_type().is_socket());
    if real.starts_with(root) {
        let top = fs::File::open(root).unwrap();
        let below = Path::new(".").join(existing.strip_prefix(root).unwrap());
        let flags = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        prop_assert!(openat2(&top, below, OFlags::PATH, Mode::empty(), flags).is_ok());
    }
    Ok(())
}
