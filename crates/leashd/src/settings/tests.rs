//! The table against the Python leashd's, the layers, the file and its changes.

use super::layers::{Layer, Layers, Sources, Text};
use super::place::Place;
use super::table::{self, ROWS, Reach, Row, Safety, Secrecy, Tighter};
use super::typed;
use super::value::{Kind, Raw, Value};
use super::{Settings, config_file};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

mod documented;
mod edits;
mod order;
mod wired;

const HOME: &str = "/home/you";

/// Reads layers from texts. The one helper: an error comes back as people see it.
fn layers(config: &str, project: &str, variables: &[(&str, &str)]) -> Result<Layers, String> {
    let lookup =
        |name: &str| variables.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
    let text = |file: &str, text: &str| {
        (!text.is_empty()).then(|| Text { file: file.to_owned(), text: text.to_owned() })
    };
    let sources =
        Sources { config: text("config.yaml", config), project: text(".env", project), environment: &lookup };
    Layers::read(&sources).map_err(|failure| failure.to_string())
}

fn check(variables: &[(&str, &str)]) -> Result<Settings, String> {
    let lookup = |name: &str| {
        variables
            .iter()
            .find(|(key, _)| *key == name)
            .map(|(_, value)| OsString::from(value))
            .or_else(|| (name == "HOME").then(|| OsString::from(HOME)))
    };
    Settings::read(&lookup).map_err(|failure| failure.message)
}

fn typed_from(config: &str) -> Settings {
    typed::settings(&layers(config, "", &[]).unwrap(), Path::new(HOME), &|_| None).unwrap()
}

/// The table of the Python leashd's page: variable, default as it stands there, and the kind of its value.
const SEED: [(&str, &str, &str); 36] = [
    ("LEASHD_APPROVED_DIRECTORIES", "required", "directories"),
    ("LEASHD_TELEGRAM_BOT_TOKEN", "", "text"),
    ("LEASHD_ALLOWED_USER_IDS", "(no restriction)", "users"),
    ("LEASHD_MAX_TURNS", "150", "number"),
    ("LEASHD_SYSTEM_PROMPT", "", "text"),
    ("LEASHD_POLICY_FILES", "built-in default.yaml", "texts"),
    ("LEASHD_APPROVAL_TIMEOUT_SECONDS", "300", "seconds"),
    ("LEASHD_RATE_LIMIT_RPM", "0 (off)", "number"),
    ("LEASHD_RATE_LIMIT_BURST", "5", "number"),
    ("LEASHD_STORAGE_BACKEND", "sqlite", "choice"),
    ("LEASHD_STORAGE_PATH", ".leashd/messages.db", "file"),
    ("LEASHD_LOG_LEVEL", "INFO", "choice"),
    ("LEASHD_LOG_DIR", "~/.leashd/logs", "file"),
    ("LEASHD_AUDIT_LOG_PATH", ".leashd/audit.jsonl", "file"),
    ("LEASHD_ALLOWED_TOOLS", "(all)", "tools"),
    ("LEASHD_DISALLOWED_TOOLS", "(none)", "tools"),
    ("LEASHD_STREAMING_ENABLED", "true", "flag"),
    ("LEASHD_STREAMING_THROTTLE_SECONDS", "1.5", "fraction"),
    ("LEASHD_AGENT_TIMEOUT_SECONDS", "3600", "seconds"),
    ("LEASHD_DEFAULT_MODE", "default", "choice"),
    ("LEASHD_MCP_SERVERS", "{}", "object"),
    ("LEASHD_TASK_ORCHESTRATOR", "false", "flag"),
    ("LEASHD_TASK_MAX_RETRIES", "3", "number"),
    ("LEASHD_TASK_PHASE_TIMEOUT_SECONDS", "1800", "seconds"),
    ("LEASHD_INTERACTION_TIMEOUT_SECONDS", "300", "seconds"),
    ("LEASHD_AUTO_APPROVER", "false", "flag"),
    ("LEASHD_AUTO_APPROVER_MODEL", "", "text"),
    ("LEASHD_AUTO_APPROVER_MAX_CALLS", "50", "number"),
    ("LEASHD_AUTONOMOUS_LOOP", "false", "flag"),
    ("LEASHD_AUTONOMOUS_MAX_RETRIES", "3", "number"),
    ("LEASHD_AUTO_PLAN", "false", "flag"),
    ("LEASHD_AUTO_PLAN_MODEL", "", "text"),
    ("LEASHD_AUTO_PR", "false", "flag"),
    ("LEASHD_AUTO_PR_BASE_BRANCH", "main", "text"),
    ("LEASHD_LOG_MAX_BYTES", "10485760", "number"),
    ("LEASHD_LOG_BACKUP_COUNT", "5", "number"),
];

