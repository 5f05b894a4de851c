//! Resolution by walking components, for systems without `openat2` and for paths that do not exist. Its answer can
//! mix two moments if links change meanwhile; on Linux the caller confirms it.

use super::{Found, components};
use crate::Unresolvable;
use leashd_types::PathKind;
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType, Metadata};
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// Links followed in one path, as the kernel limits them.
const LINK_LIMIT: u32 = 40;

/// How far a path exists.
#[derive(Debug)]
pub(super) struct Walked {
    /// The part that exists: real, absolute.
    pub(super) existing: PathBuf,
    /// What is at `existing`.
    pub(super) kind: PathKind,
    /// The names below it that do not exist.
    pub(super) missing: Vec<OsString>,
}

impl Walked {
    pub(super) fn into_found(self) -> Found {
        let kind = if self.missing.is_empty() { self.kind } else { PathKind::Missing };
        let mut real = self.existing;
        real.extend(self.missing);
        (real, kind)
    }
}

/// Walks the absolute path `asked`.
pub(super) fn walk(asked: &Path) -> Result<Walked, Unresolvable> {
    let mut at = Walked { existing: PathBuf::from("/"), kind: PathKind::Directory, missing: Vec::new() };
    let mut pending: Vec<OsString> = components(asked.as_os_str()).rev().map(OsStr::to_owned).collect();
    let mut links = 0;
    while let Some(name) = pending.pop() {
        if at.missing.is_empty() && at.kind != PathKind::Directory {
            return Err(Unresolvable::NotADirectory(asked.to_owned()));
        }
        match name.as_encoded_bytes() {
            b"." => {}
            b".." if at.missing.pop().is_none() => {
                at.existing.pop();
            }
            b".." => {}
            _ if !at.missing.is_empty() => at.missing.push(name),
            _ => {
                if let Some(target) = enter(&mut at, name, asked)? {
                    links += 1;
                    if links > LINK_LIMIT {
                        return Err(Unresolvable::Loop(asked.to_owned()));
                    }
                    if target.is_absolute() {
                        at.existing = PathBuf::from("/");
                    }
                    pending.extend(components(target.as_os_str()).rev().map(OsStr::to_owned));
                }
            }
        }
    }
    Ok(at)
}

/// Moves `at` to `name` inside it, or returns the target of the link that `name` is.
fn enter(at: &mut Walked, name: OsString, asked: &Path) -> Result<Option<PathBuf>, Unresolvable> {
    let next = at.existing.join(&name);
    match fs::symlink_metadata(&next) {
        Ok(metadata) if metadata.is_symlink() => {
            if leads_anywhere(&at.existing) {
                return Err(Unresolvable::Loop(asked.to_owned()));
            }
            fs::read_link(&next).map(Some).map_err(|error| match error.kind() {
                // No link any more.
                ErrorKind::InvalidInput | ErrorKind::NotFound => Unresolvable::Changing(asked.to_owned()),
                _ => refusal(asked, &error),
            })
        }
        Ok(metadata) => {
            at.kind = kind(&metadata);
            at.existing = next;
            Ok(None)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            at.missing.push(name);
            Ok(None)
        }
        Err(error) => Err(refusal(asked, &error)),
    }
}

/// Links below a process's directory in `/proc` do not lead where their text says. Those of `/proc` itself do.
fn leads_anywhere(directory: &Path) -> bool {
    cfg!(target_os = "linux") && directory.starts_with("/proc") && directory != Path::new("/proc")
}

fn kind(metadata: &Metadata) -> PathKind {
    let file_type: FileType = metadata.file_type();
    match () {
        () if file_type.is_file() => PathKind::File,
        () if file_type.is_dir() => PathKind::Directory,
        () if file_type.is_block_device() || file_type.is_char_device() => PathKind::Device,
        () => PathKind::Other,
    }
}

/// An error of the system as the reason why `asked` cannot be resolved.
pub(super) fn refusal(asked: &Path, error: &io::Error) -> Unresolvable {
    let path = asked.to_owned();
    match error.kind() {
        ErrorKind::PermissionDenied => Unresolvable::NoPermission(path),
        ErrorKind::NotADirectory => Unresolvable::NotADirectory(path),
        _ => match rustix::io::Errno::from_io_error(error) {
            Some(rustix::io::Errno::LOOP) => Unresolvable::Loop(path),
            Some(rustix::io::Errno::NAMETOOLONG) => Unresolvable::TooLong,
            _ => Unresolvable::Failed { path, reason: error.to_string() },
        },
    }
}
