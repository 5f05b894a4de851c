//! One rule held against one thing a call would do. A rule that denies or asks fits if anything it names is there; a
//! rule that allows fits only if it names everything that is there.

use crate::act::Act;
use crate::names::{base_name, star_fits};
use crate::pattern::{Found, Pattern};
use crate::places::Where;
use crate::rules::Rule;
use crate::seen::{Seen, host_of, is_loopback};
use leashd_shell::Word;
use leashd_types::{Decision, Effect, Host};
use std::cell::OnceCell;

/// Whether a rule fits, and if not, what stood in the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fit {
    Fits,
    /// Another tool, another command: the rule is about something else.
    Foreign,
    /// The rule is about this command, but an effect (by its place in the list) is not covered.
    Uncovered(usize),
    /// The rule is about this command, but it could not be read to the end.
    Unclear,
}

/// Texts of an act that patterns are tried against, made when first needed.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    resolved: OnceCell<String>,
    by_name: OnceCell<Option<String>>,
}

pub(crate) fn fit(rule: &Rule, act: &Act<'_>, texts: &Texts) -> Fit {
    if !rule.is_for_tool(act.tool) {
        return Fit::Foreign;
    }
    let permissive = rule.action == Decision::Allow;
    if rule.reads_commands() && !fits_command(rule, act, texts) {
        return Fit::Foreign;
    }
    if !rule.path_patterns.is_empty() && !fits_path(rule, act) {
        return Fit::Foreign;
    }
    if permissive { fit_allow(rule, act) } else { fit_restrict(rule, act) }
}

/// An allowing rule that lists effects covers exactly those. One that lists none covers what its command does,
/// except what the words of a command do not show.
fn fit_allow(rule: &Rule, act: &Act<'_>) -> Fit {
    // A rule that only speaks of effects says nothing about a tool whose effects are not known.
    let opaque = !act.is_shell() && (act.seen.is_empty() || act.tool.starts_with("mcp__"));
    if rule.tools.is_empty() && opaque {
        return Fit::Foreign;
    }
    if act.is_unclear() {
        return Fit::Unclear;
    }
    match act.seen.iter().enumerate().position(|(at, seen)| !covers(rule, act, at, seen)) {
        Some(uncovered) => Fit::Uncovered(uncovered),
        None => Fit::Fits,
    }
}

fn covers(rule: &Rule, act: &Act<'_>, at: usize, seen: &Seen<'_>) -> bool {
    if rule.effects.is_empty() {
        // Redirections and assignments are not part of the words: a pattern that matched did not see them.
        let unseen = act.command.is_some_and(|command| at < command.redirected);
        let harmless =
            matches!(seen.effect, Effect::Read { .. }) || seen.place() == Some(Where::HarmlessDevice);
        let environment = act.is_shell() && matches!(seen.effect, Effect::Environment { .. });
        if environment || rule.reads_commands() && unseen && !harmless {
            return false;
        }
    } else if !rule.effects.meets(seen.classes) {
        return false;
    }
    in_places(rule, seen) && at_hosts(rule, seen)
}

fn fit_restrict(rule: &Rule, act: &Act<'_>) -> Fit {
    if !rule.reads_effects() {
        return Fit::Fits;
    }
    let hit = act.seen.iter().any(|seen| {
        let class = rule.effects.is_empty() || rule.effects.meets(seen.classes);
        class && in_places(rule, seen) && at_hosts(rule, seen)
    });
    if hit { Fit::Fits } else { Fit::Foreign }
}

/// Effects without a path are in no place: a rule that opens does not care, one that closes does not mean them.
fn in_places(rule: &Rule, seen: &Seen<'_>) -> bool {
    if rule.places.is_empty() {
        return true;
    }
    match seen.place() {
        Some(place) => rule.places.meets(place.places()),
        None => rule.action == Decision::Allow,
    }
}

