//! The command line: names, flags and help. Examples first, because that is what people look for.

mod autonomous;
mod config;
mod daemon;
mod git;
mod hook;
mod sandbox;
mod telegram;
mod workspace;

pub(crate) use autonomous::*;
pub(crate) use config::*;
pub(crate) use daemon::*;
pub(crate) use git::*;
pub(crate) use hook::*;
pub(crate) use sandbox::*;
pub(crate) use telegram::*;
pub(crate) use workspace::*;

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Parser)]
#[command(
    name = "leashd",
    version,
    about = "Runs a coding agent so that every tool call passes a gate before it happens",
    after_help = "Examples:\n  leashd demo\n  leashd start\n  leashd exec --dir ~/src/app \"fix the failing test\"\n  \
                  leashd inbox\n  leashd audit verify",
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    /// Without one, the sensible next step is said.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set leashd up: approved directories, and Telegram if you want it
    Init(InitArgs),
    /// Show the settings and where each comes from; set and unset them
    Config(ConfigArgs),
    /// Let agents work in a directory
    AddDir(DirArgs),
    /// Let agents work in a directory no longer
    RemoveDir(DirArgs),
    /// List the directories agents may work in
    Dirs(DirsArgs),
    /// What goes on without you: show it, set it up, switch it on and off
    Autonomous(AutonomousArgs),
    /// Group repositories into workspaces
    Ws(WsArgs),
    /// Reach this machine from Telegram
    Telegram(TelegramArgs),
    /// Remove logs and sessions
    Clean(CleanArgs),
    /// Show the gate at work on a scripted agent; no account, no network
    Demo(DemoArgs),
    /// Run one prompt and print the answer
    Exec(ExecArgs),
    /// Start leashd in the background, or with a conversation on this terminal
    Start(StartArgs),
    /// End the leashd in the background; turns that run may end, what is asked stays
    Stop,
    /// Stop and start again
    Restart,
    /// Read settings and policies again; broken ones change nothing
    Reload,
    /// Show what runs: sessions, asks, cost; exit status 8 if nothing does
    Status(StatusArgs),
    /// Show the open asks, the oldest first
    Inbox(InboxArgs),
    /// Approve what is asked
    Approve(ApproveArgs),
    /// Deny what is asked
    Deny(DenyArgs),
    /// Answer a question or a plan
    Answer(AnswerArgs),
    /// What was allowed for the rest of a session: list it, take it back
    Grants(GrantsArgs),
    /// The open sessions: list, interrupt, stop, close them
    Sessions(SessionsArgs),
    /// Show what happened, and with -f what happens
    Events(EventsArgs),
    /// Show leashd's own log
    Logs(LogsArgs),
    /// Start leashd with the system: install and remove the service file
    Service(ServiceArgs),
    /// Ask the judge what it would say about a command, and why
    Policy(PolicyArgs),
    /// Read and check the audit log
    Audit(AuditArgs),
    /// Trust a project's .mcp.json, so that its servers may be started
    Trust(TrustArgs),
    /// Run a command behind the walls of a shell command, show them, prove them
    Sandbox(SandboxArgs),
    /// Use git in a repository that an agent can write to: nothing of the repository runs, and nothing leaves it
    Git(GitArgs),
    /// Judge the calls of your own Claude Code sessions too
    Hook(HookArgs),
    /// Look at everything leashd relies on and say what to mend; exit status 1 if something fails
    Doctor(DoctorArgs),
    /// Print the version, and that of the leashd that runs
    Version(VersionArgs),
    /// Print what makes a shell complete leashd's commands
    Completion(CompletionArgs),
    /// Print the manual page
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// What plays the script: the built-in agent, or the installed Claude Code against a built-in API
    #[arg(long, value_enum, default_value_t = DemoAgent::Scripted)]
    pub(crate) agent: DemoAgent,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum DemoAgent {
    Scripted,
    Claude,
}

