//! The real agent that tests drive: Claude Code's own binary from npm, at the version tests are pinned to.

use crate::steps::{output, succeed};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::env::consts::{ARCH, OS};
use std::fs;
use std::path::PathBuf;

/// Holds one line, the version. Tests are written against it.
const PIN: &str = "crates/testkit/claude-version";

/// The version that tests are pinned to.
pub(crate) fn pinned(workspace: &Workspace) -> Result<String> {
    let text = fs::read_to_string(workspace.path(PIN)).with_context(|| format!("cannot read {PIN}"))?;
    version(&text).with_context(|| format!("{PIN} must hold one version such as 1.2.3"))
}

/// The version npm calls `latest`.
pub(crate) fn latest(workspace: &Workspace) -> Result<String> {
    let package = format!("{}@latest", package()?);
    version(&output(workspace.command("npm").args(["view", &package, "version"]))?)
}

/// The path of the binary of that version, installed under the target directory when it is not there yet.
pub(crate) fn fetch(workspace: &Workspace, version: &str) -> Result<PathBuf> {
    let package = package()?;
    let place = workspace.target().join("agents").join(version);
    let binary = place.join("node_modules").join(&package).join("claude");
    if !binary.is_file() {
        fs::create_dir_all(&place).with_context(|| format!("cannot create {}", place.display()))?;
        let mut npm = workspace.command("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--no-save", "--loglevel=error", "--prefix"]);
        succeed(npm.arg(&place).arg(format!("{package}@{version}")))?;
    }
    let said = output(workspace.command(&binary).arg("--version"))
        .with_context(|| format!("remove {} and try again", place.display()))?;
    if said.split_whitespace().next() != Some(version) {
        bail!(
            "{} calls itself `{said}`, not {version}: remove {} and try again",
            binary.display(),
            place.display()
        );
    }
    Ok(binary)
}

fn package() -> Result<String> {
    let system = match OS {
        "linux" => "linux",
        "macos" => "darwin",
        other => bail!("there is no Claude Code package for {other}"),
    };
    let machine = match ARCH {
        "x86_64" => "x64",
        "aarch64" => "arm64",
        other => bail!("there is no Claude Code package for {other}"),
    };
    Ok(format!("@anthropic-ai/claude-code-{system}-{machine}"))
}

/// A version becomes part of a path and of a package's name: digits and dots only.
fn version(text: &str) -> Result<String> {
    let text = text.trim();
    let numbers: Vec<_> = text.split('.').collect();
    let valid = |it: &&str| !it.is_empty() && it.chars().all(|c| c.is_ascii_digit());
    if numbers.len() != 3 || !numbers.iter().all(valid) {
        bail!("`{text}` is not a version");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers() {
        assert_eq!(version("2.1.330\n").unwrap(), "2.1.330");
        for text in ["", "2.1", "latest", "2.1.330-beta", "../2.1.330", "2.1.330\n2.1.331", "2..1"] {
            assert!(version(text).is_err(), "{text:?}");
        }
    }
}
