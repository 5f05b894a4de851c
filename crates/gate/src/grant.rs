//! "Allow for this session": what a person opened beyond the rules, derived here from what was asked.

use leashd_types::{Digest, Effect, ResolvedPath, SessionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One session grant. Kept by the engine, handed back in the snapshot, revoked by leaving it out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The same scope in the same session has the same id.
    pub id: String,
    pub session: SessionId,
    /// What a person is shown: "Bash commands `git commit …` in /home/dev/proj".
    pub rule: String,
    pub tool: String,
    pub scope: GrantScope,
}

/// How far a grant reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "scope", rename_all = "kebab-case")]
pub enum GrantScope {
    /// One resolved command, run from this directory, with no effect beyond the granted ones.
    Command {
        /// The leading words, joined by single blanks.
        prefix: String,
        reach: Reach,
        via: Vec<String>,
        effects: Vec<Effect>,
        directory: PathBuf,
        /// Where the paths of the effects really led when the grant was given.
        real: BTreeMap<String, ResolvedPath>,
    },
    /// A file tool, on files in or below this directory.
    Files { directory: ResolvedPath },
    /// Exactly this input.
    Exact { digest: Digest },
}

/// Whether words may follow the granted ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reach {
    /// The whole command is the granted one.
    Whole,
    /// More words may follow as long as the effects stay the same.
    Prefix,
}