/// What a session is started with.
#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    /// Directory the agent works in [default: the workspace's first, that of the session that is resumed, or this one]
    #[arg(long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// Workspace the agent works in: all of its directories
    #[arg(long, value_name = "NAME")]
    pub(crate) workspace: Option<String>,
    /// Policy file or built-in name; may be given more than once [default: default, dev-tools]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<String>,
    /// Model the agent uses
    #[arg(long)]
    pub(crate) model: Option<String>,
    /// Go on with an earlier session
    #[arg(long, value_name = "SESSION")]
    pub(crate) resume: Option<String>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit status: 0 done, 1 failed, 2 usage, 4 the turn ended on a denial, 5 nobody answered in \
                        time, 6 not contained, 7 budget used up, 8 agent missing or refused, 75 try again later, 130 interrupted."
)]
pub(crate) struct ExecArgs {
    #[command(flatten)]
    pub(crate) session: SessionArgs,
    /// Print one JSON object per event
    #[arg(long)]
    pub(crate) json: bool,
    /// Run the agent in this process even if a leashd runs in the background
    #[arg(long)]
    pub(crate) no_daemon: bool,
    /// Let questions wait for `leashd inbox` where no key can be pressed here, instead of denying them
    #[arg(long, conflicts_with = "no_daemon")]
    pub(crate) inbox: bool,
    /// What the agent should do; `-` reads it from standard input
    pub(crate) prompt: String,
}

#[derive(Debug, Args)]
pub(crate) struct PolicyArgs {
    #[command(subcommand)]
    pub(crate) command: PolicyCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Print the verdict on a shell command; exit status 0 allow, 3 ask, 4 deny
    Check(CheckArgs),
    /// Print the verdict with every command, effect and rule behind it
    Explain(ExplainArgs),
    /// Run the examples of the rules, or the cases of a file; exit status 1 if one fails
    Test(TestArgs),
    /// Find rules that never decide and rules that decide everything; exit status 1 if there are any
    Lint(LintArgs),
    /// Print the rules in force in the order of judgement, and where each comes from
    Show(ShowArgs),
    /// Compare two policies call by call; exit status 1 if the second allows more
    #[command(
        after_help = "Examples:\n  leashd policy diff default strict\n  leashd policy diff default,dev-tools \
                            mine.yaml --corpus cases.jsonl"
    )]
    Diff(DiffArgs),
    /// Judge what the audit log holds again, under another policy; exit status 1 if that allows more
    Simulate(SimulateArgs),
    /// Translate the rules of another program
    Import(ImportArgs),
}

/// Where a judgement is made.
#[derive(Debug, Args)]
pub(crate) struct PlaceArgs {
    /// Directory the command would run in
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Judge as if the kernel were proven to hold the boundary
    #[arg(long)]
    pub(crate) contained: bool,
}

/// What a judgement rests on.
#[derive(Debug, Args)]
pub(crate) struct JudgeArgs {
    /// Policy file or built-in name; may be given more than once [default: default, dev-tools]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
}

#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Read tool calls from standard input, one JSON object a line: {"tool":"Bash","input":{"command":"…"},"cwd":"…"}
    #[arg(long, conflicts_with = "command")]
    pub(crate) stdin: bool,
    /// The shell command
    #[arg(required_unless_present = "stdin")]
    pub(crate) command: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// The shell command
    pub(crate) command: String,
}

