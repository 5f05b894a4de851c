//! One turn: a prompt and everything the agent does about it, retries included.

use crate::texts::append_bounded;
use leashd_types::{
    Attachment, CallId, Event, MessageRow, Money, SessionId, Timestamp, ToolSummary, TurnEnd, TurnId,
    TurnOutcome, Usage,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Said instead of the message when the agent had begun before its API failed.
const GO_ON: &str = "The request to the model failed in between. Go on where you were.";

#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) id: TurnId,
    pub(crate) started: Timestamp,
    /// What the turn is about; none if the agent began by itself.
    pub(crate) messages: Vec<Arc<MessageRow>>,
    /// The agent's text so far.
    pub(crate) answer: String,
    pub(crate) cost: Money,
    /// Failed attempts.
    pub(crate) attempts: u32,
    /// When the next attempt is due; the agent rests until then.
    pub(crate) retry_at: Option<Timestamp>,
    /// Why leashd ends it, if it does.
    pub(crate) ending: Option<TurnOutcome>,
    /// The tool of each call seen and not taken back.
    calls: BTreeMap<CallId, String>,
    /// Permitted calls by tool, in the order of first use.
    tools: Vec<ToolSummary>,
    last_was_denied: bool,
    usage: Usage,
    clock: Clock,
}

/// How long the turn may go on. Stands still while a person thinks.
#[derive(Clone, Copy, Debug)]
enum Clock {
    Running { until: Timestamp },
    Stopped { left: Duration },
}

/// Whether a person is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asking {
    Somebody,
    Nobody,
}

impl Turn {
    pub(crate) fn new(
        id: TurnId,
        messages: Vec<Arc<MessageRow>>,
        started: Timestamp,
        most: Duration,
    ) -> Self {
        Self {
            id,
            started,
            messages,
            answer: String::new(),
            cost: Money::ZERO,
            attempts: 0,
            retry_at: None,
            ending: None,
            calls: BTreeMap::new(),
            tools: Vec::new(),
            last_was_denied: false,
            usage: Usage::default(),
            clock: Clock::Running { until: started.after(most) },
        }
    }

    /// What the agent is told: all messages, or after something happened already, to go on.
    pub(crate) fn prompt(&self) -> (String, Vec<Attachment>) {
        let nothing_happened = self.answer.is_empty() && self.calls.is_empty();
        if self.attempts > 0 && !nothing_happened || self.messages.is_empty() {
            return (GO_ON.to_owned(), Vec::new());
        }
        let texts: Vec<&str> = self.messages.iter().map(|message| message.text.as_str()).collect();
        let attachments = self.messages.iter().flat_map(|message| message.attachments.iter().cloned());
        (texts.join("\n\n"), attachments.collect())
    }

    pub(crate) fn says(&mut self, text: &str, most: usize) {
        append_bounded(&mut self.answer, text, most);
    }

    pub(crate) fn wants(&mut self, call: &CallId, tool: &str) {
        self.calls.insert(call.clone(), tool.to_owned());
    }

    pub(crate) fn waits_for(&self, call: &CallId) -> bool {
        self.calls.contains_key(call)
    }

    /// The agent no longer waits for the reply.
    pub(crate) fn withdrawn(&mut self, call: &CallId) {
        self.calls.remove(call);
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

    /// Starts or stops the clock.
    pub(crate) fn clock(&mut self, asking: Asking, now: Timestamp) {
        self.clock = match (self.clock, asking) {
            (Clock::Running { until }, Asking::Somebody) => Clock::Stopped { left: until.since(now) },
            (Clock::Stopped { left }, Asking::Nobody) => Clock::Running { until: now.after(left) },
            (clock, _) => clock,
        };
    }

    /// When something has to be done about it.
    pub(crate) fn deadline(&self) -> Option<Timestamp> {
        match (self.retry_at, &self.ending, self.clock) {
            (Some(at), _, _) => Some(at),
            (None, None, Clock::Running { until }) => Some(until),
            (None, _, _) => None,
        }
    }

    pub(crate) fn charge(&mut self, end: &TurnEnd) {
        self.cost += end.cost;
        self.usage += end.usage;
    }

    pub(crate) fn completed(
        self,
        session: SessionId,
        outcome: TurnOutcome,
        total_cost: Money,
        now: Timestamp,
    ) -> Event {
        Event::TurnCompleted {
            session,
            duration_ms: self.duration_ms(now),
            turn: self.id,
            outcome,
            ended_on_denial: self.last_was_denied,
            tools: self.tools,
            cost: self.cost,
            total_cost,
            usage: self.usage,
        }
    }

    pub(crate) fn duration_ms(&self, now: Timestamp) -> u64 {
        u64::try_from(now.since(self.started).as_millis()).unwrap_or(u64::MAX)
    }
}
