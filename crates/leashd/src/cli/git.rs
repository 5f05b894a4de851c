//! The command line of `leashd git`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  leashd git status\n  leashd git diff --dir ~/src/app\n  leashd git commit \"Fix the \
                        failing test\"\n  leashd git push origin feature"
)]
pub(crate) struct GitArgs {
    /// A directory of the working tree
    #[arg(long, value_name = "DIR", default_value = ".", global = true)]
    pub(crate) dir: PathBuf,
    #[command(subcommand)]
    pub(crate) command: GitSubcommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GitSubcommand {
    /// What is changed
    Status,
    /// The changes themselves
    Diff {
        /// Only what the next commit holds
        #[arg(long)]
        staged: bool,
    },
    /// The last commits
    Log {
        #[arg(short = 'n', long, default_value_t = 20)]
        count: u32,
    },
    /// All branches
    Branches,
    /// Go to another branch
    Checkout {
        branch: String,
        /// Begin it here
        #[arg(short = 'b', long)]
        new: bool,
    },
    /// Stage paths, or everything
    Add { paths: Vec<PathBuf> },
    /// Commit what is staged
    Commit { message: String },
    /// Merge a branch of this repository
    Merge { branch: String },
    /// Push one branch over https, never by force
    Push { remote: String, branch: String },
    /// Fetch and merge one branch over https
    Pull { remote: String, branch: String },
}
