//! Finds Claude Code and asks for its version. Knows nothing of what a version can do.

use crate::StartError;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// The oldest version on which the whole launch recipe holds. 2.1.197 gates every tool call as well, but expands
/// `@/any/file` in a prompt and imports files from outside the project into CLAUDE.md without asking.
pub const MINIMUM: Version = Version { major: 2, minor: 1, patch: 330 };

/// `--version` needs 0.1 s.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    pub major: u32,
    pub minor: u32,
    pub patch: u32,
}

impl Version {
    /// Reads what `claude --version` prints: `2.1.330 (Claude Code)`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.split_whitespace().next()?;
        let mut parts = number.splitn(3, '.').map(|part| part.parse().ok());
        Some(Self { major: parts.next()??, minor: parts.next()??, patch: parts.next()?? })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The program called `name`: itself if it is a path, else the first executable file of that name in the absolute
/// directories of `path` (the value of PATH).
pub(crate) fn find(name: &OsStr, path: &OsStr) -> Result<PathBuf, StartError> {
    let missing = || StartError::Missing { name: name.to_string_lossy().into_owned() };
    if Path::new(name).components().count() > 1 {
        let program = PathBuf::from(name);
        return if program.is_absolute() && is_executable(&program) { Ok(program) } else { Err(missing()) };
    }
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|program| is_executable(program))
        .ok_or_else(missing)
}

fn is_executable(program: &Path) -> bool {
    program.is_file() && rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok()
}

/// Runs `program --version` without any environment.
pub(crate) async fn ask(program: &Path) -> Result<Version, StartError> {
    let unclear = |reason: String| StartError::NoVersion { program: program.to_owned(), reason };
    let mut command = Command::new(program);
    command.arg("--version").env_clear().kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = match tokio::time::timeout(PATIENCE, command.output()).await {
        Ok(Ok(output)) => output,
        Ok(Err(error)) => return Err(unclear(error.to_string())),
        Err(_) => return Err(unclear(format!("no answer within {} s", PATIENCE.as_secs()))),
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let found = Version::parse(&text).ok_or_else(|| unclear(super::frame::shortened(text.trim(), 100)))?;
    if found < MINIMUM {
        let (found, minimum) = (found.to_string(), MINIMUM.to_string());
        return Err(StartError::TooOld { program: program.to_owned(), found, minimum });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::Version;

    #[test]
    fn versions_are_read_and_ordered_as_numbers() {
        let version = Version::parse("2.1.330 (Claude Code)\n").unwrap();
        assert_eq!(version.to_string(), "2.1.330");
        assert!(version > Version::parse("2.1.99").unwrap());
        assert_eq!(Version::parse("Claude Code 2.1"), None);
        assert_eq!(Version::parse(""), None);
    }
}
