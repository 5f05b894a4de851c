//! Telegram's HTML: read as strictly as the published server does, with its words and byte offsets, and written from
//! entities for people to read. Knows no messages.

use super::entity::{Entity, Formatted, Style, part, sort, units};

/// Tags that are allowed.
const TAGS: [&str; 16] = [
    "a",
    "b",
    "strong",
    "i",
    "em",
    "s",
    "strike",
    "del",
    "u",
    "ins",
    "tg-spoiler",
    "tg-emoji",
    "span",
    "pre",
    "code",
    "blockquote",
];

/// Reads markup. The error is what Telegram says after `can't parse entities: `.
pub(super) fn parse(markup: &str) -> Result<Formatted, String> {
    let mut parser = Parser::new(markup);
    while parser.at < parser.bytes.len() {
        parser.step()?;
    }
    if let Some(open) = parser.open.last() {
        return Err(format!("Can't find end tag corresponding to start tag {}", open.tag));
    }
    let text = String::from_utf8(parser.text).map_err(|_| {
        "Text contains invalid Unicode characters after decoding HTML entities, check for unmatched surrogate code units"
            .to_owned()
    })?;
    // The language of code that is in no `pre` means nothing.
    let mut entities = parser.found;
    sort(&mut entities);
    let entities = entities.into_iter().map(|(it, _)| it).collect();
    return Ok(Formatted { text, entities });

    fn sort(entities: &mut [(Entity, String)]) {
        entities.sort_by(|a, b| a.0.offset.cmp(&b.0.offset).then(b.0.length.cmp(&a.0.length)));
    }
}

struct Parser<'a> {
    bytes: &'a [u8],
    at: usize,
    text: Vec<u8>,
    /// UTF-16 units of `text`.
    units: usize,
    open: Vec<Open>,
    /// Entities with the argument of their tag.
    found: Vec<(Entity, String)>,
}

struct Open {
    tag: String,
    argument: String,
    offset: usize,
    begin: usize,
}

impl<'a> Parser<'a> {
    fn new(markup: &'a str) -> Self {
        Self {
            bytes: markup.as_bytes(),
            at: 0,
            text: Vec::new(),
            units: 0,
            open: Vec::new(),
            found: Vec::new(),
        }
    }

    /// Nought after the end, as in the original, where nought counts as white space.
    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn here(&self) -> u8 {
        self.byte(self.at)
    }

    fn slice(&self, from: usize, to: usize) -> String {
        String::from_utf8_lossy(self.bytes.get(from..to).unwrap_or_default()).into_owned()
    }

    fn step(&mut self) -> Result<(), String> {
        match self.here() {
            b'&' => {
                if let Some((code, next)) = self.character_reference(self.at) {
                    self.at = next;
                    push(&mut self.text, code);
                    self.units += if code > 0xffff { 2 } else { 1 };
                    return Ok(());
                }
                self.copy();
                Ok(())
            }
            b'<' if self.byte(self.at + 1) == b'/' => self.end_tag(),
            b'<' => self.start_tag(),
            _ => {
                self.copy();
                Ok(())
            }
        }
    }

    fn copy(&mut self) {
        let byte = self.here();
        // The first byte of a character; four bytes are two units.
        if byte & 0xc0 != 0x80 {
            self.units += if byte >= 0xf0 { 2 } else { 1 };
        }
        self.text.push(byte);
        self.at += 1;
    }

    /// The code and the place after it, if the text at `at` is a reference Telegram knows.
    fn character_reference(&self, at: usize) -> Option<(u32, usize)> {
        let mut end = at + 1;
        let code = if self.byte(end) == b'#' {
            end += 1;
            let radix = if self.byte(end) == b'x' { 16 } else { 10 };
            end += usize::from(radix == 16);
            let mut code: u32 = 0;
            while let Some(digit) = char::from(self.byte(end)).to_digit(radix) {
                code = code.wrapping_mul(radix).wrapping_add(digit);
                end += 1;
            }
            (code != 0 && code < 0x0010_ffff && end - at < 10).then_some(code)?
        } else {
            while self.byte(end).is_ascii_alphabetic() {
                end += 1;
            }
            match self.slice(at + 1, end).as_str() {
                "lt" => u32::from(b'<'),
                "gt" => u32::from(b'>'),
                "amp" => u32::from(b'&'),
                "quot" => u32::from(b'"'),
                _ => return None,
            }
        };
        Some((code, if self.byte(end) == b';' { end + 1 } else { end }))
    }

    fn skip_space(&mut self) {
        while self.here() != 0 && is_space(self.here()) {
            self.at += 1;
        }
    }

