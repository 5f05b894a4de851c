//! "Allow for this session": what a person opened beyond the rules, derived here from what was asked.
//!
//! A grant turns an `Ask` of the same rule into an allow, nothing else: never a denial, never a critical band, never
//! a question of another rule. It covers one command; whatever else stands on a line must be allowed by rule and
//! must not change what the shell would do with the granted words (`cd`, `alias`, an assignment).

use crate::decide::{Judged, Line};
use leashd_types::{
    Band, CodeSource, CommandReport, Decision, Digest, Effect, Facts, GitOperation, PathFact, PathKind,
    PathText, ResolvedPath, RuleRef, SessionId, ToolCall, digest_of, visible,
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Builtins after which the same words mean something else.
const STATE_CHANGERS: [&str; 27] = [
    "alias", "bind", "builtin", "cd", "chdir", "declare", "dirs", "enable", "eval", "exec", "export",
    "function", "hash", "let", "local", "popd", "pushd", "read", "readonly", "set", "shift", "shopt",
    "source", "trap", "typeset", "unalias", "unset",
];

/// One session grant. Kept by the engine, handed back in the snapshot, revoked by leaving it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The same scope in the same session has the same id.
    pub id: String,
    pub session: SessionId,
    /// What a person is shown: "Bash: `git commit …` in /home/dev/proj".
    pub rule: String,
    pub tool: String,
    /// The rule that asked. A question of another rule is asked.
    pub asked_by: RuleRef,
    /// Calls of a higher band are asked.
    pub band: Band,
    pub scope: GrantScope,
}

/// How far a grant reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "kebab-case")]
pub enum GrantScope {
    /// One resolved command, run from this directory, with no effect beyond the granted ones.
    Command {
        /// The leading words, joined by single blanks; the whole command where `reach` says so.
        prefix: String,
        reach: Reach,
        via: Vec<String>,
        effects: Vec<Effect>,
        directory: PathBuf,
        /// Where the paths of the effects really led when the grant was given.
        real: BTreeMap<String, ResolvedPath>,
    },
    /// A file tool, on files in or below this directory.
    Files { directory: PathBuf },
    /// Exactly this input.
    Exact { digest: Digest },
}

/// Whether words may follow the granted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The whole command is the granted one.
    Whole,
    /// More words may follow as long as the effects stay the same. Only where the words do not name the object.
    Prefix,
}

impl Grant {
    /// The narrowest grant that would have allowed `call`. `None` where no grant may be given.
    pub(crate) fn derive(call: &ToolCall, judged: &Judged) -> Option<Grant> {
        let verdict = &judged.verdict;
        if verdict.decision != Decision::Ask || verdict.band == Band::Critical {
            return None;
        }
        let (scope, shown) = if verdict.commands.is_empty() {
            file_scope(judged).unwrap_or_else(|| exact_scope(call))
        } else {
            command_scope(call, judged)?
        };
        let rule = format!("{}: {shown}", call.tool);
        let asked_by = verdict.rule.clone();
        let words = serde_json::to_vec(&(&call.session, &call.tool, &asked_by, verdict.band, &scope)).ok()?;
        let id = Digest::plain(&[&words]).to_string().chars().take(16).collect();
        let session = call.session.clone();
        Some(Grant { id, session, rule, tool: call.tool.clone(), asked_by, band: verdict.band, scope })
    }

    /// Whether this grant turns the question about `call` into an allow.
    pub(crate) fn covers(&self, call: &ToolCall, judged: &Judged) -> bool {
        let verdict = &judged.verdict;
        self.session == call.session
            && self.tool == call.tool
            && verdict.decision == Decision::Ask
            && verdict.band != Band::Critical
            && verdict.band <= self.band
            && verdict.rule == self.asked_by
            && match &self.scope {
                GrantScope::Exact { digest } => *digest == exact_digest(call),
                GrantScope::Files { directory } => {
                    let real = argument_paths(judged);
                    verdict.commands.is_empty()
                        && real.is_some_and(|real| {
                            real.iter().all(|(path, _)| path.as_path().starts_with(directory))
                        })
                }
                GrantScope::Command { directory, .. } => {
                    call.cwd == *directory && {
                        asked_commands(judged).is_some_and(|asked| {
                            asked.iter().all(|command| self.fits(command, &judged.facts))
                        })
                    }
                }
            }
    }

