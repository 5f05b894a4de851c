//! What the policy would say in a directory, for people who ask. Nothing runs, nothing is recorded, nobody is asked.

use crate::directories;
use crate::failure::Failure;
use crate::policies;
use crate::settings::Settings;
use leashd_types::{AgentKind, CallId, SessionId, ToolCall, Verdict};
use serde_json::{Value, json};
use std::path::Path;

/// What the policy says to a shell line of a session in this directory. Nothing runs and nothing is recorded.
pub(crate) fn of_line(settings: &Settings, directory: &Path, line: &str) -> Result<Verdict, Failure> {
    of_call(settings, directory, "Bash", json!({ "command": line }))
}

/// The same of any call.
pub(crate) fn of_call(
    settings: &Settings,
    directory: &Path,
    tool: &str,
    input: Value,
) -> Result<Verdict, Failure> {
    let approved = directories::approved(settings, directory)?;
    let rules = policies::load(settings, &[], directory)?;
    let facts = directories::facts(settings, directory, &approved)?;
    let call = ToolCall {
        agent: AgentKind::Claude,
        session: SessionId::new("looking"),
        tool: tool.to_owned(),
        input,
        cwd: directory.to_owned(),
        id: CallId::new("looking"),
        subagent: None,
    };
    Ok(leashd_gate::judge(&call, &rules, &facts))
}
