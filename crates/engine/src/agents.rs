//! What agents do and what the gate says about it. Only the agent that is there now counts: what an earlier one still says
//! is dropped.

use crate::Engine;
use crate::asks::Asked;
use crate::durable::{Instead, Risk, Undo};
use crate::input::{Action, Gated, Incarnation, Observed};
use crate::names::jittered;
use crate::out::Out;
use crate::session::{AgentState, Attempt, Ended, Session, Then};
use crate::texts::{exit_text, fault_text, retry_text, summary_of};
use leashd_types::{
    AgentEvent, Answer, Approver, AskKind, CallId, Event, Fault, GrantRow, Kept, Mode, NETWORK_TOOL, Origin,
    SessionId, Stage, ToolCall, TurnEnd, TurnOutcome,
};

/// Calls of one agent that are judged at a time: each takes memory, and a thread that other sessions need as well. Many
/// agents of agents ask for some dozens; those that wait for a person are not counted.
pub(crate) const JUDGED_MAX: usize = 256;

/// Reports of one agent that are looked at a time, for the same reason: each is compared, and most are recorded.
pub(crate) const OBSERVED_MAX: usize = 256;

impl Engine {
    pub(crate) fn agent(
        &mut self,
        id: &SessionId,
        incarnation: Incarnation,
        event: AgentEvent,
        out: &mut Out,
    ) {
        let limits = self.config.limits;
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.agent.incarnation() != Some(incarnation) {
            return;
        }
        out.touch(id);
        match event {
            AgentEvent::Ready { agent_session, model, version, tools: _ } => {
                self.ready(id, agent_session, (version, model), out);
            }
            AgentEvent::Text { text, origin: Origin::Main } => {
                session.implicit_turn(&limits, out);
                if let Some(turn) = &mut session.turn {
                    turn.says(&text, limits.answer_bytes_max);
                    out.show(Event::MessageOut { session: id.clone(), text });
                }
            }
            AgentEvent::ToolCall(call) => {
                // What a command wants in the background is no turn of the agent's.
                if !call.is_for_host() {
                    session.implicit_turn(&limits, out);
                }
                if session.judging >= JUDGED_MAX {
                    return self.fail(
                        id,
                        format!("the agent asks for more than {JUDGED_MAX} calls at a time"),
                        out,
                    );
                }
                tool_call(session, incarnation, call, out);
            }
            AgentEvent::Ran(ran) => {
                if session.observing >= OBSERVED_MAX {
                    let reason = format!("the agent reports more than {OBSERVED_MAX} calls at a time");
                    return self.fail(id, reason, out);
                }
                session.observing = session.observing.saturating_add(1);
                out.act(Action::Observe { session: id.clone(), incarnation, ran });
            }
            AgentEvent::Retry { attempt, max_attempts, delay: _, status, error } => {
                let error = retry_text(status, error);
                out.show(Event::Retry { session: id.clone(), attempt, max_attempts, error });
            }
            AgentEvent::Fault(fault) => {
                let message = fault_text(&fault);
                // Whether this is the end shows with the end of the agent.
                if fault.is_fatal() && session.ending.is_none() {
                    session.ending = Some((message.clone(), Ended::Badly));
                }
                // One that never started says why as it goes.
                let never_was = matches!(&fault, Fault::Start { .. });
                if !never_was {
                    out.warn(id, message);
                }
            }
            AgentEvent::Withdrawn { call } => {
                session.withdrawn(&call);
                self.asks.withdraw_call(id, (incarnation, call), &mut self.timers, out);
            }
            AgentEvent::TurnEnded(end) => self.turn_ended(id, end, out),
            AgentEvent::Exited { code, signal, stderr_tail } => {
                self.exited(id, &exit_text(code, signal, &stderr_tail), code, out);
            }
            AgentEvent::Text { origin: Origin::Subagent(_), .. }
            | AgentEvent::Thinking { .. }
            | AgentEvent::Unknown { .. } => {}
        }
    }

