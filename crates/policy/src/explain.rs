//! Words for people: commands as they can be read, effects in a sentence, and how serious it all is.

use crate::act::Act;
use crate::class::{Class, Classes};
use crate::opinion::Opinion;
use crate::places::Where;
use leashd_shell::{Command, Part, Word};
use leashd_types::{
    Band, CodeSource, Decision, Depth, Direction, Effect, Force, GitOperation, Host, Opens, PathText, Stage,
    Strength,
};
use std::fmt::Write as _;

/// Longest command that is shown whole, in characters.
const SHOWN: usize = 2000;

/// The words of a command, quoted where they need it, hidden characters escaped.
pub(crate) fn command(command: &Command) -> String {
    let mut text = String::new();
    for (name, value) in &command.assignments {
        text.push_str(name);
        text.push('=');
        word(&mut text, value);
        text.push(' ');
    }
    for each in &command.words {
        word(&mut text, each);
        text.push(' ');
        if text.len() > SHOWN {
            text.push_str("… ");
            break;
        }
    }
    text.truncate(text.trim_end().len());
    text
}

fn word(text: &mut String, word: &Word) {
    if let Some(known) = word.text() {
        quoted(text, known);
        return;
    }
    for part in word.parts() {
        match part {
            Part::Text(known) => visible(text, known),
            Part::Glob(glob) => visible(text, glob),
            Part::Unknown(why) => {
                text.push('‹');
                visible(text, why);
                text.push('›');
            }
        }
    }
}

fn quoted(text: &mut String, word: &str) {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/' | ':' | '=' | '@' | '%' | '+' | ',')
    };
    if !word.is_empty() && word.chars().all(plain) {
        text.push_str(word);
        return;
    }
    text.push('\'');
    visible(text, &word.replace('\'', "'\\''"));
    text.push('\'');
}

/// Control, zero-width and direction characters are shown as what they are.
fn visible(text: &mut String, piece: &str) {
    for character in piece.chars() {
        let hidden = character.is_control()
            || matches!(character, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}');
        if hidden {
            let _infallible = write!(text, "\\u{{{:x}}}", u32::from(character));
        } else {
            text.push(character);
        }
    }
}

/// An effect as the end of "this …".
pub(crate) fn effect(effect: &Effect) -> String {
    match effect {
        Effect::Read { path: which } => format!("reads {}", path(which)),
        Effect::Write { path: which } => format!("writes {}", path(which)),
        Effect::Delete { path: which, depth, force } => {
            let how = match (depth, force) {
                (Depth::Recursive, Force::Forced) => "force-deletes everything in",
                (Depth::Recursive, Force::Normal) => "deletes everything in",
                (Depth::Single, _) => "deletes",
            };
            format!("{how} {}", path(which))
        }
        Effect::Permissions { path: which, opens: Opens::ToEveryone, .. } => {
            format!("lets everybody write {}", path(which))
        }
        Effect::Permissions { path: which, .. } => format!("changes the rights of {}", path(which)),
        Effect::Network { host: which, direction } => {
            let how = match direction {
                Direction::Fetch => "fetches from",
                Direction::Send => "sends data to",
                Direction::Listen => return "opens a port".to_owned(),
            };
            format!("{how} {}", host(which))
        }
        Effect::Runs { code: which } => code(which),
        Effect::Privilege { via } => format!("becomes another user through `{via}`"),
        Effect::Git { operation, force, target } => git(*operation, *force, target.as_deref()),
        Effect::Publishes { what } => format!("publishes {what}"),
        Effect::Database { statement } => format!("{} a database", strength(*statement)),
        Effect::Service { name, action } => format!("{} {name}", strength(*action)),
        Effect::System { change } => format!("changes the machine ({change:?})").to_lowercase(),
        Effect::Secret { what } => format!("shows a secret: {what}"),
        Effect::Environment { name } => format!("sets {name}, which changes what later commands run"),
        Effect::UnknownProgram { name } => format!("runs `{name}`, a program that is not known"),
    }
}

fn path(path: &PathText) -> String {
    match path {
        PathText::Exact(path) => path.clone(),
        PathText::Glob { directory, pattern } => match pattern.strip_prefix(directory.as_str()) {
            Some(_) => pattern.clone(),
            None => format!("{}/{pattern}", directory.trim_end_matches('/')),
        },
        PathText::Unknown(why) => format!("a file that cannot be told ({why})"),
    }
}

