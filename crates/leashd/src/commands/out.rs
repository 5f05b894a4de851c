//! Standard output of commands that do something first: that is done, whether or not anybody reads of it.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};

/// `say!`. Whoever closes the pipe has seen enough; a disk that is full is an error.
pub(crate) fn say(words: Arguments<'_>) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{words}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}
