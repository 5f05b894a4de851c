//! What one call of somebody's own session costs: the hook as a process, judging itself, beside the smallest program.
//! The ratio counts. `docs/hook.md` has the numbers of the binary that ships, and of a hook that is served.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a benchmark that cannot go on has failed")]

use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::json;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

/// Runs a program with `input` and takes what it says.
fn run(command: &mut Command, input: &str) {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that ends without reading is as good as another here.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    assert!(child.wait_with_output().unwrap().status.success());
}

fn hook(place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_leashd"));
    command.args(["hook", "--home"]).arg(place.join("home"));
    command.env_clear().env("CLAUDE_PROJECT_DIR", place.join("project"));
    command
}

fn processes(criterion: &mut Criterion) {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    fs::DirBuilder::new().mode(0o700).create(&home).unwrap();
    fs::create_dir(place.path().join("project")).unwrap();
    let pinned = home.join("hook.json");
    fs::write(&pinned, json!({"v": 1, "environment": {"HOME": place.path()}}).to_string()).unwrap();
    fs::set_permissions(pinned, fs::Permissions::from_mode(0o600)).unwrap();
    let event = json!({
        "session_id": "s", "cwd": place.path().join("project"), "hook_event_name": "PreToolUse",
        "tool_name": "Bash", "tool_input": {"command": "git status && ls -la src"}, "tool_use_id": "t"
    })
    .to_string();
    let mut group = criterion.benchmark_group("process");
    group.bench_function("true", |bencher| {
        bencher.iter(|| run(Command::new("/bin/true").env_clear(), &event));
    });
    group.bench_function("hook", |bencher| bencher.iter(|| run(&mut hook(place.path()), &event)));
    group.finish();
}

criterion_group!(benches, processes);
criterion_main!(benches);
