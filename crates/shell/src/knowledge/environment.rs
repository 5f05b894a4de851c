//! Variables: which of them change what later programs run, for which values, and the commands that set or show them.

use super::custom::After;
use super::report::Report;
use crate::walk::origin;
use crate::word::{Part, Word};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const VARIABLES: &str = include_str!("../../knowledge/variables");

/// What the value of a variable is, which says when it changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Plain,
    Any,
    Flags,
    Tool,
    Command,
    Path,
    Host,
    Switch,
}

/// What setting a variable means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meaning {
    Plain,
    /// It changes what later programs run or load.
    Changing,
    /// As before, and its value is a command.
    Command,
    /// As before, and substitutions in its value run.
    Prompt,
}

/// Where a variable is set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'p> {
    /// The directory the session works in.
    pub(crate) project: &'p str,
    /// The directory the command runs in, if it can be told.
    pub(crate) directory: Option<&'p str>,
}

/// The list of variables, ready to be searched: it is asked for every assignment.
struct Variables {
    names: BTreeMap<&'static str, Kind>,
    /// How names begin, how they end, and in which line they stand.
    starts: Vec<(&'static str, usize, Kind)>,
    ends: Vec<(&'static str, usize, Kind)>,
}

static STEERING: LazyLock<Variables> = LazyLock::new(|| {
    let mut variables = Variables { names: BTreeMap::new(), starts: Vec::new(), ends: Vec::new() };
    for (at, line) in VARIABLES.lines().enumerate() {
        let mut words = line.split(' ');
        let Some(kind) = words.next().and_then(kind_of) else { continue };
        for name in words {
            match (name.strip_prefix('*'), name.strip_suffix('*')) {
                (Some(end), None) => variables.ends.push((end, at, kind)),
                (_, Some(start)) => variables.starts.push((start.trim_start_matches('*'), at, kind)),
                (None, None) => {
                    variables.names.entry(name).or_insert(kind);
                }
            }
        }
    }
    variables
});

fn kind_of(word: &str) -> Option<Kind> {
    Some(match word {
        "plain" => Kind::Plain,
        "any" => Kind::Any,
        "flags" => Kind::Flags,
        "tool" => Kind::Tool,
        "command" => Kind::Command,
        "path" => Kind::Path,
        "host" => Kind::Host,
        "switch" => Kind::Switch,
        _ => return None,
    })
}

impl Variables {
    fn kind(&self, name: &str) -> Kind {
        if let Some(kind) = self.names.get(name) {
            return *kind;
        }
        let starts = self.starts.iter().find(|(start, _, _)| name.starts_with(start));
        let ends = self.ends.iter().find(|(end, _, _)| name.ends_with(end));
        // What a name ends in says more than whose it is, unless the family counts whatever the value.
        match (starts, ends) {
            (Some((_, first, kind)), Some((_, second, other))) => {
                if *kind == Kind::Flags || second < first {
                    *other
                } else {
                    *kind
                }
            }
            (Some((_, _, kind)), None) | (None, Some((_, _, kind))) => *kind,
            (None, None) => Kind::Plain,
        }
    }
}

/// Prompts: expanded before they are shown.
const PROMPTS: [&str; 5] = ["PS0", "PS1", "PS2", "PS3", "PS4"];
/// Commands that a pager or an editor may be and that do nothing of their own.
const HARMLESS_COMMANDS: [&str; 20] = [
    "",
    "cat",
    "less",
    "less -R",
    "less -F",
    "less -FRX",
    "more",
    "most",
    "true",
    ":",
    "false",
    "none",
    "vi",
    "vim",
    "nvim",
    "nano",
    "ed",
    "emacs",
    "/bin/true",
    "/usr/bin/true",
];
/// Bare words that are no names of files, hosts or programs in any of these variables.
const SWITCHES: [&str; 10] = ["true", "false", "yes", "no", "on", "off", "auto", "always", "never", "none"];
/// In an option: it names a program, a file of code or a host to go through.
const STEERING_OPTIONS: [&str; 18] = [
    "plugin",
    "exec",
    "wrapper",
    "eval",
    "agent",
    "bootclasspath",
    "specs",
    "checkpoint",
    "command",
    "compress-program",
    "config",
    "proxy",
    "script",
    "shell",
    "rsh",
    "--pre",
    "index",
    "data:",
];
/// Directories of the system, where nobody but its administrator puts anything.
const SYSTEM: [&str; 10] =
    ["/usr/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/opt/", "/etc/", "/snap/", "/nix/", "/dev/null"];
/// Hosts that packages come from unless somebody says otherwise.
const USUAL_HOSTS: [&str; 7] = [
    "registry.npmjs.org",
    "registry.yarnpkg.com",
    "pypi.org",
    "proxy.golang.org",
    "sum.golang.org",
    "index.crates.io",
    "rubygems.org",
];

/// What setting `name` to `value` does.
pub(crate) fn meaning(name: &str, value: &Word, place: Place<'_>) -> Meaning {
    if PROMPTS.contains(&name) {
        return Meaning::Prompt;
    }
    // How words are split is followed.
    let kind = if name == "IFS" { Kind::Plain } else { STEERING.kind(name) };
    if kind == Kind::Plain {
        return Meaning::Plain;
    }
    let harmless = known_text(name, value).is_some_and(|text| is_harmless(kind, &text, place));
    match kind {
        _ if harmless => Meaning::Plain,
        Kind::Command => Meaning::Command,
        _ => Meaning::Changing,
    }
}

/// The value as text: what the variable held before adds nothing, a number is some number.
fn known_text<'v>(name: &str, value: &'v Word) -> Option<Cow<'v, str>> {
    if let Some(text) = value.text() {
        return Some(Cow::Borrowed(text));
    }
    let mut text = String::new();
    for part in value.parts() {
        match part {
            Part::Text(part) => text.push_str(part),
            Part::Unknown(why) if *why == origin::NUMBER || *why == origin::JOB => text.push('1'),
            Part::Unknown(why) if *why == origin::environment(name) => {}
            Part::Glob(_) | Part::Unknown(_) => return None,
        }
    }
    Some(Cow::Owned(text))
}

