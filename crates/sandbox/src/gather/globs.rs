//! What a shell pattern matches right now. Matches at least as much as a shell would: where shells differ (`**`,
//! brackets, letter case), the wider reading counts. Knows no rules.

use crate::resolve;
use leashd_types::{Matches, PathKind, PathText, glob_may_match};
use std::collections::BTreeSet;
use std::fs::{self, DirEntry};
use std::path::{Path, PathBuf};

/// Directory entries that are looked at for one pattern.
const ENTRIES: usize = 20_000;
/// Matches that are told for one pattern.
const MATCHES: usize = 2_000;

/// Matches a pattern against the file system. A path that is no pattern is not an answerable question.
pub(super) fn expand(glob: &PathText, cwd: &Path) -> Matches {
    let PathText::Glob { directory, pattern } = glob else {
        return Matches::Unknown("it is no pattern".to_owned());
    };
    let start = match resolve(Path::new(directory), cwd) {
        Ok((real, _)) => real.as_path().to_owned(),
        Err(reason) => return Matches::Unknown(reason.to_string()),
    };
    let pattern = pattern.strip_prefix(directory.as_str()).unwrap_or(pattern);
    let mut search = Search { entries_left: ENTRIES };
    match search.all(start, pattern) {
        Ok(found) => Matches::These(found.into_iter().collect()),
        Err(why) => Matches::Unknown(why),
    }
}

struct Search {
    entries_left: usize,
}

impl Search {
    fn all(&mut self, start: PathBuf, pattern: &str) -> Result<BTreeSet<PathBuf>, String> {
        let mut found = BTreeSet::from([start]);
        for part in pattern.split('/').filter(|part| !part.is_empty()) {
            let mut next = BTreeSet::new();
            for directory in found {
                match part {
                    "**" => self.below(directory, &mut next)?,
                    "." => drop(next.insert(directory)),
                    ".." => drop(next.insert(directory.parent().unwrap_or(&directory).to_owned())),
                    part => self.matching(&directory, part, &mut next)?,
                }
            }
            if next.len() > MATCHES {
                return Err(format!("it matches more than {MATCHES} files"));
            }
            found = next;
        }
        Ok(found)
    }

    fn matching(&mut self, directory: &Path, part: &str, into: &mut BTreeSet<PathBuf>) -> Result<(), String> {
        // A leading dot has to be written out, but shells can be told otherwise: only a pattern without any letter
        // is not meant to reach hidden files.
        let hidden = part.starts_with('.') || part.chars().any(char::is_alphanumeric);
        for entry in self.entries(directory)? {
            let name = entry.file_name();
            let Some(text) = name.to_str() else { continue };
            if (hidden || !text.starts_with('.')) && glob_may_match(part, text) {
                add(&entry, into);
            }
        }
        Ok(())
    }

    /// The directory itself and everything below it that is not hidden.
    fn below(&mut self, directory: PathBuf, into: &mut BTreeSet<PathBuf>) -> Result<(), String> {
        let mut open = vec![directory.clone()];
        into.insert(directory);
        while let Some(directory) = open.pop() {
            for entry in self.entries(&directory)? {
                if entry.file_name().to_str().is_none_or(|name| name.starts_with('.')) {
                    continue;
                }
                add(&entry, into);
                if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    open.push(entry.path());
                }
            }
        }
        Ok(())
    }

    /// What is in a directory; nothing where there is none, or where nobody may look.
    fn entries(&mut self, directory: &Path) -> Result<Vec<DirEntry>, String> {
        let Ok(entries) = fs::read_dir(directory) else { return Ok(Vec::new()) };
        let mut all = Vec::new();
        for entry in entries.flatten() {
            if self.entries_left == 0 {
                return Err(format!("more than {ENTRIES} files would have to be looked at"));
            }
            self.entries_left -= 1;
            all.push(entry);
        }
        Ok(all)
    }
}

/// A match and, if it is a link to a file, that file.
fn add(entry: &DirEntry, into: &mut BTreeSet<PathBuf>) {
    let path = entry.path();
    if entry.file_type().is_ok_and(|kind| kind.is_symlink())
        && let Ok((real, PathKind::File)) = resolve(&path, Path::new("/"))
    {
        into.insert(real.as_path().to_owned());
    }
    into.insert(path);
}
