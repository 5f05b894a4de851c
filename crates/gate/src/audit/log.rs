//! The one writer: appends entries under a lock that all processes share.
//!
//! An entry is one `write`. If it is cut short (full disk) it is taken back; if the process dies in it, the next
//! writer moves the fragment aside and says so in the chain. After a failed `fdatasync` nothing is known about what
//! reached the disk, so the log stays shut until leashd is started again.

use super::file::{self, Lock};
use super::{AuditError, Head, Record, Secrets, chain, line};
use leashd_types::{CallId, Digest, SessionId, Timestamp};
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex};

/// When an entry counts as written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Each entry has its own `fdatasync`, before any later entry is written by anybody.
    EveryDecision,
    /// A decision is on disk before its permit leaves; concurrent callers share one `fdatasync`.
    #[default]
    Group,
    /// The kernel writes when it likes: survives a crash of leashd, not one of the machine.
    Never,
}

/// An open audit log. Several processes may have the same file open.
#[derive(Debug)]
pub struct AuditLog {
    path: PathBuf,
    file: File,
    durability: Durability,
    secrets: Secrets,
    known: Mutex<Option<Known>>,
    /// Entries written by this process; the ticket of the last one.
    written: AtomicU64,
    flushed: Mutex<Flushed>,
    flush_ended: Condvar,
}

/// The end of the file as we left it. If the file is still that long nobody else has written.
#[derive(Clone, Copy, Debug)]
struct Known {
    head: Head,
    end: u64,
}

#[derive(Debug, Default)]
struct Flushed {
    /// Every entry up to this ticket is on disk.
    upto: u64,
    running: bool,
    failed: bool,
}

impl AuditLog {
    /// Opens or creates the log. Its directory is created if missing, readable by its owner only.
    ///
    /// # Errors
    /// When it cannot be opened, is not a plain file of ours, or its end is damaged.
    pub fn open(path: &Path, durability: Durability, secrets: Secrets) -> Result<AuditLog, AuditError> {
        let file = file::open_for_append(path)?;
        let log = AuditLog {
            path: path.to_owned(),
            file,
            durability,
            secrets,
            known: Mutex::new(None),
            written: AtomicU64::new(0),
            flushed: Mutex::default(),
            flush_ended: Condvar::new(),
        };
        log.head()?;
        Ok(log)
    }

    /// Appends one entry. When it returns, the entry is as durable as asked for.
    ///
    /// # Errors
    /// When it could not be written; then nothing of it remains in the log.
    pub fn append(
        &self,
        at: Timestamp,
        session: Option<&SessionId>,
        call: Option<&CallId>,
        record: Record,
    ) -> Result<Head, AuditError> {
        let members = line::members(at, session, call, &record, &self.secrets)?;
        let (head, ticket) = self.write_entry(at, &members)?;
        if self.durability == Durability::Group && record.is_decision() {
            self.flush(ticket)?;
        }
        Ok(head)
    }

    /// The end of the chain as it is in the file now.
    ///
    /// # Errors
    /// When the file cannot be read or its end is damaged.
    pub fn head(&self) -> Result<Head, AuditError> {
        // INVARIANT: the lock belongs to the open file, not to the thread: only who holds `known` may take it.
        let _known = self.known.lock().map_err(|_| self.suspect())?;
        let _lock = Lock::shared(&self.file, &self.path)?;
        let size = self.size()?;
        Ok(file::read_tail(&self.file, size, &self.path)?.head)
    }

    /// Whether the file of that name is still the one that is open.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.size().is_ok()
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    fn write_entry(&self, at: Timestamp, members: &str) -> Result<(Head, u64), AuditError> {
        let mut known = self.known.lock().map_err(|_| self.suspect())?;
        if self.flushed.lock().map_err(|_| self.suspect())?.failed {
            return Err(self.suspect());
        }
        let _lock = Lock::exclusive(&self.file, &self.path)?;
        let mut now = self.catch_up(*known, at)?;
        let written = self.write_line(now, members);
        if let Ok(longer) = written {
            now = longer;
        }
        *known = Some(now);
        let head = written?.head;
        let ticket = self.written.fetch_add(1, Ordering::SeqCst) + 1;
        if self.durability == Durability::EveryDecision {
            self.flush(ticket)?;
        }
        Ok((head, ticket))
    }

    /// Where the file ends now, after whatever other processes wrote; mends a torn tail.
    fn catch_up(&self, known: Option<Known>, at: Timestamp) -> Result<Known, AuditError> {
        let size = self.size()?;
        match known {
            Some(known) if known.end == size => return Ok(known),
            Some(known) if known.end > size => return Err(AuditError::Replaced { path: self.path.clone() }),
            Some(_) | None => {}
        }
        let tail = file::read_tail(&self.file, size, &self.path)?;
        let now = Known { head: tail.head, end: tail.end };
        if tail.fragment.is_empty() {
            return Ok(now);
        }
        let moved_to = file::move_aside(&self.path, tail.head.seq.saturating_add(1), &tail.fragment)?;
        self.file.set_len(tail.end).map_err(AuditError::io("mend", &self.path))?;
        let record = Record::AuditRecovered {
            bytes: tail.fragment.len() as u64,
            sha256: Digest::plain(&[&tail.fragment]),
            moved_to,
        };
        let members = line::members(at, None, None, &record, &self.secrets)?;
        self.write_line(now, &members)
    }

    /// The file's size, if it still is the file of that name.
    fn size(&self) -> Result<u64, AuditError> {
        let ours = self.file.metadata().map_err(AuditError::io("look at", &self.path))?;
        let named = std::fs::symlink_metadata(&self.path).map_err(AuditError::io("find", &self.path))?;
        if (ours.dev(), ours.ino()) != (named.dev(), named.ino()) {
            return Err(AuditError::Replaced { path: self.path.clone() });
        }
        Ok(ours.len())
    }

    /// One `write`, all or nothing.
    fn write_line(&self, after: Known, members: &str) -> Result<Known, AuditError> {
        let (line, head) = chain::seal(after.head, members);
        let wrote = loop {
            match (&self.file).write(line.as_bytes()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let cause = match wrote {
            Ok(count) if count == line.len() => {
                return Ok(Known { head, end: after.end + line.len() as u64 });
            }
            Ok(_) => io::Error::from(io::ErrorKind::StorageFull),
            Err(error) => error,
        };
        // If this fails too, the next writer finds a torn tail and mends it.
        drop(self.file.set_len(after.end));
        Err(AuditError::io("append to", &self.path)(cause))
    }

    /// Returns when every entry up to `ticket` is on disk. One caller flushes for all that wait.
    fn flush(&self, ticket: u64) -> Result<(), AuditError> {
        let mut state = self.flushed.lock().map_err(|_| self.suspect())?;
        loop {
            if state.failed {
                return Err(self.suspect());
            }
            if state.upto >= ticket {
                return Ok(());
            }
            if state.running {
                state = self.flush_ended.wait(state).map_err(|_| self.suspect())?;
                continue;
            }
            state.running = true;
            drop(state);
            let upto = self.written.load(Ordering::SeqCst);
            let flushed = self.file.sync_data();
            state = self.flushed.lock().map_err(|_| self.suspect())?;
            state.running = false;
            match flushed {
                Ok(()) => state.upto = state.upto.max(upto),
                Err(_) => state.failed = true,
            }
            self.flush_ended.notify_all();
            if let Err(cause) = flushed {
                return Err(AuditError::io("flush", &self.path)(cause));
            }
        }
    }

    fn suspect(&self) -> AuditError {
        AuditError::Suspect { path: self.path.clone() }
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
