//! The judge with the facts of this machine, for commands that only want its opinion.

use crate::boot;
use crate::cli::JudgeArgs;
use crate::failure::Failure;
use crate::policies;
use crate::settings::Settings;
use leashd_policy::Rules;
use leashd_types::{
    AgentKind, Attendance, CallId, Containment, Facts, GitGrants, SessionId, ToolCall, Verdict,
};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Rules and settings, loaded once, and the facts of the directory last asked about.
pub(super) struct Judging {
    settings: Settings,
    rules: Rules,
    containment: Containment,
    attendance: Attendance,
    directory: PathBuf,
    facts: Option<(PathBuf, Facts)>,
}

impl Judging {
    pub(super) fn new(args: &JudgeArgs) -> Result<Self, Failure> {
        let settings = Settings::from_environment()?;
        let rules = policies::load(&settings, &args.policy)?;
        let directory = std::path::absolute(&args.dir)?;
        let containment = if args.contained { Containment::Proven } else { Containment::NotProven };
        // The profile of unattended runs means nothing without the lock it stands on.
        let attendance = if args.policy.iter().any(|name| is_for_runs(name)) {
            Attendance::Unattended
        } else {
            Attendance::Attended
        };
        Ok(Self { settings, rules, containment, attendance, directory, facts: None })
    }

    /// What the judge says about `tool` with `input`, called in `cwd` (relative to the given directory).
    /// `grants` are those of the line; the grant files of the directory count too.
    pub(super) fn judge(
        &mut self,
        tool: &str,
        input: Value,
        cwd: Option<&Path>,
        grants: &[String],
    ) -> Result<Verdict, Failure> {
        let cwd = cwd.map_or_else(|| self.directory.clone(), |cwd| self.directory.join(cwd));
        let call = ToolCall {
            agent: AgentKind::Claude,
            session: SessionId::new("policy-check"),
            tool: tool.to_owned(),
            input,
            cwd: cwd.clone(),
            id: CallId::new("policy-check"),
            subagent: None,
        };
        if self.facts.as_ref().is_none_or(|(of, _)| *of != cwd) {
            self.facts = Some((cwd.clone(), self.facts_in(&cwd)?));
        }
        let Some((_, facts)) = &mut self.facts else { return Err(Failure::failed("no facts were gathered")) };
        facts.git_grants = git_grants(&cwd, grants);
        Ok(leashd_gate::judge(&call, &self.rules, facts))
    }

    fn facts_in(&self, cwd: &Path) -> Result<Facts, Failure> {
        let approved = match self.settings.approved_directories.as_slice() {
            [] => vec![self.directory.clone()],
            configured => configured.to_vec(),
        };
        let mut facts = boot::facts(&self.settings, cwd, &approved)?;
        facts.containment = self.containment;
        facts.attendance = self.attendance;
        Ok(facts)
    }
}

fn is_for_runs(policy: &str) -> bool {
    matches!(policy, "leopold" | "leopold.yaml" | "policies/leopold.yaml")
}

/// What a person opened, by name or by the files the runs of this directory honour.
fn git_grants(cwd: &Path, named: &[String]) -> GitGrants {
    let opened = |name: &str, file: &str| {
        named.iter().any(|given| given == name || given == file) || cwd.join(".leopold").join(file).exists()
    };
    GitGrants { commit: opened("commit", "ALLOW_GIT"), push: opened("push", "ALLOW_PUSH") }
}
