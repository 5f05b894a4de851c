//! Calls on their way through the gate: each is judged, settled and observed on a task of its own, and what comes of it goes
//! to the loop and to the agent. Decides nothing.

use crate::clock;
use crate::containment::Doors;
use crate::observe::{Evaluation, Observe, Took};
use crate::world::Mail;
use leashd_agents::{AfterDenial, Order, Reply};
use leashd_engine::{Gated, Incarnation, Input, Observed};
use leashd_gate::{Denial, Gate, Grant, Observation, Outcome, Pending, Permit, Snapshot};
use leashd_types::{
    Answer, Approver, Band, CallId, Digest, GrantRow, RanCall, RuleRef, SessionId, Stage, ToolCall, UserId,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// What one call needs on its way.
pub(crate) struct Way {
    pub(crate) gate: Arc<Gate>,
    pub(crate) observe: Observe,
    pub(crate) mail: mpsc::Sender<Mail>,
    pub(crate) session: SessionId,
    pub(crate) incarnation: Incarnation,
    pub(crate) orders: Option<mpsc::Sender<Order>>,
    pub(crate) doors: Option<Arc<Doors>>,
    pub(crate) patience: Option<Duration>,
}

/// A person's answer, or that of time.
pub(crate) struct Answered {
    pub(crate) answer: Answer,
    pub(crate) by: Approver,
    pub(crate) digest: Digest,
}

impl Way {
    pub(crate) async fn judge(self, call: ToolCall, snapshot: Snapshot) {
        let (id, tool, gate) = (call.id.clone(), call.tool.clone(), Arc::clone(&self.gate));
        let began = Instant::now();
        let judging = blocking(move || {
            let began = Instant::now();
            let mut judge = None;
            let outcome = gate.begin_watched(call, &snapshot, || judge = Some(began.elapsed()));
            (outcome, judge)
        });
        let outcome = judging.await.map(|(outcome, judge)| {
            let took = Took { judge, total: began.elapsed() };
            self.observe.evaluated(&Evaluation::of(&self.session, &id, tool, &outcome, took));
            outcome
        });
        let reply = match outcome {
            Ok(Outcome::Pending(pending)) => {
                let (session, incarnation) = (self.session.clone(), self.incarnation);
                let patience = self.patience;
                return self.send(Mail::Asked { session, incarnation, pending, patience }).await;
            }
            Ok(Outcome::Permit(permit)) => {
                let gated = Gated::Allowed { rule: permit.rule().clone(), via: permit.via().clone() };
                self.judged(&id, gated).await;
                self.allow(permit)
            }
            Ok(Outcome::Denied(denial)) => {
                self.judged(&id, denied(&denial)).await;
                deny(denial)
            }
            Err(reason) => {
                self.judged(&id, crashed(&reason)).await;
                Reply::Deny { message: reason, then: AfterDenial::Continue }
            }
        };
        self.hand_over(id, reply).await;
    }

    pub(crate) async fn settle(self, pending: Pending, snapshot: Snapshot, answered: Answered) {
        let Answered { answer, by, digest } = answered;
        let (call, gate) = (pending.call().id.clone(), Arc::clone(&self.gate));
        let (said, who) = (answer.clone(), by.clone());
        let outcome = blocking(move || gate.settle(pending, &said, &who, digest, &snapshot)).await;
        let (gated, reply) = match outcome {
            Ok(Outcome::Permit(permit)) => {
                if let Some(grant) = permit.grant() {
                    self.send(Mail::Input(Input::Granted(grant_row(grant, &by)))).await;
                }
                if let Some(mode) = permit.mode() {
                    self.send(Mail::Input(Input::Approved { session: self.session.clone(), mode })).await;
                }
                let via = permit.via().clone();
                (Gated::Allowed { rule: permit.rule().clone(), via }, self.allow(permit))
            }
            Ok(Outcome::Denied(denial)) => (denied(&denial), deny(denial)),
            Ok(Outcome::Pending(again)) => {
                drop(again);
                unsettled("the call could not be settled".to_owned())
            }
            Err(reason) => unsettled(reason),
        };
        self.hand_over(call.clone(), reply).await;
        self.settled(call, gated, answer, by).await;
    }

    /// There is nothing to be settled any more: the agent that asked is gone.
    pub(crate) async fn nothing_waits(self, call: CallId, answered: Answered) {
        let gated = crashed("the agent that asked is gone");
        self.settled(call, gated, answered.answer, answered.by).await;
    }

    pub(crate) async fn observe(self, ran: RanCall) {
        let (call, tool) = (ran.id.clone(), ran.tool.clone());
        let (gate, id) = (Arc::clone(&self.gate), self.session.clone());
        let observed = match blocking(move || gate.observe(&id, &ran)).await {
            Ok(observation) => observed(call, tool, observation),
            Err(reason) => Observed::RecordFailed { reason },
        };
        let (session, incarnation) = (self.session.clone(), self.incarnation);
        self.send(Mail::Input(Input::Observed { session, incarnation, observed })).await;
    }

    async fn judged(&self, call: &CallId, gated: Gated) {
        let (session, incarnation, call) = (self.session.clone(), self.incarnation, call.clone());
        self.send(Mail::Input(Input::Judged { session, incarnation, call, gated })).await;
    }

    async fn settled(&self, call: CallId, gated: Gated, answer: Answer, by: Approver) {
        let (session, incarnation) = (self.session.clone(), self.incarnation);
        self.send(Mail::Input(Input::Settled { session, incarnation, call, gated, answer, by })).await;
    }

    /// What was permitted has to be possible by the time the agent hears of it.
    fn allow(&self, permit: Permit) -> Reply {
        if let Some(doors) = &self.doors {
            doors.open(&permit);
        }
        Reply::Allow(Box::new(permit))
    }

    async fn hand_over(&self, call: CallId, reply: Reply) {
        let left = match &self.doors {
            Some(doors) => doors.answer(&call, reply),
            None => Some(reply),
        };
        let Some(reply) = left else { return };
        if let Some(orders) = &self.orders {
            // An agent that is gone waits for no reply.
            drop(orders.send(Order::Reply { call, reply }).await);
        }
    }

    async fn send(&self, letter: Mail) {
        // The loop is gone only when the process is going down, and then nothing may run anyway.
        drop(self.mail.send(letter).await);
    }
}

/// The gate does short file work and waits for the disk: never on the loop's thread. A panic in it is a denial.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    tokio::task::spawn_blocking(work).await.map_err(|error| format!("the gate failed: {error}"))
}

