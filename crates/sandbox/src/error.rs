//! What can go wrong in this crate, said with the object and the next step.

use std::io;
use std::path::PathBuf;

/// Why a path has no one real place. The judge treats each of these as a denial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unresolvable {
    #[error("the path is empty")]
    Empty,
    #[error("the path contains a NUL byte, which no file name can")]
    Nul,
    #[error("the directory `{0}` to start from is not absolute")]
    RelativeDirectory(PathBuf),
    /// More than `PATH_MAX` (4,096 bytes with the final NUL on Linux), or a component of more than 255 bytes.
    #[error("the path is longer than the system allows")]
    TooLong,
    /// More than 40 links, or a link under `/proc` whose target only the kernel knows (`/proc/self/root`).
    #[error("`{0}` goes through a loop of links, or a link that means something else to every process")]
    Loop(PathBuf),
    #[error("`{0}` belongs to the process that asks, so it cannot be resolved for another one")]
    PerProcess(PathBuf),
    #[error("no permission to look at `{0}`")]
    NoPermission(PathBuf),
    #[error("`{0}` goes through a file as if it were a directory")]
    NotADirectory(PathBuf),
    #[error("`{0}` kept changing while it was resolved")]
    Changing(PathBuf),
    #[error("`{path}` cannot be resolved: {reason}")]
    Failed { path: PathBuf, reason: String },
}

/// What else can fail here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot {action} `{path}`: {source}")]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("`{path}` {problem}; {advice}")]
    Unsafe { path: PathBuf, problem: String, advice: String },
    #[error("cannot prepare the supervisor of an agent: {action} failed: {source}")]
    Supervisor { action: &'static str, source: io::Error },
    #[error(transparent)]
    Unresolvable(#[from] Unresolvable),
}
