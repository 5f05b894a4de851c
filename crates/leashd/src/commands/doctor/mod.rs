//! `leashd doctor`: looks at everything leashd relies on and says for each what is wrong and how to mend it. Changes
//! nothing.

mod agent;
mod files;
mod machine;
mod reach;
#[cfg(test)]
mod tests;

use crate::cli::DoctorArgs;
use crate::commands::out::out;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use leashd_types::visible;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write as _;

/// How a check came out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Grade {
    Ok,
    /// It works; something should be known, or could not be told.
    Warn,
    Fail,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    check: &'static str,
    grade: Grade,
    says: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, says: impl Into<String>) -> Self {
        Self { check, grade: Grade::Ok, says: says.into(), fix: None }
    }

    fn warn(check: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, grade: Grade::Warn, says: says.into(), fix: Some(fix.into()) }
    }

    fn fail(check: &'static str, says: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { check, grade: Grade::Fail, says: says.into(), fix: Some(fix.into()) }
    }
}

pub(crate) fn run(args: &DoctorArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let directory = std::env::current_dir()?;
    let mut findings = agent::check(&settings, &directory);
    findings.extend(machine::kernel());
    findings.extend(files::check(&settings));
    findings.extend(reach::check(&settings));
    findings.push(machine::clock(&settings));
    findings.push(machine::disk(&settings));
    findings.push(machine::sleep());
    let worst = findings.iter().map(|finding| finding.grade).max().unwrap_or(Grade::Ok);
    let text = if args.json {
        serde_json::json!({ "v": 1, "ok": worst != Grade::Fail, "checks": findings }).to_string()
    } else {
        lines(&findings)
    };
    writeln!(out(), "{text}")?;
    Ok(if worst == Grade::Fail { Exit::Failed } else { Exit::Done })
}

fn lines(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let word = match finding.grade {
            Grade::Ok => "ok",
            Grade::Warn => "warn",
            Grade::Fail => "FAIL",
        };
        // Writing to a string cannot fail.
        let _written = writeln!(text, "{word:<5} {:<12} {}", finding.check, one_line(&finding.says));
        if let Some(fix) = &finding.fix {
            let _written = writeln!(text, "{:<18} → {}", "", one_line(fix));
        }
    }
    text.trim_end().to_owned()
}

fn one_line(text: &str) -> String {
    visible(&text.replace('\n', " "))
}
