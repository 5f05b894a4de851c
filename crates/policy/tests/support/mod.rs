//! The made-up project the corpora are written for, and the loop that judges a line of them. Facts are answered from
//! tables: no file is touched.

use leashd_policy::{Rules, Source, judge, plan};
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Decision, Facts, FileText, GitGrants, Matches, Mode,
    PathFact, PathKind, PathText, Protected, Protection, Recovery, ResolvedPath, SessionId, ToolCall,
    Verdict, glob_may_match,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

pub(crate) const PROJECT: &str = "/home/dev/proj";
pub(crate) const HOME: &str = "/home/dev";

/// Symlinks of the fixture.
const LINKS: [(&str, &str); 3] = [
    ("/home/dev/proj/etclink", "/etc"),
    ("/home/dev/proj/keys", "/home/dev/.ssh"),
    ("/home/dev/proj/.netrc", "/home/dev/.netrc"),
];

/// Trees of the project that are not tracked.
const UNTRACKED: [&str; 8] =
    ["target", "node_modules", "canary", "dist", "build", "coverage", ".env", "k.sh"];

/// Directories of the project.
const DIRECTORIES: [&str; 11] =
    ["src", "scripts", "docs", "tests", "target", "node_modules", "public", "api", "web", ".git", ".leopold"];

pub(crate) fn resolved(path: impl Into<PathBuf>) -> ResolvedPath {
    ResolvedPath::assume_resolved(path.into())
}

pub(crate) fn facts() -> Facts {
    Facts {
        cwd: resolved(PROJECT),
        home: resolved(HOME),
        approved: vec![resolved(PROJECT)],
        temporary: vec![resolved("/tmp"), resolved("/var/tmp")],
        protected: vec![Protected {
            path: resolved("/home/dev/.leashd"),
            protection: Protection::Hidden,
            what: "leashd's state".to_owned(),
        }],
        containment: Containment::NotProven,
        attendance: Attendance::Attended,
        mode: Mode::Default,
        git_grants: GitGrants::default(),
        paths: BTreeMap::new(),
        files: BTreeMap::new(),
        globs: BTreeMap::new(),
    }
}

pub(crate) fn contained() -> Facts {
    Facts { containment: Containment::Proven, ..facts() }
}

pub(crate) fn call(tool: &str, input: Value) -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: SessionId::new("corpus"),
        tool: tool.to_owned(),
        input,
        cwd: PathBuf::from(PROJECT),
        id: CallId::new("corpus"),
        subagent: None,
    }
}

pub(crate) fn bash(line: &str) -> ToolCall {
    call("Bash", serde_json::json!({ "command": line }))
}

pub(crate) fn rules(names: &[&str]) -> Rules {
    let sources: Vec<Source<'_>> = names.iter().map(|name| Source::builtin(name).unwrap()).collect();
    Rules::load(&sources).unwrap()
}

/// Plans, answers what is asked, judges.
pub(crate) fn check(rules: &Rules, call: &ToolCall, facts: &Facts) -> Verdict {
    let facts = answered(call, facts);
    judge(rules, call, &plan(call, &facts), &facts)
}

/// The facts with every question of the call answered, in at most three rounds.
pub(crate) fn answered(call: &ToolCall, facts: &Facts) -> Facts {
    let mut facts = facts.clone();
    let mut planned = plan(call, &facts);
    for _round in 0..3 {
        let open = planned.questions().unanswered(&facts);
        if open.is_empty() {
            break;
        }
        for path in open.paths {
            facts.paths.insert(path.clone(), path_fact(&path));
        }
        for glob in open.globs {
            let matches = matches(&glob);
            facts.globs.insert(glob, matches);
        }
        for file in open.files {
            facts.files.insert(file.clone(), file_text(&file));
        }
        planned = plan(call, &facts);
    }
    facts
}

