//! The shape of one entry of the effects table after parsing (`crates/shell/knowledge/README.md` documents the text
//! form). Knows nothing about any particular program.

use leashd_types::Direction;

/// What one program, or one subcommand of it, does.
#[derive(Debug, Default)]
pub(super) struct Spec {
    pub(super) operands: Vec<Operand>,
    pub(super) flags: Vec<Flag>,
    /// Applied whatever the arguments are.
    pub(super) always: Vec<Action>,
    pub(super) subs: Vec<Sub>,
    /// A Rust function that reads what data cannot say.
    pub(super) custom: Option<&'static str>,
    pub(super) dashes: Dashes,
    pub(super) unknown_flags: UnknownFlags,
}

/// How long options are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Dashes {
    /// `-abc` is a bundle, `--name` is long.
    #[default]
    Bundled,
    /// `-name` is long too (`terraform`, `java`, `go`).
    Single,
}

/// What an option the entry does not list means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum UnknownFlags {
    #[default]
    Harmless,
    Unclear,
}

#[derive(Debug)]
pub(super) struct Sub {
    /// Alternative spellings, each a path of words; `*` matches within a word.
    pub(super) paths: Vec<Vec<&'static str>>,
    pub(super) spec: Spec,
}

#[derive(Debug)]
pub(super) struct Flag {
    pub(super) names: Vec<&'static str>,
    pub(super) takes: Takes,
    pub(super) actions: Vec<Action>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    Nothing,
    /// Attached or the next word.
    Value,
    /// Attached only (`-i.bak`, `--color=auto`).
    Attached,
}

#[derive(Clone, Debug)]
pub(super) struct Operand {
    pub(super) actions: Vec<Action>,
    pub(super) repeat: Repeat,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repeat {
    Once,
    Any,
}

/// What a flag, its value or an operand means.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Skip,
    Read,
    Write,
    /// Read and written in place.
    Edit,
    Delete,
    /// Its mode or owner changes.
    Mode,
    Host(Direction),
    Url,
    /// `host:path` or a local path, read.
    RemoteRead,
    /// `host:path` or a local path, written.
    RemoteWrite,
    /// `@file` names a file that is read; anything else is text.
    AtFile,
    /// This word and all after it are a command.
    Command,
    /// One word is shell code, several are a command.
    CommandOrShell,
    /// Shell code in one word.
    Shell,
    /// Code in a language.
    Code(&'static str),
    /// A file an interpreter runs; the words after it are its own.
    Script(&'static str),
    /// A file or module whose code is loaded.
    Load,
    /// A module by name, or the path of one.
    Module,
    /// `NAME=VALUE` whose value, if it is a path, is code that is loaded.
    Setting,
    Sql,
    /// Options end here; the words after are somebody else's.
    Stop,
    Recursive,
    Forced,
    Dry,
    Help,
    Sends,
    /// Other operands than usual.
    Operands(Vec<Operand>),
    /// A fixed effect in the notation of the table (`svc:docker:change`).
    Effect(&'static str),
    Unclear(&'static str),
}
