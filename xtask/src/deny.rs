//! Licences, bans and sources of third-party code, and its known vulnerabilities, through `cargo deny` at a pinned
//! version that is installed once.

use crate::skips::{Declared, Skip};
use crate::steps::{output, succeed};
use crate::workspace::Workspace;
use anyhow::{Context, Result};
use std::env;
use std::ffi::OsString;
use std::path::PathBuf;

const VERSION: &str = "0.20.2";

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let deny = find_or_install(workspace)?;
    succeed(workspace.command(&deny).args([
        "--locked",
        "check",
        "--hide-inclusion-graph",
        "bans",
        "licenses",
        "sources",
    ]))
    .context("`cargo tree --invert PACKAGE` shows who brings a package in")?;
    let skip = Skip::new("advisories", "`cargo xtask advisories` looks them up, with a network");
    Declared::read(workspace)?.accept(&[skip])
}

/// Known vulnerabilities, from a database that is fetched with git. Apart from `check`, which needs no network.
pub(crate) fn advisories(workspace: &Workspace) -> Result<()> {
    let deny = find_or_install(workspace)?;
    succeed(workspace.command(&deny).args(["--locked", "check", "advisories"]))
}

/// A `cargo-deny` of the pinned version: from the path, else from cargo's home, where it is put if it is missing.
/// It stands beside a developer's own tools, not among them.
fn find_or_install(workspace: &Workspace) -> Result<OsString> {
    let home = tools()?;
    let own = home.join("bin").join("cargo-deny");
    for candidate in [OsString::from("cargo-deny"), own.clone().into()] {
        let said = output(workspace.command(&candidate).arg("--version"));
        if said.is_ok_and(|it| it == format!("cargo-deny {VERSION}")) {
            return Ok(candidate);
        }
    }
    println!("installing cargo-deny {VERSION} in {} (once; about a minute)", home.display());
    let mut install =
        workspace.cargo(&["install", "cargo-deny", "--version", VERSION, "--locked", "--debug", "--quiet"]);
    install.arg("--root").arg(&home).env_remove("CARGO_TARGET_DIR");
    succeed(&mut install).with_context(|| format!("install cargo-deny {VERSION} by hand and try again"))?;
    Ok(own.into())
}

fn tools() -> Result<PathBuf> {
    let cargo_home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = cargo_home.or_else(|| env::home_dir().map(|it| it.join(".cargo")));
    Ok(home.context("set CARGO_HOME or HOME: tools are kept there")?.join("leashd-tools"))
}
