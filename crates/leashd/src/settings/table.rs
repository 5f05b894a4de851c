//! The table of settings: one row for each, and nothing about a setting stands anywhere else. Documentation, checks,
//! `leashd config` and what a project may do are read off it.

mod rows;

pub(crate) use rows::ROWS;

use super::value::{Kind, Quoting, Raw, Value};

/// One setting.
#[derive(Debug)]
pub(crate) struct Row {
    /// As a variable: `LEASHD_MAX_TURNS`.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// As it would be written; empty: nothing is set.
    pub(crate) default: &'static str,
    /// What nothing means, where nothing is set.
    pub(crate) unset: &'static str,
    pub(crate) about: &'static str,
    pub(crate) safety: Safety,
    pub(crate) secrecy: Secrecy,
    /// Other spellings in `config.yaml`, with a dot for each level.
    pub(crate) aliases: &'static [&'static str],
    /// Where it differs from the Python leashd, and why.
    pub(crate) deviation: &'static str,
    pub(crate) reach: Reach,
}

/// Whether a setting decides what an agent may do, and who may change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Safety {
    /// It decides nothing of the kind. A project has no say in it all the same.
    None,
    /// It does, and a project has no say in it.
    Person,
    /// A project may make it tighter.
    Tighten(Tighter),
}

/// What tighter means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tighter {
    Lower,
    /// Lower, and 0 is no limit at all.
    LowerZeroIsNone,
    Off,
    /// Less of the list; an empty list is everything.
    FewerEmptyIsAll,
    /// Less of the list.
    Fewer,
    /// More on the list: what a project names is added.
    More,
    /// Later in this list, the loosest first.
    Towards(&'static [&'static str]),
}

/// Whether a value is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Secrecy {
    Open,
    Secret,
    /// An object that holds secrets among other things.
    Inside,
}

/// Where a setting can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    Everywhere,
    /// It says where the other places are.
    EnvironmentOnly,
}

impl Row {
    const fn new(name: &'static str, kind: Kind, default: &'static str, about: &'static str) -> Self {
        Self {
            name,
            kind,
            default,
            unset: "",
            about,
            safety: Safety::None,
            secrecy: Secrecy::Open,
            aliases: &[],
            deviation: "",
            reach: Reach::Everywhere,
        }
    }

    const fn unset(mut self, means: &'static str) -> Self {
        self.unset = means;
        self
    }

    const fn person(mut self) -> Self {
        self.safety = Safety::Person;
        self
    }

    const fn project(mut self, tighter: Tighter) -> Self {
        self.safety = Safety::Tighten(tighter);
        self
    }

    const fn secrecy(mut self, secrecy: Secrecy) -> Self {
        self.secrecy = secrecy;
        self
    }

    const fn also(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }

    const fn deviates(mut self, why: &'static str) -> Self {
        self.deviation = why;
        self
    }

    const fn environment_only(mut self) -> Self {
        self.reach = Reach::EnvironmentOnly;
        self
    }

    /// `max_turns`, as `config.yaml` spells it.
    pub(crate) fn key(&self) -> String {
        self.name.strip_prefix(PREFIX).unwrap_or(self.name).to_ascii_lowercase()
    }

    pub(crate) fn quoting(&self) -> Quoting {
        match self.secrecy {
            Secrecy::Open => Quoting::Quoted,
            Secrecy::Secret | Secrecy::Inside => Quoting::Hidden,
        }
    }

    /// Reads a value; the error is the end of a sentence that starts with the setting's name.
    pub(crate) fn parse(&self, raw: &Raw) -> Result<Value, String> {
        self.kind.parse(raw, self.quoting())
    }

    /// As people see a value.
    pub(crate) fn shown(&self, value: &Value) -> String {
        match self.secrecy {
            Secrecy::Open => value.to_string(),
            Secrecy::Secret => HIDDEN.to_owned(),
            Secrecy::Inside => Value::Json(without_secrets(&value.json())).to_string(),
        }
    }

    /// The same for programs.
    pub(crate) fn shown_json(&self, value: &Value) -> serde_json::Value {
        match self.secrecy {
            Secrecy::Open => value.json(),
            Secrecy::Secret => HIDDEN.into(),
            Secrecy::Inside => without_secrets(&value.json()),
        }
    }
}

impl Tighter {
    /// For people: what a project may do.
    pub(crate) fn described(self) -> String {
        match self {
            Tighter::Lower => "lower".to_owned(),
            Tighter::LowerZeroIsNone => "lower, but not 0".to_owned(),
            Tighter::Off => "`false`".to_owned(),
            Tighter::FewerEmptyIsAll | Tighter::Fewer => "fewer of them".to_owned(),
            Tighter::More => "more of them".to_owned(),
            Tighter::Towards(order) => {
                order.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" → ")
            }
        }
    }
}

pub(crate) const PREFIX: &str = "LEASHD_";
const HIDDEN: &str = "(hidden)";

/// The setting a key means: `max_turns`, `LEASHD_MAX_TURNS` or `telegram.bot_token`.
pub(crate) fn find(key: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == key || row.key() == key || row.aliases.contains(&key))
}

/// Everything but the names of things: an address may carry a token in its path, an argument a password.
fn without_secrets(json: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value as Json;
    const OPEN: [&str; 5] = ["command", "type", "events", "hosts", "loopback"];
    match json {
        Json::Object(map) => map
            .iter()
            .map(|(key, value)| {
                let value = match value {
                    Json::Object(_) | Json::Bool(_) | Json::Null => without_secrets(value),
                    open if OPEN.contains(&key.as_str()) => open.clone(),
                    Json::String(url) if key == "url" => Json::String(host_only(url)),
                    _ => Json::String(HIDDEN.to_owned()),
                };
                (key.clone(), value)
            })
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Json::Array(items) => items.iter().map(without_secrets).collect::<Vec<_>>().into(),
        other => other.clone(),
    }
}

fn host_only(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return HIDDEN.to_owned() };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let more = if rest.len() > host.len() { "/…" } else { "" };
    format!("{scheme}://{host}{more}")
}
