//! The shell line that runs the hook: how it is written, and how it is known again. In a file that somebody else may
//! have written only the very line this leashd writes is its own; whatever else looks like it is never run.

use crate::failure::Failure;
use crate::hook::weakness::Scope;
use leashd_sandbox::PrivateDir;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// What stands in every line that a leashd wrote, between the program and its home.
const MARK: &str = "' hook --home '";
/// What the kernel adds to the name of a program that was replaced while it runs.
const REPLACED: &str = " (deleted)";

/// The shell line. Only status 2 blocks on every version, so whatever else the program ends with becomes 2: it is
/// missing, not executable, killed.
pub(crate) fn of(program: &Path, home: &Path) -> Result<String, Failure> {
    Ok(format!("{} hook --home {} || exit 2", quoted(program)?, quoted(home)?))
}

/// A word of a shell command, quoted.
pub(crate) fn quoted(path: &Path) -> Result<String, Failure> {
    let text = path.to_str().ok_or_else(|| {
        Failure::failed(format!("{} is not UTF-8, and settings have to be", path.display()))
    })?;
    Ok(format!("'{}'", text.replace('\'', r"'\''")))
}

/// Whether a hook looks like one that `leashd hook install` wrote, of whatever leashd.
pub(crate) fn is_alike(hook: &Value) -> bool {
    command(hook).is_some_and(|command| command.starts_with('\'') && command.contains(MARK))
}

fn command(hook: &Value) -> Option<&str> {
    hook.get("command").and_then(Value::as_str)
}

/// The line this leashd writes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own(Option<String>);

impl Own {
    /// None can be told where leashd's home is missing or open to others: then nothing of others is its own.
    pub(crate) fn in_home(home: &Path) -> Self {
        let line = || of(&program()?, PrivateDir::open(home).ok()?.path()).ok();
        Self(line())
    }

    /// Whether a hook in such a file is leashd's. A person's own file may hold that of another leashd.
    pub(crate) fn is(&self, scope: Scope, hook: &Value) -> bool {
        if scope.is_foreign() {
            command(hook).is_some_and(|it| self.0.as_deref() == Some(it))
        } else {
            is_alike(hook)
        }
    }

    #[cfg(test)]
    pub(crate) fn of_line(line: &str) -> Self {
        Self(Some(line.to_owned()))
    }
}

fn program() -> Option<PathBuf> {
    let program = std::env::current_exe().ok()?;
    program.canonicalize().ok().or_else(|| Some(program.to_str()?.strip_suffix(REPLACED)?.into()))
}
