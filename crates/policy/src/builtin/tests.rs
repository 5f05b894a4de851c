//! Every policy that ships loads, and its rules do what their examples say.

use super::{BUILTIN_NAMES, POLICIES, find};
use crate::{Rules, Source, check_examples};

#[test]
fn the_names_are_those_of_the_files_and_the_ending_does_not_matter() {
    assert_eq!(POLICIES.map(|(name, _)| name), BUILTIN_NAMES);
    assert_eq!(find("strict.yaml"), find("strict"));
    assert!(find("nothing").is_none());
}

#[test]
fn every_policy_that_ships_loads() {
    for name in BUILTIN_NAMES {
        let source = Source::builtin(name).unwrap();
        Rules::load(&[source]).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_examples_of_the_policies_hold() {
    let mut wrong = Vec::new();
    for name in BUILTIN_NAMES {
        if let Err(error) = check_examples(&Source::builtin(name).unwrap()) {
            wrong.push(error.to_string());
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn the_windows_are_those_the_policies_promise() {
    let cases = [("strict", Some(120)), ("permissive", Some(600)), ("default", Some(300)), ("leopold", None)];
    for (name, seconds) in cases {
        let rules = Rules::load(&[Source::builtin(name).unwrap()]).unwrap();
        assert_eq!(rules.approval_timeout_seconds(), seconds, "{name}");
    }
}
