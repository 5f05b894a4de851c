//! The command line of `leashd telegram`.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct TelegramArgs {
    #[command(subcommand)]
    pub(crate) command: TelegramCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum TelegramCommand {
    /// Connect a bot to this machine, and yourself to the bot
    #[command(
        after_help = "Examples:\n  leashd telegram connect\n  leashd telegram connect --token - < token.txt"
    )]
    Connect {
        /// The bot's token, from @BotFather; `-` reads it from standard input
        #[arg(long, value_name = "TOKEN")]
        token: Option<String>,
    },
}
