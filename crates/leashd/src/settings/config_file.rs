//! Reads `config.yaml`: which settings it makes, in any of their spellings, and where each stands. Knows no value's meaning
//! beyond what the table says.

use super::place::{Place, mistake};
use super::table::{self, PREFIX, ROWS, Reach, Row};
use super::value::Raw;
use crate::failure::Failure;
use serde::Deserialize;
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value as Json;
use serde_saphyr::{Error, Location, Spanned};
use std::fmt;

/// Bytes of the file.
pub(crate) const BYTES_MAX: u64 = 1 << 20;
const DEPTH_MAX: usize = 32;
const NODES_MAX: usize = 100_000;
/// The block that counts only while `enabled` says so.
pub(crate) const AUTONOMOUS: &str = "autonomous";

/// One setting as the file makes it.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) row: &'static Row,
    pub(crate) raw: Raw,
    /// Of the key.
    pub(crate) place: Place,
    /// As the file spells it, with a dot for each level.
    pub(crate) spelled: String,
    /// False in a block that is switched off.
    pub(crate) counts: bool,
}

/// All settings the file makes.
///
/// # Errors
/// The first mistake, with its place.
pub(crate) fn read(file: &str, text: &str) -> Result<Vec<Entry>, Failure> {
    let reader = Reader { file, text };
    let entries = match reader.parse()? {
        None => Vec::new(),
        Some(keys) => reader.entries(&keys)?,
    };
    reader.once(&entries)?;
    Ok(entries)
}

/// Any YAML, with places.
#[derive(Debug)]
enum Node {
    Nothing,
    Scalar(Json),
    List(Vec<Spanned<Node>>),
    Map(Keys),
}

type Keys = Vec<(Spanned<String>, Spanned<Node>)>;

struct Reader<'a> {
    file: &'a str,
    text: &'a str,
}

