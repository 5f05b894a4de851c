//! `cargo xtask check`: everything that can be said about the source without running it.

use crate::steps::{Steps, succeed};
use crate::workspace::Workspace;
use crate::{deny, tidy};
use anyhow::Result;

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let mut steps = Steps::default();
    steps.run("cargo fmt --check", || succeed(&mut workspace.cargo(&["fmt", "--all", "--check"])));
    steps.run("cargo xtask tidy", || tidy::run(workspace));
    steps.run("cargo clippy", || {
        // `--locked`: a Cargo.lock that does not fit the manifests is a mistake of the commit, not to be mended here.
        succeed(&mut workspace.cargo(&[
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    });
    steps.run("cargo deny", || deny::run(workspace));
    steps.finish()
}
