//! What people ask for: an envelope is admitted, then its command is carried out or refused. A refusal changes nothing.

use crate::durable::{Instead, Risk, Undo};
use crate::input::{Action, RequestId};
use crate::out::Out;
use crate::session::{AgentState, Session, Then};
use crate::texts::messages;
use crate::{Engine, names};
use leashd_types::{
    Approver, AskId, Attachment, Chat, Command, ConnectorKind, Envelope, Event, MessageRow, MessageState,
    Money, OpenSession, Receipt, Refusal, Role, SessionId, SessionRow, TurnOutcome, UserId,
};
use std::path::{Component, Path, PathBuf};

/// What became of a command.
pub(crate) enum Carried {
    Out(Option<SessionId>),
    /// It was accepted before.
    Duplicate,
}

/// Who speaks, and from where.
struct Speaker<'a> {
    chat: &'a Chat,
    user: &'a UserId,
}

impl Engine {
    pub(crate) fn envelope(
        &mut self,
        request: RequestId,
        envelope: Envelope,
        earlier: Option<SessionRow>,
        out: &mut Out,
    ) -> Risk {
        if let Err(turned) = self.door.admit(&envelope, &self.config.admission, out.now) {
            turned.event.into_iter().for_each(|event| out.show(*event));
            let receipt = Receipt::Refused { refusal: turned.refusal };
            out.act(Action::Receipt { request, receipt });
            return Risk::Happened;
        }
        let mut undo = Undo::of_command(self, &envelope);
        let opens = matches!(envelope.command, Command::Open { .. });
        let carried = self.carry_out(envelope, earlier, out);
        let receipt = match carried {
            Ok(Carried::Out(session)) => {
                if let Some(id) = &session {
                    out.touch(id);
                    if let Some(undo) = undo.as_mut().filter(|_| opens) {
                        undo.made(id.clone());
                    }
                }
                Receipt::Accepted { session }
            }
            Ok(Carried::Duplicate) => Receipt::Duplicate,
            Err(refusal) => Receipt::Refused { refusal },
        };
        out.act(Action::Receipt { request, receipt });
        match undo {
            Some(undo) => Risk::Wanted { undo, instead: Instead::Refuse(request) },
            None => Risk::Happened,
        }
    }

    fn carry_out(
        &mut self,
        envelope: Envelope,
        earlier: Option<SessionRow>,
        out: &mut Out,
    ) -> Result<Carried, Refusal> {
        let speaker = Speaker { chat: &envelope.chat, user: &envelope.from };
        let session = match envelope.command {
            Command::Knock => return Ok(Carried::Out(self.chats.get(&envelope.chat).cloned())),
            Command::Open { order } => {
                let earlier = earlier.filter(|row| order.resume.as_ref() == Some(&row.session));
                self.may_resume(&order, earlier.as_ref(), &speaker)?;
                self.open(order, earlier, (speaker.chat, speaker.user), out)?
            }
            Command::Switch { session } => {
                self.known(&session, &speaker)?;
                self.switch(&session, &envelope.chat, out)?;
                session
            }
            Command::Say { session, text, attachments, key } => {
                return self.say(&session, (text, attachments), key, &speaker, out);
            }
            Command::Answer { ask, answer, digest } => {
                self.may_answer(&ask, &speaker)?;
                let by = Approver::Human { user: envelope.from };
                self.asks.answer(&ask, answer, digest, by, (&mut self.timers, out))?
            }
            Command::Shown { ask, seen } => {
                self.asks.shown(&ask, seen, &envelope.chat, out)?;
                return Ok(Carried::Out(None));
            }
            Command::Interrupt { session } => {
                self.known(&session, &speaker)?;
                self.interrupt(&session, out)?;
                session
            }
            Command::Stop { session } => {
                self.known(&session, &speaker)?;
                self.stop(&session, out);
                session
            }
            Command::Clear { session } => {
                self.known(&session, &speaker)?;
                self.clear(&session, speaker.user, None, out);
                session
            }
            Command::SetMode { session, mode } => {
                self.known(&session, &speaker)?.set_mode(mode, speaker.user, out);
                session
            }
            Command::SetDirectory { session, directory, workspace } => {
                self.known(&session, &speaker)?;
                self.may_work_in(&directory)?;
                self.clear(&session, speaker.user, Some((directory, workspace)), out);
                session
            }
            Command::Revoke { grant } => self.revoke(&grant, &speaker, out)?,
            Command::Close { session } => {
                self.known(&session, &speaker)?;
                self.close(&session, speaker.user, out);
                session
            }
        };
        Ok(Carried::Out(Some(session)))
    }