/// Defaults that are worded differently and mean the same.
const SAME: [(&str, &str); 4] =
    [("0 (off)", "0"), ("(all)", ""), ("(none)", ""), ("built-in default.yaml", "")];

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Flag => "flag",
        Kind::Number { .. } => "number",
        Kind::Seconds { .. } => "seconds",
        Kind::Fraction { .. } => "fraction",
        Kind::Text => "text",
        Kind::Address => "address",
        Kind::Choice(_) => "choice",
        Kind::Texts => "texts",
        Kind::Directories => "directories",
        Kind::File => "file",
        Kind::Directory => "directory",
        Kind::Users => "users",
        Kind::Groups => "groups",
        Kind::Tools => "tools",
        Kind::Names(_) => "names",
        Kind::Object => "object",
        Kind::Webhooks => "webhooks",
        Kind::Variables => "variables",
    }
}

/// A value that is not the default.
fn other(row: &Row) -> &'static str {
    match row.kind {
        Kind::Flag if row.default == "true" => "false",
        Kind::Flag => "true",
        Kind::Number { .. } | Kind::Seconds { .. } => "4321",
        Kind::Fraction { .. } => "2.25",
        Kind::Text | Kind::Texts => "something",
        Kind::Address => "http://127.0.0.1:8081",
        Kind::Choice(choices) => choices.names.iter().rev().find(|name| **name != row.default).unwrap(),
        Kind::Directories => "/srv/a, ~/b",
        Kind::Directory | Kind::File => "/srv/elsewhere",
        Kind::Users => "981234567, 5",
        Kind::Groups => "[-100123]",
        Kind::Tools => "Read, mcp__*",
        Kind::Names(_) => "git",
        Kind::Object => r#"{"one": {"command": "x"}}"#,
        Kind::Webhooks => {
            r#"[{"url": "https://example.com/h", "secret": "0123456789abcdef", "events": ["approval.*"]}]"#
        }
        Kind::Variables => "SSH_AUTH_SOCK",
    }
}

#[test]
fn the_python_leashds_table_is_here_row_by_row() {
    for (row, (name, default, kind)) in ROWS.iter().zip(SEED) {
        assert_eq!(row.name, name, "the order of the table");
        assert_eq!(kind_name(row.kind), kind, "{name}");
        let means = SAME.iter().find(|(said, _)| *said == default).map_or(default, |(_, means)| means);
        assert!(
            row.default == means || !row.deviation.is_empty(),
            "{name}: the default is {:?}, not {default:?}, and nothing says why",
            row.default
        );
    }
}

#[test]
fn every_setting_is_read_and_changes_something() {
    let default = format!("{:?}", check(&[]).unwrap());
    let needs: &[(&str, &str)] = &[
        ("LEASHD_RATE_LIMIT_RPM", "9"),
        ("LEASHD_TASK_ORCHESTRATOR", "true"),
        ("LEASHD_AUTO_APPROVER", "true"),
        ("LEASHD_AUTONOMOUS_LOOP", "true"),
        ("LEASHD_AUTO_PLAN", "true"),
        ("LEASHD_AUTO_PR", "true"),
    ];
    // A model or a branch is of no consequence before what uses it is switched on.
    let on = format!("{:?}", check(needs).unwrap());
    for row in ROWS {
        // One with a limit of its own below the number that stands for "another".
        let value = match row.name {
            "LEASHD_TASK_MAX_RETRIES"
            | "LEASHD_AUTONOMOUS_MAX_RETRIES"
            | "LEASHD_LOG_BACKUP_COUNT"
            | "LEASHD_MAX_AGENTS" => "7",
            _ => other(row),
        };
        let alone = format!("{:?}", check(&[(row.name, value)]).unwrap());
        let beside: Vec<(&str, &str)> =
            needs.iter().filter(|(name, _)| *name != row.name).copied().chain([(row.name, value)]).collect();
        let beside = format!("{:?}", check(&beside).unwrap());
        let hidden = row.secrecy == Secrecy::Secret && alone.contains("(hidden)");
        assert!(alone != default || beside != on || hidden, "{} changes nothing", row.name);
    }
}

