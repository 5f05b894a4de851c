//! Whether git could bring a file or directory back. Runs no git and no code of the repository: only the index is
//! read, and the files' stat compared with it the way git does before it looks at contents.
//!
//! What the answer means. `Committed`: in the index and, as far as stat tells, unchanged; git restores it from there.
//! That is the state last *added*, which is committed or about to be; HEAD is not read, nor is it checked that the
//! object still exists. A directory is `Committed` if everything in it is. `Lost`: outside of any repository, not in
//! the index, of another size, or git's own directory. `Unknown`: whatever git itself would have to read contents for
//! (only the times differ, or the file may have changed within the clock's grain), and every index that is not
//! understood to its last byte (SHA-256 repositories, split and sparse indexes).
//!
//! It spares questions and is no boundary: who can write `.git/index` can make it say anything, and could have
//! destroyed the file as well.

mod index;
#[cfg(test)]
mod tests;

use index::{Index, Recorded};
use leashd_types::{PathKind, Recovery, ResolvedPath};
use rustix::fs::{Mode, OFlags};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of an index that is still read.
const INDEX_LIMIT: u64 = 64 * 1024 * 1024;
/// Bytes of a `.git` file, which says where the real directory is.
const LINK_LIMIT: u64 = 8 * 1024;
/// Entries of a directory tree that are still compared.
const TREE_LIMIT: usize = 4_096;

/// Whether git could bring `path` back if it were deleted or overwritten. For several paths, [`Repositories`] reads
/// each index once.
#[must_use]
pub fn recovery(path: &ResolvedPath, kind: PathKind) -> Recovery {
    Repositories::default().recovery(path, kind)
}

/// The repositories met while answering one set of questions, by their top directory. Not kept longer: an index
/// changes with every command.
#[derive(Debug, Default)]
pub(crate) struct Repositories {
    known: BTreeMap<PathBuf, Option<Index>>,
}

impl Repositories {
    pub(crate) fn recovery(&mut self, path: &ResolvedPath, kind: PathKind) -> Recovery {
        let path = path.as_path();
        if matches!(kind, PathKind::Missing | PathKind::Device) {
            return Recovery::Unknown;
        }
        if path.components().any(|part| part.as_os_str() == ".git")
            || fs::symlink_metadata(path.join(".git")).is_ok()
        {
            return Recovery::Lost;
        }
        let Some((top, git)) = repository_of(path) else {
            return Recovery::Lost;
        };
        let index = self.known.entry(top.clone()).or_insert_with(|| git.and_then(|git| read_index(&git)));
        let (Some(index), Ok(name)) = (index, path.strip_prefix(&top)) else {
            return Recovery::Unknown;
        };
        match kind {
            PathKind::Directory => directory(index, &top, name),
            PathKind::File | PathKind::Other | PathKind::Device | PathKind::Missing => {
                file(index, path, name)
            }
        }
    }
}

/// The top directory of the innermost repository around `path`, and its git directory if that can be told.
fn repository_of(path: &Path) -> Option<(PathBuf, Option<PathBuf>)> {
    for top in path.ancestors().skip(1) {
        let entry = top.join(".git");
        let Ok(metadata) = fs::symlink_metadata(&entry) else { continue };
        let git = if metadata.is_dir() { Some(entry) } else { linked(top, &entry) };
        return Some((top.to_owned(), git));
    }
    None
}

/// Where a `.git` file of a worktree or submodule points.
fn linked(top: &Path, entry: &Path) -> Option<PathBuf> {
    let text = read(entry, LINK_LIMIT)?.0;
    let target = text.strip_prefix(b"gitdir: ")?.trim_ascii_end();
    Some(top.join(OsStr::from_bytes(target)))
}

fn read_index(git: &Path) -> Option<Index> {
    let (bytes, stat) = read(&git.join("index"), INDEX_LIMIT)?;
    Index::new(bytes, stat.mtime(), stat.mtime_nsec())
}

/// An ordinary file of ours, whole. Nothing if it is larger than `limit` bytes.
fn read(path: &Path, limit: u64) -> Option<(Vec<u8>, Metadata)> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(path, flags, Mode::empty()).ok()?);
    let stat = file.metadata().ok()?;
    if !stat.is_file() || stat.uid() != rustix::process::geteuid().as_raw() {
        return None;
    }
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).ok()?;
    (bytes.len() as u64 <= limit).then_some((bytes, stat))
}

fn file(index: &Index, path: &Path, name: &Path) -> Recovery {
    let name = name.as_os_str().as_bytes();
    let mut recorded = None;
    index.each(|found, record| {
        if found == name {
            recorded = Some(record);
        }
    });
    compare(index, recorded.as_ref(), path)
}

/// `Committed` if everything below is, else what the first exception is.
fn directory(index: &Index, top: &Path, name: &Path) -> Recovery {
    let mut below = BTreeMap::new();
    let mut prefix = name.as_os_str().as_bytes().to_vec();
    prefix.push(b'/');
    index.each(|found, record| {
        if below.len() <= TREE_LIMIT && found.starts_with(&prefix) {
            below.insert(found.to_vec(), record);
        }
    });
    if below.len() > TREE_LIMIT {
        return Recovery::Unknown;
    }
    let mut pending = vec![top.join(name)];
    let mut seen = 0;
    let mut all = Recovery::Committed;
    while let Some(next) = pending.pop() {
        let Ok(entries) = fs::read_dir(&next) else { return Recovery::Unknown };
        for entry in entries {
            seen += 1;
            let Ok(entry) = entry else { return Recovery::Unknown };
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { return Recovery::Unknown };
            if seen > TREE_LIMIT {
                return Recovery::Unknown;
            }
            if entry.file_name() == ".git" {
                return Recovery::Lost;
            }
            if kind.is_dir() {
                pending.push(path);
                continue;
            }
            let recorded =
                path.strip_prefix(top).ok().and_then(|name| below.get(name.as_os_str().as_bytes()));
            match compare(index, recorded, &path) {
                Recovery::Lost => return Recovery::Lost,
                Recovery::Unknown => all = Recovery::Unknown,
                Recovery::Committed => {}
            }
        }
    }
    all
}

fn compare(index: &Index, recorded: Option<&Recorded>, path: &Path) -> Recovery {
    let Some(recorded) = recorded else { return Recovery::Lost };
    match fs::symlink_metadata(path) {
        Ok(stat) => index.compare(recorded, &stat),
        Err(_) => Recovery::Unknown,
    }
}
