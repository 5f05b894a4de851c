//! Holds a rule against its own examples. An example is a shell line (`git push -f`), a call in the notation of the
//! agent's own permission rules (`Read(src/.env)`), or the name of a tool.
//!
//! The lines are read in a made-up project, so that a file checks the same on every machine.

use super::Source;
use super::report::{LoadError, at};
use crate::judge::settled;
use crate::matching::{Fit, Texts, fit};
use crate::plan::{Plan, plan};
use crate::rules::{Example, Rule};
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Decision, Facts, GitGrants, Mode, PathFact, PathKind,
    Recovery, ResolvedPath, SessionId, ToolCall,
};
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

const PROJECT: &str = "/home/dev/proj";
const HOME: &str = "/home/dev";

/// Checks `matches` and `misses` of a rule.
pub(super) fn check(source: &Source<'_>, rule: &Rule) -> Result<(), LoadError> {
    for (examples, wanted) in [(&rule.matches, Wanted::Match), (&rule.misses, Wanted::Miss)] {
        for example in examples {
            if let Err(why) = holds(rule, example, wanted) {
                let (message, hint) = why.words(rule, example);
                return Err(at(source.name, source.text, example.spot, message, Some(hint)));
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Match,
    Miss,
}

#[derive(Debug)]
enum Why {
    DoesNotMatch(Vec<String>),
    DoesMatch,
}

impl Why {
    fn words(&self, rule: &Rule, example: &Example) -> (String, String) {
        let name = &rule.reference.name;
        match self {
            Why::DoesNotMatch(found) => (
                format!("the rule `{name}` does not match its example `{}`", example.text),
                match found.as_slice() {
                    [] => "the example runs nothing".to_owned(),
                    found => format!("what was seen: {}", found.join("; ")),
                },
            ),
            Why::DoesMatch => (
                format!("the rule `{name}` matches `{}`, which it should miss", example.text),
                "narrow the rule, or move the example to `matches`".to_owned(),
            ),
        }
    }
}

fn holds(rule: &Rule, example: &Example, wanted: Wanted) -> Result<(), Why> {
    let call = call_of(&example.text, rule);
    let mut facts = facts();
    let plan = answered(&call, &mut facts);
    let acts = settled(&call, &plan, &facts);
    let fits = |act| fit(rule, act, &Texts::default()) == Fit::Fits;
    // A line is allowed only if every command of it is.
    let matched = if rule.action == Decision::Allow {
        !acts.is_empty() && acts.iter().all(fits)
    } else {
        acts.iter().any(fits)
    };
    match (wanted, matched) {
        (Wanted::Match, true) | (Wanted::Miss, false) => Ok(()),
        (Wanted::Miss, true) => Err(Why::DoesMatch),
        (Wanted::Match, false) => {
            let words = |effect| crate::explain::effect(effect);
            let mut found: Vec<String> = acts.iter().flat_map(|act| act.effects()).map(words).collect();
            found.extend(acts.iter().flat_map(|act| act.unclear()).cloned());
            Err(Why::DoesNotMatch(found))
        }
    }
}

/// The plan of a call in the made-up project, with every question answered.
fn answered(call: &ToolCall, facts: &mut Facts) -> Plan {
    let plan = plan(call, facts);
    for path in &plan.questions().paths {
        facts.paths.insert(path.clone(), path_fact(path));
    }
    plan
}

fn call_of(example: &str, rule: &Rule) -> ToolCall {
    let (tool, argument) = match example.strip_suffix(')').and_then(|text| text.split_once('(')) {
        Some((tool, argument)) if is_tool_name(tool) => (tool.to_owned(), Some(argument)),
        _ if !rule.is_for_tool("Bash") && is_tool_name(example) => (example.to_owned(), None),
        _ => ("Bash".to_owned(), Some(example)),
    };
    let mut input = serde_json::Map::new();
    let key = match tool.as_str() {
        "Bash" => "command",
        "NotebookEdit" => "notebook_path",
        "Glob" | "Grep" | "LS" => "path",
        "WebFetch" => "url",
        _ => "file_path",
    };
    if let Some(argument) = argument {
        input.insert(key.to_owned(), argument.into());
    }
    ToolCall {
        agent: AgentKind::Scripted,
        session: SessionId::new("example"),
        tool,
        input: input.into(),
        cwd: PathBuf::from(PROJECT),
        id: CallId::new("example"),
        subagent: None,
    }
}

fn is_tool_name(text: &str) -> bool {
    text.chars().next().is_some_and(|c| c.is_ascii_uppercase() || text.starts_with("mcp__"))
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

fn facts() -> Facts {
    let path = |text: &str| ResolvedPath::assume_resolved(PathBuf::from(text));
    Facts {
        cwd: path(PROJECT),
        home: path(HOME),
        approved: vec![path(PROJECT)],
        temporary: vec![path("/tmp")],
        protected: Vec::new(),
        containment: Containment::Proven,
        attendance: Attendance::Attended,
        mode: Mode::Default,
        git_grants: GitGrants::default(),
        paths: BTreeMap::new(),
        files: BTreeMap::new(),
        globs: BTreeMap::new(),
    }
}

/// Source files are there and committed; what tools produce is not.
fn path_fact(asked: &str) -> PathFact {
    let real = normal(asked);
    let text = real.to_string_lossy();
    let produced = ["/target", "/node_modules", "/dist", "/build"].iter().any(|part| text.contains(part));
    let inside = text.starts_with(PROJECT);
    let recovery = match (inside, produced) {
        (true, false) => Recovery::Committed,
        (true, true) => Recovery::Lost,
        (false, _) => Recovery::Unknown,
    };
    let device = text.starts_with("/dev/");
    let directory =
        text == PROJECT || text == HOME || !text.rsplit('/').next().unwrap_or_default().contains('.');
    let kind = if device {
        PathKind::Device
    } else if directory && !text.starts_with("/home/dev/proj/scripts/") {
        PathKind::Directory
    } else {
        PathKind::File
    };
    PathFact::Resolved { real: ResolvedPath::assume_resolved(real), kind, recovery }
}

/// `.` and `..` taken out by spelling: the made-up project has no symlinks.
fn normal(path: &str) -> PathBuf {
    let mut out = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => {
                out.pop();
            }
            Component::CurDir => {}
            other => out.push(other),
        }
    }
    out
}
