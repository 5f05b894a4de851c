//! The terminal: one turn (`exec`), a conversation (`repl`), or events as JSON lines. Standard output is data,
//! standard error is decoration.

mod exec;
mod follow;
mod json;
mod keys;
mod lines;
mod repl;
mod screen;

pub use exec::{ExecOptions, exec};
pub use follow::{Ending, How, Output};
pub use lines::{describe, refusal_line};
pub use repl::{ReplOptions, repl};
pub use screen::{Colour, Screen, Tone};

use std::io::IsTerminal;

/// Whether asks can be answered with keys here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    /// Standard input and standard error are a terminal.
    Terminal,
    /// Nobody can press a key: the engine denies asks at once.
    None,
}

impl Keys {
    #[must_use]
    pub fn detect() -> Self {
        if std::io::stdin().is_terminal() && std::io::stderr().is_terminal() {
            Keys::Terminal
        } else {
            Keys::None
        }
    }
}
