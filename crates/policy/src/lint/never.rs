//! Rules that fit nothing: tools nobody has, patterns no text can match, effects that are in no place.

use super::coverage::is_known;
use super::{Finding, Kind, finding};
use crate::class::Class;
use crate::names::star_fits;
use crate::written::WrittenRule;
use leashd_types::Decision;
use regex_syntax::hir::literal::Extractor;
use regex_syntax::hir::{Hir, HirKind, Look};

/// Tools of the agents leashd runs, older and newer names together.
const TOOLS: &[&str] = &[
    "Agent",
    "AskUserQuestion",
    "Bash",
    "BashOutput",
    "CronCreate",
    "CronDelete",
    "CronList",
    "Edit",
    "EnterPlanMode",
    "EnterWorktree",
    "ExitPlanMode",
    "ExitWorktree",
    "Glob",
    "Grep",
    "KillBash",
    "KillShell",
    "LS",
    "LSP",
    "ListMcpResources",
    "ListMcpResourcesTool",
    "Monitor",
    "MultiEdit",
    "Network",
    "NotebookEdit",
    "NotebookRead",
    "PowerShell",
    "PushNotification",
    "Read",
    "ReadMcpResource",
    "ReadMcpResourceTool",
    "RemoteTrigger",
    "ScheduleWakeup",
    "SendMessage",
    "Skill",
    "SlashCommand",
    "StructuredOutput",
    "Task",
    "TaskCreate",
    "TaskGet",
    "TaskList",
    "TaskOutput",
    "TaskStop",
    "TaskUpdate",
    "TeamCreate",
    "TeamDelete",
    "TodoRead",
    "TodoWrite",
    "ToolSearch",
    "WebFetch",
    "WebSearch",
    "Workflow",
    "Write",
];

/// Effects that happen to a path.
const ON_PATHS: &[Class] = &[
    Class::Read,
    Class::Write,
    Class::WriteAutomation,
    Class::Delete,
    Class::DeleteRecursive,
    Class::DeleteForced,
    Class::DeleteRecoverable,
    Class::Permissions,
    Class::WorldWritable,
    Class::Runs,
    Class::FileCode,
    Class::ContainedCode,
    Class::Credential,
];

/// Effects that talk to a host.
const ON_HOSTS: &[Class] = &[
    Class::Network,
    Class::Fetch,
    Class::Send,
    Class::Listen,
    Class::Loopback,
    Class::Configured,
    Class::Foreign,
];

/// Effects the floor always denies.
const FLOORED: &[Class] = &[
    Class::Privilege,
    Class::ForcePush,
    Class::GitRewrite,
    Class::DatabaseDestroy,
    Class::WorldWritable,
    Class::Credential,
];

/// Words a shell never hands to a program as they are.
const OPERATORS: &[&str] = &["&&", "||", ";", "&", ">", ">>", "<", "2>&1"];

pub(super) fn check(rule: &WrittenRule, findings: &mut Vec<Finding>) {
    for tool in &rule.tools {
        findings.extend(unknown_tool(rule, tool));
    }
    patterns(rule, findings);
    commands(rule, findings);
    findings.extend(hosts(rule));
    findings.extend(effects(rule));
}

fn never(rule: &WrittenRule, message: String, hint: &str) -> Finding {
    finding(rule, Kind::NeverMatches, message, hint)
}

fn unknown_tool(rule: &WrittenRule, tool: &str) -> Option<Finding> {
    let others = |tools: &[&str]| tools.iter().any(|other| rule.is_for_tool(other));
    if tool == "Monitor" && !others(&["Bash"]) {
        let hint = "name `Bash`: its command is judged like any other";
        return Some(never(rule, "calls of `Monitor` are judged as `Bash`".to_owned(), hint));
    }
    if tool == "Task" && !others(&["Agent"]) {
        return Some(never(rule, "calls of `Task` arrive as `Agent`".to_owned(), "name `Agent`"));
    }
    if let Some(server) = tool.strip_prefix("mcp__") {
        let whole = server.contains("__") || server.contains('*');
        let message = format!("no tool is called `{tool}`: it is the name of a server");
        return (!whole).then(|| never(rule, message, "write `mcp__server__*` for all of its tools"));
    }
    let may_be_of_a_server =
        tool.starts_with('*') || "mcp__".starts_with(tool.split('*').next().unwrap_or(tool));
    if may_be_of_a_server && tool.contains('*') || TOOLS.iter().any(|known| star_fits(tool, known)) {
        return None;
    }
    let hint = match TOOLS.iter().find(|known| known.eq_ignore_ascii_case(tool)) {
        Some(known) => format!("did you mean `{known}`?"),
        None => "names are those the agent sends: `Bash`, `Read`, `Write`, `Edit`, `WebFetch`, `mcp__server__tool`"
            .to_owned(),
    };
    Some(never(rule, format!("no agent has a tool called `{tool}`"), &hint))
}

