//! `cargo xtask score FILE [leashd policy check flags]`: how often the judge agrees with a corpus, by category and technique.
//!
//! Judges with the program itself, on real files: the project the corpora are written for is laid out below the target
//! directory, and its path stands in for `/home/dev` in every line.

mod fixture;

use crate::steps::succeed;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use fixture::Fixture;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// One line of a corpus and the answer to it.
struct Judged {
    expect: String,
    got: String,
    category: String,
    technique: String,
    shown: String,
    why: String,
}

/// What may not happen, by the strength of the corpus's word.
#[derive(Default)]
struct Tally {
    lines: usize,
    exact: usize,
    missed: usize,
    softened: usize,
    nagged: usize,
    refused: usize,
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let Some((file, flags)) = arguments.split_first() else {
        bail!("usage: cargo xtask score FILE [--policy P]… [--contained]");
    };
    succeed(workspace.cargo(&["build", "--release", "--quiet", "-p", "leashd"]).arg("--locked"))?;
    let fixture = Fixture::lay_out(&workspace.target().join("score"))?;
    let text = fs::read_to_string(workspace.path(file)).with_context(|| format!("cannot read {file}"))?;
    let corpus = text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
    let ways: Vec<Vec<&str>> = match flags {
        [] => usual_ways(file),
        given => vec![given.iter().map(String::as_str).collect()],
    };
    for way in ways {
        let judged = judge(workspace, &fixture, &corpus, &way)?;
        print(file, &way, &judged);
    }
    Ok(())
}

/// The policies each corpus is labelled for.
fn usual_ways(file: &str) -> Vec<Vec<&'static str>> {
    let name = Path::new(file).file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name {
        name if name.ends_with("git-lock.jsonl") => vec![vec!["--policy", "leopold"]],
        _ => vec![vec!["--policy", "contained", "--contained"], vec![]],
    }
}

fn judge(workspace: &Workspace, fixture: &Fixture, corpus: &[Value], flags: &[&str]) -> Result<Vec<Judged>> {
    let binary: PathBuf = workspace.target().join("release/leashd");
    let mut child = workspace
        .command(&binary)
        .args(["policy", "check", "--stdin", "--dir"])
        .arg(fixture.project())
        .args(flags)
        .env_clear()
        .env("HOME", fixture.home())
        .env("LEASHD_APPROVED_DIRECTORIES", fixture.project())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", binary.display()))?;
    let lines: String = corpus.iter().map(|case| format!("{}\n", fixture.place(&request(case)))).collect();
    let mut stdin = child.stdin.take().context("no pipe to the judge")?;
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = child.wait_with_output()?;
    writer.join().map_err(|_| anyhow::anyhow!("the writer failed"))??;
    let answers: Vec<Value> =
        String::from_utf8(output.stdout)?.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    if answers.len() != corpus.len() {
        bail!("{} lines went in, {} answers came back", corpus.len(), answers.len());
    }
    Ok(corpus.iter().zip(&answers).map(|(case, answer)| compare(case, answer)).collect())
}

fn request(case: &Value) -> Value {
    let input = match case.get("command") {
        Some(command) => json!({"command": command}),
        None => case["input"].clone(),
    };
    json!({
        "tool": case.get("tool").cloned().unwrap_or_else(|| json!("Bash")),
        "input": input,
        "cwd": case.get("cwd").and_then(Value::as_str).unwrap_or("/home/dev/proj"),
        "grants": case.get("grants").cloned().unwrap_or_else(|| json!([])),
    })
}

fn compare(case: &Value, answer: &Value) -> Judged {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Judged {
        expect: text(&case["expect"]),
        got: text(&answer["decision"]),
        category: text(&case["category"]),
        technique: text(&case["technique"]),
        shown: case.get("command").map_or_else(|| case["input"].to_string(), ToString::to_string),
        why: format!("{}: {}", text(&answer["rule"]), text(&answer["reason"])),
    }
}

impl Tally {
    fn add(&mut self, judged: &Judged) {
        self.lines += 1;
        match (judged.expect.as_str(), judged.got.as_str()) {
            ("allow", "ask") => self.nagged += 1,
            ("allow", "deny") => self.refused += 1,
            ("deny" | "ask" | "not-allow", "allow") => self.missed += 1,
            ("deny", "ask") => self.softened += 1,
            _ => self.exact += 1,
        }
    }
}

fn print(file: &str, flags: &[&str], judged: &[Judged]) {
    let policy = if flags.is_empty() { "default + dev-tools".to_owned() } else { flags.join(" ") };
    println!("\n== {file} under {policy}");
    println!(
        "{:<34}{:>6}{:>7}{:>8}{:>10}{:>8}{:>9}",
        "", "lines", "right", "missed", "softened", "nagged", "refused"
    );
    let mut whole = Tally::default();
    let mut groups: BTreeMap<(u8, String), Tally> = BTreeMap::new();
    for case in judged {
        whole.add(case);
        groups.entry((0, format!("{} ({})", case.category, case.expect))).or_default().add(case);
        groups.entry((1, format!("by {}", case.technique))).or_default().add(case);
    }
    for ((_, name), tally) in &groups {
        row(name, tally);
    }
    row("all", &whole);
    println!(
        "missed: allowed but should not be; softened: asked but should be denied; nagged, refused: should be allowed"
    );
    for case in judged.iter().filter(|case| is_wrong(case)) {
        println!("  {} for {}: {}\n      {}", case.got, case.expect, case.shown, case.why);
    }
}

fn row(name: &str, tally: &Tally) {
    let Tally { lines, exact, missed, softened, nagged, refused } = tally;
    println!("{name:<34}{lines:>6}{exact:>7}{missed:>8}{softened:>10}{nagged:>8}{refused:>9}");
}

fn is_wrong(case: &Judged) -> bool {
    let mut tally = Tally::default();
    tally.add(case);
    tally.exact == 0
}
