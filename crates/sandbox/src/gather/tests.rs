//! Questions about a real tree.

use super::{TEXT_LIMIT, gather};
use leashd_types::{
    Attendance, Containment, Facts, FileText, GitGrants, Matches, Mode, PathFact, PathKind, PathText,
    Questions, Recovery, ResolvedPath,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn facts(cwd: &Path) -> Facts {
    let place = |path: &str| ResolvedPath::assume_resolved(PathBuf::from(path));
    Facts {
        cwd: ResolvedPath::assume_resolved(cwd.to_owned()),
        home: place("/home/dev"),
        approved: vec![],
        temporary: vec![],
        protected: vec![],
        containment: Containment::NotProven,
        attendance: Attendance::Attended,
        mode: Mode::Default,
        git_grants: GitGrants::default(),
        paths: BTreeMap::new(),
        files: BTreeMap::new(),
        globs: BTreeMap::new(),
    }
}

fn questions(paths: &[&str], files: &[&str]) -> Questions {
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
    Questions { paths: set(paths), recoveries: set(paths), files: set(files), globs: BTreeSet::new() }
}

fn tree() -> (TempDir, PathBuf) {
    let keep = TempDir::new().unwrap();
    let top = keep.path().canonicalize().unwrap();
    fs::write(top.join("script"), "echo hallo – welt\n").unwrap();
    fs::write(top.join("empty"), "").unwrap();
    fs::write(top.join("binary"), b"\x7fELF\xff").unwrap();
    let limit = usize::try_from(TEXT_LIMIT).unwrap();
    fs::write(top.join("largest"), "x".repeat(limit)).unwrap();
    fs::write(top.join("too-large"), "x".repeat(limit + 1)).unwrap();
    symlink("script", top.join("link")).unwrap();
    symlink("missing", top.join("dangling")).unwrap();
    symlink("loop", top.join("loop")).unwrap();
    let flags = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, top.join("pipe"), rustix::fs::FileType::Fifo, flags, 0).unwrap();
    (keep, top)
}

#[test]
fn files() {
    let (_keep, top) = tree();
    let text = |text: &str| Ok(Some(text.to_owned()));
    let cases: [(&str, Result<Option<String>, &str>); 13] = [
        ("script", text("echo hallo – welt\n")),
        ("link", text("echo hallo – welt\n")),
        ("empty", text("")),
        ("largest", text(&"x".repeat(256 * 1024))),
        ("missing", Ok(None)),
        ("dangling", Ok(None)),
        ("too-large", Err("larger than 256 KiB")),
        ("binary", Err("not UTF-8")),
        (".", Err("a directory")),
        ("pipe", Err("not an ordinary file")),
        ("/dev/zero", Err("not an ordinary file")),
        ("loop", Err("loop of links")),
        ("/proc/self/fd/0", Err("something else to every process")),
    ];
    let mut facts = facts(&top);
    gather(&questions(&[], &cases.each_ref().map(|(name, _)| *name)), &mut facts);
    assert_eq!(facts.files.len(), cases.len());
    for (name, expected) in cases {
        match (&facts.files[name], expected) {
            (FileText::Text(text), Ok(Some(expected))) => assert_eq!(*text, expected),
            (FileText::Missing, Ok(None)) => {}
            (FileText::Unreadable(reason), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
            (answer, expected) => panic!("{name}: {answer:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn paths() {
    let (_keep, top) = tree();
    let mut facts = facts(&top);
    let absolute = top.join("script").to_str().unwrap().to_owned();
    let asked = questions(&[&absolute, "link", "dangling", "loop", "."], &[]);
    assert_eq!(asked.unanswered(&facts), asked);
    gather(&asked, &mut facts);
    assert!(asked.unanswered(&facts).is_empty());
    let resolved = |name: &str, kind, recovery| PathFact::Resolved {
        real: ResolvedPath::assume_resolved(top.join(name)),
        kind,
        recovery,
    };
    let script = resolved("script", PathKind::File, Recovery::Lost);
    assert_eq!(facts.paths[&absolute], script);
    assert_eq!(facts.paths["link"], script);
    assert_eq!(facts.paths["dangling"], resolved("missing", PathKind::Missing, Recovery::Unknown));
    assert!(
        matches!(&facts.paths["loop"], PathFact::Unresolvable(reason) if reason.contains("loop of links"))
    );

    // The repository is looked at only where that matters.
    gather(&Questions { recoveries: BTreeSet::new(), ..asked.clone() }, &mut facts);
    assert_eq!(facts.paths[&absolute], resolved("script", PathKind::File, Recovery::Unknown));

    // Asked again, the answer is a new one.
    fs::remove_file(top.join("script")).unwrap();
    gather(&asked, &mut facts);
    assert_eq!(facts.paths[&absolute], resolved("script", PathKind::Missing, Recovery::Unknown));
}

#[test]
fn patterns() {
    let (_keep, top) = tree();
    fs::create_dir_all(top.join("sub/.hidden")).unwrap();
    for name in ["sub/a.toml", "sub/.env", "sub/.hidden/b.toml", "c.toml"] {
        fs::write(top.join(name), "").unwrap();
    }
    symlink("sub/.env", top.join("notes.txt")).unwrap();
    symlink("sub", top.join("other")).unwrap();
    let cases: [(&str, &[&str]); 10] = [
        ("sub/*env", &["sub/.env"]),
        ("*.toml", &["c.toml"]),
        ("*/*.toml", &["other/a.toml", "sub/a.toml"]),
        ("**/*.toml", &["c.toml", "other/a.toml", "sub/a.toml"]),
        ("sub/*", &["sub/a.toml"]),
        ("sub/.e*", &["sub/.env"]),
        ("sub/[.]env", &["sub/.env"]),
        ("*.txt", &["notes.txt", "sub/.env"]),
        ("nothing*", &[]),
        ("sub/../c.*", &["c.toml"]),
    ];
    let directory = top.to_str().unwrap().to_owned();
    let glob = |pattern: &str| PathText::Glob { directory: directory.clone(), pattern: pattern.to_owned() };
    let asked =
        Questions { globs: cases.iter().map(|(pattern, _)| glob(pattern)).collect(), ..Questions::default() };
    let mut facts = facts(&top);
    assert_eq!(asked.unanswered(&facts), asked);
    gather(&asked, &mut facts);
    for (pattern, expected) in cases {
        let expected = expected.iter().map(|name| top.join(name)).collect();
        assert_eq!(facts.globs[&glob(pattern)], Matches::These(expected), "{pattern}");
    }
    let many = PathText::Glob { directory: "/proc".to_owned(), pattern: "**/*".to_owned() };
    gather(&Questions { globs: [many.clone()].into(), ..Questions::default() }, &mut facts);
    assert!(matches!(facts.globs[&many], Matches::Unknown(_)));
}
