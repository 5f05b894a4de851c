//! The person's lists of tools: what is not on the one, or is on the other, is denied before any rule is read.

use crate::opinion::Opinion;
use crate::rules::ToolPattern;
use leashd_types::{Decision, Digest};

/// Which tools may be used at all, by their full names, with `*` for any run of characters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToolLists {
    /// Empty: all.
    allowed: Vec<ToolPattern>,
    disallowed: Vec<ToolPattern>,
}

impl ToolLists {
    /// `LEASHD_ALLOWED_TOOLS` and `LEASHD_DISALLOWED_TOOLS`.
    #[must_use]
    pub fn new(allowed: &[String], disallowed: &[String]) -> Self {
        let patterns = |names: &[String]| names.iter().map(|name| ToolPattern::new(name)).collect();
        Self { allowed: patterns(allowed), disallowed: patterns(disallowed) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.allowed.is_empty() && self.disallowed.is_empty()
    }

    /// A denial, if the lists say so.
    pub(crate) fn check(&self, tool: &str) -> Option<Opinion> {
        let on = |list: &[ToolPattern]| list.iter().any(|pattern| pattern.fits(tool));
        let deny = |name: &str, reason: String| Some(Opinion::judge(Decision::Deny, name, reason));
        if on(&self.disallowed) {
            return deny("disallowed-tool", format!("the tool {tool} is in LEASHD_DISALLOWED_TOOLS"));
        }
        if !self.allowed.is_empty() && !on(&self.allowed) {
            return deny("tool-not-allowed", format!("the tool {tool} is not in LEASHD_ALLOWED_TOOLS"));
        }
        None
    }

    /// Names exactly these lists.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of_parts(&[
            format!("{:?}", self.allowed).as_bytes(),
            format!("{:?}", self.disallowed).as_bytes(),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::ToolLists;

    #[test]
    fn what_is_not_allowed_or_is_disallowed_is_denied() {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        for (allowed, disallowed, tool, rule) in [
            (vec![], vec![], "Bash", None),
            (vec![], vec!["Bash"], "Bash", Some("disallowed-tool")),
            (vec![], vec!["Bash"], "BashOutput", None),
            (vec!["Read", "Bash"], vec!["Bash"], "Bash", Some("disallowed-tool")),
            (vec!["Read"], vec![], "Bash", Some("tool-not-allowed")),
            (vec!["Read"], vec![], "mcp__x__Read", Some("tool-not-allowed")),
            (vec!["mcp__x__*"], vec![], "mcp__x__Read", None),
            (vec![], vec!["mcp__*"], "mcp__x__Read", Some("disallowed-tool")),
        ] {
            let lists = ToolLists::new(&list(&allowed), &list(&disallowed));
            let said = lists.check(tool).map(|opinion| opinion.rule.name);
            assert_eq!(said.as_deref(), rule, "{allowed:?} {disallowed:?} {tool}");
        }
    }
}
