//! `app.log` and its backups: whole lines, never more bytes than the limit, readable by their owner only. Several
//! processes may write the same file: each holds a lock on the directory while it does.
//!
//! What cannot be written is reported to the caller; the next call tries from the beginning.

use leashd_sandbox::PrivateDir;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) const NAME: &str = "app.log";
/// Backups that are looked for beyond those that are kept, when fewer are kept than before.
const STRAY_BACKUPS: u32 = 100;
/// Bytes at the end of a file that are looked through for the last whole line.
const TAIL: u64 = 64 * 1024;

#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    #[error(transparent)]
    Place(#[from] leashd_sandbox::Error),
    #[error("cannot {action} `{path}`: {source}")]
    File { action: &'static str, path: PathBuf, source: io::Error },
    #[error("a line of {bytes} bytes is longer than a log file may be; raise LEASHD_LOG_MAX_BYTES")]
    TooLong { bytes: usize },
}

#[derive(Debug)]
pub(super) struct Rotating {
    directory: PathBuf,
    /// Bytes of one file.
    limit: u64,
    backups: u32,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    private: PrivateDir,
    /// The directory, for its lock.
    lock: File,
    file: File,
}

/// What became of some lines.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) lines: usize,
    pub(super) error: Option<FileError>,
}

impl Rotating {
    pub(super) fn new(directory: &Path, limit: u64, backups: u32) -> Self {
        Self { directory: directory.to_owned(), limit, backups, open: None }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.directory.join(NAME)
    }

    /// Appends the lines, each with its newline at the end. Stops at the first that cannot be written.
    pub(super) fn write(&mut self, lines: &[String]) -> Written {
        let mut done = 0;
        let error = self.append(lines, &mut done).err();
        if error.is_some() {
            self.open = None;
        }
        Written { lines: done, error }
    }

    fn append(&mut self, lines: &[String], done: &mut usize) -> Result<(), FileError> {
        let mut open = match self.open.take() {
            Some(open) => open,
            None => self.reach()?,
        };
        // Given back when `lock` is closed or dropped, at the latest.
        let lock = open.lock.try_clone().map_err(|source| self.failed("lock", source))?;
        lock.lock().map_err(|source| self.failed("lock", source))?;
        let result = self.append_locked(&mut open, lines, done);
        lock.unlock().map_err(|source| self.failed("unlock", source))?;
        result?;
        self.open = Some(open);
        Ok(())
    }

    fn append_locked(&self, open: &mut Open, lines: &[String], done: &mut usize) -> Result<(), FileError> {
        self.follow(open)?;
        let mut end = self.mend(&mut open.file)?;
        let mut rest = lines;
        while let Some(first) = rest.first() {
            if first.len() as u64 > self.limit {
                return Err(FileError::TooLong { bytes: first.len() });
            }
            let (count, bytes) = fitting(rest, self.limit.saturating_sub(end));
            if count == 0 {
                self.rotate(open)?;
                end = 0;
                continue;
            }
            let (now, later) = rest.split_at(count);
            let chunk = now.concat();
            let written = write_whole_lines(&mut open.file, chunk.as_bytes(), end);
            *done += written.lines;
            if let Some(source) = written.error {
                return Err(self.failed("write", source));
            }
            end += bytes;
            rest = later;
        }
        Ok(())
    }

    fn reach(&self) -> Result<Open, FileError> {
        let private = PrivateDir::create(&self.directory)?;
        let lock =
            File::open(private.path()).map_err(|source| self.failed("open the directory of", source))?;
        let file = private.append(NAME)?;
        Ok(Open { private, lock, file })
    }

    /// Another process may have rotated, and somebody may have removed the file.
    fn follow(&self, open: &mut Open) -> Result<(), FileError> {
        let ours = open.file.metadata().map_err(|source| self.failed("look at", source))?;
        match fs::symlink_metadata(open.private.path().join(NAME)) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => return Ok(()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // The directory itself may be gone as well.
                let private = PrivateDir::create(&self.directory)?;
                open.private = private;
            }
            Err(source) => return Err(self.failed("look at", source)),
        }
        open.file = open.private.append(NAME)?;
        Ok(())
    }

    /// The end of the file, after a line was taken back that a process did not live to finish.
    fn mend(&self, file: &mut File) -> Result<u64, FileError> {
        let failed = |source| self.failed("read the end of", source);
        let end = file.seek(SeekFrom::End(0)).map_err(failed)?;
        let from = end.saturating_sub(TAIL);
        if end == 0 {
            return Ok(0);
        }
        let mut last = [0];
        file.seek(SeekFrom::Start(end - 1)).map_err(failed)?;
        file.read_exact(&mut last).map_err(failed)?;
        if last == *b"\n" {
            return Ok(end);
        }
        let mut tail = Vec::new();
        file.seek(SeekFrom::Start(from)).map_err(failed)?;
        file.take(TAIL).read_to_end(&mut tail).map_err(failed)?;
        let whole = tail.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at as u64 + 1);
        file.set_len(from + whole).map_err(|source| self.failed("shorten", source))?;
        Ok(from + whole)
    }

    fn rotate(&self, open: &mut Open) -> Result<(), FileError> {
        let directory = open.private.path();
        let name = |number: u32| match number {
            0 => directory.join(NAME),
            number => directory.join(format!("{NAME}.{number}")),
        };
        let first_stray = self.backups.saturating_add(1);
        for stray in first_stray..first_stray.saturating_add(STRAY_BACKUPS) {
            if fs::remove_file(name(stray)).is_err() {
                break;
            }
        }
        if self.backups == 0 {
            return open.file.set_len(0).map_err(|source| self.failed("empty", source));
        }
        for number in (0..self.backups).rev() {
            match fs::rename(name(number), name(number + 1)) {
                Ok(()) => {}
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(source) => return Err(self.failed("rotate", source)),
            }
        }
        open.file = open.private.append(NAME)?;
        Ok(())
    }

    fn failed(&self, action: &'static str, source: io::Error) -> FileError {
        FileError::File { action, path: self.path(), source }
    }
}

/// How many of the lines fit into `room` bytes, and how many bytes they are.
fn fitting(lines: &[String], room: u64) -> (usize, u64) {
    let mut bytes = 0;
    let mut count = 0;
    for line in lines {
        let more = bytes + line.len() as u64;
        if more > room {
            break;
        }
        bytes = more;
        count += 1;
    }
    (count, bytes)
}

struct Chunk {
    lines: usize,
    error: Option<io::Error>,
}

/// Appends `chunk` at `end`. If that is cut short, what is left of a line is taken back.
fn write_whole_lines(file: &mut File, chunk: &[u8], end: u64) -> Chunk {
    let mut written = 0;
    let error = loop {
        let rest = chunk.get(written..).unwrap_or_default();
        if rest.is_empty() {
            break None;
        }
        match file.write(rest) {
            Ok(0) => break Some(ErrorKind::WriteZero.into()),
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => break Some(error),
        }
    };
    let there = chunk.get(..written).unwrap_or_default();
    if error.is_some() {
        let whole = there.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        // What cannot be taken back now is mended by the next call.
        file.set_len(end + whole as u64).ok();
    }
    #[expect(clippy::naive_bytecount, reason = "a few kilobytes, where lines are lost or written")]
    let lines = there.iter().filter(|byte| **byte == b'\n').count();
    Chunk { lines, error }
}
