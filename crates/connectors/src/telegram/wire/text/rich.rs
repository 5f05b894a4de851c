//! A text with looks, before it is cut and written: what a card builds, and what Markdown becomes.

use super::{Text, chain, html, units};

/// How a part of a text looks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) bold: bool,
    pub(super) italic: bool,
    pub(super) strike: bool,
    pub(super) quote: bool,
    pub(super) link: Option<String>,
    pub(super) code: Code,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Code {
    #[default]
    None,
    Inline,
    /// With its language.
    Block(Option<String>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) text: String,
    pub(super) look: Look,
}

/// Built from the start to the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rich {
    spans: Vec<Span>,
}

impl Rich {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// As it is: nothing in it is read as markup.
    pub fn plain(&mut self, text: &str) -> &mut Self {
        self.put(text, Look::default())
    }

    pub fn bold(&mut self, text: &str) -> &mut Self {
        self.put(text, Look { bold: true, ..Look::default() })
    }

    pub fn italic(&mut self, text: &str) -> &mut Self {
        self.put(text, Look { italic: true, ..Look::default() })
    }

    pub fn strike(&mut self, text: &str) -> &mut Self {
        self.put(text, Look { strike: true, ..Look::default() })
    }

    pub fn code(&mut self, text: &str) -> &mut Self {
        self.put(text, Look { code: Code::Inline, ..Look::default() })
    }

    /// A block of code; the language is a word as `rust` or `diff`.
    pub fn block(&mut self, language: Option<&str>, text: &str) -> &mut Self {
        let code = Code::Block(language.map(str::to_owned));
        self.put(text, Look { code, ..Look::default() })
    }

    pub fn quote(&mut self, text: &str) -> &mut Self {
        self.put(text, Look { quote: true, ..Look::default() })
    }

    /// A text that opens an address; one that Telegram would not open is shown behind the text.
    pub fn link(&mut self, text: &str, url: &str) -> &mut Self {
        self.put(text, Look { link: Some(url.to_owned()), ..Look::default() });
        if !html::opens(url) && text != url {
            self.plain(" (").plain(url).plain(")");
        }
        self
    }

    pub fn line(&mut self) -> &mut Self {
        self.plain("\n")
    }

    /// Everything of the other one behind this.
    pub fn append(&mut self, other: Rich) -> &mut Self {
        for span in other.spans {
            self.put(&span.text, span.look);
        }
        self
    }

    pub(super) fn put(&mut self, text: &str, look: Look) -> &mut Self {
        if text.is_empty() {
            return self;
        }
        match self.spans.last_mut() {
            Some(last) if last.look == look => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_owned(), look }),
        }
        self
    }

    pub(super) fn of(spans: Vec<Span>) -> Self {
        Self { spans }
    }

    pub(super) fn spans(&self) -> &[Span] {
        &self.spans
    }

    pub(super) fn last_look(&self) -> Option<&Look> {
        self.spans.last().map(|it| &it.look)
    }

    /// The last characters that are this one go.
    pub(super) fn trim_end(&mut self, character: char) {
        if let Some(last) = self.spans.last_mut() {
            let length = last.text.trim_end_matches(character).len();
            last.text.truncate(length);
            if last.text.is_empty() {
                self.spans.pop();
            }
        }
    }

    /// UTF-16 units of what is shown.
    #[must_use]
    pub fn units(&self) -> usize {
        self.spans.iter().map(|it| units(&it.text)).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.iter().all(|it| it.text.trim().is_empty())
    }

    /// Without looks.
    #[must_use]
    pub fn shown(&self) -> String {
        self.spans.iter().map(|it| it.text.as_str()).collect()
    }

    /// For one message. Whoever does not know that it is short enough takes `chain`.
    #[must_use]
    pub fn text(&self) -> Text {
        Text::with_html(html::write(&self.spans), self.shown())
    }

    /// Messages of at most `limit` UTF-16 units each, cut where it hurts least. Code that is cut goes on as code.
    #[must_use]
    pub fn chain(&self, limit: usize) -> Vec<Text> {
        chain::cut(self, limit).iter().map(Rich::text).collect()
    }

    /// The beginning, of at most `limit` UTF-16 units; `None` if that is all.
    #[must_use]
    pub fn beginning(&self, limit: usize) -> Option<Rich> {
        if self.units() <= limit { None } else { chain::cut(self, limit).into_iter().next() }
    }
}
