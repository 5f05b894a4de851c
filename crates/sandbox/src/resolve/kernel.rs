//! Resolution by the Linux kernel: open, then ask for the name of what was opened.

use super::walk::{self, refusal};
use super::{Found, PATH_LIMIT};
use crate::Unresolvable;
use leashd_types::PathKind;
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, fstat, openat2, readlinkat_raw, statat,
};
use rustix::io::Errno;
use rustix::path::DecInt;
use rustix::process::{Pid, getpid};
use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// How often a path may change under our hands before we give up on it.
const ATTEMPTS: u32 = 16;

/// Where `asked` leads; nothing if this kernel cannot say and the components have to be walked.
pub(super) fn find(asked: &Path) -> Result<Option<Found>, Unresolvable> {
    for _ in 0..ATTEMPTS {
        let found = match reach(asked, OFlags::empty()) {
            Ok(reached) => reached.map(|(opened, real)| Ok((real, kind(&opened)?))).transpose(),
            Err(Errno::NOENT) => match new_in_directory(asked) {
                Some(found) => Ok(Some(found)),
                None => missing(asked)?,
            },
            Err(error) => Err(error),
        };
        match found {
            Ok(Some(found)) => return Ok(Some(found)),
            Ok(None) | Err(Errno::AGAIN | Errno::NOENT) => {}
            // A filter that does not know `openat2` answers EPERM; the call itself never does for `O_PATH`.
            Err(Errno::NOSYS | Errno::PERM) => return Ok(None),
            Err(error) => return Err(refusal(asked, &error.into())),
        }
    }
    Err(Unresolvable::Changing(asked.to_owned()))
}

fn open(path: &Path, flags: OFlags, resolve: ResolveFlags) -> rustix::io::Result<OwnedFd> {
    openat2(CWD, path, flags | OFlags::CLOEXEC, Mode::empty(), resolve)
}

/// Opens what `path` leads to and says where that is. Nothing if it was deleted meanwhile.
fn reach(path: &Path, flags: OFlags) -> rustix::io::Result<Option<(OwnedFd, PathBuf)>> {
    let flags = flags | OFlags::PATH;
    // Where no link is met and nothing is left to simplify, the path is its own answer: the usual case, and half the
    // work.
    if is_plain(path) {
        match open(path, flags, ResolveFlags::NO_SYMLINKS) {
            Err(Errno::LOOP) => {}
            opened => return Ok(Some((opened?, path.to_owned()))),
        }
    }
    let opened = open(path, flags, ResolveFlags::NO_MAGICLINKS)?;
    let Some(real) = name_of(&opened)? else {
        return Ok(None);
    };
    // The kernel marks the name of a deleted file with this suffix, which a file may also simply be called.
    if real.as_os_str().as_bytes().ends_with(b" (deleted)") {
        let stat = fstat(&opened)?;
        match statat(CWD, &real, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(there) if (there.st_dev, there.st_ino) == (stat.st_dev, stat.st_ino) => {}
            _ => return Ok(None),
        }
    }
    Ok(Some((opened, real)))
}

/// Absolute, without `.`, `..`, empty components and trailing slash.
fn is_plain(path: &Path) -> bool {
    let names = path.as_os_str().as_bytes().strip_prefix(b"/");
    names.is_some_and(|names| {
        names.split(|byte| *byte == b'/').all(|name| !matches!(name, b"" | b"." | b".."))
    })
}

/// The absolute path of what is open; nothing if it lies outside our root directory.
fn name_of(opened: &OwnedFd) -> rustix::io::Result<Option<PathBuf>> {
    let mut buffer = [MaybeUninit::<u8>::uninit(); PATH_LIMIT];
    let entry = DecInt::from_fd(opened);
    let (name, _) = readlinkat_raw(descriptors()?, entry.as_c_str(), &mut buffer)?;
    if name.len() >= PATH_LIMIT {
        return Err(Errno::NAMETOOLONG);
    }
    Ok(name.starts_with(b"/").then(|| PathBuf::from(OsString::from_vec(name.to_vec()))))
}

