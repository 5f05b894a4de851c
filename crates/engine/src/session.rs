//! One session: an agent, its turns, the messages that wait.

use crate::input::{Action, Gated, Observed, Opening};
use crate::turn::Turn;
use crate::warning;
use leashd_types::{
    AgentEvent, Approver, Ask, Attachment, CallId, Event, Fault, Mode, Money, NETWORK_TOOL, Origin, Refusal,
    SessionId, SessionView, Timestamp, ToolCall, TurnEnd, TurnId, TurnOutcome, Usage,
};
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

/// Characters of a tool call shown while it runs.
const SUMMARY_CHARS_MAX: usize = 200;
/// Characters of a waiting message shown.
const PREVIEW_CHARS_MAX: usize = 200;

#[derive(Debug)]
pub(crate) struct Session {
    opening: Opening,
    state: State,
    turn: Option<Turn>,
    turns: u64,
    waiting: VecDeque<(String, Vec<Attachment>)>,
    agent_session: Option<String>,
    total_cost: Money,
    /// Set when the session ends for a reason of ours, before the agent is gone.
    ending: Option<(String, Ended)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// The agent is being started.
    Starting,
    Idle,
    Running,
    /// Told to stop; waiting for the process to be gone.
    Closing,
    /// No agent process.
    Ended,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
}

impl Session {
    pub(crate) fn new(opening: Opening) -> Self {
        Self {
            opening,
            state: State::Starting,
            turn: None,
            turns: 0,
            waiting: VecDeque::new(),
            agent_session: None,
            total_cost: Money::ZERO,
            ending: None,
        }
    }

    /// A person's message: starts a turn, waits for the running one, or starts the agent again.
    pub(crate) fn say(
        &mut self,
        text: String,
        attachments: Vec<Attachment>,
        now: Timestamp,
        queue_max: usize,
    ) -> Result<Vec<Action>, Refusal> {
        if self.waiting.len() >= queue_max {
            let reason = format!("{queue_max} messages are waiting already");
            return Err(Refusal::Rejected { reason });
        }
        let preview = text.chars().take(PREVIEW_CHARS_MAX).collect();
        self.waiting.push_back((text, attachments));
        Ok(match self.state {
            State::Idle => self.next_turn(now),
            State::Starting => Vec::new(),
            State::Running | State::Closing => {
                vec![Action::Show(Event::MessageQueued {
                    session: self.id(),
                    waiting: self.waiting.len(),
                    preview,
                })]
            }
            State::Ended => {
                self.state = State::Starting;
                vec![Action::Start { session: self.id(), resume: self.agent_session.clone() }]
            }
        })
    }

    pub(crate) fn interrupt(&mut self) -> Result<Vec<Action>, Refusal> {
        match &self.turn {
            Some(turn) if self.state == State::Running => Ok(vec![
                Action::Interrupt { session: self.id() },
                Action::Show(Event::Interrupted { session: self.id(), turn: turn.id.clone() }),
            ]),
            Some(_) | None => Err(Refusal::Rejected { reason: "no turn is running".to_owned() }),
        }
    }

    pub(crate) fn set_mode(&mut self, mode: Mode) -> Vec<Action> {
        self.opening.mode = mode;
        vec![Action::SetMode { session: self.id(), mode }]
    }

    pub(crate) fn close(&mut self, reason: &str) -> Vec<Action> {
        self.stop(reason.to_owned(), Ended::Well)
    }

    /// An agent event that concerns this session alone.
    pub(crate) fn agent(&mut self, event: AgentEvent, now: Timestamp) -> Vec<Action> {
        match event {
            AgentEvent::Ready { agent_session, model, version, tools: _ } => {
                self.ready(agent_session, model, version, now)
            }
            AgentEvent::Text { text, origin: Origin::Main } => {
                self.implicit_turn(now);
                vec![Action::Show(Event::MessageOut { session: self.id(), text })]
            }
            AgentEvent::ToolCall(call) => self.tool_call(call, now),
            AgentEvent::Ran(ran) => vec![Action::Observe { session: self.id(), ran }],
            AgentEvent::Retry { attempt, max_attempts, delay: _, status, error } => {
                let error = retry_text(status, error);
                vec![Action::Show(Event::Retry { session: self.id(), attempt, max_attempts, error })]
            }
            AgentEvent::Fault(fault) => self.fault(&fault),
            AgentEvent::Text { origin: Origin::Subagent(_), .. }
            | AgentEvent::Thinking { .. }
            | AgentEvent::Unknown { .. } => Vec::new(),
            // The engine handles these three itself, because they also end asks.
            AgentEvent::Withdrawn { .. } | AgentEvent::TurnEnded(_) | AgentEvent::Exited { .. } => Vec::new(),
        }
    }

