//! Formatted text: what is bold, code, a link. Cleans and trims a text as Telegram does and keeps its entities right.
//! Offsets and lengths are UTF-16 units, as in the Bot API. Reads no markup (see `html`).

use serde_json::{Value, json};

/// One formatted part of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    pub style: Style,
    /// UTF-16 units.
    pub offset: usize,
    /// UTF-16 units.
    pub length: usize,
}

/// How a part of a text looks, or what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Style {
    Bold,
    Italic,
    Underline,
    Strikethrough,
    Spoiler,
    Code,
    /// With the language, if there is one.
    Pre(Option<String>),
    Link(String),
    Emoji(String),
    Quote,
    ExpandableQuote,
    /// Found by Telegram itself.
    Command,
    Mention,
    Url,
}

/// A text and what is formatted in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Formatted {
    pub text: String,
    pub entities: Vec<Entity>,
}

impl Style {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Bold => "bold",
            Self::Italic => "italic",
            Self::Underline => "underline",
            Self::Strikethrough => "strikethrough",
            Self::Spoiler => "spoiler",
            Self::Code => "code",
            Self::Pre(_) => "pre",
            Self::Link(_) => "text_link",
            Self::Emoji(_) => "custom_emoji",
            Self::Quote => "blockquote",
            Self::ExpandableQuote => "expandable_blockquote",
            Self::Command => "bot_command",
            Self::Mention => "mention",
            Self::Url => "url",
        }
    }

    /// May lie in, around and across others, and is cut where it may not.
    fn splits(&self) -> bool {
        matches!(self, Self::Bold | Self::Italic | Self::Underline | Self::Strikethrough | Self::Spoiler)
    }

    /// Found by Telegram itself, not asked for.
    pub(super) fn is_found(&self) -> bool {
        matches!(self, Self::Command | Self::Mention | Self::Url)
    }

    fn is_code(&self) -> bool {
        matches!(self, Self::Code | Self::Pre(_))
    }

    fn is_quote(&self) -> bool {
        matches!(self, Self::Quote | Self::ExpandableQuote)
    }

    /// Which of two entities over the same part is the outer one.
    fn rank(&self) -> u8 {
        match self {
            Self::Quote | Self::ExpandableQuote => 0,
            Self::Link(_) => 1,
            Self::Pre(_) | Self::Code => 2,
            Self::Bold => 3,
            Self::Italic => 4,
            Self::Underline => 5,
            Self::Strikethrough => 6,
            Self::Spoiler => 7,
            Self::Emoji(_) | Self::Command | Self::Mention | Self::Url => 8,
        }
    }
}

