//! The shape of a policy file as written: keys, lists, and where each value stands. Knows no meaning.

use super::report::{LoadError, at, nearest};
use crate::rules::Spot;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_saphyr::{Error, Location, Spanned};
use std::fmt;

/// Deepest nesting of a policy file. The schema itself needs five.
const MAX_DEPTH: usize = 32;
/// Most YAML nodes of one file: the rule limit times the keys and list entries a generous rule has.
const MAX_NODES: usize = 4_000_000;
/// Most events that aliases may replay.
const MAX_REPLAYED: usize = 200_000;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFile {
    #[serde(rename = "version")]
    _version: Option<IgnoredAny>,
    #[serde(rename = "name")]
    _name: Option<String>,
    #[serde(rename = "description")]
    _description: Option<String>,
    #[serde(default)]
    pub(crate) rules: Option<Vec<Spanned<RawRule>>>,
    pub(crate) settings: Option<RawSettings>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    pub(crate) name: String,
    pub(crate) tool: Option<Texts>,
    pub(crate) tools: Option<Texts>,
    pub(crate) command_patterns: Option<Texts>,
    pub(crate) path_patterns: Option<Texts>,
    pub(crate) commands: Option<Texts>,
    pub(crate) flags: Option<Texts>,
    pub(crate) effects: Option<Texts>,
    #[serde(rename = "where")]
    pub(crate) places: Option<Texts>,
    pub(crate) hosts: Option<Texts>,
    pub(crate) action: Spanned<String>,
    pub(crate) reason: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) risk_level: Option<Spanned<String>>,
    pub(crate) matches: Option<Texts>,
    pub(crate) misses: Option<Texts>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSettings {
    pub(crate) default_action: Option<Spanned<String>>,
    pub(crate) approval_timeout_seconds: Option<Spanned<i64>>,
}

/// One text or a list of texts, each with its place.
#[derive(Debug, Default)]
pub(crate) struct Texts(pub(crate) Vec<Spanned<String>>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Vec<Spanned<String>>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or a list of texts")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(vec![Spanned::new(text.to_owned(), Location::UNKNOWN, Location::UNKNOWN)])
            }

            fn visit_unit<E: serde::de::Error>(self) -> Result<Self::Value, E> {
                Ok(Vec::new())
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(texts)
            }
        }
        deserializer.deserialize_any(Reader).map(Texts)
    }
}

/// Reads the YAML of one file.
pub(super) fn parse(file: &str, text: &str) -> Result<RawFile, LoadError> {
    if text.trim().is_empty() {
        let hint = "start with `version: \"1.0\"` and a list of `rules`".to_owned();
        return Err(at(file, text, Spot::default(), "the policy file is empty".to_owned(), Some(hint)));
    }
    let options = serde_saphyr::options! {
        with_snippet: false,
        emit_comments: false,
        budget: serde_saphyr::budget! {
            max_depth: MAX_DEPTH,
            max_nodes: MAX_NODES,
            max_events: MAX_NODES,
            max_documents: 2,
            max_total_scalar_bytes: super::MAX_BYTES,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: MAX_REPLAYED,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| explain(file, text, &error))
}

/// A file that was read when leashd was built.
#[derive(Deserialize)]
struct Ready {
    /// Where the rules stand in it.
    places: Vec<Location>,
    file: RawFile,
}

/// `None`: it is no such file, and has to be read from its text.
pub(super) fn ready(json: &str) -> Option<RawFile> {
    let Ready { places, mut file } = serde_json::from_str(json).ok()?;
    let rules = file.rules.as_mut()?;
    if places.len() != rules.len() {
        return None;
    }
    for (rule, place) in rules.iter_mut().zip(places) {
        (rule.referenced, rule.defined) = (place, place);
    }
    Some(file)
}

fn explain(file: &str, text: &str, error: &Error) -> LoadError {
    let error = error.without_snippet();
    let spot = error.location().map(Spot::of).unwrap_or_default();
    let (message, hint) = match error {
        Error::SerdeUnknownField { field, expected, .. } => (
            format!("unknown key `{field}`"),
            match nearest(field, expected.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("the keys here are {}", expected.join(", ")),
            },
        ),
        Error::SerdeMissingField { field, .. } => (
            format!("`{field}` is missing"),
            match *field {
                "action" => "add `action: allow`, `action: require_approval` or `action: deny`".to_owned(),
                _ => format!("add `{field}:`"),
            },
        ),
        Error::DuplicateMappingKey { .. } => {
            (plain(error), "a key may stand once in a rule; give the second one a rule of its own".to_owned())
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => (
            format!("the file is larger than a policy may be: {}", plain(error)),
            "write rules out instead of repeating them through aliases, and split very long files".to_owned(),
        ),
        other => (plain(other), "check the indentation, the quotes and the colons of this line".to_owned()),
    };
    at(file, text, spot, message, Some(hint))
}

/// The message without the place, which we show ourselves.
fn plain(error: &Error) -> String {
    let text = error.to_string();
    let first = text.lines().next().unwrap_or_default();
    let end = first.rfind(" at line ").unwrap_or(first.len());
    first.get(..end).unwrap_or(first).trim_end_matches([',', ':', ' ']).to_owned()
}
