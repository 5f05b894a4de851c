//! What happens, as messages: answers that grow, cards, notes. Waits for nothing, so that events never pile up.

use super::cards::{headline, on_its_way, receipt, sheet};
use super::markup::{clip, escape};
use super::memory::{Known, Pending, Stage, Waiting};
use super::options::{Privacy, Streaming};
use super::press::{Press, choice};
use super::state::CardPlace;
use super::talk::{From, Talk, number};
use super::tap::short;
use super::wire::{
    ChatId, Closing, Failure, Growth, MessageId, Post, Priority, Sound, Stream, StreamOptions,
};
use leashd_types::{
    Answer, Approver, Ask, AskId, AskOutcome, Command, Event, Form, Mode, NETWORK_TOOL, Seen, SessionId,
    Timestamp, ToolSummary, TurnOutcome, visible,
};
use std::path::PathBuf;
use std::sync::Arc;

/// Denials told one by one in a turn; the rest is counted.
const DENIALS_MAX: usize = 5;
/// UTF-16 units of what a tool does.
const INDICATOR_MAX: usize = 200;
const LINE_MAX: usize = 600;

impl Talk {
    pub(crate) fn event(self: &Arc<Self>, event: Event) {
        match event {
            Event::SessionOpened { session, chat, user, directory, workspace, mode, .. } => {
                if let Some(chat) = number(&chat) {
                    self.book.set_owner(&session, &user);
                    self.opened(&session, chat, (directory, workspace, mode));
                }
            }
            Event::SessionSwitched { chat, session } => self.switched(number(&chat), session),
            Event::SessionEnded { session, reason, failed } => {
                let chat = self.ended(&session);
                if let (Some(chat), true) = (chat, failed) {
                    let line =
                        format!("✗ Session {} ended: {}", short(session.as_str()), first_line(&reason));
                    self.note(chat, &escape(&self.clean(&line)), Sound::Rings);
                }
            }
            Event::ModeChanged { session, mode } => {
                if let Some(talking) = self.memory().talking(&session) {
                    talking.mode = mode;
                }
            }
            Event::DirectoryChanged { session, directory, workspace } => {
                if let Some(talking) = self.memory().talking(&session) {
                    (talking.directory, talking.workspace) = (directory, workspace);
                }
            }
            Event::ApprovalRequested { ask } | Event::InteractionRequested { ask } => self.asked(&ask),
            Event::AskAnswered { ask, answer, .. } => self.on_its_way(&ask, &answer),
            Event::ApprovalResolved { ask, outcome, .. }
            | Event::InteractionResolved { ask, outcome, .. } => {
                self.resolved(&ask, &outcome);
            }
            Event::MessageQueued { session, waiting, preview } => self.queued(&session, waiting, &preview),
            Event::MessageIn { session, .. } => self.begun(&session),
            other => self.turn_event(other),
        }
    }

    /// What happens within a turn.
    fn turn_event(self: &Arc<Self>, event: Event) {
        match event {
            Event::MessageOut { session, text } if self.options.privacy != Privacy::Private => {
                self.stream(&session, |stream| stream.push(&text));
            }
            Event::ToolGated { session, tool, summary, .. } => self.indicates(&session, &tool, &summary),
            // What a person rejected has its card; a host that was refused is told by the command that wanted it.
            Event::ToolDenied { via: Approver::Human { .. } | Approver::Nobody, .. } => {}
            Event::ToolDenied { tool, .. } if tool == NETWORK_TOOL => {}
            Event::ToolDenied { session, tool, reason, rule, .. } => {
                let why = match self.options.privacy {
                    Privacy::Full | Privacy::Summary => format!(": {reason} [{rule}]"),
                    Privacy::Private => String::new(),
                };
                self.denied(&session, &format!("✗ denied {tool}{why}"));
            }
            Event::ToolRanUngated { session, tool, .. } => {
                self.warn(&session, &format!("✗ {tool} RAN WITHOUT A PERMIT; the session is stopped"));
            }
            Event::Retry { session, attempt, max_attempts, error } => {
                let line = format!("🔁 retry {attempt} of {max_attempts}: {}", first_line(&error));
                self.stream(&session, |stream| stream.indicate(Some(&line)));
            }
            Event::TurnCompleted { session, outcome, tools, cost, duration_ms, .. } => {
                let cost = format!("{cost} · {}.{} s", duration_ms / 1000, duration_ms % 1000 / 100);
                self.completed(&session, &outcome, &tools, cost);
            }
            Event::Warning { session, message } => self.warn(&session, &format!("⚠️ {message}")),
            // Told by whoever ordered it, or nobody's business in a chat.
            _ => {}
        }
    }

