//! Why an agent could not be started. Knows nothing of what happens afterwards: that is an event.

use std::path::PathBuf;
use std::time::Duration;

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "`{name}` is not on PATH; install Claude Code with `npm install -g @anthropic-ai/claude-code` or name its program in the settings"
    )]
    Missing { name: String },
    #[error("{} is Claude Code {found}, older than {minimum}; update it with `claude update`", program.display())]
    TooOld { program: PathBuf, found: String, minimum: String },
    #[error("{} did not tell its version ({reason}); is it Claude Code?", program.display())]
    NoVersion { program: PathBuf, reason: String },
    #[error("cannot start {}: {reason}", program.display())]
    Spawn { program: PathBuf, reason: String },
    #[error("cannot prepare {}: {reason}", path.display())]
    Prepare { path: PathBuf, reason: String },
    #[error("the agent said nothing for {} s after its start; it was stopped{}", after.as_secs(), tail(stderr))]
    Silent { after: Duration, stderr: String },
    #[error("the agent left before it answered ({status}){}", tail(stderr))]
    Left { status: String, stderr: String },
    #[error("the agent refused to start: {reason}")]
    Refused { reason: String },
    #[error("the agent is not gated: {reason}; nothing was run")]
    NotGated { reason: String },
}

fn tail(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") }
}
