//! The command line of `leashd ws`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct WsArgs {
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<WsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum WsCommand {
    /// Add directories to a workspace, which is made if there is none; they are approved
    Add {
        name: String,
        /// Must exist
        #[arg(required = true, value_name = "DIR")]
        dirs: Vec<PathBuf>,
        /// What the workspace is; the agent is told
        #[arg(long = "desc", alias = "description", value_name = "TEXT")]
        description: Option<String>,
    },
    /// List all workspaces
    List,
    /// Show one workspace
    Show { name: String },
    /// Remove directories from a workspace; without any, the workspace
    Remove {
        name: String,
        #[arg(value_name = "DIR")]
        dirs: Vec<PathBuf>,
    },
}