impl Reader<'_> {
    fn parse(&self) -> Result<Option<Keys>, Failure> {
        let blank = |line: &str| line.trim().is_empty() || line.trim_start().starts_with('#');
        if self.text.lines().all(blank) {
            return Ok(None);
        }
        let options = serde_saphyr::options! {
            with_snippet: false,
            emit_comments: false,
            budget: serde_saphyr::budget! {
                max_depth: DEPTH_MAX,
                max_nodes: NODES_MAX,
                max_events: NODES_MAX,
                max_documents: 1,
                max_total_scalar_bytes: 1 << 20,
            },
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: NODES_MAX },
        };
        let node: Spanned<Node> = serde_saphyr::from_str_with_options(self.text, options)
            .map_err(|error| self.unreadable(&error))?;
        match node.value {
            Node::Nothing => Ok(None),
            Node::Map(keys) => Ok(Some(keys)),
            Node::Scalar(_) | Node::List(_) => {
                let place = self.place(node.referenced);
                let failure = mistake(&place, self.text, "the settings are not keys with values");
                Err(failure.hint("write one setting a line, as in `max_turns: 200`"))
            }
        }
    }

    fn entries(&self, keys: &Keys) -> Result<Vec<Entry>, Failure> {
        let mut entries = Vec::new();
        for (key, node) in keys {
            let name = key.value.as_str();
            if let Some(row) = table::find(name) {
                self.entry(row, name.to_owned(), key, node, &mut entries)?;
            } else if sections().any(|section| section == name) {
                self.section(name, key, node, &mut entries)?;
            } else {
                return Err(self.unknown(key, name, ""));
            }
        }
        Ok(entries)
    }

    /// A block of the Python tool's nested form.
    fn section(
        &self,
        section: &str,
        key: &Spanned<String>,
        node: &Spanned<Node>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Failure> {
        let keys = match &node.value {
            Node::Nothing => return Ok(()),
            Node::Map(keys) => keys,
            Node::Scalar(_) | Node::List(_) => {
                let message = format!("`{section}` is a block of keys");
                return Err(mistake(&self.place(key.referenced), self.text, &message)
                    .hint(format!("write the keys of `{section}` below it, indented")));
            }
        };
        let mut own = Vec::new();
        for (key, node) in keys {
            let spelled = format!("{section}.{}", key.value);
            match table::find(&spelled) {
                Some(row) => self.entry(row, spelled, key, node, &mut own)?,
                None => return Err(self.unknown(key, &spelled, section)),
            }
        }
        if section == AUTONOMOUS {
            let on = own.iter().any(|entry| entry.spelled == ENABLED && is_true(entry));
            own.iter_mut().for_each(|entry| entry.counts = on);
        }
        entries.append(&mut own);
        Ok(())
    }

    fn entry(
        &self,
        row: &'static Row,
        spelled: String,
        key: &Spanned<String>,
        node: &Spanned<Node>,
        entries: &mut Vec<Entry>,
    ) -> Result<(), Failure> {
        let place = self.place(key.referenced);
        if row.reach == Reach::EnvironmentOnly {
            let message = format!("{} cannot be set here: it says where this file is", row.name);
            return Err(mistake(&place, self.text, &message).hint("set it in the environment"));
        }
        // Nothing after the colon sets nothing.
        if let Some(raw) = self.raw(node) {
            entries.push(Entry { row, raw, place, spelled, counts: true });
        }
        Ok(())
    }

    fn raw(&self, node: &Spanned<Node>) -> Option<Raw> {
        match &node.value {
            Node::Nothing => None,
            Node::Scalar(Json::String(text)) => Some(Raw::text(text)),
            Node::Scalar(json) => {
                // `1.10` is a branch as well as a number: what counts is what is written.
                let span = node.defined.span();
                let (start, length) = (index(span.offset()), index(span.len()));
                let written: String = self.text.chars().skip(start).take(length).collect();
                let text = if written.is_empty() { json.to_string() } else { written.trim().to_owned() };
                Some(Raw::Scalar(text, json.clone()))
            }
            Node::List(items) => Some(Raw::List(items.iter().filter_map(|item| self.raw(item)).collect())),
            Node::Map(keys) => {
                let entry = |(key, node): &(Spanned<String>, Spanned<Node>)| {
                    let nothing = || Raw::Scalar(String::new(), Json::Null);
                    (key.value.clone(), self.raw(node).unwrap_or_else(nothing))
                };
                Some(Raw::Map(keys.iter().map(entry).collect()))
            }
        }
    }

    /// A setting that is made twice is a mistake, in whatever spellings.
    fn once(&self, entries: &[Entry]) -> Result<(), Failure> {
        for (position, entry) in entries.iter().enumerate().filter(|(_, entry)| entry.counts) {
            let same = |other: &&Entry| other.counts && other.row.name == entry.row.name;
            if let Some(first) = entries.iter().take(position).find(same) {
                let message = format!(
                    "{} is set twice: as `{}` in line {}, as `{}` here",
                    entry.row.name, first.spelled, first.place.line, entry.spelled
                );
                return Err(mistake(&entry.place, self.text, &message).hint("remove one of them"));
            }
        }
        Ok(())
    }

    fn unknown(&self, key: &Spanned<String>, spelled: &str, section: &str) -> Failure {
        let hint = match nearest(spelled) {
            Some(near) => format!("did you mean `{near}`?"),
            None if section.is_empty() => "`leashd config` lists all settings".to_owned(),
            None => format!("the keys of `{section}` are {}", keys_of(section).join(", ")),
        };
        let message = format!("unknown setting `{spelled}`");
        mistake(&self.place(key.referenced), self.text, &message).hint(hint)
    }

    fn place(&self, location: Location) -> Place {
        Place {
            file: self.file.to_owned(),
            line: index(location.line()),
            column: index(location.column()),
            length: index(location.span().len()),
        }
    }

    fn unreadable(&self, error: &Error) -> Failure {
        let error = error.without_snippet();
        let place = self.place(error.location().unwrap_or(Location::UNKNOWN));
        let said = error.to_string();
        let first = said.lines().next().unwrap_or_default();
        let end = first.rfind(" at line ").unwrap_or(first.len());
        let message = first.get(..end).unwrap_or(first).trim_end_matches([',', ':', ' ']);
        mistake(&place, self.text, &format!("not valid YAML: {message}"))
            .hint("check the indentation, the quotes and the colons of this line")
    }
}

