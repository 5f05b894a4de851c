//! Puts what the gate decided into audit records.

use crate::Pending;
use crate::answer::word;
use crate::audit::{Approval, Attempt, Record};
use crate::decide::Judged;
use leashd_types::{AgentKind, Answer, Approver, Decision, Digest, Effect, Stage, ToolCall};
use std::collections::BTreeSet;

/// Commands kept of one line.
const COMMANDS: usize = 32;

/// A judged call. `decision` may be stricter than the verdict's, or an allow where a grant turned the question.
pub(crate) fn attempt(
    call: &ToolCall,
    judged: &Judged,
    decision: Decision,
    via: &Approver,
    generation: u64,
) -> Record {
    let verdict = &judged.verdict;
    let attempt = Box::new(Attempt {
        tool_name: call.tool.clone(),
        tool_input: call.input.clone(),
        classification: classification(&verdict.effects),
        risk_level: verdict.band,
        decision,
        stage: verdict.stage,
        matched_rule: verdict.rule.to_string(),
        reason: verdict.reason.clone(),
        approver_type: approver_type(via).to_owned(),
        grant: match via {
            Approver::Grant { name } => Some(name.clone()),
            _ => None,
        },
        session_mode: judged.facts.mode,
        working_directory: call.cwd.clone(),
        policy_generation: generation,
        digest: judged.digests.released,
        paths: judged.real_paths(),
        commands: verdict.commands.iter().map(|command| command.text.clone()).take(COMMANDS).collect(),
        subagent: call.subagent.as_ref().map(ToString::to_string),
        origin: matches!(call.agent, AgentKind::Hook | AgentKind::Leashd).then_some(call.agent),
    });
    if decision == Decision::Deny && verdict.stage == Stage::Sandbox {
        Record::SecurityViolation(attempt)
    } else {
        Record::ToolAttempt(attempt)
    }
}

/// What came back for a question, and what follows from it.
#[derive(Debug)]
pub(crate) struct Settled<'a> {
    pub(crate) answer: Option<&'a Answer>,
    pub(crate) by: &'a Approver,
    pub(crate) decision: Decision,
    pub(crate) stage: Stage,
    pub(crate) rejection_reason: Option<String>,
    /// Of tool and final input.
    pub(crate) released: Digest,
    pub(crate) grant: Option<String>,
}

pub(crate) fn approval(pending: &Pending, settled: Settled<'_>) -> Record {
    Record::Approval(Box::new(Approval {
        tool_name: pending.call.tool.clone(),
        approved: settled.decision == Decision::Allow,
        decision: settled.decision,
        approver_type: approver_type(settled.by).to_owned(),
        user_id: match settled.by {
            Approver::Human { user } => Some(user.to_string()),
            Approver::Ai { model } => Some(model.clone()),
            Approver::Grant { .. } | Approver::Policy | Approver::Nobody | Approver::Deferred => None,
        },
        answer: settled.answer.map_or("deferred", word).to_owned(),
        rejection_reason: settled.rejection_reason,
        grant: settled.grant,
        risk_level: pending.verdict.band,
        stage: settled.stage,
        matched_rule: pending.verdict.rule.to_string(),
        policy_generation: pending.generation.snapshot,
        digest: settled.released,
        asked_digest: pending.digest,
    }))
}

fn approver_type(approver: &Approver) -> &'static str {
    match approver {
        Approver::Human { .. } => "human",
        Approver::Ai { .. } => "ai",
        Approver::Grant { .. } => "grant",
        Approver::Policy => "policy",
        Approver::Nobody => "nobody",
        Approver::Deferred => "deferred",
    }
}

fn classification(effects: &[Effect]) -> String {
    let kinds: BTreeSet<_> = effects.iter().map(kind).collect();
    if kinds.is_empty() {
        return "none".to_owned();
    }
    kinds.into_iter().collect::<Vec<_>>().join("+")
}

fn kind(effect: &Effect) -> &'static str {
    match effect {
        Effect::Read { .. } => "read",
        Effect::Write { .. } => "write",
        Effect::Delete { .. } => "delete",
        Effect::Permissions { .. } => "permissions",
        Effect::Network { .. } => "network",
        Effect::Runs { .. } => "runs",
        Effect::Privilege { .. } => "privilege",
        Effect::Git { .. } => "git",
        Effect::Publishes { .. } => "publishes",
        Effect::Database { .. } => "database",
        Effect::Service { .. } => "service",
        Effect::System { .. } => "system",
        Effect::Secret { .. } => "secret",
        Effect::Environment { .. } => "environment",
        Effect::UnknownProgram { .. } => "unknown-program",
    }
}
