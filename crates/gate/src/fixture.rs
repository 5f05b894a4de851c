//! A gate on a real directory, for tests.

use crate::{AuditLog, Durability, Gate, Interactive, Secrets, Snapshot};
use leashd_policy::{Rules, Source};
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Facts, GitGrants, Mode, Protected, Protection, ResolvedPath,
    SessionId, Timestamp, ToolCall,
};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) fn resolved(path: &Path) -> ResolvedPath {
    ResolvedPath::assume_resolved(path.to_owned())
}

pub(crate) fn call(id: &str, tool: &str, input: Value, cwd: &Path) -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: SessionId::new("session"),
        tool: tool.to_owned(),
        input,
        cwd: cwd.to_owned(),
        id: CallId::new(id),
        subagent: None,
    }
}

pub(crate) fn facts(project: &Path) -> Facts {
    Facts {
        cwd: resolved(project),
        home: resolved(Path::new("/home/other")),
        approved: vec![resolved(project)],
        temporary: Vec::new(),
        protected: vec![Protected {
            path: resolved(&project.join("state")),
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

fn now() -> Timestamp {
    Timestamp::from_micros(1_790_000_000_000_000)
}

/// A project directory, a log outside it, a gate with the policies `default` and `dev-tools`.
pub(crate) struct Bench {
    pub(crate) directory: TempDir,
    pub(crate) project: PathBuf,
    pub(crate) log: PathBuf,
    pub(crate) gate: Gate,
    pub(crate) snapshot: Snapshot,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let log = root.join("state/audit.jsonl");
        Self::with_log(directory, &log)
    }

    pub(crate) fn with_log(directory: TempDir, log: &Path) -> Self {
        let project = directory.path().canonicalize().unwrap().join("project");
        std::fs::create_dir(&project).unwrap();
        let audit = AuditLog::open(log, Durability::Group, Secrets::default()).unwrap();
        let sources = [Source::builtin("default").unwrap(), Source::builtin("dev-tools").unwrap()];
        let snapshot = Snapshot {
            rules: Arc::new(Rules::load(&sources).unwrap()),
            facts: facts(&project),
            grants: Vec::new(),
            generation: 1,
            interactive: Interactive::Somebody,
        };
        Self { directory, project, log: log.to_owned(), gate: Gate::new(audit, now), snapshot }
    }

    pub(crate) fn call(&self, id: &str, tool: &str, input: Value) -> ToolCall {
        call(id, tool, input, &self.project)
    }

    /// The entries of the log, which must verify.
    #[track_caller]
    pub(crate) fn entries(&self) -> Vec<Map<String, Value>> {
        assert_eq!(crate::audit::verify(&self.log).unwrap().finding, None);
        crate::audit::tail(&self.log, 1000).unwrap()
    }

    #[track_caller]
    pub(crate) fn last(&self) -> Map<String, Value> {
        self.entries().pop().unwrap()
    }
}