fn host(host: &Host) -> String {
    match host {
        Host::Named(name) => name.clone(),
        Host::Configured(which) => which.clone(),
        Host::Unknown(why) => format!("a host that cannot be told ({why})"),
    }
}

fn code(code: &CodeSource) -> String {
    match code {
        CodeSource::Inline { language, .. } => format!("runs {language} code given on the command line"),
        CodeSource::File { path: which } => format!("runs {}", path(which)),
        CodeSource::Project { tool, at } => {
            format!("runs what {} defines for {tool}", path(at))
        }
        CodeSource::Package { name } => format!("runs the package {name} from a registry"),
        CodeSource::Piped { interpreter, origin } => format!("lets {interpreter} run {origin}"),
        CodeSource::Unknown { why } => format!("runs code that cannot be told ({why})"),
    }
}

fn git(operation: GitOperation, force: Force, target: Option<&str>) -> String {
    let forced = if force == Force::Forced { " with force" } else { "" };
    match operation {
        GitOperation::Read => "looks into the repository".to_owned(),
        GitOperation::Local => "changes the index or the working tree".to_owned(),
        GitOperation::Discard => "throws away work that git cannot bring back".to_owned(),
        GitOperation::Commit => "changes history".to_owned(),
        GitOperation::Rewrite => "rewrites history for good".to_owned(),
        GitOperation::Fetch => "fetches from a remote".to_owned(),
        GitOperation::Push => match target {
            Some(target) => format!("pushes{forced} to {target}"),
            None => format!("pushes{forced}"),
        },
        GitOperation::Configure => "changes the configuration of git".to_owned(),
        GitOperation::Unknown => "runs a git command that is not known".to_owned(),
    }
}

fn strength(strength: Strength) -> &'static str {
    match strength {
        Strength::Query => "asks",
        Strength::Change => "changes",
        Strength::Destroy => "destroys something in",
        Strength::Unknown => "does something to",
    }
}

const CRITICAL: Classes = Classes::of(&[
    Class::DeleteForced,
    Class::WorldWritable,
    Class::Privilege,
    Class::GitDiscard,
    Class::GitRewrite,
    Class::ForcePush,
    Class::DatabaseDestroy,
    Class::ServiceDestroy,
    Class::Secret,
    Class::PipedCode,
]);
const HIGH: Classes = Classes::of(&[
    Class::Fetch,
    Class::Send,
    Class::Publish,
    Class::GitCommit,
    Class::GitPush,
    Class::GitConfigure,
    Class::GitUnknown,
    Class::DeleteRecursive,
    Class::DatabaseChange,
    Class::DatabaseUnknown,
    Class::ServiceChange,
    Class::ServiceUnknown,
    Class::System,
    Class::Agent,
    Class::Environment,
    Class::UnknownCode,
    Class::PackageCode,
    Class::WriteAutomation,
]);
const MEDIUM: Classes = Classes::of(&[
    Class::Write,
    Class::Delete,
    Class::Permissions,
    Class::Network,
    Class::Runs,
    Class::GitLocal,
    Class::GitFetch,
    Class::UnknownProgram,
]);

/// How bad it would be, by the class of the worst effect; what leaves the approved directories is the worst.
pub(crate) fn band(acts: &[Act<'_>], opinion: &Opinion) -> Band {
    let by_effect = acts.iter().flat_map(|act| &act.seen).map(|seen| {
        let outside = matches!(seen.place(), Some(Where::Outside | Where::Unresolved));
        if seen.classes.meets(CRITICAL) || outside && seen.changes_path() {
            Band::Critical
        } else if seen.classes.meets(HIGH) || outside {
            Band::High
        } else if seen.classes.meets(MEDIUM) {
            Band::Medium
        } else {
            Band::Low
        }
    });
    let unclear = acts.iter().any(Act::is_unclear);
    let least = match (opinion.stage, opinion.decision) {
        (Stage::Floor, Decision::Deny) => Band::Critical,
        (Stage::Sandbox, Decision::Deny) => Band::High,
        _ if unclear || opinion.rule.name == "unclear" => Band::Medium,
        _ => Band::Low,
    };
    by_effect.fold(least, Band::max)
}
