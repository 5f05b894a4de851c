//! The file below the log: opened only if it is ours, locked against other processes, its end read in bounded time.

use super::chain::{self, LINE_LIMIT};
use super::{AuditError, Head};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long another process may hold the lock.
const LOCK_LIMIT: Duration = Duration::from_secs(2);
const LOCK_PAUSE_FIRST: Duration = Duration::from_micros(50);
const LOCK_PAUSE_LONGEST: Duration = Duration::from_millis(5);
/// Bytes read first when looking for the last line; nearly every line is shorter.
const TAIL_FIRST: u64 = 16 * 1024;
/// A fragment and the line before it.
const TAIL_LONGEST: u64 = 2 * LINE_LIMIT as u64;

/// Opens the log for appending, created if missing.
pub(super) fn open_for_append(path: &Path) -> Result<File, AuditError> {
    let parent = parent_of(path);
    if !parent.exists() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&parent)
            .map_err(AuditError::io("create the directory of", path))?;
    }
    check_directory(&parent, path)?;
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or(0);
    let mut options = OpenOptions::new();
    options.read(true).append(true).mode(0o600).custom_flags(no_follow);
    let file = match options.clone().create_new(true).open(path) {
        Ok(file) => {
            // A log whose name is lost with the machine's power is no log.
            File::open(&parent)
                .and_then(|parent| parent.sync_all())
                .map_err(AuditError::io("create", path))?;
            file
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            options.open(path).map_err(|cause| refusal(path, cause))?
        }
        Err(cause) => return Err(refusal(path, cause)),
    };
    check_file(&file, path)?;
    Ok(file)
}

/// Opens the log for reading.
fn open_for_reading(path: &Path) -> Result<File, AuditError> {
    let file = File::open(path).map_err(AuditError::io("read", path))?;
    let metadata = file.metadata().map_err(AuditError::io("read", path))?;
    if !metadata.is_file() {
        return Err(not_safe(path, "it is not a plain file"));
    }
    Ok(file)
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        Some(_) | None => PathBuf::from("."),
    }
}

fn refusal(path: &Path, cause: io::Error) -> AuditError {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => not_safe(path, "it is a symbolic link"),
        Ok(metadata) if metadata.is_dir() => not_safe(path, "it is a directory"),
        Ok(_) | Err(_) => AuditError::io("open", path)(cause),
    }
}

fn not_safe(path: &Path, why: impl Into<String>) -> AuditError {
    AuditError::Unsafe { path: path.to_owned(), why: why.into() }
}

fn check_directory(parent: &Path, path: &Path) -> Result<(), AuditError> {
    let metadata = fs::metadata(parent).map_err(AuditError::io("look at the directory of", path))?;
    let us = rustix::process::geteuid().as_raw();
    if metadata.uid() != us {
        return Err(not_safe(path, format!("its directory belongs to user {}, not {us}", metadata.uid())));
    }
    if metadata.mode() & 0o022 != 0 {
        let shown = parent.display();
        return Err(not_safe(path, format!("others may write its directory; run `chmod 700 {shown}`")));
    }
    Ok(())
}

fn check_file(file: &File, path: &Path) -> Result<(), AuditError> {
    let metadata = file.metadata().map_err(AuditError::io("look at", path))?;
    let us = rustix::process::geteuid().as_raw();
    if !metadata.is_file() {
        return Err(not_safe(path, "it is not a plain file"));
    }
    if metadata.uid() != us {
        return Err(not_safe(path, format!("it belongs to user {}, not {us}", metadata.uid())));
    }
    if metadata.nlink() > 1 {
        return Err(not_safe(path, "it has a second name (a hard link)"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(not_safe(
            path,
            "others may write it; check it with `leashd audit verify`, then chmod 600",
        ));
    }
    if metadata.mode() & 0o777 != 0o600 {
        file.set_permissions(fs::Permissions::from_mode(0o600))
            .map_err(AuditError::io("set the permissions of", path))?;
    }
    Ok(())
}

/// A log as it was at one moment: opened, and its size read while nobody was writing.
pub(super) fn snapshot(path: &Path) -> Result<(File, u64), AuditError> {
    let file = open_for_reading(path)?;
    let lock = Lock::shared(&file, path)?;
    let size = file.metadata().map_err(AuditError::io("read", path))?.len();
    drop(lock);
    Ok((file, size))
}

/// The lock all processes share. Given back when dropped.
#[derive(Debug)]
pub(super) struct Lock<'a> {
    file: &'a File,
}

impl<'a> Lock<'a> {
    pub(super) fn exclusive(file: &'a File, path: &Path) -> Result<Self, AuditError> {
        Self::take(file, path, FlockOperation::NonBlockingLockExclusive)
    }

    pub(super) fn shared(file: &'a File, path: &Path) -> Result<Self, AuditError> {
        Self::take(file, path, FlockOperation::NonBlockingLockShared)
    }

    fn take(file: &'a File, path: &Path, operation: FlockOperation) -> Result<Self, AuditError> {
        let started = Instant::now();
        let mut pause = LOCK_PAUSE_FIRST;
        loop {
            match flock(file, operation) {
                Ok(()) => return Ok(Self { file }),
                Err(rustix::io::Errno::INTR) => {}
                Err(rustix::io::Errno::WOULDBLOCK) if started.elapsed() < LOCK_LIMIT => {
                    std::thread::sleep(pause);
                    pause = (pause * 2).min(LOCK_PAUSE_LONGEST);
                }
                Err(rustix::io::Errno::WOULDBLOCK) => {
                    return Err(AuditError::Locked { path: path.to_owned(), seconds: LOCK_LIMIT.as_secs() });
                }
                Err(errno) => return Err(AuditError::io("lock", path)(errno.into())),
            }
        }
    }
}

impl Drop for Lock<'_> {
    fn drop(&mut self) {
        // If this fails the lock goes with the file descriptor; there is nobody to tell.
        let _unlocked = flock(self.file, FlockOperation::Unlock);
    }
}

