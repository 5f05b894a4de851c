//! Floor: code from elsewhere handed to an interpreter, and secrets handed to another host. These need the whole
//! line: one command brings the bytes, another runs or sends them.

use super::machine::is_environment;
use crate::act::Act;
use crate::class::Class;
use crate::opinion::Opinion;
use crate::seen::Seen;
use leashd_shell::Part;
use leashd_types::{CodeSource, Effect, PathText, SystemChange};

/// What commands of the whole line do together.
#[derive(Debug, Default)]
pub(crate) struct Line<'a> {
    /// Something comes from or goes to another host.
    talks: bool,
    sends: bool,
    /// Files written by commands that talk to another host.
    fetched: Vec<&'a PathText>,
    /// The environment or another secret is printed somewhere.
    prints_secret: bool,
    /// A variable that is called like a secret, with a value that only the environment knows, is printed or handed on.
    hands_on_secret: bool,
    /// A search for what is called like a secret.
    looks_for_secrets: bool,
    /// A search for the process of leashd.
    looks_for_leashd: bool,
}

impl<'a> Line<'a> {
    pub(crate) fn read(acts: &[Act<'a>]) -> Self {
        let mut line = Line::default();
        for act in acts {
            let outbound = act.classes.has(Class::Fetch) || act.classes.has(Class::Send);
            line.talks |= outbound;
            line.sends |= act.classes.has(Class::Send) || outbound && is_piped_into(act);
            for seen in &act.seen {
                match seen.effect {
                    Effect::Write { path } if outbound => line.fetched.push(path),
                    Effect::Secret { .. } => line.prints_secret = true,
                    _ => {}
                }
            }
            line.hands_on_secret |= holds_secret(act);
            line.looks_for_leashd |=
                matches!(act.program(), Some("pgrep" | "pidof" | "ps" | "grep" | "rg" | "lsof"))
                    && names_leashd(act);
            line.looks_for_secrets |= act.is_shell() && act.classes.has(Class::Read) && names_secret(act);
        }
        line
    }
}

/// A client that is given its data on standard input (`@-`, `-T -`) sends it.
fn is_piped_into(act: &Act<'_>) -> bool {
    act.arguments().any(|word| word == "-" || word.ends_with("@-"))
}

/// A word with the value of a variable that is called like a secret.
fn holds_secret(act: &Act<'_>) -> bool {
    const NAMES: &[&str] = &[
        "SECRET",
        "TOKEN",
        "PASSWORD",
        "PASSWD",
        "API_KEY",
        "APIKEY",
        "ACCESS_KEY",
        "PRIVATE_KEY",
        "CREDENTIAL",
    ];
    act.command.into_iter().flat_map(|command| &command.words).any(|word| {
        word.parts().iter().any(|part| match part {
            Part::Unknown(why) => {
                why.strip_prefix("the variable ").and_then(|rest| rest.split(' ').next()).is_some_and(
                    |variable| NAMES.iter().any(|name| variable.to_ascii_uppercase().contains(name)),
                )
            }
            Part::Text(_) | Part::Glob(_) => false,
        })
    })
}

/// A search pattern that is spelled like the name of a secret.
fn names_secret(act: &Act<'_>) -> bool {
    const NAMES: &[&str] =
        &["API_KEY", "APIKEY", "SECRET", "PASSWORD", "PASSWD", "TOKEN", "PRIVATE KEY", "CREDENTIAL", "AKIA"];
    matches!(
        act.program(),
        Some("grep" | "egrep" | "fgrep" | "rg" | "ag" | "ack" | "git" | "find" | "sed" | "awk")
    ) && act.arguments().any(|word| {
        let upper = word.to_ascii_uppercase();
        NAMES.iter().any(|name| upper.contains(name))
    })
}

/// Programs that turn bytes into other bytes: what comes out was hidden on purpose.
const DECODERS: &[&str] = &[
    "base64", "base32", "xxd", "openssl", "gunzip", "zcat", "gzip", "bunzip2", "xz", "uudecode", "tr", "rev",
];
/// Programs that bring bytes from another host.
const DOWNLOADERS: &[&str] =
    &["curl", "wget", "fetch", "aria2c", "http", "nc", "ncat", "socat", "ssh", "scp", "ftp", "lynx"];

pub(super) fn check(seen: &Seen<'_>, act: &Act<'_>, line: &Line<'_>) -> Option<Opinion> {
    match seen.effect {
        Effect::Runs { code: CodeSource::Piped { interpreter, origin } } => {
            let from_afar = line.talks || mentions(origin, DOWNLOADERS) || mentions(origin, DECODERS);
            from_afar.then(|| {
                Opinion::floor(
                    "pipe-to-shell",
                    format!("{interpreter} would run bytes nobody has read: {origin}"),
                )
            })
        }
        // A pipe that is both read and written wires an interpreter to whatever else the line talks to.
        Effect::Runs { code: CodeSource::Unknown { why } } if line.talks => {
            Some(Opinion::floor("pipe-to-shell", format!("code nobody has read would run: {why}")))
        }
        Effect::Runs { code: CodeSource::File { path } } if line.fetched.contains(&path) => {
            Some(Opinion::floor("pipe-to-shell", "the same line fetches this file and runs it".to_owned()))
        }
        Effect::Secret { what } if line.sends || line.talks && is_environment(what) => {
            Some(Opinion::floor("secrets", format!("{what} would leave this machine")))
        }
        Effect::Network { .. } if seen.classes.has(Class::Foreign) && holds_secret(act) => {
            Some(Opinion::floor("secrets", "the value of a secret would leave this machine".to_owned()))
        }
        Effect::Network { .. } if act.classes.has(Class::Send) || is_piped_into(act) => {
            let secret = line.prints_secret || line.looks_for_secrets || line.hands_on_secret;
            let leaves = !seen.classes.has(Class::Loopback);
            (secret && leaves)
                .then(|| Opinion::floor("secrets", "secrets would leave this machine".to_owned()))
        }
        Effect::System { change: SystemChange::Kill | SystemChange::Services } => {
            let found = line.looks_for_leashd && act.is_half_known();
            (names_leashd(act) || found).then(|| {
                Opinion::floor("leashd-command", "this stops leashd, which only a person may do".to_owned())
            })
        }
        _ => None,
    }
}

fn names_leashd(act: &Act<'_>) -> bool {
    act.arguments().any(|word| word.contains("leashd"))
}

fn mentions(text: &str, programs: &[&str]) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| programs.contains(&word))
}