fn at_hosts(rule: &Rule, seen: &Seen<'_>) -> bool {
    if rule.hosts.is_empty() {
        return true;
    }
    match host_of(seen.effect) {
        Some(Host::Named(name)) => rule.hosts.iter().any(|host| host_fits(host, name, seen)),
        Some(Host::Configured(_) | Host::Unknown(_)) => false,
        None => rule.action == Decision::Allow,
    }
}

/// `example.com` is that host, `*.example.com` every host below it, `loopback` this machine.
fn host_fits(wanted: &str, name: &str, seen: &Seen<'_>) -> bool {
    if wanted == "loopback" {
        return host_of(seen.effect).is_some_and(is_loopback);
    }
    match wanted.strip_prefix("*.") {
        Some(parent) => name.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')),
        None => wanted == name,
    }
}

fn fits_command(rule: &Rule, act: &Act<'_>, texts: &Texts) -> bool {
    let Some(command) = act.command else { return false };
    if !rule.commands.is_empty() && !rule.commands.iter().any(|pattern| names(pattern, &command.words)) {
        return false;
    }
    if !rule.command_patterns.is_empty() && !fits_text(rule, act, texts) {
        return false;
    }
    rule.flags.is_empty() || rule.flags.iter().any(|flag| has_flag(&command.words, flag))
}

fn fits_text(rule: &Rule, act: &Act<'_>, texts: &Texts) -> bool {
    let restrictive = rule.action != Decision::Allow;
    let yes = |pattern: &Pattern, text: &str| match pattern.find(text) {
        Found::Yes => true,
        Found::No => false,
        // A pattern that cannot be used must not open anything, and must not fail to close.
        Found::CannotSay => restrictive,
    };
    let resolved = texts.resolved.get_or_init(|| act.words_text());
    let by_name = texts.by_name.get_or_init(|| act.text_by_name());
    rule.command_patterns.iter().any(|pattern| {
        yes(pattern, resolved)
            || by_name.as_ref().is_some_and(|text| yes(pattern, text))
            || rule.action == Decision::Deny && yes(pattern, act.line)
    })
}

fn fits_path(rule: &Rule, act: &Act<'_>) -> bool {
    let every = rule.action == Decision::Allow;
    let fits = |seen: &Seen<'_>| {
        let Some(path) = seen.path else { return every };
        let asked = path.shown();
        let real = path.real.and_then(|real| real.as_path().to_str());
        rule.path_patterns.iter().any(|pattern| {
            let say = |text: &str| match pattern.find(text) {
                Found::Yes => true,
                Found::No => false,
                Found::CannotSay => !every,
            };
            // What opens has to be true of the path as it really is; what closes, of any name it goes by.
            match (every, real) {
                (true, Some(real)) => say(real) && say(&asked),
                (true, None) => false,
                (false, real) => say(&asked) || real.is_some_and(say),
            }
        })
    };
    let mut paths = act.seen.iter().filter(|seen| seen.path.is_some()).peekable();
    if paths.peek().is_none() {
        return false;
    }
    if every { paths.all(fits) } else { paths.any(fits) }
}

/// True if the words call this command: the program by its base name, then the given words, with options between.
pub(crate) fn names(pattern: &[String], words: &[Word]) -> bool {
    let (Some((program, rest)), Some((first, arguments))) = (pattern.split_first(), words.split_first())
    else {
        return false;
    };
    let Some(name) = first.text() else { return false };
    let name = base_name(name);
    if !one_fits(program, name) {
        return false;
    }
    let mut wanted = rest.iter();
    let mut next = wanted.next();
    let mut arguments = arguments.iter();
    while let Some(expected) = next {
        let Some(argument) = arguments.next() else { return false };
        let Some(text) = argument.text() else { return false };
        if one_fits(expected, text) {
            next = wanted.next();
        } else if text.starts_with('-') {
            if takes_value(name, text) {
                let _value = arguments.next();
            }
        } else if !(text.starts_with('+') && matches!(name, "cargo" | "rustc")) {
            return false;
        }
    }
    true
}

