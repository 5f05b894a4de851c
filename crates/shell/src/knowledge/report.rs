//! Collects what one command does while its words are read. Turns words into paths and fixed notations into effects;
//! does not know which words mean what.

use super::hosts;
use super::{Argv, Description, Nested, Stdin};
use crate::{Part, Word};
use leashd_types::{
    CodeSource, Depth, Direction, Effect, Force, GitOperation, Host, Opens, PathText, Strength, SystemChange,
};

/// How many effects back a repetition is looked for.
const NEAR: usize = 32;
/// Commands one command may start; more make it unclear.
const MOST_NESTED: usize = 256;
/// `runs:project`: which project that is depends on the command.
const PROJECT: &str = "project";

pub(super) struct Report<'a> {
    pub(super) argv: &'a Argv<'a>,
    /// The program as the table knows it, for reasons shown to people.
    pub(super) name: &'a str,
    pub(super) depth: Depth,
    pub(super) force: Force,
    pub(super) direction: Direction,
    pub(super) help: bool,
    pub(super) dry: bool,
    /// Where the project lies whose code runs, if a flag says so.
    pub(super) project: Option<PathText>,
    pub(super) out: Description,
}

impl<'a> Report<'a> {
    pub(super) fn new(argv: &'a Argv<'a>, name: &'a str) -> Self {
        Self {
            argv,
            name,
            depth: Depth::Single,
            force: Force::Normal,
            direction: Direction::Fetch,
            help: false,
            dry: false,
            project: None,
            out: Description::default(),
        }
    }

    pub(super) fn add(&mut self, effect: Effect) {
        // Repetitions stand close together; looking further back would be quadratic.
        if !self.out.effects.iter().rev().take(NEAR).any(|before| *before == effect) {
            self.out.effects.push(effect);
        }
    }

    pub(super) fn unclear(&mut self, why: impl Into<String>) {
        let why = why.into();
        if !self.out.unclear.contains(&why) {
            self.out.unclear.push(why);
        }
    }

    pub(super) fn path(&self, word: &Word) -> PathText {
        path_text(word, self.argv.cwd, self.argv.home)
    }

    /// What is known of a path with unknown parts (`/proc/$X/environ`), as a pattern: said beside the unknown path,
    /// never in its place, because the unknown part may lead elsewhere.
    fn shape(&self, word: &Word) -> Option<PathText> {
        word.unknown_reason()?;
        if crate::paths::numbered(word).is_some() {
            return None;
        }
        let known = word.parts().iter().any(|part| matches!(part, Part::Text(text) if !text.is_empty()));
        let mut shape = Word::default();
        for part in word.parts() {
            shape.push(match part {
                Part::Unknown(_) => Part::Glob("*".to_owned()),
                part => part.clone(),
            });
        }
        known.then(|| self.path(&shape))
    }

    /// `-` is standard input or output, not a file.
    pub(super) fn read(&mut self, word: &Word) {
        if word.text().is_none_or(|text| !text.is_empty() && text != "-") {
            let path = self.path(word);
            self.add(Effect::Read { path });
            if let Some(path) = self.shape(word) {
                self.add(Effect::Read { path });
            }
        }
    }

    pub(super) fn write(&mut self, word: &Word) {
        if word.text().is_none_or(|text| !text.is_empty() && text != "-") {
            let path = self.path(word);
            self.add(Effect::Write { path });
            if let Some(path) = self.shape(word) {
                self.add(Effect::Write { path });
            }
        }
    }

    pub(super) fn read_text(&mut self, path: &str) {
        self.read(&Word::literal(path));
    }

    pub(super) fn write_text(&mut self, path: &str) {
        self.write(&Word::literal(path));
    }

    pub(super) fn delete(&mut self, word: &Word) {
        let (path, depth, force) = (self.path(word), self.depth, self.force);
        self.add(Effect::Delete { path, depth, force });
        if let Some(path) = self.shape(word) {
            self.add(Effect::Delete { path, depth, force });
        }
    }

    pub(super) fn permissions(&mut self, word: &Word, opens: Opens) {
        let (path, depth) = (self.path(word), self.depth);
        self.add(Effect::Permissions { path, depth, opens });
    }

