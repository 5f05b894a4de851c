//! Rules that stand behind one that fits wherever they fit. By their words alone: where it cannot be told, nothing is
//! said.

use super::{Finding, Kind, finding};
use crate::class::Class;
use crate::names::star_fits;
use crate::written::WrittenRule;
use leashd_types::Decision;

/// The first of the rules before this one that leaves nothing for it.
pub(super) fn check(rule: &WrittenRule, before: &[&WrittenRule]) -> Option<Finding> {
    for earlier in before {
        let whole = covers(earlier, rule);
        if !whole && !opens_all_before(earlier, rule) {
            continue;
        }
        // The same thing said in two files is how overlays stand on their own.
        if earlier.action == rule.action && earlier.rule.source != rule.rule.source {
            continue;
        }
        let at = &earlier.rule;
        return Some(if whole {
            let message = match earlier.action == rule.action {
                true => format!("{at} says the same before it, of everything it matches"),
                false => format!("{at} decides everything it matches before it: {}", earlier.action),
            };
            finding(rule, Kind::Shadowed, message, "remove it, or put it before the other")
        } else {
            let message = format!("{at} allows before it what it would stop");
            finding(
                rule,
                Kind::Unreachable,
                message,
                "put it before the other: the first rule that matches decides",
            )
        });
    }
    None
}

/// True if `wide` fits wherever `narrow` does.
fn covers(wide: &WrittenRule, narrow: &WrittenRule) -> bool {
    let same_reading = match (wide.action, narrow.action) {
        // An allow needs everything covered, a denial one hit: the first never stands in for the second.
        (Decision::Allow, Decision::Allow) => true,
        (Decision::Allow, Decision::Ask | Decision::Deny) => false,
        (Decision::Ask | Decision::Deny, _) => true,
    };
    // A denial is tried against more texts than the others.
    let texts =
        wide.command_patterns.is_empty() || wide.action == Decision::Deny || narrow.action != Decision::Deny;
    same_reading
        && texts
        && covers_tools(wide, narrow)
        && covers_commands(wide, narrow)
        && covers_list(&wide.path_patterns, &narrow.path_patterns)
        && covers_effects(wide, narrow)
}

/// An allow of a whole tool or command before a rule that stops some of it. What the allow does not take is only what
/// cannot be read.
fn opens_all_before(wide: &WrittenRule, narrow: &WrittenRule) -> bool {
    let unconditional = wide.effects.is_empty()
        && wide.places.is_empty()
        && wide.hosts.is_empty()
        && wide.path_patterns.is_empty();
    wide.action == Decision::Allow
        && narrow.action != Decision::Allow
        && unconditional
        && !narrow.effects.iter().any(|effect| effect == Class::Environment.name())
        && (wide.command_patterns.is_empty() || narrow.action != Decision::Deny)
        && covers_tools(wide, narrow)
        && covers_commands(wide, narrow)
}

fn covers_tools(wide: &WrittenRule, narrow: &WrittenRule) -> bool {
    let only_bash = |rule: &WrittenRule| {
        if rule.tools.is_empty() {
            rule.reads_commands()
        } else {
            rule.tools.iter().all(|tool| tool == "Bash")
        }
    };
    match (wide.tools.is_empty(), narrow.tools.is_empty()) {
        (true, _) if wide.reads_commands() => only_bash(narrow),
        (true, true) => true,
        // Without a list an allow is not for tools whose effects are not known.
        (true, false) => wide.action != Decision::Allow || only_bash(narrow),
        (false, true) if narrow.reads_commands() => wide.is_for_tool("Bash"),
        (false, true) => wide.tools.iter().any(|tool| tool == "*"),
        // A star in the narrow pattern is covered by a star in the wide one.
        (false, false) => {
            narrow.tools.iter().all(|tool| wide.tools.iter().any(|pattern| star_fits(pattern, tool)))
        }
    }
}

fn covers_commands(wide: &WrittenRule, narrow: &WrittenRule) -> bool {
    let commands = wide.commands.is_empty()
        || !narrow.commands.is_empty()
            && narrow.commands.iter().all(|one| wide.commands.iter().any(|other| covers_words(other, one)));
    commands
        && covers_list(&wide.command_patterns, &narrow.command_patterns)
        && covers_list(&wide.flags, &narrow.flags)
}