    fn say(
        &mut self,
        id: &SessionId,
        (text, attachments): (String, Vec<Attachment>),
        key: Option<String>,
        speaker: &Speaker<'_>,
        out: &mut Out,
    ) -> Result<Carried, Refusal> {
        let rejected = |reason: String| Err(Refusal::Rejected { reason });
        let key = key.map(|key| (speaker.chat.clone(), key));
        if key.as_ref().is_some_and(|key| self.keys.contains(key)) {
            return Ok(Carried::Duplicate);
        }
        let limits = self.config.limits;
        let number = self.number();
        let session = self.known(id, speaker)?;
        if session.waiting.len() >= limits.queued_messages_max {
            return rejected(format!("{} are waiting already", messages(session.waiting.len())));
        }
        let bytes = attachments.iter().map(size_of).fold(text.len(), usize::saturating_add);
        if bytes > limits.message_bytes_max {
            return rejected(format!("it has {bytes} bytes, {} are possible", limits.message_bytes_max));
        }
        if text.trim().is_empty() && attachments.is_empty() {
            return rejected("it says nothing".to_owned());
        }
        let row = MessageRow {
            id: names::message(id, out.now, number),
            session: id.clone(),
            chat: speaker.chat.clone(),
            turn: None,
            role: Role::User,
            from: Some(speaker.user.clone()),
            key: key.as_ref().map(|(_, key)| key.clone()),
            text,
            attachments,
            state: MessageState::Waiting,
            cost: Money::ZERO,
            duration_ms: 0,
            at: out.now,
        };
        session.queue(row, out);
        if let Some(key) = key {
            self.keys.remember(key);
        }
        self.do_next(id);
        Ok(Carried::Out(Some(id.clone())))
    }

    /// Ends the running turn; what waits comes next.
    fn interrupt(&mut self, id: &SessionId, out: &mut Out) -> Result<(), Refusal> {
        let number = self.number();
        let nothing = || Refusal::Rejected { reason: "no turn is running".to_owned() };
        let session = self.sessions.get_mut(id).ok_or_else(nothing)?;
        let AgentState::Running { .. } = session.agent else { return Err(nothing()) };
        let Some(turn) = &session.turn else { return Err(nothing()) };
        let interrupted = Event::Interrupted { session: id.clone(), turn: turn.id.clone() };
        if turn.retry_at.is_some() {
            // The agent rests: there is nobody to be interrupted.
            out.show(interrupted);
            session.end_turn(TurnOutcome::Interrupted, "", number, out);
            self.do_next(id);
        } else {
            self.asks.withdraw_session(id, &mut self.timers, out);
            out.act(Action::Interrupt { session: id.clone() });
            out.show(interrupted);
        }
        Ok(())
    }

    /// Ends everything the session is doing. The conversation stays.
    fn stop(&mut self, id: &SessionId, out: &mut Out) {
        self.leave_line(id);
        let Some(session) = self.sessions.get_mut(id) else { return };
        let dropped = session.drop_waiting(out);
        if session.agent == AgentState::InLine {
            session.agent = AgentState::Absent;
        }
        if dropped > 0 {
            out.warn(
                id,
                format!(
                    "{} that waited {} dropped",
                    messages(dropped),
                    if dropped == 1 { "is" } else { "are" }
                ),
            );
        }
        // Without a turn there is nothing else to stop.
        drop(self.interrupt(id, out));
    }

    /// Forgets the conversation, perhaps to begin another one elsewhere.
    fn clear(
        &mut self,
        id: &SessionId,
        by: &UserId,
        elsewhere: Option<(PathBuf, Option<String>)>,
        out: &mut Out,
    ) {
        self.leave_line(id);
        self.asks.withdraw_session(id, &mut self.timers, out);
        let number = self.number();
        let Some(session) = self.sessions.get_mut(id) else { return };
        let dropped = session.drop_waiting(out);
        session.revoke_all(by, out);
        session.row.agent_session = None;
        session.row.last_used = out.now;
        match elsewhere {
            Some((directory, workspace)) => {
                session.row.directory.clone_from(&directory);
                session.row.workspace.clone_from(&workspace);
                out.show(Event::DirectoryChanged { session: id.clone(), directory, workspace });
            }
            None => out.show(Event::SessionCleared { session: id.clone(), dropped }),
        }
        if session.turn.as_ref().is_some_and(|turn| turn.retry_at.is_some()) {
            session.end_turn(TurnOutcome::Interrupted, "", number, out);
        }
        session.stop_agent(Then::Rest, out);
        session.keep(out);
    }

