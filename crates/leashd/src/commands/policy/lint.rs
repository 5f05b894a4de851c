//! `policy lint`: prints what the analysis finds.

use super::{cases, print, print_json};
use crate::cli::LintArgs;
use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings::Settings;
use leashd_policy::{Finding, Report, known_programs, unknown_programs};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn run(args: &LintArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let texts = policies::texts(&settings, &args.policy, &std::path::absolute(&args.dir)?)?;
    let report = leashd_policy::lint(&texts.sources()).map_err(Failure::usage)?;
    let unknown = args.corpus.as_deref().map(unknown_in).transpose()?;
    if args.json {
        let coverage = args.coverage.then(|| coverage_json(unknown.as_ref()));
        print_json(&json!({"v": 1, "report": report, "clean": report.is_clean(), "coverage": coverage}))?;
    } else {
        let mut lines = report_lines(&report);
        if args.coverage {
            lines.extend(coverage_lines(unknown.as_ref()));
        }
        print(&lines)?;
    }
    let covered = unknown.is_none_or(|unknown| unknown.is_empty());
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

/// Unknown programs of the lines labelled `allow`, each with the first line that uses it.
type Unknown = BTreeMap<String, usize>;

fn unknown_in(corpus: &Path) -> Result<Unknown, Failure> {
    let mut unknown = Unknown::new();
    for case in cases::read(corpus)? {
        let command = case.asked.input.get("command").and_then(Value::as_str);
        if let (Some(cases::Expect::Allow), Some(command)) = (case.expect, command) {
            for name in unknown_programs(command) {
                unknown.entry(name).or_insert(case.line);
            }
        }
    }
    Ok(unknown)
}

fn coverage_lines(unknown: Option<&Unknown>) -> Vec<String> {
    let mut lines = vec![format!("the effects table knows {} programs", known_programs().len())];
    if let Some(unknown) = unknown {
        lines.push(format!("{} programs of the lines to allow are unknown", unknown.len()));
        lines.extend(unknown.iter().map(|(name, line)| format!("    {name} (line {line})")));
    }
    lines
}

fn coverage_json(unknown: Option<&Unknown>) -> Value {
    json!({"programs": known_programs().len(), "unknown": unknown})
}
