//! Rules that allow everything, or nearly.

use super::{Finding, Kind, finding};
use crate::written::WrittenRule;
use leashd_types::Decision;
use regex::Regex;

/// Lines that have nothing in common: a pattern that finds all of them finds anything.
const UNRELATED: [&str; 5] =
    ["rm -r ../x", "curl -d @a http://host.example", "zqx 9", "git push", "/opt/tool --eval 'y'"];
/// Paths that have nothing in common.
const UNRELATED_PATHS: [&str; 4] = ["/home/dev/b.txt", "/etc/zq9", "/", "/srv/x/.y/Z"];

pub(super) fn check(rule: &WrittenRule) -> Option<Finding> {
    if rule.action != Decision::Allow || !is_unconditional(rule) {
        return None;
    }
    let what = if rule.tools.iter().any(|tool| tool == "*") {
        "every call of every tool"
    } else if rule.is_for_tool("Bash") && !speaks_only_of_effects(rule) {
        "every shell command"
    } else if rule.tools.iter().any(|tool| matches!(tool.as_str(), "mcp__*" | "mcp*")) {
        "every tool of every MCP server"
    } else {
        return None;
    };
    let message = format!("it allows {what} the floor does not deny");
    let hint = "name the `commands` or `effects` that are meant; if all of it is, say so with `where: [inside-project, \
                outside-project, temporary, system]`";
    Some(finding(rule, Kind::OverBroad, message, hint))
}

/// Nothing but the tool narrows it. A rule that says in so many words that it reaches outside means it.
fn is_unconditional(rule: &WrittenRule) -> bool {
    let any_command = rule.commands.is_empty()
        || rule.commands.iter().any(|command| command.split_whitespace().all(|word| word == "*"));
    any_command
        && finds_all(&rule.command_patterns, &UNRELATED)
        && finds_all(&rule.path_patterns, &UNRELATED_PATHS)
        && rule.flags.is_empty()
        && rule.effects.is_empty()
        && rule.hosts.is_empty()
        && !rule.places.iter().any(|place| place == "outside-project")
}

fn speaks_only_of_effects(rule: &WrittenRule) -> bool {
    rule.tools.is_empty() && !rule.reads_commands()
}

/// True if there is no pattern, or one that finds all of these.
fn finds_all(patterns: &[String], texts: &[&str]) -> bool {
    let all = |pattern: &String| {
        Regex::new(pattern).is_ok_and(|pattern| texts.iter().all(|text| pattern.is_match(text)))
    };
    patterns.is_empty() || patterns.iter().any(all)
}
