//! How long one path takes. Wall time on a busy machine is informative; compare the rows of one run.
#![expect(clippy::expect_used, reason = "a bench that cannot set up its files has nothing to measure")]

use criterion::{Criterion, criterion_group, criterion_main};
use leashd_sandbox::{recovery, resolve};
use std::fs;
use std::hint::black_box;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

fn paths(criterion: &mut Criterion) {
    let keep = tempfile::tempdir().expect("a temporary directory");
    let root = keep.path().canonicalize().expect("it exists");
    let project = root.join("home/dev/project");
    fs::create_dir_all(project.join("src/module/deep")).expect("fresh directory");
    fs::write(project.join("src/module/deep/file.rs"), "x").expect("fresh file");
    std::os::unix::fs::symlink("src/module", project.join("link")).expect("fresh link");
    let cases = [
        ("existing file", "src/module/deep/file.rs"),
        ("through a link", "link/deep/file.rs"),
        ("new file", "src/module/deep/new.rs"),
        ("new directories", "src/new/a/b.rs"),
        ("system", "/usr/bin/env"),
    ];
    let file = project.join("src/module/deep/file.rs");
    criterion.bench_function("(realpath of the existing file)", |bencher| {
        bencher.iter(|| fs::canonicalize(black_box(&file)));
    });
    let flags = rustix::fs::OFlags::PATH;
    criterion.bench_function("(opening and closing it only)", |bencher| {
        bencher.iter(|| rustix::fs::open(black_box(&file), flags, rustix::fs::Mode::empty()).map(drop));
    });
    for (name, path) in cases {
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| resolve(black_box(Path::new(path)), black_box(&project)));
        });
    }
}

/// Whether git has a file, asked of an index of 100,000.
fn git(criterion: &mut Criterion) {
    let keep = tempfile::tempdir().expect("a temporary directory");
    let top = keep.path().canonicalize().expect("it exists");
    let run = |args: &[&str], input: &str| {
        let mut child = Command::new("git")
            .args(args)
            .current_dir(&top)
            .stdin(Stdio::piped())
            .spawn()
            .expect("git is there");
        child.stdin.take().expect("it is piped").write_all(input.as_bytes()).expect("it reads");
        assert!(child.wait().expect("it ends").success());
    };
    run(&["init", "-q"], "");
    let blob = "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391";
    let entries: String =
        (0..100_000).map(|n| format!("100644 {blob}\tsrc/module-{}/a-file-{n}.rs\n", n % 300)).collect();
    run(&["update-index", "--index-info"], &entries);
    fs::write(top.join("file"), "x").expect("fresh file");
    run(&["add", "file"], "");
    let (real, kind) = resolve(Path::new("file"), &top).expect("it is there");
    criterion.bench_function("recovery, 100,000 files", |bencher| bencher.iter(|| recovery(&real, kind)));
}

criterion_group!(benches, paths, git);
criterion_main!(benches);