fn patterns(rule: &WrittenRule, findings: &mut Vec<Finding>) {
    for pattern in rule.command_patterns.iter().chain(&rule.path_patterns) {
        if regex_syntax::parse(pattern).is_ok_and(|hir| fits_nothing(&hir)) {
            let message = format!("no text can match the pattern `{pattern}`");
            findings.push(never(
                rule,
                message,
                "`^` is the beginning of the text and `$` its end, wherever they stand",
            ));
        }
    }
    for pattern in &rule.path_patterns {
        if regex_syntax::parse(pattern).is_ok_and(|hir| starts_without_slash(&hir)) {
            let message = format!("no path begins as the pattern `{pattern}` wants: paths are absolute");
            let hint = "leave `^` out, or begin with `^/`; `~` is not expanded in a pattern";
            findings.push(never(rule, message, hint));
        }
    }
}

/// True if an expression asks for something before the beginning or after the end of the text, or for a character that
/// is none.
fn fits_nothing(hir: &Hir) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Literal(_) | HirKind::Look(_) => false,
        HirKind::Class(_) => hir.properties().minimum_len().is_none(),
        HirKind::Repetition(repetition) => repetition.min > 0 && fits_nothing(&repetition.sub),
        HirKind::Capture(capture) => fits_nothing(&capture.sub),
        HirKind::Alternation(branches) => branches.iter().all(fits_nothing),
        HirKind::Concat(parts) => {
            let takes = |part: &Hir| part.properties().minimum_len().is_none_or(|least| least > 0);
            let mut taken = parts.iter().scan(false, |taken, part| {
                let before = *taken;
                *taken |= takes(part);
                Some((part, before))
            });
            let begins_late =
                taken.any(|(part, taken)| taken && part.properties().look_set_prefix().contains(Look::Start));
            let mut left = parts.iter().rev().scan(false, |left, part| {
                let after = *left;
                *left |= takes(part);
                Some((part, after))
            });
            let ends_early =
                left.any(|(part, left)| left && part.properties().look_set_suffix().contains(Look::End));
            begins_late || ends_early || parts.iter().any(fits_nothing)
        }
    }
}

fn starts_without_slash(hir: &Hir) -> bool {
    if !hir.properties().look_set_prefix().contains(Look::Start) {
        return false;
    }
    let prefixes = Extractor::new().extract(hir);
    prefixes.literals().is_some_and(|literals| {
        !literals.is_empty()
            && literals.iter().all(|literal| literal.as_bytes().first().is_some_and(|first| *first != b'/'))
    })
}

fn commands(rule: &WrittenRule, findings: &mut Vec<Finding>) {
    let sees_unknown = [Class::UnknownProgram, Class::ContainedProgram]
        .iter()
        .any(|class| rule.effects.iter().any(|effect| effect == class.name()));
    for command in &rule.commands {
        let mut words = command.split_whitespace();
        let Some(program) = words.next() else { continue };
        if let Some(operator) = words.find(|word| OPERATORS.contains(word)) {
            let message =
                format!("`{command}` asks for the word `{operator}`: a rule looks at one command of a line");
            findings.push(never(rule, message, "give each command a rule of its own"));
            continue;
        }
        let unknown: Vec<&str> =
            program.split('|').filter(|name| !name.contains('*') && !is_known(name)).collect();
        if unknown.is_empty() {
            continue;
        }
        let names = unknown.join("`, `");
        let all = unknown.len() == program.split('|').count();
        if all && rule.action == Decision::Allow && !rule.effects.is_empty() && !sees_unknown {
            let message = format!("the effects of `{names}` are not known, so they are never all covered");
            findings.push(never(rule, message, "correct the name, or add `unknown-program` to the effects"));
        } else {
            let message = format!("the effects of `{names}` are not known: only the name is looked at");
            findings.push(finding(rule, Kind::UnknownProgram, message, "correct the name if it is misspelt"));
        }
    }
}

fn hosts(rule: &WrittenRule) -> Option<Finding> {
    let wrong = rule.hosts.iter().find(|host| host.contains('/') || host.ends_with(':'))?;
    let hint = "write the name alone: `example.com`, `*.example.com`, `loopback`";
    Some(never(rule, format!("no host is called `{wrong}`"), hint))
}

fn effects(rule: &WrittenRule) -> Option<Finding> {
    let classes: Vec<Class> = rule.effects.iter().filter_map(|effect| Class::named(effect)).collect();
    let none_of =
        |wanted: &[Class]| !classes.is_empty() && classes.iter().all(|class| !wanted.contains(class));
    if rule.action == Decision::Allow {
        let floored = !classes.is_empty() && classes.iter().all(|class| FLOORED.contains(class));
        let message = "the floor denies all of this whatever a rule says".to_owned();
        return floored
            .then(|| finding(rule, Kind::Unreachable, message, "remove it: nothing opens the floor"));
    }
    if !rule.places.is_empty() && !rule.hosts.is_empty() {
        let message = "nothing is at a host and in a directory at once".to_owned();
        return Some(never(rule, message, "make two rules of it"));
    }
    if !rule.places.is_empty() && none_of(ON_PATHS) {
        let message = "none of its effects is in a place, so `where` never holds".to_owned();
        return Some(never(rule, message, "leave `where` out"));
    }
    (!rule.hosts.is_empty() && none_of(ON_HOSTS)).then(|| {
        let message = "none of its effects talks to a host, so `hosts` never holds".to_owned();
        never(rule, message, "use `network`, `fetch` or `send`")
    })
}
