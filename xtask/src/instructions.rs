//! `cargo xtask instructions`: what judging one line of the corpus costs, in instructions, held below a committed
//! ceiling. Unlike wall time the number is the same on a busy machine. Counted by valgrind's callgrind.

use crate::skips::{Declared, Skip};
use crate::steps::{output, succeed};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::Path;

const CEILING: &str = "crates/policy/instruction-ceiling";
const CORPUS: &str = "corpus/commands.jsonl";
const EXAMPLE: &str = "judge_corpus";
/// The function whose calls are counted, each by itself.
const COUNTED: &str = "judge_corpus::judge_line";
/// The dearest lines that are shown, and how much of each, in characters.
const DEAREST: usize = 5;
const SHOWN: usize = 70;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let asked = output(workspace.command("valgrind").arg("--version"));
    let Ok(version) = asked else {
        let reason = "valgrind is not installed: nothing counts instructions";
        return Declared::read(workspace)?.accept(&[Skip::new("valgrind", reason)]);
    };
    let ceiling = ceiling(workspace)?;
    succeed(&mut workspace.cargo(&[
        "build",
        "--quiet",
        "--release",
        "-p",
        "leashd-policy",
        "--example",
        EXAMPLE,
    ]))?;
    let counts = counts(workspace)?;
    let lines =
        fs::read_to_string(workspace.path(CORPUS)).with_context(|| format!("cannot read {CORPUS}"))?;
    let lines: Vec<&str> = lines.lines().filter(|it| !it.trim().is_empty()).collect();
    if lines.len() != counts.len() {
        bail!("{CORPUS} has {} cases, but {} calls of {COUNTED} were counted", lines.len(), counts.len());
    }
    let figures = Figures::of(&counts).with_context(|| format!("{CORPUS} is empty"))?;
    println!("{version}, default + dev-tools, {} lines of {CORPUS}", counts.len());
    println!(
        "instructions per line: median {}, mean {}, 99th percentile {}, max {}; ceiling of the mean {ceiling}",
        figures.median, figures.mean, figures.p99, figures.max
    );
    for (count, line) in dearest(&counts, &lines) {
        println!("{count:>12}  {}", line.chars().take(SHOWN).collect::<String>());
    }
    if figures.mean > ceiling {
        bail!(
            "judging became dearer: {} instructions per line, the ceiling is {ceiling}; make it cheaper, or raise the \
             number in {CEILING} and say in the commit what it buys",
            figures.mean
        );
    }
    Ok(())
}

fn ceiling(workspace: &Workspace) -> Result<u64> {
    let text =
        fs::read_to_string(workspace.path(CEILING)).with_context(|| format!("cannot read {CEILING}"))?;
    let number = text.lines().find(|line| !line.starts_with('#')).unwrap_or_default();
    number.trim().parse().with_context(|| format!("{CEILING}: expected a number below the comment"))
}

/// Instructions of each call, in order.
fn counts(workspace: &Workspace) -> Result<Vec<u64>> {
    let place = workspace.target().join("instructions");
    if place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("cannot empty {}", place.display()))?;
    }
    fs::create_dir_all(&place)?;
    let program = workspace.target().join("release/examples").join(EXAMPLE);
    let mut valgrind = workspace.command("valgrind");
    valgrind
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", place.join("part").display()))
        .arg(format!("--toggle-collect={COUNTED}"))
        .arg(format!("--dump-after={COUNTED}"))
        .arg(program);
    output(&mut valgrind)?;
    let mut counts = Vec::new();
    loop {
        let part = place.join(format!("part.{}", counts.len() + 1));
        if !part.exists() {
            break;
        }
        counts.push(total(&part)?);
    }
    fs::remove_dir_all(&place)?;
    Ok(counts)
}

fn total(part: &Path) -> Result<u64> {
    let text = fs::read_to_string(part).with_context(|| format!("cannot read {}", part.display()))?;
    let line = text.lines().rev().find_map(|line| line.strip_prefix("totals: "));
    line.and_then(|it| it.trim().parse().ok()).with_context(|| format!("{}: no total", part.display()))
}

#[derive(Debug, PartialEq, Eq)]
struct Figures {
    median: u64,
    mean: u64,
    p99: u64,
    max: u64,
}

impl Figures {
    fn of(counts: &[u64]) -> Option<Self> {
        let mut sorted = counts.to_vec();
        sorted.sort_unstable();
        let at = |percent: usize| sorted.get((sorted.len() - 1) * percent / 100).copied();
        let mean = sorted.iter().sum::<u64>().checked_div(u64::try_from(sorted.len()).ok()?)?;
        Some(Self { median: at(50)?, mean, p99: at(99)?, max: at(100)? })
    }
}

fn dearest<'a>(counts: &[u64], lines: &[&'a str]) -> Vec<(u64, &'a str)> {
    let mut all: Vec<_> = counts.iter().copied().zip(lines.iter().copied()).collect();
    all.sort_unstable_by(|left, right| right.cmp(left));
    all.truncate(DEAREST);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_of_a_few_counts() {
        let expected = Figures { median: 2, mean: 26, p99: 3, max: 100 };
        assert_eq!(Figures::of(&[100, 1, 3, 2]), Some(expected));
        assert_eq!(Figures::of(&[]), None);
        assert_eq!(dearest(&[1, 9, 4], &["a", "b", "c"]), [(9, "b"), (4, "c"), (1, "a")]);
    }

    #[test]
    fn reads_the_total_of_a_part() {
        let place = tempfile::tempdir().unwrap();
        let part = place.path().join("part.1");
        fs::write(&part, "events: Ir\nsummary: 12\n\ntotals: 12\n").unwrap();
        assert_eq!(total(&part).unwrap(), 12);
        fs::write(&part, "events: Ir\n").unwrap();
        assert!(total(&part).is_err());
    }

    #[test]
    fn the_ceiling_that_is_committed_is_a_number() {
        assert!(ceiling(&Workspace::find().unwrap()).unwrap() > 0);
    }
}