fn is_harmless(kind: Kind, text: &str, place: Place<'_>) -> bool {
    let words = || text.split_ascii_whitespace();
    let switch = SWITCHES.contains(&text) || text.bytes().all(|byte| byte.is_ascii_digit());
    match kind {
        Kind::Plain => true,
        Kind::Any => false,
        Kind::Command => HARMLESS_COMMANDS.contains(&text),
        Kind::Tool => {
            words().all(|word| is_plain_tool(word) || word.starts_with('-') && is_plain_option(word))
        }
        Kind::Flags => words().all(is_plain_option),
        Kind::Path => switch || text.split(':').all(|path| is_own_path(path, place)),
        Kind::Switch => switch,
        Kind::Host => switch || text == "direct" || text.split(',').all(is_usual_host),
    }
}

/// A program by its name, found where every other program is, or one of the system.
fn is_plain_tool(word: &str) -> bool {
    let name =
        ["/usr/bin/", "/usr/local/bin/", "/bin/"].iter().find_map(|directory| word.strip_prefix(directory));
    name.unwrap_or(word).bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.+-".contains(&byte))
}

/// An option, or the value of one, that names no file outside and nothing to be run or asked.
fn is_plain_option(word: &str) -> bool {
    if word.contains(['$', '`', ';', '|', '&', '<', '>', '(', ')', '~', '\'', '"', '\\', '!'])
        || word.contains("..")
    {
        return false;
    }
    let lower = word.to_ascii_lowercase();
    if STEERING_OPTIONS.iter().any(|steering| lower.contains(steering)) {
        return false;
    }
    let bytes = word.as_bytes();
    word.match_indices('/').all(|(at, _)| {
        let before = at.checked_sub(1).and_then(|at| bytes.get(at));
        let inner = before.is_some_and(|byte| byte.is_ascii_alphanumeric() || b"_.-/".contains(byte));
        // `-I/usr/include`: the path begins behind the letter.
        let begins = !inner || at == 2 && word.starts_with('-');
        !begins || word.get(at..).is_some_and(|path| SYSTEM.iter().any(|system| path.starts_with(system)))
    }) && !word.contains("//")
}

