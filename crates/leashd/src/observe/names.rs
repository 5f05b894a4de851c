//! What the log says about an event: its name there, its level, its fields. Texts of people and agents are left out, only
//! their length is said; commands and reasons are there from DEBUG on. Knows no file.

use super::Evaluation;
use super::log::Level;
use leashd_types::{
    Answer, Approver, Ask, AskKind, AskOutcome, Band, Event, RuleRef, SessionId, Stage, TurnId, TurnOutcome,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// Sessions whose running turn is remembered.
const SESSIONS_MAX: usize = 4096;

/// A line without its time.
#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) level: Level,
    pub(super) name: &'static str,
    pub(super) fields: Map<String, Value>,
}

/// Remembers which turn a session is in, so that what happens in it carries its id.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// With an entry for every session that was started.
    turns: HashMap<SessionId, Option<TurnId>>,
}

/// A line with the event's own name and fields.
fn plain(event: &Event) -> Entry {
    let mut fields = match serde_json::to_value(event) {
        Ok(Value::Object(fields)) => fields,
        Ok(_) | Err(_) => Map::new(),
    };
    // The name stands beside them, and an answer may hold what a person wrote.
    for left_out in ["event", "answer"] {
        fields.remove(left_out);
    }
    Entry { level: Level::Info, name: super::events::name(event), fields }
}

impl Names {
    /// The lines about one event, in order.
    pub(super) fn lines(&mut self, event: &Event) -> Vec<Entry> {
        match event {
            Event::SessionStarted { session, agent, version, model, directory } => {
                let again = self.turns.contains_key(session);
                self.remember(session, None);
                let name = if again { "session_restored" } else { "session_created" };
                let fields =
                    json!({"agent": agent, "version": version, "model": model, "directory": directory});
                vec![self.line(Level::Info, name, session, fields)]
            }
            Event::MessageIn { session, turn, text } => {
                self.remember(session, Some(turn.clone()));
                vec![
                    self.line(Level::Info, "request_started", session, json!({"length": text.len()})),
                    self.line(Level::Info, "agent_execute_started", session, json!({})),
                ]
            }
            Event::MessageQueued { session, waiting, preview: _ } => {
                vec![self.line(Level::Info, "message_queued", session, json!({"waiting": waiting}))]
            }
            Event::MessageOut { session, text } => {
                vec![self.line(Level::Debug, "message_out", session, json!({"length": text.len()}))]
            }
            Event::Interrupted { session, turn: _ } => {
                vec![self.line(Level::Info, "execution_interrupted", session, json!({}))]
            }
            Event::Retry { session, attempt, max_attempts, error } => {
                let fields = json!({"attempt": attempt, "max_attempts": max_attempts, "error": error});
                vec![self.line(Level::Warning, "session_retry", session, fields)]
            }
            Event::TurnCompleted { session, .. } => {
                let lines = self.turn_completed(session, event);
                self.remember(session, None);
                lines
            }
            Event::Warning { session, message } => {
                vec![self.line(Level::Warning, "session_warning", session, json!({"message": message}))]
            }
            Event::SessionEnded { session, reason, failed } => {
                let level = if *failed { Level::Error } else { Level::Info };
                let fields = json!({"reason": reason, "failed": failed});
                let line = self.line(level, "session_ended", session, fields);
                self.remember(session, None);
                vec![line]
            }
            Event::ToolGated { .. }
            | Event::ToolAllowed { .. }
            | Event::ToolDenied { .. }
            | Event::ToolFinished { .. }
            | Event::ToolRefusedByAgent { .. }
            | Event::ToolRanUngated { .. } => self.tool(event).into_iter().collect(),
            Event::ApprovalRequested { .. }
            | Event::ApprovalResolved { .. }
            | Event::InteractionRequested { .. }
            | Event::InteractionResolved { .. } => self.ask(event).into_iter().collect(),
            Event::EngineStarted { .. }
            | Event::EngineStopped { .. }
            | Event::ConfigReloaded { .. }
            | Event::ConfigRejected { .. }
            | Event::AuthRejected { .. }
            | Event::RateLimited { .. }
            | Event::SessionOpened { .. }
            | Event::SessionSwitched { .. }
            | Event::SessionCleared { .. }
            | Event::ModeChanged { .. }
            | Event::DirectoryChanged { .. }
            | Event::AskAnswered { .. }
            | Event::AskDelivered { .. }
            | Event::GrantGiven { .. }
            | Event::GrantRevoked { .. } => vec![plain(event)],
        }
    }

