//! The hard floor: what no rule, grant, person or AI overrides. The same under every policy.
//!
//! Works on effects and facts, never on spelling. Knows no rules and no modes.

mod brings;
mod code;
mod files;
mod git;
mod machine;

use crate::act::Act;
use crate::opinion::Opinion;
use leashd_types::Facts;

pub(crate) use brings::unseen;
pub(crate) use code::Line;

/// The first floor an act breaks.
pub(crate) fn check(act: &Act<'_>, line: &Line<'_>, facts: &Facts) -> Option<Opinion> {
    act.seen
        .iter()
        .find_map(|seen| {
            files::check(seen, act, facts)
                .or_else(|| git::check(seen))
                .or_else(|| machine::check(seen, act))
                .or_else(|| code::check(seen, act, line))
        })
        .or_else(|| brings::named(act, facts))
        .or_else(|| machine::commands(act))
        .or_else(|| files::mentioned(act, facts))
        .or_else(|| files::half_known(act, facts))
}

#[cfg(test)]
mod tests;