    fn fits(&self, command: &CommandReport, facts: &Facts) -> bool {
        let GrantScope::Command { prefix, reach, via, effects, real, .. } = &self.scope else { return false };
        let same_words = match (command.text.strip_prefix(prefix.as_str()), reach) {
            (Some(""), _) => true,
            (Some(rest), Reach::Prefix) => rest.starts_with(' '),
            (Some(_), Reach::Whole) | (None, _) => false,
        };
        same_words
            && command.rule == self.asked_by
            && command.via == *via
            && command.effects.iter().all(|effect| effects.contains(effect))
            && command.effects.iter().filter_map(path_of).all(|path| real.get(path) == real_path(path, facts))
    }
}

fn exact_scope(call: &ToolCall) -> (GrantScope, String) {
    let shown = match target_of(call) {
        Some(target) => visible(target),
        None => "exactly this call".to_owned(),
    };
    (GrantScope::Exact { digest: exact_digest(call) }, shown)
}

/// A host is granted to the session, whichever command wanted it first.
fn exact_digest(call: &ToolCall) -> Digest {
    match target_of(call) {
        Some(target) => digest_of(&call.tool, &json!({ "url": target })),
        None => digest_of(&call.tool, &call.input),
    }
}

fn target_of(call: &ToolCall) -> Option<&str> {
    call.text("url").filter(|_| call.is_for_host())
}

fn file_scope(judged: &Judged) -> Option<(GrantScope, String)> {
    let real = argument_paths(judged)?;
    let mut directories = real.iter().map(|(path, kind)| match kind {
        PathKind::Directory => Some(path.as_path()),
        PathKind::Missing | PathKind::File | PathKind::Device | PathKind::Other => path.as_path().parent(),
    });
    let directory = directories.next()??;
    if !directories.all(|other| other == Some(directory)) {
        return None;
    }
    let shown = format!("files in {}", directory.display());
    Some((GrantScope::Files { directory: directory.to_owned() }, shown))
}

/// The real paths of a file tool's arguments. `None` without any.
fn argument_paths(judged: &Judged) -> Option<Vec<(&ResolvedPath, PathKind)>> {
    let arguments = judged.plan.as_ref()?.path_arguments();
    let found: Option<Vec<_>> = arguments
        .iter()
        .map(|argument| match judged.facts.paths.get(&argument.path)? {
            PathFact::Resolved { real, kind, .. } => Some((real, *kind)),
            PathFact::Unresolvable(_) => None,
        })
        .collect();
    found.filter(|found| !found.is_empty())
}

fn command_scope(call: &ToolCall, judged: &Judged) -> Option<(GrantScope, String)> {
    let asked = asked_commands(judged)?;
    let (command, others) = asked.split_first()?;
    if !others.is_empty() || command.rule != judged.verdict.rule {
        return None;
    }
    let varies = !command.effects.is_empty() && command.effects.iter().all(may_vary);
    let (prefix, reach) = match leading_words(&command.text) {
        Some(words) if varies => (words, Reach::Prefix),
        Some(_) | None => (command.text.clone(), Reach::Whole),
    };
    let more = match reach {
        Reach::Whole => "",
        Reach::Prefix => " …",
    };
    let shown = format!("`{prefix}{more}` in {}", call.cwd.display());
    let scope = GrantScope::Command {
        prefix,
        reach,
        via: command.via.clone(),
        effects: command.effects.clone(),
        directory: call.cwd.clone(),
        real: real_paths(&command.effects, &judged.facts),
    };
    Some((scope, shown))
}