fn grant_row(grant: &Grant, by: &Approver) -> GrantRow {
    let by = match by {
        Approver::Human { user } => user.clone(),
        Approver::Ai { .. }
        | Approver::Grant { .. }
        | Approver::Policy
        | Approver::Nobody
        | Approver::Deferred => UserId::new("leashd"),
    };
    GrantRow {
        id: grant.id.clone(),
        session: grant.session.clone(),
        rule: grant.rule.clone(),
        by,
        given: clock::now(),
        revoked: None,
        // What cannot be written down opens nothing when it is read.
        body: serde_json::to_value(grant).unwrap_or_default(),
    }
}

fn unsettled(reason: String) -> (Gated, Reply) {
    (crashed(&reason), Reply::Deny { message: reason, then: AfterDenial::Continue })
}

fn deny(denial: Denial) -> Reply {
    Reply::Deny { message: denial.for_model, then: AfterDenial::Continue }
}

fn denied(denial: &Denial) -> Gated {
    Gated::Denied {
        rule: denial.rule.clone(),
        stage: denial.stage,
        band: denial.band,
        reason: denial.reason.clone(),
    }
}

fn crashed(reason: &str) -> Gated {
    Gated::Denied {
        rule: RuleRef::floor("stage-failed"),
        stage: Stage::Policy,
        band: Band::High,
        reason: reason.to_owned(),
    }
}

fn observed(call: CallId, tool: String, observation: Observation) -> Observed {
    match observation {
        Observation::Finished => Observed::Finished { call, tool, failed: None },
        Observation::Failed { message } => Observed::Finished { call, tool, failed: Some(message) },
        Observation::Refused => Observed::Noted,
        Observation::RefusedByAgent { message } => Observed::RefusedByAgent { call, tool, message },
        Observation::InputChanged => Observed::InputChanged { call, tool },
        Observation::RanUngated => Observed::RanUngated { call, tool },
        Observation::Unrecorded { what: _, error } => Observed::RecordFailed { reason: error.to_string() },
    }
}
