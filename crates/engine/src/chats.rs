//! Which sessions a chat has, and which of them its messages go to.

use crate::out::Out;
use crate::session::{Ended, Session};
use crate::{Engine, names};
use leashd_types::{
    Chat, Event, Kept, Money, OpenSession, Refusal, SessionId, SessionRow, SessionState, UserId, visible,
};

impl Engine {
    /// A new session, or an open one that goes on here.
    pub(crate) fn open(
        &mut self,
        order: OpenSession,
        chat: &Chat,
        user: &UserId,
        out: &mut Out,
    ) -> Result<SessionId, Refusal> {
        if let Some(id) = order.session.iter().chain(&order.resume).find(|id| !names::is_plain(id)) {
            let reason = format!("{} is no session id", visible(id.as_str()));
            return Err(Refusal::Rejected { reason });
        }
        if let Some(id) = order.resume.as_ref().filter(|id| self.sessions.contains_key(id)).cloned() {
            self.bring(&id, chat, out)?;
            return Ok(id);
        }
        let id = match order.session.clone().or_else(|| order.resume.clone()) {
            Some(id) => id,
            None => self.free_session_id(chat, out),
        };
        if self.sessions.contains_key(&id) {
            return Err(Refusal::Rejected { reason: format!("session {id} is open already") });
        }
        let most = self.config.limits.sessions_max;
        if self.sessions.len() >= most {
            let reason = format!("{most} sessions are open, which is the limit; close one");
            return Err(Refusal::Rejected { reason });
        }
        let defaults = &self.config.defaults;
        let directory = order.directory.clone().unwrap_or_else(|| defaults.directory.clone());
        self.may_work_in(&directory)?;
        let row = SessionRow {
            session: id.clone(),
            chat: chat.clone(),
            user: user.clone(),
            agent: order.agent,
            directory: directory.clone(),
            workspace: order.workspace.clone(),
            mode: order.mode.unwrap_or(defaults.mode),
            model: order.model.or_else(|| defaults.model.clone()),
            policy: order.policy,
            agent_session: order.resume.as_ref().map(|id| id.as_str().to_owned()),
            state: SessionState::Open,
            current: true,
            created: out.now,
            last_used: out.now,
            turns: 0,
            messages: 0,
            total_cost: Money::ZERO,
            attended: order.attended,
        };
        self.no_longer_current(chat, out);
        out.keep(Kept::Session(row.clone()));
        out.show(Event::SessionOpened {
            session: id.clone(),
            chat: chat.clone(),
            user: user.clone(),
            directory,
            workspace: order.workspace,
            mode: row.mode,
            resumed: order.resume.is_some(),
        });
        self.sessions.insert(id.clone(), Session::new(row));
        self.chats.insert(chat.clone(), id.clone());
        Ok(id)
    }

    /// Makes a session of this chat its current one.
    pub(crate) fn switch(&mut self, id: &SessionId, chat: &Chat, out: &mut Out) -> Result<(), Refusal> {
        match self.sessions.get(id) {
            Some(session) if session.row.chat == *chat => {}
            Some(_) | None => return Err(Refusal::Unknown { what: format!("session {id} in this chat") }),
        }
        self.no_longer_current(chat, out);
        self.make_current(id, chat, out);
        Ok(())
    }

    /// The session is over and nothing of its agent is left.
    pub(crate) fn gone(&mut self, id: &SessionId, reason: String, out: &mut Out) {
        let Some(mut session) = self.sessions.remove(id) else { return };
        session.row.state = SessionState::Closed;
        session.row.current = false;
        session.row.last_used = out.now;
        session.keep(out);
        session.ended(reason, Ended::Well, out);
        out.touch(id);
    }

    /// An open session of another chat, or of this one, goes on here.
    fn bring(&mut self, id: &SessionId, chat: &Chat, out: &mut Out) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.is_closing()) else {
            return Err(Refusal::Rejected { reason: "the session is being closed".to_owned() });
        };
        let before = std::mem::replace(&mut session.row.chat, chat.clone());
        if self.chats.get(&before) == Some(id) {
            self.chats.remove(&before);
        }
        self.no_longer_current(chat, out);
        self.make_current(id, chat, out);
        Ok(())
    }

    fn make_current(&mut self, id: &SessionId, chat: &Chat, out: &mut Out) {
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.row.current = true;
        session.row.last_used = out.now;
        session.keep(out);
        self.chats.insert(chat.clone(), id.clone());
        out.show(Event::SessionSwitched { chat: chat.clone(), session: id.clone() });
    }

    fn no_longer_current(&mut self, chat: &Chat, out: &mut Out) {
        let before = self.chats.remove(chat);
        if let Some(session) = before.and_then(|id| self.sessions.get_mut(&id)) {
            session.row.current = false;
            session.keep(out);
        }
    }

    fn free_session_id(&mut self, chat: &Chat, out: &Out) -> SessionId {
        loop {
            let number = self.number();
            let id = names::session(chat, out.now, number);
            if !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }
}
