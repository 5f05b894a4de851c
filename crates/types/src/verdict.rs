//! What the judge says about a tool call, with everything needed to explain it. `explain` prints exactly this value.

use crate::{Band, Decision, Effect};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The judgement of one tool call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[must_use]
pub struct Verdict {
    pub decision: Decision,
    pub band: Band,
    /// The rule that decided.
    pub rule: RuleRef,
    /// One sentence for a person and for the model.
    pub reason: String,
    /// Which layer said it.
    pub stage: Stage,
    /// Every command that would run, in order. Empty for tools other than the shell.
    pub commands: Vec<CommandReport>,
    /// The effects of the whole call.
    pub effects: Vec<Effect>,
    pub nearest_allow: Option<NearestAllow>,
}

impl Verdict {
    /// A denial because a stage failed: a failure is an opinion, and it is the strictest one.
    pub fn failure(stage: Stage, reason: impl Into<String>) -> Self {
        Self {
            decision: Decision::Deny,
            band: Band::High,
            rule: RuleRef::floor("stage-failed"),
            reason: reason.into(),
            stage,
            commands: Vec::new(),
            effects: Vec::new(),
            nearest_allow: None,
        }
    }
}

/// Where a rule stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RuleRef {
    pub name: String,
    /// A path, the name of a built-in policy, or `floor`.
    pub source: String,
    /// 1-based; 0 where there is no file.
    pub line: u32,
}

impl RuleRef {
    /// A rule of the hard floor, which is code.
    #[must_use]
    pub fn floor(name: &str) -> Self {
        Self { name: name.to_owned(), source: "floor".to_owned(), line: 0 }
    }
}

impl fmt::Display for RuleRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(formatter, "{} ({})", self.name, self.source),
            line => write!(formatter, "{} ({}:{line})", self.name, self.source),
        }
    }
}

/// The layer an answer came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Paths outside the approved directories; facts that could not be gathered.
    Sandbox,
    Floor,
    Policy,
    /// A person, a grant, the AI reviewer, or nobody in time.
    Approval,
    /// The audit log could not be written.
    Audit,
    /// The agent, its process or its protocol misbehaved.
    Agent,
}

impl fmt::Display for Stage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Stage::Sandbox => "sandbox",
            Stage::Floor => "floor",
            Stage::Policy => "policy",
            Stage::Approval => "approval",
            Stage::Audit => "audit",
            Stage::Agent => "agent",
        })
    }
}

/// One command of a shell line and what was thought of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandReport {
    /// The words after expansion, quoted so that a person can read them; hidden characters escaped.
    pub text: String,
    /// How it is reached when not directly: `bash -c`, `$(…)`, `xargs`, …, outermost first.
    pub via: Vec<String>,
    pub effects: Vec<Effect>,
    /// What cannot be told about it.
    pub unclear: Vec<String>,
    pub decision: Decision,
    pub rule: RuleRef,
}

/// The allowing rule that came closest, and why it did not apply.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NearestAllow {
    pub rule: RuleRef,
    pub failed: String,
}
