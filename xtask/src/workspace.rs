//! Where the workspace is, how cargo is called there and which extra targets its crates have.
//! Knows no command of xtask.

use anyhow::{Context, Result};
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
}

/// A file `crates/<dir>/<kind>/<name>.rs`, which cargo builds as a target of its own.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ExtraTarget {
    pub(crate) package: String,
    pub(crate) name: String,
}

impl Workspace {
    /// The workspace this xtask belongs to; from another directory it still means this one.
    pub(crate) fn find() -> Result<Self> {
        let own = env::var_os("CARGO_MANIFEST_DIR").context("run this as `cargo xtask …`")?;
        let root = Path::new(&own).parent().context("xtask has no directory above it")?;
        Ok(Self { root: root.to_path_buf() })
    }

    pub(crate) fn path(&self, relative: &str) -> PathBuf {
        self.root.join(relative)
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target(&self) -> PathBuf {
        env::var_os("CARGO_TARGET_DIR").map_or_else(|| self.path("target"), |set| self.root.join(set))
    }

    /// A command that starts in the root of the workspace.
    pub(crate) fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    pub(crate) fn cargo(&self, arguments: &[&str]) -> Command {
        let mut command = self.command(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(arguments);
        command
    }

    /// The targets in `crates/*/<kind>/` (`tests`, `benches`) whose name starts with `prefix`, sorted.
    pub(crate) fn extra_targets(&self, kind: &str, prefix: &str) -> Result<Vec<ExtraTarget>> {
        let mut found = Vec::new();
        for krate in entries(&self.path("crates"))? {
            let directory = krate.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let package = if directory == "leashd" { directory } else { format!("leashd-{directory}") };
            let sources = krate.join(kind);
            if !sources.is_dir() {
                continue;
            }
            for file in entries(&sources)? {
                let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
                if file.extension().is_some_and(|it| it == "rs") && name.starts_with(prefix) {
                    found.push(ExtraTarget { package: package.clone(), name });
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// True on the machines where a skip has to be declared.
pub(crate) fn on_ci() -> bool {
    env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>> {
    let listing =
        std::fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut paths = listing
        .map(|entry| entry.map(|it| it.path()))
        .collect::<std::io::Result<Vec<_>>>()
        .with_context(|| format!("cannot list {}", directory.display()))?;
    paths.sort();
    Ok(paths)
}