    fn start_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        self.at += 1;
        while !is_space(self.here()) && self.here() != b'>' {
            self.at += 1;
        }
        if self.here() == 0 {
            return Err(format!("Unclosed start tag at byte offset {begin}"));
        }
        let tag = self.slice(begin + 1, self.at).to_ascii_lowercase();
        if !TAGS.contains(&tag.as_str()) {
            return Err(format!("Unsupported start tag \"{tag}\" at byte offset {begin}"));
        }
        let mut argument = String::new();
        while self.here() != b'>' {
            self.skip_space();
            if self.here() == b'>' {
                break;
            }
            if let Some((name, value)) = self.attribute(&tag, begin)? {
                take_argument(&tag, &name, value, &mut argument);
            }
        }
        if tag == "span" && argument != "spoiler" {
            return Err(format!("Tag \"span\" must have class \"tg-spoiler\" at byte offset {begin}"));
        }
        self.at += 1;
        self.open.push(Open { tag, argument, offset: self.units, begin: self.text.len() });
        Ok(())
    }

    /// A name and a value; `None` for a value where there is only a name.
    fn attribute(&mut self, tag: &str, begin: usize) -> Result<Option<(String, Option<String>)>, String> {
        let from = self.at;
        while !is_space(self.here()) && !matches!(self.here(), b'=' | b'>' | b'/' | b'"' | b'\'') {
            self.at += 1;
        }
        let name = self.slice(from, self.at);
        if name.is_empty() {
            return Err(format!("Empty attribute name in the tag \"{tag}\" at byte offset {begin}"));
        }
        self.skip_space();
        let unclosed = || Err(format!("Unclosed start tag \"{tag}\" at byte offset {begin}"));
        if self.here() != b'=' {
            return if self.here() == 0 { unclosed() } else { Ok(Some((name, None))) };
        }
        self.at += 1;
        self.skip_space();
        let value = match self.here() {
            0 => return unclosed(),
            quote @ (b'"' | b'\'') => self.quoted(quote),
            _ => self.token()?,
        };
        if self.here() == 0 {
            return Err(format!("Unclosed start tag at byte offset {begin}"));
        }
        Ok(Some((name, Some(value))))
    }

    fn quoted(&mut self, quote: u8) -> String {
        self.at += 1;
        let mut value = Vec::new();
        while self.here() != quote && self.here() != 0 {
            if self.here() == b'&'
                && let Some((code, next)) = self.character_reference(self.at)
            {
                push(&mut value, code);
                self.at = next;
                continue;
            }
            value.push(self.here());
            self.at += 1;
        }
        if self.here() == quote {
            self.at += 1;
        }
        String::from_utf8_lossy(&value).into_owned()
    }

    fn token(&mut self) -> Result<String, String> {
        let from = self.at;
        while self.here().is_ascii_alphanumeric() || matches!(self.here(), b'.' | b'-') {
            self.at += 1;
        }
        if !is_space(self.here()) && self.here() != b'>' {
            return Err(format!("Unexpected end of name token at byte offset {from}"));
        }
        Ok(self.slice(from, self.at).to_ascii_lowercase())
    }

    fn end_tag(&mut self) -> Result<(), String> {
        let begin = self.at;
        let Some(open) = self.open.pop() else {
            return Err(format!("Unexpected end tag at byte offset {begin}"));
        };
        self.at += 2;
        while !is_space(self.here()) && self.here() != b'>' {
            self.at += 1;
        }
        let name = self.slice(begin + 2, self.at).to_ascii_lowercase();
        self.skip_space();
        if self.here() != b'>' {
            return Err(format!("Unclosed end tag at byte offset {begin}"));
        }
        if !name.is_empty() && name != open.tag {
            let expected = &open.tag;
            return Err(format!(
                "Unmatched end tag at byte offset {begin}, expected \"</{expected}>\", found \"</{name}>\""
            ));
        }
        self.at += 1;
        if self.units > open.offset { self.close(open) } else { Ok(()) }
    }

    fn close(&mut self, open: Open) -> Result<(), String> {
        let Open { tag, argument, offset, begin } = open;
        let length = self.units - offset;
        let same = |it: &(Entity, String)| it.0.offset == offset && it.0.length == length;
        let language = |it: &str| (!it.is_empty()).then(|| it.to_owned());
        let style = match tag.as_str() {
            "i" | "em" => Style::Italic,
            "b" | "strong" => Style::Bold,
            "s" | "strike" | "del" => Style::Strikethrough,
            "u" | "ins" => Style::Underline,
            "tg-spoiler" | "span" => Style::Spoiler,
            "tg-emoji" => match argument.parse::<i64>() {
                Ok(id) if id != 0 => Style::Emoji(argument.clone()),
                _ => return Err("Invalid custom emoji identifier specified".into()),
            },
            "a" => {
                let text = String::from_utf8_lossy(self.text.get(begin..).unwrap_or_default()).into_owned();
                match checked_link(if argument.is_empty() { &text } else { &argument }) {
                    Some(url) => Style::Link(url),
                    // No link, and not a word about it.
                    None => return Ok(()),
                }
            }
            "pre" => match self.found.last_mut() {
                Some(last) if same(last) && last.0.style == Style::Code && !last.1.is_empty() => {
                    last.0.style = Style::Pre(language(&last.1));
                    return Ok(());
                }
                _ => Style::Pre(None),
            },
            "code" => match self.found.last_mut() {
                Some(last) if same(last) && last.0.style == Style::Pre(None) && !argument.is_empty() => {
                    last.0.style = Style::Pre(language(&argument));
                    return Ok(());
                }
                _ => Style::Code,
            },
            _ if argument.is_empty() => Style::Quote,
            _ => Style::ExpandableQuote,
        };
        self.found.push((Entity { style, offset, length }, argument));
        Ok(())
    }
}