fn path_fact(asked: &str) -> PathFact {
    let real = follow(&normal(asked));
    let text = real.to_str().unwrap();
    if text.starts_with("/dev/null/") {
        return PathFact::Unresolvable("not a directory".to_owned());
    }
    let inner = text.strip_prefix(PROJECT).map(|rest| rest.trim_start_matches('/'));
    let first = inner.and_then(|inner| inner.split('/').next()).unwrap_or_default();
    let name = text.rsplit('/').next().unwrap_or_default();
    let lost = UNTRACKED.contains(&first) || name.ends_with(".log") || name.ends_with(".pyc");
    let tracked = matches!(first, "src" | "scripts" | "docs" | "tests")
        || matches!(name, "README.md" | "package.json" | "Cargo.toml" | "Makefile");
    let kind = if text.starts_with("/dev/") {
        PathKind::Device
    } else if DIRECTORIES.contains(&first) && inner == Some(first)
        || matches!(text, "/" | PROJECT | HOME | "/etc" | "/tmp")
    {
        PathKind::Directory
    } else if inner.is_some() && !tracked && !lost && name != ".env" {
        PathKind::Missing
    } else {
        PathKind::File
    };
    let recovery = match inner {
        Some(_) if lost => Recovery::Lost,
        Some(_) if tracked => Recovery::Committed,
        _ => Recovery::Unknown,
    };
    PathFact::Resolved { real: resolved(real), kind, recovery }
}

/// What lies in the project itself; other directories are not listed.
const NAMES: [&str; 14] = [
    ".env",
    ".git",
    ".gitignore",
    ".netrc",
    "Cargo.toml",
    "Makefile",
    "README.md",
    "app.log",
    "canary",
    "node_modules",
    "package.json",
    "scripts",
    "src",
    "target",
];

fn matches(glob: &PathText) -> Matches {
    match glob {
        PathText::Glob { directory, pattern } if directory == PROJECT && !pattern.contains('/') => {
            let hidden = pattern.chars().any(|c| c.is_alphanumeric() || c == '.');
            let names = NAMES.iter().filter(|name| hidden || !name.starts_with('.'));
            let found = names.filter(|name| glob_may_match(pattern, name));
            Matches::These(found.map(|name| Path::new(PROJECT).join(name)).collect())
        }
        _ => Matches::Unknown("not listed".to_owned()),
    }
}

fn file_text(asked: &str) -> FileText {
    let real = normal(asked);
    let text = real.to_str().unwrap();
    match text.strip_prefix(PROJECT) {
        Some("/k.sh") => FileText::Text("#!/bin/sh\nrm -rf canary\n".to_owned()),
        Some(inner) if inner.starts_with("/scripts/") => {
            FileText::Text("#!/bin/sh\nset -e\ncargo test\n".to_owned())
        }
        _ => FileText::Missing,
    }
}

fn follow(path: &Path) -> PathBuf {
    for (link, target) in LINKS {
        if let Ok(rest) = path.strip_prefix(link) {
            return if rest.as_os_str().is_empty() {
                PathBuf::from(target)
            } else {
                Path::new(target).join(rest)
            };
        }
    }
    path.to_path_buf()
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

/// One line of a corpus.
pub(crate) struct Case {
    pub(crate) call: ToolCall,
    pub(crate) shown: String,
    pub(crate) expect: String,
    pub(crate) grants: GitGrants,
}

pub(crate) fn corpus(name: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../corpus").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().filter(|line| !line.trim().is_empty()).map(case).collect()
}

fn case(line: &str) -> Case {
    let value: Value = serde_json::from_str(line).unwrap();
    let text = |key: &str| value.get(key).and_then(Value::as_str);
    let tool = text("tool").unwrap_or("Bash");
    let command = text("command");
    let mut call = match command {
        Some(command) => bash(command),
        None => call(tool, value.get("input").cloned().unwrap_or_default()),
    };
    if let Some(cwd) = text("cwd") {
        call.cwd = PathBuf::from(cwd);
    }
    let holds = |name: &str| {
        value
            .get("grants")
            .and_then(Value::as_array)
            .is_some_and(|grants| grants.iter().any(|grant| grant == name))
    };
    Case {
        call,
        shown: command.map_or_else(|| format!("{tool} {}", value["input"]), str::to_owned),
        expect: text("expect").unwrap().to_owned(),
        grants: GitGrants { commit: holds("ALLOW_GIT"), push: holds("ALLOW_PUSH") },
    }
}

/// How many cases of one label got which decision.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) allow: usize,
    pub(crate) ask: usize,
    pub(crate) deny: usize,
}

impl Counts {
    pub(crate) fn add(&mut self, decision: Decision) {
        match decision {
            Decision::Allow => self.allow += 1,
            Decision::Ask => self.ask += 1,
            Decision::Deny => self.deny += 1,
        }
    }

    pub(crate) fn all(&self) -> usize {
        self.allow + self.ask + self.deny
    }
}
