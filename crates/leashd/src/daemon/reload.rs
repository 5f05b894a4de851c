//! Reading settings and policies again while sessions run: everything is checked first, then everything is swapped. What
//! is broken changes nothing and is said.

use super::api::{LastReload, Reloaded};
use super::{ready, watching};
use crate::clock;
use crate::failure::Failure;
use crate::observe::Observe;
use crate::policies;
use crate::settings::Settings;
use leashd_gate::Gate;
use leashd_gate::audit::Record;
use leashd_policy::Rules;
use leashd_types::Event;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One reading of everything. Sessions that run keep theirs.
#[derive(Debug)]
pub(crate) struct Generation {
    pub(crate) settings: Settings,
    /// Of the policies, as far as they belong to no project.
    pub(crate) number: u64,
}

pub(super) struct Reloader {
    current: Mutex<Arc<Generation>>,
    last: Mutex<Option<LastReload>>,
    project: PathBuf,
    observe: Observe,
    gate: Arc<Gate>,
}

impl Reloader {
    pub(super) fn new(
        (settings, project): (Settings, PathBuf),
        observe: Observe,
        gate: Arc<Gate>,
    ) -> Result<Self, Failure> {
        let current = Mutex::new(Arc::new(generation(settings)?));
        Ok(Self { current, last: Mutex::default(), project, observe, gate })
    }

    /// What sessions begin with now.
    pub(super) fn current(&self) -> Arc<Generation> {
        Arc::clone(&locked(&self.current))
    }

    pub(super) fn last(&self) -> Option<LastReload> {
        locked(&self.last).clone()
    }

    /// Reads everything again.
    pub(super) async fn reload(&self) -> Result<Reloaded, Failure> {
        ready::reloading();
        // Short file work, but the disk may be slow.
        let project = self.project.clone();
        let read = tokio::task::spawn_blocking(move || generation(Settings::for_project(&project)?)).await;
        let result = match read {
            Ok(result) => result,
            Err(error) => Err(Failure::failed(format!("reading the settings failed: {error}"))),
        };
        ready::reloaded();
        let outcome = match result {
            Ok(fresh) => Ok(self.swap(fresh)),
            Err(failure) => Err(failure),
        };
        let rejected = outcome.as_ref().err().map(|failure| failure.message.clone());
        if let Some(reason) = &rejected {
            self.observe.publish(Event::ConfigRejected { reason: reason.clone() });
        }
        *locked(&self.last) = Some(LastReload { at: clock::now(), rejected });
        outcome
    }

    fn swap(&self, fresh: Generation) -> Reloaded {
        let before = self.current();
        let changed = changes(&before, &fresh);
        let generation = fresh.number;
        watching::adjust(&self.observe, &fresh.settings);
        *locked(&self.current) = Arc::new(fresh);
        let what = if changed.is_empty() { "nothing changed".to_owned() } else { changed.join(", ") };
        let record = Record::Config { what, policy_generation: generation, user_id: None };
        // What takes effect is judged by the gate of each session, which records the generation with every call.
        drop(self.gate.record(None, record));
        self.observe.publish(Event::ConfigReloaded { generation, changed: changed.clone() });
        Reloaded { generation, changed }
    }
}

/// Settings whose policies load.
fn generation(settings: Settings) -> Result<Generation, Failure> {
    let rules: Rules = policies::load(&settings, &[], Path::new("/"))?;
    Ok(Generation { settings, number: rules.generation() })
}

/// Names of what is not as it was.
fn changes(before: &Generation, after: &Generation) -> Vec<String> {
    let mut changed = Vec::new();
    if before.number != after.number {
        changed.push("policies".to_owned());
    }
    let (before, after) = (&before.settings, &after.settings);
    let texts = [
        ("approved_directories", before.approved_directories == after.approved_directories),
        ("policy_files", before.policy_files == after.policy_files),
        ("max_turns", before.max_turns == after.max_turns),
        ("system_prompt", before.system_prompt == after.system_prompt),
        ("mcp_servers", before.mcp_servers == after.mcp_servers),
        ("approval_timeout", before.approval_timeout == after.approval_timeout),
        ("interaction_timeout", before.interaction_timeout == after.interaction_timeout),
        ("agent_timeout", before.agent_timeout == after.agent_timeout),
        ("default_mode", before.default_mode == after.default_mode),
        ("sandbox", before.sandbox == after.sandbox),
        ("toolchains", before.toolchains == after.toolchains),
        ("log_level", before.log.level == after.log.level),
        ("max_agents", before.daemon.max_agents == after.daemon.max_agents),
        ("telegram", before.telegram == after.telegram),
        ("rate_limit", before.daemon.requests_per_minute == after.daemon.requests_per_minute),
    ];
    let fixed = [
        ("storage", before.storage == after.storage),
        ("audit_log", before.audit_log == after.audit_log),
        ("log_dir", before.log.directory == after.log.directory),
        ("webhooks", before.daemon.webhooks == after.daemon.webhooks),
    ];
    changed.extend(texts.into_iter().filter(|(_, same)| !same).map(|(name, _)| name.to_owned()));
    let later = fixed.into_iter().filter(|(_, same)| !same);
    changed.extend(later.map(|(name, _)| format!("{name} (with the next leashd restart)")));
    changed
}

fn locked<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