const ENABLED: &str = "autonomous.enabled";

fn is_true(entry: &Entry) -> bool {
    // What is no flag is found when the values are read; it counts, so that it is.
    !matches!(entry.row.parse(&entry.raw), Ok(super::value::Value::Flag(false)))
}

fn index(number: impl TryInto<usize>) -> usize {
    number.try_into().unwrap_or(usize::MAX)
}

/// The blocks of the nested form.
fn sections() -> impl Iterator<Item = &'static str> {
    ROWS.iter()
        .flat_map(|row| row.aliases)
        .filter_map(|alias| alias.split_once('.'))
        .map(|(section, _)| section)
}

fn keys_of(section: &str) -> Vec<&'static str> {
    let own = |alias: &'static str| alias.split_once('.').filter(|(before, _)| *before == section);
    ROWS.iter().flat_map(|row| row.aliases).filter_map(|alias| own(alias)).map(|(_, key)| key).collect()
}

/// The setting a person may have meant, spelled as they spell settings.
pub(crate) fn nearest(key: &str) -> Option<String> {
    let wanted = key.strip_prefix(PREFIX).unwrap_or(key).to_ascii_lowercase();
    let known = ROWS
        .iter()
        .flat_map(|row| row.aliases.iter().map(|alias| (*alias).to_owned()).chain([row.key()]))
        .chain([AUTONOMOUS.to_owned(), "telegram".to_owned()]);
    let (_, near) = known
        .map(|known| (distance(&wanted, &known), known))
        .filter(|(distance, known)| *distance <= 1 + known.len().min(wanted.len()) / 4)
        .min_by_key(|(distance, _)| *distance)?;
    Some(if key.starts_with(PREFIX) { format!("{PREFIX}{}", near.to_ascii_uppercase()) } else { near })
}

/// How many letters differ, a swap of neighbours counted as two.
fn distance(left: &str, right: &str) -> usize {
    let left: Vec<char> = left.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=left.len()).collect();
    for (above, letter) in right.chars().enumerate() {
        let mut before = above + 1;
        let mut next = vec![before];
        for ((old, diagonal), wanted) in row.iter().skip(1).zip(&row).zip(&left) {
            before = (diagonal + usize::from(*wanted != letter)).min(old + 1).min(before + 1);
            next.push(before);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a value")
            }

            fn visit_bool<E>(self, flag: bool) -> Result<Node, E> {
                Ok(Node::Scalar(Json::Bool(flag)))
            }

            fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
                Ok(Node::Scalar(number.into()))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
                Ok(Node::Scalar(number.into()))
            }

            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Node, E> {
                let number = serde_json::Number::from_f64(number);
                number
                    .map(|number| Node::Scalar(number.into()))
                    .ok_or_else(|| E::custom("not a finite number"))
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Scalar(Json::String(text.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Nothing)
            }

            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Nothing)
            }

            fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
                Node::deserialize(deserializer)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut keys: Keys = Vec::new();
                while let Some((key, value)) = map.next_entry::<Spanned<String>, Spanned<Node>>()? {
                    if keys.iter().any(|(known, _)| known.value == key.value) {
                        return Err(A::Error::custom(format!("`{}` stands there twice", key.value)));
                    }
                    keys.push((key, value));
                }
                Ok(Node::Map(keys))
            }
        }
        deserializer.deserialize_any(Any)
    }
}