    /// The gate decided, by itself or after an answer.
    pub(crate) fn gated(&mut self, call: &CallId, gated: Gated, by: Approver) -> Vec<Action> {
        let tool = self.turn.as_ref().map(|turn| turn.tool_of(call)).unwrap_or_default();
        let (session, call) = (self.id(), call.clone());
        match gated {
            Gated::Allowed { rule, via } => {
                if let Some(turn) = &mut self.turn {
                    turn.allowed(&tool);
                }
                vec![Action::Show(Event::ToolAllowed { session, call, tool, rule, via })]
            }
            Gated::Denied { rule, stage, band, reason } => {
                // A command that does without a host is no end of the agent's turn.
                if let Some(turn) = self.turn.as_mut().filter(|_| tool != NETWORK_TOOL) {
                    turn.denied();
                }
                vec![Action::Show(Event::ToolDenied {
                    session,
                    call,
                    tool,
                    rule,
                    stage,
                    band,
                    reason,
                    via: by,
                })]
            }
            Gated::Pending { .. } => Vec::new(),
        }
    }

    pub(crate) fn observed(&mut self, observed: Observed) -> Vec<Action> {
        let session = self.id();
        match observed {
            Observed::Finished { call, tool, failed } => {
                vec![Action::Show(Event::ToolFinished { session, call, tool, failed })]
            }
            Observed::RefusedByAgent { call, tool, message } => {
                vec![Action::Show(Event::ToolRefusedByAgent { session, call, tool, message })]
            }
            Observed::RanUngated { call, tool } => {
                let reason = format!("{tool} ran without a permit");
                let mut actions = vec![Action::Show(Event::ToolRanUngated { session, call, tool })];
                actions.extend(self.stop(reason, Ended::Badly));
                actions
            }
            Observed::InputChanged { call, tool } => {
                self.stop(format!("{tool} ({call}) ran with an input that was not approved"), Ended::Badly)
            }
            Observed::RecordFailed { reason } => {
                self.stop(format!("the audit log failed: {reason}"), Ended::Badly)
            }
        }
    }

    pub(crate) fn turn_ended(&mut self, end: TurnEnd, now: Timestamp) -> Vec<Action> {
        self.implicit_turn(now);
        self.total_cost += end.cost;
        let Some(turn) = self.turn.take() else { return Vec::new() };
        let mut actions = vec![Action::Show(turn.completed(self.id(), end, self.total_cost, now))];
        if self.state == State::Running {
            self.state = State::Idle;
            actions.extend(self.next_turn(now));
        }
        actions
    }

    /// The agent's process tree is gone.
    pub(crate) fn exited(
        &mut self,
        code: Option<i32>,
        signal: Option<i32>,
        stderr_tail: &str,
        now: Timestamp,
    ) -> Vec<Action> {
        let was = std::mem::replace(&mut self.state, State::Ended);
        let (reason, ended) = self.ending.take().unwrap_or_else(|| {
            let well = was == State::Closing || code == Some(0);
            (exit_text(code, signal, stderr_tail), if well { Ended::Well } else { Ended::Badly })
        });
        let failed = ended == Ended::Badly;
        let mut actions = Vec::new();
        if let Some(turn) = self.turn.take() {
            let end = TurnEnd {
                outcome: TurnOutcome::Failed { message: reason.clone() },
                result: String::new(),
                cost: Money::ZERO,
                usage: Usage::default(),
                turns: 0,
                duration: Duration::ZERO,
            };
            actions.push(Action::Show(turn.completed(self.id(), end, self.total_cost, now)));
        }
        actions.push(Action::Show(Event::SessionEnded { session: self.id(), reason, failed }));
        actions
    }

    pub(crate) fn view(&self, open_asks: Vec<Ask>) -> SessionView {
        SessionView {
            session: self.id(),
            chat: self.opening.chat.clone(),
            current: true,
            agent: self.opening.agent,
            directory: self.opening.directory.clone(),
            workspace: None,
            mode: self.opening.mode,
            running_since: self.turn.as_ref().map(|turn| turn.started),
            queued: self.waiting.len(),
            turns: self.turns,
            messages: self.turns,
            total_cost: self.total_cost,
            containment: String::new(),
            created: Timestamp::default(),
            last_used: Timestamp::default(),
            open_asks,
        }
    }

    fn id(&self) -> SessionId {
        self.opening.session.clone()
    }

    fn warn(&self, message: impl Into<String>) -> Action {
        warning(&self.opening.session, message)
    }

    fn ready(
        &mut self,
        agent_session: String,
        model: String,
        version: String,
        now: Timestamp,
    ) -> Vec<Action> {
        self.agent_session = Some(agent_session);
        if self.state != State::Starting {
            return Vec::new();
        }
        self.state = State::Idle;
        let mut actions = vec![Action::Show(Event::SessionStarted {
            session: self.id(),
            agent: self.opening.agent,
            version,
            model,
            directory: self.opening.directory.clone(),
        })];
        actions.extend(self.next_turn(now));
        actions
    }

