//! What an answer looks like at a moment: messages, and a file where it is too long for them. Pure.

use super::super::text::{MESSAGE_MAX, Rich, cut, markdown};
use super::{Answer, Closing, Growth, StreamOptions};

/// UTF-16 units of each message that are kept for what stands below the answer: an answer must not move to the next
/// message because a tool runs.
const BELOW: usize = 300;
/// UTF-16 units of a tool's line.
const LINE: usize = 150;
/// UTF-16 units of a note. With a tool's line and the words about the file it fits below.
const NOTE: usize = 64;
/// UTF-16 units that are shown above a file where nothing was shown before.
const BEGINNING: usize = 1000;

/// Messages in order; none if there is nothing to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct View {
    pub(super) parts: Vec<Rich>,
    /// The whole, as Markdown.
    pub(super) file: Option<String>,
}

pub(super) fn view(answer: &Answer, options: &StreamOptions) -> View {
    let limit = match options.growth {
        Growth::Live => options.long,
        Growth::AtTheEnd => options.long.min(BEGINNING),
    };
    // Markup makes a text longer; four bytes of source for each unit are enough for a beginning.
    let most = options.long.saturating_mul(16).saturating_add(64 * 1024);
    let rich = markdown(beginning(&answer.source, most));
    let long = rich.units() > options.long || answer.source.len() > most || answer.lost > 0;
    let mut parts = cut(&rich, (MESSAGE_MAX - BELOW).min(if long { limit.max(1) } else { MESSAGE_MAX }));
    if long {
        keep(&mut parts, limit);
    }
    let mut below = Vec::new();
    if long {
        below.push(rest(answer));
    }
    match &answer.closing {
        Some(closing) => below.extend(summary(closing)),
        None => below.extend(answer.indicator.as_deref().map(|it| line(it, LINE))),
    }
    if !below.is_empty() {
        let below = below.join("\n");
        match parts.last_mut() {
            Some(last) => {
                last.plain("\n\n").plain(&below);
            }
            None => {
                let mut alone = Rich::new();
                alone.plain(&below);
                parts.push(alone);
            }
        }
    }
    let file = (long && answer.is_over()).then(|| whole(answer));
    View { parts, file }
}

/// As many messages as together have at most `limit` units, but one at least.
fn keep(parts: &mut Vec<Rich>, limit: usize) {
    let mut length = 0;
    let mut kept = 0;
    for part in parts.iter() {
        length += part.units();
        if length > limit && kept > 0 {
            break;
        }
        kept += 1;
    }
    parts.truncate(kept);
}

fn beginning(source: &str, most: usize) -> &str {
    let mut end = most.min(source.len());
    while !source.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    source.get(..end).unwrap_or(source)
}

fn rest(answer: &Answer) -> String {
    let length = answer.source.chars().count();
    match answer.is_over() {
        true => format!("… the whole answer, {length} characters, is in the file"),
        false => format!("… {length} characters so far; the whole answer comes as a file"),
    }
}

fn whole(answer: &Answer) -> String {
    match answer.lost {
        0 => answer.source.clone(),
        lost => format!("{}\n\n[{lost} bytes more were too many to be kept]\n", answer.source),
    }
}

/// `🧰 Bash ×3, Read`, and the note.
fn summary(closing: &Closing) -> Option<String> {
    let tool = |(name, times): &(String, u32)| match times {
        0 | 1 => name.clone(),
        times => format!("{name} ×{times}"),
    };
    let tools: Vec<_> = closing.tools.iter().map(tool).collect();
    let tools = (!tools.is_empty()).then(|| line(&format!("🧰 {}", tools.join(", ")), LINE));
    let note = closing.note.as_deref().map(|it| line(it, NOTE));
    let lines: Vec<_> = tools.into_iter().chain(note).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// One line of at most so many units.
fn line(text: &str, most: usize) -> String {
    let mut line = String::new();
    let mut length = 0;
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        length += c.len_utf16();
        if length >= most {
            line.push('…');
            break;
        }
        line.push(c);
    }
    line
}
