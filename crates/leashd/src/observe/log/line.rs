//! One line of the log as a value, and its two forms: JSON for the file, text for people. Knows no file.

use leashd_gate::Secrets;
use leashd_types::{Timestamp, visible};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt::Write;
use std::str::FromStr;

/// Bytes of a line in the file, its end included. A longer one is replaced by its name and length.
pub(super) const LINE_MAX: usize = 32 * 1024;
/// Bytes a line is taken to need in memory, beyond its texts.
const OVERHEAD: usize = 256;

/// How much a line matters. The names are those of `LEASHD_LOG_LEVEL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum Level {
    Debug,
    Info,
    Warning,
    Error,
}

impl Level {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    pub(super) fn from_u8(number: u8) -> Self {
        match number {
            0 => Self::Debug,
            1 => Self::Info,
            2 => Self::Warning,
            _ => Self::Error,
        }
    }
}

impl FromStr for Level {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.trim().to_ascii_uppercase().as_str() {
            "DEBUG" => Ok(Self::Debug),
            "INFO" => Ok(Self::Info),
            "WARNING" | "WARN" => Ok(Self::Warning),
            "ERROR" => Ok(Self::Error),
            _ => Err(format!("{text:?} is no log level: expected DEBUG, INFO, WARNING or ERROR")),
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Line {
    pub(crate) at: Timestamp,
    pub(crate) level: Level,
    /// What happened: `request_started`.
    pub(crate) name: Cow<'static, str>,
    pub(crate) fields: Map<String, Value>,
}

impl Line {
    /// Bytes it holds in memory, about.
    pub(super) fn weight(&self) -> usize {
        let text = |value: &Value| match value {
            Value::String(text) => text.len(),
            Value::Null | Value::Bool(_) | Value::Number(_) => 8,
            // Fields are flat but for a few short lists.
            Value::Array(_) | Value::Object(_) => OVERHEAD,
        };
        let fields: usize = self.fields.iter().map(|(key, value)| key.len() + text(value)).sum();
        OVERHEAD + self.name.len() + fields
    }

    /// `{"timestamp":…,"level":…,"event":…,…}` and a newline, without secrets.
    pub(super) fn json(&self, secrets: &Secrets) -> String {
        let (name, fields) = self.clean(secrets);
        let head =
            format!("{{\"timestamp\":\"{}\",\"level\":\"{}\",\"event\":{name}", self.at, self.level.as_str());
        let line = if fields.is_empty() {
            format!("{head}}}\n")
        } else {
            let rest = Value::Object(fields).to_string();
            format!("{head},{}\n", rest.strip_prefix('{').unwrap_or_default())
        };
        if line.len() <= LINE_MAX {
            return line;
        }
        format!("{head},\"cut\":{}}}\n", line.len())
    }

    /// `12:34:56 INFO    request_started  session_id=…`, without secrets, control characters or line ends inside.
    pub(super) fn human(&self, secrets: &Secrets, paint: Paint) -> String {
        let (name, fields) = self.clean(secrets);
        let at = self.at.to_string();
        let clock = at.get(11..19).unwrap_or(&at);
        let level = self.level.as_str().to_ascii_uppercase();
        let (on, off) = paint.around(self.level);
        let mut text = format!("{clock} {on}{level:<7}{off} {}", one_line(name.as_str().unwrap_or_default()));
        for (key, value) in &fields {
            let shown = match value {
                Value::String(text) if !text.is_empty() && !text.contains([' ', '"']) => one_line(text),
                other => one_line(&other.to_string()),
            };
            // Writing to a string cannot fail.
            write!(text, "  {}={shown}", one_line(key)).ok();
        }
        text.push('\n');
        text
    }

    /// The name as JSON, and the fields.
    fn clean(&self, secrets: &Secrets) -> (Value, Map<String, Value>) {
        let mut name = Value::String(self.name.clone().into_owned());
        secrets.clean(&mut name);
        let mut fields = Value::Object(self.fields.clone());
        secrets.clean(&mut fields);
        let Value::Object(mut fields) = fields else { return (name, Map::new()) };
        // A field cannot pose as what stands in front of every line.
        for taken in ["timestamp", "level", "event"] {
            if let Some(value) = fields.remove(taken) {
                fields.insert(format!("{taken}_"), value);
            }
        }
        (name, fields)
    }
}

/// Whether lines for people have colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paint {
    Plain,
    Coloured,
}

impl Paint {
    fn around(self, level: Level) -> (&'static str, &'static str) {
        match (self, level) {
            (Self::Plain, _) | (Self::Coloured, Level::Info) => ("", ""),
            (Self::Coloured, Level::Debug) => ("\u{1b}[2m", "\u{1b}[0m"),
            (Self::Coloured, Level::Warning) => ("\u{1b}[33m", "\u{1b}[0m"),
            (Self::Coloured, Level::Error) => ("\u{1b}[31m", "\u{1b}[0m"),
        }
    }
}

fn one_line(text: &str) -> String {
    visible(text).replace('\n', "\\n").replace('\t', "\\t")
}
