//! The judge with the facts of this machine, for commands that only want its opinion.

use crate::cli::PlaceArgs;
use crate::directories;
use crate::failure::Failure;
use crate::policies;
use crate::settings::Settings;
use leashd_policy::Rules;
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Facts, GitGrants, Mode, SessionId, ToolCall, Verdict,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Rules and settings, loaded once, and the facts of the directory last asked about.
pub(super) struct Judging {
    settings: Settings,
    rules: Rules,
    /// What was asked for, `+` between the names of several.
    policies: String,
    containment: Containment,
    attendance: Attendance,
    directory: PathBuf,
    facts: Option<(PathBuf, PathBuf, Facts)>,
}

/// One call and what is different about its session. What is not given is as it is here and now.
#[derive(Clone, Debug, Default)]
pub(super) struct Asked {
    pub(super) tool: String,
    pub(super) input: Value,
    /// Relative to the directory judged in.
    pub(super) cwd: Option<PathBuf>,
    /// The directory the session was started in.
    pub(super) root: Option<PathBuf>,
    /// What a person opened for the run; the grant files of the directory count too.
    pub(super) grants: Vec<String>,
    pub(super) mode: Option<Mode>,
    pub(super) containment: Option<Containment>,
    pub(super) attendance: Option<Attendance>,
}

impl Judging {
    pub(super) fn new(policy: &[String], place: &PlaceArgs) -> Result<Self, Failure> {
        let settings = Settings::from_environment()?;
        let directory = std::path::absolute(&place.dir)?;
        let texts = policies::texts(&settings, policy, &directory)?;
        let rules = texts.rules()?;
        let containment = if place.contained { Containment::Proven } else { Containment::NotProven };
        // The profile of unattended runs means nothing without the lock it stands on.
        let attendance = if texts.names().iter().any(|name| is_for_runs(name)) {
            Attendance::Unattended
        } else {
            Attendance::Attended
        };
        let policies = texts.names().iter().map(|name| short(name)).collect::<Vec<_>>().join("+");
        Ok(Self { settings, rules, policies, containment, attendance, directory, facts: None })
    }

    /// True if these are the policies judged by: `contained`, `default+dev-tools`.
    pub(super) fn is_under(&self, named: &str) -> bool {
        self.policies == named
    }

    /// What the judge says about a call.
    pub(super) fn judge(&mut self, asked: &Asked) -> Result<Verdict, Failure> {
        let cwd = asked.cwd.as_ref().map_or_else(|| self.directory.clone(), |cwd| self.directory.join(cwd));
        let root = asked.root.as_ref().unwrap_or(&self.directory).clone();
        let call = ToolCall {
            agent: AgentKind::Claude,
            session: SessionId::new("policy-check"),
            tool: asked.tool.clone(),
            input: asked.input.clone(),
            cwd: cwd.clone(),
            id: CallId::new("policy-check"),
            subagent: None,
        };
        if self.facts.as_ref().is_none_or(|(of, below, _)| (of, below) != (&cwd, &root)) {
            let facts = self.facts_in(&cwd, &root)?;
            self.facts = Some((cwd.clone(), root, facts));
        }
        let Some((_, _, facts)) = &mut self.facts else {
            return Err(Failure::failed("no facts were gathered"));
        };
        facts.git_grants = git_grants(&cwd, &asked.grants);
        facts.mode = asked.mode.unwrap_or(self.settings.default_mode);
        facts.containment = asked.containment.unwrap_or(self.containment);
        facts.attendance = asked.attendance.unwrap_or(self.attendance);
        Ok(leashd_gate::judge(&call, &self.rules, facts))
    }

    fn facts_in(&self, cwd: &Path, root: &Path) -> Result<Facts, Failure> {
        let approved = match self.settings.approved_directories.as_slice() {
            [] => vec![root.to_owned()],
            configured => configured.to_vec(),
        };
        directories::facts(&self.settings, cwd, &approved)
    }
}

fn is_for_runs(policy: &str) -> bool {
    short(policy) == "leopold"
}

/// `policies/strict.yaml` and `strict.yaml` are `strict`.
fn short(policy: &str) -> &str {
    let name = policy.strip_prefix("policies/").unwrap_or(policy);
    name.strip_suffix(".yaml").unwrap_or(name)
}

/// What a person opened, by name or by the files the runs of this directory honour.
fn git_grants(cwd: &Path, named: &[String]) -> GitGrants {
    let opened = |name: &str, file: &str| {
        named.iter().any(|given| given == name || given == file) || cwd.join(".leopold").join(file).exists()
    };
    GitGrants { commit: opened("commit", "ALLOW_GIT"), push: opened("push", "ALLOW_PUSH") }
}
