//! The made-up project that commands are judged in. No file is touched: every question has an answer from the name alone.

use leashd_policy::plan;
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Facts, FileText, GitGrants, Mode, PathFact, PathKind,
    Protected, Protection, Recovery, ResolvedPath, SessionId, ToolCall,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

pub(crate) const PROJECT: &str = "/home/dev/proj";
pub(crate) const HOME: &str = "/home/dev";

/// A path may depend on an answer, and that one on another.
const ROUNDS: usize = 3;

pub(crate) fn call(tool: &str, input: Value) -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: SessionId::new("fuzz"),
        tool: tool.to_owned(),
        input,
        cwd: PathBuf::from(PROJECT),
        id: CallId::new("fuzz"),
        subagent: None,
    }
}

/// The facts with every question of the call answered. `script` is the text of every script of the project.
pub(crate) fn answered(call: &ToolCall, script: &str) -> Facts {
    let mut facts = facts();
    for _round in 0..ROUNDS {
        let open = plan(call, &facts).questions().unanswered(&facts);
        if open.is_empty() {
            break;
        }
        for path in open.paths {
            facts.paths.insert(path.clone(), path_fact(&path));
        }
        for file in open.files {
            let inside = Path::new(&file).starts_with(PROJECT);
            let text = if inside { FileText::Text(script.to_owned()) } else { FileText::Missing };
            facts.files.insert(file, text);
        }
    }
    facts
}

fn facts() -> Facts {
    Facts {
        cwd: resolved(PROJECT),
        home: resolved(HOME),
        approved: vec![resolved(PROJECT)],
        temporary: vec![resolved("/tmp")],
        protected: vec![Protected {
            path: resolved("/home/dev/.leashd"),
            protection: Protection::Hidden,
            what: "leashd's own files".to_owned(),
        }],
        containment: Containment::Proven,
        attendance: Attendance::Attended,
        mode: Mode::Default,
        git_grants: GitGrants::default(),
        paths: BTreeMap::new(),
        files: BTreeMap::new(),
        globs: BTreeMap::new(),
    }
}

/// By the length of the name, so that every kind comes up and the same name is always the same thing.
fn path_fact(asked: &str) -> PathFact {
    let (kind, recovery) = match asked.len() % 7 {
        0 | 1 => (PathKind::File, Recovery::Committed),
        2 => (PathKind::File, Recovery::Lost),
        3 => (PathKind::Directory, Recovery::Unknown),
        4 => (PathKind::Missing, Recovery::Unknown),
        5 if asked.starts_with("/dev") => (PathKind::Device, Recovery::Unknown),
        5 => (PathKind::Other, Recovery::Unknown),
        _ => return PathFact::Unresolvable("too many links".to_owned()),
    };
    PathFact::Resolved { real: resolved(&normal(asked)), kind, recovery }
}

fn resolved(path: impl AsRef<Path>) -> ResolvedPath {
    ResolvedPath::assume_resolved(path.as_ref().to_owned())
}

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
