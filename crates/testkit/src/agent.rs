//! Finds the pinned Claude Code or installs it from npm, once per machine. Knows nothing of how it is run.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

const PACKAGE: &str = "@anthropic-ai/claude-code-linux-x64";

/// The pinned version: the content of `crates/testkit/claude-version`.
#[must_use]
pub fn claude_version() -> &'static str {
    include_str!("../claude-version").trim()
}

/// The program under test: `LEASHD_TEST_CLAUDE`, else the pinned version from `LEASHD_TEST_CACHE` or `target/agents`.
///
/// # Panics
/// If it is not there and npm cannot install it.
#[must_use]
pub fn claude_program() -> PathBuf {
    if let Some(program) = std::env::var_os("LEASHD_TEST_CLAUDE") {
        return PathBuf::from(program);
    }
    let cache = std::env::var_os("LEASHD_TEST_CACHE").map_or_else(default_cache, PathBuf::from);
    fs::create_dir_all(&cache).unwrap();
    let home = cache.join(claude_version());
    let program = home.join("node_modules").join(PACKAGE).join("claude");
    if !program.is_file() {
        // Tests of several processes start at the same time.
        let lock = File::create(cache.join("lock")).unwrap();
        lock.lock().unwrap();
        if !program.is_file() {
            install(&cache, &home);
        }
    }
    program
}

/// `target/agents` of the workspace.
fn default_cache() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    target.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target")).join("agents")
}

/// The platform's package alone: the program in it needs no Node.js. It appears under its name when it is complete.
fn install(cache: &Path, home: &Path) {
    let half = cache.join(format!("{}.half", claude_version()));
    if half.exists() {
        fs::remove_dir_all(&half).unwrap();
    }
    fs::create_dir_all(&half).unwrap();
    let package = format!("{PACKAGE}@{}", claude_version());
    let output = Command::new("npm")
        .args(["install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock", "--prefix"])
        .arg(&half)
        .arg(&package)
        .output()
        .expect("npm has to be installed to fetch the agent under test");
    assert!(
        output.status.success(),
        "npm could not install {package}; put it into {} by hand:\n{}",
        home.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    fs::rename(&half, home).unwrap();
}
