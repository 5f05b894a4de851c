//! Paths as the walls need them: real, and known before they are there. Knows no session.

use crate::failure::Failure;
use leashd_sandbox::Profile;
use leashd_types::Digest;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Private caches of one workspace: kept, and used by nothing but contained commands in that workspace.
pub(crate) fn cache_directory(home: &Path, directory: &Path) -> Result<PathBuf, Failure> {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|base| base.is_absolute());
    let name: String = Digest::plain(&[directory.as_os_str().as_encoded_bytes()]).to_string();
    let name = name.get(..16).unwrap_or(&name);
    maybe_missing(&base.unwrap_or_else(|| home.join(".cache")).join("leashd").join(name))
}

pub(crate) fn real(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| {
        Failure::usage(format!("{}: {error}", path.display())).hint("name a directory that exists")
    })
}

/// A directory among the temporary ones that nobody else may enter.
pub(crate) fn temporary(prefix: &str) -> io::Result<TempDir> {
    tempfile::Builder::new().prefix(prefix).permissions(fs::Permissions::from_mode(0o700)).tempdir()
}

/// The real path of something that need not be there yet.
pub(crate) fn maybe_missing(path: &Path) -> Result<PathBuf, Failure> {
    let (real, _) = leashd_sandbox::resolve(path, Path::new("/")).map_err(Failure::usage)?;
    Ok(real.as_path().to_owned())
}

/// A profile for the launcher of an agent.
pub(crate) fn write(path: &Path, profile: &Profile) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // In one piece: the writer of the library makes a system call of every word.
    file.write_all(&serde_json::to_vec(profile)?)
}
