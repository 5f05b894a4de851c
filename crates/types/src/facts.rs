//! What the judge needs to know about the world, asked and answered as plain values. Policy asks (`Questions`), the
//! sandbox answers (`Facts`); neither touches the other.

use crate::{Mode, PathText};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// A real, absolute path: symlinks followed, no `.` or `..` left.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ResolvedPath(PathBuf);

impl ResolvedPath {
    /// INVARIANT: only `sandbox` (and tests) may call this; everything else receives resolved paths from there.
    /// `cargo xtask tidy` checks the callers.
    #[must_use]
    pub fn assume_resolved(path: PathBuf) -> Self {
        Self(path)
    }

    #[must_use]
    pub fn as_path(&self) -> &Path {
        &self.0
    }

    /// True if `self` is `root` or below it, by whole components (`/a/bc` is not inside `/a/b`).
    #[must_use]
    pub fn is_inside(&self, root: &ResolvedPath) -> bool {
        self.0.starts_with(&root.0)
    }
}

/// What has to be known before a call can be judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Questions {
    /// Absolute paths, possibly with `.`, `..` and symlinks in them, to be resolved.
    pub paths: BTreeSet<String>,
    /// Those of `paths` where it matters whether git could bring the file back: answering that costs a look into the
    /// repository. For the others the answer is `Recovery::Unknown`.
    pub recoveries: BTreeSet<String>,
    /// Absolute paths of script files whose text decides (`bash x.sh`).
    pub files: BTreeSet<String>,
    /// Patterns that have to be matched against what is there.
    pub globs: BTreeSet<PathText>,
}

impl Questions {
    /// What `facts` does not answer yet.
    #[must_use]
    pub fn unanswered(&self, facts: &Facts) -> Questions {
        Questions {
            paths: self.paths.iter().filter(|path| !facts.paths.contains_key(*path)).cloned().collect(),
            recoveries: self.recoveries.clone(),
            files: self.files.iter().filter(|path| !facts.files.contains_key(*path)).cloned().collect(),
            globs: self.globs.iter().filter(|glob| !facts.globs.contains_key(*glob)).cloned().collect(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && self.files.is_empty() && self.globs.is_empty()
    }
}

/// Below the person's home: where each contained session has the agent's configuration, in a directory of its own name.
pub const AGENT_HOMES: &str = ".local/state/leashd/agents";
/// In the agent's configuration: where it writes its plans.
pub const PLANS: &str = "plans";

/// Everything the judge knows about the world. Where a fact decides and is not given, the verdict is the stricter one.
#[derive(Clone, Debug, PartialEq)]
pub struct Facts {
    /// The directory the session works in.
    pub cwd: ResolvedPath,
    /// The person's home directory.
    pub home: ResolvedPath,
    /// Directories the agent may work in. The session's own directory is one of them.
    pub approved: Vec<ResolvedPath>,
    /// Temporary directories, where scratch files are ordinary.
    pub temporary: Vec<ResolvedPath>,
    /// Paths with a protection of their own: leashd's state, agent settings, hooks.
    pub protected: Vec<Protected>,
    pub containment: Containment,
    pub attendance: Attendance,
    pub mode: Mode,
    pub git_grants: GitGrants,
    /// Answers to `Questions::paths`, by the path as asked.
    pub paths: BTreeMap<String, PathFact>,
    /// Answers to `Questions::files`, by the path as asked.
    pub files: BTreeMap<String, FileText>,
    /// Answers to `Questions::globs`.
    pub globs: BTreeMap<PathText, Matches>,
}

/// What a pattern matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Matches {
    /// Every match by its own name and, where it is a link to a file, by that file's.
    These(Vec<PathBuf>),
    /// It could not be told, or there were too many: the text says why.
    Unknown(String),
}

/// One resolved path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathFact {
    Resolved {
        real: ResolvedPath,
        kind: PathKind,
        recovery: Recovery,
    },
    /// It cannot be resolved (a loop, no permission, too long): the text says why.
    Unresolvable(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PathKind {
    Missing,
    File,
    Directory,
    /// A block or character device.
    Device,
    /// A socket, a pipe, anything else.
    Other,
}

/// Whether git could bring it back if it were deleted or overwritten.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Recovery {
    /// Tracked and unchanged since the last commit.
    Committed,
    /// Untracked, ignored, or changed.
    Lost,
    Unknown,
}

/// The text of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileText {
    Text(String),
    Missing,
    /// Too large, not text, no permission: the text says why.
    Unreadable(String),
}

/// A path that no ordinary rule opens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protected {
    /// A tree: the path and everything below it.
    pub path: ResolvedPath,
    pub protection: Protection,
    /// What it is, for the reason: `the audit log`.
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protection {
    /// Neither read nor written.
    Hidden,
    /// May be read, never written.
    ReadOnly,
}

/// Whether the kernel was proven to hold the session's boundary.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Containment {
    Proven,
    #[default]
    NotProven,
}

/// Whether a person is there to answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attendance {
    #[default]
    Attended,
    /// An unattended run: the git lock holds.
    Unattended,
}

/// What a person opened for an unattended run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct GitGrants {
    pub commit: bool,
    pub push: bool,
}
