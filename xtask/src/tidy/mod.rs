//! `cargo xtask tidy`: the house rules that no compiler knows. Reads the files of the repository, builds nothing.

mod lexer;
mod manifests;
mod repository;
mod sources;
mod tree;
mod words;

#[cfg(test)]
mod tests;

use crate::workspace::Workspace;
use anyhow::{Result, bail};
use std::fmt;
use tree::Tree;

/// A broken rule, where it is broken, and what to do about it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: String,
    /// Counted from 1.
    line: usize,
    what: String,
    fix: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}\n    {}", self.file, self.line, self.what, self.fix)
    }
}

#[derive(Debug, Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, file: &str, line: usize, what: impl Into<String>, fix: impl Into<String>) {
        self.0.push(Finding { file: file.to_owned(), line, what: what.into(), fix: fix.into() });
    }
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let tree = Tree::read(&workspace.root)?;
    let findings = inspect(&tree);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("tidy: {} findings in {} files", findings.len(), tree.files.len());
    }
    println!("tidy: {} files are in order", tree.files.len());
    Ok(())
}

fn inspect(tree: &Tree) -> Vec<Finding> {
    let mut findings = Findings::default();
    manifests::check(tree, &mut findings);
    sources::check(tree, &mut findings);
    repository::check(tree, &mut findings);
    findings.0.sort();
    findings.0
}
