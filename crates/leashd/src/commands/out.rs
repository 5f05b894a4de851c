//! Standard output of commands that end by themselves: what they do is done, whether or not anybody reads to the end.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, StdoutLock, Write};

/// Whoever closes the pipe has seen enough; a disk that is full is an error.
#[derive(Debug)]
pub(crate) struct Out(StdoutLock<'static>);

pub(crate) fn out() -> Out {
    Out(io::stdout().lock())
}

/// `say!`
pub(crate) fn say(words: Arguments<'_>) -> io::Result<()> {
    let mut out = out();
    writeln!(out, "{words}")?;
    out.flush()
}

impl Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        heard(self.0.write(bytes), bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        heard(self.0.flush(), ())
    }
}

fn heard<T>(done: io::Result<T>, all: T) -> io::Result<T> {
    match done {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(all),
        other => other,
    }
}