    pub(crate) fn judged(
        &mut self,
        id: &SessionId,
        (incarnation, call): (Incarnation, CallId),
        gated: Gated,
        out: &mut Out,
    ) -> Risk {
        let Some(session) = self.sessions.get_mut(id) else { return Risk::Happened };
        if session.agent.incarnation() != Some(incarnation) {
            return Risk::Happened;
        }
        out.touch(id);
        session.judging = session.judging.saturating_sub(1);
        let (kind, digest, patience) = match gated {
            Gated::Pending { kind, digest, patience } => (kind, digest, patience),
            gated => {
                let by = match &gated {
                    // The gate knew that nobody can be asked here.
                    Gated::Denied { stage: Stage::Approval, .. } => Approver::Nobody,
                    Gated::Allowed { .. } | Gated::Denied { .. } | Gated::Pending { .. } => Approver::Policy,
                };
                decided(session, &call, gated, by, out);
                return Risk::Happened;
            }
        };
        if !session.waits_for(&call) {
            let (session, answer, by) = (id.clone(), Answer::Withdrawn, Approver::Nobody);
            out.act(Action::Settle { session, incarnation, call, answer, by, digest });
            return Risk::Happened;
        }
        let wait = match &kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
                patience.unwrap_or(self.config.limits.approval)
            }
            AskKind::PlanReview { .. } | AskKind::Question { .. } => self.config.limits.interaction,
        };
        let chat = &session.row.chat;
        let asked = Asked { session: id, chat, incarnation, call: &call, kind, digest, wait };
        let ask = self.asks.open(asked, &mut self.timers, out);
        let instead = Instead::Deny { session: id.clone(), incarnation, call, digest };
        Risk::Wanted { undo: Undo::of_new_ask(ask), instead }
    }

    pub(crate) fn settled(
        &mut self,
        id: &SessionId,
        call: (Incarnation, CallId),
        gated: Gated,
        (answer, by): (Answer, Approver),
        out: &mut Out,
    ) {
        self.asks.landed(id, call.clone(), &gated, (answer, by.clone()), out);
        out.touch(id);
        if let Some(session) = self.sessions.get_mut(id)
            && session.agent.incarnation() == Some(call.0)
        {
            decided(session, &call.1, gated, by, out);
        }
    }

    pub(crate) fn observed(
        &mut self,
        id: &SessionId,
        incarnation: Incarnation,
        observed: Observed,
        out: &mut Out,
    ) {
        let session = id.clone();
        if let Some(found) = self.sessions.get_mut(id)
            && found.agent.incarnation() == Some(incarnation)
        {
            found.observing = found.observing.saturating_sub(1);
        }
        let ends = match observed {
            Observed::Noted => return,
            Observed::Finished { call, tool, failed } => {
                out.show(Event::ToolFinished { session, call, tool, failed });
                return;
            }
            Observed::RefusedByAgent { call, tool, message } => {
                out.show(Event::ToolRefusedByAgent { session, call, tool, message });
                return;
            }
            Observed::RanUngated { call, tool } => {
                let reason = format!("{tool} ran without a permit");
                out.show(Event::ToolRanUngated { session, call, tool });
                reason
            }
            Observed::InputChanged { call, tool } => {
                format!("{tool} ({call}) ran with an input that was not approved")
            }
            Observed::RecordFailed { reason } => format!("the audit log failed: {reason}"),
        };
        let Some(found) = self.sessions.get(id) else { return };
        if found.agent.incarnation() != Some(incarnation) {
            out.warn(id, format!("of an agent that is gone: {ends}"));
            return;
        }
        self.fail(id, ends, out);
        out.touch(id);
    }

    /// Ends an agent, and what it asked.
    fn fail(&mut self, id: &SessionId, reason: String, out: &mut Out) {
        self.asks.withdraw_session(id, &mut self.timers, out);
        if let Some(session) = self.sessions.get_mut(id) {
            session.fail(reason, out);
        }
    }

    pub(crate) fn granted(&mut self, row: GrantRow, out: &mut Out) {
        // What was opened for a turn that is being ended is not opened for what comes after it.
        let Some(session) = self.sessions.get_mut(&row.session).filter(|session| session.is_served()) else {
            return;
        };
        out.keep(Kept::Grant(row.clone()));
        out.show(Event::GrantGiven {
            grant: row.id.clone(),
            session: row.session.clone(),
            rule: row.rule.clone(),
            by: row.by.clone(),
        });
        session.grants.insert(row.id.clone(), row);
        session.terms(out);
    }

    /// A plan was approved: the agent knows, the gate has to.
    pub(crate) fn approved(&mut self, id: &SessionId, mode: Mode, out: &mut Out) {
        let running = self.sessions.get_mut(id).filter(|session| session.is_served());
        let Some(session) = running.filter(|session| session.row.mode != mode) else { return };
        session.row.mode = mode;
        session.keep(out);
        session.terms(out);
        out.show(Event::ModeChanged { session: id.clone(), mode });
    }

    fn ready(
        &mut self,
        id: &SessionId,
        agent_session: String,
        (version, model): (String, String),
        out: &mut Out,
    ) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        let AgentState::Starting { incarnation, .. } = session.agent else { return };
        session.row.agent_session = Some(agent_session);
        session.agent = AgentState::Idle { incarnation, since: out.now };
        session.keep(out);
        out.show(Event::SessionStarted {
            session: id.clone(),
            agent: session.row.agent,
            version,
            model,
            directory: session.row.directory.clone(),
            // Known to who performs this.
            containment: String::new(),
        });
        self.do_next(id);
        self.make_room(out);
    }

    fn turn_ended(&mut self, id: &SessionId, end: TurnEnd, out: &mut Out) {
        let limits = self.config.limits;
        self.asks.withdraw_session(id, &mut self.timers, out);
        let number = self.number();
        let draining = self.draining.is_some();
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.implicit_turn(&limits, out);
        let Some(turn) = &mut session.turn else { return };
        turn.charge(&end);
        let running = matches!(session.agent, AgentState::Running { .. });
        if running
            && !draining
            && turn.ending.is_none()
            && turn.attempts < limits.retries
            && let TurnOutcome::ApiError { status: status @ (None | Some(429 | 500..=599)), message } =
                &end.outcome
        {
            turn.attempts = turn.attempts.saturating_add(1);
            let doubled = limits.retry_first.saturating_mul(1 << (turn.attempts.saturating_sub(1)).min(16));
            let seed = self.config.seed.wrapping_add(session.row.turns);
            let wait = jittered(doubled.min(limits.retry_longest), seed, id, u64::from(turn.attempts));
            turn.retry_at = Some(out.now.after(wait));
            out.show(Event::Retry {
                session: id.clone(),
                attempt: turn.attempts,
                max_attempts: limits.retries,
                error: retry_text(*status, message.clone()),
            });
            return;
        }
        let outcome = turn.ending.take().unwrap_or(end.outcome);
        session.end_turn(outcome, &end.result, number, out);
        self.do_next(id);
        self.make_room(out);
    }

    /// The agent's process tree is gone.
    fn exited(&mut self, id: &SessionId, how: &str, code: Option<i32>, out: &mut Out) {
        self.asks.withdraw_session(id, &mut self.timers, out);
        let number = self.number();
        let Some(session) = self.sessions.get_mut(id) else { return };
        let was = std::mem::replace(&mut session.agent, AgentState::Absent);
        let ending = session.ending.take();
        let said = ending.as_ref().map_or(how, |(reason, _)| reason.as_str()).to_owned();
        if let AgentState::Starting { attempt: Attempt::Resuming, .. } = was
            && session.row.agent_session.is_some()
            && self.draining.is_none()
        {
            out.warn(
                id,
                format!("the earlier conversation cannot be gone on with, a new one begins: {said}"),
            );
            self.start(id, Attempt::Fresh, out);
            return;
        }
        match was {
            AgentState::Stopping { then: Then::Close, .. } => {
                session.end_turn(TurnOutcome::Interrupted, "", number, out);
                let reason = ending.map_or_else(|| "closed".to_owned(), |(reason, _)| reason);
                self.gone(id, reason, out);
            }
            AgentState::Stopping { then: Then::Rest, .. } => {
                session.end_turn(TurnOutcome::Interrupted, "", number, out);
                out.act(Action::Ended { session: id.clone(), reason: how.to_owned() });
                self.do_next(id);
            }
            AgentState::Absent
            | AgentState::InLine
            | AgentState::Starting { .. }
            | AgentState::Idle { .. }
            | AgentState::Running { .. }
            | AgentState::Stopping { then: Then::Fail, .. } => {
                let ended = match ending {
                    Some((_, ended)) => ended,
                    None if code == Some(0) => Ended::Well,
                    None => Ended::Badly,
                };
                let outcome = TurnOutcome::Failed { message: said.clone() };
                session.end_turn(outcome, "", number, out);
                session.ended(said, ended, out);
            }
        }
        self.make_room(out);
    }
}

