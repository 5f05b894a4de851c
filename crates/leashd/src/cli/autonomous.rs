//! The command line of `leashd autonomous`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct AutonomousArgs {
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<AutonomousCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AutonomousCommand {
    /// Show what goes on without you
    Show,
    /// Choose what goes on without you, and switch it on
    Setup(AutonomousSetup),
    /// Switch it on as it was set up, else with the defaults
    Enable,
    /// Switch it off; what was set up stays
    Disable,
}

#[derive(Debug, Args)]
pub(crate) struct AutonomousSetup {
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Policy file or built-in name [default: autonomous]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<String>,
    /// A model answers approvals [default: true]
    #[arg(long, value_name = "BOOL")]
    pub(crate) auto_approver: Option<bool>,
    /// A model reviews plans [default: true]
    #[arg(long, value_name = "BOOL")]
    pub(crate) auto_plan: Option<bool>,
    /// After an edit the tests run and failures are retried [default: true]
    #[arg(long = "loop", value_name = "BOOL")]
    pub(crate) autonomous_loop: Option<bool>,
    /// A finished task opens a pull request [default: false]
    #[arg(long, value_name = "BOOL")]
    pub(crate) auto_pr: Option<bool>,
    /// Branch such a pull request is for [default: main]
    #[arg(long, value_name = "BRANCH")]
    pub(crate) base_branch: Option<String>,
    /// Retries of a task whose tests fail [default: 3]
    #[arg(long, value_name = "N")]
    pub(crate) max_retries: Option<u32>,
}
