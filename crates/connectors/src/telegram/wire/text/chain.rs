//! Cuts long texts into messages: between paragraphs, else between lines, else between words, else where it must be.

use super::rich::{Rich, Span};
use super::{MESSAGE_MAX, Text, units};
use std::ops::Range;

/// UTF-16 units of the beginning that stands above a file.
const BEGINNING: usize = 1000;

/// How a text is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layout {
    Messages(Vec<Text>),
    /// Too long for messages: its beginning, with how much the file has. The file is the caller's.
    Document(Text),
}

/// Messages, or the beginning of a document if the text is longer than `long` UTF-16 units.
#[must_use]
pub fn lay_out(rich: &Rich, long: usize) -> Layout {
    let length = rich.units();
    match rich.beginning(BEGINNING) {
        Some(mut beginning) if length > long => {
            let left = length.saturating_sub(beginning.units());
            beginning.plain("\n\n").italic(&format!("… {left} characters more are in the file"));
            Layout::Document(beginning.text())
        }
        _ => Layout::Messages(rich.chain(MESSAGE_MAX)),
    }
}

pub(in super::super) fn cut(rich: &Rich, limit: usize) -> Vec<Rich> {
    let shown = rich.shown();
    let pieces = pieces(&shown, limit.max(2));
    let mut cut = Vec::new();
    let mut from = 0;
    let mut starts = Vec::new();
    for span in rich.spans() {
        starts.push((from, span));
        from += span.text.len();
    }
    for piece in pieces {
        let mut part = Vec::new();
        for (start, span) in &starts {
            let begin = piece.start.max(*start) - start;
            let end = piece.end.min(start + span.text.len()).saturating_sub(*start);
            if let Some(text) = span.text.get(begin..end).filter(|it| !it.is_empty()) {
                part.push(Span { text: text.to_owned(), look: span.look.clone() });
            }
        }
        cut.push(Rich::of(part));
    }
    cut
}

/// Byte ranges of at most `limit` units; those of white space alone are left out.
fn pieces(text: &str, limit: usize) -> Vec<Range<usize>> {
    let mut pieces = Vec::new();
    let mut start = 0;
    while let Some(rest) = text.get(start..).filter(|it| !it.is_empty()) {
        let length = if units(rest) <= limit { rest.len() } else { before_limit(rest, limit) };
        let piece = rest.get(..length).unwrap_or(rest);
        if !piece.trim().is_empty() {
            pieces.push(start..start + piece.len());
        }
        start += length.max(1);
        // The break itself goes; what indents the next line stays.
        let skipped = text.get(start..).map_or(0, |rest| {
            let newlines = rest.len() - rest.trim_start_matches('\n').len();
            if newlines > 0 { newlines } else { usize::from(rest.starts_with(' ') && !piece.ends_with('\n')) }
        });
        start += skipped;
    }
    pieces
}

/// Where to cut, in bytes: after at most `limit` units.
fn before_limit(text: &str, limit: usize) -> usize {
    let mut at = 0;
    let mut end = 0;
    for c in text.chars() {
        at += c.len_utf16();
        if at > limit {
            break;
        }
        end += c.len_utf8();
    }
    let window = text.get(..end).unwrap_or(text);
    let next = text.get(end..).unwrap_or_default();
    if next.starts_with('\n') {
        return end;
    }
    let far = |found: &usize| *found >= end / 2;
    let paragraph = window.rfind("\n\n").filter(far);
    let line = window.rfind('\n').filter(far);
    let word = if next.starts_with(' ') { Some(end) } else { window.rfind(' ').filter(far) };
    paragraph.or(line).or(word).unwrap_or(end).max(1)
}
