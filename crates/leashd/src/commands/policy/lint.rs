//! `policy lint`: prints what the analysis finds.

use super::{cases, print, print_json};
use crate::cli::LintArgs;
use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings::Settings;
use leashd_policy::{Finding, Given, Report, known_programs, unknown_programs};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn run(args: &LintArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let texts = policies::texts(&settings, &args.policy, &std::path::absolute(&args.dir)?)?;
    let report = leashd_policy::lint(&texts.sources()).map_err(Failure::usage)?;
    let corpus = args.corpus.as_deref().map(coverage_of).transpose()?;
    if args.json {
        let coverage = args.coverage.then(|| coverage_json(corpus.as_ref()));
        print_json(&json!({"v": 1, "report": report, "clean": report.is_clean(), "coverage": coverage}))?;
    } else {
        let mut lines = report_lines(&report);
        if args.coverage {
            lines.extend(coverage_lines(corpus.as_ref()));
        }
        print(&lines)?;
    }
    let covered = corpus.is_none_or(|corpus| corpus.unknown.is_empty());
    Ok(if report.is_clean() && covered { Exit::Done } else { Exit::Failed })
}

fn report_lines(report: &Report) -> Vec<String> {
    let mut lines: Vec<String> = report.findings.iter().flat_map(finding_lines).collect();
    let notes = report.findings.iter().filter(|finding| finding.kind.is_note()).count();
    let mistakes = report.findings.len() - notes;
    lines.push(format!("{} rules, {mistakes} findings, {notes} notes", report.rules));
    if report.not_compared > 0 {
        lines.push(format!("{} rules were not compared with earlier ones", report.not_compared));
    }
    lines
}

fn finding_lines(finding: &Finding) -> [String; 2] {
    let Finding { kind, rule, message, hint } = finding;
    let what = if kind.is_note() { "note" } else { "warning" };
    [
        format!("{}:{}: {what}: {}: {message} [{kind}]", rule.source, rule.line, rule.name),
        format!("    help: {hint}"),
    ]
}

/// Programs of the lines labelled `allow` that the table does not know, each with the first line that uses it.
#[derive(Default)]
struct Coverage {
    unknown: BTreeMap<String, usize>,
    /// Called with nothing but options: `contained` lets these run.
    options_only: BTreeMap<String, usize>,
}

fn coverage_of(corpus: &Path) -> Result<Coverage, Failure> {
    let mut coverage = Coverage::default();
    for case in cases::read(corpus)? {
        let command = case.asked.input.get("command").and_then(Value::as_str);
        let (Some(cases::Expect::Allow), Some(command)) = (case.expect, command) else { continue };
        for program in unknown_programs(command) {
            let names = match program.given {
                Given::OptionsOnly => &mut coverage.options_only,
                Given::Arguments => &mut coverage.unknown,
            };
            names.entry(program.name).or_insert(case.line);
        }
    }
    Ok(coverage)
}

fn coverage_lines(coverage: Option<&Coverage>) -> Vec<String> {
    let mut lines = vec![format!("the effects table knows {} programs", known_programs().len())];
    if let Some(Coverage { unknown, options_only }) = coverage {
        lines.push(format!("{} programs of the lines to allow are unknown", unknown.len()));
        lines.extend(unknown.iter().map(|(name, line)| format!("    {name} (line {line})")));
        lines.push(format!("{} more are called with options alone", options_only.len()));
        lines.extend(options_only.iter().map(|(name, line)| format!("    {name} (line {line})")));
    }
    lines
}

fn coverage_json(coverage: Option<&Coverage>) -> Value {
    json!({
        "programs": known_programs().len(),
        "unknown": coverage.map(|coverage| &coverage.unknown),
        "options_only": coverage.map(|coverage| &coverage.options_only),
    })
}
