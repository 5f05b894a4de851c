//! Translates the permission rules of Claude Code's `settings.json` into a policy. What is wider than it looks gets a
//! comment, what cannot be translated is handed back. Never wider than the original, never silently less.

mod paths;
mod shell;
#[cfg(test)]
mod tests;
mod yaml;

use crate::load::{LoadError, Source};
use crate::rules::Rules;
use leashd_types::Decision;
use serde_json::{Map, Value};
use yaml::Draft;

/// Rules of one settings file.
const RULES_MAX: usize = 10_000;

/// Why nothing was translated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    #[error("{file} is not a settings file: {why}")]
    NotSettings { file: String, why: String },
    #[error("the translation of {file} does not load, which is a mistake of leashd:\n{error}")]
    DoesNotLoad { file: String, error: LoadError },
}

/// A policy made of somebody else's rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Loads as it is.
    pub yaml: String,
    pub rules: usize,
    /// How many rules allow more than they seem to.
    pub wider: usize,
    pub left_out: Vec<LeftOut>,
}

/// What was not translated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// As it stands in the file: `deny Task(x)`.
    pub what: String,
    pub why: String,
}

/// Translates the rules of a settings file. `home` is what `~` means in its paths.
///
/// # Errors
/// When the text is no settings file.
pub fn import_claude_settings(text: &str, file: &str, home: &str) -> Result<Imported, ImportError> {
    let not_settings = |why: String| ImportError::NotSettings { file: file.to_owned(), why };
    let settings: Map<String, Value> =
        serde_json::from_str(text).map_err(|error| not_settings(error.to_string()))?;
    let permissions = match settings.get("permissions") {
        Some(Value::Object(permissions)) => permissions,
        Some(_) => return Err(not_settings("`permissions` is not an object".to_owned())),
        None => return Err(not_settings("it has no `permissions`".to_owned())),
    };
    let mut drafts = Vec::new();
    let mut left_out = beside_rules(&settings, permissions);
    // In the order in which Claude Code asks them.
    for (list, action) in [("deny", Decision::Deny), ("ask", Decision::Ask), ("allow", Decision::Allow)] {
        for rule in rules_of(permissions, list).map_err(not_settings)? {
            match draft(rule, action, home) {
                Ok(draft) => drafts.push(draft.named(format!("{list} {rule}"))),
                Err(why) => left_out.push(LeftOut { what: format!("{list} {rule}"), why }),
            }
            if drafts.len() > RULES_MAX {
                return Err(not_settings(format!("it has more than {RULES_MAX} rules")));
            }
        }
    }
    let yaml = yaml::file(&drafts, file, &left_out);
    // What is handed over loads; a translation that does not is worse than none.
    Rules::load(&[Source::user(file, &yaml)])
        .map_err(|error| ImportError::DoesNotLoad { file: file.to_owned(), error })?;
    let wider = drafts.iter().filter(|draft| draft.is_wider()).count();
    Ok(Imported { yaml, rules: drafts.len(), wider, left_out })
}

fn rules_of<'a>(permissions: &'a Map<String, Value>, list: &str) -> Result<Vec<&'a str>, String> {
    match permissions.get(list) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(rules)) => rules
            .iter()
            .map(|rule| rule.as_str().ok_or_else(|| format!("`permissions.{list}` holds {rule}, not a text")))
            .collect(),
        Some(_) => Err(format!("`permissions.{list}` is not a list")),
    }
}

/// Settings that bear on what may happen and are no rules.
fn beside_rules(settings: &Map<String, Value>, permissions: &Map<String, Value>) -> Vec<LeftOut> {
    let known = [
        ("additionalDirectories", "set LEASHD_APPROVED_DIRECTORIES"),
        ("defaultMode", "set LEASHD_DEFAULT_MODE; no mode switches questions off altogether"),
    ];
    let lists = ["allow", "ask", "deny"];
    let mut left_out: Vec<LeftOut> = permissions
        .keys()
        .filter(|key| !lists.contains(&key.as_str()))
        .map(|key| {
            let why = known.iter().find(|(name, _)| name == key).map_or("it is not a rule", |(_, why)| why);
            LeftOut { what: format!("permissions.{key}"), why: why.to_owned() }
        })
        .collect();
    for key in ["hooks", "sandbox"] {
        if settings.contains_key(key) {
            let why = "it is not a rule; leashd has a gate and a sandbox of its own".to_owned();
            left_out.push(LeftOut { what: key.to_owned(), why });
        }
    }
    left_out
}

