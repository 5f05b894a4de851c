//! Whether git could bring a file back. Runs no code of the repository.

use leashd_types::{PathKind, Recovery, ResolvedPath};

/// Whether git could bring `path` back if it were deleted or overwritten.
#[must_use]
pub fn recovery(_path: &ResolvedPath, _kind: PathKind) -> Recovery {
    Recovery::Unknown
}
