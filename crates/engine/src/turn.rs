//! One turn: a prompt and everything the agent does about it.

use leashd_types::{CallId, Event, Money, SessionId, Timestamp, ToolSummary, TurnEnd, TurnId};
use std::collections::BTreeMap;

#[derive(Debug)]
pub(crate) struct Turn {
    pub(crate) id: TurnId,
    pub(crate) started: Timestamp,
    /// The tool of each call seen in this turn.
    calls: BTreeMap<CallId, String>,
    /// Permitted calls by tool, in the order of first use.
    tools: Vec<ToolSummary>,
    last_was_denied: bool,
}

impl Turn {
    pub(crate) fn new(id: TurnId, started: Timestamp) -> Self {
        Self { id, started, calls: BTreeMap::new(), tools: Vec::new(), last_was_denied: false }
    }

    pub(crate) fn wants(&mut self, call: &CallId, tool: &str) {
        self.calls.insert(call.clone(), tool.to_owned());
    }

    pub(crate) fn tool_of(&self, call: &CallId) -> String {
        self.calls.get(call).cloned().unwrap_or_default()
    }

    pub(crate) fn allowed(&mut self, tool: &str) {
        self.last_was_denied = false;
        match self.tools.iter_mut().find(|summary| summary.tool == tool) {
            Some(summary) => summary.times = summary.times.saturating_add(1),
            None => self.tools.push(ToolSummary { tool: tool.to_owned(), times: 1 }),
        }
    }

    pub(crate) fn denied(&mut self) {
        self.last_was_denied = true;
    }

    pub(crate) fn completed(
        self,
        session: SessionId,
        end: TurnEnd,
        total_cost: Money,
        now: Timestamp,
    ) -> Event {
        Event::TurnCompleted {
            session,
            turn: self.id,
            outcome: end.outcome,
            ended_on_denial: self.last_was_denied,
            tools: self.tools,
            cost: end.cost,
            total_cost,
            usage: end.usage,
            duration_ms: u64::try_from(now.since(self.started).as_millis()).unwrap_or(u64::MAX),
        }
    }
}
