//! The project the corpora are written for, as real files: a git repository with ordinary tracked files, things git does
//! not know, a credential file, and symlinks that leave it.

use crate::steps::succeed;
use anyhow::{Context, Result};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the corpora call the home directory.
const HOME: &str = "/home/dev";

const TRACKED: [(&str, &str); 12] = [
    ("README.md", "# A project\n"),
    ("src/main.rs", "fn main() {}\n"),
    ("src/lib.rs", "\n"),
    ("scripts/build.sh", "#!/bin/sh\nset -e\ncargo build\n"),
    ("scripts/test.sh", "#!/bin/sh\nset -e\ncargo test\n"),
    ("scripts/tool.py", "print('hello')\n"),
    ("package.json", "{\"name\": \"proj\", \"scripts\": {\"test\": \"true\"}}\n"),
    ("Cargo.toml", "[package]\nname = \"proj\"\nversion = \"0.1.0\"\n"),
    ("Makefile", "test:\n\ttrue\n"),
    ("gradlew", "#!/bin/sh\nexit 0\n"),
    ("tests/basic.rs", "\n"),
    (".gitignore", "target/\nnode_modules/\n.env\n*.log\n"),
];

const UNTRACKED: [&str; 9] = [
    "target/debug/app",
    "target/release/app",
    "node_modules/left-pad/index.js",
    "canary/file",
    "coverage/index.html",
    "dist/app.js",
    "build/out",
    "app.log",
    ".env",
];

pub(super) struct Fixture {
    home: PathBuf,
}

impl Fixture {
    /// Lays it out anew below `place`.
    pub(super) fn lay_out(place: &Path) -> Result<Self> {
        if place.exists() {
            fs::remove_dir_all(place).with_context(|| format!("cannot remove {}", place.display()))?;
        }
        fs::create_dir_all(place)?;
        let home = place.canonicalize()?.join("home/dev");
        let fixture = Self { home };
        for (name, text) in TRACKED {
            write(&fixture.project().join(name), text)?;
        }
        fixture.commit()?;
        for name in UNTRACKED {
            write(&fixture.project().join(name), "x\n")?;
        }
        for name in [".ssh/id_rsa", ".ssh/config", ".netrc", ".aws/credentials", "work/important.db"] {
            write(&fixture.home.join(name), "x\n")?;
        }
        symlink("/etc", fixture.project().join("etclink"))?;
        symlink(fixture.home.join(".ssh"), fixture.project().join("keys"))?;
        symlink(fixture.home.join(".netrc"), fixture.project().join(".netrc"))?;
        Ok(fixture)
    }

    pub(super) fn home(&self) -> &Path {
        &self.home
    }

    pub(super) fn project(&self) -> PathBuf {
        self.home.join("proj")
    }

    /// The request with the corpus's home replaced by this one.
    pub(super) fn place(&self, request: &Value) -> String {
        request.to_string().replace(HOME, &self.home.display().to_string())
    }

    fn commit(&self) -> Result<()> {
        for arguments in [
            vec!["init", "--quiet", "--initial-branch=main"],
            vec!["add", "--all"],
            vec!["commit", "--quiet", "--message=first"],
        ] {
            let mut git = Command::new("git");
            git.current_dir(self.project())
                .env("HOME", &self.home)
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .args([
                    "-c",
                    "user.name=dev",
                    "-c",
                    "user.email=dev@example.com",
                    "-c",
                    "core.autocrlf=false",
                ])
                .args(arguments);
            succeed(&mut git)?;
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