/// `install|ci|test`: one of them, each with `*` for any run of characters.
fn one_fits(alternatives: &str, text: &str) -> bool {
    alternatives.split('|').any(|one| star_fits(one, text))
}

/// Options before the subcommand whose value is a word of its own.
fn takes_value(program: &str, option: &str) -> bool {
    let options: &[&str] = match program {
        "git" => &[
            "-C",
            "-c",
            "--git-dir",
            "--work-tree",
            "--namespace",
            "--exec-path",
            "--config-env",
            "--super-prefix",
        ],
        "docker" | "podman" => &["-H", "--host", "-c", "--context", "--config", "-l", "--log-level"],
        "kubectl" | "oc" => {
            &["-n", "--namespace", "--context", "--kubeconfig", "-s", "--server", "--user", "--cluster"]
        }
        "npm" | "pnpm" | "yarn" | "bun" => {
            &["--prefix", "-C", "--dir", "--cwd", "-w", "--workspace", "--filter", "-F", "--registry"]
        }
        "cargo" => &["--config", "-Z", "-C", "--color", "--manifest-path"],
        "uv" | "poetry" | "pdm" => &["--directory", "--project", "-C", "-p", "--python"],
        "gh" | "glab" => &["-R", "--repo"],
        "make" | "gmake" => &["-C", "-f", "--directory", "--file"],
        "go" => &["-C"],
        "terraform" | "tofu" => &["-chdir"],
        "aws" => &["--profile", "--region", "--output", "--endpoint-url"],
        "python" | "python3" => &["-W", "-X"],
        _ => &[],
    };
    options.contains(&option)
}

/// `--force` in its long form, with a value or abbreviated as far as it can be; `-f` anywhere in a cluster of short
/// options; `+refspec` for a word that starts with a plus; any other word as it is.
pub(crate) fn has_flag(words: &[Word], flag: &str) -> bool {
    words.iter().skip(1).any(|word| {
        let text = word.text().unwrap_or_else(|| word.prefix());
        if flag == "+refspec" {
            return text.starts_with('+') && text.len() > 1;
        }
        if flag.starts_with("--") {
            return text.strip_prefix(flag).is_some_and(|rest| rest.is_empty() || rest.starts_with('='));
        }
        match (flag.strip_prefix('-'), text.strip_prefix('-')) {
            (Some(letter), Some(cluster)) if letter.chars().count() == 1 => {
                !cluster.starts_with('-') && cluster.contains(letter)
            }
            _ => text == flag,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{has_flag, names};
    use leashd_shell::Word;

    fn words(line: &str) -> Vec<Word> {
        line.split(' ').map(Word::literal).collect()
    }

    #[test]
    fn commands_are_found_behind_options_and_directories() {
        let pattern = ["git".to_owned(), "push".to_owned()];
        for line in ["git push", "/usr/bin/git push -f", "git -C x push origin", "git -c a=b --no-pager push"]
        {
            assert!(names(&pattern, &words(line)), "{line}");
        }
        let pattern = ["npm|pnpm".to_owned(), "ci|install".to_owned()];
        assert!(names(&pattern, &words("pnpm --dir x install")) && !names(&pattern, &words("npm cint")));
        let pattern = ["git".to_owned(), "push".to_owned()];
        for line in ["git log push", "git", "echo git push", "gitk push", "git -C push status"] {
            assert!(!names(&pattern, &words(line)), "{line}");
        }
    }

    #[test]
    fn flags_are_found_in_clusters_and_with_values() {
        let yes = [
            ("git push -uf", "-f"),
            ("git push --force=x", "--force"),
            ("git push o +main", "+refspec"),
            ("a b", "b"),
        ];
        let no = [
            ("git push --follow-tags", "-f"),
            ("git push --force-docs", "--force"),
            ("git push o main", "+refspec"),
        ];
        for (line, flag) in yes {
            assert!(has_flag(&words(line), flag), "{line} {flag}");
        }
        for (line, flag) in no {
            assert!(!has_flag(&words(line), flag), "{line} {flag}");
        }
    }
}
