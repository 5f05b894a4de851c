//! A whole conversation as a text a person can read and a test can compare: no times, messages numbered as they
//! appear, names instead of ids. Waits for nothing.

use super::message::{Author, Media, Message, Press, Sound, Version};
use super::view::Chat;
use super::world::{Event, Notice};
use std::collections::BTreeMap;
use std::fmt;

/// How edits are told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Edits {
    /// A message that grows is told once, as it was in the end; a change of its buttons is told on its own.
    /// So the text does not depend on how often it was edited.
    #[default]
    Settled,
    /// The same, and one that was taken back is not told at all: nor does it depend on whether there was time to show it.
    Lasting,
    /// Every one.
    Each,
}

/// Renders a chat.
pub struct Transcript {
    chat: Chat,
    edits: Edits,
    scrubs: Vec<Scrub>,
}

type Scrub = Box<dyn Fn(&str) -> String + Send>;

impl fmt::Debug for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transcript")
            .field("chat", &self.chat.id)
            .field("edits", &self.edits)
            .finish_non_exhaustive()
    }
}

impl Transcript {
    pub(super) fn of(chat: &Chat) -> Self {
        Self { chat: chat.clone(), edits: Edits::Settled, scrubs: Vec::new() }
    }

    #[must_use]
    pub fn edits(mut self, edits: Edits) -> Self {
        self.edits = edits;
        self
    }

    /// Replaces what differs from run to run, as a path or a time: gets and gives the text of a message.
    #[must_use]
    pub fn scrubbed(mut self, scrub: impl Fn(&str) -> String + Send + 'static) -> Self {
        self.scrubs.push(Box::new(scrub));
        self
    }

    /// The text.
    #[must_use]
    pub fn render(&self) -> String {
        let messages: BTreeMap<i32, Message> =
            self.chat.all_messages().into_iter().map(|it| (it.id, it)).collect();
        let mut page = Page { transcript: self, messages, numbers: BTreeMap::new(), text: String::new() };
        for event in self.chat.events() {
            page.event(&event);
        }
        page.text
    }
}

struct Page<'a> {
    transcript: &'a Transcript,
    messages: BTreeMap<i32, Message>,
    /// Message ids to numbers, in the order of appearance.
    numbers: BTreeMap<i32, usize>,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, line: &str) {
        self.text.push_str(line.trim_end());
        self.text.push('\n');
    }

    fn number(&mut self, message: i32) -> usize {
        let next = self.numbers.len() + 1;
        *self.numbers.entry(message).or_insert(next)
    }

    fn name(&self, person: i64) -> String {
        self.transcript.chat.name_of(person)
    }

    /// Nobody who looks later sees it.
    fn is_gone(&self, message: i32) -> bool {
        self.transcript.edits == Edits::Lasting
            && self.messages.get(&message).is_some_and(|it| !it.is_there())
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Said { message } | Event::Edited { message, .. } | Event::Deleted { message }
                if self.is_gone(*message) => {}
            Event::Said { message } => self.said(*message, 0, "says"),
            Event::Edited { message, version } => self.said(*message, *version, "edits"),
            Event::Deleted { message } => {
                let number = self.number(*message);
                self.line(&format!("× #{number} is deleted"));
            }
            Event::Tapped { person, message, label } => {
                let (name, number) = (self.name(*person), self.number(*message));
                self.line(&format!("→ {name} taps [{label}] of #{number}"));
            }
            Event::Answered { person, text, notice } => {
                let name = self.name(*person);
                let way = match notice {
                    Notice::Toast => "is told",
                    Notice::Alert => "gets a window",
                };
                if !text.is_empty() {
                    let text = self.scrub(text);
                    self.line(&format!("← {name} {way}: {text}"));
                }
            }
            Event::Reacted { message, emoji } => {
                let number = self.number(*message);
                self.line(&format!("← bot puts {emoji} on #{number}"));
            }
            Event::Blocked { person } => {
                let name = self.name(*person);
                self.line(&format!("→ {name} blocks the bot"));
            }
            Event::Unblocked { person } => {
                let name = self.name(*person);
                self.line(&format!("→ {name} unblocks the bot"));
            }
            // How often it comes is a matter of time.
            Event::Activity { .. } => {}
        }
    }

    fn said(&mut self, id: i32, version: usize, verb: &str) {
        let Some(message) = self.messages.get(&id).cloned() else { return };
        let versions: Vec<&Version> = message.versions().collect();
        let Some(mut shown) = versions.get(version).copied() else { return };
        if self.transcript.edits != Edits::Each && message.is_from_bot() {
            let settled = |version: &&&Version| version.buttons == shown.buttons;
            let continues = version.checked_sub(1).and_then(|it| versions.get(it));
            if continues.is_some_and(|it| it.buttons == shown.buttons) {
                return;
            }
            shown = versions.iter().skip(version).take_while(settled).last().copied().unwrap_or(shown);
        }
        let number = self.number(id);
        let name = match message.by {
            Author::Bot => "bot".to_owned(),
            Author::Person => self.name(message.from),
        };
        let mut head = format!("#{number} {name} {verb}");
        if version == 0 {
            if let Some(answered) = message.reply_to {
                let answered = self.number(answered);
                head.push_str(&format!(", replying to #{answered}"));
            }
            if let Some(person) = message.forwarded_from {
                head.push_str(&format!(", forwarding {}", self.name(person)));
            }
            if message.sound == Sound::Silent {
                head.push_str(", silently");
            }
            if message.asks_reply {
                head.push_str(", asking for a reply");
            }
        }
        self.line(&format!("{head}:"));
        self.file(&message);
        self.body(shown);
    }

    fn file(&mut self, message: &Message) {
        let Some(file) = self.transcript.chat.file(message) else { return };
        let what = match &message.media {
            Some(Media::Photo(_)) => "photo".to_owned(),
            Some(Media::Voice(_)) => "voice message".to_owned(),
            Some(Media::Document(_)) | None => format!("file {}", file.name.unwrap_or_default()),
        };
        self.line(&format!("  | <{what}, {} bytes>", file.bytes.len()));
    }

    fn body(&mut self, version: &Version) {
        let html = self.scrub(&version.html());
        for line in html.lines() {
            self.line(&format!("  | {line}"));
        }
        for row in &version.buttons {
            let labels = row.iter().map(|it| match &it.press {
                Press::Data(_) => format!("[{}]", it.label),
                Press::Opens(url) => format!("[{} ↗ {url}]", it.label),
                Press::Copies(_) => format!("[{} ⧉]", it.label),
            });
            let labels: Vec<_> = labels.collect();
            let line = self.scrub(&labels.join(" "));
            self.line(&format!("    {line}"));
        }
    }

    fn scrub(&self, text: &str) -> String {
        self.transcript.scrubs.iter().fold(text.to_owned(), |text, scrub| scrub(&text))
    }
}
