//! `policy check` and `policy explain`: one judgement, or one per line of standard input.

use super::judging::{Asked, Judging};
use super::{print, print_json};
use crate::cli::{CheckArgs, ExplainArgs};
use crate::failure::{Exit, Failure};
use leashd_types::{Decision, Verdict};
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::{self, BufRead, Write};
use std::path::PathBuf;

/// Bytes of one line of standard input.
const LINE_BYTES_MAX: usize = 64 << 20;

pub(super) fn check(args: &CheckArgs) -> Result<Exit, Failure> {
    let mut judging = Judging::new(&args.judge.policy, &args.judge.place)?;
    let Some(command) = &args.command else { return check_lines(&mut judging) };
    let verdict = judging.judge(&of_shell(command))?;
    if args.json {
        print_json(&json!({"v": 1, "verdict": verdict}))?;
    } else {
        let Verdict { decision, rule, band, reason, .. } = &verdict;
        print(&[format!("{decision} {rule} [{band}]"), reason.clone()])?;
    }
    Ok(exit_of(verdict.decision))
}

pub(super) fn explain(args: &ExplainArgs) -> Result<Exit, Failure> {
    let verdict = Judging::new(&args.judge.policy, &args.judge.place)?.judge(&of_shell(&args.command))?;
    let mut out = io::stdout().lock();
    for line in leashd_connectors::explain(&verdict) {
        writeln!(out, "{line}")?;
    }
    Ok(exit_of(verdict.decision))
}

fn of_shell(command: &str) -> Asked {
    Asked { tool: shell(), input: json!({"command": command}), ..Asked::default() }
}

/// One line of standard input.
#[derive(Deserialize)]
struct Line {
    #[serde(default = "shell")]
    tool: String,
    #[serde(default)]
    input: Value,
    cwd: Option<PathBuf>,
    /// What a person opened for the run: `commit`, `push`, or the names of the grant files.
    #[serde(default)]
    grants: Vec<String>,
}

fn shell() -> String {
    "Bash".to_owned()
}

/// NDJSON in, one verdict a line out, in order. A line that cannot be read is a denial that says so.
fn check_lines(judging: &mut Judging) -> Result<Exit, Failure> {
    let mut input = io::stdin().lock();
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut line = Vec::new();
    loop {
        line.clear();
        if io::Read::take(&mut input, LINE_BYTES_MAX as u64).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let answer = match serde_json::from_slice::<Line>(&line) {
            Ok(Line { tool, input, cwd, grants }) => {
                short(&judging.judge(&Asked { tool, input, cwd, grants, ..Asked::default() })?)
            }
            Err(error) => json!({
                "decision": Decision::Deny,
                "rule": "unreadable-line",
                "band": "high",
                "reason": format!("this line is not a tool call: {error}"),
            }),
        };
        writeln!(out, "{answer}")?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn short(verdict: &Verdict) -> Value {
    json!({
        "decision": verdict.decision,
        "rule": verdict.rule.to_string(),
        "band": verdict.band,
        "reason": verdict.reason,
    })
}

fn exit_of(decision: Decision) -> Exit {
    match decision {
        Decision::Allow => Exit::Done,
        Decision::Ask => Exit::Ask,
        Decision::Deny => Exit::Denied,
    }
}
