//! Opens files that a project or an agent may have put there: never waits for one, and takes ordinary files only. Knows
//! nothing of what is in them.

use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A pipe without a writer is no reason to wait.
const FLAGS: OFlags = OFlags::NONBLOCK.union(OFlags::NOCTTY).union(OFlags::CLOEXEC);

/// Opens the file `path` leads to.
pub(crate) fn open(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().read(true).custom_flags(FLAGS.bits().cast_signed()).open(path)?;
    ordinary(file)
}

/// Opens `directory/inner/name`, where neither of the two is a link: a repository could name any file of the person's that
/// way. Nothing if it is not there.
pub(crate) fn open_inside(directory: &Path, inner: &str, name: &str) -> io::Result<Option<File>> {
    let link = |error: Errno| match error {
        Errno::LOOP => io::Error::new(ErrorKind::InvalidInput, "it is a link, or lies behind one"),
        other => other.into(),
    };
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | FLAGS;
    let missing = |error: &Errno| matches!(*error, Errno::NOENT | Errno::NOTDIR);
    let inner = match openat(File::open(directory)?, inner, flags, Mode::empty()) {
        Err(error) if missing(&error) => return Ok(None),
        opened => File::from(opened.map_err(link)?),
    };
    match openat(&inner, name, flags, Mode::empty()) {
        Err(error) if missing(&error) => Ok(None),
        opened => ordinary(File::from(opened.map_err(link)?)).map(Some),
    }
}

fn ordinary(file: File) -> io::Result<File> {
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::new(ErrorKind::InvalidInput, "it is not an ordinary file")),
    }
}
