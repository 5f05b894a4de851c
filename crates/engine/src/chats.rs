//! Which sessions a chat has, and which of them its messages go to.

use crate::out::Out;
use crate::session::{AgentState, Ended, Session, Then};
use crate::{Engine, names};
use leashd_types::{
    Attended, Chat, Event, Kept, OpenSession, Refusal, SessionId, SessionRow, SessionState, Timestamp,
    UserId, visible,
};

impl Engine {
    /// A new session, one that was closed (`earlier`, as it was kept), or an open one that goes on here.
    pub(crate) fn open(
        &mut self,
        order: OpenSession,
        earlier: Option<SessionRow>,
        (chat, user): (&Chat, &UserId),
        out: &mut Out,
    ) -> Result<SessionId, Refusal> {
        if let Some(id) = order.session.iter().chain(&order.resume).find(|id| !names::is_plain(id)) {
            let reason = format!("{} is no session id", visible(id.as_str()));
            return Err(Refusal::Rejected { reason });
        }
        if let Some(id) = order.resume.as_ref().filter(|id| self.sessions.contains_key(id)).cloned() {
            self.bring(&id, chat, order.attended, out)?;
            return Ok(id);
        }
        let resumed = order.resume.is_some();
        let row = match earlier {
            Some(earlier) => self.reopened(order, earlier, chat, out.now),
            None => self.ordered(order, (chat, user), out.now)?,
        };
        let id = row.session.clone();
        if self.sessions.contains_key(&id) {
            return Err(Refusal::Rejected { reason: format!("session {id} is open already") });
        }
        let most = self.config.limits.sessions_max;
        if self.sessions.len() >= most {
            let reason = format!("{most} sessions are open, which is the limit; close one");
            return Err(Refusal::Rejected { reason });
        }
        self.may_work_in(&row.directory)?;
        self.no_longer_current(chat, out);
        out.keep(Kept::Session(row.clone()));
        out.show(Event::SessionOpened {
            session: id.clone(),
            chat: chat.clone(),
            user: user.clone(),
            directory: row.directory.clone(),
            workspace: row.workspace.clone(),
            mode: row.mode,
            resumed,
        });
        self.sessions.insert(id.clone(), Session::new(row));
        self.chats.insert(chat.clone(), id.clone());
        Ok(id)
    }

    /// A session of which nothing is kept. One to be resumed goes on with the conversation of its own name, in the
    /// directory that is given: nobody else knows it.
    fn ordered(
        &mut self,
        mut order: OpenSession,
        (chat, user): (&Chat, &UserId),
        now: Timestamp,
    ) -> Result<SessionRow, Refusal> {
        if let (Some(id), None) = (&order.resume, &order.directory) {
            return Err(Refusal::Unknown { what: format!("session {id}") });
        }
        let session = match order.session.clone().or_else(|| order.resume.clone()) {
            Some(id) => id,
            None => self.free_session_id(chat, now),
        };
        let defaults = &self.config.defaults;
        order.directory.get_or_insert_with(|| defaults.directory.clone());
        order.mode.get_or_insert(defaults.mode);
        order.model = order.model.or_else(|| defaults.model.clone());
        Ok(SessionRow::opened(session, (chat.clone(), user.clone()), order, now))
    }

    /// A closed session goes on: with the agent's own conversation, whatever that was called last. What was opened in it
    /// stays closed.
    fn reopened(&self, order: OpenSession, earlier: SessionRow, chat: &Chat, now: Timestamp) -> SessionRow {
        let workspace = match &order.directory {
            Some(directory) if *directory != earlier.directory => order.workspace,
            Some(_) | None => order.workspace.or(earlier.workspace),
        };
        SessionRow {
            chat: chat.clone(),
            directory: order.directory.unwrap_or(earlier.directory),
            workspace,
            mode: order.mode.unwrap_or(self.config.defaults.mode),
            model: order.model.or(earlier.model),
            policy: if order.policy.is_empty() { earlier.policy } else { order.policy },
            state: SessionState::Open,
            current: true,
            last_used: now,
            attended: order.attended,
            ..earlier
        }
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
    fn bring(
        &mut self,
        id: &SessionId,
        chat: &Chat,
        attended: Attended,
        out: &mut Out,
    ) -> Result<(), Refusal> {
        let Some(session) = self.sessions.get_mut(id).filter(|session| !session.is_closing()) else {
            return Err(Refusal::Rejected { reason: "the session is being closed".to_owned() });
        };
        // Its agent was started for who was there then; the next one is for who is there now.
        let free = matches!(session.agent, AgentState::Starting { .. } | AgentState::Idle { .. });
        if free && session.row.attended != attended {
            session.stop_agent(Then::Rest, out);
        }
        session.row.attended = attended;
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

    fn free_session_id(&mut self, chat: &Chat, now: Timestamp) -> SessionId {
        loop {
            let number = self.number();
            let id = names::session(chat, now, number);
            if !self.sessions.contains_key(&id) {
                return id;
            }
        }
    }
}
