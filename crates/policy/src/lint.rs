//! Mistakes in policy files that load: rules that never decide anything, and rules that decide everything.
//!
//! Accuses nobody falsely: a rule is only called shadowed if an earlier one fits wherever it fits, by their words
//! alone. Knows no facts and judges no call.

mod broad;
mod coverage;
mod never;
mod shadow;

#[cfg(test)]
mod tests;

pub use coverage::{Given, UnknownProgram, known_programs, unknown_programs};

use crate::load::LoadError;
use crate::load::Source;
use crate::rules::Layer;
use crate::written::{Written, WrittenRule};
use leashd_types::{Decision, RuleRef};
use serde::Serialize;
use std::fmt;

/// Rules of one layer that are held against each other; those after are only looked at alone.
const COMPARED: usize = 2_000;

/// What is wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// An earlier rule of the same layer fits wherever this one does.
    Shadowed,
    /// It may fit, but what it says never decides.
    Unreachable,
    /// It allows everything, or nearly.
    OverBroad,
    /// It fits nothing.
    NeverMatches,
    /// A program whose effects are not known: worth a look, not a mistake.
    UnknownProgram,
}

impl Kind {
    /// True for what may well be meant.
    #[must_use]
    pub fn is_note(self) -> bool {
        self == Kind::UnknownProgram
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Kind::Shadowed => "shadowed",
            Kind::Unreachable => "unreachable",
            Kind::OverBroad => "over-broad",
            Kind::NeverMatches => "never-matches",
            Kind::UnknownProgram => "unknown-program",
        })
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub kind: Kind,
    pub rule: RuleRef,
    pub message: String,
    /// What to do.
    pub hint: String,
}

/// What was found, and how much was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub findings: Vec<Finding>,
    pub rules: usize,
    /// Rules past the first 2,000 of a layer: not held against earlier ones.
    pub not_compared: usize,
}

impl Report {
    /// True if nothing was found but notes.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.findings.iter().all(|finding| finding.kind.is_note())
    }
}

/// Looks at the files together, as they would be in force. The order given is the order of judgement.
///
/// # Errors
/// When a file does not load.
pub fn lint(sources: &[Source<'_>]) -> Result<Report, LoadError> {
    let files = sources.iter().map(Written::read).collect::<Result<Vec<_>, _>>()?;
    let mut report = Report::default();
    for layer in [Layer::Project, Layer::User, Layer::Builtin] {
        let rules: Vec<&WrittenRule> =
            files.iter().filter(|file| file.layer == layer).flat_map(|file| &file.rules).collect();
        report.rules += rules.len();
        report.not_compared += rules.len().saturating_sub(COMPARED);
        for (index, rule) in rules.iter().enumerate() {
            let before = rules.get(..index.min(COMPARED)).unwrap_or_default();
            if index < COMPARED {
                report.findings.extend(shadow::check(rule, before));
            }
            never::check(rule, &mut report.findings);
            report.findings.extend(broad::check(rule));
        }
        if layer == Layer::Project {
            project(&rules, &mut report.findings);
        }
    }
    for file in &files {
        settings(file, &mut report.findings);
    }
    Ok(report)
}

/// A project can only tighten: what it allows only keeps its own later rules away.
fn project(rules: &[&WrittenRule], findings: &mut Vec<Finding>) {
    let last_strict = rules.iter().rposition(|rule| rule.action != Decision::Allow);
    for (index, rule) in rules.iter().enumerate() {
        if rule.action == Decision::Allow && last_strict.is_none_or(|last| index > last) {
            findings.push(finding(
                rule,
                Kind::Unreachable,
                "a project's file can only make verdicts stricter: this allow changes nothing".to_owned(),
                "leave it out, or put it in a file of your own",
            ));
        }
    }
}

fn settings(file: &Written, findings: &mut Vec<Finding>) {
    let opens =
        |setting: &&crate::WrittenSetting| setting.name == "default_action" && setting.value == "allow";
    for setting in file.settings.iter().filter(opens) {
        let (kind, message, hint) = match file.layer {
            Layer::Builtin => continue,
            Layer::User => (
                Kind::OverBroad,
                "everything no rule names is allowed",
                "set `require_approval` and allow what is meant",
            ),
            Layer::Project => (
                Kind::Unreachable,
                "a project's file can only make verdicts stricter: this changes nothing",
                "leave it out",
            ),
        };
        findings.push(Finding {
            kind,
            rule: RuleRef {
                name: setting.name.to_owned(),
                source: setting.source.clone(),
                line: setting.line,
            },
            message: message.to_owned(),
            hint: hint.to_owned(),
        });
    }
}

fn finding(rule: &WrittenRule, kind: Kind, message: String, hint: &str) -> Finding {
    Finding { kind, rule: rule.rule.clone(), message, hint: hint.to_owned() }
}
