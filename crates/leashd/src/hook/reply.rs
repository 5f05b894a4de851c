//! What Claude Code is told, in the form it reads: JSON on standard output and status 0, or one line on standard error
//! and status 2, which blocks whatever the version.

use crate::failure::Failure;
use leashd_types::visible;
use rustix::fs::{FileType, fstat};
use serde_json::{Value, json};
use std::io::Write;
use std::process::ExitCode;

/// The one exit status on which every version of Claude Code blocks.
pub(super) const BLOCK: u8 = 2;
/// Characters of the one line.
const LINE: usize = 1_000;
/// Bytes that every pipe takes without a reader.
const PIPE_SMALLEST: usize = 4096;
/// Character device 1:3 on Linux.
#[cfg(target_os = "linux")]
const DEV_NULL: (u32, u32) = (1, 3);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// For standard output. Empty: nothing to say.
    Answer(String),
    /// For standard error.
    Block(String),
}

/// The three answers to a call that has not run.
#[derive(Clone, Copy, Debug)]
pub(super) enum Permission {
    Allow,
    Ask,
    Deny,
}

impl Reply {
    /// Before a tool. `input` is what may run, the whole of it.
    pub(super) fn before(permission: Permission, reason: &str, input: Option<Value>) -> Self {
        let word = match permission {
            Permission::Allow => "allow",
            Permission::Ask => "ask",
            Permission::Deny => "deny",
        };
        let mut output = json!({
            "hookEventName": "PreToolUse",
            "permissionDecision": word,
            // Names of files and words of a project's policy are in it.
            "permissionDecisionReason": visible(reason),
        });
        if let (Some(input), Some(output)) = (input, output.as_object_mut()) {
            output.insert("updatedInput".to_owned(), input);
        }
        Self::Answer(json!({ "hookSpecificOutput": output }).to_string())
    }

    /// After a tool that should not have run: the session stops.
    pub(super) fn stop(reason: &str) -> Self {
        let line = line(reason);
        Self::Answer(
            json!({ "continue": false, "stopReason": line, "decision": "block", "reason": line }).to_string(),
        )
    }

    /// A word to the person; nothing is decided.
    pub(super) fn tell(message: &str) -> Self {
        Self::Answer(json!({ "systemMessage": visible(message) }).to_string())
    }

    pub(super) const fn nothing() -> Self {
        Self::Answer(String::new())
    }

    pub(super) fn failed(failure: &Failure) -> Self {
        let hint = failure.hint.as_deref().map(|hint| format!("; {hint}")).unwrap_or_default();
        Self::Block(line(&format!("leashd hook: {}{hint}", failure.message)))
    }

    /// Says it. An answer that cannot be said is a block.
    pub(super) fn deliver(&self) -> ExitCode {
        match self {
            Self::Answer(text) => match say(text) {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => block(&format!("leashd hook: cannot answer on standard output: {error}")),
            },
            Self::Block(text) => block(text),
        }
    }
}

fn say(text: &str) -> std::io::Result<()> {
    if text.is_empty() {
        return Ok(());
    }
    if text.len() > PIPE_SMALLEST {
        super::watchdog::start();
    }
    let mut output = std::io::stdout().lock();
    if is_nowhere(&output) {
        return Err(std::io::Error::other("it leads nowhere"));
    }
    output.write_all(text.as_bytes())?;
    output.write_all(b"\n")?;
    output.flush()
}

/// A closed standard output is opened on the null device when a program starts. An answer there is heard by nobody.
fn is_nowhere(output: &impl std::os::fd::AsFd) -> bool {
    let Ok(stat) = fstat(output) else { return true };
    #[cfg(target_os = "linux")]
    let null = (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev)) == DEV_NULL;
    #[cfg(not(target_os = "linux"))]
    let null = std::fs::metadata("/dev/null").is_ok_and(|known| {
        i64::try_from(std::os::unix::fs::MetadataExt::rdev(&known)).ok() == Some(i64::from(stat.st_rdev))
    });
    FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice && null
}

fn block(text: &str) -> ExitCode {
    // Nobody may be listening; the exit status says it all.
    drop(writeln!(std::io::stderr(), "{}", line(text)));
    ExitCode::from(BLOCK)
}

/// One line, nothing hidden in it.
fn line(text: &str) -> String {
    visible(&text.replace(['\n', '\r'], " ")).chars().take(LINE).collect()
}
