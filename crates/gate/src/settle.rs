//! The second half of a call somebody had to be asked about: the answer is checked, the call judged again, and only if
//! everything still stands as it was shown does it get its permit.

use crate::answer::{self, KeepGrant, Reading};
use crate::audit::{AuditError, Head};
use crate::calls::{Allowed, State};
use crate::decide::{self, Digests};
use crate::gate::{Letter, generation};
use crate::record::{self, Settled};
use crate::{Denial, Gate, Outcome, Pending, Snapshot};
use leashd_types::{Answer, Approver, Decision, Digest, Mode, Stage};
use serde_json::Value;

impl Gate {
    /// Applies an answer: gathers and judges again, and refuses if anything changed since the question.
    /// `digest` is the one that was shown with the question.
    pub fn settle(
        &self,
        pending: Pending,
        answer: &Answer,
        by: &Approver,
        digest: Digest,
        snapshot: &Snapshot,
    ) -> Outcome {
        let settled = Settling { gate: self, pending: &pending, answer: Some(answer), by };
        if digest != pending.digest {
            return settled.deny("the answer is to something else than what was asked", None);
        }
        if !self.is_waiting(&pending) {
            return settled.deny("the call no longer waits for an answer", None);
        }
        match answer::read(&pending, answer, by) {
            Reading::Invalid(why) => settled.deny(why, None),
            Reading::No { reason, instructions } => settled.deny(reason, instructions),
            Reading::Yes { input, mode, keep_grant } => match self.still_stands(&pending, snapshot) {
                Err(why) => settled.deny(&why, None),
                Ok(()) => settled.allow(input, mode, keep_grant),
            },
        }
    }

    /// Leaves the decision to the agent's own prompt, in a person's own session. Recorded; gives no permit.
    ///
    /// # Errors
    /// The denial to answer with when it could not be recorded.
    pub fn defer(&self, pending: Pending) -> Result<Head, Box<Denial>> {
        let settled = Settling { gate: self, pending: &pending, answer: None, by: &Approver::Deferred };
        if !self.is_waiting(&pending) {
            return Err(Box::new(settled.denial("the call no longer waits for an answer")));
        }
        let allowed = Allowed { tool: pending.call.tool.clone(), digests: pending.digests };
        settled
            .record(Decision::Ask, None, pending.digests.released, None)
            .and_then(|head| self.mark(&pending.call, State::Deferred(allowed)).map(|()| head))
            .map_err(|error| Box::new(self.unrecorded(&pending.call, &pending.facts, &error)))
    }

    /// Judges again. What a person approved must be what would run now, under the policy they were told of.
    fn still_stands(&self, pending: &Pending, snapshot: &Snapshot) -> Result<(), String> {
        if generation(snapshot) != pending.generation {
            return Err("the policy changed since it was asked".to_owned());
        }
        let now = decide::judge(&pending.call, &snapshot.rules, &snapshot.facts);
        if now.verdict.decision == Decision::Deny {
            return Err(now.verdict.reason);
        }
        if !now.stands_as(&pending.facts)
            || now.input != pending.input
            || now.verdict.band > pending.verdict.band
            || now.verdict.effects != pending.verdict.effects
        {
            return Err("what it would act on changed since it was asked".to_owned());
        }
        Ok(())
    }

    fn is_waiting(&self, pending: &Pending) -> bool {
        let Ok(calls) = self.calls() else { return false };
        calls.state(&pending.call.session, &pending.call.id) == Some(&State::Asked(pending.digest))
    }
}

/// A question and its answer.
struct Settling<'a> {
    gate: &'a Gate,
    pending: &'a Pending,
    answer: Option<&'a Answer>,
    by: &'a Approver,
}

impl Settling<'_> {
    fn allow(&self, input: Value, mode: Option<Mode>, keep_grant: KeepGrant) -> Outcome {
        let Pending { call, facts, verdict, .. } = self.pending;
        let grant = match keep_grant {
            KeepGrant::Yes => self.pending.grant.clone(),
            KeepGrant::No => None,
        };
        let id = grant.as_ref().map(|grant| grant.id.clone());
        let digests = Digests::of(call, &input);
        let head = match self.record(Decision::Allow, None, digests.released, id) {
            Ok(head) => head,
            Err(error) => return Outcome::Denied(self.gate.unrecorded(call, facts, &error)),
        };
        self.gate.release(
            call,
            facts,
            Letter { input, digests, mode, grant, via: self.by.clone(), verdict, head },
        )
    }

    fn deny(&self, reason: &str, instructions: Option<String>) -> Outcome {
        let Pending { call, facts, digests, .. } = self.pending;
        let told =
            instructions.as_deref().map_or_else(|| reason.to_owned(), |words| format!("{reason}: {words}"));
        let recorded = self
            .record(Decision::Deny, Some(told), digests.released, None)
            .and_then(|head| self.gate.mark(call, State::Denied).map(|()| head));
        Outcome::Denied(match recorded {
            Ok(head) => {
                let mut denial = self.denial(reason);
                denial.sequence = Some(head.seq);
                match instructions {
                    Some(words) => denial.with_instructions(&words),
                    None => denial,
                }
            }
            Err(error) => self.gate.unrecorded(call, facts, &error),
        })
    }

    fn denial(&self, reason: &str) -> Denial {
        let Pending { call, facts, verdict, .. } = self.pending;
        let mut verdict = verdict.clone();
        verdict.stage = Stage::Approval;
        verdict.reason = reason.to_owned();
        Denial::by_verdict(&call.id, &verdict, facts)
    }

    fn record(
        &self,
        decision: Decision,
        rejection_reason: Option<String>,
        released: Digest,
        grant: Option<String>,
    ) -> Result<Head, AuditError> {
        let Self { pending, answer, by, .. } = *self;
        let settled =
            Settled { answer, by, decision, stage: Stage::Approval, rejection_reason, released, grant };
        self.gate.append(&pending.call, record::approval(pending, settled))
    }
}