    pub(super) fn network(&mut self, host: Host, direction: Direction) {
        self.add(Effect::Network { host, direction });
    }

    pub(super) fn configured(&mut self, what: &str, direction: Direction) {
        self.network(Host::Configured(what.to_owned()), direction);
    }

    /// A URL in the position of something to fetch or send to; `file:` reads a file.
    pub(super) fn url(&mut self, word: &Word, direction: Direction) {
        if let Some(path) = word.text().and_then(|text| text.strip_prefix("file://")) {
            self.read_text(path);
            return;
        }
        self.network(hosts::of_url(word), direction);
    }

    pub(super) fn runs(&mut self, code: CodeSource) {
        self.add(Effect::Runs { code });
    }

    pub(super) fn runs_project(&mut self, tool: &str) {
        let at = self.project.clone().unwrap_or_else(|| self.path(&Word::default()));
        self.runs(CodeSource::Project { tool: tool.to_owned(), at });
    }

    /// A file or directory of a project, named to a tool that runs it. A plain name lies where the tool runs.
    pub(super) fn runs_part(&mut self, word: &Word) {
        if word.text().is_none_or(|text| text.contains('/') || text.starts_with('~')) {
            let (tool, at) = (self.name.to_owned(), self.path(word));
            self.runs(CodeSource::Project { tool, at });
        }
    }

    pub(super) fn runs_file(&mut self, word: &Word) {
        let path = self.path(word);
        self.runs(CodeSource::File { path });
    }

    pub(super) fn service(&mut self, name: &str, action: Strength) {
        self.add(Effect::Service { name: name.to_owned(), action });
    }

    pub(super) fn system(&mut self, change: SystemChange) {
        self.add(Effect::System { change });
    }

    pub(super) fn secret(&mut self, what: &str) {
        self.add(Effect::Secret { what: what.to_owned() });
    }

    pub(super) fn privilege(&mut self, via: &str) {
        self.add(Effect::Privilege { via: via.to_owned() });
    }

    pub(super) fn git(&mut self, operation: GitOperation) {
        self.add(Effect::Git { operation, force: Force::Normal, target: None });
    }

    pub(super) fn script(&mut self, text: Word) {
        let via = self.name.to_owned();
        self.nest(Nested::Script { text, via });
    }

    /// Whether no further nested command would be kept; says so.
    pub(super) fn is_full(&mut self) -> bool {
        let full = self.out.nested.len() >= MOST_NESTED;
        if full {
            self.unclear("it would run more commands than are looked at");
        }
        full
    }

    fn nest(&mut self, nested: Nested) {
        if !self.is_full() {
            self.out.nested.push(nested);
        }
    }

    pub(super) fn script_text(&mut self, text: &str) {
        self.script(Word::literal(text));
    }

    pub(super) fn command(&mut self, words: Vec<Word>) {
        if !words.is_empty() {
            let via = self.name.to_owned();
            self.nest(Nested::Command { words, via });
        }
    }

    pub(super) fn command_texts<S: AsRef<str>>(&mut self, words: &[S]) {
        self.command(words.iter().map(|word| Word::literal(word.as_ref())).collect());
    }

    /// Code on standard input, in a language that is not the shell's.
    pub(super) fn stdin_code(&mut self, language: &str) {
        match self.argv.stdin {
            Stdin::Inherited => {}
            Stdin::Text(text) => super::code::scan(self, language, text),
            Stdin::Opaque(origin) => {
                self.runs(CodeSource::Piped { interpreter: self.name.to_owned(), origin: origin.to_owned() });
            }
        }
    }

    /// Applies a fixed effect in the table's notation.
    pub(super) fn fixed(&mut self, token: &str) {
        let (kind, rest) = token.split_once(':').unwrap_or((token, ""));
        match kind {
            "r" => self.read_text(rest),
            "w" => match self.in_project(rest) {
                Some(path) => self.add(Effect::Write { path }),
                None => self.write_text(rest),
            },
            "d" => self.delete(&Word::literal(rest)),
            "runs" if rest == PROJECT => self.runs_project(self.name),
            _ => match fixed_effect(kind, rest, self.name) {
                Some(effect) => self.add(effect),
                None => self.unclear(format!("the effects table says `{token}`, which means nothing")),
            },
        }
    }

