//! What a shell line would do: every command in it, wherever it hides, with its effects, or "cannot say".
//!
//! Pure and total: no file, no process, bounded time and depth, never a panic. When in doubt it says `unclear`.

mod expand;
mod fold;
mod hidden;
mod knowledge;
mod limits;
mod parser;
mod paths;
mod syntax;
#[cfg(test)]
mod tests;
mod walk;
mod word;

use leashd_types::{Effect, FileText};
use std::collections::{BTreeMap, BTreeSet};

pub use walk::origin::REPOSITORY_ROOT;
pub use word::{Part, Word};

/// What is known about the world the line would run in.
#[derive(Clone, Copy, Debug)]
pub struct Env<'a> {
    /// Absolute directory the line starts in.
    pub cwd: &'a str,
    /// What `~` and `$HOME` mean.
    pub home: &'a str,
    /// Texts of script files, by absolute path as named in `Analysis::scripts`.
    pub files: &'a BTreeMap<String, FileText>,
}

/// Everything a line would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Analysis {
    /// Every simple command that could run, in order.
    pub commands: Vec<Command>,
    /// What could not be told about the line as a whole (a syntax error, a limit). Not empty: at least ask.
    pub unclear: Vec<String>,
    /// Absolute paths of script files whose text would decide and was not in `Env::files`.
    pub scripts: BTreeSet<String>,
}

/// One simple command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Command {
    /// The words after expansion; the first is the program as written (`/usr/bin/git`). Empty for what no simple
    /// command stands for: redirections of a group, assignments alone.
    pub words: Vec<Word>,
    /// `NAME=value` before the command.
    pub assignments: Vec<(String, Word)>,
    /// How it is reached when not directly (`bash -c`, `$(…)`, `xargs`), outermost first.
    pub via: Vec<String>,
    /// Byte range in the line (for nested code: of the word or the command that holds it).
    pub span: (usize, usize),
    /// Everything it does, redirections and assignments included; nested commands have their own entry.
    pub effects: Vec<Effect>,
    /// How many of the effects, from the first, come from redirections and assignments: the words do not show them.
    pub redirected: usize,
    /// What cannot be told about it. Not empty: at least ask.
    pub unclear: Vec<String>,
    pub runs_in: RunsIn,
}

/// The directory a command runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RunsIn {
    /// Where the line starts.
    #[default]
    Start,
    At(String),
    /// How the line goes decides which.
    OneOf(Vec<String>),
    /// A `cd` went nobody knows where.
    Unknown,
}

/// Every program name the effects table knows.
pub fn programs() -> impl Iterator<Item = &'static str> {
    knowledge::names()
}

/// Reads a shell line as bash would execute it.
#[must_use]
pub fn analyze(line: &str, env: &Env<'_>) -> Analysis {
    if line.len() > limits::LINE_BYTES {
        return Analysis { unclear: vec![limits::TOO_LONG.to_owned()], ..Analysis::default() };
    }
    let mut analysis = walk::walk(line, env);
    if let Some(why) = hidden::reason(line) {
        analysis.unclear.push(why);
    }
    analysis
}
