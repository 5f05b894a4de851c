//! A policy file as it is written: the words each rule uses and where it stands. For showing, linting and comparing
//! files. Knows no meaning; what a rule fits is decided elsewhere, on rules as loaded.

use crate::load::{LoadError, RawRule, RawSettings, Source, Texts, action, as_written};
use crate::names::star_fits;
use crate::rules::Layer;
use leashd_types::{Decision, RuleRef};
use serde::Serialize;
use serde_saphyr::Spanned;

/// Characters of a list in a summary.
const SUMMARY_CHARS: usize = 100;

/// One file.
#[derive(Clone, Debug)]
pub struct Written {
    pub layer: Layer,
    /// What people see: a path, or the name of a built-in policy.
    pub source: String,
    pub rules: Vec<WrittenRule>,
    pub settings: Vec<WrittenSetting>,
}

/// One rule in the words of its file. Empty lists were not given.
#[derive(Clone, Debug, Serialize)]
pub struct WrittenRule {
    pub rule: RuleRef,
    pub action: Decision,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub command_patterns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub path_patterns: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<String>,
    #[serde(rename = "where", skip_serializing_if = "Vec::is_empty")]
    pub places: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip)]
    pub matches: Vec<String>,
    #[serde(skip)]
    pub misses: Vec<String>,
}

/// One setting and the line that gives it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WrittenSetting {
    pub name: &'static str,
    pub value: String,
    pub source: String,
    pub line: u32,
}

impl Written {
    /// Reads a file that has to load.
    ///
    /// # Errors
    /// What the loader finds.
    pub fn read(source: &Source<'_>) -> Result<Self, LoadError> {
        let file = as_written(source)?;
        let rules =
            file.rules.unwrap_or_default().into_iter().map(|rule| rule_of(rule, source.name)).collect();
        let settings = file.settings.map(|settings| settings_of(settings, source.name)).unwrap_or_default();
        Ok(Self { layer: source.layer, source: source.name.to_owned(), rules, settings })
    }
}

impl WrittenRule {
    /// True if the rule speaks about the words of a command.
    #[must_use]
    pub fn reads_commands(&self) -> bool {
        !self.commands.is_empty() || !self.command_patterns.is_empty() || !self.flags.is_empty()
    }

    /// True if calls of this tool are the rule's business.
    #[must_use]
    pub fn is_for_tool(&self, tool: &str) -> bool {
        if !self.tools.is_empty() {
            return self.tools.iter().any(|pattern| star_fits(pattern, tool));
        }
        !self.reads_commands() || tool == "Bash"
    }

    /// What it matches, on one line.
    #[must_use]
    pub fn summary(&self) -> String {
        let lists = [
            ("", &self.tools),
            ("commands ", &self.commands),
            ("flags ", &self.flags),
            ("commands like ", &self.command_patterns),
            ("paths like ", &self.path_patterns),
            ("", &self.effects),
            ("where ", &self.places),
            ("hosts ", &self.hosts),
        ];
        let parts: Vec<String> = lists
            .iter()
            .filter(|(_, list)| !list.is_empty())
            .map(|(label, list)| format!("{label}{}", shortened(&list.join(", "))))
            .collect();
        parts.join("; ")
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SUMMARY_CHARS).and_then(|(end, _)| text.get(..end)) {
        Some(kept) => format!("{kept}…"),
        None => text.to_owned(),
    }
}

fn texts(given: Option<Texts>) -> Vec<String> {
    given.map(|texts| texts.0.into_iter().map(|text| text.value).collect()).unwrap_or_default()
}

fn line_of<T>(value: &Spanned<T>) -> u32 {
    u32::try_from(value.referenced.line()).unwrap_or(u32::MAX)
}

fn rule_of(raw: Spanned<RawRule>, source: &str) -> WrittenRule {
    let line = line_of(&raw);
    let rule = raw.value;
    let mut tools = texts(rule.tool);
    tools.extend(texts(rule.tools));
    WrittenRule {
        rule: RuleRef { name: rule.name, source: source.to_owned(), line },
        action: action(&rule.action.value),
        tools,
        commands: texts(rule.commands),
        flags: texts(rule.flags),
        command_patterns: texts(rule.command_patterns),
        path_patterns: texts(rule.path_patterns),
        effects: texts(rule.effects),
        places: texts(rule.places),
        hosts: texts(rule.hosts).iter().map(|host| host.to_ascii_lowercase()).collect(),
        reason: rule.reason.or(rule.description),
        matches: texts(rule.matches),
        misses: texts(rule.misses),
    }
}

fn settings_of(settings: RawSettings, source: &str) -> Vec<WrittenSetting> {
    let one = |name, value, line| WrittenSetting { name, value, source: source.to_owned(), line };
    let default = settings.default_action.map(|text| {
        let line = line_of(&text);
        one("default_action", text.value, line)
    });
    let timeout = settings.approval_timeout_seconds.map(|number| {
        let line = line_of(&number);
        one("approval_timeout_seconds", number.value.to_string(), line)
    });
    default.into_iter().chain(timeout).collect()
}

#[cfg(test)]
mod tests {
    use super::Written;
    use crate::{BUILTIN_NAMES, Rules, Source};

    /// Both readings of every file that ships agree on the rules, their places and their words.
    #[test]
    fn what_is_written_is_what_is_loaded() {
        for name in BUILTIN_NAMES {
            let source = Source::builtin(name).unwrap();
            let written = Written::read(&source).unwrap();
            let loaded = Rules::load(&[source]).unwrap();
            let loaded = &loaded.builtin.rules;
            assert_eq!(written.rules.len(), loaded.len(), "{name}");
            for (written, loaded) in written.rules.iter().zip(loaded) {
                assert_eq!((&written.rule, written.action), (&loaded.reference, loaded.action));
                let counts = (written.tools.len(), written.commands.len(), written.reads_commands());
                assert_eq!(counts, (loaded.tools.len(), loaded.commands.len(), loaded.reads_commands()));
                for tool in ["Bash", "Read", "mcp__x__y"] {
                    assert_eq!(written.is_for_tool(tool), loaded.is_for_tool(tool), "{}", written.rule);
                }
            }
        }
    }

    #[test]
    fn settings_keep_their_lines() {
        let text = "rules: []\nsettings:\n  default_action: deny\n  approval_timeout_seconds: 7\n";
        let written = Written::read(&Source::user("a.yaml", text)).unwrap();
        let found: Vec<(&str, &str, u32)> =
            written.settings.iter().map(|one| (one.name, one.value.as_str(), one.line)).collect();
        assert_eq!(found, [("default_action", "deny", 3), ("approval_timeout_seconds", "7", 4)]);
    }
}
