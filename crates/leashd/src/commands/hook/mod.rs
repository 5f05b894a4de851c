//! `leashd hook install|uninstall|status`: puts the hook into Claude Code's settings, takes it out again, and says what
//! weakens it.

mod agent;
mod command;
mod edit;
mod file;
mod install;
mod status;
#[cfg(test)]
mod tests;

pub(crate) use agent::AgentFound;
pub(crate) use status::{Installed, PinnedAs, Report, look};

use crate::cli::{HookArgs, HookCommand, HookPlace};
use crate::failure::{Exit, Failure};
use crate::hook::claude_directory;
use crate::settings::Settings;
use std::path::PathBuf;

pub(crate) fn run(args: &HookArgs) -> Result<Exit, Failure> {
    match &args.command {
        None => Err(Failure::usage("it needs a command, or to be run by Claude Code")
            .hint("leashd hook install, leashd hook status")),
        Some(HookCommand::Install(args)) => install::install(args),
        Some(HookCommand::Uninstall(args)) => install::uninstall(args),
        Some(HookCommand::Status(place)) => status::run(place),
    }
}

/// The settings file meant. The project's is the one that is not committed: it names paths of this machine.
fn settings_file(settings: &Settings, place: &HookPlace) -> Result<PathBuf, Failure> {
    if place.project {
        return Ok(std::env::current_dir()?.join(".claude").join("settings.local.json"));
    }
    let claude = claude_directory(settings, std::env::var_os("CLAUDE_CONFIG_DIR"));
    if claude.is_absolute() {
        return Ok(claude.join("settings.json"));
    }
    Err(Failure::usage(format!("CLAUDE_CONFIG_DIR is {}, which is not an absolute path", claude.display())))
}