/// `git` covers `git push`, `npm run|test` covers `npm test`. A star only where no word can hide behind it.
fn covers_words(wide: &str, narrow: &str) -> bool {
    if wide.split_whitespace().eq(narrow.split_whitespace()) {
        return true;
    }
    let (wide, narrow): (Vec<&str>, Vec<&str>) =
        (wide.split_whitespace().collect(), narrow.split_whitespace().collect());
    if wide.is_empty() || wide.len() > narrow.len() {
        return false;
    }
    let last = wide.len() - 1;
    wide.iter().zip(&narrow).enumerate().all(|(index, (wide, narrow))| {
        let star_is_safe = index == 0 || index == last;
        let plain = wide.split('|').all(|one| !one.starts_with('-') && (star_is_safe || !one.contains('*')));
        wide == narrow
            || plain && narrow.split('|').all(|one| wide.split('|').any(|other| star_fits(other, one)))
    })
}

/// No list is no condition; a shorter list is a stronger one.
fn covers_list(wide: &[String], narrow: &[String]) -> bool {
    wide.is_empty() || !narrow.is_empty() && narrow.iter().all(|one| wide.contains(one))
}

fn covers_effects(wide: &WrittenRule, narrow: &WrittenRule) -> bool {
    let places = covers_list(&wide.places, &narrow.places) && covers_list(&wide.hosts, &narrow.hosts);
    let effects = wide.effects.is_empty()
        || !narrow.effects.is_empty() && narrow.effects.iter().all(|effect| covered(effect, &wide.effects));
    match (wide.action, narrow.action) {
        // An allow of something that has no effect at all fits too, and nothing that names effects hits there.
        (Decision::Ask | Decision::Deny, Decision::Allow) => {
            wide.effects.is_empty() && wide.places.is_empty() && wide.hosts.is_empty()
        }
        (Decision::Allow, _) if wide.effects.is_empty() => {
            places && !narrow.effects.iter().any(|effect| effect == Class::Environment.name())
        }
        _ => places && effects,
    }
}

fn covered(effect: &str, by: &[String]) -> bool {
    by.iter().any(|one| one == effect)
        || Class::named(effect)
            .is_some_and(|class| implied(class).iter().any(|class| by.iter().any(|one| one == class.name())))
}

/// Classes that every effect of a class has as well.
fn implied(class: Class) -> &'static [Class] {
    match class {
        Class::WriteAutomation => &[Class::Write],
        Class::DeleteRecursive | Class::DeleteRecoverable => &[Class::Delete],
        Class::DeleteForced => &[Class::DeleteRecursive, Class::Delete],
        Class::WorldWritable => &[Class::Permissions],
        Class::Fetch | Class::Send | Class::Listen | Class::Loopback | Class::Configured | Class::Foreign => {
            &[Class::Network]
        }
        Class::InlineCode
        | Class::FileCode
        | Class::ProjectCode
        | Class::PackageCode
        | Class::PipedCode
        | Class::UnknownCode
        | Class::ContainedCode => &[Class::Runs],
        Class::GitRead
        | Class::GitLocal
        | Class::GitDiscard
        | Class::GitCommit
        | Class::GitRewrite
        | Class::GitFetch
        | Class::GitPush
        | Class::GitConfigure
        | Class::GitUnknown => &[Class::Git],
        Class::ForcePush | Class::PushProtected => &[Class::GitPush, Class::Git],
        Class::DatabaseQuery | Class::DatabaseChange | Class::DatabaseDestroy | Class::DatabaseUnknown => {
            &[Class::Database]
        }
        Class::ServiceQuery | Class::ServiceChange | Class::ServiceDestroy | Class::ServiceUnknown => {
            &[Class::Service]
        }
        Class::Kill | Class::MachinePackages | Class::Scheduled | Class::Agent => &[Class::System],
        Class::ContainedProgram => &[Class::UnknownProgram],
        _ => &[],
    }
}
