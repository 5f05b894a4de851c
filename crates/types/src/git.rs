//! Git for people at a distance, in words: what can be ordered, and what came of it. Knows no repository.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// What a person orders in the repository of a session's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "git", rename_all = "kebab-case")]
pub enum GitOrder {
    /// `git status --short --branch`.
    Status,
    /// `git branch --all --verbose`.
    Branches,
    Checkout {
        branch: String,
        which: GitBranch,
    },
    Diff {
        changes: GitChanges,
        /// Only of these; all if empty. Relative to the session's directory.
        #[serde(default)]
        paths: Vec<PathBuf>,
    },
    /// The last commits, newest first.
    Log {
        count: u32,
    },
    /// Everything, if no paths are named. Relative to the top of the working tree.
    Add {
        paths: Vec<PathBuf>,
    },
    /// What is staged.
    Commit {
        message: String,
    },
    Merge {
        branch: String,
    },
    /// Ends a merge that stopped at a conflict; the tree is as before it.
    MergeAbort,
    /// Where a push would go: three lines, the remote, the branch and the address. Nothing is done.
    PushTarget {
        remote: Option<String>,
        branch: Option<String>,
    },
    /// To where the branch that is checked out goes, unless said otherwise. Never by force.
    Push {
        remote: Option<String>,
        branch: Option<String>,
        /// Somebody agreed to this address: if it is another one now, nothing is pushed.
        #[serde(default)]
        address: Option<String>,
    },
    Pull {
        remote: Option<String>,
        branch: Option<String>,
    },
}

/// A branch to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GitBranch {
    Existing,
    New,
}

/// What a diff is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GitChanges {
    /// The working tree against the last commit.
    All,
    /// What the next commit holds.
    Staged,
}

/// What git said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitSaid {
    pub end: GitEnd,
    /// Standard output, then what it complained about.
    pub text: String,
    /// Bytes of it that were left out.
    pub cut: usize,
}

/// Whether it did what it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GitEnd {
    Done,
    /// The text says why: nothing to commit, a branch that is not there.
    Refused,
    /// A merge waits for its conflicts to be settled.
    Conflict,
}
