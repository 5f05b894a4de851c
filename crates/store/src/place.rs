//! The file: whether it may be used, and how a new one comes to be. A database is built beside its place and moved there
//! when it is whole, so that what is found there half-made is damage and never a beginning.

use crate::StoreError;
use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;
use std::fs::{File, Metadata, OpenOptions, read_dir, remove_file};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// What SQLite puts beside a database.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

/// What is at the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Nothing,
    /// Whoever had it last did not close it, or has it now.
    InUse,
    Closed,
}

/// Looks at the file and its directory, which must be ours alone.
pub(crate) fn look(path: &Path) -> Result<Found, StoreError> {
    let directory = directory(path)?;
    let stat = directory.metadata().map_err(|error| failed("look at", directory, &error))?;
    private(&stat, directory, "700")?;
    let wal = beside(path, "-wal");
    let waiting = match wal.symlink_metadata() {
        Ok(stat) => Some(stat.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(failed("look at", &wal, &error)),
    };
    let nofollow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let file = match OpenOptions::new().read(true).write(true).custom_flags(nofollow).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            // Its pages would be written over those of a new database.
            return match waiting {
                None => Ok(Found::Nothing),
                Some(_) => Err(place(
                    path,
                    "is gone, but its -wal is there",
                    "put it back, or move the -wal away too",
                )),
            };
        }
        Err(error) => return Err(failed("open", path, &error)),
    };
    let stat = file.metadata().map_err(|error| failed("look at", path, &error))?;
    if !stat.is_file() || stat.nlink() != 1 {
        return Err(place(
            path,
            "is not an ordinary file with one name",
            "remove the link or name another file",
        ));
    }
    private(&stat, path, "600")?;
    if stat.len() == 0 {
        return Err(StoreError::Corrupt { path: path.to_owned(), what: "it is empty".to_owned() });
    }
    Ok(if waiting.unwrap_or(0) > 0 { Found::InUse } else { Found::Closed })
}

/// Held by whoever makes drafts at this place or removes them. `None` while another process holds it.
pub(crate) fn alone(path: &Path) -> Result<Option<File>, StoreError> {
    let directory = directory(path)?;
    let failed = |error: &io::Error| failed("lock", directory, error);
    let held = File::open(directory).map_err(|error| failed(&error))?;
    match flock(&held, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(held)),
        Err(Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(failed(&error.into())),
    }
}

/// Drafts of this place and what stands beside them. While nobody else is [`alone`], they are of processes that were
/// killed.
pub(crate) fn drafts(path: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let directory = directory(path)?;
    let name = path.file_name().unwrap_or_default();
    let entries = read_dir(directory).map_err(|error| failed("list", directory, &error))?;
    let is_draft = |found: &str| {
        let rest = name.to_str().and_then(|name| found.strip_prefix(name)?.strip_prefix('.'));
        let Some((process, end)) = rest.and_then(|rest| rest.split_once(".new")) else { return false };
        !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit()) && BESIDE.contains(&end)
    };
    let drafts = entries.flatten().filter(|entry| entry.file_name().to_str().is_some_and(is_draft));
    Ok(drafts.map(|entry| entry.path()).collect())
}

/// A new, empty file beside the place, for this process alone.
pub(crate) fn draft(path: &Path) -> Result<PathBuf, StoreError> {
    directory(path)?;
    let draft = beside(path, &format!(".{}.new", std::process::id()));
    discard(&draft)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&draft)
        .map_err(|error| failed("create", &draft, &error))?;
    Ok(draft)
}

/// Removes a draft and what stands beside it.
pub(crate) fn discard(draft: &Path) -> Result<(), StoreError> {
    for name in BESIDE.map(|end| beside(draft, end)) {
        match remove_file(&name) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(failed("remove", &name, &error)),
        }
    }
    Ok(())
}

/// Moves the finished draft to its place. If another process was first, its database stays.
pub(crate) fn publish(draft: &Path, path: &Path) -> Result<(), StoreError> {
    let sync = |path: &Path| File::open(path).and_then(|file| file.sync_all());
    sync(draft).map_err(|error| failed("write", draft, &error))?;
    match renameat_with(CWD, draft, CWD, path, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::EXIST) => {
            return remove_file(draft).map_err(|error| failed("remove", draft, &error));
        }
        Err(error) => return Err(failed("move", draft, &error.into())),
    }
    let directory = directory(path)?;
    sync(directory).map_err(|error| failed("write", directory, &error))
}

fn directory(path: &Path) -> Result<&Path, StoreError> {
    match path.parent() {
        Some(directory) if path.is_absolute() && path.to_str().is_some() => Ok(directory),
        _ => Err(place(path, "has no absolute path in UTF-8", "name it from the root")),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn private(stat: &Metadata, path: &Path, mode: &str) -> Result<(), StoreError> {
    if stat.uid() != rustix::process::geteuid().as_raw() {
        return Err(place(path, "belongs to another user", "choose another place"));
    }
    if stat.mode() & 0o077 != 0 {
        let advice = format!("run: chmod {mode} '{}'", path.display());
        return Err(place(path, "is open to other users", &advice));
    }
    Ok(())
}

fn place(path: &Path, problem: &str, advice: &str) -> StoreError {
    StoreError::Place { path: path.to_owned(), problem: problem.to_owned(), advice: advice.to_owned() }
}

fn failed(action: &'static str, path: &Path, error: &io::Error) -> StoreError {
    let path = path.to_owned();
    let what = error.to_string();
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            StoreError::Full { path, what }
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            StoreError::ReadOnly { path, what }
        }
        _ => StoreError::File { action, path, why: what },
    }
}