#[test]
fn every_row_is_sound() {
    for (index, row) in ROWS.iter().enumerate() {
        assert!(row.name.starts_with(table::PREFIX) && row.about.ends_with('.'), "{}", row.name);
        let spelled =
            row.aliases.iter().map(|alias| (*alias).to_owned()).chain([row.key(), row.name.to_owned()]);
        for key in spelled {
            let of = ROWS.iter().position(|other| std::ptr::eq(table::find(&key).unwrap(), other));
            assert_eq!(of, Some(index), "{key}");
        }
        assert!(!row.default.is_empty() || !row.unset.is_empty(), "{}: what is so without it?", row.name);
    }
}

/// Decisions that must not be changed in passing: what a project's file has no say in.
#[test]
fn no_token_policy_path_or_address_is_a_projects() {
    for row in ROWS {
        let open = matches!(row.safety, Safety::Tighten(_));
        let closed = matches!(
            row.kind,
            Kind::Text
                | Kind::Address
                | Kind::Texts
                | Kind::Directories
                | Kind::Directory
                | Kind::File
                | Kind::Users
                | Kind::Groups
                | Kind::Object
                | Kind::Webhooks
                | Kind::Variables
        ) || row.secrecy != Secrecy::Open
            || row.reach == Reach::EnvironmentOnly;
        assert!(!(open && closed), "{}", row.name);
        if let Safety::Tighten(Tighter::Towards(order)) = row.safety {
            let Kind::Choice(choices) = row.kind else { panic!("{} is no choice", row.name) };
            let mut known = choices.names.to_vec();
            let mut ordered = order.to_vec();
            known.sort_unstable();
            ordered.sort_unstable();
            assert_eq!(known, ordered, "{}", row.name);
        }
    }
}

#[test]
fn defaults_are_the_documented_ones() {
    let settings = check(&[]).unwrap();
    assert_eq!(settings.home.to_str(), Some("/home/you/.leashd"));
    assert_eq!(settings.audit_log.to_str(), Some("/home/you/.leashd/audit.jsonl"));
    assert_eq!(settings.log.directory.to_str(), Some("/home/you/.leashd/logs"));
    assert_eq!(settings.storage, typed::Storage::Sqlite(PathBuf::from("/home/you/.leashd/messages.db")));
    assert_eq!(settings.max_turns, 150);
    assert_eq!(settings.approval_timeout, None);
    assert_eq!(settings.interaction_timeout.as_secs(), 300);
    assert_eq!(settings.agent_timeout.as_secs(), 3600);
    assert_eq!(settings.telegram.users, typed::Users::Nobody);
    assert_eq!(settings.telegram.streaming.map(|every| every.as_millis()), Some(1500));
    assert_eq!(settings.toolchains.len(), leashd_sandbox::TOOLCHAINS.len());
    assert_eq!(settings.daemon.requests_per_minute, None);
}

#[test]
fn anybody_may_use_the_bot_only_where_it_says_so() {
    let users = |value| check(&[("LEASHD_ALLOWED_USER_IDS", value)]).map(|settings| settings.telegram.users);
    assert_eq!(users("*"), Ok(typed::Users::Anybody));
    for list in ["1, 2", "[1, 2]", r#"["1", "2"]"#] {
        assert_eq!(users(list), Ok(typed::Users::Only(vec![1, 2])), "{list}");
    }
    assert!(users("0").is_err() && users("me").is_err());
}

#[test]
fn lists_are_commas_or_json_or_yaml() {
    for value in ["a.yaml, strict", r#"["a.yaml","strict"]"#] {
        assert_eq!(check(&[("LEASHD_POLICY_FILES", value)]).unwrap().policy_files, ["a.yaml", "strict"]);
    }
    for config in [
        "policy_files: a.yaml, strict\n",
        "policy_files: [a.yaml, strict]\n",
        "LEASHD_POLICY_FILES:\n- a.yaml\n- strict\n",
        "policy_files: '[\"a.yaml\", \"strict\"]'\n",
    ] {
        assert_eq!(typed_from(config).policy_files, ["a.yaml", "strict"], "{config}");
    }
}

