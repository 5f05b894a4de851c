//! The reference monitor itself: one readable path from a tool call to a permit.
//!
//! [`Gate::begin`]: register the call, judge it (facts and verdict), look for a grant, record, release.
//! [`Gate::settle`]: check the answer, judge again, compare with what was asked, record, release.
//! [`Gate::observe`]: compare what ran with what was released.
//! Whatever goes wrong on the way is a denial that names the stage. Nothing leaves without its audit entry.

use crate::audit::{AuditError, AuditLog, Head, Record};
use crate::calls::{Allowed, Calls, State};
use crate::decide::{self, Digests, Judged, Line};
use crate::pending::{self, Generation};
use crate::record;
use crate::{Denial, Grant, Outcome, Pending, Permit, Released};
use leashd_policy::Rules;
use leashd_types::{
    AgentKind, Approver, CallId, Decision, Facts, Mode, NETWORK_TOOL, SessionId, Stage, Timestamp, ToolCall,
    Verdict,
};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard};

/// Bytes of a tool's name.
const TOOL_NAME: usize = 256;

/// One gate per process: the audit log and the clock, and which calls it let out.
#[derive(Debug)]
pub struct Gate {
    pub(crate) audit: AuditLog,
    clock: fn() -> Timestamp,
    calls: Mutex<Calls>,
}

/// Everything a judgement depends on, as it was at one moment.
#[derive(Clone, Debug)]
pub struct Snapshot {
    pub rules: Arc<Rules>,
    /// The session's standing facts, without answers.
    pub facts: Facts,
    pub grants: Vec<Grant>,
    /// Of the policy. Giving or revoking a grant does not change it; it is in every audit entry, and an answer to
    /// a question of another generation is refused.
    pub generation: u64,
    pub interactive: Interactive,
}

/// Whether anybody can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interactive {
    Somebody,
    /// No terminal, an unattended run without reviewer: what would ask is denied at once.
    Nobody,
}

impl Gate {
    #[must_use]
    pub fn new(audit: AuditLog, clock: fn() -> Timestamp) -> Gate {
        Gate { audit, clock, calls: Mutex::default() }
    }

    /// Judges a call. Never waits for anybody.
    pub fn begin(&self, call: ToolCall, snapshot: &Snapshot) -> Outcome {
        self.begin_watched(call, snapshot, || ())
    }

    /// The same; `has_judged` is called between the verdict and its record, for whoever measures. A call that is refused
    /// unjudged has no such moment.
    pub fn begin_watched(&self, call: ToolCall, snapshot: &Snapshot, has_judged: impl FnOnce()) -> Outcome {
        if let Err(why) = self.register(&call) {
            return self.refuse_call(&call, snapshot, why);
        }
        let judged = decide::judge(&call, &snapshot.rules, &snapshot.facts);
        has_judged();
        match judged.verdict.decision {
            Decision::Deny => self.deny(&call, &judged, snapshot),
            Decision::Allow | Decision::Ask if pending::is_for_a_person(&call.tool) => {
                self.ask(call, judged, snapshot)
            }
            Decision::Allow => self.allow(&call, judged, snapshot, Approver::Policy),
            Decision::Ask => match snapshot.grants.iter().find(|grant| grant.covers(&call, &judged)) {
                Some(grant) => {
                    let via = Approver::Grant { name: grant.id.clone() };
                    self.allow(&call, judged, snapshot, via)
                }
                None => self.ask(call, judged, snapshot),
            },
        }
    }

    /// Forgets the calls of a session that is over.
    pub fn forget(&self, session: &SessionId) {
        if let Ok(mut calls) = self.calls.lock() {
            calls.forget(session);
        }
    }

    /// Forgets one call. What became of it is left to [`Gate::observe_recorded`], which asks the log.
    pub fn forget_call(&self, session: &SessionId, call: &CallId) {
        if let Ok(mut calls) = self.calls.lock() {
            calls.forget_call(session, call);
        }
    }