#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    #[command(flatten)]
    pub(crate) judge: JudgeArgs,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Cases, one JSON object a line: {"command":"…","expect":"allow|ask|deny|not-allow"}, or "tool" and "input"
    #[arg(value_name = "FILE")]
    pub(crate) cases: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct LintArgs {
    /// Policy file or built-in name; may be given more than once [default: default, dev-tools]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<String>,
    /// Directory whose project file counts too
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Print how many programs the effects table knows
    #[arg(long)]
    pub(crate) coverage: bool,
    /// With --coverage: cases whose lines labelled `allow` should use known programs only
    #[arg(long, value_name = "FILE", requires = "coverage")]
    pub(crate) corpus: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// Policy file or built-in name; may be given more than once [default: default, dev-tools]
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Vec<String>,
    /// Directory whose project file counts too
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// Policy file or built-in name, or several with commas between
    pub(crate) before: String,
    /// The same
    pub(crate) after: String,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Calls to judge, one JSON object a line [default: the examples of the rules of both]
    #[arg(long, value_name = "FILE")]
    pub(crate) corpus: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SimulateArgs {
    /// The policy to try: a file or built-in name; may be given more than once
    #[arg(long, value_name = "FILE", required = true)]
    pub(crate) policy: Vec<String>,
    #[command(flatten)]
    pub(crate) place: PlaceArgs,
    /// Only calls since a time (2026-01-31T08:00:00Z) or for so long (90m, 12h, 30d)
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub(crate) since: Option<Since>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ImportArgs {
    #[command(subcommand)]
    pub(crate) from: ImportFrom,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ImportFrom {
    /// The permission rules of a Claude Code settings file
    ClaudeSettings {
        /// settings.json
        file: PathBuf,
        /// Write the policy here; an existing file is not overwritten [default: standard output]
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AuditArgs {
    /// The log to read [default: LEASHD_AUDIT_LOG_PATH, else audit.jsonl in leashd's home]
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) file: Option<PathBuf>,
    /// Print JSON
    #[arg(long, global = true)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) command: AuditCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check the chain from the first entry to the last; exit status 1 names the first bad one
    Verify,
    /// Print the last entries
    Tail {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        lines: usize,
    },
    /// Find entries; every given condition must hold
    Search(SearchArgs),
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Entries that name this file, or something below this directory
    #[arg(long)]
    pub(crate) path: Option<PathBuf>,
    /// Part of a rule's name
    #[arg(long)]
    pub(crate) rule: Option<String>,
    /// allow, ask or deny
    #[arg(long, value_parser = parse_decision)]
    pub(crate) decision: Option<leashd_types::Decision>,
    #[arg(long)]
    pub(crate) session: Option<String>,
    #[arg(long)]
    pub(crate) tool: Option<String>,
    #[arg(long)]
    pub(crate) event: Option<String>,
    /// A time (2026-01-31T08:00:00Z) or how long ago (90m, 12h, 7d)
    #[arg(long, value_name = "WHEN", value_parser = parse_since)]
    pub(crate) since: Option<Since>,
    /// Text anywhere in the entry
    pub(crate) text: Option<String>,
}

/// A moment, or a duration before now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Since {
    Moment(leashd_types::Timestamp),
    Ago(std::time::Duration),
}

impl Since {
    /// The moment meant, seen from `now`.
    pub(crate) fn before(self, now: leashd_types::Timestamp) -> leashd_types::Timestamp {
        match self {
            Since::Moment(moment) => moment,
            Since::Ago(duration) => {
                let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
                leashd_types::Timestamp::from_micros(now.as_micros().saturating_sub(micros))
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct TrustArgs {
    /// The project directory, or its .mcp.json
    #[arg(default_value = ".")]
    pub(crate) path: PathBuf,
    /// Show what is trusted
    #[arg(long, conflicts_with = "revoke")]
    pub(crate) list: bool,
    /// Trust it no longer
    #[arg(long)]
    pub(crate) revoke: bool,
}

fn parse_decision(text: &str) -> Result<leashd_types::Decision, String> {
    match text {
        "allow" => Ok(leashd_types::Decision::Allow),
        "ask" => Ok(leashd_types::Decision::Ask),
        "deny" => Ok(leashd_types::Decision::Deny),
        _ => Err("expected allow, ask or deny".to_owned()),
    }
}

fn parse_since(text: &str) -> Result<Since, String> {
    if let Some(moment) = leashd_types::Timestamp::parse(text) {
        return Ok(Since::Moment(moment));
    }
    let error = || "expected a time as in 2026-01-31T08:00:00Z, or 90m, 12h, 7d".to_owned();
    let unit = text.chars().last().ok_or_else(error)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 86_400,
        _ => return Err(error()),
    };
    let count: u64 = text.trim_end_matches(unit).parse().map_err(|_| error())?;
    Ok(Since::Ago(std::time::Duration::from_secs(count.saturating_mul(seconds))))
}

#[cfg(test)]
mod tests {
    use super::{Cli, Since, parse_since};
    use clap::CommandFactory;
    use std::time::Duration;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn since_is_a_time_or_a_duration() {
        assert_eq!(parse_since("2h"), Ok(Since::Ago(Duration::from_secs(7200))));
        assert!(matches!(parse_since("2026-01-31T08:00:00Z"), Ok(Since::Moment(_))));
        for wrong in ["", "h", "2 weeks", "yesterday"] {
            assert!(parse_since(wrong).is_err(), "{wrong}");
        }
    }
}