    /// A path in the project that a flag names.
    fn in_project(&self, rest: &str) -> Option<PathText> {
        match self.project.as_ref()? {
            PathText::Exact(project) if !rest.starts_with(['/', '~']) => {
                Some(PathText::Exact(format!("{}/{rest}", project.trim_end_matches('/'))))
            }
            _ => None,
        }
    }

    /// What is left after `--help` or a dry run.
    pub(super) fn finish(mut self) -> Description {
        if let Some(at) = self.project.take()
            && !self.out.nested.is_empty()
        {
            // What it starts runs over there, too.
            self.runs(CodeSource::Project { tool: self.name.to_owned(), at });
        }
        if self.help {
            self.out.effects.retain(|effect| matches!(effect, Effect::Runs { code } if !is_project(code)));
            self.out.unclear.clear();
        } else if self.dry {
            self.out.effects = self.out.effects.drain(..).filter_map(only_looks).collect();
        }
        self.out
    }
}

/// A word as a path: absolute, `~` expanded, joined with the directory.
pub(super) fn path_text(word: &Word, cwd: Option<&str>, home: &str) -> PathText {
    if let Some(numbered) = crate::paths::numbered(word) {
        return path_text(&numbered, cwd, home);
    }
    if let Some(why) = word.unknown_reason() {
        return PathText::Unknown(why.to_owned());
    }
    let mut known = String::new();
    let mut pattern = String::new();
    for part in word.parts() {
        match part {
            Part::Text(text) if pattern.is_empty() => known.push_str(text),
            Part::Text(text) | Part::Glob(text) => pattern.push_str(text),
            Part::Unknown(why) => return PathText::Unknown(why.clone()),
        }
    }
    // Only the part before the last slash is a directory: `*.rs` is a pattern in the one the command runs in.
    let (before, start) = match known.rfind('/') {
        _ if pattern.is_empty() => (known.as_str(), ""),
        Some(slash) => known.split_at(slash + 1),
        None => ("", known.as_str()),
    };
    let Some(directory) = absolute(before, cwd, home) else {
        return PathText::Unknown("the directory the command runs in is not known".to_owned());
    };
    if pattern.is_empty() {
        return PathText::Exact(directory);
    }
    let trimmed = directory.trim_end_matches('/');
    PathText::Glob {
        directory: if trimmed.is_empty() { "/".to_owned() } else { trimmed.to_owned() },
        pattern: format!("{start}{pattern}"),
    }
}

fn absolute(text: &str, cwd: Option<&str>, home: &str) -> Option<String> {
    if text.starts_with('/') {
        return Some(text.to_owned());
    }
    if text == "~" {
        return Some(home.to_owned());
    }
    if let Some(rest) = text.strip_prefix("~/") {
        return Some(format!("{}/{rest}", home.trim_end_matches('/')));
    }
    if let Some(user) = text.strip_prefix('~') {
        // Another user's home: outside of everything, wherever it is.
        return Some(format!("/home/{user}"));
    }
    let cwd = cwd?.trim_end_matches('/');
    Some(match text {
        "./" => format!("{cwd}/"),
        "" | "." => {
            if cwd.is_empty() {
                "/".to_owned()
            } else {
                cwd.to_owned()
            }
        }
        _ => format!("{cwd}/{}", text.trim_start_matches("./")),
    })
}

pub(super) fn is_fixed(token: &str) -> bool {
    let (kind, rest) = token.split_once(':').unwrap_or((token, ""));
    (matches!(kind, "r" | "w" | "d") && !rest.is_empty())
        || (kind, rest) == ("runs", PROJECT)
        || fixed_effect(kind, rest, "").is_some()
}