    fn opened(&self, session: &SessionId, chat: i64, place: (PathBuf, Option<String>, Mode)) {
        let mut memory = self.memory();
        memory.arrives_with(session, chat, place);
        memory.room(chat).current = Some(session.clone());
    }

    fn switched(self: &Arc<Self>, chat: Option<i64>, session: SessionId) {
        let here = self.memory().chat_of(&session);
        match (here, chat) {
            (Some(here), Some(chat)) if here == chat => {
                self.memory().room(chat).current = Some(session);
            }
            (here, chat) => {
                if here.is_some() {
                    drop(self.memory().leaves(&session));
                }
                let Some(chat) = chat else { return };
                // It comes from another screen: the desk knows the rest.
                let talk = Arc::clone(self);
                tokio::spawn(async move { talk.fetch(&session, chat).await });
            }
        }
    }

    fn ended(&self, session: &SessionId) -> Option<i64> {
        let left = self.memory().leaves(session)?;
        close(left.stream, Closing::default());
        Some(left.chat)
    }

    /// A new ask: its card, unless there is one.
    pub(crate) fn asked(self: &Arc<Self>, ask: &Ask) {
        let mut memory = self.memory();
        let Some(chat) = memory.chat_of(&ask.session) else { return };
        if memory.asks(ask, chat) == Known::Before {
            return;
        }
        // What comes after the answer stands below the card.
        let stream = memory.talking(&ask.session).and_then(|talking| talking.stream.take());
        let pending = memory.ask(&ask.id).cloned();
        drop(memory);
        close(stream, Closing::default());
        if let Some(pending) = pending {
            self.card_again(pending);
        }
    }

    pub(crate) fn card_again(self: &Arc<Self>, pending: Pending) {
        // Whatever comes before the card is there has a place where it is written down.
        self.book.begin_card(&pending.ask.id, pending.chat, &headline(&pending.ask, &self.options));
        let talk = Arc::clone(self);
        tokio::spawn(async move { talk.card(pending).await });
    }

    async fn card(self: Arc<Self>, pending: Pending) {
        let ask = &pending.ask;
        let sheet = sheet(ask, &pending.chosen, self.hears(&pending), &self.options);
        let person = self.owner_of(&ask.session, pending.chat);
        let from = From { chat: ChatId(pending.chat), person, message: None, update: None };
        self.attach(from.chat, &sheet, Priority::Card);
        let (keyboard, names) = self.keyboard(from, &sheet.choices).await;
        if names.is_empty() {
            self.save().await;
        }
        let post = Post { keyboard, priority: Priority::Card, ..self.post(from.chat, &sheet.html) };
        let message = match self.outbox.send(post).await {
            Ok(message) => message,
            Err(failure) => {
                tracing::warn!(ask = %ask.id, reason = %failure, "telegram_card_not_sent");
                if !matches!(failure, Failure::Closed) {
                    drop(self.book.drop_card(&ask.id));
                }
                return;
            }
        };
        self.book.place(&names, message.0);
        if let Some(place) = self.book.card_at(&ask.id, message.0) {
            self.show_receipt(&ask.id, &place);
        }
        self.save().await;
        let shown = Command::Shown { ask: ask.id.clone(), seen: Seen::Delivered };
        // Whether it was still open makes no difference here.
        drop(
            self.deliver(
                From { person: if person == 0 { pending.chat } else { person }, ..from },
                Form::Button,
                shown,
            )
            .await,
        );
    }

    pub(crate) fn on_its_way(&self, ask: &AskId, answer: &Answer) {
        if let Some(pending) = self.memory().ask(ask) {
            pending.stage = Stage::Answered;
        }
        if let Some(place) = self.book.card(ask) {
            self.book.retire_ask(ask, "It has its answer already.");
            for message in place.messages() {
                self.become_line(place.chat, message, &on_its_way(&place.headline, answer));
            }
        }
    }

    pub(crate) fn resolved(self: &Arc<Self>, ask: &AskId, outcome: &AskOutcome) {
        let pending = self.memory().is_over(ask);
        let Some(place) = self.book.card(ask) else { return };
        let expires: Option<Timestamp> = match outcome.answer {
            Answer::Expired => pending.map(|pending| pending.ask.expires),
            _ => None,
        };
        let name = match &outcome.by {
            Approver::Human { user } => self.name(user),
            _ => None,
        };
        let receipt = receipt(&place.headline, outcome, (expires, name.as_deref()));
        // Only a line is left of a card; its buttons say why.
        self.book.retire_ask(ask, &clip(&super::markup::without_markup(&receipt), 180));
        if let Some(place) = self.book.end_card(ask, &receipt) {
            self.show_receipt(ask, &place);
        }
    }