/// The commands a grant has to cover. `None` if the question is about more than single commands, or if anything on
/// the line makes the words mean something else.
fn asked_commands(judged: &Judged) -> Option<Vec<&CommandReport>> {
    let verdict = &judged.verdict;
    let accounted = |effect| verdict.commands.iter().any(|command| command.effects.contains(effect));
    let clear = judged.line == Line::Clear
        && verdict.commands.iter().all(|command| {
            command.unclear.is_empty()
                && command.decision != Decision::Deny
                && keeps_the_shell(&command.text)
                && is_exact(&command.text)
        });
    let asked: Vec<_> = verdict.commands.iter().filter(|command| command.decision == Decision::Ask).collect();
    (clear && !asked.is_empty() && verdict.effects.iter().all(accounted)).then_some(asked)
}

fn keeps_the_shell(text: &str) -> bool {
    let program = text.split(' ').next().unwrap_or_default();
    let plain = program.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-./+[".contains(&byte));
    plain && program != "." && !program.is_empty() && !STATE_CHANGERS.contains(&program)
}

/// Whether a command as shown is the command: nothing unknown in it, nothing cut, nothing hidden.
fn is_exact(text: &str) -> bool {
    !text.contains(['‹', '…']) && !text.contains("\\u{")
}

/// The program and its subcommand, if both are plain words.
fn leading_words(text: &str) -> Option<String> {
    let plain = |word: &str| {
        !word.starts_with('-')
            && !word.is_empty()
            && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let mut words = text.split(' ');
    match (words.next(), words.next()) {
        (Some(program), Some(subcommand)) if plain(program) && plain(subcommand) => {
            Some(format!("{program} {subcommand}"))
        }
        (_, _) => None,
    }
}

/// Whether further words leave an effect what it was. True only for what stays in the repository's own history and
/// index (`git commit`, `git add`): everywhere else the words name the object, and the effects do not tell all of it
/// (`make test deploy`, `curl HOST/other`).
fn may_vary(effect: &Effect) -> bool {
    match effect {
        Effect::Git { operation, .. } => match operation {
            GitOperation::Read | GitOperation::Local | GitOperation::Commit => true,
            GitOperation::Fetch
            | GitOperation::Push
            | GitOperation::Discard
            | GitOperation::Rewrite
            | GitOperation::Configure
            | GitOperation::Unknown => false,
        },
        Effect::Read { .. }
        | Effect::Write { .. }
        | Effect::Delete { .. }
        | Effect::Permissions { .. }
        | Effect::Network { .. }
        | Effect::Runs { .. }
        | Effect::Privilege { .. }
        | Effect::Publishes { .. }
        | Effect::Database { .. }
        | Effect::Service { .. }
        | Effect::System { .. }
        | Effect::Secret { .. }
        | Effect::Environment { .. }
        | Effect::UnknownProgram { .. } => false,
    }
}

/// Where the paths of the effects really lead.
fn real_paths(effects: &[Effect], facts: &Facts) -> BTreeMap<String, ResolvedPath> {
    let real = |path: &str| real_path(path, facts).map(|real| (path.to_owned(), real.clone()));
    effects.iter().filter_map(path_of).filter_map(real).collect()
}

fn real_path<'a>(path: &str, facts: &'a Facts) -> Option<&'a ResolvedPath> {
    match facts.paths.get(path)? {
        PathFact::Resolved { real, .. } => Some(real),
        PathFact::Unresolvable(_) => None,
    }
}

fn path_of(effect: &Effect) -> Option<&str> {
    let path = match effect {
        Effect::Read { path }
        | Effect::Write { path }
        | Effect::Delete { path, .. }
        | Effect::Permissions { path, .. }
        | Effect::Runs { code: CodeSource::File { path } } => path,
        Effect::Runs { .. }
        | Effect::Network { .. }
        | Effect::Git { .. }
        | Effect::Privilege { .. }
        | Effect::Publishes { .. }
        | Effect::Database { .. }
        | Effect::Service { .. }
        | Effect::System { .. }
        | Effect::Secret { .. }
        | Effect::Environment { .. }
        | Effect::UnknownProgram { .. } => return None,
    };
    match path {
        PathText::Exact(path) | PathText::Glob { directory: path, .. } => Some(path),
        PathText::Unknown(_) => None,
    }
}

#[cfg(test)]
#[path = "grant_tests.rs"]
mod tests;