    /// Starts a turn with everything that waits, joined by blank lines.
    fn next_turn(&mut self, now: Timestamp) -> Vec<Action> {
        if self.waiting.is_empty() {
            return Vec::new();
        }
        let (texts, files): (Vec<_>, Vec<_>) = self.waiting.drain(..).unzip();
        let (text, attachments) = (texts.join("\n\n"), files.concat());
        let turn = self.begin_turn(now);
        let session = self.id();
        vec![
            Action::Show(Event::MessageIn {
                session: session.clone(),
                turn: turn.clone(),
                text: text.clone(),
            }),
            Action::Prompt { session, turn, text, attachments },
        ]
    }

    fn begin_turn(&mut self, now: Timestamp) -> TurnId {
        self.turns = self.turns.saturating_add(1);
        let id = TurnId::new(self.turns.to_string());
        self.turn = Some(Turn::new(id.clone(), now));
        self.state = State::Running;
        id
    }

    /// The agent acts without a prompt of ours: a background task of its own ended.
    fn implicit_turn(&mut self, now: Timestamp) {
        if self.turn.is_none() && self.state == State::Idle {
            self.begin_turn(now);
        }
    }

    fn tool_call(&mut self, call: ToolCall, now: Timestamp) -> Vec<Action> {
        self.implicit_turn(now);
        if let Some(turn) = &mut self.turn {
            turn.wants(&call.id, &call.tool);
        }
        vec![
            Action::Show(Event::ToolGated {
                session: self.id(),
                call: call.id.clone(),
                tool: call.tool.clone(),
                summary: summary_of(&call),
                subagent: call.subagent.is_some(),
            }),
            Action::Judge(call),
        ]
    }

    fn fault(&mut self, fault: &Fault) -> Vec<Action> {
        let message = fault_text(fault);
        if fault.is_fatal() && self.ending.is_none() {
            self.ending = Some((message.clone(), Ended::Badly));
        }
        vec![self.warn(message)]
    }

    fn stop(&mut self, reason: String, ended: Ended) -> Vec<Action> {
        if self.state == State::Ended {
            let failed = ended == Ended::Badly;
            return vec![Action::Show(Event::SessionEnded { session: self.id(), reason, failed })];
        }
        self.ending.get_or_insert((reason, ended));
        self.state = State::Closing;
        vec![Action::Stop { session: self.id() }]
    }
}

/// The argument that says most about a call, on one line; paths below the call's directory without it.
fn summary_of(call: &ToolCall) -> String {
    const TELLING: [&str; 9] =
        ["command", "file_path", "notebook_path", "path", "pattern", "url", "query", "description", "prompt"];
    let question = call.input.pointer("/questions/0/question").and_then(Value::as_str);
    let text = TELLING.iter().find_map(|key| call.text(key)).or(question).unwrap_or_default();
    let below =
        call.cwd.to_str().and_then(|cwd| text.strip_prefix(cwd)).and_then(|rest| rest.strip_prefix('/'));
    let line: String = below.unwrap_or(text).lines().collect::<Vec<_>>().join(" ⏎ ");
    match line.char_indices().nth(SUMMARY_CHARS_MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn retry_text(status: Option<u16>, error: String) -> String {
    match status {
        Some(status) => format!("the model's API answered {status}"),
        None if error.is_empty() || error == "unknown" => "the model's API did not answer".to_owned(),
        None => error,
    }
}

fn exit_text(code: Option<i32>, signal: Option<i32>, stderr_tail: &str) -> String {
    let how = match (code, signal) {
        (_, Some(signal)) => format!("the agent was killed by signal {signal}"),
        (Some(code), None) => format!("the agent exited with status {code}"),
        (None, None) => "the agent is gone".to_owned(),
    };
    match stderr_tail.trim() {
        "" => how,
        tail => format!("{how}: {tail}"),
    }
}

fn fault_text(fault: &Fault) -> String {
    match fault {
        Fault::Start { reason } => format!("the agent could not be started: {reason}"),
        Fault::Garbage { line } => format!("the agent printed something that is not a message: {line}"),
        Fault::LineTooLong { limit } => format!("the agent sent a line longer than {limit} bytes"),
        Fault::Silent { after } => format!("nothing was heard from the agent for {} s", after.as_secs()),
        Fault::InputChanged { call, tool } => {
            format!("{tool} ({call}) ran with an input that was not approved")
        }
        Fault::Pipe { reason } => format!("the agent cannot be reached: {reason}"),
        Fault::Reported { message } => format!("the agent reports: {message}"),
    }
}