/// The end of a log.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tail {
    pub(super) head: Head,
    /// Bytes up to and with the last newline.
    pub(super) end: u64,
    /// What a crash left behind it; empty if nothing.
    pub(super) fragment: Vec<u8>,
}

/// Reads the last entry of a file of `size` bytes. Costs the same however long the file is.
pub(super) fn read_tail(file: &File, size: u64, path: &Path) -> Result<Tail, AuditError> {
    for window in [TAIL_FIRST, TAIL_LONGEST] {
        let start = size.saturating_sub(window);
        let mut bytes = vec![0; usize::try_from(size - start).unwrap_or(0)];
        file.read_exact_at(&mut bytes, start).map_err(AuditError::io("read", path))?;
        if let Some(tail) = tail_in(&bytes, start, path)? {
            return Ok(tail);
        }
    }
    Err(damaged(path, "it does not end in an entry"))
}

/// `None` if the last entry begins before these bytes.
fn tail_in(bytes: &[u8], start: u64, path: &Path) -> Result<Option<Tail>, AuditError> {
    let Some(newline) = bytes.iter().rposition(|byte| *byte == b'\n') else {
        if start > 0 {
            return Ok(None);
        }
        return Ok(Some(Tail { head: Head::EMPTY, end: 0, fragment: fragment(bytes, path)? }));
    };
    let (lines, rest) = bytes.split_at(newline);
    let line = match lines.iter().rposition(|byte| *byte == b'\n') {
        Some(before) => lines.get(before + 1..).unwrap_or_default(),
        None if start == 0 => lines,
        None => return Ok(None),
    };
    let sealed = chain::open(line).ok_or_else(|| damaged(path, "its last entry is not as it was written"))?;
    let end = start + newline as u64 + 1;
    let rest = rest.get(1..).unwrap_or_default();
    Ok(Some(Tail { head: sealed.head, end, fragment: fragment(rest, path)? }))
}

fn fragment(bytes: &[u8], path: &Path) -> Result<Vec<u8>, AuditError> {
    if bytes.is_empty() || chain::is_torn(bytes) {
        return Ok(bytes.to_vec());
    }
    Err(damaged(path, "something that is not an entry stands at its end"))
}

fn damaged(path: &Path, why: &str) -> AuditError {
    AuditError::Damaged { path: path.to_owned(), why: why.to_owned() }
}

/// Keeps the fragment of an unfinished entry in a file of its own beside the log.
pub(super) fn move_aside(path: &Path, seq: u64, fragment: &[u8]) -> Result<PathBuf, AuditError> {
    const TRIES: u32 = 100;
    for number in 0..TRIES {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".torn-{seq}-{number}"));
        let aside = PathBuf::from(name);
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside) {
            Ok(mut file) => {
                let kept = io::Write::write_all(&mut file, fragment).and_then(|()| file.sync_all());
                if let Err(cause) = kept {
                    drop(fs::remove_file(&aside));
                    return Err(AuditError::io("move a torn entry aside from", path)(cause));
                }
                return Ok(aside);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(AuditError::io("move a torn entry aside from", path)(cause)),
        }
    }
    Err(damaged(path, "too many torn entries stand beside it"))
}
