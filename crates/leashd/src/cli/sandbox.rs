//! The command line of `leashd sandbox`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    #[command(subcommand)]
    pub(crate) command: SandboxCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SandboxCommand {
    /// Run a command that can write the directory and nothing else, without network
    #[command(
        after_help = "Examples:\n  leashd sandbox exec -- cargo test\n  leashd sandbox exec --dir ~/src/app --net -- npm \
                            install\n\nExit status: that of the command, 128 plus the signal that ended it, 126 or \
                            127 if it cannot be run, 6 if the walls cannot be put up: nothing was run then."
    )]
    Exec(SandboxExecArgs),
    /// Print what a command could read, write and reach, and what holds it
    Show(SandboxShowArgs),
    /// Try to break out of the walls; exit status 6 if anything is possible that must not be
    Prove(SandboxProveArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SandboxProveArgs {
    /// Exactly these walls [default: the best that can be had]
    #[arg(long, value_enum)]
    pub(crate) level: Option<SandboxLevel>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep and record nothing: whoever starts the session does
    #[arg(long, hide = true)]
    pub(crate) for_session: bool,
}

/// Where a command is contained.
#[derive(Debug, Args)]
pub(crate) struct SandboxPlaceArgs {
    /// Directory that may be written; the command starts in it
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Let it use the network
    #[arg(long)]
    pub(crate) net: bool,
    /// Another directory it may read; may be given more than once
    #[arg(long, value_name = "DIR")]
    pub(crate) read: Vec<PathBuf>,
    /// Another directory it may write; may be given more than once
    #[arg(long, value_name = "DIR")]
    pub(crate) write: Vec<PathBuf>,
    /// Exactly these walls, or nothing [default: the best that can be had]
    #[arg(long, value_enum)]
    pub(crate) level: Option<SandboxLevel>,
    /// Caches of toolchains: kept apart for the directory, your own, or your own unchanged [default: as the settings say]
    #[arg(long, value_enum)]
    pub(crate) caches: Option<SandboxCaches>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SandboxLevel {
    Landlock,
    Namespaces,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum SandboxCaches {
    Private,
    Shared,
    ReadOnly,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxExecArgs {
    #[command(flatten)]
    pub(crate) place: SandboxPlaceArgs,
    /// A variable to pass on, besides PATH, HOME, TERM and the language; may be given more than once
    #[arg(long, value_name = "NAME")]
    pub(crate) env: Vec<String>,
    /// Say which walls are up and where they are weaker
    #[arg(short, long)]
    pub(crate) verbose: bool,
    /// The command and its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub(crate) command: Vec<std::ffi::OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct SandboxShowArgs {
    #[command(flatten)]
    pub(crate) place: SandboxPlaceArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
