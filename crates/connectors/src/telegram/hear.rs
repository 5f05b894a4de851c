//! What people write. Each message is a command, an answer to an ask, or something to say to the agent. Who may say
//! anything, the daemon decides.

use super::markup::escape;
use super::memory::{Pending, Stage};
use super::talk::{From, Stopped, Talk};
use super::wire::{ChatKind, Content, Forwarding, Message, MessageId, Update};
use super::word::{Spoken, parse};
use leashd_types::{Answer, AskId, AskKind, Attachment, Command, Form, PlanAnswer, SessionId};
use std::sync::Arc;

const FORWARDED: &str = "A forwarded command is not carried out; write it yourself if you mean it.";
const NO_VOICE: &str = "leashd cannot listen. Write it, or use the dictation key of your keyboard.";

/// What may have been done already is not done again.
pub(crate) const CUT_OFF: &str = "leashd was stopped while it carried this out, and does not do it a second time. Look how far it came \
                                  (/status), and ask again for what is missing.";

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Written,
    /// Somebody else's words, perhaps.
    Forwarded,
}

impl Talk {
    /// Does what an update asks for. Once this is over the update need not come again.
    pub(crate) async fn hear(self: &Arc<Self>, update: Update) -> Result<(), Stopped> {
        match update.content {
            Content::Message(message) => self.message(*message, update.id).await,
            Content::Tap(tap) => self.tap(*tap, update.id).await,
            // What was said was said; who is thrown out hears nothing.
            Content::Edited(_) | Content::Membership(_) => Ok(()),
        }
    }

    async fn message(self: &Arc<Self>, message: Message, update: i64) -> Result<(), Stopped> {
        let Some(author) = message.from.as_ref().filter(|author| !author.is_bot) else { return Ok(()) };
        match message.chat.kind {
            ChatKind::Private | ChatKind::Group | ChatKind::Supergroup => {}
            ChatKind::Channel | ChatKind::Unknown => return Ok(()),
        }
        self.memory().is_called(author.id.0, &author.first_name);
        let from = From {
            chat: message.chat.id,
            person: author.id.0,
            message: Some(message.id),
            update: Some(update),
        };
        if self.book.is_unfinished(update) {
            self.knock(from, Form::Command).await?;
            self.say(from, &format!("⚠️ {CUT_OFF}"));
            return Ok(());
        }
        if let Some(what) = message.unsupported.what() {
            self.knock(from, Form::File).await?;
            let hint = if what.contains("voice") || what.contains("audio") {
                NO_VOICE
            } else {
                "Send a photo, a PDF or a text file."
            };
            self.say(from, &format!("✗ {} is not taken. {hint}", escape(&capital(what))));
            return Ok(());
        }
        let origin = match message.forwarding {
            Forwarding::Own => Origin::Written,
            Forwarding::Forwarded => Origin::Forwarded,
        };
        if !message.photo.is_empty() || message.document.is_some() {
            return self.file_comes(from, &message).await;
        }
        let Some(text) = message.text.as_deref().filter(|text| !text.trim().is_empty()) else {
            return Ok(());
        };
        match (parse(text, self.bot()), origin) {
            (Spoken::Elsewhere, _) => Ok(()),
            (Spoken::Text(text), origin) => {
                self.text(from, text, message.reply_to.as_deref().map(|it| it.id), origin).await
            }
            (Spoken::Command { .. } | Spoken::Unknown(_), Origin::Forwarded) => {
                self.knock(from, Form::Command).await?;
                self.say(from, FORWARDED);
                Ok(())
            }
            (Spoken::Command { word, arguments }, Origin::Written) => {
                self.command(from, word, &arguments).await
            }
            (Spoken::Unknown(name), Origin::Written) => {
                self.knock(from, Form::Command).await?;
                self.say(from, &format!("✗ There is no command /{}; /help lists them.", escape(&name)));
                Ok(())
            }
        }
    }

    async fn text(
        self: &Arc<Self>,
        from: From,
        text: String,
        reply_to: Option<MessageId>,
        origin: Origin,
    ) -> Result<(), Stopped> {
        if origin == Origin::Written {
            let replied = reply_to.and_then(|message| self.book.ask_at(from.chat.0, message.0));
            let meant =
                replied.or_else(|| self.memory().oldest_here(from.chat.0).map(|pending| pending.ask.id));
            if let Some(ask) = meant {
                return self.answer_by_text(from, &ask, text).await;
            }
            let commit = self.memory().take_commit(from.chat.0, from.person);
            if let Some(session) = commit {
                return self.commit(from, Form::Text, session, text).await;
            }
        }
        self.say_to_agent(from, Form::Text, text, Vec::new()).await
    }

    /// Hands a message to the current session. One that is gone meanwhile makes way for a new one.
    pub(crate) async fn say_to_agent(
        &self,
        from: From,
        form: Form,
        text: String,
        attachments: Vec<Attachment>,
    ) -> Result<(), Stopped> {
        let session = self.session(from, form).await?;
        self.say_in(from, form, session, (text, attachments)).await
    }

    pub(crate) async fn say_in(
        &self,
        from: From,
        form: Form,
        session: SessionId,
        (text, attachments): (String, Vec<Attachment>),
    ) -> Result<(), Stopped> {
        // A message has one number in its chat, however often it comes.
        let key = from.message.map(|message| format!("telegram:{message}"));
        let say = Command::Say { session, text, attachments, key };
        self.order(from, form, say).await.map(drop)
    }

    /// Plain words as the answer to an ask.
    pub(crate) async fn answer_by_text(
        self: &Arc<Self>,
        from: From,
        ask: &AskId,
        text: String,
    ) -> Result<(), Stopped> {
        let pending = self.memory().ask(ask).cloned();
        let Some(pending) = pending.filter(|pending| pending.stage == Stage::Open) else {
            self.knock(from, Form::Text).await?;
            self.say(from, "✗ What this was about is over; nothing was done with your text.");
            return Ok(());
        };
        if !self.may_answer(&pending.ask.session, from.person) {
            self.knock(from, Form::Text).await?;
            self.say(from, "✗ Only who opened the session answers what it asks.");
            return Ok(());
        }
        match &pending.ask.kind {
            AskKind::Approval { .. } | AskKind::Confirmation { .. } => {
                self.answer(from, Form::Text, &pending, Answer::DenyWith { instructions: text }).await
            }
            AskKind::PlanReview { .. } => {
                let review = PlanAnswer::Adjust { feedback: text };
                self.answer(from, Form::Text, &pending, Answer::Plan { review }).await
            }
            AskKind::Question { .. } => {
                // A stranger's words must not even stand on the card.
                self.knock(from, Form::Text).await?;
                self.answered_question(from, Form::Text, pending, text).await
            }
        }
    }

    /// Who opened the session answers what it asks.
    pub(crate) fn may_answer(&self, session: &SessionId, person: i64) -> bool {
        self.book.owner(session).is_none_or(|owner| owner.as_str() == person.to_string())
    }

    pub(crate) async fn answer(
        &self,
        from: From,
        form: Form,
        pending: &Pending,
        answer: Answer,
    ) -> Result<(), Stopped> {
        let (ask, digest) = (pending.ask.id.clone(), pending.ask.digest);
        self.order(from, form, Command::Answer { ask, answer, digest }).await.map(drop)
    }
}

fn capital(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map(|first| first.to_uppercase().chain(characters).collect()).unwrap_or_default()
}
