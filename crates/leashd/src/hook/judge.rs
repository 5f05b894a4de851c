//! Judges one event, in the hook's own process or in a leashd that serves it: the same gate, the same answer.
//!
//! The anchor is the project Claude Code was started in. The directory in the event is where the agent happens to be;
//! relative paths are relative to it, and nothing is approved because of it.

use super::Ground;
use super::event::{Event, Stopping};
use super::line::Own;
use super::reply::{Permission, Reply};
use super::weakness;
use crate::clock;
use crate::directories;
use crate::failure::Failure;
use crate::policies::{self, Texts};
use crate::settings::Settings;
use leashd_gate::{AuditLog, Denial, Durability, Gate, Interactive, Observation, Outcome, Snapshot};
use leashd_types::{Facts, RanCall, SessionId, ToolCall};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// Projects whose rules and facts are kept.
const PROJECTS: usize = 64;
/// Tools whose input a person completes: what ran is never what was asked.
const COMPLETED_BY_PEOPLE: [&str; 2] = ["AskUserQuestion", "ExitPlanMode"];

#[derive(Debug)]
pub(super) struct Judge {
    settings: Settings,
    /// Claude Code's configuration directory.
    claude: PathBuf,
    gate: Gate,
    loaded: Mutex<HashMap<PathBuf, (Texts, Snapshot)>>,
}

impl Judge {
    pub(super) fn new(ground: Ground) -> Result<Self, Failure> {
        let Ground { settings, claude, secrets } = ground;
        let audit =
            AuditLog::open(&settings.audit_log, Durability::default(), secrets).map_err(Failure::failed)?;
        Ok(Self { settings, claude, gate: Gate::new(audit, clock::now), loaded: Mutex::default() })
    }

    /// False once the log it writes was replaced: another judge has to open it again.
    pub(super) fn is_sound(&self) -> bool {
        self.gate.audit().is_in_place()
    }

    pub(super) fn reply(&self, project: &Path, event: &[u8]) -> Result<Reply, Failure> {
        match Event::read(event)? {
            Event::Before { call, mode } => {
                let mut snapshot = self.snapshot(project)?;
                snapshot.facts.mode = mode.unwrap_or(snapshot.facts.mode);
                self.before(call, &snapshot)
            }
            Event::After { session, ran } => self.after(&session, ran),
            Event::Stop(stopping) => Ok(self.stop(project, stopping)),
            Event::StopFailure => Ok(Reply::nothing()),
        }
    }

    fn before(&self, call: ToolCall, snapshot: &Snapshot) -> Result<Reply, Failure> {
        let (session, id) = (call.session.clone(), call.id.clone());
        let reply = match self.gate.begin(call, snapshot) {
            Outcome::Permit(permit) => {
                let reason = format!("leashd: rule {}", permit.rule());
                Reply::before(Permission::Allow, &reason, Some(permit.redeem().input))
            }
            Outcome::Denied(denial) => deny(&denial)?,
            Outcome::Pending(pending) => {
                let verdict = pending.verdict();
                let reason = format!("leashd: {} (rule {})", verdict.reason, verdict.rule);
                let input = pending.input().clone();
                match self.gate.defer(pending) {
                    Ok(_) => Reply::before(Permission::Ask, &reason, Some(input)),
                    Err(denial) => deny(&denial)?,
                }
            }
        };
        // The log remembers it; whoever sees the call come back may be another process.
        self.gate.forget_call(&session, &id);
        Ok(reply)
    }

    fn after(&self, session: &SessionId, mut ran: RanCall) -> Result<Reply, Failure> {
        if COMPLETED_BY_PEOPLE.contains(&ran.tool.as_str()) {
            ran.input = None;
        }
        let tool = ran.tool.clone();
        match self.gate.observe_recorded(session, &ran) {
            Observation::Finished
            | Observation::Failed { .. }
            | Observation::Refused
            | Observation::RefusedByAgent { .. } => Ok(Reply::nothing()),
            Observation::InputChanged => Ok(Reply::stop(&format!(
                "leashd: {tool} ran with another input than was judged; another hook may have changed it. See \
                 `leashd hook status` and `leashd audit tail`"
            ))),
            Observation::RanUngated => Ok(Reply::stop(&format!(
                "leashd: {tool} ran without a permit. See `leashd hook status` and `leashd audit tail`"
            ))),
            Observation::Unrecorded { what: _, error } => Err(Failure::failed(error)),
        }
    }

    /// Stopping is always allowed. What switches hooks off or goes around them is said once a turn.
    fn stop(&self, project: &Path, stopping: Stopping) -> Reply {
        let own = Own::in_home(&self.settings.home);
        let found = weakness::find(&self.claude, Some(project), &own);
        let grave: Vec<String> =
            found.iter().filter(|weakness| weakness.is_grave()).map(ToString::to_string).collect();
        if grave.is_empty() || stopping == Stopping::Again {
            return Reply::nothing();
        }
        Reply::tell(&format!("leashd: this session is not fully guarded: {}", grave.join("; ")))
    }

    /// Everything the judgement depends on. What never changes during a session is looked up once for each project;
    /// the texts of the policies are read each time, and parsed again only when they are others.
    fn snapshot(&self, project: &Path) -> Result<Snapshot, Failure> {
        let directory = directories::real_directory(project)?;
        let texts = policies::texts(&self.settings, &[], &directory)?;
        let poisoned = |_| Failure::failed("it failed on an earlier call");
        if let Some((known, snapshot)) = self.loaded.lock().map_err(poisoned)?.get(&directory)
            && known.are_those_of(&texts)
        {
            return Ok(snapshot.clone());
        }
        let approved = directories::approved(&self.settings, &directory)?;
        let rules = Arc::new(texts.rules()?);
        let snapshot = Snapshot {
            generation: rules.generation(),
            rules,
            facts: self.facts(&directory, &approved)?,
            grants: Vec::new(),
            interactive: Interactive::Somebody,
        };
        let mut loaded = self.loaded.lock().map_err(|_| Failure::failed("it failed on an earlier call"))?;
        if loaded.len() >= PROJECTS {
            loaded.clear();
        }
        loaded.insert(directory, (texts, snapshot.clone()));
        Ok(snapshot)
    }

    fn facts(&self, directory: &Path, approved: &[PathBuf]) -> Result<Facts, Failure> {
        let mut facts = directories::facts(&self.settings, directory, approved)?;
        let settings = weakness::settings_files(&self.claude, Some(directory));
        facts.protected.extend(directories::agent_settings(settings.into_iter().map(|file| file.path))?);
        Ok(facts)
    }
}

/// A denial that could not be recorded is a failure: nothing goes on until it can.
fn deny(denial: &Denial) -> Result<Reply, Failure> {
    if denial.sequence.is_none() {
        return Err(Failure::failed(&denial.reason));
    }
    Ok(Reply::before(Permission::Deny, &denial.for_model, None))
}
