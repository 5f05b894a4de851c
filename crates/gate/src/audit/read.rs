//! Lines of a log one after the other, each of bounded length.

use super::chain::LINE_LIMIT;
use super::{AuditError, file};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Take};
use std::path::{Path, PathBuf};

/// One line without its newline.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RawLine<'a> {
    Whole(&'a [u8]),
    /// The file ends without a newline.
    Unfinished(&'a [u8]),
    TooLong,
}

/// Reads a log as it was when the reader was made; later entries are not seen.
#[derive(Debug)]
pub(super) struct Lines {
    reader: BufReader<Take<File>>,
    path: PathBuf,
    line: Vec<u8>,
    /// 1-based number of the line last read.
    pub(super) number: u64,
}

impl Lines {
    pub(super) fn open(path: &Path) -> Result<Self, AuditError> {
        let (file, size) = file::snapshot(path)?;
        let reader = BufReader::with_capacity(64 * 1024, file.take(size));
        Ok(Self { reader, path: path.to_owned(), line: Vec::new(), number: 0 })
    }

    pub(super) fn next(&mut self) -> Result<Option<RawLine<'_>>, AuditError> {
        self.line.clear();
        let limit = LINE_LIMIT as u64 + 1;
        let count = (&mut self.reader)
            .take(limit)
            .read_until(b'\n', &mut self.line)
            .map_err(AuditError::io("read", &self.path))?;
        if count == 0 {
            return Ok(None);
        }
        self.number += 1;
        if count > LINE_LIMIT && self.line.last() != Some(&b'\n') {
            self.reader.skip_until(b'\n').map_err(AuditError::io("read", &self.path))?;
            return Ok(Some(RawLine::TooLong));
        }
        Ok(Some(match self.line.strip_suffix(b"\n") {
            Some(line) => RawLine::Whole(line),
            None => RawLine::Unfinished(&self.line),
        }))
    }
}
