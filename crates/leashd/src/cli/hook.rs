//! The command line of `leashd hook` and `leashd doctor`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  leashd hook install\n  leashd hook status\n\nWithout a command it is the hook itself: it \
                  reads an event on standard input and answers. Whatever goes wrong is exit status 2, which blocks."
)]
pub(crate) struct HookArgs {
    /// Where leashd's own files are; the installed hook names it, and judges with what was installed there
    #[arg(long, value_name = "DIR")]
    pub(crate) home: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Option<HookCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HookCommand {
    /// Put the hook into Claude Code's settings, with the LEASHD_ settings of this shell
    Install(HookEdit),
    /// Take it out again
    Uninstall(HookEdit),
    /// Say whether it is installed and works, and which settings weaken it; exit status 1 if something has to be done
    Status(HookPlace),
}

/// Which settings are meant.
#[derive(Debug, Args)]
pub(crate) struct HookPlace {
    /// Your sessions in this project: .claude/settings.local.json, which is not committed
    #[arg(long, conflicts_with = "user")]
    pub(crate) project: bool,
    /// All your sessions: ~/.claude/settings.json [default]
    #[arg(long)]
    pub(crate) user: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HookEdit {
    #[command(flatten)]
    pub(crate) place: HookPlace,
    /// Write without asking
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
