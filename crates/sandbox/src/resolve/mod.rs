//! Real paths: where a path as written leads, now. Knows no rules and no approved directories.
//!
//! On Linux the kernel itself resolves: the path is opened with `O_PATH` and `RESOLVE_NO_MAGICLINKS`, and the name of
//! what was opened is read back. The answer is therefore one moment's truth even while somebody swaps links, which a
//! walk over components is not. It says nothing about the moment after: only the kernel can hold a boundary there.
//! The check "inside a directory" is a comparison of two real paths ([`ResolvedPath::is_inside`]), so no
//! `RESOLVE_BENEATH` is wanted here: it would refuse a link that leaves a project and comes back, and hide where one
//! leads that does not.
//!
//! What does not exist yet is resolved through its nearest existing directory, also behind a dangling link. Below a
//! missing name `..` removes that name, as if it were an ordinary directory: `mkdir -p out && cd out && cmake ..`
//! must be readable before `out` exists.
//!
//! Elsewhere, and where `openat2` is missing, components are walked. On macOS an existing path is spelled as the
//! volume spells it (case and normalisation); a missing one keeps the spelling it was asked with. Linux directories
//! that ignore case (an option of ext4 and f2fs, and VFAT) keep the asked spelling too.

#[cfg(target_os = "linux")]
mod kernel;
#[cfg(test)]
mod tests;
mod walk;

use crate::Unresolvable;
use leashd_types::{PathKind, ResolvedPath};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes, the final NUL included, as the kernel counts them.
const PATH_LIMIT: usize = 4096;
/// Bytes of one component.
const NAME_LIMIT: usize = 255;

/// What was found: a real path and what is there.
type Found = (PathBuf, PathKind);

/// Resolves `path`, relative to the absolute `cwd`. A trailing slash asks for a directory, as it does for the kernel.
///
/// Below `/proc`, a path that names the asking process (`/proc/self/status`) is returned as written, because the
/// process that will open it is not this one; every other way to such a path is refused.
///
/// # Errors
/// When the path has no one real place: see [`Unresolvable`].
pub fn resolve(path: &Path, cwd: &Path) -> Result<(ResolvedPath, PathKind), Unresolvable> {
    let asked = joined(path, cwd)?;
    let (real, kind) = find(&asked)?;
    if real.as_os_str().len() >= PATH_LIMIT {
        return Err(Unresolvable::TooLong);
    }
    let real = if real.starts_with("/proc") { of_any_process(&asked, real, kind)? } else { real };
    Ok((ResolvedPath::assume_resolved(real), kind))
}

fn joined(path: &Path, cwd: &Path) -> Result<PathBuf, Unresolvable> {
    if path.as_os_str().is_empty() {
        return Err(Unresolvable::Empty);
    }
    if !cwd.is_absolute() {
        return Err(Unresolvable::RelativeDirectory(cwd.to_owned()));
    }
    let asked = cwd.join(path);
    let bytes = asked.as_os_str().as_bytes();
    if bytes.contains(&0) {
        return Err(Unresolvable::Nul);
    }
    let long_name = bytes.split(|byte| *byte == b'/').any(|name| name.len() > NAME_LIMIT);
    if bytes.len() >= PATH_LIMIT || long_name {
        return Err(Unresolvable::TooLong);
    }
    Ok(asked)
}

#[cfg(target_os = "linux")]
fn find(asked: &Path) -> Result<Found, Unresolvable> {
    match kernel::find(asked)? {
        Some(found) => Ok(found),
        None => walk::walk(asked).map(walk::Walked::into_found),
    }
}

#[cfg(not(target_os = "linux"))]
fn find(asked: &Path) -> Result<Found, Unresolvable> {
    let walked = walk::walk(asked)?;
    let existing = std::fs::canonicalize(&walked.existing)
        .map_err(|error| Unresolvable::Failed { path: asked.to_owned(), reason: error.to_string() })?;
    Ok(walk::Walked { existing, ..walked }.into_found())
}

/// `/proc/self` leads to another place for every process, and what is found here is ours. A path written plainly is
/// kept as written; anything that reaches our own directory by another way, or does not exist, is refused.
fn of_any_process(asked: &Path, real: PathBuf, kind: PathKind) -> Result<PathBuf, Unresolvable> {
    if kind == PathKind::Missing {
        return Err(Unresolvable::PerProcess(asked.to_owned()));
    }
    let ours = Path::new("/proc").join(std::process::id().to_string());
    let Ok(rest) = real.strip_prefix(&ours) else {
        return Ok(real);
    };
    let for_anybody = Path::new("/proc/self").join(rest);
    // `/proc/mounts` and `/proc/net` are links into `/proc/self`.
    if asked == for_anybody || asked == Path::new("/proc").join(rest) {
        return Ok(for_anybody);
    }
    Err(Unresolvable::PerProcess(asked.to_owned()))
}

/// The components of `path` as the kernel sees them: no empty ones, `.` kept, and a final `.` for a trailing slash.
fn components(path: &OsStr) -> impl DoubleEndedIterator<Item = &OsStr> {
    let bytes = path.as_bytes();
    let trailing = bytes.ends_with(b"/").then_some(OsStr::new("."));
    let names = bytes.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).map(OsStr::from_bytes);
    names.chain(trailing)
}
