//! `policy test`: the examples of the rules in force and of everything that ships, or the cases of a file.

use super::cases::{self, Case, Expect};
use super::judging::Judging;
use super::{print, print_json};
use crate::cli::TestArgs;
use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings::Settings;
use leashd_policy::{BUILTIN_NAMES, Source, Written, check_examples};
use leashd_types::{Decision, Verdict};
use serde_json::{Value, json};
use std::path::Path;

pub(super) fn run(args: &TestArgs) -> Result<Exit, Failure> {
    match &args.cases {
        Some(file) => of_file(args, file),
        None => of_rules(args),
    }
}

fn of_rules(args: &TestArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let directory = std::path::absolute(&args.judge.place.dir)?;
    let texts = policies::texts(&settings, &args.judge.policy, &directory)?;
    let mut sources = texts.sources();
    for source in BUILTIN_NAMES.into_iter().filter_map(Source::builtin) {
        if sources.iter().all(|other| (other.layer, other.name) != (source.layer, source.name)) {
            sources.push(source);
        }
    }
    let (mut lines, mut files, mut examples, mut failed) = (Vec::new(), Vec::new(), 0, 0);
    for source in &sources {
        let written = Written::read(source).map_err(Failure::usage)?;
        let count: usize = written.rules.iter().map(|rule| rule.matches.len() + rule.misses.len()).sum();
        examples += count;
        let failure = check_examples(source).err().map(|error| error.to_string());
        files.push(json!({"file": source.name, "examples": count, "failure": failure}));
        match failure {
            None => lines.push(format!("{}: {count} examples hold", source.name)),
            Some(failure) => {
                failed += 1;
                lines.push(failure);
            }
        }
    }
    lines.push(format!("{examples} examples of {} files, {failed} files fail", sources.len()));
    if args.json {
        print_json(&json!({"v": 1, "examples": examples, "failed": failed, "files": files}))?;
    } else {
        print(&lines)?;
    }
    Ok(if failed == 0 { Exit::Done } else { Exit::Failed })
}

/// How the lines of a file went.
#[derive(Default)]
struct Tally {
    cases: usize,
    /// Lines about other policies.
    skipped: usize,
    failures: Vec<(Case, Expect, Verdict)>,
}

fn of_file(args: &TestArgs, file: &Path) -> Result<Exit, Failure> {
    let mut judging = Judging::new(&args.judge.policy, &args.judge.place)?;
    let mut tally = Tally::default();
    for case in cases::read(file)? {
        let Some(expect) = case.expect else {
            return Err(Failure::usage(format!("{}:{}: it has no `expect`", file.display(), case.line))
                .hint("add \"expect\":\"allow\", \"ask\", \"deny\" or \"not-allow\""));
        };
        if !case.policies.is_empty() && !case.policies.iter().any(|named| judging.is_under(named)) {
            tally.skipped += 1;
            continue;
        }
        tally.cases += 1;
        let verdict = judging.judge(&case.asked)?;
        if !holds(expect, verdict.decision) {
            tally.failures.push((case, expect, verdict));
        }
    }
    if args.json {
        print_json(&as_json(&tally))?;
    } else {
        print(&as_text(&tally, file))?;
    }
    Ok(if tally.failures.is_empty() { Exit::Done } else { Exit::Failed })
}

fn holds(expect: Expect, got: Decision) -> bool {
    match expect {
        Expect::Allow => got == Decision::Allow,
        Expect::Ask => got == Decision::Ask,
        Expect::Deny => got == Decision::Deny,
        Expect::NotAllow => got != Decision::Allow,
    }
}

fn word(expect: Expect) -> &'static str {
    match expect {
        Expect::Allow => "allow",
        Expect::Ask => "ask",
        Expect::Deny => "deny",
        Expect::NotAllow => "not-allow",
    }
}

fn as_text(tally: &Tally, file: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for (case, expect, verdict) in &tally.failures {
        lines.push(format!(
            "{}:{}: expected {}, got {} by {}",
            file.display(),
            case.line,
            word(*expect),
            verdict.decision,
            verdict.rule
        ));
        lines.push(format!("    {}", cases::shown(&case.asked.tool, &case.asked.input)));
        lines.push(format!("    {}", verdict.reason));
    }
    let skipped = match tally.skipped {
        0 => String::new(),
        skipped => format!(", {skipped} are about other policies"),
    };
    lines.push(format!("{} cases, {} fail{skipped}", tally.cases, tally.failures.len()));
    lines
}

fn as_json(tally: &Tally) -> Value {
    let failure = |(case, expect, verdict): &(Case, Expect, Verdict)| {
        json!({
            "line": case.line,
            "tool": case.asked.tool,
            "input": case.asked.input,
            "expected": word(*expect),
            "got": verdict.decision,
            "rule": verdict.rule,
            "reason": verdict.reason,
        })
    };
    json!({
        "v": 1,
        "cases": tally.cases,
        "skipped": tally.skipped,
        "failed": tally.failures.len(),
        "failures": tally.failures.iter().map(failure).collect::<Vec<_>>(),
    })
}