impl Entity {
    pub(super) fn end(&self) -> usize {
        self.offset + self.length
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    pub(super) fn to_value(&self) -> Value {
        let mut value = json!({"type": self.style.name(), "offset": self.offset, "length": self.length});
        let extra = match &self.style {
            Style::Pre(Some(language)) => Some(("language", language)),
            Style::Link(url) => Some(("url", url)),
            Style::Emoji(id) => Some(("custom_emoji_id", id)),
            _ => None,
        };
        if let (Some((name, text)), Some(object)) = (extra, value.as_object_mut()) {
            object.insert(name.into(), json!(text));
        }
        value
    }

    /// From the published form. `Ok(None)`: one that Telegram finds itself and does not take from others.
    pub(super) fn from_value(value: &Value) -> Result<Option<Self>, String> {
        let part =
            |name: &str| value.get(name).and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
        let text = |name: &str| value.get(name).and_then(Value::as_str).map(str::to_owned);
        let (Some(offset), Some(length)) = (part("offset"), part("length")) else {
            return Err("Field \"offset\" and \"length\" must be of type Number".into());
        };
        let style = match text("type").unwrap_or_default().as_str() {
            "bold" => Style::Bold,
            "italic" => Style::Italic,
            "underline" => Style::Underline,
            "strikethrough" => Style::Strikethrough,
            "spoiler" => Style::Spoiler,
            "code" => Style::Code,
            "pre" => Style::Pre(text("language").filter(|it| !it.is_empty())),
            "text_link" => Style::Link(text("url").ok_or("Can't find field \"url\"")?),
            "custom_emoji" => {
                Style::Emoji(text("custom_emoji_id").ok_or("Can't find field \"custom_emoji_id\"")?)
            }
            "blockquote" => Style::Quote,
            "expandable_blockquote" => Style::ExpandableQuote,
            "mention" | "hashtag" | "cashtag" | "bot_command" | "url" | "email" | "phone_number" => {
                return Ok(None);
            }
            _ => return Err("Unsupported type specified".into()),
        };
        Ok(Some(Self { style, offset, length }))
    }
}

/// UTF-16 units of a text.
#[must_use]
pub(super) fn units(text: &str) -> usize {
    text.encode_utf16().count()
}

/// The part of a text between two offsets; halves of characters are left out.
#[must_use]
pub(super) fn part(text: &str, offset: usize, length: usize) -> String {
    let mut at = 0;
    let mut found = String::new();
    for c in text.chars() {
        let next = at + c.len_utf16();
        if at >= offset && next <= offset.saturating_add(length) {
            found.push(c);
        }
        at = next;
    }
    found
}

pub(super) fn sort(entities: &mut [Entity]) {
    entities.sort_by(|a, b| {
        a.offset.cmp(&b.offset).then(b.length.cmp(&a.length)).then(a.style.rank().cmp(&b.style.rank()))
    });
}

/// What Telegram makes of a text before it is sent: control characters gone, no white space around it, entities
/// nested as allowed. The second value says what was lost of the formatting.
pub(super) fn settle(text: &str, entities: Vec<Entity>) -> (Formatted, Vec<String>) {
    let (text, mut entities) = clean(text, entities);
    let mut lost = nest(&mut entities);
    sort(&mut entities);
    let first = entities.first().map_or(usize::MAX, |it| it.offset);
    let is_blank = |c: char| c == ' ' || c == '\n';
    let lead = text.chars().take_while(|c| is_blank(*c)).count().min(first);
    let text: String = text.chars().skip(lead).collect();
    let text = text.trim_end_matches(is_blank).to_owned();
    let end = units(&text);
    for entity in &mut entities {
        entity.offset = entity.offset.saturating_sub(lead);
        entity.length = entity.end().min(end).saturating_sub(entity.offset);
    }
    entities.retain(|it| it.length > 0);
    if entities.len() > super::published::ENTITY_LIMIT {
        lost.push(format!("{} entities: those after the first 100 are dropped", entities.len()));
        entities.truncate(super::published::ENTITY_LIMIT);
    }
    (Formatted { text, entities }, lost)
}

/// Carriage returns and some invisible characters go, other control characters become spaces.
fn clean(text: &str, mut entities: Vec<Entity>) -> (String, Vec<Entity>) {
    let mut cleaned = String::with_capacity(text.len());
    // For each unit of the old text, and for its end, the offset in the new one.
    let mut places = Vec::new();
    let mut at = 0;
    for c in text.chars() {
        places.extend(std::iter::repeat_n(at, c.len_utf16()));
        let kept = match c {
            '\n' => Some('\n'),
            '\r' | '\u{2028}'..='\u{202e}' | '\u{333}' | '\u{33f}' | '\u{30a}' => None,
            '\0'..='\u{1f}' => Some(' '),
            other => Some(other),
        };
        if let Some(kept) = kept {
            cleaned.push(kept);
            at += kept.len_utf16();
        }
    }
    places.push(at);
    let place = |old: usize| places.get(old).copied().unwrap_or(at);
    for entity in &mut entities {
        let end = place(entity.end());
        entity.offset = place(entity.offset);
        entity.length = end.saturating_sub(entity.offset);
    }
    (cleaned, entities)
}

/// Code contains nothing and is in nothing but quotes; a quote is in no quote.
fn nest(entities: &mut Vec<Entity>) -> Vec<String> {
    let mut lost = Vec::new();
    sort(entities);
    let code: Vec<_> = entities.iter().filter(|it| it.style.is_code()).cloned().collect();
    let mut kept: Vec<Entity> = Vec::new();
    for entity in entities.drain(..) {
        let quoted =
            entity.style.is_quote() && kept.iter().any(|it| it.style.is_quote() && it.overlaps(&entity));
        let coded =
            entity.style.is_code() && kept.iter().any(|it| it.style.is_code() && it.overlaps(&entity));
        let crossed = |it: &Entity| it.overlaps(&entity) && *it != entity;
        if quoted || coded {
            lost.push(format!("{} inside another one", entity.style.name()));
        } else if entity.style.is_code() || entity.style.is_quote() || !code.iter().any(crossed) {
            kept.push(entity);
        } else if entity.style.splits() {
            lost.push(format!("{} and code over the same text", entity.style.name()));
            kept.extend(without(&entity, &code));
        } else {
            lost.push(format!("{} and code over the same text", entity.style.name()));
        }
    }
    *entities = kept;
    lost
}

/// What is left of an entity outside all code.
fn without(entity: &Entity, code: &[Entity]) -> Vec<Entity> {
    let mut left = Vec::new();
    let mut at = entity.offset;
    for hole in code.iter().filter(|it| it.overlaps(entity)) {
        if hole.offset > at {
            left.push(Entity { style: entity.style.clone(), offset: at, length: hole.offset - at });
        }
        at = at.max(hole.end());
    }
    if entity.end() > at {
        left.push(Entity { style: entity.style.clone(), offset: at, length: entity.end() - at });
    }
    left
}

/// Adds what Telegram finds by itself: commands, mentions, web addresses. Not inside code and links.
pub(super) fn find(formatted: &mut Formatted) {
    let mut at = 0;
    let mut found = Vec::new();
    for word in formatted.text.split_inclusive(|c: char| c.is_whitespace()) {
        let bare = word.trim_end();
        let opening = bare.chars().take_while(|c| matches!(c, '(' | '"' | '\'')).count();
        let bare = bare.trim_start_matches(['(', '"', '\'']);
        let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let name =
            |skip: char| bare.strip_prefix(skip).map(|it| it.chars().take_while(|c| in_name(*c)).count());
        let hit = if bare.starts_with("http://") || bare.starts_with("https://") {
            let url = bare.trim_end_matches(['.', ',', ')', '!', '?', ':', ';', '"', '\'']);
            (url.len() > 8).then(|| (Style::Url, units(url)))
        } else if let Some(length) = name('/').filter(|it| (1..=64).contains(it)) {
            let rest: String = bare.chars().skip(length + 1).collect();
            let bot =
                rest.strip_prefix('@').map_or(0, |it| 1 + it.chars().take_while(|c| in_name(*c)).count());
            let path = rest.starts_with('/');
            (!path).then_some((Style::Command, length + 1 + if bot > 1 { bot } else { 0 }))
        } else {
            name('@').filter(|it| *it >= 4).map(|length| (Style::Mention, length + 1))
        };
        found.extend(hit.map(|(style, length)| Entity { style, offset: at + opening, length }));
        at += units(word);
    }
    let taken: Vec<_> = formatted.entities.clone();
    let free = |it: &Entity| {
        !taken.iter().any(|other| {
            other.overlaps(it) && (other.style.is_code() || matches!(other.style, Style::Link(_)))
        })
    };
    formatted.entities.extend(found.into_iter().filter(free));
    sort(&mut formatted.entities);
}
