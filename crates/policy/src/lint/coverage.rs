//! How much of what people run is known to the effects table.

use leashd_shell::{Env, analyze};
use leashd_types::Effect;
use std::collections::{BTreeMap, BTreeSet};

/// The effects table, one file per family of programs. Only the names are read here.
const FAMILIES: [&str; 17] = [
    include_str!("../../../shell/knowledge/agents"),
    include_str!("../../../shell/knowledge/archivers"),
    include_str!("../../../shell/knowledge/build"),
    include_str!("../../../shell/knowledge/cloud"),
    include_str!("../../../shell/knowledge/containers"),
    include_str!("../../../shell/knowledge/coreutils"),
    include_str!("../../../shell/knowledge/databases"),
    include_str!("../../../shell/knowledge/editors"),
    include_str!("../../../shell/knowledge/git"),
    include_str!("../../../shell/knowledge/interpreters"),
    include_str!("../../../shell/knowledge/network"),
    include_str!("../../../shell/knowledge/packages"),
    include_str!("../../../shell/knowledge/publishing"),
    include_str!("../../../shell/knowledge/shells"),
    include_str!("../../../shell/knowledge/system"),
    include_str!("../../../shell/knowledge/tests"),
    include_str!("../../../shell/knowledge/text"),
];

/// The programs whose effects are known, by name.
#[must_use]
pub fn known_programs() -> BTreeSet<&'static str> {
    let entries = FAMILIES
        .iter()
        .flat_map(|family| family.lines())
        .filter(|line| !line.is_empty() && !line.starts_with([' ', '#']));
    entries.flat_map(|line| line.split('|').next().unwrap_or_default().split_whitespace()).collect()
}

/// A program whose effects are not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownProgram {
    pub name: String,
    pub given: Given,
}

/// What a program is called with. A policy can let one run that gets nothing to work on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Given {
    /// Nothing, or options alone (`tool --version`).
    OptionsOnly,
    Arguments,
}

/// The programs of a shell line whose effects are not known.
#[must_use]
pub fn unknown_programs(line: &str) -> BTreeSet<UnknownProgram> {
    let files = BTreeMap::new();
    let env = Env { cwd: "/home/dev/proj", home: "/home/dev", files: &files };
    let mut unknown = BTreeSet::new();
    for command in analyze(line, &env).commands {
        let option = |word: &leashd_shell::Word| word.text().is_some_and(|text| text.starts_with('-'));
        let given =
            if command.words.iter().skip(1).all(option) { Given::OptionsOnly } else { Given::Arguments };
        unknown.extend(command.effects.into_iter().filter_map(|effect| match effect {
            Effect::UnknownProgram { name } => Some(UnknownProgram { name, given }),
            _ => None,
        }));
    }
    unknown
}

/// True for a program the table knows.
pub(super) fn is_known(name: &str) -> bool {
    unknown_programs(name).is_empty()
}

#[cfg(test)]
mod tests {
    use super::{FAMILIES, is_known, known_programs};

    #[test]
    fn every_name_read_here_is_known_there_and_no_family_is_left_out() {
        let programs = known_programs();
        assert!(programs.len() > 1_000, "{}", programs.len());
        // Names that are syntax on a line of their own, or that are looked up without their ending.
        let plain = |name: &&&str| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c)) && !name.ends_with(".exe")
        };
        let unknown: Vec<_> = programs.iter().filter(plain).filter(|name| !is_known(name)).collect();
        assert_eq!(unknown, Vec::<&&str>::new());
        let table = include_str!("../../../shell/src/knowledge/table.rs");
        assert_eq!(table.matches("include_str!(\"../../knowledge/").count(), FAMILIES.len());
    }
}
