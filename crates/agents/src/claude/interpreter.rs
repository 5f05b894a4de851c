//! What the frames mean, one after the other: which calls wait for a reply, what ran, when a turn is over and what it
//! cost. Plain state without a process or a clock.

use crate::claude::frame::{
    Ask, Assistant, Frame, NotAFrame, Post, State, Thread, ToolResult, Totals, TurnResult,
};
use crate::claude::{frame, request};
use crate::{AfterDenial, Reply};
use leashd_types::{
    AgentEvent, AgentKind, CallId, Fault, Money, Origin, RanCall, RanOutcome, SessionId, SubagentId,
    ToolCall, TurnEnd, TurnOutcome, Usage,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Calls remembered at the same time. A turn makes them one after the other; the oldest are forgotten beyond it.
const REMEMBERED_CALLS: usize = 10_000;

/// Its plan stands in a file: the agent puts it into the question, and reports the call without it (2.1.330). What ran
/// says nothing about what was asked; and it runs nothing.
const PLAN_TOOL: &str = "ExitPlanMode";

/// What one frame leads to.
#[derive(Debug, Default)]
pub(crate) struct Step {
    pub(crate) events: Vec<AgentEvent>,
    /// Lines for the agent.
    pub(crate) answers: Vec<Value>,
}

impl Step {
    fn event(event: AgentEvent) -> Self {
        Self { events: vec![event], answers: Vec::new() }
    }

    fn answer(answer: Value) -> Self {
        Self { events: Vec::new(), answers: vec![answer] }
    }
}

/// Whether a turn runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Idle,
    Running,
}

#[derive(Debug)]
pub(crate) struct Interpreter {
    session: SessionId,
    version: String,
    ready: Option<AgentEvent>,
    phase: Phase,
    /// Calls that wait for a reply, with the id of the request.
    waiting: BTreeMap<CallId, String>,
    calls: BTreeMap<CallId, Known>,
    streamed: String,
    /// Totals up to the last finished turn.
    billed: Totals,
    /// The results of the turn that runs, until the agent is idle.
    results: Vec<TurnResult>,
    interrupted: bool,
    interrupt_confirmed: bool,
}

/// What is known of a call that has no result yet.
#[derive(Debug, Default)]
struct Known {
    tool: String,
    input: Option<Value>,
    cwd: Option<PathBuf>,
    allowed: bool,
    reported: bool,
}

impl Interpreter {
    pub(crate) fn new(session: SessionId, version: String) -> Self {
        Self {
            session,
            version,
            ready: None,
            phase: Phase::Idle,
            waiting: BTreeMap::new(),
            calls: BTreeMap::new(),
            streamed: String::new(),
            billed: Totals::default(),
            results: Vec::new(),
            interrupted: false,
            interrupt_confirmed: false,
        }
    }

    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// True while somebody thinks about a call.
    pub(crate) fn waits_for_reply(&self) -> bool {
        !self.waiting.is_empty()
    }

    pub(crate) fn prompted(&mut self) {
        if self.phase == Phase::Idle {
            self.interrupted = false;
        }
        self.phase = Phase::Running;
    }

    pub(crate) fn interrupt_sent(&mut self) {
        self.interrupted = true;
        self.interrupt_confirmed = false;
    }

    pub(crate) fn interrupt_confirmed(&self) -> bool {
        self.interrupt_confirmed
    }

    /// The line that answers `call`, or nothing if it no longer waits. A permit for another call is a denial.
    pub(crate) fn reply(&mut self, call: &CallId, reply: Reply) -> Option<Value> {
        let request = self.waiting.remove(call)?;
        Some(match reply {
            Reply::Allow(permit) if permit.call() == call && permit.session() == &self.session => {
                self.known(call).allowed = true;
                request::allow(&request, *permit)
            }
            Reply::Allow(_) => {
                request::deny(&request, "Denied: the permit is for another call.", AfterDenial::EndTurn)
            }
            Reply::Deny { message, then } => {
                if then == AfterDenial::EndTurn {
                    self.interrupted = true;
                }
                request::deny(&request, &message, then)
            }
        })
    }

    /// The id that resumes this session, once the agent said it.
    pub(crate) fn agent_session(&self) -> Option<&str> {
        match &self.ready {
            Some(AgentEvent::Ready { agent_session, .. }) => Some(agent_session),
            _ => None,
        }
    }

    /// The process is gone: nothing waits any more.
    pub(crate) fn left(&mut self) -> Vec<AgentEvent> {
        let waiting = std::mem::take(&mut self.waiting);
        let mut events: Vec<_> = waiting.into_keys().map(|call| AgentEvent::Withdrawn { call }).collect();
        events.extend(self.end_turn());
        events
    }