    /// Until Telegram says that only the receipt is left of a card, it is remembered. Of one that nobody knows the place of,
    /// a tap may tell it.
    pub(crate) fn show_receipt(self: &Arc<Self>, ask: &AskId, place: &CardPlace) {
        let Some(receipt) = &place.receipt else { return };
        let turn = |message| self.turn_into_line(place.chat, message, receipt);
        let edits: Vec<_> = place.messages().into_iter().map(turn).collect();
        let (talk, ask) = (Arc::clone(self), ask.clone());
        tokio::spawn(async move {
            let any = !edits.is_empty();
            for edit in edits {
                if let Err(Failure::Closed | Failure::Full { .. }) = edit.await {
                    return;
                }
            }
            if any {
                drop(talk.book.drop_card(&ask));
            }
            talk.save().await;
        });
    }

    /// A message waits behind the running turn: should it?
    fn queued(self: &Arc<Self>, session: &SessionId, waiting: usize, preview: &str) {
        let preview =
            if self.options.privacy == Privacy::Private { String::new() } else { self.clean(preview) };
        let mut memory = self.memory();
        let Some(talking) = memory.talking(session) else { return };
        let chat = talking.chat;
        let html = waiting_line(waiting, &preview);
        match talking.waiting.clone() {
            Waiting::Asked { message, .. } => {
                talking.waiting = Waiting::Asked { message, waiting };
                drop(memory);
                // The buttons stay.
                self.ask_waiting(session.clone(), chat, html, Some(message));
            }
            Waiting::Sending(_) => talking.waiting = Waiting::Sending(waiting),
            Waiting::Nothing => {
                talking.waiting = Waiting::Sending(waiting);
                drop(memory);
                self.ask_waiting(session.clone(), chat, html, None);
            }
        }
    }

    fn ask_waiting(self: &Arc<Self>, session: SessionId, chat: i64, html: String, known: Option<MessageId>) {
        let talk = Arc::clone(self);
        let choices = vec![vec![
            choice("Send now 📩", Press::SendNow { session: session.clone() }),
            choice("Wait ⏳", Press::Wait { session: session.clone() }),
        ]];
        let sheet = super::cards::Sheet::new(html, choices);
        tokio::spawn(async move {
            let person = talk.owner_of(&session, chat);
            let from = From { chat: ChatId(chat), person, message: None, update: None };
            if let Some(message) = known {
                return talk.become_sheet(from, message, sheet, Priority::Card).await;
            }
            let Ok(message) = talk.show(from, sheet, Priority::Card).await else { return };
            let stale = {
                let mut memory = talk.memory();
                match memory.talking(&session).map(|talking| &mut talking.waiting) {
                    Some(state @ Waiting::Sending(_)) => {
                        let waiting = if let Waiting::Sending(waiting) = state { *waiting } else { 1 };
                        *state = Waiting::Asked { message, waiting };
                        false
                    }
                    Some(Waiting::Nothing | Waiting::Asked { .. }) | None => true,
                }
            };
            // Unless a tap was quicker.
            if stale && talk.book.live_buttons(chat, message.0) > 0 {
                talk.waited(chat, message);
            }
        });
    }

    fn waited(&self, chat: i64, message: MessageId) {
        self.book.retire_message(chat, message.0, "The message is with the agent already.");
        self.become_line(chat, message.0, "📩 With the agent now");
    }

    /// A message reached the agent: a turn begins.
    fn begun(&self, session: &SessionId) {
        let mut memory = self.memory();
        let Some(talking) = memory.talking(session) else { return };
        let chat = talking.chat;
        talking.denials = 0;
        let waited = std::mem::take(&mut talking.waiting);
        let before = talking.stream.take();
        let current = memory.is_current(session);
        drop(memory);
        close(before, Closing::default());
        if let Waiting::Asked { message, .. } = waited {
            self.waited(chat, message);
        }
        if current {
            self.outbox.typing(ChatId(chat));
        }
    }

    /// Does something with the answer that grows. One in the background does not grow; it is told when it is done.
    fn stream(&self, session: &SessionId, work: impl FnOnce(&Stream)) {
        let mut memory = self.memory();
        if !memory.is_current(session) {
            return;
        }
        let Some(talking) = memory.talking(session) else { return };
        let chat = ChatId(talking.chat);
        let stream = talking.stream.get_or_insert_with(|| {
            let growth = match self.options.streaming {
                Streaming::On => Growth::Live,
                Streaming::Off => Growth::AtTheEnd,
            };
            let options = StreamOptions {
                chat,
                reply_to: None,
                throttle: self.options.throttle,
                growth,
                long: self.options.document_over,
                sound: Sound::Rings,
                redact: self.options.redact.clone(),
            };
            let (stream, showing) = Stream::open(&self.outbox, options);
            tokio::spawn(async move {
                if let Err(failure) = showing.await {
                    tracing::warn!(reason = %failure, "telegram_answer_not_shown");
                }
            });
            stream
        });
        work(stream);
    }