const READERS: [&str; 5] = ["Read", "Grep", "Glob", "LS", "NotebookRead"];
const WRITERS: [&str; 4] = ["Edit", "Write", "MultiEdit", "NotebookEdit"];

fn draft(rule: &str, action: Decision, home: &str) -> Result<Draft, String> {
    let rule = rule.trim();
    let (tool, spec) = match rule.split_once('(') {
        None => (rule, None),
        Some((tool, rest)) => match rest.strip_suffix(')') {
            Some(spec) => (tool.trim(), Some(spec)),
            None => return Err("its bracket is not closed".to_owned()),
        },
    };
    let named = !tool.is_empty() && tool.chars().all(|c| c.is_ascii_alphanumeric() || "_-*.".contains(c));
    if !named {
        return Err("it names no tool".to_owned());
    }
    match spec {
        None | Some("" | "*") => Ok(whole_tool(tool, action)),
        Some(spec) => match tool {
            "Bash" => shell::draft(spec, action, home),
            "WebFetch" => fetch(spec, action),
            "Read" => paths::draft(paths::Access::Read, spec, action, home),
            "Edit" => paths::draft(paths::Access::Edit, spec, action, home),
            "Glob" | "Grep" | "LS" | "NotebookRead" => {
                of_ignored(tool, paths::Access::Read, spec, action, home)
            }
            "Write" | "MultiEdit" | "NotebookEdit" => {
                of_ignored(tool, paths::Access::Edit, spec, action, home)
            }
            _ => Err(format!(
                "leashd does not look into the input of {tool}; a rule for the whole tool is possible"
            )),
        },
    }
}

/// Claude Code reads path rules for `Read` and `Edit` only. What was meant to close is closed; what never opened
/// anything is not opened.
fn of_ignored(
    tool: &str,
    access: paths::Access,
    spec: &str,
    action: Decision,
    home: &str,
) -> Result<Draft, String> {
    if action == Decision::Allow {
        return Err(format!("Claude Code looks at paths in rules for Read and Edit only, not for {tool}"));
    }
    let draft = paths::draft(access, spec, action, home)?;
    Ok(draft.noting(format!(
        "Claude Code did not look at paths in rules for {tool}: this rule had no effect there"
    )))
}

fn whole_tool(tool: &str, action: Decision) -> Draft {
    let group: Option<&[&str]> = match tool {
        "Read" => Some(&READERS),
        "Edit" => Some(&WRITERS),
        "Task" | "Agent" => Some(&["Agent", "Task"]),
        _ => None,
    };
    let tools: Vec<String> = match group {
        Some(group) => group.iter().map(|name| (*name).to_owned()).collect(),
        None => vec![of_server(tool)],
    };
    let draft = Draft::new(action).tools(tools);
    if action != Decision::Allow {
        return draft;
    }
    match tool {
        "Bash" => draft
            .wider("every shell command: network, pushes, deletes; only the floor and the boundary are left"),
        "*" => draft.wider("every tool; only the floor and the boundary are left"),
        "WebFetch" => draft.wider("an address can carry data out: every host may be told anything"),
        "Agent" | "Task" => draft.noting("each call of a helper is judged on its own".to_owned()),
        _ if tool.starts_with("mcp__") && tool.contains('*') || is_server(tool) => {
            draft.wider("every tool of the server, those it adds later included")
        }
        _ => draft,
    }
}

fn is_server(tool: &str) -> bool {
    tool.strip_prefix("mcp__").is_some_and(|rest| !rest.contains("__") && !rest.contains('*'))
}

/// A server stands for all of its tools.
fn of_server(tool: &str) -> String {
    if is_server(tool) { format!("{tool}__*") } else { tool.to_owned() }
}

fn fetch(spec: &str, action: Decision) -> Result<Draft, String> {
    let Some(host) = spec.strip_prefix("domain:") else {
        return Err("only `domain:` is known for WebFetch".to_owned());
    };
    let name = host.strip_prefix("*.").unwrap_or(host);
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
    if !plain {
        return Err(format!("`{host}` is not a host name or `*.` and one"));
    }
    let draft = Draft::new(action).hosts(vec![host.to_ascii_lowercase()]);
    Ok(match action {
        Decision::Allow => draft.tools(vec!["WebFetch".to_owned()]),
        Decision::Ask | Decision::Deny => draft
            .effects(&["network"])
            .noting("in Claude Code this left `curl` to the same host alone; here it does not".to_owned()),
    })
}
