//! `leashd policy …`: what the judge would say, and why, without running anything.

mod cases;
mod check;
mod diff;
mod import;
mod judging;
mod lint;
mod replay;
mod show;
mod test;

use crate::cli::{PolicyArgs, PolicyCommand};
use crate::commands::out::out;
use crate::failure::{Exit, Failure};
use std::io::{self, Write};

pub(crate) fn run(args: &PolicyArgs) -> Result<Exit, Failure> {
    match &args.command {
        PolicyCommand::Check(args) => check::check(args),
        PolicyCommand::Explain(args) => check::explain(args),
        PolicyCommand::Test(args) => test::run(args),
        PolicyCommand::Lint(args) => lint::run(args),
        PolicyCommand::Show(args) => show::run(args),
        PolicyCommand::Diff(args) => diff::diff(args),
        PolicyCommand::Simulate(args) => diff::simulate(args),
        PolicyCommand::Import(args) => import::run(args),
    }
}

/// One JSON value on a line. What is hidden is escaped as JSON does it.
fn print_json(value: &serde_json::Value) -> Result<(), Failure> {
    let mut line = String::new();
    for character in value.to_string().chars() {
        if leashd_types::is_hidden(character) {
            let mut units = [0; 2];
            line.extend(character.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            line.push(character);
        }
    }
    print(&[line])
}

/// Lines for a person, or for a pipe.
fn print(lines: &[String]) -> Result<(), Failure> {
    let mut out = io::BufWriter::new(out());
    for line in lines {
        writeln!(out, "{}", leashd_types::visible(line))?;
    }
    Ok(out.flush()?)
}