    fn indicates(&self, session: &SessionId, tool: &str, summary: &str) {
        let line = match self.options.privacy {
            Privacy::Full if !summary.is_empty() => {
                format!("🔧 {tool}: {}", self.clean(first_line(summary)))
            }
            Privacy::Full | Privacy::Summary | Privacy::Private => format!("🔧 {tool}"),
        };
        self.stream(session, |stream| stream.indicate(Some(&clip(&visible(&line), INDICATOR_MAX))));
    }

    fn denied(&self, session: &SessionId, line: &str) {
        let mut memory = self.memory();
        let Some(talking) = memory.talking(session) else { return };
        talking.denials = talking.denials.saturating_add(1);
        let (chat, told) = (talking.chat, talking.denials);
        drop(memory);
        if told <= DENIALS_MAX {
            self.note(chat, &escape(&clip(&self.clean(line), LINE_MAX)), Sound::Silent);
        }
    }

    fn warn(&self, session: &SessionId, line: &str) {
        let chat = self.memory().chat_of(session);
        if let Some(chat) = chat {
            self.note(chat, &escape(&clip(&self.clean(line), LINE_MAX)), Sound::Rings);
        }
    }

    fn completed(&self, session: &SessionId, outcome: &TurnOutcome, tools: &[ToolSummary], cost: String) {
        let mut memory = self.memory();
        let current = memory.is_current(session);
        let Some(talking) = memory.talking(session) else { return };
        let (chat, stream) = (talking.chat, talking.stream.take());
        let directory = talking.directory.display().to_string();
        let more = talking.denials.saturating_sub(DENIALS_MAX);
        drop(memory);
        let mut note = outcome_line(outcome);
        if more > 0 {
            let denials = format!("and {more} more denials");
            note = Some(note.map_or(denials.clone(), |note| format!("{note} · {denials}")));
        }
        let tools: Vec<_> = tools.iter().map(|it| (it.tool.clone(), it.times)).collect();
        match stream {
            Some(stream) => stream.close(Closing { tools, note: note.map(|note| self.clean(&note)) }),
            None if current => {
                let done = note.map_or_else(|| "✓ Done".to_owned(), |note| format!("✓ Done: {note}"));
                let used = used(&tools);
                self.note(chat, &escape(&self.clean(&format!("{done}{used} · {cost}"))), Sound::Rings);
            }
            None => {
                let ended = note.map_or_else(|| "is done".to_owned(), |note| format!("stopped: {note}"));
                let line =
                    format!("💬 Session {} in {directory} {ended} · /session", short(session.as_str()));
                self.note(chat, &escape(&self.clean(&line)), Sound::Silent);
            }
        }
    }

    /// Without hidden characters and without secrets.
    pub(crate) fn clean(&self, text: &str) -> String {
        visible(&self.options.redact.text(text))
    }
}

fn close(stream: Option<Stream>, closing: Closing) {
    if let Some(stream) = stream {
        stream.close(closing);
    }
}

fn waiting_line(waiting: usize, preview: &str) -> String {
    let preview = if preview.is_empty() {
        String::new()
    } else {
        format!(": “{}”", escape(&clip(first_line(preview), 200)))
    };
    match waiting {
        1 => format!("⏳ The agent is busy. Your message waits{preview}"),
        count => format!("⏳ The agent is busy. {count} messages wait, the last one{preview}"),
    }
}

fn used(tools: &[(String, u32)]) -> String {
    let each: Vec<_> = tools
        .iter()
        .map(|(tool, times)| if *times == 1 { tool.clone() } else { format!("{tool} ×{times}") })
        .collect();
    if each.is_empty() { String::new() } else { format!(" · 🧰 {}", each.join(", ")) }
}

fn outcome_line(outcome: &TurnOutcome) -> Option<String> {
    match outcome {
        TurnOutcome::Completed => None,
        TurnOutcome::Interrupted => Some("interrupted".to_owned()),
        TurnOutcome::MaxTurns => {
            Some("the turn limit is reached; say more, or raise LEASHD_MAX_TURNS".to_owned())
        }
        TurnOutcome::BudgetExhausted => Some("the budget is used up".to_owned()),
        TurnOutcome::ApiError { status, message } => {
            let status = status.map(|status| format!(" {status}")).unwrap_or_default();
            Some(format!("API error{status}: {}", first_line(message)))
        }
        TurnOutcome::Failed { message } => Some(format!("failed: {}", first_line(message))),
    }
}

pub(crate) fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
