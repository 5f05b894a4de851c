//! How much of what people run is known to the effects table.

use leashd_shell::{Env, analyze};
use leashd_types::Effect;
use std::collections::{BTreeMap, BTreeSet};

/// The programs whose effects are known, by name.
#[must_use]
pub fn known_programs() -> BTreeSet<&'static str> {
    leashd_shell::programs().collect()
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
    use super::{is_known, known_programs};

    #[test]
    fn every_name_is_known_on_a_line() {
        let programs = known_programs();
        assert!(programs.len() > 1_000, "{}", programs.len());
        // Names that are syntax on a line of their own, or that are looked up without their ending.
        let plain = |name: &&&str| {
            name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c)) && !name.ends_with(".exe")
        };
        let unknown: Vec<_> = programs.iter().filter(plain).filter(|name| !is_known(name)).collect();
        assert_eq!(unknown, Vec::<&&str>::new());
    }
}
