//! Developer commands: `cargo xtask check`, `tidy`, `test`, `score`, `fuzz`, `bench`, `instructions`,
//! `dist`, `advisories`.
//!
//! Knows how the project is built, checked and tested; knows nothing of what leashd does.

mod agent;
mod bench;
mod check;
mod deny;
mod dist;
mod fuzz;
mod instructions;
mod score;
mod skips;
mod steps;
mod testing;
mod tidy;
mod workspace;

use anyhow::{Result, bail};
use std::process::ExitCode;
use workspace::Workspace;

const USAGE: &str = "\
cargo xtask COMMAND

  check       formatting, clippy, tidy, licences and bans: everything short of running the code
  tidy        the house rules that no compiler knows (fast, part of check)
  test        fetches the pinned agent, then runs every test; says what it skips and why
  score FILE  judges a corpus and prints how often the answer is right, by category and technique
  fuzz        runs the fuzz targets; `fuzz --help` lists its options
  bench       runs the criterion benchmarks, measures whole processes, and prints one table
  instructions  counts what judging a line costs and compares it with the ceiling; needs valgrind
  dist        builds the static binary that is shipped and proves that it is static
  advisories  known vulnerabilities of third-party code; needs the network";

fn main() -> ExitCode {
    match dispatch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let command = arguments.next();
    let rest: Vec<String> = arguments.collect();
    let workspace = Workspace::find()?;
    if command.as_deref() == Some("score") {
        return score::run(&workspace, &rest);
    }
    if command.as_deref() == Some("fuzz") {
        return fuzz::run(&workspace, &rest);
    }
    if let Some(extra) = rest.first() {
        bail!("unexpected argument `{extra}`\n\n{USAGE}");
    }
    match command.as_deref() {
        Some("check") => check::run(&workspace),
        Some("tidy") => tidy::run(&workspace),
        Some("test") => testing::run(&workspace),
        Some("bench") => bench::run(&workspace),
        Some("instructions") => instructions::run(&workspace),
        Some("dist") => dist::run(&workspace),
        Some("advisories") => deny::advisories(&workspace),
        Some("help" | "--help" | "-h") => {
            println!("{USAGE}");
            Ok(())
        }
        Some(unknown) => bail!("there is no command `{unknown}`\n\n{USAGE}"),
        None => bail!("a command is missing\n\n{USAGE}"),
    }
}