fn tool_call(session: &mut Session, incarnation: Incarnation, call: ToolCall, out: &mut Out) {
    // An agent that was told to go gets no replies, so nothing it still wants runs.
    if matches!(session.agent, AgentState::Stopping { .. }) {
        return;
    }
    let tool = name_of(&call);
    session.wants(&call.id, &tool);
    session.judging = session.judging.saturating_add(1);
    out.show(Event::ToolGated {
        session: session.id().clone(),
        call: call.id.clone(),
        tool,
        summary: summary_of(&call),
        subagent: call.subagent.is_some(),
    });
    out.act(Action::Judge { incarnation, call });
}

/// What is said of leashd's own questions is said of no agent's call, however its tool is called.
fn name_of(call: &ToolCall) -> String {
    match call.tool == NETWORK_TOOL && !call.is_for_host() {
        true => format!("{NETWORK_TOOL} of the agent"),
        false => call.tool.clone(),
    }
}

/// The gate decided, by itself or after an answer.
fn decided(session: &mut Session, call: &CallId, gated: Gated, by: Approver, out: &mut Out) {
    let loose = session.loose.remove(call);
    let tool = loose.or_else(|| session.turn.as_ref().map(|turn| turn.tool_of(call))).unwrap_or_default();
    let (id, call) = (session.id().clone(), call.clone());
    match gated {
        Gated::Allowed { rule, via } => {
            if let Some(turn) = &mut session.turn {
                turn.allowed(&tool);
            }
            out.show(Event::ToolAllowed { session: id, call, tool, rule, via });
        }
        Gated::Denied { rule, stage, band, reason } => {
            // A command that does without a host is no end of the agent's turn.
            if let Some(turn) = session.turn.as_mut().filter(|_| tool != NETWORK_TOOL) {
                turn.denied();
            }
            out.show(Event::ToolDenied { session: id, call, tool, rule, stage, band, reason, via: by });
        }
        Gated::Pending { .. } => {}
    }
}
