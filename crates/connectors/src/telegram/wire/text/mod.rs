//! Texts as Telegram takes them: Markdown read, HTML written, cut to messages of 4,096 UTF-16 units. Pure.

mod chain;
mod html;
mod markdown;
mod rich;
mod table;

#[cfg(test)]
mod tests;

pub(super) use chain::cut;
pub use chain::{Layout, lay_out};
pub use markdown::markdown;
pub use rich::Rich;

/// UTF-16 units of a message.
pub const MESSAGE_MAX: usize = 4096;
/// UTF-16 units below a file.
pub const CAPTION_MAX: usize = 1024;

/// A text for one message: with markup, and without it where Telegram does not take the markup.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// Telegram's HTML.
    html: Option<String>,
    plain: String,
}

impl Text {
    /// Shown as it is.
    #[must_use]
    pub fn plain(text: impl Into<String>) -> Self {
        Self { html: None, plain: text.into() }
    }

    /// With Telegram's HTML, and what is shown if Telegram refuses that. [`Rich`] makes both.
    #[must_use]
    pub fn with_html(html: impl Into<String>, plain: impl Into<String>) -> Self {
        Self { html: Some(html.into()), plain: plain.into() }
    }

    #[must_use]
    pub fn html(&self) -> Option<&str> {
        self.html.as_deref()
    }

    #[must_use]
    pub fn without_markup(&self) -> &str {
        &self.plain
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.trim().is_empty()
    }
}

/// UTF-16 units, as Telegram counts.
#[must_use]
pub fn units(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}
