//! Rules as loaded: what one says, in which layer it stands, and which set they form. How a rule is held against a
//! command stands in `matching`, how rules decide together in `judge`.

use crate::class::Classes;
use crate::names::star_fits;
use crate::pattern::Pattern;
use crate::tool_lists::ToolLists;
use leashd_types::{Band, Decision, RuleRef};

/// Where a file stands. Later is closer to the code at hand; the project layer can only make verdicts stricter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    Builtin,
    User,
    Project,
}

/// One rule.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) reference: RuleRef,
    pub(crate) tools: Vec<ToolPattern>,
    pub(crate) command_patterns: Vec<Pattern>,
    pub(crate) path_patterns: Vec<Pattern>,
    /// Each a program's base name and the words that follow it.
    pub(crate) commands: Vec<Vec<String>>,
    pub(crate) flags: Vec<String>,
    /// Empty: any effect.
    pub(crate) effects: Classes,
    pub(crate) places: Places,
    pub(crate) hosts: Vec<String>,
    pub(crate) action: Decision,
    pub(crate) reason: Option<String>,
    pub(crate) risk: Option<Band>,
    pub(crate) matches: Vec<Example>,
    pub(crate) misses: Vec<Example>,
}

/// Where something stands in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Spot {
    pub(crate) line: u32,
    pub(crate) column: u32,
    /// Characters to underline; at least one is.
    pub(crate) length: u32,
}

/// An example of a rule and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Example {
    pub(crate) text: String,
    pub(crate) spot: Spot,
}

impl Rule {
    /// True if the rule speaks about the words of a command.
    pub(crate) fn reads_commands(&self) -> bool {
        !self.commands.is_empty() || !self.command_patterns.is_empty() || !self.flags.is_empty()
    }

    /// True if the rule speaks about what happens, not how it is written.
    pub(crate) fn reads_effects(&self) -> bool {
        !self.effects.is_empty() || !self.places.is_empty() || !self.hosts.is_empty()
    }

    pub(crate) fn is_for_tool(&self, tool: &str) -> bool {
        if !self.tools.is_empty() {
            return self.tools.iter().any(|pattern| pattern.fits(tool));
        }
        // Without a list: words of commands belong to the shell, effects to every tool that has some.
        if self.reads_commands() { tool == "Bash" } else { self.reads_effects() }
    }

    /// The reason shown to people and to the model.
    pub(crate) fn reason(&self) -> &str {
        self.reason.as_deref().unwrap_or(&self.reference.name)
    }
}

/// A tool name, with `*` for any run of characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ToolPattern(String);

impl ToolPattern {
    pub(crate) fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    pub(crate) fn fits(&self, tool: &str) -> bool {
        star_fits(&self.0, tool)
    }
}

/// Where a path lies, as a rule says it. A set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Places(u8);

impl Places {
    pub(crate) const INSIDE: Places = Places(1);
    pub(crate) const OUTSIDE: Places = Places(2);
    pub(crate) const TEMPORARY: Places = Places(4);
    pub(crate) const SYSTEM: Places = Places(8);

    /// The names used in policy files.
    pub(crate) const NAMES: [(&'static str, Places); 4] = [
        ("inside-project", Places::INSIDE),
        ("outside-project", Places::OUTSIDE),
        ("temporary", Places::TEMPORARY),
        ("system", Places::SYSTEM),
    ];

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn meets(self, other: Places) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn and(self, other: Places) -> Places {
        Places(self.0 | other.0)
    }
}

/// The rules of one layer, in order.
#[derive(Debug, Default)]
pub(crate) struct LayerRules {
    pub(crate) rules: Vec<Rule>,
}

/// One file, read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) rules: Vec<Rule>,
    pub(crate) default_action: Option<Decision>,
    pub(crate) approval_timeout_seconds: Option<u32>,
}

/// Rules of all layers, loaded and checked.
#[derive(Debug)]
pub struct Rules {
    // INVARIANT: names exactly one set of rules; the audit records it with every decision.
    generation: u64,
    pub(crate) builtin: LayerRules,
    pub(crate) user: LayerRules,
    pub(crate) project: LayerRules,
    default_action: Option<Decision>,
    project_default: Option<Decision>,
    approval_timeout_seconds: Option<u32>,
    project_timeout_seconds: Option<u32>,
    tools: ToolLists,
}

impl Rules {
    pub(crate) fn empty() -> Self {
        Self {
            generation: 0,
            builtin: LayerRules::default(),
            user: LayerRules::default(),
            project: LayerRules::default(),
            default_action: None,
            project_default: None,
            approval_timeout_seconds: None,
            project_timeout_seconds: None,
            tools: ToolLists::default(),
        }
    }

    pub(crate) fn set_generation(&mut self, generation: u64) {
        self.generation = generation;
    }

    pub(crate) fn adopt(&mut self, layer: Layer, loaded: Loaded) {
        let Loaded { rules, default_action, approval_timeout_seconds } = loaded;
        match layer {
            Layer::Builtin => self.builtin.extend(rules),
            Layer::User => self.user.extend(rules),
            Layer::Project => {
                self.project.extend(rules);
                self.project_default = self.project_default.max(default_action);
                self.project_timeout_seconds =
                    shorter(self.project_timeout_seconds, approval_timeout_seconds);
                return;
            }
        }
        self.default_action = default_action.or(self.default_action);
        self.approval_timeout_seconds = approval_timeout_seconds.or(self.approval_timeout_seconds);
    }

    /// With the person's lists of tools before all rules.
    #[must_use]
    pub fn with_tools(mut self, tools: ToolLists) -> Self {
        if !tools.is_empty() {
            let digest = tools.digest();
            let first = digest.as_bytes().iter().take(8);
            self.generation ^= first.fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        }
        self.tools = tools;
        self
    }

    pub(crate) fn tools(&self) -> &ToolLists {
        &self.tools
    }

    /// Names exactly this set of rules. Two sets loaded from the same texts in the same order share it.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// `approval_timeout_seconds` of the last file that sets one; a project can only shorten it.
    #[must_use]
    pub fn approval_timeout_seconds(&self) -> Option<u32> {
        shorter(self.approval_timeout_seconds, self.project_timeout_seconds)
    }

    /// What happens where no rule matches. Nothing said is a question.
    pub fn default_action(&self) -> Decision {
        self.default_action.unwrap_or(Decision::Ask).max(self.project_default.unwrap_or(Decision::Allow))
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.builtin.rules.len() + self.user.rules.len() + self.project.rules.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

fn shorter(left: Option<u32>, right: Option<u32>) -> Option<u32> {
    match (left, right) {
        (Some(left), Some(right)) => Some(left.min(right)),
        (one, other) => one.or(other),
    }
}