#[test]
fn a_wrong_value_names_its_variable() {
    for (name, value, part) in [
        ("LEASHD_MAX_TURNS", "many", "LEASHD_MAX_TURNS is \"many\", expected a whole number from 1"),
        ("LEASHD_MAX_TURNS", "0", "expected a whole number from 1"),
        ("LEASHD_APPROVED_DIRECTORIES", "src", "not an absolute path"),
        ("LEASHD_MCP_SERVERS", "[]", "not a JSON object"),
        ("LEASHD_DEFAULT_MODE", "wild", "expected default, plan or auto"),
        ("LEASHD_SANDBOX", "no", "expected auto, required or off"),
        ("LEASHD_POLICY_FILES", "[1]", "not a JSON array of strings"),
        ("LEASHD_STREAMING_THROTTLE_SECONDS", "0.01", "seconds from 0.1 to 60"),
        ("LEASHD_ALLOWED_TOOLS", "Bash(git *)", "no tool's name"),
        ("LEASHD_TOOLCHAINS", "rust, cobol", "\"cobol\", expected some of git, rust"),
        ("LEASHD_WEBHOOKS", r#"[{"url": "https://a.example"}]"#, "entry 1: `secret` is missing"),
        (
            "LEASHD_WEBHOOKS",
            r#"[{"url": "https://a.example", "secret": "short"}]"#,
            "fewer than 16 characters",
        ),
        (
            "LEASHD_WEBHOOKS",
            r#"[{"url": "http://a.example", "secret": "0123456789abcdef"}]"#,
            "not encrypted and not on this machine",
        ),
        (
            "LEASHD_WEBHOOKS",
            r#"[{"url": "https://a.example", "secret": "0123456789abcdef", "events": ["aproval.*"]}]"#,
            "aproval",
        ),
        ("LEASHD_AGENT_ENVIRONMENT", "LD_PRELOAD", "never passed on"),
        ("LEASHD_AGENT_ENVIRONMENT", "LEASHD_HOME", "never passed on"),
        ("LEASHD_AGENT_ENVIRONMENT", "A=b", "no name of a variable"),
        ("LEASHD_TELEGRAM_API_URL", "ftp://x", "https://"),
        ("LEASHD_HOME", "here", "not an absolute path"),
    ] {
        let message = check(&[(name, value)]).unwrap_err();
        assert!(message.contains(part) && message.contains(name), "{message}");
    }
}

#[test]
fn no_error_shows_a_secret() {
    for (name, value) in [
        ("LEASHD_WEBHOOKS", r#"[{"url": "hunter2", "secret": "hunter2"}]"#),
        ("LEASHD_WEBHOOKS", "hunter2"),
        ("LEASHD_MCP_SERVERS", "hunter2"),
    ] {
        let message = check(&[(name, value)]).unwrap_err();
        assert!(!message.contains("hunter2"), "{message}");
    }
    for config in [
        "telegram_bot_token: [hunter2hunter2]\n",
        "telegram_bot_tokn: hunter2\n",
        "telegram:\n  bot_token: \"hunter2\n",
        "webhooks:\n  - url: hunter2\n    secret: hunter2\n",
        "mcp_servers: hunter2\n",
    ] {
        let message = layers(config, "", &[]).unwrap_err();
        assert!(!message.contains("hunter2"), "{message}");
    }
    let settings = check(&[("LEASHD_TELEGRAM_BOT_TOKEN", "hunter2")]).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    assert_eq!(settings.telegram.token.unwrap().reveal(), "hunter2");
    let row = table::find("mcp_servers").unwrap();
    let value = row.parse(&Raw::text(
        r#"{"a": {"command": "x", "args": ["--token=hunter2"], "env": {"K": "hunter2"},
        "url": "https://u:hunter2@h.example/hunter2"}}"#,
    ));
    let shown = row.shown(&value.unwrap());
    assert!(
        !shown.contains("hunter2") && shown.contains("h.example") && shown.contains("\"command\":\"x\""),
        "{shown}"
    );
}

