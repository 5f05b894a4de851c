//! How long one path takes. Wall time on a busy machine is informative; compare the rows of one run.
#![expect(clippy::expect_used, reason = "a bench that cannot set up its files has nothing to measure")]

use criterion::{Criterion, criterion_group, criterion_main};
use leashd_sandbox::resolve;
use std::fs;
use std::hint::black_box;
use std::path::Path;

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

criterion_group!(benches, paths);
criterion_main!(benches);