    fn close(&mut self, id: &SessionId, by: &UserId, out: &mut Out) {
        self.leave_line(id);
        self.asks.withdraw_session(id, &mut self.timers, out);
        let Some(session) = self.sessions.get_mut(id) else { return };
        session.drop_waiting(out);
        session.revoke_all(by, out);
        session.row.current = false;
        if self.chats.get(&session.row.chat) == Some(id) {
            self.chats.remove(&session.row.chat);
        }
        session.stop_agent(Then::Close, out);
        if session.agent == AgentState::Absent {
            self.gone(id, "closed".to_owned(), out);
        } else {
            session.keep(out);
        }
    }

    fn revoke(&mut self, grant: &str, speaker: &Speaker<'_>, out: &mut Out) -> Result<SessionId, Refusal> {
        let unknown = || Refusal::Unknown { what: format!("grant {grant}") };
        let found = self.sessions.values_mut().find(|found| found.grants.contains_key(grant));
        let session = found.filter(|found| speaker.may_touch(&found.row)).ok_or_else(unknown)?;
        session.revoke(grant, speaker.user, out);
        session.terms(out);
        Ok(session.id().clone())
    }

    fn known(&mut self, id: &SessionId, speaker: &Speaker<'_>) -> Result<&mut Session, Refusal> {
        let found = self.sessions.get_mut(id).filter(|found| speaker.may_touch(&found.row));
        let session = found.ok_or_else(|| Refusal::Unknown { what: format!("session {id}") })?;
        if session.is_closing() {
            return Err(Refusal::Rejected { reason: "the session is being closed".to_owned() });
        }
        Ok(session)
    }

    fn may_resume(
        &self,
        order: &OpenSession,
        earlier: Option<&SessionRow>,
        speaker: &Speaker<'_>,
    ) -> Result<(), Refusal> {
        let Some(id) = &order.resume else { return Ok(()) };
        let row = self.sessions.get(id).map(|found| &found.row).or(earlier);
        match row.is_none_or(|row| speaker.may_touch(row)) {
            true => Ok(()),
            false => Err(Refusal::Unknown { what: format!("session {id}") }),
        }
    }

    /// Telegram's people answer what is theirs, and what was shown in their chat.
    fn may_answer(&self, ask: &AskId, speaker: &Speaker<'_>) -> Result<(), Refusal> {
        let concerns = self.asks.concerns(ask, speaker.chat).unwrap_or(true);
        match speaker.reaches_everything() || concerns {
            true => Ok(()),
            false => Err(Refusal::Unknown { what: format!("ask {ask}") }),
        }
    }

    /// A first look, by the words; what the directory really is, is looked at when the agent starts.
    pub(crate) fn may_work_in(&self, directory: &Path) -> Result<(), Refusal> {
        let approved = &self.config.defaults.approved;
        let plain =
            directory.is_absolute() && !directory.components().any(|part| part == Component::ParentDir);
        let inside = approved.is_empty() || approved.iter().any(|approved| directory.starts_with(approved));
        match plain && inside {
            true => Ok(()),
            false => {
                let reason = format!(
                    "{} is in no approved directory; `leashd add-dir` and `leashd reload` approve it",
                    directory.display()
                );
                Err(Refusal::Rejected { reason })
            }
        }
    }
}

impl Speaker<'_> {
    /// The terminal and the web app are the owner's own; a chat of Telegram has its own sessions and no others.
    fn reaches_everything(&self) -> bool {
        match self.chat.connector {
            ConnectorKind::Terminal | ConnectorKind::Web => true,
            ConnectorKind::Telegram => false,
        }
    }

    fn may_touch(&self, row: &SessionRow) -> bool {
        self.reaches_everything() || row.chat == *self.chat
    }
}

fn size_of(attachment: &Attachment) -> usize {
    match attachment {
        Attachment::Image { base64, .. } | Attachment::Pdf { base64 } => base64.len(),
    }
}
