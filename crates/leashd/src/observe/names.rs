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

/// Remembers which chat a session belongs to and which turn it is in, so that what happens in it says so.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// With an entry for every session that was opened or started.
    sessions: HashMap<SessionId, Known>,
}

#[derive(Debug, Default)]
struct Known {
    chat: Option<String>,
    turn: Option<TurnId>,
}

impl Names {
    /// The lines about one event, in order.
    pub(super) fn lines(&mut self, event: &Event) -> Vec<Entry> {
        match event {
            Event::MessageIn { session, turn, text } => {
                self.known(session).turn = Some(turn.clone());
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
                self.known(session).turn = None;
                lines
            }
            Event::Warning { session, message } => {
                vec![self.line(Level::Warning, "session_warning", session, json!({"message": message}))]
            }
            Event::SessionEnded { session, reason, failed } => {
                let level = if *failed { Level::Error } else { Level::Info };
                let fields = json!({"reason": reason, "failed": failed});
                let line = self.line(level, "session_ended", session, fields);
                self.known(session).turn = None;
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
            | Event::InteractionResolved { .. }
            | Event::AskAnswered { .. }
            | Event::AskDelivered { .. } => self.ask(event).into_iter().collect(),
            Event::SessionOpened { .. }
            | Event::SessionStarted { .. }
            | Event::SessionSwitched { .. }
            | Event::SessionCleared { .. }
            | Event::ModeChanged { .. }
            | Event::DirectoryChanged { .. }
            | Event::GrantGiven { .. }
            | Event::GrantRevoked { .. } => self.session(event).into_iter().collect(),
            Event::EngineStarted { .. }
            | Event::EngineStopped { .. }
            | Event::ConfigReloaded { .. }
            | Event::ConfigRejected { .. }
            | Event::AuthRejected { .. }
            | Event::RateLimited { .. } => daemon(event).into_iter().collect(),
        }
    }

    /// What the gate thought of one call.
    pub(super) fn evaluated(&self, evaluation: &Evaluation) -> Entry {
        let fields = json!({
            "call_id": evaluation.call, "tool": evaluation.tool, "decision": evaluation.decision,
            "rule": rule(&evaluation.rule), "band": evaluation.band.map(|band: Band| band.to_string()),
            "judge_us": evaluation.took.judge.map(micros), "total_us": micros(evaluation.took.total),
        });
        self.line(Level::Debug, "policy_evaluated", &evaluation.session, fields)
    }

    /// What a session is and may do.
    fn session(&mut self, event: &Event) -> Option<Entry> {
        Some(match event {
            Event::SessionOpened { session, chat, user, directory, workspace, mode, resumed } => {
                self.known(session).chat = Some(chat.to_string());
                let name = if *resumed { "session_restored" } else { "session_created" };
                let fields =
                    json!({"user_id": user, "directory": directory, "workspace": workspace, "mode": mode});
                self.line(Level::Info, name, session, fields)
            }
            Event::SessionStarted { session, agent, version, model, directory, containment: _ } => {
                // Where nothing opens sessions, the agent is the first sign of one.
                let opened = self.sessions.contains_key(session);
                let name = if opened { "agent_started" } else { "session_created" };
                self.known(session).turn = None;
                let fields =
                    json!({"agent": agent, "version": version, "model": model, "directory": directory});
                self.line(Level::Info, name, session, fields)
            }
            Event::SessionSwitched { chat, session } => {
                self.known(session).chat = Some(chat.to_string());
                self.line(Level::Info, "session_switched", session, json!({}))
            }
            Event::SessionCleared { session, dropped } => {
                self.known(session).turn = None;
                self.line(Level::Info, "session_cleared", session, json!({"dropped": dropped}))
            }
            Event::ModeChanged { session, mode } => {
                self.line(Level::Info, "mode_switched", session, json!({"mode": mode}))
            }
            Event::DirectoryChanged { session, directory, workspace } => {
                let fields = json!({"directory": directory, "workspace": workspace});
                self.line(Level::Info, "directory_switched", session, fields)
            }
            Event::GrantGiven { grant, session, rule, by } => {
                let fields = json!({"grant": grant, "rule": rule, "user_id": by});
                self.line(Level::Info, "grant_given", session, fields)
            }
            Event::GrantRevoked { grant, session, by } => {
                self.line(Level::Info, "grant_revoked", session, json!({"grant": grant, "user_id": by}))
            }
            _ => return None,
        })
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
            Event::AskAnswered { ask, session, answer, by } => {
                let fields = json!({"ask_id": ask, "answer": kind(answer), "by": approver(by)});
                self.line(Level::Info, "ask_answered", session, fields)
            }
            Event::AskDelivered { ask, session, chat } => {
                let fields = json!({"ask_id": ask, "delivered_to": chat.to_string()});
                self.line(Level::Debug, "ask_delivered", session, fields)
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
        let mut entry = entry(level, name, fields);
        entry.fields.insert("session_id".to_owned(), session.as_str().into());
        if let Some(known) = self.sessions.get(session) {
            let context =
                [("chat_id", known.chat.as_deref()), ("request_id", known.turn.as_ref().map(TurnId::as_str))];
            let context =
                context.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?.into())));
            entry.fields.extend(context);
        }
        entry
    }

    fn known(&mut self, session: &SessionId) -> &mut Known {
        if self.sessions.len() >= SESSIONS_MAX && !self.sessions.contains_key(session) {
            // What is in no turn first; beyond that lines lose their context and nothing else.
            self.sessions.retain(|_, known| known.turn.is_some());
            if self.sessions.len() >= SESSIONS_MAX {
                self.sessions.clear();
            }
        }
        self.sessions.entry(session.clone()).or_default()
    }
}

/// Lines that belong to no session.
fn daemon(event: &Event) -> Option<Entry> {
    Some(match event {
        Event::EngineStarted { version } => entry(Level::Info, "engine_started", json!({"version": version})),
        Event::EngineStopped { reason } => entry(Level::Info, "engine_stopped", json!({"reason": reason})),
        Event::ConfigReloaded { generation, changed } => {
            entry(Level::Info, "config_reloaded", json!({"generation": generation, "changed": changed}))
        }
        Event::ConfigRejected { reason } => entry(Level::Error, "config_rejected", json!({"reason": reason})),
        Event::AuthRejected { chat, from, form } => {
            let fields = json!({"chat_id": chat.to_string(), "user_id": from, "form": form});
            entry(Level::Warning, "auth_rejected", fields)
        }
        Event::RateLimited { chat, from, retry_after_ms } => {
            let fields =
                json!({"chat_id": chat.to_string(), "user_id": from, "retry_after_ms": retry_after_ms});
            entry(Level::Warning, "rate_limited", fields)
        }
        _ => return None,
    })
}

/// Without the fields that say nothing.
fn entry(level: Level, name: &'static str, fields: Value) -> Entry {
    let Value::Object(mut fields) = fields else {
        return Entry { level, name, fields: Map::new() };
    };
    fields.retain(|_, value| !value.is_null());
    Entry { level, name, fields }
}

fn resolved(ask: &str, outcome: &AskOutcome) -> Value {
    json!({
        "ask_id": ask, "decision": outcome.decision, "answer": kind(&outcome.answer),
        "by": approver(&outcome.by),
    })
}

/// The kind of answer; its texts are for the agent.
fn kind(answer: &Answer) -> Option<Value> {
    serde_json::to_value(answer).ok()?.get("answer").cloned()
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