fn take_argument(tag: &str, name: &str, value: Option<String>, argument: &mut String) {
    let given = value.clone().unwrap_or_default();
    let taken = match (tag, name) {
        ("a", "href") | ("tg-emoji", "emoji-id") => value,
        ("code", "class") => given.strip_prefix("language-").map(str::to_owned),
        ("span", "class") => given.strip_prefix("tg-").map(str::to_owned),
        ("blockquote", "expandable") => Some("1".to_owned()),
        _ => None,
    };
    if let Some(taken) = taken {
        *argument = taken;
    }
}

/// Surrogates are written as bytes that are no UTF-8, and found at the end.
fn push(text: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(c) => text.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        None => text.extend_from_slice(&[0xed, 0xa0, 0x80]),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | 0 | 0x0b)
}

/// An address as Telegram keeps it, or nothing if it is none.
fn checked_link(url: &str) -> Option<String> {
    let url = url.trim();
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    let scheme = scheme.to_ascii_lowercase();
    if !matches!(scheme.as_str(), "http" | "https" | "tg" | "ton" | "tonsite") {
        return None;
    }
    if !scheme.starts_with("http") {
        return (!rest.is_empty()).then(|| format!("{scheme}://{rest}"));
    }
    let host_end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (host, path) = rest.split_at_checked(host_end)?;
    let name = host.rsplit('@').next().unwrap_or(host).split(':').next().unwrap_or_default();
    let good = name.contains('.') && !name.starts_with('.') && !name.contains(char::is_whitespace);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    good.then(|| format!("{scheme}://{}{path}", host.to_lowercase()))
}

/// HTML that gives this text and these entities again.
#[must_use]
pub(super) fn write(formatted: &Formatted) -> String {
    let mut entities: Vec<_> =
        formatted.entities.iter().filter(|it| tag(&it.style).is_some()).cloned().collect();
    sort(&mut entities);
    let mut cuts: Vec<_> = entities.iter().flat_map(|it| [it.offset, it.end()]).collect();
    cuts.extend([0, units(&formatted.text)]);
    cuts.sort_unstable();
    cuts.dedup();
    let mut written = String::new();
    let mut open: Vec<Entity> = Vec::new();
    for (at, next) in cuts.iter().zip(cuts.iter().skip(1).chain(std::iter::once(&usize::MAX))) {
        // An entity that crosses others is closed with them and opened again.
        let keep = open.iter().position(|it| it.end() <= *at).unwrap_or(open.len());
        for closed in open.iter().skip(keep).rev() {
            written.push_str(&tag(&closed.style).unwrap_or_default().1);
        }
        let again: Vec<_> = open.drain(keep..).filter(|it| it.end() > *at).collect();
        for entity in again.into_iter().chain(entities.iter().filter(|it| it.offset == *at).cloned()) {
            written.push_str(&tag(&entity.style).unwrap_or_default().0);
            open.push(entity);
        }
        let text = part(&formatted.text, *at, next.saturating_sub(*at));
        written.push_str(&text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;"));
    }
    written
}

fn tag(style: &Style) -> Option<(String, String)> {
    let plain = |name: &str| Some((format!("<{name}>"), format!("</{name}>")));
    let quoted = |it: &str| it.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;");
    match style {
        Style::Bold => plain("b"),
        Style::Italic => plain("i"),
        Style::Underline => plain("u"),
        Style::Strikethrough => plain("s"),
        Style::Spoiler => plain("tg-spoiler"),
        Style::Code => plain("code"),
        Style::Pre(None) => plain("pre"),
        Style::Pre(Some(language)) => {
            Some((format!("<pre><code class=\"language-{}\">", quoted(language)), "</code></pre>".into()))
        }
        Style::Link(url) => Some((format!("<a href=\"{}\">", quoted(url)), "</a>".into())),
        Style::Emoji(id) => Some((format!("<tg-emoji emoji-id=\"{}\">", quoted(id)), "</tg-emoji>".into())),
        Style::Quote => plain("blockquote"),
        Style::ExpandableQuote => Some(("<blockquote expandable>".into(), "</blockquote>".into())),
        Style::Command | Style::Mention | Style::Url => None,
    }
}