fn fixed_effect(kind: &str, rest: &str, program: &str) -> Option<Effect> {
    let words = |text: &str| text.replace('_', " ");
    let (first, second) = rest.split_once(':').unwrap_or((rest, ""));
    Some(match kind {
        "net" => Effect::Network { host: fixed_host(second), direction: direction(first)? },
        "runs" => Effect::Runs { code: fixed_code(first, second, program)? },
        "priv" => Effect::Privilege { via: if rest.is_empty() { program.to_owned() } else { words(rest) } },
        "git" => Effect::Git {
            operation: operation(first)?,
            force: if second == "force" { Force::Forced } else { Force::Normal },
            target: None,
        },
        "pub" => Effect::Publishes { what: words(rest) },
        "db" => Effect::Database { statement: strength(rest)? },
        "svc" => Effect::Service { name: first.to_owned(), action: strength(second)? },
        "sys" => Effect::System { change: system(rest)? },
        "secret" => Effect::Secret { what: words(rest) },
        "env" => Effect::Environment { name: rest.to_owned() },
        "unknown-program" => Effect::UnknownProgram { name: program.to_owned() },
        _ => return None,
    })
}

fn fixed_host(text: &str) -> Host {
    match (text.strip_prefix('@'), text.strip_prefix('?')) {
        (Some(configured), _) => Host::Configured(configured.replace('_', " ")),
        (_, Some(why)) => Host::Unknown(why.replace('_', " ")),
        _ => Host::Named(text.to_owned()),
    }
}

fn fixed_code(kind: &str, rest: &str, program: &str) -> Option<CodeSource> {
    let text = if rest.is_empty() { program.to_owned() } else { rest.replace('_', " ") };
    Some(match kind {
        "package" => CodeSource::Package { name: text },
        "unknown" => CodeSource::Unknown { why: text },
        _ => return None,
    })
}

fn direction(text: &str) -> Option<Direction> {
    Some(match text {
        "fetch" => Direction::Fetch,
        "send" => Direction::Send,
        "listen" => Direction::Listen,
        _ => return None,
    })
}

fn operation(text: &str) -> Option<GitOperation> {
    Some(match text {
        "read" => GitOperation::Read,
        "local" => GitOperation::Local,
        "discard" => GitOperation::Discard,
        "commit" => GitOperation::Commit,
        "rewrite" => GitOperation::Rewrite,
        "fetch" => GitOperation::Fetch,
        "push" => GitOperation::Push,
        "configure" => GitOperation::Configure,
        "unknown" => GitOperation::Unknown,
        _ => return None,
    })
}

fn strength(text: &str) -> Option<Strength> {
    Some(match text {
        "query" => Strength::Query,
        "change" => Strength::Change,
        "destroy" => Strength::Destroy,
        "unknown" => Strength::Unknown,
        _ => return None,
    })
}

fn system(text: &str) -> Option<SystemChange> {
    Some(match text {
        "shutdown" => SystemChange::Shutdown,
        "disk" => SystemChange::Disk,
        "services" => SystemChange::Services,
        "users" => SystemChange::Users,
        "firewall" => SystemChange::Firewall,
        "kernel" => SystemChange::Kernel,
        "mounts" => SystemChange::Mounts,
        "scheduled" => SystemChange::Scheduled,
        "kill" => SystemChange::Kill,
        "packages" => SystemChange::Packages,
        "agent" => SystemChange::Agent,
        "other" => SystemChange::Other,
        _ => return None,
    })
}

fn is_project(code: &CodeSource) -> bool {
    matches!(code, CodeSource::Project { .. } | CodeSource::Package { .. })
}

/// The same effect in a dry run, where nothing is changed.
fn only_looks(effect: Effect) -> Option<Effect> {
    match effect {
        Effect::Read { .. } | Effect::Runs { .. } | Effect::Secret { .. } => Some(effect),
        Effect::Network { host, .. } => Some(Effect::Network { host, direction: Direction::Fetch }),
        Effect::Service { name, .. } => Some(Effect::Service { name, action: Strength::Query }),
        Effect::Database { .. } => Some(Effect::Database { statement: Strength::Query }),
        Effect::Git { .. } => {
            Some(Effect::Git { operation: GitOperation::Read, force: Force::Normal, target: None })
        }
        Effect::UnknownProgram { .. } | Effect::Privilege { .. } | Effect::Environment { .. } => Some(effect),
        Effect::Write { .. }
        | Effect::Delete { .. }
        | Effect::Permissions { .. }
        | Effect::Publishes { .. }
        | Effect::System { .. } => None,
    }
}
