//! Answers what the judge has to know about the file system. Knows no rules.

mod globs;
#[cfg(test)]
mod tests;

use crate::recovery::Repositories;
use crate::resolve;
use leashd_types::{Facts, FileText, PathFact, PathKind, Questions, Recovery};
use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

/// Bytes of a script that is still read.
const TEXT_LIMIT: u64 = 256 * 1024;

/// Answers every question into `facts`, newly even where an answer is already there. What cannot be resolved is
/// answered as such; it never fails as a whole. A path that is not absolute starts at `facts.cwd`.
///
/// Blocks on the file system: on a dead network mount for as long as the kernel does.
pub fn gather(questions: &Questions, facts: &mut Facts) {
    let mut repositories = Repositories::default();
    for path in &questions.paths {
        let fact = match resolve(Path::new(path), facts.cwd.as_path()) {
            Ok((real, kind)) => {
                let recovery = match questions.recoveries.contains(path) {
                    true => repositories.recovery(&real, kind),
                    false => Recovery::Unknown,
                };
                PathFact::Resolved { real, kind, recovery }
            }
            Err(reason) => PathFact::Unresolvable(reason.to_string()),
        };
        facts.paths.insert(path.clone(), fact);
    }
    for path in &questions.files {
        let text = text_of(Path::new(path), facts.cwd.as_path());
        facts.files.insert(path.clone(), text);
    }
    for glob in &questions.globs {
        let matches = globs::expand(glob, facts.cwd.as_path());
        facts.globs.insert(glob.clone(), matches);
    }
}

fn text_of(path: &Path, cwd: &Path) -> FileText {
    let unreadable = |reason: &dyn ToString| FileText::Unreadable(reason.to_string());
    match resolve(path, cwd) {
        Ok((_, PathKind::Missing)) => FileText::Missing,
        Ok((real, PathKind::File)) => match text_in(real.as_path()) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => FileText::Missing,
            Err(error) => unreadable(&error),
        },
        Ok((_, PathKind::Directory)) => unreadable(&"it is a directory"),
        Ok((_, PathKind::Device | PathKind::Other)) => unreadable(&"it is not an ordinary file"),
        Err(error) => unreadable(&error),
    }
}

fn text_in(real: &Path) -> io::Result<FileText> {
    let file = open(real)?;
    if !file.metadata()?.is_file() {
        return Ok(FileText::Unreadable("it is not an ordinary file".to_owned()));
    }
    let mut bytes = Vec::new();
    file.take(TEXT_LIMIT + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > TEXT_LIMIT {
        return Ok(FileText::Unreadable(format!("it is larger than {} KiB", TEXT_LIMIT / 1024)));
    }
    Ok(match String::from_utf8(bytes) {
        Ok(text) => FileText::Text(text),
        Err(_) => FileText::Unreadable("it is not UTF-8 text".to_owned()),
    })
}

/// Opens what is at `real` without waiting (a pipe put there meanwhile) and without following a last link.
fn open(real: &Path) -> io::Result<File> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(real, flags, Mode::empty())?))
}
