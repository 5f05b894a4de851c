//! Places for agents: how many may be there, who waits for one, who makes room, and how all of them go.

use crate::Engine;
use crate::input::{Action, Drain, Incarnation};
use crate::out::Out;
use crate::session::{AgentState, Attempt, Then};
use crate::timers::Timer;
use crate::turn::Turn;
use leashd_types::{Event, SessionId, TurnOutcome};

impl Engine {
    /// A session begins what it can: its agent, or its next turn.
    pub(crate) fn advance(&mut self, id: &SessionId, out: &mut Out) {
        let limits = self.config.limits;
        let draining = self.draining.is_some();
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.stalled.is_some() {
            return;
        }
        match session.agent {
            AgentState::Idle { .. } if draining => session.stop_agent(Then::Rest, out),
            AgentState::Idle { incarnation, .. } if !session.waiting.is_empty() => {
                session.next_turn(incarnation, &limits, out);
            }
            AgentState::Absent if !session.waiting.is_empty() && !draining => self.take_place(id, out),
            AgentState::Absent
            | AgentState::InLine
            | AgentState::Idle { .. }
            | AgentState::Starting { .. }
            | AgentState::Running { .. }
            | AgentState::Stopping { .. } => {}
        }
    }

    /// A place for this session's agent, or for another's that waits longer.
    fn take_place(&mut self, id: &SessionId, out: &mut Out) {
        let most = self.config.limits.agents_max.max(1);
        if self.line.is_empty() && self.agents() < most {
            self.start(id, Attempt::Resuming, out);
            return;
        }
        self.line.push_back(id.clone());
        if let Some(session) = self.sessions.get_mut(id) {
            session.agent = AgentState::InLine;
        }
        let before = self.line.len().saturating_sub(1);
        let message = match before {
            0 => format!("all {most} agents are busy; this session is next"),
            before => format!("all {most} agents are busy; {before} sessions wait before this one"),
        };
        out.warn(id, message);
        self.make_room(out);
    }

    pub(crate) fn start(&mut self, id: &SessionId, attempt: Attempt, out: &mut Out) {
        self.incarnations = self.incarnations.wrapping_add(1);
        let (incarnation, number) = (Incarnation(self.incarnations), self.number());
        if let Some(session) = self.sessions.get_mut(id) {
            session.start(incarnation, attempt, number, out);
        }
    }

    /// Gives free places to those who wait, and sends agents away that did nothing for long enough.
    pub(crate) fn make_room(&mut self, out: &mut Out) {
        if self.line.is_empty() {
            self.timers.set(Timer::Line, None);
            return;
        }
        let most = self.config.limits.agents_max.max(1);
        while self.agents() < most
            && let Some(id) = self.line.pop_front()
        {
            self.start(&id, Attempt::Resuming, out);
            out.touch(&id);
        }
        let mut leaving = self.sessions.values().filter(|found| is_leaving(found.agent)).count();
        let mut next = None;
        while leaving < self.line.len() {
            let Some((since, id)) = self.idle_longest() else { break };
            let at = since.after(self.config.limits.idle);
            if at > out.now {
                next = Some(at);
                break;
            }
            if let Some(session) = self.sessions.get_mut(&id) {
                session.stop_agent(Then::Rest, out);
            }
            leaving = leaving.saturating_add(1);
        }
        self.timers.set(Timer::Line, next);
    }

    pub(crate) fn leave_line(&mut self, id: &SessionId) {
        self.line.retain(|waiting| waiting != id);
    }

    /// Something about the session is due.
    pub(crate) fn due(&mut self, id: &SessionId, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        if session.stalled.is_some_and(|at| at <= out.now) {
            session.stalled = None;
            self.do_next(id);
        }
        let Some(session) = self.sessions.get_mut(id) else { return };
        let AgentState::Running { .. } = session.agent else { return };
        let Some(turn) = &mut session.turn else { return };
        match (turn.retry_at, turn.deadline()) {
            (Some(at), _) if at <= out.now => {
                turn.retry_at = None;
                let (text, attachments) = turn.prompt();
                let turn = turn.id.clone();
                out.act(Action::Prompt { session: id.clone(), turn, text, attachments });
            }
            (None, Some(at)) if at <= out.now => {
                let most = self.config.limits.turn.as_secs();
                let message = format!(
                    "no end after {most} s; say more to go on, or raise LEASHD_AGENT_TIMEOUT_SECONDS"
                );
                turn.ending = Some(TurnOutcome::Failed { message });
                let turn = turn.id.clone();
                out.act(Action::Interrupt { session: id.clone() });
                out.show(Event::Interrupted { session: id.clone(), turn });
            }
            _ => {}
        }
    }

    /// No turn begins any more; agents go as they are done, or at once.
    pub(crate) fn drain(&mut self, how: Drain, out: &mut Out) {
        self.draining = Some(how);
        self.line.clear();
        let ids: Vec<SessionId> = self.sessions.keys().cloned().collect();
        for id in ids {
            let number = self.number();
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            match session.agent {
                AgentState::InLine => session.agent = AgentState::Absent,
                AgentState::Idle { .. } | AgentState::Starting { .. } => session.stop_agent(Then::Rest, out),
                AgentState::Running { .. } => {
                    let resting = session.turn.as_ref().is_some_and(|turn| turn.retry_at.is_some());
                    if resting {
                        session.end_turn(TurnOutcome::Interrupted, "", number, out);
                        session.stop_agent(Then::Rest, out);
                    } else if how == Drain::Now {
                        out.act(Action::Interrupt { session: id.clone() });
                        let turn = session.turn.as_ref().map(|turn: &Turn| turn.id.clone());
                        out.actions.extend(
                            turn.map(|turn| Action::Show(Event::Interrupted { session: id.clone(), turn })),
                        );
                        self.asks.withdraw_session(&id, &mut self.timers, out);
                    }
                }
                AgentState::Absent | AgentState::Stopping { .. } => {}
            }
            out.touch(&id);
        }
    }

    fn idle_longest(&self) -> Option<(leashd_types::Timestamp, SessionId)> {
        self.sessions
            .values()
            .filter_map(|found| match found.agent {
                AgentState::Idle { since, .. }
                    if found.waiting.is_empty() && !self.asks.any_open(found.id()) =>
                {
                    Some((since, found.id().clone()))
                }
                _ => None,
            })
            .min()
    }
}

fn is_leaving(agent: AgentState) -> bool {
    matches!(agent, AgentState::Stopping { .. })
}
