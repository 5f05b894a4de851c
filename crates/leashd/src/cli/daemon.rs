//! The command line around the daemon: starting and ending it, looking at it, answering what it asks.

use super::{SessionArgs, Since, parse_since};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  leashd start            in the background; returns when it is ready\n  \
                        leashd start -f         with a conversation on this terminal\n\nExit status: 0 it is ready, 1 it \
                        cannot start or runs already, 2 a setting is wrong, 6 not contained, 8 the agent is missing."
)]
pub(crate) struct StartArgs {
    /// Stay in the foreground, with a conversation on this terminal
    #[arg(short, long)]
    pub(crate) foreground: bool,
    /// In the foreground without a conversation, until it is told to stop: for service managers
    #[arg(long, requires = "foreground")]
    pub(crate) headless: bool,
    /// With -f: what the conversation is started with
    #[command(flatten)]
    pub(crate) session: SessionArgs,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    /// Go on with what is written from now on, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// How many of the last lines
    #[arg(short = 'n', long, default_value_t = 50)]
    pub(crate) lines: usize,
    /// Print the lines as they are: one JSON object each
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct VersionArgs {
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ServiceArgs {
    #[command(subcommand)]
    pub(crate) command: ServiceCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ServiceCommand {
    /// Write a systemd user unit, or a launchd agent, and print what enables it
    Install {
        /// Print the file instead of writing it
        #[arg(long)]
        print: bool,
    },
    /// Remove the file again
    Uninstall,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  leashd inbox            every open ask, the oldest first\n  leashd inbox 7KQ        one of \
                        them, whole\n\nAn id may be cut short as long as only one ask begins with it."
)]
pub(crate) struct InboxArgs {
    /// Show this one whole
    pub(crate) ask: Option<String>,
    /// Those that are over too
    #[arg(long, conflicts_with = "ask")]
    pub(crate) all: bool,
    /// Print one JSON object per ask
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ApproveArgs {
    /// The ask, as `leashd inbox` shows it; its beginning is enough
    pub(crate) ask: String,
    /// Approve what is alike for the rest of the session too; the rule is shown with the ask
    #[arg(long, conflicts_with = "edit")]
    pub(crate) session: bool,
    /// A plan: let it edit files without asking
    #[arg(long)]
    pub(crate) edit: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DenyArgs {
    /// The ask, as `leashd inbox` shows it; its beginning is enough
    pub(crate) ask: String,
    /// What the agent should do instead; it is told
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  leashd answer 7KQ \"use the second database\"\n  leashd answer 7KQ --option 2\n  \
                        leashd answer 7KQ --option 1,3 --option 2     two questions, one --option each\n\nOf a plan, option 1 \
                        approves, 2 approves and lets it edit files, 3 with a text asks for changes, 4 rejects."
)]
pub(crate) struct AnswerArgs {
    /// The ask, as `leashd inbox` shows it; its beginning is enough
    pub(crate) ask: String,
    /// Number of an option, or several with commas between; once for each question
    #[arg(long, value_name = "N")]
    pub(crate) option: Vec<String>,
    /// A text of your own; once for each question
    pub(crate) text: Vec<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct GrantsArgs {
    /// Print one JSON object per grant
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<GrantsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// List what was allowed for the rest of a session
    List,
    /// Take a grant back; the next such call asks again
    Revoke {
        /// Its id; the beginning is enough
        grant: String,
    },
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  leashd events -f --names 'tool.*,approval.*'\n  leashd events --since 10m --json"
)]
pub(crate) struct EventsArgs {
    /// Go on with what happens from now on, until Ctrl-C
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only these, with commas between; `*` stands for any text
    #[arg(long, value_name = "NAMES", default_value = "")]
    pub(crate) names: String,
    /// After this number, a time (2026-01-31T08:00:00Z) or for so long (90m, 12h, 7d)
    #[arg(long, value_name = "WHEN", value_parser = parse_from)]
    pub(crate) since: Option<From>,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where a list of events begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum From {
    Number(u64),
    Time(Since),
}

fn parse_from(text: &str) -> Result<From, String> {
    match text.parse() {
        Ok(number) => Ok(From::Number(number)),
        Err(_) => parse_since(text).map(From::Time),
    }
}

#[derive(Debug, Args)]
pub(crate) struct SessionsArgs {
    /// Print one JSON object per session
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: Option<SessionsCommand>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionsCommand {
    /// List the open sessions
    List,
    /// Show one session
    Show {
        /// Its id; the beginning is enough
        session: String,
    },
    /// End the running turn; what waits comes next
    Interrupt {
        /// Its id; the beginning is enough
        session: String,
    },
    /// End what it is doing and drop what waits; the session stays
    Stop {
        /// Its id; the beginning is enough
        session: String,
    },
    /// End the session and its agent
    Close {
        /// Its id; the beginning is enough
        session: String,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CompletionArgs {
    /// The shell to complete for
    pub(crate) shell: clap_complete::Shell,
}

#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// Write a page for every command into this directory [default: leashd(1) to standard output]
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,
}
