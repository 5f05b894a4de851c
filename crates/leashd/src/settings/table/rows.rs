//! The rows themselves: first those of the Python leashd in its order, then ours.

use super::{Row, Secrecy, Tighter};
use crate::settings::value::{Choices, Kind};

const YEAR: u64 = 31_536_000;

static STORAGE: Choices = Choices { names: &["sqlite", "memory"], aliases: &[] };
static LEVELS: Choices =
    Choices { names: &["DEBUG", "INFO", "WARNING", "ERROR"], aliases: &[("WARN", "WARNING")] };
static MODES: Choices = Choices { names: &["default", "plan", "auto"], aliases: &[("edit", "auto")] };
static SANDBOX: Choices = Choices { names: &["auto", "required", "off"], aliases: &[] };
static CACHES: Choices = Choices { names: &["private", "shared", "read-only"], aliases: &[] };
static PRIVACY: Choices = Choices { names: &["full", "summary", "private"], aliases: &[] };

const BELOW_HOME: &str =
    "a relative path is below `LEASHD_HOME`, not in the project: state the agent can write is no state";

/// Every setting.
pub(crate) static ROWS: &[Row] = &[
    Row::new(
        "LEASHD_APPROVED_DIRECTORIES",
        Kind::Directories,
        "",
        "Directories the agent may work in; each must exist. The directories of workspaces are added.",
    )
    .unset("the session's directory")
    .person()
    .deviates("not required: without it a session may work in the directory it is started in, and nowhere else"),
    Row::new("LEASHD_TELEGRAM_BOT_TOKEN", Kind::Text, "", "Token of the Telegram bot, from @BotFather.")
        .unset("no Telegram")
        .person()
        .secrecy(Secrecy::Secret)
        .also(&["telegram.bot_token"]),
    Row::new(
        "LEASHD_ALLOWED_USER_IDS",
        Kind::Users,
        "",
        "Telegram users who may use the bot, by number; `*` is anybody.",
    )
    .unset("nobody until paired")
    .person()
    .also(&["telegram.allowed_user_ids"])
    .deviates("empty is nobody, not anybody: whoever finds the bot must not command it; anybody is `*`"),
    Row::new("LEASHD_MAX_TURNS", Kind::Number { least: 1, most: 1_000_000 }, "150", "Model calls per request.")
        .project(Tighter::Lower),
    Row::new("LEASHD_SYSTEM_PROMPT", Kind::Text, "", "Added to the agent's own system prompt.").unset("nothing"),
    Row::new(
        "LEASHD_POLICY_FILES",
        Kind::Texts,
        "",
        "Policy files or built-in names, in order ([policies.md](policies.md)).",
    )
    .unset("default, dev-tools")
    .person()
    .also(&["autonomous.policy"]),
    Row::new(
        "LEASHD_APPROVAL_TIMEOUT_SECONDS",
        Kind::Seconds { least: 1, most: YEAR },
        "",
        "An approval nobody answers in this time is denied.",
    )
    .unset("the policy's, else 300")
    .project(Tighter::Lower)
    .deviates("a policy's own `approval_timeout_seconds` counts where nothing is set; it was read and never used"),
    Row::new(
        "LEASHD_RATE_LIMIT_RPM",
        Kind::Number { least: 0, most: 100_000 },
        "0",
        "Requests a user may make per minute; 0 is no limit.",
    )
    .project(Tighter::LowerZeroIsNone)
    .deviates("counts commands, buttons and files too, not only text"),
    Row::new(
        "LEASHD_RATE_LIMIT_BURST",
        Kind::Number { least: 1, most: 10_000 },
        "5",
        "Requests a user may make at once under the limit.",
    )
    .project(Tighter::Lower),
    Row::new(
        "LEASHD_STORAGE_BACKEND",
        Kind::Choice(&STORAGE),
        "sqlite",
        "`memory` loses sessions with the process.",
    ),
    Row::new("LEASHD_STORAGE_PATH", Kind::File, "messages.db", "The SQLite database.").person().deviates(BELOW_HOME),
    Row::new(
        "LEASHD_LOG_LEVEL",
        Kind::Choice(&LEVELS),
        "INFO",
        "What is logged; `DEBUG` includes every policy decision.",
    ),
    Row::new("LEASHD_LOG_DIR", Kind::File, "logs", "Directory of the rotating JSON log `app.log`.")
        .person()
        .deviates(BELOW_HOME),
    Row::new("LEASHD_AUDIT_LOG_PATH", Kind::File, "audit.jsonl", "The audit log of every decision.")
        .person()
        .deviates(BELOW_HOME),
    Row::new(
        "LEASHD_ALLOWED_TOOLS",
        Kind::Tools,
        "",
        "Tools the agent may use, `*` for any run of characters; every other is denied before any rule.",
    )
    .unset("all")
    .project(Tighter::FewerEmptyIsAll),
    Row::new(
        "LEASHD_DISALLOWED_TOOLS",
        Kind::Tools,
        "",
        "Tools that are denied before any rule, `*` for any run of characters.",
    )
    .unset("none")
    .project(Tighter::More),
    Row::new("LEASHD_STREAMING_ENABLED", Kind::Flag, "true", "Telegram messages grow while the agent writes."),
    Row::new(
        "LEASHD_STREAMING_THROTTLE_SECONDS",
        Kind::Fraction { least_millis: 100, most_millis: 60_000 },
        "1.5",
        "At least so long between two edits of a message.",
    ),
    Row::new(
        "LEASHD_AGENT_TIMEOUT_SECONDS",
        Kind::Seconds { least: 1, most: YEAR },
        "3600",
        "So long the agent may give no sign of life while a turn runs.",
    )
    .project(Tighter::Lower)
    .deviates("a person's thinking does not count"),
    Row::new(
        "LEASHD_DEFAULT_MODE",
        Kind::Choice(&MODES),
        "default",
        "Mode of a new session; in `auto` file edits in approved directories go unasked.",
    )
    .project(Tighter::Towards(&["auto", "default", "plan"]))
    .deviates("it is used"),
    Row::new(
        "LEASHD_MCP_SERVERS",
        Kind::Object,
        "{}",
        "MCP servers by name, as `mcpServers` in `.mcp.json`.",
    )
    .person()
    .secrecy(Secrecy::Inside),
    Row::new("LEASHD_TASK_ORCHESTRATOR", Kind::Flag, "false", "Tasks in several phases (`/task`).")
        .project(Tighter::Off)
        .also(&["autonomous.enabled"]),
    Row::new(
        "LEASHD_TASK_MAX_RETRIES",
        Kind::Number { least: 0, most: 1000 },
        "3",
        "Retries of a task whose tests fail.",
    )
    .project(Tighter::Lower)
    .also(&["autonomous.task_max_retries"]),
    Row::new(
        "LEASHD_TASK_PHASE_TIMEOUT_SECONDS",
        Kind::Seconds { least: 1, most: YEAR },
        "1800",
        "So long a phase of a task may take.",
    )
    .project(Tighter::Lower)
    .deviates("it is used"),
    Row::new(
        "LEASHD_INTERACTION_TIMEOUT_SECONDS",
        Kind::Seconds { least: 1, most: YEAR },
        "300",
        "A question or plan nobody answers in this time is declined.",
    )
    .project(Tighter::Lower),
    Row::new(
        "LEASHD_AUTO_APPROVER",
        Kind::Flag,
        "false",
        "A model answers approvals in place of a person; never what is denied, never a critical call.",
    )
    .project(Tighter::Off)
    .also(&["autonomous.auto_approver"]),
    Row::new("LEASHD_AUTO_APPROVER_MODEL", Kind::Text, "", "Model of the approver.")
        .unset("the agent's own choice")
        .person()
        .also(&["autonomous.auto_approver_model"]),
    Row::new(
        "LEASHD_AUTO_APPROVER_MAX_CALLS",
        Kind::Number { least: 0, most: 100_000 },
        "50",
        "Approvals the model may answer per request.",
    )
    .project(Tighter::Lower)
    .also(&["autonomous.auto_approver_max_calls"]),
    Row::new("LEASHD_AUTONOMOUS_LOOP", Kind::Flag, "false", "After an edit the tests run and failures are retried.")
        .project(Tighter::Off)
        .also(&["autonomous.autonomous_loop"]),
    Row::new(
        "LEASHD_AUTONOMOUS_MAX_RETRIES",
        Kind::Number { least: 0, most: 1000 },
        "3",
        "Retries of that loop.",
    )
    .project(Tighter::Lower)
    .also(&["autonomous.autonomous_max_retries"]),
    Row::new("LEASHD_AUTO_PLAN", Kind::Flag, "false", "A model reviews plans in place of a person.")
        .project(Tighter::Off)
        .also(&["autonomous.auto_plan"]),
    Row::new("LEASHD_AUTO_PLAN_MODEL", Kind::Text, "", "Model of the plan reviewer.")
        .unset("the agent's own choice")
        .person()
        .also(&["autonomous.auto_plan_model"]),
    Row::new("LEASHD_AUTO_PR", Kind::Flag, "false", "A finished task opens a pull request.")
        .project(Tighter::Off)
        .also(&["autonomous.auto_pr"]),
    Row::new("LEASHD_AUTO_PR_BASE_BRANCH", Kind::Text, "main", "Branch such a pull request is for.")
        .person()
        .also(&["autonomous.auto_pr_base_branch"]),
    Row::new(
        "LEASHD_LOG_MAX_BYTES",
        Kind::Number { least: 4096, most: 1 << 40 },
        "10485760",
        "A log file is rotated before it is larger.",
    ),
    Row::new(
        "LEASHD_LOG_BACKUP_COUNT",
        Kind::Number { least: 0, most: 1000 },
        "5",
        "Rotated log files that are kept.",
    ),
    // What the Python leashd does not have.
    Row::new("LEASHD_HOME", Kind::Directory, "~/.leashd", "leashd's own files; no agent can read or write them.")
        .person()
        .environment_only(),
    Row::new(
        "LEASHD_WORKSPACE_CONFIG_ROOT",
        Kind::Directory,
        "",
        "Directory whose `.leashd/workspaces.yaml` names the workspaces; it must not be one an agent may write.",
    )
    .unset("`workspaces.yaml` in `LEASHD_HOME`")
    .person(),
    Row::new(
        "LEASHD_SANDBOX",
        Kind::Choice(&SANDBOX),
        "auto",
        "How much the kernel's walls matter ([containment.md](containment.md)).",
    )
    .project(Tighter::Towards(&["off", "auto", "required"])),
    Row::new(
        "LEASHD_TOOLCHAINS",
        Kind::Names(toolchains),
        "git, rust, node, python, go, java, ruby, version-managers",
        "Toolchains in your home directory that contained commands may read and run.",
    )
    .project(Tighter::Fewer),
    Row::new(
        "LEASHD_TOOLCHAIN_CACHES",
        Kind::Choice(&CACHES),
        "private",
        "Caches of toolchains: apart for each directory, your own, or your own unchanged.",
    )
    .project(Tighter::Towards(&["shared", "private", "read-only"])),
    Row::new(
        "LEASHD_AGENT_ENVIRONMENT",
        Kind::Variables,
        "",
        "Variables that agents and their commands get besides the usual ones ([containment.md](containment.md)).",
    )
    .unset("none")
    .person(),
    Row::new(
        "LEASHD_MAX_AGENTS",
        Kind::Number { least: 1, most: 1000 },
        "5",
        "Agents that run at the same time; further requests wait.",
    )
    .project(Tighter::Lower),
    Row::new(
        "LEASHD_TELEGRAM_API_URL",
        Kind::Address,
        "https://api.telegram.org",
        "Where the Telegram API is. The token goes there.",
    )
    .person()
    .also(&["telegram.api_url"]),
    Row::new(
        "LEASHD_TELEGRAM_PRIVACY",
        Kind::Choice(&PRIVACY),
        "full",
        "How much of commands and files leaves for Telegram; secrets never do.",
    )
    // A project that hid its commands from whoever approves them would be approved blindly.
    .person()
    .also(&["telegram.privacy"]),
    Row::new(
        "LEASHD_ALLOWED_GROUP_IDS",
        Kind::Groups,
        "",
        "Telegram groups in which the bot answers allowed users, by number.",
    )
    .unset("none")
    .person()
    .also(&["telegram.allowed_group_ids"]),
    Row::new(
        "LEASHD_WEBHOOKS",
        Kind::Webhooks,
        "[]",
        "Where events are posted to: a list of `{url, secret, events}`; `events` are names such as `approval.*`.",
    )
    .person()
    .secrecy(Secrecy::Inside),
];

fn toolchains() -> Vec<&'static str> {
    leashd_sandbox::TOOLCHAINS
        .iter()
        .filter_map(|toolchain| match &toolchain.name {
            std::borrow::Cow::Borrowed(name) => Some(*name),
            std::borrow::Cow::Owned(_) => None,
        })
        .collect()
}