    pub(crate) fn read(&mut self, line: &[u8]) -> Step {
        match frame::read(line) {
            Ok(frame) => self.step(frame),
            Err(NotAFrame { shown, request }) => Step {
                events: vec![AgentEvent::Fault(Fault::Garbage { line: shown })],
                answers: request.iter().map(|id| request::unsupported(id, "an unreadable request")).collect(),
            },
        }
    }

    fn step(&mut self, frame: Frame) -> Step {
        match frame {
            Frame::Init { session, model, version, tools } => self.init(session, model, version, tools),
            Frame::State(state) => self.state(state),
            Frame::StreamStarted { message } => {
                self.streamed = message;
                Step::default()
            }
            Frame::TextDelta { text } => Step::event(AgentEvent::Text { text, origin: Origin::Main }),
            Frame::ThinkingDelta { text } => Step::event(AgentEvent::Thinking { text }),
            Frame::Assistant(assistant) => self.assistant(assistant),
            Frame::ToolResults(results) => {
                let events = results.into_iter().flat_map(|result| self.result(result)).collect();
                Step { events, answers: vec![] }
            }
            Frame::Ask(ask) => self.ask(ask),
            Frame::Pre(pre) => {
                self.known(&pre.call).cwd = absolute(&pre.cwd);
                Step::answer(request::noted(&pre.request))
            }
            Frame::Post(post) => self.post(post),
            Frame::OtherRequest { request, subtype } => Step {
                answers: vec![request::unsupported(&request, &subtype)],
                events: vec![AgentEvent::Unknown { kind: format!("control_request/{subtype}") }],
            },
            Frame::Cancelled { request } => self.cancelled(&request),
            Frame::Reply { request, outcome } => self.answered(&request, outcome),
            Frame::TurnResult(result) => {
                self.results.push(result);
                Step::default()
            }
            Frame::Retry { attempt, max_attempts, delay, status, error } => {
                Step::event(AgentEvent::Retry { attempt, max_attempts, delay, status, error })
            }
            Frame::Ignored => Step::default(),
            Frame::Unknown { kind } => Step::event(AgentEvent::Unknown { kind }),
        }
    }

    /// Repeated every turn; only news are passed on.
    fn init(&mut self, session: String, model: String, version: String, tools: Vec<String>) -> Step {
        let version = if version.is_empty() { self.version.clone() } else { version };
        let ready = AgentEvent::Ready { agent_session: session, model, version, tools };
        if self.ready.as_ref() == Some(&ready) {
            return Step::default();
        }
        self.ready = Some(ready.clone());
        Step::event(ready)
    }

    /// `idle` is the end of a turn, a result is not: after it background tasks can go on and make another one.
    fn state(&mut self, state: State) -> Step {
        match state {
            State::Running | State::RequiresAction => {
                self.phase = Phase::Running;
                Step::default()
            }
            State::Idle => Step { events: self.end_turn().into_iter().collect(), answers: vec![] },
        }
    }

    fn assistant(&mut self, assistant: Assistant) -> Step {
        let mut step = Step::default();
        let streamed = assistant.thread == Thread::Main && assistant.message == self.streamed;
        let origin = match assistant.thread {
            Thread::Main => Origin::Main,
            Thread::Subagent(id) => Origin::Subagent(id),
        };
        for text in assistant.texts.into_iter().filter(|text| !streamed && !text.is_empty()) {
            step.events.push(AgentEvent::Text { text, origin: origin.clone() });
        }
        for call in assistant.calls {
            let known = self.known(&call.id);
            known.tool = call.tool;
            known.input = Some(call.input);
        }
        step
    }

    fn ask(&mut self, ask: Ask) -> Step {
        if self.waiting.contains_key(&ask.call) {
            return Step::answer(request::unsupported(&ask.request, "a second request for a waiting call"));
        }
        let known = self.known(&ask.call);
        let Some(cwd) = known.cwd.clone() else {
            let message = format!("no report before the call of {}: its directory is unknown", ask.tool);
            return Step {
                answers: vec![request::unsupported(&ask.request, "a call without a report before it")],
                events: vec![AgentEvent::Fault(Fault::Reported { message })],
            };
        };
        known.tool.clone_from(&ask.tool);
        known.input = Some(ask.input.clone());
        self.waiting.insert(ask.call.clone(), ask.request);
        Step::event(AgentEvent::ToolCall(ToolCall {
            agent: AgentKind::Claude,
            session: self.session.clone(),
            tool: ask.tool,
            input: ask.input,
            cwd,
            id: ask.call,
            subagent: ask.subagent,
        }))
    }