/// `/proc/self/fd`, opened once: finding it anew is a third of the work of a resolution.
fn descriptors() -> rustix::io::Result<BorrowedFd<'static>> {
    static OPENED: OnceLock<(Pid, OwnedFd)> = OnceLock::new();
    let us = getpid();
    let (owner, directory) = match OPENED.get() {
        Some(opened) => opened,
        None => {
            let flags = OFlags::PATH | OFlags::DIRECTORY;
            // Without `/proc` names cannot be asked for, and the components have to be walked.
            let directory = open(Path::new("/proc/self/fd"), flags, ResolveFlags::NO_MAGICLINKS);
            let opened = (us, directory.map_err(|_| Errno::NOSYS)?);
            OPENED.get_or_init(|| opened)
        }
    };
    // After a fork it still shows the parent's descriptors.
    if *owner == us { Ok(directory.as_fd()) } else { Err(Errno::NOSYS) }
}

/// The usual new file: its directory exists and the name in it does not. Nothing in any other case.
fn new_in_directory(asked: &Path) -> Option<Found> {
    let bytes = asked.as_os_str().as_bytes();
    let slash = bytes.iter().rposition(|byte| *byte == b'/')?;
    let (directory, name) = bytes.split_at_checked(slash + 1)?;
    if matches!(name, b"" | b"." | b"..") {
        return None;
    }
    let directory = match directory {
        b"/" => Path::new("/"),
        _ => Path::new(OsStr::from_bytes(directory.strip_suffix(b"/")?)),
    };
    let (directory, real) = reach(directory, OFlags::DIRECTORY).ok()??;
    let name = OsStr::from_bytes(name);
    absent(&directory, name).then(|| (real.join(name), PathKind::Missing))
}

/// The rare new file: behind a dangling link, or in directories that are missing too. The walk is confirmed by opening
/// the directory it ended in without following any link.
fn missing(asked: &Path) -> Result<rustix::io::Result<Option<Found>>, Unresolvable> {
    let walked = match walk::walk(asked) {
        Err(Unresolvable::Changing(_)) => return Ok(Ok(None)),
        walked => walked?,
    };
    let Some(name) = walked.missing.first() else {
        return Ok(existing_now(&walked.existing));
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY;
    let directory = match open(&walked.existing, flags, ResolveFlags::NO_SYMLINKS) {
        Ok(directory) => directory,
        Err(Errno::LOOP | Errno::NOTDIR) => return Ok(Ok(None)),
        Err(error) => return Ok(Err(error)),
    };
    let confirmed = absent(&directory, name);
    Ok(Ok(confirmed.then(|| walked.into_found())))
}

/// A path the kernel calls missing and the walk calls existing: it appeared in between, or a missing name was left
/// again through `..`, which the kernel does not accept and we do.
fn existing_now(real: &Path) -> rustix::io::Result<Option<Found>> {
    match open(real, OFlags::PATH, ResolveFlags::NO_SYMLINKS) {
        Ok(opened) => Ok(Some((real.to_owned(), kind(&opened)?))),
        Err(Errno::LOOP | Errno::NOTDIR) => Ok(None),
        Err(error) => Err(error),
    }
}

fn absent(directory: impl AsFd, name: &OsStr) -> bool {
    matches!(statat(directory, name, AtFlags::SYMLINK_NOFOLLOW), Err(Errno::NOENT))
}

fn kind(opened: &OwnedFd) -> rustix::io::Result<PathKind> {
    Ok(match FileType::from_raw_mode(fstat(opened)?.st_mode) {
        FileType::RegularFile => PathKind::File,
        FileType::Directory => PathKind::Directory,
        FileType::BlockDevice | FileType::CharacterDevice => PathKind::Device,
        FileType::Symlink | FileType::Fifo | FileType::Socket | FileType::Unknown => PathKind::Other,
    })
}
