//! `cargo xtask test`: fetches what tests need, runs all of them, and accounts for whatever did not run.
//!
//! What a test is told, through its environment:
//! - `LEASHD_TEST_CLAUDE`: path of the agent's binary; not set when there is none.
//! - `LEASHD_TEST_SKIPS`: a file; a test that leaves itself out appends the line `NAME<TAB>REASON` to it.
//!
//! Integration tests in files `crates/*/tests/end_to_end*.rs` drive the real agent. When npm has a newer one than the
//! pinned, they run a second time against that, for information only.

mod report;

use crate::agent;
use crate::skips::{Declared, Skip};
use crate::steps::show;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use report::Report;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

const END_TO_END: &str = "end_to_end";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let declared = Declared::read(workspace)?;
    println!("== what tests need");
    let pinned = agent::pinned(workspace);
    let claude = pinned
        .as_ref()
        .map_err(|it| format!("{it:#}"))
        .and_then(|version| agent::fetch(workspace, version).map_err(|it| format!("{it:#}")));
    let mut skips = unmet(claude.as_ref().err());
    if let Ok(path) = &claude {
        println!("claude {} at {}", pinned.as_deref().unwrap_or_default(), path.display());
    }
    declared.accept(&skips)?;

    println!("== cargo test");
    let said = workspace.target().join("test-skips.txt");
    fs::create_dir_all(workspace.target())?;
    fs::write(&said, "").with_context(|| format!("cannot write {}", said.display()))?;
    let mut tests = workspace.cargo(&["test", "--workspace", "--no-fail-fast"]);
    environment(&mut tests, claude.as_deref().ok(), &said);
    let (status, report) = watch(&mut tests)?;

    if let Ok(version) = &pinned {
        second_run(workspace, version);
    }
    let own = Skip::parse_all(&fs::read_to_string(&said)?);
    skips.extend(report.ignored.iter().cloned());
    skips.extend(own.iter().cloned());
    skips.sort();
    skips.dedup();
    println!("== result");
    let accepted = declared.accept(&skips);
    // For libtest a test that left itself out has passed.
    let passed = report.passed.saturating_sub(own.len() as u64);
    println!("total: {passed} passed, {} failed, {} skipped", report.failed, skips.len());
    judge(status, &report)?;
    accepted
}

/// Needs that this machine does not meet; said before anything runs.
fn unmet(claude: Option<&String>) -> Vec<Skip> {
    let mut skips = Vec::new();
    if let Some(reason) = claude {
        skips.push(Skip::new("claude", &format!("no end-to-end tests: {reason}")));
    }
    if !cfg!(target_os = "linux") {
        skips.push(Skip::new("linux", "confinement by Landlock and seccomp is tested on Linux only"));
    }
    skips
}

fn environment(tests: &mut Command, claude: Option<&Path>, skips: &Path) {
    tests.env("LEASHD_TEST_SKIPS", skips);
    match claude {
        Some(path) => tests.env("LEASHD_TEST_CLAUDE", path),
        None => tests.env_remove("LEASHD_TEST_CLAUDE"),
    };
}

fn judge(status: ExitStatus, report: &Report) -> Result<()> {
    if !status.success() {
        bail!("`cargo test` failed ({status}); failed tests: {}", report.failed_names());
    }
    if report.passed == 0 {
        bail!("`cargo test` succeeded but no test ran");
    }
    Ok(())
}

/// Runs the tests with their own output shown as it comes, and reads it along the way.
fn watch(tests: &mut Command) -> Result<(ExitStatus, Report)> {
    let shown = show(tests);
    let mut child = tests
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{shown}`"))?;
    let mut report = Report::default();
    let mut reader = BufReader::new(child.stdout.take().context("the output of the tests is not piped")?);
    let mut line = Vec::new();
    let mut out = std::io::stdout().lock();
    while reader.read_until(b'\n', &mut line)? > 0 {
        out.write_all(&line)?;
        report.read(&String::from_utf8_lossy(&line));
        line.clear();
    }
    Ok((child.wait()?, report))
}

/// The end-to-end tests against npm's newest agent. A failure here is news, not an error: it never fails the command.
fn second_run(workspace: &Workspace, pinned: &str) {
    println!("== the newest claude (for information)");
    match newest(workspace, pinned) {
        Ok(line) => println!("{line}"),
        Err(error) => println!("not known: {error:#}"),
    }
}

fn newest(workspace: &Workspace, pinned: &str) -> Result<String> {
    let latest = agent::latest(workspace)?;
    if latest == pinned {
        return Ok(format!("npm's latest is the pinned {pinned}"));
    }
    let targets = workspace.extra_targets("tests", END_TO_END)?;
    if targets.is_empty() {
        return Ok(format!("npm's latest is {latest}; there are no {END_TO_END} tests to run against it"));
    }
    let binary: PathBuf = agent::fetch(workspace, &latest)?;
    let said = workspace.target().join("test-skips-latest.txt");
    fs::write(&said, "").with_context(|| format!("cannot write {}", said.display()))?;
    // The whole workspace again, as before: with `-p` its dependencies would have other features and be built anew.
    let mut tests = workspace.cargo(&["test", "--workspace", "--no-fail-fast"]);
    tests.args(targets.iter().flat_map(|it| ["--test", &it.name])).stdin(Stdio::null());
    environment(&mut tests, Some(&binary), &said);
    let output = tests.output().with_context(|| format!("cannot start `{}`", show(&tests)))?;
    let mut report = Report::default();
    String::from_utf8_lossy(&output.stdout).lines().for_each(|line| report.read(line));
    if report.passed + report.failed == 0 {
        bail!("`{}` ran no test: {}", show(&tests), String::from_utf8_lossy(&output.stderr).trim());
    }
    let skipped = Skip::parse_all(&fs::read_to_string(&said)?).len() + report.ignored.len();
    let counts =
        format!("claude {latest}: {} passed, {} failed, {skipped} skipped", report.passed, report.failed);
    Ok(if report.failed == 0 { counts } else { format!("{counts}: {}", report.failed_names()) })
}