fn is_own_path(path: &str, place: Place<'_>) -> bool {
    let below = |path: &str| {
        path.strip_prefix(place.project.trim_end_matches('/'))
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if path.starts_with('~') || path.split('/').any(|component| component == "..") || path.contains("//") {
        return false;
    }
    if path.starts_with('/') {
        return below(path) || SYSTEM.iter().any(|system| path.starts_with(system));
    }
    path.is_empty() || place.directory.is_some_and(below)
}

fn is_usual_host(url: &str) -> bool {
    if url.is_empty() || matches!(url, "direct" | "off") || url.starts_with("unix:///var/run/") {
        return true;
    }
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let name = match host.strip_prefix('[') {
        Some(inside) => inside.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    let loopback =
        name.strip_prefix("127.").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit() || b == b'.'));
    loopback
        || matches!(name, "localhost" | "::1")
        || name.ends_with(".localhost")
        || USUAL_HOSTS.contains(&name)
}

pub(super) fn env(report: &mut Report<'_>, words: &[Word]) -> After {
    let mut rest = words;
    while let Some((word, tail)) = rest.split_first() {
        let start = word.prefix();
        match start {
            "-i" | "-0" | "-v" | "-" | "--ignore-environment" | "--null" | "--debug" | "--" => rest = tail,
            "--help" | "--version" => {
                report.help = true;
                return After::Done;
            }
            "-C" | "--chdir" => {
                report.unclear("the command runs in another directory");
                rest = tail.get(1..).unwrap_or(&[]);
            }
            _ if start.starts_with("--chdir=") || (start.starts_with("-C") && start.len() > 2) => {
                report.unclear("the command runs in another directory");
                rest = tail;
            }
            "-u" | "--unset" | "-P" => rest = tail.get(1..).unwrap_or(&[]),
            "-S" | "-vS" | "-iS" | "-ivS" | "-viS" | "--split-string" => {
                split_string(report, tail.first().cloned(), tail.get(1..).unwrap_or(&[]));
                return After::Done;
            }
            _ if start.starts_with("-S")
                || start.starts_with("--split-string=")
                || ["-vS", "-iS", "-ivS", "-viS"].iter().any(|flags| start.starts_with(flags)) =>
            {
                let at = start.find(['S', '=']).map_or(0, |at| at + 1);
                split_string(report, Some(super::args::after(word, at)), tail);
                return After::Done;
            }
            _ if start.starts_with('-') => rest = tail,
            // What the command finds set is followed where the command is.
            _ if start.contains('=') => rest = tail,
            _ => break,
        }
    }
    if rest.is_empty() {
        report.secret("the environment");
    } else {
        report.command(rest.to_vec());
    }
    After::Done
}

/// `-S TEXT`: only the text is split; the words after it stay the words they are.
fn split_string(report: &mut Report<'_>, line: Option<Word>, rest: &[Word]) {
    let Some(line) = line else { return };
    let Some(text) = line.text() else {
        report.unclear("the words env would split cannot be told");
        report.command(vec![line]);
        return;
    };
    if text.contains(['$', '#']) || text.contains("\\_") {
        report.unclear("env would put variables into the words it splits");
    }
    let words = super::items::split(text, char::is_whitespace);
    let words = std::iter::once("env".to_owned()).chain(words).map(Word::literal);
    report.command(words.chain(rest.iter().cloned()).collect());
}

/// `export`, `declare`, `typeset`, `readonly`, `local`.
pub(super) fn export(report: &mut Report<'_>, words: &[Word]) -> After {
    let prints = words.iter().all(|word| word.prefix().starts_with('-'));
    let functions = words
        .iter()
        .any(|word| word.text().is_some_and(|text| text.starts_with('-') && text.contains(['f', 'F'])));
    if prints && !functions {
        report.secret("the environment");
    }
    After::Done
}

pub(super) fn set(report: &mut Report<'_>, words: &[Word]) -> After {
    if words.is_empty() {
        report.secret("the variables of the shell");
    }
    After::Done
}