    /// Records something that is not a tool call.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn record(&self, session: Option<&SessionId>, record: Record) -> Result<Head, AuditError> {
        self.audit.append((self.clock)(), session, None, record)
    }

    /// The same for what belongs to a call and is no judgement of it.
    ///
    /// # Errors
    /// When it could not be written.
    pub fn record_for(
        &self,
        session: Option<&SessionId>,
        call: Option<&CallId>,
        record: Record,
    ) -> Result<Head, AuditError> {
        self.audit.append((self.clock)(), session, call, record)
    }

    #[must_use]
    pub fn audit(&self) -> &AuditLog {
        &self.audit
    }

    fn allow(&self, call: &ToolCall, judged: Judged, snapshot: &Snapshot, via: Approver) -> Outcome {
        let attempt = record::attempt(call, &judged, Decision::Allow, &via, snapshot.generation);
        let head = match self.append(call, attempt) {
            Ok(head) => head,
            Err(error) => return Outcome::Denied(self.unrecorded(call, &judged.facts, &error)),
        };
        let Judged { facts, verdict, input, digests, .. } = judged;
        self.release(
            call,
            &facts,
            Letter { input, digests, mode: None, grant: None, via, verdict: &verdict, head },
        )
    }

    fn ask(&self, call: ToolCall, mut judged: Judged, snapshot: &Snapshot) -> Outcome {
        if snapshot.interactive == Interactive::Nobody {
            judged.verdict.stage = Stage::Approval;
            let why = match pending::is_for_a_person(&call.tool) {
                true => "Only a person can answer this",
                false => judged.verdict.reason.as_str(),
            };
            judged.verdict.reason = format!("{why}, and there is nobody to ask");
            return self.deny_via(&call, &judged, snapshot, &Approver::Nobody);
        }
        let kind = match pending::kind_of(&call, &judged.verdict, judged.facts.containment) {
            Ok(kind) => kind,
            Err(why) => {
                judged.verdict = Verdict::failure(Stage::Agent, why);
                return self.deny(&call, &judged, snapshot);
            }
        };
        let attempt = record::attempt(&call, &judged, Decision::Ask, &Approver::Policy, snapshot.generation);
        let facts = judged.facts.clone();
        let generation = generation(snapshot);
        let pending = Pending::new(call, judged, kind, generation);
        let recorded = self.append(&pending.call, attempt);
        match recorded.and_then(|_| self.mark(&pending.call, State::Asked(pending.digest))) {
            Ok(()) => Outcome::Pending(pending),
            Err(error) => Outcome::Denied(self.unrecorded(&pending.call, &facts, &error)),
        }
    }

    fn deny(&self, call: &ToolCall, judged: &Judged, snapshot: &Snapshot) -> Outcome {
        self.deny_via(call, judged, snapshot, &Approver::Policy)
    }

    fn deny_via(&self, call: &ToolCall, judged: &Judged, snapshot: &Snapshot, via: &Approver) -> Outcome {
        let attempt = record::attempt(call, judged, Decision::Deny, via, snapshot.generation);
        let mut denial = Denial::by_verdict(&call.id, &judged.verdict, &judged.facts);
        let recorded =
            self.append(call, attempt).and_then(|head| self.mark(call, State::Denied).map(|()| head));
        match recorded {
            Ok(head) => denial.sequence = Some(head.seq),
            Err(error) => denial = self.unrecorded(call, &judged.facts, &error),
        }
        Outcome::Denied(denial)
    }

    /// A call that is not even judged. The state of an earlier call with its id stays as it is.
    fn refuse_call(&self, call: &ToolCall, snapshot: &Snapshot, why: String) -> Outcome {
        let judged = Judged {
            plan: None,
            facts: snapshot.facts.clone(),
            verdict: Verdict::failure(Stage::Agent, why),
            input: call.input.clone(),
            digests: Digests::of(call, &call.input),
            line: Line::Unclear,
        };
        let attempt = record::attempt(call, &judged, Decision::Deny, &Approver::Policy, snapshot.generation);
        let mut denial = Denial::by_verdict(&call.id, &judged.verdict, &judged.facts);
        match self.append(call, attempt) {
            Ok(head) => denial.sequence = Some(head.seq),
            Err(error) => denial = self.unrecorded(call, &judged.facts, &error),
        }
        Outcome::Denied(denial)
    }

    /// The only place that makes a permit. Its audit entry is already written.
    pub(crate) fn release(&self, call: &ToolCall, facts: &Facts, letter: Letter<'_>) -> Outcome {
        let Letter { input, digests, mode, grant, via, verdict, head } = letter;
        let allowed = Allowed { tool: call.tool.clone(), digests };
        if let Err(error) = self.mark(call, State::Permitted(allowed)) {
            return Outcome::Denied(self.unrecorded(call, facts, &error));
        }
        Outcome::Permit(Permit {
            session: call.session.clone(),
            released: Released {
                call: call.id.clone(),
                tool: call.tool.clone(),
                input,
                digest: digests.released,
                mode,
            },
            rule: verdict.rule.clone(),
            via,
            sequence: head.seq,
            grant,
            effects: verdict.effects.clone(),
        })
    }

    fn register(&self, call: &ToolCall) -> Result<(), String> {
        if !call.input.is_object() {
            return Err("its input is not a JSON object".to_owned());
        }
        if call.tool.is_empty() || call.tool.len() > TOOL_NAME {
            return Err(format!("its tool name is empty or longer than {TOOL_NAME} bytes"));
        }
        if (call.agent == AgentKind::Leashd) != (call.tool == NETWORK_TOOL) {
            return Err(format!(
                "`{NETWORK_TOOL}` is what leashd itself asks with, and no agent has such a tool"
            ));
        }
        if !call.cwd.is_absolute() {
            return Err("its directory is not absolute".to_owned());
        }
        self.calls
            .lock()
            .map_err(|_| "the gate failed on an earlier call".to_owned())?
            .begin(&call.session, &call.id)
    }

    pub(crate) fn append(&self, call: &ToolCall, record: Record) -> Result<Head, AuditError> {
        self.append_for(&call.session, &call.id, record)
    }

    pub(crate) fn append_for(
        &self,
        session: &SessionId,
        call: &CallId,
        record: Record,
    ) -> Result<Head, AuditError> {
        self.audit.append((self.clock)(), Some(session), Some(call), record)
    }

    pub(crate) fn mark(&self, call: &ToolCall, state: State) -> Result<(), AuditError> {
        self.calls()?.set(&call.session, &call.id, state);
        Ok(())
    }

    /// A thread that died holding the calls may have left them half changed: then nothing may run any more.
    pub(crate) fn calls(&self) -> Result<MutexGuard<'_, Calls>, AuditError> {
        self.calls.lock().map_err(|_| AuditError::Suspect { path: self.audit.path().to_owned() })
    }

    /// No record, no permit.
    pub(crate) fn unrecorded(&self, call: &ToolCall, facts: &Facts, error: &AuditError) -> Denial {
        // If even this fails nothing can be permitted any more, which is what it would have said.
        drop(self.mark(call, State::Denied));
        Denial::by_verdict(&call.id, &Verdict::failure(Stage::Audit, error.to_string()), facts)
    }
}

/// What a permit is made of.
#[derive(Debug)]
pub(crate) struct Letter<'a> {
    pub(crate) input: Value,
    pub(crate) digests: Digests,
    pub(crate) mode: Option<Mode>,
    pub(crate) grant: Option<Grant>,
    pub(crate) via: Approver,
    pub(crate) verdict: &'a Verdict,
    pub(crate) head: Head,
}

pub(crate) fn generation(snapshot: &Snapshot) -> Generation {
    Generation { snapshot: snapshot.generation, rules: snapshot.rules.generation() }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
