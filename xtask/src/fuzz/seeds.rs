//! Where fuzzing starts: the corpora, the policies that ship, recorded lines of an agent. Written anew for each run, so
//! that a new case is a new seed and nothing is kept twice.

use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Every corpus whose lines are tool calls.
const CORPORA: [&str; 3] = ["commands.jsonl", "executed.jsonl", "git-lock.jsonl"];

/// Fills the directory `into` with the seeds of one target, and nothing else.
pub(super) fn write(workspace: &Workspace, target: &str, into: &Path) -> Result<()> {
    let seeds = match target {
        "shell" => shell_lines(workspace)?,
        "judge" => [shell_lines(workspace)?, tool_calls(workspace)?].concat(),
        "policy" => policies(workspace)?,
        "frames" => files(&workspace.path("fuzz/seeds/frames"))?,
        "audit" => edits(),
        other => bail!("nothing is known about seeds for `{other}`"),
    };
    if into.exists() {
        fs::remove_dir_all(into).with_context(|| format!("cannot empty {}", into.display()))?;
    }
    fs::create_dir_all(into)?;
    for (number, seed) in seeds.iter().enumerate() {
        let path = into.join(format!("{number:04}"));
        fs::write(&path, seed).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn cases(workspace: &Workspace) -> Result<Vec<Value>> {
    let mut cases = Vec::new();
    for name in CORPORA {
        let path = workspace.path("corpus").join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            cases.push(serde_json::from_str(line).with_context(|| format!("{}: not JSON", path.display()))?);
        }
    }
    Ok(cases)
}

fn shell_lines(workspace: &Workspace) -> Result<Vec<Vec<u8>>> {
    let cases = cases(workspace)?;
    let lines = cases.iter().filter_map(|case| case.get("command")?.as_str());
    Ok(lines.map(|line| line.as_bytes().to_vec()).collect())
}

/// Calls of other tools, as `TOOL:{input}`.
fn tool_calls(workspace: &Workspace) -> Result<Vec<Vec<u8>>> {
    let cases = cases(workspace)?;
    let calls = cases.iter().filter_map(|case| {
        let tool = case.get("tool")?.as_str()?;
        Some(format!("{tool}:{}", case.get("input")?).into_bytes())
    });
    Ok(calls.collect())
}

/// Each policy as it ships, and each of its rules alone in a file: small inputs go further.
fn policies(workspace: &Workspace) -> Result<Vec<Vec<u8>>> {
    let mut seeds = Vec::new();
    for text in files(&workspace.path("policies"))? {
        let policy = String::from_utf8(text.clone()).context("a policy is not UTF-8")?;
        seeds.push(text);
        let rules = policy.split_once("\nrules:\n").map_or("", |it| it.1);
        let rules = rules.split("\nsettings:").next().unwrap_or_default();
        let separated = format!("\n{rules}");
        for rule in separated.split("\n  - ").skip(1) {
            let alone = format!("version: \"1.0\"\nname: one\nrules:\n  - {}\n", rule.trim_end());
            seeds.push(alone.into_bytes());
        }
    }
    Ok(seeds)
}

/// One edit of every kind, at several places: four bytes each, see `fuzz/src/audit.rs`.
fn edits() -> Vec<Vec<u8>> {
    let places = [[0_u8, 0], [0, 200], [5, 60]];
    let kinds = (0..10_u8).flat_map(|kind| places.map(|[high, low]| vec![kind, high, low, 3]));
    let mut edits: Vec<Vec<u8>> = kinds.collect();
    edits.push(edits.concat());
    edits.push(Vec::new());
    edits
}

fn files(directory: &Path) -> Result<Vec<Vec<u8>>> {
    let failed = || format!("cannot read {}", directory.display());
    let listing = fs::read_dir(directory).with_context(failed)?;
    let mut paths = listing.map(|it| Ok(it?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    paths
        .iter()
        .map(|path| fs::read(path).with_context(|| format!("cannot read {}", path.display())))
        .collect()
}
