//! Real paths: where a path as written leads, now. Knows no rules and no approved directories.

use crate::Unresolvable;
use leashd_types::{PathKind, ResolvedPath};
use std::path::Path;

/// Resolves `path`, relative to the absolute `cwd`.
///
/// # Errors
/// When the path has no one real place: see [`Unresolvable`].
pub fn resolve(path: &Path, cwd: &Path) -> Result<(ResolvedPath, PathKind), Unresolvable> {
    Err(Unresolvable::Failed { path: cwd.join(path), reason: "not implemented".to_owned() })
}
