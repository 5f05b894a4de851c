//! What the tests of this crate build their cases from: a small world, commands made by hand, and the judge over them.

use crate::plan::Plan;
use crate::{BUILTIN_NAMES, Rules, Source, judge};
use leashd_shell::{Analysis, Command, Word};
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Depth, Effect, Facts, Force, GitGrants, Mode, PathFact,
    PathKind, PathText, Protected, Protection, Recovery, ResolvedPath, SessionId, ToolCall, Verdict,
};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};

pub(crate) const PATHS: [(&str, &str, Recovery); 10] = [
    ("/p/a.txt", "/p/a.txt", Recovery::Committed),
    ("/p/b.log", "/p/b.log", Recovery::Lost),
    ("/p/.git/hooks/x", "/p/.git/hooks/x", Recovery::Unknown),
    ("/p/link", "/etc/passwd", Recovery::Unknown),
    ("/p/.env", "/p/.env", Recovery::Lost),
    ("/p", "/p", Recovery::Lost),
    ("/tmp/x", "/tmp/x", Recovery::Unknown),
    ("/usr/bin/x", "/usr/bin/x", Recovery::Unknown),
    ("/other/x", "/other/x", Recovery::Unknown),
    ("/h/.leashd/audit", "/h/.leashd/audit", Recovery::Unknown),
];

pub(crate) fn resolved(path: &str) -> ResolvedPath {
    ResolvedPath::assume_resolved(PathBuf::from(path))
}

pub(crate) fn facts() -> Facts {
    let paths: BTreeMap<String, PathFact> = PATHS
        .iter()
        .map(|(asked, real, recovery)| {
            let real = resolved(real);
            ((*asked).to_owned(), PathFact::Resolved { real, kind: PathKind::File, recovery: *recovery })
        })
        .collect();
    Facts {
        cwd: resolved("/p"),
        home: resolved("/h"),
        approved: vec![resolved("/p")],
        temporary: vec![resolved("/tmp")],
        protected: vec![Protected {
            path: resolved("/h/.leashd"),
            protection: Protection::Hidden,
            what: "leashd's state".to_owned(),
        }],
        containment: Containment::Proven,
        attendance: Attendance::Attended,
        mode: Mode::Default,
        git_grants: GitGrants::default(),
        paths,
        files: BTreeMap::new(),
    }
}

pub(crate) fn call(line: &str) -> ToolCall {
    ToolCall {
        agent: AgentKind::Scripted,
        session: SessionId::new("s"),
        tool: "Bash".to_owned(),
        input: serde_json::json!({ "command": line }),
        cwd: PathBuf::from("/p"),
        id: CallId::new("c"),
        subagent: None,
    }
}

pub(crate) fn command(words: &str, effects: Vec<Effect>) -> Command {
    Command { words: words.split(' ').map(Word::literal).collect(), effects, ..Command::default() }
}

pub(crate) fn rules_of(sources: &[Source<'_>]) -> Rules {
    Rules::load(sources).unwrap_or_else(|error| panic!("{error}"))
}

/// Loading is not what most tests are about: each policy is loaded once.
pub(crate) fn builtin(name: &str) -> &'static Rules {
    static LOADED: OnceLock<BTreeMap<&str, Rules>> = OnceLock::new();
    let load = |name| (name, rules_of(&[Source::builtin(name).unwrap()]));
    &LOADED.get_or_init(|| BUILTIN_NAMES.into_iter().map(load).collect())[name]
}

/// The same for any sources: few are made, and each meets many calls.
pub(crate) fn loaded(sources: &[Source<'_>]) -> Arc<Rules> {
    static LOADED: Mutex<BTreeMap<String, Arc<Rules>>> = Mutex::new(BTreeMap::new());
    let mut known = LOADED.lock().unwrap();
    let key = format!("{sources:?}");
    Arc::clone(known.entry(key).or_insert_with(|| Arc::new(rules_of(sources))))
}

pub(crate) fn verdict(rules: &Rules, commands: Vec<Command>, facts: &Facts) -> Verdict {
    let line = commands
        .iter()
        .map(|command| command.words.iter().filter_map(Word::text).collect::<Vec<_>>().join(" "))
        .collect::<Vec<_>>()
        .join(" && ");
    let plan = Plan::of_analysis(Analysis { commands, ..Analysis::default() });
    judge(rules, &call(&line), &plan, facts)
}

pub(crate) fn exact(path: &str) -> PathText {
    PathText::Exact(path.to_owned())
}

pub(crate) fn read(path: &str) -> Effect {
    Effect::Read { path: exact(path) }
}

pub(crate) fn write(path: &str) -> Effect {
    Effect::Write { path: exact(path) }
}

pub(crate) fn delete(path: &str, depth: Depth) -> Effect {
    Effect::Delete { path: exact(path), depth, force: Force::Forced }
}
