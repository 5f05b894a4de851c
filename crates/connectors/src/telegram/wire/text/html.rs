//! Writes looks as Telegram's HTML: within its limits, and nested as Telegram allows: code holds nothing and stands in
//! nothing but quotes.

use super::rich::{Code, Look, Span};

/// Formatted parts of one message; Telegram drops those after them.
const TAGS_MAX: usize = 100;
/// Bytes of all tags. The escaped text has at most five for each of 4,096 units; together less than the 32,768 that
/// Telegram reads.
const TAG_BYTES_MAX: usize = 8 * 1024;
/// Bytes of an address behind a text.
const LINK_MAX: usize = 2048;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tag<'a> {
    Quote,
    Link(&'a str),
    Bold,
    Italic,
    Strike,
    Code,
    Block(Option<&'a str>),
}

impl Tag<'_> {
    fn open(&self) -> String {
        match self {
            Self::Quote => "<blockquote>".into(),
            Self::Link(url) => format!("<a href=\"{}\">", escaped(url)),
            Self::Bold => "<b>".into(),
            Self::Italic => "<i>".into(),
            Self::Strike => "<s>".into(),
            Self::Code => "<code>".into(),
            Self::Block(None) => "<pre>".into(),
            Self::Block(Some(language)) => format!("<pre><code class=\"language-{language}\">"),
        }
    }

    fn close(&self) -> &'static str {
        match self {
            Self::Quote => "</blockquote>",
            Self::Link(_) => "</a>",
            Self::Bold => "</b>",
            Self::Italic => "</i>",
            Self::Strike => "</s>",
            Self::Code => "</code>",
            Self::Block(None) => "</pre>",
            Self::Block(Some(_)) => "</code></pre>",
        }
    }
}

pub(super) fn write(spans: &[Span]) -> String {
    let mut written = String::new();
    let mut open: Vec<Tag<'_>> = Vec::new();
    let (mut count, mut bytes) = (0_usize, 0_usize);
    for span in spans {
        let wanted = tags(&span.look);
        let same = open.iter().zip(&wanted).take_while(|(a, b)| a == b).count();
        for tag in open.drain(same..).rev() {
            written.push_str(tag.close());
        }
        // White space looks the same without.
        let blank = span.text.trim().is_empty();
        for tag in wanted.into_iter().skip(same) {
            let opening = tag.open();
            let cost = opening.len() + tag.close().len();
            if blank || count >= TAGS_MAX || bytes + cost > TAG_BYTES_MAX {
                break;
            }
            count += 1;
            bytes += cost;
            written.push_str(&opening);
            open.push(tag);
        }
        written.push_str(&escaped(&span.text));
    }
    for tag in open.into_iter().rev() {
        written.push_str(tag.close());
    }
    written
}

/// From the outermost to the innermost.
fn tags(look: &Look) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    if look.quote {
        tags.push(Tag::Quote);
    }
    match &look.code {
        Code::Inline => tags.push(Tag::Code),
        Code::Block(language) => tags.push(Tag::Block(language.as_deref().filter(|it| is_language(it)))),
        Code::None => {
            tags.extend(look.link.as_deref().filter(|it| opens(it)).map(Tag::Link));
            let emphasis = [(look.bold, Tag::Bold), (look.italic, Tag::Italic), (look.strike, Tag::Strike)];
            tags.extend(emphasis.into_iter().filter(|it| it.0).map(|it| it.1));
        }
    }
    tags
}

fn is_language(word: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '_' | '#' | '.');
    !word.is_empty() && word.len() <= 32 && word.chars().all(good)
}

/// Would Telegram open this address? Where it would not, it shows the text alone and says nothing.
pub(super) fn opens(url: &str) -> bool {
    let Some((scheme, rest)) = url.split_once("://") else { return false };
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let good = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':');
    let clean = !url.contains(|c: char| c.is_whitespace() || c.is_control()) && url.len() <= LINK_MAX;
    matches!(scheme, "http" | "https")
        && clean
        && host.contains('.')
        && !host.starts_with('.')
        && host.chars().all(good)
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            '\r' => {}
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