    /// What the gate thought of one call.
    pub(super) fn evaluated(&self, evaluation: &Evaluation) -> Entry {
        let fields = json!({
            "call_id": evaluation.call, "tool": evaluation.tool, "decision": evaluation.decision,
            "rule": rule(&evaluation.rule), "band": evaluation.band.map(|band: Band| band.to_string()),
            "judge_us": evaluation.judge.map(micros), "total_us": micros(evaluation.total),
        });
        self.line(Level::Debug, "policy_evaluated", &evaluation.session, fields)
    }

    fn tool(&self, event: &Event) -> Option<Entry> {
        Some(match event {
            Event::ToolGated { session, call, tool, summary, subagent } => {
                let fields = json!({"call_id": call, "tool": tool, "summary": summary, "subagent": subagent});
                self.line(Level::Debug, "tool_gated", session, fields)
            }
            Event::ToolAllowed { session, call, tool, rule: by, via } => {
                let (level, name) = match via {
                    Approver::Policy | Approver::Deferred => (Level::Debug, "tool_allowed"),
                    Approver::Human { .. } | Approver::Nobody => (Level::Info, "tool_allowed"),
                    Approver::Grant { .. } => (Level::Info, "tool_auto_approved"),
                    Approver::Ai { .. } => (Level::Info, "auto_approver_decision"),
                };
                let fields = json!({"call_id": call, "tool": tool, "rule": rule(by), "via": approver(via)});
                self.line(level, name, session, fields)
            }
            Event::ToolDenied { session, call, tool, rule: by, stage, band, reason, via } => {
                let name = if *stage == Stage::Sandbox { "sandbox_path_denied" } else { "tool_denied" };
                let fields = json!({
                    "call_id": call, "tool": tool, "rule": rule(by), "stage": stage, "band": band,
                    "reason": reason, "via": approver(via),
                });
                self.line(Level::Warning, name, session, fields)
            }
            Event::ToolFinished { session, call, tool, failed } => {
                let fields = json!({"call_id": call, "tool": tool, "failed": failed});
                self.line(Level::Debug, "tool_finished", session, fields)
            }
            Event::ToolRefusedByAgent { session, call, tool, message } => {
                let fields = json!({"call_id": call, "tool": tool, "message": message});
                self.line(Level::Info, "tool_refused_by_agent", session, fields)
            }
            Event::ToolRanUngated { session, call, tool } => {
                let fields = json!({"call_id": call, "tool": tool});
                self.line(Level::Error, "tool_ran_ungated", session, fields)
            }
            _ => return None,
        })
    }

    fn ask(&self, event: &Event) -> Option<Entry> {
        Some(match event {
            Event::ApprovalRequested { ask } => self.requested("approval_requested", ask),
            Event::InteractionRequested { ask } => self.requested("interaction_requested", ask),
            Event::ApprovalResolved { ask, session, outcome } => {
                let name = match outcome.answer {
                    Answer::Expired => "approval_timeout",
                    _ => "approval_resolved",
                };
                self.line(Level::Info, name, session, resolved(ask.as_str(), outcome))
            }
            Event::InteractionResolved { ask, session, outcome } => {
                let name = match outcome.answer {
                    Answer::Expired => "interaction_timeout",
                    _ => "interaction_resolved",
                };
                self.line(Level::Info, name, session, resolved(ask.as_str(), outcome))
            }
            _ => return None,
        })
    }

