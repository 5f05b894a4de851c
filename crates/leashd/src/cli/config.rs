//! The command line of `leashd init`, `config`, `add-dir`, `remove-dir`, `dirs` and `clean`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  leashd init\n  leashd init --yes --dir ~/src/app\n  leashd init --yes --dir . \
                        --telegram-token - --user-id 981234567 < token.txt"
)]
pub(crate) struct InitArgs {
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Directory agents may work in; may be given more than once [default: the current directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Vec<PathBuf>,
    /// Token of the Telegram bot; `-` reads it from standard input, where no list of processes shows it
    #[arg(long, value_name = "TOKEN")]
    pub(crate) telegram_token: Option<String>,
    /// Telegram user who may use the bot; may be given more than once
    #[arg(long, value_name = "ID")]
    pub(crate) user_id: Vec<u64>,
    /// Policy file or built-in name; may be given more than once
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<String>,
}

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Examples:\n  leashd config\n  leashd config --explain max_turns\n  leashd config set max_turns 200\n  \
                  leashd config set telegram.bot_token - < token.txt\n  leashd config unset max_turns"
)]
pub(crate) struct ConfigArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Print what every layer says of one setting, and which one counts
    #[arg(long, value_name = "KEY")]
    pub(crate) explain: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Option<ConfigCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Set a setting in config.yaml
    Set {
        /// As in max_turns, LEASHD_MAX_TURNS or telegram.bot_token
        key: String,
        /// The value; lists with commas or as JSON; `-` reads it from standard input
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
    /// Take a setting out of config.yaml
    Unset {
        /// As in max_turns, LEASHD_MAX_TURNS or telegram.bot_token
        key: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct DirArgs {
    /// The directory
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct DirsArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct CleanArgs {
    /// Ask nothing
    #[arg(short, long)]
    pub(crate) yes: bool,
    /// Remove the audit log too: what agents did can then not be told any more
    #[arg(long)]
    pub(crate) audit: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}
