//! One running Claude Code: the loop between its pipes and the two channels. Every wait has an end: a deadline, the end
//! of the process, or the owner letting go. Knows no rules.

use crate::claude::frame::{self, Frame};
use crate::claude::interpreter::{Interpreter, Phase, Step};
use crate::claude::process::{Line, Process, code_and_signal};
use crate::claude::request;
use crate::claude::transcript::Transcript;
use crate::{Limits, Order, StartError};
use leashd_types::{AgentEvent, Fault};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until, timeout_at};

/// Between the end of the process and the end of its output, and between a failed write and the end of the process.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// An hour more than anybody waits: stands for "no deadline".
const FAR: Duration = Duration::from_secs(30 * 24 * 3600);

#[derive(Debug)]
pub(crate) struct Session {
    process: Process,
    interpreter: Interpreter,
    transcript: Transcript,
    limits: Limits,
    events: mpsc::Sender<AgentEvent>,
    orders: mpsc::Receiver<Order>,
    /// Events nobody has taken yet. While there are some, no line is read: it stays as short as one frame's events.
    outbox: VecDeque<AgentEvent>,
    heard: Instant,
    /// When an interrupt must have been confirmed.
    interrupt_by: Option<Instant>,
    /// Why writing failed, and until when the process may still end by itself.
    broken: Option<(String, Instant)>,
    /// Set once it has been asked to leave; then it is killed.
    leave_by: Option<Instant>,
}

/// Sends the first request and waits for its answer, which is the proof that somebody there speaks the protocol.
pub(crate) async fn first_words(
    process: &mut Process,
    interpreter: &mut Interpreter,
    limits: Limits,
) -> Result<Vec<AgentEvent>, StartError> {
    let deadline = Instant::now() + limits.start;
    let mut events = Vec::new();
    let mut complaint = None;
    // A failed write shows as the end of the output.
    drop(process.write(&request::initialize()));
    loop {
        let line = match timeout_at(deadline, process.lines.recv()).await {
            Err(_) => {
                process.kill();
                process.gone(LAST_WORDS).await;
                return Err(StartError::Silent { after: limits.start, stderr: process.stderr_tail() });
            }
            Ok(None) => return Err(left(process, complaint).await),
            Ok(Some(Line::TooLong)) => {
                return Err(StartError::Refused { reason: "its first line is too long".to_owned() });
            }
            Ok(Some(Line::Bytes(line))) => line,
        };
        match frame::read(&line) {
            Ok(Frame::Reply { request, outcome }) if request == request::INITIALIZE => {
                let reply = outcome.map_err(|reason| StartError::Refused { reason })?;
                proof_of_gate(&reply)?;
                return Ok(events);
            }
            // An unknown id to resume is said in a result; the first request is never answered then.
            Ok(Frame::TurnResult(result)) if result.is_error => complaint = Some(result.errors),
            _ => {
                let step = interpreter.read(&line);
                events.extend(step.events);
                step.answers.iter().for_each(|answer| drop(process.write(answer)));
            }
        }
    }
}

async fn left(process: &mut Process, complaint: Option<String>) -> StartError {
    let (code, signal) = code_and_signal(process.gone(LAST_WORDS).await);
    if let Some(reason) = complaint {
        return StartError::Refused { reason };
    }
    let status = match (code, signal) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => "no exit status".to_owned(),
    };
    StartError::Left { status, stderr: process.stderr_tail() }
}

/// What 2.1.330 says about itself in its first answer. Silence (older versions) is no contradiction.
fn proof_of_gate(reply: &serde_json::Value) -> Result<(), StartError> {
    let wrong = |reason: String| Err(StartError::NotGated { reason });
    if reply.get("hooks_applied").and_then(serde_json::Value::as_bool) == Some(false) {
        return wrong("its reports around each tool are off".to_owned());
    }
    match reply.get("current_permission_mode").and_then(serde_json::Value::as_str) {
        None | Some("default" | "plan") => Ok(()),
        Some(mode) => wrong(format!("it runs in permission mode `{mode}`")),
    }
}

impl Session {
    pub(crate) fn new(
        process: Process,
        interpreter: Interpreter,
        transcript: Transcript,
        limits: Limits,
        first: Vec<AgentEvent>,
        (events, orders): (mpsc::Sender<AgentEvent>, mpsc::Receiver<Order>),
    ) -> Self {
        Self {
            process,
            interpreter,
            transcript,
            limits,
            events,
            orders,
            outbox: first.into(),
            heard: Instant::now(),
            interrupt_by: None,
            broken: None,
            leave_by: None,
        }
    }

    /// Runs until the process and everything it started are gone.
    pub(crate) async fn run(mut self) {
        self.write(&request::usage());
        while self.turn().await == Next::Goes {}
        self.finish().await;
    }