    fn requested(&self, name: &'static str, ask: &Ask) -> Entry {
        let mut fields = json!({"ask_id": ask.id, "expires": ask.expires, "kind": "confirmation"});
        let more = match &ask.kind {
            AskKind::Approval { call, verdict, .. } => json!({
                "kind": "approval", "call_id": call.id, "tool": call.tool,
                "rule": rule(&verdict.rule), "band": verdict.band,
            }),
            AskKind::PlanReview { call, .. } => json!({"kind": "plan-review", "call_id": call.id}),
            AskKind::Question { call, .. } => json!({"kind": "question", "call_id": call.id}),
            AskKind::Confirmation { .. } => json!({}),
        };
        if let (Value::Object(fields), Value::Object(more)) = (&mut fields, more) {
            fields.extend(more);
        }
        self.line(Level::Info, name, &ask.session, fields)
    }

    fn turn_completed(&self, session: &SessionId, event: &Event) -> Vec<Entry> {
        let Event::TurnCompleted { outcome, ended_on_denial, tools, cost, total_cost, duration_ms, .. } =
            event
        else {
            return Vec::new();
        };
        let (level, name, why) = match outcome {
            TurnOutcome::Completed => (Level::Info, "request_completed", None),
            TurnOutcome::Interrupted => (Level::Info, "request_completed", Some("interrupted".to_owned())),
            TurnOutcome::MaxTurns => (Level::Warning, "request_failed", Some("max-turns".to_owned())),
            TurnOutcome::BudgetExhausted => {
                (Level::Warning, "request_failed", Some("budget-exhausted".to_owned()))
            }
            TurnOutcome::ApiError { status, message } => {
                let status = status.map_or_else(String::new, |status| format!(" {status}"));
                (Level::Error, "request_failed", Some(format!("api error{status}: {message}")))
            }
            TurnOutcome::Failed { message } => (Level::Error, "request_failed", Some(message.clone())),
        };
        let calls: u64 = tools.iter().map(|tool| u64::from(tool.times)).sum();
        let executed = json!({"duration_ms": duration_ms, "cost": cost.to_string(), "tool_calls": calls});
        let ended = json!({
            "duration_ms": duration_ms, "cost": cost.to_string(), "total_cost": total_cost.to_string(),
            "ended_on_denial": ended_on_denial, "outcome": why,
        });
        vec![
            self.line(Level::Info, "agent_execute_completed", session, executed),
            self.line(level, name, session, ended),
        ]
    }

    fn line(&self, level: Level, name: &'static str, session: &SessionId, fields: Value) -> Entry {
        let Value::Object(mut fields) = fields else {
            return Entry { level, name, fields: Map::new() };
        };
        fields.retain(|_, value| !value.is_null());
        fields.insert("session_id".to_owned(), session.as_str().into());
        if let Some(Some(turn)) = self.turns.get(session) {
            fields.insert("request_id".to_owned(), turn.as_str().into());
        }
        Entry { level, name, fields }
    }

    fn remember(&mut self, session: &SessionId, turn: Option<TurnId>) {
        if self.turns.len() >= SESSIONS_MAX && !self.turns.contains_key(session) {
            // What is in no turn first; beyond that lines lose their request's id and nothing else.
            self.turns.retain(|_, turn| turn.is_some());
            if self.turns.len() >= SESSIONS_MAX {
                self.turns.clear();
            }
        }
        self.turns.insert(session.clone(), turn);
    }
}

fn resolved(ask: &str, outcome: &AskOutcome) -> Value {
    // The kind of answer; its texts are for the agent.
    let answer = serde_json::to_value(&outcome.answer).ok();
    let answer = answer.as_ref().and_then(|answer| answer.get("answer")).cloned();
    json!({"ask_id": ask, "decision": outcome.decision, "answer": answer, "by": approver(&outcome.by)})
}

fn rule(rule: &RuleRef) -> String {
    rule.to_string()
}

fn approver(via: &Approver) -> String {
    match via {
        Approver::Human { user } => format!("human {user}"),
        Approver::Ai { model } => format!("ai {model}"),
        Approver::Grant { name } => format!("grant {name}"),
        Approver::Policy => "policy".to_owned(),
        Approver::Nobody => "nobody".to_owned(),
        Approver::Deferred => "deferred".to_owned(),
    }
}

fn micros(took: std::time::Duration) -> u64 {
    u64::try_from(took.as_micros()).unwrap_or(u64::MAX)
}
