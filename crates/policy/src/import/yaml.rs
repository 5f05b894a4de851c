//! Writes rules down as a policy file. Texts come from somebody else's file, so every one is quoted.

use super::LeftOut;
use leashd_types::{Decision, visible};

/// A rule to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Draft {
    name: String,
    action: Decision,
    /// Key and texts, in the order of writing.
    lists: Vec<(&'static str, Vec<String>)>,
    wider: Vec<String>,
    notes: Vec<String>,
}

impl Draft {
    pub(super) fn new(action: Decision) -> Self {
        Self { name: String::new(), action, lists: Vec::new(), wider: Vec::new(), notes: Vec::new() }
    }

    pub(super) fn named(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    fn list(mut self, key: &'static str, texts: Vec<String>) -> Self {
        self.lists.push((key, texts));
        self
    }

    pub(super) fn tools(self, tools: Vec<String>) -> Self {
        self.list("tools", tools)
    }

    pub(super) fn commands(self, commands: Vec<String>) -> Self {
        self.list("commands", commands)
    }

    pub(super) fn command_patterns(self, patterns: Vec<String>) -> Self {
        self.list("command_patterns", patterns)
    }

    pub(super) fn path_patterns(self, patterns: Vec<String>) -> Self {
        self.list("path_patterns", patterns)
    }

    pub(super) fn effects(self, effects: &[&str]) -> Self {
        self.list("effects", effects.iter().map(|effect| (*effect).to_owned()).collect())
    }

    pub(super) fn places(self, places: &[&str]) -> Self {
        self.list("where", places.iter().map(|place| (*place).to_owned()).collect())
    }

    pub(super) fn hosts(self, hosts: Vec<String>) -> Self {
        self.list("hosts", hosts)
    }

    /// Says that the rule allows more than it seems to.
    pub(super) fn wider(mut self, why: impl Into<String>) -> Self {
        self.wider.push(why.into());
        self
    }

    pub(super) fn noting(mut self, note: String) -> Self {
        self.notes.push(note);
        self
    }

    pub(super) fn is_wider(&self) -> bool {
        !self.wider.is_empty()
    }

    fn write(&self, out: &mut String) {
        out.push('\n');
        for why in &self.wider {
            comment(out, "  ", &format!("WIDER than it looks: {why}"));
        }
        for note in &self.notes {
            comment(out, "  ", note);
        }
        out.push_str(&format!("  - name: {}\n", quoted(&self.name)));
        for (key, texts) in &self.lists {
            let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
            out.push_str(&format!("    {key}: [{}]\n", texts.join(", ")));
        }
        let action = match self.action {
            Decision::Allow => "allow",
            Decision::Ask => "require_approval",
            Decision::Deny => "deny",
        };
        out.push_str(&format!("    action: {action}\n"));
    }
}

pub(super) fn file(drafts: &[Draft], source: &str, left_out: &[LeftOut]) -> String {
    let mut out = String::new();
    comment(&mut out, "", &format!("Translated from the permission rules of {source}."));
    comment(
        &mut out,
        "",
        "Claude Code held the beginning of a line against a rule. Here every command of a line is",
    );
    comment(
        &mut out,
        "",
        "judged by what would run: behind `&&` and `|`, in `$(…)`, behind `env`, `timeout` or `bash -c`.",
    );
    comment(
        &mut out,
        "",
        "Load it beside a built-in policy: LEASHD_POLICY_FILES=default,dev-tools,THIS-FILE",
    );
    if !left_out.is_empty() {
        comment(&mut out, "", "");
        comment(&mut out, "", "NOT translated:");
        for LeftOut { what, why } in left_out {
            comment(&mut out, "", &format!("  {what}: {why}"));
        }
    }
    out.push_str("version: \"1.0\"\nname: claude-settings\n");
    out.push_str(if drafts.is_empty() { "rules: []\n" } else { "rules:" });
    for draft in drafts {
        draft.write(&mut out);
    }
    out
}

/// A comment ends with its line: nothing in it may begin another.
fn comment(out: &mut String, indent: &str, text: &str) {
    let text = visible(text).replace('\n', "⏎");
    out.push_str(format!("{indent}# {text}").trim_end());
    out.push('\n');
}

/// In single quotes backslashes stay as they are; what does not fit there is written as JSON, which YAML reads too.
fn quoted(text: &str) -> String {
    if text.chars().any(|c| c.is_control() || leashd_types::is_hidden(c)) {
        let escaped = |c: char| match c {
            '"' | '\\' => format!("\\{c}"),
            c if c.is_control() || leashd_types::is_hidden(c) => format!("\\U{:08x}", u32::from(c)),
            c => c.to_string(),
        };
        return format!("\"{}\"", text.chars().map(escaped).collect::<String>());
    }
    format!("'{}'", text.replace('\'', "''"))
}
