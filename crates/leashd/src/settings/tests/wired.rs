//! Every setting with what shows that it is wired: a test that sets it and sees something else happen.

use crate::settings::table::{ROWS, Safety, Tighter};
use std::collections::BTreeSet;
use std::path::Path;

/// Where it is shown.
enum Shown {
    /// By this test in this file below `crates/leashd/tests`.
    By(&'static str, &'static str),
    /// Not yet: what it is for is not built.
    Later(&'static str),
}

use Shown::{By, Later};

const TELEGRAM: Shown = Later("Telegram");
const ALONE: Shown = Later("work that nobody attends");
const DAEMON: &str = "daemon/settings.rs";
const AGENT: &str = "end_to_end/settings.rs";

/// The setting; whether it decides what an agent may do, and what a project may do with it; where it is shown.
const TABLE: [(&str, &str, Shown); 47] = [
    ("APPROVED_DIRECTORIES", "person", By(DAEMON, "where_work_may_be_done")),
    ("TELEGRAM_BOT_TOKEN", "person", By(DAEMON, "whether_there_is_telegram")),
    ("ALLOWED_USER_IDS", "person", TELEGRAM),
    ("MAX_TURNS", "lower", By(AGENT, "turns_and_the_system_prompt")),
    ("SYSTEM_PROMPT", "none", By(AGENT, "turns_and_the_system_prompt")),
    ("POLICY_FILES", "person", By(AGENT, "policies_tools_and_the_mode")),
    ("APPROVAL_TIMEOUT_SECONDS", "lower", By(AGENT, "how_long_people_and_agents_may_take")),
    ("RATE_LIMIT_RPM", "lower", By(DAEMON, "how_often_a_person_may_say_something")),
    ("RATE_LIMIT_BURST", "lower", By(DAEMON, "how_often_a_person_may_say_something")),
    ("STORAGE_BACKEND", "none", By(DAEMON, "what_is_kept_and_where")),
    ("STORAGE_PATH", "person", By(DAEMON, "what_is_kept_and_where")),
    ("LOG_LEVEL", "none", By(DAEMON, "what_is_logged_and_how_much_of_it_stays")),
    ("LOG_DIR", "person", By(DAEMON, "what_is_kept_and_where")),
    ("AUDIT_LOG_PATH", "person", By(DAEMON, "what_is_kept_and_where")),
    ("ALLOWED_TOOLS", "fewer", By(AGENT, "policies_tools_and_the_mode")),
    ("DISALLOWED_TOOLS", "more", By(AGENT, "policies_tools_and_the_mode")),
    ("STREAMING_ENABLED", "none", TELEGRAM),
    ("STREAMING_THROTTLE_SECONDS", "none", TELEGRAM),
    ("AGENT_TIMEOUT_SECONDS", "lower", By(AGENT, "how_long_people_and_agents_may_take")),
    ("DEFAULT_MODE", "towards plan", By(AGENT, "policies_tools_and_the_mode")),
    ("MCP_SERVERS", "person", By("end_to_end/network.rs", "a_server_has_the_network_that_was_granted_to_it")),
    ("TASK_ORCHESTRATOR", "off", ALONE),
    ("TASK_MAX_RETRIES", "lower", ALONE),
    ("TASK_PHASE_TIMEOUT_SECONDS", "lower", ALONE),
    ("INTERACTION_TIMEOUT_SECONDS", "lower", By(AGENT, "how_long_people_and_agents_may_take")),
    ("AUTO_APPROVER", "off", ALONE),
    ("AUTO_APPROVER_MODEL", "person", ALONE),
    ("AUTO_APPROVER_MAX_CALLS", "lower", ALONE),
    ("AUTONOMOUS_LOOP", "off", ALONE),
    ("AUTONOMOUS_MAX_RETRIES", "lower", ALONE),
    ("AUTO_PLAN", "off", ALONE),
    ("AUTO_PLAN_MODEL", "person", ALONE),
    ("AUTO_PR", "off", ALONE),
    ("AUTO_PR_BASE_BRANCH", "person", ALONE),
    ("LOG_MAX_BYTES", "none", By(DAEMON, "what_is_logged_and_how_much_of_it_stays")),
    ("LOG_BACKUP_COUNT", "none", By(DAEMON, "what_is_logged_and_how_much_of_it_stays")),
    ("HOME", "person", By("daemon/faults.rs", "bring_about")),
    ("WORKSPACE_CONFIG_ROOT", "person", By("cli_config.rs", "workspaces_approve_their_directories")),
    ("SANDBOX", "towards required", By(AGENT, "what_is_around_commands")),
    ("TOOLCHAINS", "fewer", By(AGENT, "what_is_around_commands")),
    ("TOOLCHAIN_CACHES", "towards read-only", By(AGENT, "what_is_around_commands")),
    (
        "AGENT_ENVIRONMENT",
        "person",
        By("end_to_end/places.rs", "an_agent_gets_named_variables_and_no_others"),
    ),
    ("MAX_AGENTS", "lower", By(AGENT, "how_many_agents_there_are")),
    ("TELEGRAM_API_URL", "person", TELEGRAM),
    ("TELEGRAM_PRIVACY", "person", TELEGRAM),
    ("ALLOWED_GROUP_IDS", "person", TELEGRAM),
    (
        "WEBHOOKS",
        "person",
        By("end_to_end/turns.rs", "a_turn_stands_in_the_log_in_order_and_without_its_words"),
    ),
];

fn safety(safety: Safety) -> String {
    match safety {
        Safety::None => "none".to_owned(),
        Safety::Person => "person".to_owned(),
        Safety::Tighten(Tighter::Lower | Tighter::LowerZeroIsNone) => "lower".to_owned(),
        Safety::Tighten(Tighter::Off) => "off".to_owned(),
        Safety::Tighten(Tighter::Fewer | Tighter::FewerEmptyIsAll) => "fewer".to_owned(),
        Safety::Tighten(Tighter::More) => "more".to_owned(),
        Safety::Tighten(Tighter::Towards(order)) => format!("towards {}", order.last().unwrap()),
    }
}

/// The body of a test, up to the next item.
fn body<'a>(text: &'a str, test: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("fn {test}("))?;
    rest.split_once("\n}\n").map(|(body, _)| body)
}

#[test]
fn every_setting_is_tighter_as_written_and_shown_to_be_wired() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for (row, (name, is_safety, shown)) in ROWS.iter().zip(&TABLE) {
        assert_eq!(row.name, format!("LEASHD_{name}"), "the order of the table");
        assert_eq!(safety(row.safety), *is_safety, "{name}");
        let By(file, test) = shown else { continue };
        let text = std::fs::read_to_string(tests.join(file)).unwrap();
        let body = body(&text, test).unwrap_or_else(|| panic!("{file} has no test {test}"));
        let said = body.contains(row.name) || body.contains(&format!("\"{}\"", row.key()));
        assert!(said, "{test} does not set {}", row.name);
    }
    assert_eq!(ROWS.len(), TABLE.len());
    let later: BTreeSet<&str> = TABLE
        .iter()
        .filter_map(|(_, _, shown)| match shown {
            Later(what) => Some(*what),
            By(..) => None,
        })
        .collect();
    assert_eq!(later, BTreeSet::from(["Telegram", "work that nobody attends"]));
}
