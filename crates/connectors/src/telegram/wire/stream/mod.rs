//! One answer that grows in a chat while the agent writes it. What is shown always follows from the whole text, so that
//! nothing is lost or left over, whatever came in between. Knows no session; it is told what runs and when it is over.

mod page;
mod view;

#[cfg(test)]
mod tests;

use super::super::options::Redact;
use super::failure::Failure;
use super::model::{ChatId, MessageId};
use super::outbox::{Outbox, Sound};
use page::Page;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use view::view;

/// Bytes at the end of an unfinished answer that wait for what follows: what a secret is like is seen only when it is
/// whole.
const HELD_MAX: usize = 512;
/// Bytes of an answer that are kept.
const SOURCE_MAX: usize = 4 * 1024 * 1024;

#[derive(Clone, Debug)]
pub struct StreamOptions {
    pub chat: ChatId,
    pub reply_to: Option<MessageId>,
    /// Between two changes of what is shown.
    pub throttle: Duration,
    pub growth: Growth,
    /// UTF-16 units; of a longer answer the beginning is shown, and the whole comes as a file.
    pub long: usize,
    /// Of the first message; the others are silent.
    pub sound: Sound,
    /// Takes secrets out of the answer: of all that came, for a secret may come in pieces.
    pub redact: Redact,
}

impl StreamOptions {
    /// Live, every second and a half, up to three messages.
    #[must_use]
    pub fn new(chat: ChatId) -> Self {
        let (throttle, growth) = (Duration::from_millis(1500), Growth::Live);
        let (sound, redact) = (Sound::Rings, Redact::nothing());
        Self { chat, reply_to: None, throttle, growth, long: 11_000, sound, redact }
    }
}

/// When the answer is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    Live,
    /// As final messages.
    AtTheEnd,
}

/// What stands below the answer at its end.
#[derive(Clone, Debug, Default)]
pub struct Closing {
    /// Tools and how often each was used: `🧰 Bash ×3, Read`.
    pub tools: Vec<(String, u32)>,
    /// A last line, as "stopped".
    pub note: Option<String>,
}

/// What is known of the answer.
#[derive(Clone, Debug, Default)]
struct Answer {
    source: String,
    /// Bytes that were too many to be kept.
    lost: usize,
    indicator: Option<String>,
    /// Bytes that nothing will be added to: a tool came behind them.
    whole: usize,
    closing: Option<Closing>,
    /// Counts changes.
    revision: u64,
}

impl Answer {
    fn is_over(&self) -> bool {
        self.closing.is_some()
    }

    /// What of it may be seen now.
    fn seen(&self, redact: &Redact) -> Self {
        let end = if self.is_over() { self.source.len() } else { settled(&self.source).max(self.whole) };
        let source = redact.text(self.source.get(..end).unwrap_or(&self.source));
        let Self { lost, indicator, whole, closing, revision, source: _ } = self;
        let (indicator, closing) = (indicator.clone(), closing.clone());
        Self { source, lost: *lost, indicator, whole: *whole, closing, revision: *revision }
    }
}

/// Where the word begins that a text ends with, and that may go on. Secrets are words of ASCII.
fn settled(text: &str) -> usize {
    let settled = text.trim_end_matches(|c: char| c.is_ascii_graphic()).len();
    if text.len().saturating_sub(settled) > HELD_MAX { text.len() } else { settled }
}

/// An answer. Dropped without closing, it is closed without a summary.
#[derive(Debug)]
pub struct Stream(watch::Sender<Answer>);

impl Stream {
    /// A stream, and what shows it: a future to be run. It gives the messages the answer became, when all is there.
    pub fn open(
        outbox: &Outbox,
        options: StreamOptions,
    ) -> (Self, impl Future<Output = Result<Vec<MessageId>, Failure>> + Send + use<>) {
        let (answer, watched) = watch::channel(Answer::default());
        (Self(answer), show(Page::new(outbox.clone(), options.clone()), options, watched))
    }

    /// More text, as Markdown.
    pub fn push(&self, text: &str) {
        self.change(|it| {
            if it.source.len().saturating_add(text.len()) > SOURCE_MAX {
                it.lost = it.lost.saturating_add(text.len());
            } else {
                it.source.push_str(text);
            }
        });
    }

    /// A line below the answer that says what runs now: `🔧 Bash: pytest tests/`.
    pub fn indicate(&self, line: Option<&str>) {
        self.change(|it| {
            it.indicator = line.map(str::to_owned);
            it.whole = it.source.len();
        });
    }

    /// The answer is complete.
    pub fn close(self, closing: Closing) {
        self.change(|it| it.closing = Some(closing));
    }

    fn change(&self, change: impl FnOnce(&mut Answer)) {
        self.0.send_modify(|it| {
            change(it);
            it.revision = it.revision.wrapping_add(1);
        });
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.send_if_modified(|it| {
            let open = !it.is_over();
            if open {
                it.closing = Some(Closing::default());
                it.revision = it.revision.wrapping_add(1);
            }
            open
        });
    }
}

async fn show(
    mut page: Page,
    options: StreamOptions,
    mut watched: watch::Receiver<Answer>,
) -> Result<Vec<MessageId>, Failure> {
    let mut shown = 0;
    loop {
        let wanted = |it: &Answer| match options.growth {
            Growth::Live => it.revision != shown,
            Growth::AtTheEnd => it.is_over(),
        };
        // Its sender closes it before it goes.
        if watched.wait_for(wanted).await.is_err() {
            return Err(Failure::Closed);
        }
        let (view, over) = {
            let answer = watched.borrow();
            shown = answer.revision;
            (view(&answer.seen(&options.redact), &options), answer.is_over())
        };
        if over {
            return page.finish(view).await;
        }
        // What the end says comes at once, whatever is under way.
        let mut end = watched.clone();
        tokio::select! {
            result = page.follow(view) => result?,
            () = over_in(&mut end) => continue,
        }
        tokio::select! {
            () = sleep(options.throttle) => {}
            () = over_in(&mut end) => {}
        }
    }
}

async fn over_in(watched: &mut watch::Receiver<Answer>) {
    // Closed without an end is an end too.
    drop(watched.wait_for(Answer::is_over).await);
}
