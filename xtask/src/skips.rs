//! What was not run, why, and whether that was declared. A skip that nobody declared fails on CI.

use crate::workspace::{Workspace, on_ci};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs;

const DECLARED: &str = "xtask/declared-skips.txt";

/// Something left out: a test by its name, or a need that this machine does not meet.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Skip {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl Skip {
    pub(crate) fn new(name: &str, reason: &str) -> Self {
        Self { name: name.trim().to_owned(), reason: reason.trim().to_owned() }
    }

    /// Lines that tests wrote when they left themselves out: `NAME<TAB>REASON`.
    pub(crate) fn parse_all(text: &str) -> Vec<Self> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| {
                let (name, reason) = line.split_once('\t').unwrap_or((line, "no reason given"));
                Self::new(name, reason)
            })
            .collect()
    }
}

/// The list of `xtask/declared-skips.txt`: name to reason.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    reasons: BTreeMap<String, String>,
}

impl Declared {
    pub(crate) fn read(workspace: &Workspace) -> Result<Self> {
        let text = fs::read_to_string(workspace.path(DECLARED))
            .with_context(|| format!("cannot read {DECLARED}"))?;
        Self::parse(&text)
    }

    fn parse(text: &str) -> Result<Self> {
        let mut reasons = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match line.split_once('|').map(|(name, reason)| (name.trim(), reason.trim())) {
                Some((name, reason)) if !name.is_empty() && !reason.is_empty() => {
                    reasons.insert(name.to_owned(), reason.to_owned());
                }
                _ => bail!("{DECLARED}:{number}: expected `NAME | REASON`"),
            }
        }
        Ok(Self { reasons })
    }

    /// Prints every skip. On CI one that is not declared is an error, elsewhere only shown.
    pub(crate) fn accept(&self, skips: &[Skip]) -> Result<()> {
        for skip in skips {
            println!("skipped: {} ({})", skip.name, skip.reason);
        }
        let undeclared = self.undeclared(skips);
        if on_ci() && !undeclared.is_empty() {
            bail!(
                "skipped on CI without being declared: {}\nmake it run there, or declare it with its reason in {DECLARED}",
                undeclared.join(", ")
            );
        }
        Ok(())
    }

    fn undeclared<'a>(&self, skips: &'a [Skip]) -> Vec<&'a str> {
        skips.iter().map(|it| it.name.as_str()).filter(|name| !self.reasons.contains_key(*name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_declared_may_be_skipped() {
        let declared = Declared::parse("# a comment\n\nmacos | no such machine\n").unwrap();
        let skips = Skip::parse_all("macos\tnot a Mac\n\nlandlock\tthe kernel has none\nnameless\n");
        assert_eq!(skips.len(), 3);
        assert_eq!(skips.last().unwrap().reason, "no reason given");
        assert_eq!(declared.undeclared(&skips), ["landlock", "nameless"]);
    }

    #[test]
    fn a_declaration_needs_a_reason() {
        for line in ["macos", "macos |", "| because"] {
            let error = Declared::parse(&format!("\n{line}\n")).unwrap_err().to_string();
            assert!(error.starts_with("xtask/declared-skips.txt:2:"), "{error}");
        }
    }
}