#[test]
fn keys_may_be_spelt_three_ways_and_only_once() {
    for config in [
        "telegram_bot_token: t",
        "LEASHD_TELEGRAM_BOT_TOKEN: t",
        "telegram:\n  bot_token: t",
        "telegram: {bot_token: t}",
    ] {
        assert_eq!(typed_from(config).telegram.token.unwrap().reveal(), "t", "{config}");
    }
    let error = layers("max_turns: 1\nLEASHD_MAX_TURNS: 2\n", "", &[]).unwrap_err();
    for part in
        ["LEASHD_MAX_TURNS is set twice", "line 1", "config.yaml:2:1", "2 | LEASHD_MAX_TURNS: 2", "^^^"]
    {
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn the_autonomous_block_counts_while_it_is_enabled() {
    let block = "autonomous:\n  enabled: ON\n  policy: autonomous\n  auto_approver: true\n  auto_plan: true\n  \
                 auto_pr: true\n  auto_pr_base_branch: 1.10\n  autonomous_loop: true\n  task_max_retries: 7\n";
    let on = typed_from(&block.replace("ON", "true"));
    assert_eq!(on.policy_files, ["autonomous"]);
    assert_eq!(on.autonomy.tasks.map(|tasks| tasks.max_retries), Some(7));
    assert_eq!(on.autonomy.pull_request.as_deref(), Some("1.10"));
    assert!(on.autonomy.approver.is_some() && on.autonomy.plan_reviewer.is_some());
    assert_eq!(on.autonomy.loop_retries, Some(3));
    let untouched = format!("{:?}", typed_from("max_turns: 150"));
    assert_eq!(format!("{:?}", typed_from(&block.replace("ON", "false"))), untouched);
    // What stands elsewhere counts while the block does not.
    let elsewhere = format!("policy_files: strict\n{}", block.replace("ON", "no"));
    assert_eq!(typed_from(&elsewhere).policy_files, ["strict"]);
    let elsewhere = format!("{}policy_files: strict\n", block.replace("ON", "no"));
    assert_eq!(typed_from(&elsewhere).policy_files, ["strict"]);
    assert!(layers(&elsewhere.replace("no\n", "yes\n"), "", &[]).unwrap_err().contains("is set twice"));
    assert!(layers(&block.replace("ON", "perhaps"), "", &[]).unwrap_err().contains("true or false"));
}

#[test]
fn a_mistake_in_the_file_is_shown_where_it_is() {
    for (config, parts) in [
        ("a: 1\n", vec!["unknown setting `a`", "config.yaml:1:1", "hint:"]),
        (
            "# x\nmax_turn: 5\n",
            vec!["config.yaml:2:1", "2 | max_turn: …", "^^^^^^^^", "did you mean `max_turns`?"],
        ),
        ("LEASHD_MAX_TURN: 5\n", vec!["did you mean `LEASHD_MAX_TURNS`?"]),
        ("telegram:\n  bot_tokn: x\n", vec!["config.yaml:2:3", "did you mean `telegram.bot_token`?"]),
        ("telegram: x\n", vec!["`telegram` is a block of keys"]),
        (
            "max_turns: many\n",
            vec!["LEASHD_MAX_TURNS is \"many\"", "`max_turns` in config.yaml", "config.yaml:1:1"],
        ),
        ("max_turns: [1]\n", vec!["LEASHD_MAX_TURNS is a list"]),
        ("max_turns: 1\nmax_turns: 2\n", vec!["not valid YAML", "config.yaml:"]),
        ("home: /x\n", vec!["LEASHD_HOME cannot be set here", "environment"]),
        ("max_turns: [1\n", vec!["not valid YAML", "config.yaml"]),
        ("- 1\n", vec!["not keys with values"]),
    ] {
        let error = layers(config, "", &[]).unwrap_err();
        for part in parts {
            assert!(error.contains(part), "{config:?} does not say {part:?}: {error}");
        }
    }
    let error = layers("", "\nLEASHD_MAX_TURN=5\n", &[]).unwrap_err();
    assert!(error.contains(".env:2:1") && error.contains("did you mean `LEASHD_MAX_TURNS`?"), "{error}");
    let error = layers("", "LEASHD_MAX_TURNS=x\n", &[]).unwrap_err();
    assert!(error.contains("in the project's .env") && error.contains(".env:1:1"), "{error}");
}

#[test]
fn nothing_sets_nothing() {
    for config in
        ["", "\n", "# only a comment\n", "---\n", "max_turns:\n", "telegram:\n", "max_turns: null\n"]
    {
        assert_eq!(
            layers(config, "LEASHD_MAX_TURNS=\n", &[("LEASHD_MAX_TURNS", "")])
                .unwrap()
                .value("LEASHD_MAX_TURNS"),
            Some(&Value::Number(150)),
            "{config:?}"
        );
    }
    assert!(config_file::read("x", "").unwrap().is_empty());
}
