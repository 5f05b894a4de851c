//! `cargo xtask bench`: runs every criterion benchmark and prints one table from the files criterion leaves.
//!
//! Wall time on a shared machine is noisy: the table informs, it is no ceiling.

use crate::steps::succeed;
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// One measurement; times in nanoseconds per iteration.
#[derive(Debug, PartialEq)]
struct Row {
    name: String,
    median: f64,
    low: f64,
    high: f64,
    /// Against the run before, as a ratio: 0.05 is 5 % slower.
    change: Option<f64>,
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let targets = workspace.extra_targets("benches", "")?;
    if targets.is_empty() {
        bail!(
            "there are no benchmarks: put one in crates/<name>/benches/, with criterion and `harness = false`"
        );
    }
    let start = SystemTime::now();
    for target in targets {
        succeed(&mut workspace.cargo(&["bench", "-p", &target.package, "--bench", &target.name]))?;
    }
    let rows = rows(&workspace.target().join("criterion"), start)?;
    if rows.is_empty() {
        bail!("the benchmarks ran but criterion left no estimates");
    }
    print!("{}", table(&rows));
    Ok(())
}

/// The measurements made since `start`, sorted by name; older ones may be of benchmarks that are gone.
fn rows(directory: &Path, start: SystemTime) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(place) = waiting.pop() {
        let new = place.join("new").join("estimates.json");
        if new.is_file() {
            if fs::metadata(&new)?.modified()? >= start {
                rows.push(row(&place)?);
            }
            continue;
        }
        let listing = fs::read_dir(&place).with_context(|| format!("cannot list {}", place.display()))?;
        for entry in listing {
            let path = entry?.path();
            if path.is_dir() {
                waiting.push(path);
            }
        }
    }
    rows.sort_by(|left, right| left.name.cmp(&right.name));
    Ok(rows)
}

fn row(place: &Path) -> Result<Row> {
    let about = json(&place.join("new").join("benchmark.json"))?;
    let estimates = json(&place.join("new").join("estimates.json"))?;
    let number = |pointer: &str| {
        let found = estimates.pointer(pointer).and_then(Value::as_f64);
        found.with_context(|| format!("{}: no {pointer} in estimates.json", place.display()))
    };
    let change = json(&place.join("change").join("estimates.json")).ok();
    Ok(Row {
        name: about.get("full_id").and_then(Value::as_str).unwrap_or("(no name)").to_owned(),
        median: number("/median/point_estimate")?,
        low: number("/median/confidence_interval/lower_bound")?,
        high: number("/median/confidence_interval/upper_bound")?,
        change: change.and_then(|it| it.pointer("/median/point_estimate").and_then(Value::as_f64)),
    })
}

fn json(path: &PathBuf) -> Result<Value> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} is not JSON", path.display()))
}

fn table(rows: &[Row]) -> String {
    let width = rows.iter().map(|it| it.name.chars().count()).max().unwrap_or(0).max("benchmark".len());
    let mut lines =
        vec![format!("{:<width$}  {:>10}  {:>23}  {:>8}", "benchmark", "median", "95 % interval", "change")];
    for row in rows {
        let interval = format!("{} – {}", time(row.low), time(row.high));
        let change = row.change.map_or_else(|| "–".to_owned(), |it| format!("{:+.1} %", it * 100.0));
        lines.push(format!("{:<width$}  {:>10}  {interval:>23}  {change:>8}", row.name, time(row.median)));
    }
    lines.iter().map(|it| format!("{it}\n")).collect()
}

fn time(nanoseconds: f64) -> String {
    let units = [(1e9, "s"), (1e6, "ms"), (1e3, "µs")];
    let fits = units.into_iter().find(|(size, _)| nanoseconds >= *size);
    let (size, unit) = fits.unwrap_or((1.0, "ns"));
    format!("{:.2} {unit}", nanoseconds / size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn measurement(root: &Path, directory: &str, name: &str, median: f64) {
        let new = root.join(directory).join("new");
        fs::create_dir_all(&new).unwrap();
        fs::write(new.join("benchmark.json"), format!(r#"{{"full_id":"{name}"}}"#)).unwrap();
        let interval = format!(r#"{{"lower_bound":{},"upper_bound":{}}}"#, median - 1.0, median + 1.0);
        let estimates =
            format!(r#"{{"median":{{"point_estimate":{median},"confidence_interval":{interval}}}}}"#);
        fs::write(new.join("estimates.json"), estimates).unwrap();
    }

    #[test]
    fn reads_what_criterion_left_and_nothing_older() {
        let root = tempfile::tempdir().unwrap();
        measurement(root.path(), "judge/long line", "judge/long line", 2_500_000.0);
        measurement(root.path(), "analyze", "analyze", 810.0);
        let found = rows(root.path(), SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(
            table(&found),
            "benchmark            median            95 % interval    change\n\
             analyze           810.00 ns    809.00 ns – 811.00 ns         –\n\
             judge/long line     2.50 ms        2.50 ms – 2.50 ms         –\n"
        );
        assert!(rows(root.path(), SystemTime::now() + Duration::from_secs(60)).unwrap().is_empty());
    }
}