    /// The proof that a tool ran. A failure report of a call nobody allowed is one as well: denied and invalid calls
    /// are not reported (2.1.197, 2.1.330).
    fn post(&mut self, post: Post) -> Step {
        let known = self.known(&post.call);
        known.reported = true;
        let outcome = match post.error {
            Some(message) if known.allowed => RanOutcome::Failed { message },
            Some(_) | None => RanOutcome::Ran,
        };
        let input = Some(post.input).filter(|_| post.tool != PLAN_TOOL);
        let ran = ran(post.call, post.tool, input, outcome, post.subagent);
        Step { events: vec![ran], answers: vec![request::noted(&post.request)] }
    }

    /// A result without a report before it: the call was denied or invalid, or reports are dead. A result of a call
    /// that still waits for a reply ends the waiting.
    fn result(&mut self, result: ToolResult) -> Vec<AgentEvent> {
        let known = self.calls.remove(&result.call).unwrap_or_default();
        let mut events = vec![];
        if self.waiting.remove(&result.call).is_some() {
            events.push(AgentEvent::Withdrawn { call: result.call.clone() });
        }
        if known.reported {
            return events;
        }
        let outcome = match result.error {
            Some(message) => RanOutcome::Failed { message },
            None => RanOutcome::Ran,
        };
        let subagent = match result.thread {
            Thread::Main => None,
            Thread::Subagent(id) => id,
        };
        // What the model sent is not what was permitted: paths are canonical there. It proves nothing about what ran.
        let input = known.input.filter(|_| !known.allowed);
        events.push(ran(result.call, known.tool, input, outcome, subagent));
        events
    }

    fn cancelled(&mut self, request: &str) -> Step {
        let call = self.waiting.iter().find(|(_, waiting)| *waiting == request).map(|(call, _)| call.clone());
        let Some(call) = call else { return Step::default() };
        self.waiting.remove(&call);
        Step::event(AgentEvent::Withdrawn { call })
    }

    fn answered(&mut self, request: &str, outcome: Result<Value, String>) -> Step {
        match (request, outcome) {
            (request::USAGE, Ok(reply)) => {
                self.billed = frame::baseline(&reply);
                Step::default()
            }
            (request::INTERRUPT, Ok(_)) => {
                self.interrupt_confirmed = true;
                Step::default()
            }
            (_, Ok(_)) | (request::USAGE, Err(_)) => Step::default(),
            (_, Err(error)) => {
                let message = format!("{} was refused: {error}", request.trim_start_matches("leashd-"));
                Step::event(AgentEvent::Fault(Fault::Reported { message }))
            }
        }
    }

    fn known(&mut self, call: &CallId) -> &mut Known {
        if self.calls.len() >= REMEMBERED_CALLS && !self.calls.contains_key(call) {
            self.calls.pop_first();
        }
        self.calls.entry(call.clone()).or_default()
    }

    fn end_turn(&mut self) -> Option<AgentEvent> {
        self.phase = Phase::Idle;
        let results = std::mem::take(&mut self.results);
        let last = results.last()?;
        let interrupted = std::mem::take(&mut self.interrupted);
        let billed = std::mem::replace(&mut self.billed, last.total);
        Some(AgentEvent::TurnEnded(TurnEnd {
            outcome: match last.outcome() {
                TurnOutcome::Failed { .. } if interrupted => TurnOutcome::Interrupted,
                other => other,
            },
            result: last.text.clone(),
            cost: cost_since(billed, last.total),
            usage: usage_since(billed, last.total),
            turns: results.iter().map(|result| result.turns).sum(),
            duration: results.iter().map(|result| result.duration).sum(),
        }))
    }
}

fn ran(
    id: CallId,
    tool: String,
    input: Option<Value>,
    outcome: RanOutcome,
    subagent: Option<SubagentId>,
) -> AgentEvent {
    AgentEvent::Ran(RanCall { id, tool, input, outcome, subagent })
}

fn absolute(path: &str) -> Option<PathBuf> {
    path.starts_with('/').then(|| PathBuf::from(path))
}

/// Totals that went down were reset (2.1.330 does so on `/clear`): then all of it is new.
fn cost_since(before: Totals, now: Totals) -> Money {
    if now.cost < before.cost { now.cost } else { now.cost.saturating_sub(before.cost) }
}

fn usage_since(before: Totals, now: Totals) -> Usage {
    if now.usage.input_tokens < before.usage.input_tokens
        || now.usage.output_tokens < before.usage.output_tokens
    {
        return now.usage;
    }
    let (now, before) = (now.usage, before.usage);
    Usage {
        input_tokens: now.input_tokens.saturating_sub(before.input_tokens),
        output_tokens: now.output_tokens.saturating_sub(before.output_tokens),
        cache_creation_input_tokens: now
            .cache_creation_input_tokens
            .saturating_sub(before.cache_creation_input_tokens),
        cache_read_input_tokens: now.cache_read_input_tokens.saturating_sub(before.cache_read_input_tokens),
    }
}
