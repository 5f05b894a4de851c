//! Changes one key of a YAML text line by line. Knows the ordinary layout only; whoever calls it reads the result back.

use crate::settings::place::Place;

/// Gives the key at `place` another value, on one line. A comment behind a value that fitted on its line stays.
pub(crate) fn replace(text: &str, place: &Place, yaml: &str) -> String {
    let span = Span::of(text, place);
    let comment = if span.is_one_line() { comment_of(&span.value) } else { "" };
    let gap = if comment.is_empty() { "" } else { "  " };
    span.with(&format!("{} {yaml}{gap}{comment}", span.key), text)
}

/// Takes the key at `place` out, and the block it stands in if it was the only one there.
pub(crate) fn remove(text: &str, place: &Place) -> String {
    Span::of(text, place).without(text)
}

/// Adds a key: `max_turns` at the end, `telegram.bot_token` to its block.
pub(crate) fn add(text: &str, spelled: &str, yaml: &str) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let Some((section, key)) = spelled.split_once('.') else {
        lines.push(format!("{spelled}: {yaml}"));
        return joined(&lines);
    };
    let opens = |line: &String| {
        line.strip_prefix(section).and_then(|rest| rest.strip_prefix(':')).is_some_and(|rest| {
            let rest = rest.trim();
            rest.is_empty() || rest.starts_with('#')
        })
    };
    let Some(at) = lines.iter().position(opens) else {
        lines.push(format!("{section}:"));
        lines.push(format!("  {key}: {yaml}"));
        return joined(&lines);
    };
    let below = lines.iter().skip(at + 1);
    let own = below.clone().take_while(|line| is_filler(line) || indent(line) > 0);
    let last = own.enumerate().filter(|(_, line)| !is_filler(line)).map(|(index, _)| index + 1).last();
    let depth =
        below.clone().find(|line| !is_filler(line)).map(|line| indent(line)).filter(|depth| *depth > 0);
    lines.insert(at + 1 + last.unwrap_or(0), format!("{:1$}{key}: {yaml}", "", depth.unwrap_or(2)));
    joined(&lines)
}

/// A key and its value in a text.
struct Span {
    /// Lines before it.
    start: usize,
    /// The first line after it.
    end: usize,
    /// `  max_turns:`
    key: String,
    /// What follows on the same line.
    value: String,
}

impl Span {
    fn of(text: &str, place: &Place) -> Self {
        let start = place.line.saturating_sub(1);
        let line = text.lines().nth(start).unwrap_or_default();
        let before: String = line.chars().take(place.column.saturating_sub(1)).collect();
        let rest = line.get(before.len()..).unwrap_or_default();
        let (key, value) = rest.split_once(':').unwrap_or((rest, ""));
        let depth = indent(line);
        let nothing_here = is_filler(value);
        let belongs = |line: &&str| {
            is_filler(line)
                || indent(line) > depth
                || (nothing_here && indent(line) == depth && line.trim_start().starts_with("- "))
        };
        let below = text.lines().skip(start + 1).take_while(belongs);
        let last = below.enumerate().filter(|(_, line)| !is_filler(line)).map(|(index, _)| index + 1).last();
        Self {
            start,
            end: start + 1 + last.unwrap_or(0),
            key: format!("{before}{key}:"),
            value: value.to_owned(),
        }
    }

    fn is_one_line(&self) -> bool {
        self.end == self.start + 1
    }

    fn with(&self, line: &str, text: &str) -> String {
        let before = text.lines().take(self.start);
        let lines: Vec<&str> = before.chain([line]).chain(text.lines().skip(self.end)).collect();
        joined(&lines)
    }

    fn without(&self, text: &str) -> String {
        let mut lines: Vec<&str> = text.lines().take(self.start).collect();
        let after: Vec<&str> = text.lines().skip(self.end).collect();
        let depth = indent(&self.key);
        let next = after.iter().find(|line| !is_filler(line)).map_or(0, |line| indent(line));
        let alone = depth > 0
            && next < depth
            && lines.iter().rev().find(|line| !is_filler(line)).is_some_and(|line| indent(line) < depth);
        if alone && let Some(opens) = lines.iter().rposition(|line| !is_filler(line)) {
            lines.remove(opens);
        }
        lines.extend(after);
        joined(&lines)
    }
}

/// The comment behind a value, `#` included.
fn comment_of(value: &str) -> &str {
    let trimmed = value.trim_start();
    let after = match trimmed.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            trimmed.rfind(quote).and_then(|end| trimmed.get(end + 1..)).unwrap_or_default()
        }
        Some('[' | '{') => {
            trimmed.rfind([']', '}']).and_then(|end| trimmed.get(end + 1..)).unwrap_or_default()
        }
        Some('#') => return trimmed,
        _ => trimmed,
    };
    after.find(" #").and_then(|at| after.get(at + 1..)).unwrap_or_default()
}

/// A line that says nothing.
fn is_filler(line: &str) -> bool {
    let trimmed = line.trim_start();
    trimmed.is_empty() || trimmed.starts_with('#')
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn joined<T: AsRef<str>>(lines: &[T]) -> String {
    let mut out = String::new();
    for line in lines {
        out.push_str(line.as_ref());
        out.push('\n');
    }
    out
}