    /// Waits for one thing to happen and deals with it.
    async fn turn(&mut self) -> Next {
        let deadline = self.deadline();
        let events = self.events.clone();
        tokio::select! {
            order = self.orders.recv(), if self.leave_by.is_none() => self.order(order),
            slot = events.reserve(), if !self.outbox.is_empty() => match (slot, self.outbox.pop_front()) {
                (Ok(slot), Some(event)) => slot.send(event),
                // Nobody listens any more.
                _ => {
                    self.outbox.clear();
                    self.stop();
                }
            },
            line = self.process.lines.recv(), if self.outbox.is_empty() => match line {
                Some(line) => self.line(line),
                None => return Next::Ends,
            },
            reason = &mut self.process.broken, if self.broken.is_none() => {
                let reason = reason.unwrap_or_else(|_| "its input is closed".to_owned());
                self.broken = Some((reason, Instant::now() + LAST_WORDS));
            }
            () = sleep_until(deadline) => return self.overdue(),
        }
        Next::Goes
    }

    fn order(&mut self, order: Option<Order>) {
        match order {
            Some(Order::Prompt(message)) => {
                self.interpreter.prompted();
                self.heard = Instant::now();
                self.write(&request::message(&message));
            }
            Some(Order::Reply { call, reply }) => {
                self.heard = Instant::now();
                if let Some(answer) = self.interpreter.reply(&call, reply) {
                    self.write(&answer);
                }
            }
            Some(Order::Interrupt) => {
                self.interpreter.interrupt_sent();
                self.interrupt_by = Some(Instant::now() + self.limits.stop);
                self.write(&request::interrupt());
            }
            Some(Order::SetMode(mode)) => self.write(&request::set_mode(mode)),
            Some(Order::SetModel(model)) => self.write(&request::set_model(&model)),
            Some(Order::Stop) | None => self.stop(),
        }
    }

    fn line(&mut self, line: Line) {
        self.heard = Instant::now();
        let line = match line {
            Line::Bytes(line) => line,
            Line::TooLong => return self.fatal(Fault::LineTooLong { limit: self.limits.line }),
        };
        if line.iter().all(u8::is_ascii_whitespace) {
            return;
        }
        let Step { events, answers } = self.interpreter.read(&line);
        answers.iter().for_each(|answer| self.write(answer));
        for event in events {
            let ended = matches!(event, AgentEvent::TurnEnded(_));
            self.outbox.push_back(event);
            if ended {
                self.check_transcript();
            }
        }
        if self.interpreter.interrupt_confirmed() {
            self.interrupt_by = None;
        }
    }

    fn check_transcript(&mut self) {
        let Some(session) = self.interpreter.agent_session() else { return };
        if let Some(message) = self.transcript.complaint(session) {
            self.outbox.push_back(AgentEvent::Fault(Fault::Reported { message }));
        }
    }

    fn write(&mut self, line: &serde_json::Value) {
        if let Err(reason) = self.process.write(line)
            && self.broken.is_none()
        {
            self.broken = Some((reason, Instant::now() + LAST_WORDS));
        }
    }

    fn stop(&mut self) {
        if self.leave_by.is_none() {
            self.leave_by = Some(Instant::now() + self.limits.stop + LAST_WORDS);
            self.process.ask_to_leave(self.limits.stop);
        }
    }

    fn fatal(&mut self, fault: Fault) {
        self.outbox.push_back(AgentEvent::Fault(fault));
        self.leave_by = Some(Instant::now() + LAST_WORDS);
        self.process.kill();
    }

    /// The next moment at which waiting any longer would be a hang.
    fn deadline(&self) -> Instant {
        if let Some(leave_by) = self.leave_by {
            return leave_by;
        }
        let running = self.interpreter.phase() == Phase::Running && !self.interpreter.waits_for_reply();
        let silent = running.then(|| self.heard + self.limits.silence);
        let broken = self.broken.as_ref().map(|(_, until)| *until);
        [silent, broken, self.interrupt_by]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or_else(|| Instant::now() + FAR)
    }

    fn overdue(&mut self) -> Next {
        let now = Instant::now();
        if self.leave_by.is_some_and(|leave_by| leave_by <= now) {
            return Next::Ends;
        }
        if let Some((reason, until)) = self.broken.clone()
            && until <= now
        {
            self.fatal(Fault::Pipe { reason });
        } else if self.interrupt_by.is_some_and(|until| until <= now) {
            self.fatal(Fault::Silent { after: self.limits.stop });
        } else if self.heard + self.limits.silence <= now {
            self.fatal(Fault::Silent { after: self.limits.silence });
        }
        Next::Goes
    }

    async fn finish(mut self) {
        self.process.lines.close();
        let patience =
            self.leave_by.map_or(LAST_WORDS, |until| until.saturating_duration_since(Instant::now()));
        let (code, signal) = code_and_signal(self.process.gone(patience).await);
        self.outbox.extend(self.interpreter.left());
        self.outbox.push_back(AgentEvent::Exited { code, signal, stderr_tail: self.process.stderr_tail() });
        for event in self.outbox {
            if self.events.send(event).await.is_err() {
                return;
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    Goes,
    Ends,
}
