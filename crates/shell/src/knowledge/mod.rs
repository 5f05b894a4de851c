//! What programs do: the effects table (`crates/shell/knowledge/*`) and the engine that reads a command's words
//! against it. Knows nothing about shell syntax; code found inside arguments goes back as `Nested` for the analysis.

mod args;
mod awk;
mod behind;
mod build;
mod code;
mod custom;
mod editors;
mod environment;
mod files;
mod find;
mod git;
mod hosts;
mod items;
mod lexer;
mod network;
mod packages;
mod program;
mod report;
mod roles;
mod sed;
mod services;
mod shells;
mod spec;
mod sql;
mod table;
mod tools;
mod wrappers;

#[cfg(test)]
mod tests;

use crate::Word;
use leashd_types::Effect;

pub(crate) use environment::{Meaning, Place, meaning};

/// One command to be looked up. `words` is never empty; globs and unknown parts are still in them.
pub(crate) struct Argv<'a> {
    pub(crate) words: &'a [Word],
    /// Directory the command runs in; `None` when a `cd` made it unknown.
    pub(crate) cwd: Option<&'a str>,
    pub(crate) home: &'a str,
    /// What is on its standard input.
    pub(crate) stdin: Stdin<'a>,
}

/// What a command reads when it reads its standard input.
#[derive(Clone, Copy)]
pub(crate) enum Stdin<'a> {
    /// The terminal or nothing.
    Inherited,
    /// Known text: a here-document, a here-string, a folded producer.
    Text(&'a str),
    /// A file redirected in, or the output of a command; in words (`the output of curl`).
    Opaque(&'a str),
}

/// What the table says about one command.
#[derive(Default)]
pub(crate) struct Description {
    pub(crate) effects: Vec<Effect>,
    /// Code the program would run and the analysis has to read in turn.
    pub(crate) nested: Vec<Nested>,
    pub(crate) unclear: Vec<String>,
}

/// Code inside the arguments of a program.
pub(crate) enum Nested {
    /// A wrapper's inner command (`timeout 5 CMD…`, `env A=b CMD…`, `xargs CMD…` with its stdin appended).
    Command { words: Vec<Word>, via: String },
    /// Shell code in one string (`bash -c`, `ssh HOST`, `awk 'system("…")'`, git alias with `!`).
    Script { text: Word, via: String },
    /// Shell code on standard input (`sh`, `bash -s`, `ssh HOST` without a command).
    StdinScript { via: String },
    /// A shell script file (`bash FILE`, `source FILE`, `./FILE`).
    File { path: Word, via: String },
}

/// Looks a command up. A program the table does not know yields `Effect::UnknownProgram`.
pub(crate) fn describe(argv: &Argv<'_>) -> Description {
    program::describe(argv)
}

/// Every program name the table knows.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    table::slots().iter().flat_map(|slot| slot.names.split(' ')).filter(|name| !name.is_empty())
}

/// True for tools that run what a project defines: its linters, test runners, compilers.
pub(crate) fn is_project_tool(name: &str) -> bool {
    let always = |spec: &spec::Spec| {
        spec.always
            .iter()
            .any(|action| matches!(action, spec::Action::Effect(token) if token.starts_with("runs:project")))
    };
    // Interpreters of the project's files that are themselves packages.
    let runner = |spec: &spec::Spec| {
        !matches!(name, "node" | "nodejs")
            && spec.operands.iter().any(|operand| {
                operand.actions.iter().any(|action| matches!(action, spec::Action::Script("node")))
            })
    };
    let spec = table::find(name).and_then(|slot| slot.spec().ok());
    spec.is_some_and(|spec| runner(spec) || always(spec) || spec.subs.iter().any(|sub| always(&sub.spec)))
}

/// A variable whose name says that its value is a secret.
pub(crate) fn is_secret_name(name: &str) -> bool {
    code::is_secret_name(name)
}

pub(crate) fn knows(name: &str) -> bool {
    table::find(name).is_some()
}
