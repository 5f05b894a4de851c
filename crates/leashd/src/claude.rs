//! Finds Claude Code and what it may be given.

use crate::boot::Plan;
use crate::cli::SessionArgs;
use crate::directories;
use crate::failure::{Exit, Failure};
use crate::policies;
use leashd_agents::claude::{ClaudeCode, allowed_environment};
use leashd_connectors::terminal::Keys;
use std::ffi::{OsStr, OsString};
use std::path::Path;
use std::sync::Arc;

/// This binary, whose `main` becomes a supervisor when asked.
pub(crate) const SUPERVISOR: &str = "/proc/self/exe";

/// A session's plan with the installed Claude Code, and that agent.
pub(crate) async fn plan(
    args: &SessionArgs,
    directory: &Path,
    keys: Keys,
) -> Result<(Plan, ClaudeCode), Failure> {
    let environment = allowed_environment(std::env::vars_os(), &[]);
    let agent = find(&environment).await?;
    let plan = Plan {
        agent: Arc::new(agent.clone()),
        program: Some(agent.program().to_owned()),
        directory: directories::real_directory(directory)?,
        workspace: args.workspace.clone(),
        policy: args.policy.iter().map(|name| policies::meant(name)).collect(),
        model: args.model.clone(),
        resume: args.resume.clone(),
        keys,
        environment,
        config_directory: std::env::var_os("CLAUDE_CONFIG_DIR").map(Into::into),
    };
    Ok((plan, agent))
}

/// The installed Claude Code, if it is there and new enough.
pub(crate) async fn find(environment: &[(OsString, OsString)]) -> Result<ClaudeCode, Failure> {
    let path = environment
        .iter()
        .find(|(name, _)| name == "PATH")
        .map(|(_, value)| value.clone())
        .unwrap_or_default();
    ClaudeCode::find(OsStr::new("claude"), &path, Path::new(SUPERVISOR))
        .await
        .map_err(|error| Failure::new(Exit::Agent, error))
}
