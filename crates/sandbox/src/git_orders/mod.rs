//! The files that git takes orders from, as a value before and after: configuration, hooks, attributes, pointers to
//! other repositories. For where no mount can hold them: a change is noticed, and said before anyone runs git there.
//! Runs no git and reads no configuration: what an order means is not its business.

#[cfg(test)]
mod tests;

use leashd_types::Digest;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

/// Bytes of one file that are looked at; a longer one counts by its size and time as well.
const FILE_LIMIT: u64 = 1024 * 1024;
/// Files in one snapshot.
const FILES_LIMIT: usize = 10_000;
/// Directories below a repository's `modules` and `worktrees` that are entered.
const DEPTH_LIMIT: usize = 8;

/// In a git directory: what is an order.
const ORDERS: &[&str] = &[
    "config",
    "config.worktree",
    "commondir",
    "gitdir",
    "info/attributes",
    "info/grafts",
    "objects/info/alternates",
];
/// The same, for whole directories.
const DIRECTORIES: &[&str] = &["hooks"];
/// Where a repository keeps others.
const NESTED: &[&str] = &["modules", "worktrees"];

/// One file as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Order {
    /// Kind and permissions: a hook becomes one by being executable.
    mode: u32,
    content: Digest,
}

/// What stood in the files of one project at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitOrders {
    files: BTreeMap<PathBuf, Order>,
    /// Too many files, too deep, or not readable: nothing can be said about the rest.
    incomplete: bool,
}

/// A difference between two snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum GitChange {
    Appeared {
        path: PathBuf,
    },
    Changed {
        path: PathBuf,
    },
    Vanished {
        path: PathBuf,
    },
    /// One of the two could not be taken completely.
    Unknown,
}

impl GitOrders {
    /// Looks at the repository of `project`, the ones inside it that git knows (submodules, worktrees), and the
    /// repository that a pointer file leads to.
    #[must_use]
    pub fn snapshot(project: &Path) -> Self {
        let mut orders = Self::default();
        let dot_git = project.join(".git");
        orders.file(&dot_git);
        orders.file(&project.join(".gitmodules"));
        orders.git_directory(&git_directory(&dot_git), 0, &mut BTreeSet::new());
        orders
    }

    /// What is different in `after`, in the order of paths.
    #[must_use]
    pub fn changes(&self, after: &Self) -> Vec<GitChange> {
        let mut changes = Vec::new();
        for (path, order) in &self.files {
            match after.files.get(path) {
                None => changes.push(GitChange::Vanished { path: path.clone() }),
                Some(now) if now != order => changes.push(GitChange::Changed { path: path.clone() }),
                Some(_) => {}
            }
        }
        let new = after.files.keys().filter(|path| !self.files.contains_key(*path));
        changes.extend(new.map(|path| GitChange::Appeared { path: path.clone() }));
        if self.incomplete || after.incomplete {
            changes.push(GitChange::Unknown);
        }
        changes
    }

    /// `seen` are the ones already looked at: a worktree and its repository point at each other.
    fn git_directory(&mut self, directory: &Path, depth: usize, seen: &mut BTreeSet<PathBuf>) {
        let real = directory.canonicalize().unwrap_or_else(|_| directory.to_owned());
        if !seen.insert(real) {
            return;
        }
        if depth > DEPTH_LIMIT {
            self.incomplete = true;
            return;
        }
        for name in ORDERS {
            self.file(&directory.join(name));
        }
        // A worktree's orders are in the repository it belongs to.
        if let Some(common) = pointer(&directory.join("commondir"), directory, "") {
            self.git_directory(&common, depth + 1, seen);
        }
        for name in DIRECTORIES {
            self.tree(&directory.join(name), 0);
        }
        for name in NESTED {
            self.nested(&directory.join(name), depth + 1, seen);
        }
    }

    /// Repositories below `directory`, at any depth: submodules are named by paths.
    fn nested(&mut self, directory: &Path, depth: usize, seen: &mut BTreeSet<PathBuf>) {
        if depth > DEPTH_LIMIT {
            self.incomplete = true;
            return;
        }
        for entry in self.entries(directory) {
            if !fs::symlink_metadata(&entry).is_ok_and(|found| found.is_dir()) {
                continue;
            }
            if entry.join("HEAD").exists() {
                self.git_directory(&entry, depth + 1, seen);
            } else {
                self.nested(&entry, depth + 1, seen);
            }
        }
    }

    fn tree(&mut self, directory: &Path, depth: usize) {
        // The directory itself may be a link.
        self.file(directory);
        for entry in self.entries(directory) {
            let is_directory = fs::symlink_metadata(&entry).is_ok_and(|found| found.is_dir());
            if is_directory && depth < DEPTH_LIMIT {
                self.tree(&entry, depth + 1);
            } else {
                self.file(&entry);
            }
        }
    }

    fn entries(&mut self, directory: &Path) -> Vec<PathBuf> {
        match fs::read_dir(directory) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).take(FILES_LIMIT).collect(),
            Err(error) if is_absence(&error) => Vec::new(),
            Err(_) => {
                self.incomplete = true;
                Vec::new()
            }
        }
    }

    fn file(&mut self, path: &Path) {
        if self.files.len() >= FILES_LIMIT {
            self.incomplete = true;
            return;
        }
        let found = fs::symlink_metadata(path).and_then(|found| Ok((content(path, &found)?, found.mode())));
        match found {
            Ok((content, mode)) => {
                self.files.insert(path.to_owned(), Order { mode, content });
            }
            Err(error) if is_absence(&error) => {}
            Err(_) => self.incomplete = true,
        }
    }
}

fn is_absence(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn content(path: &Path, found: &Metadata) -> io::Result<Digest> {
    if found.is_symlink() {
        let target = fs::read_link(path)?;
        // Where it leads is part of the order, and so is what stands there.
        let there = fs::metadata(path).ok().filter(Metadata::is_file);
        let text = there.map(|_| beginning(path)).transpose()?.unwrap_or_default();
        return Ok(Digest::of_parts(&[b"link", target.as_os_str().as_bytes(), &text]));
    }
    if found.is_dir() {
        return Ok(Digest::of_parts(&[b"directory"]));
    }
    let kind = found.file_type();
    if kind.is_fifo() || kind.is_socket() || kind.is_char_device() || kind.is_block_device() {
        return Ok(Digest::of_parts(&[b"special"]));
    }
    let text = beginning(path)?;
    let mut beyond = Vec::new();
    if found.len() > FILE_LIMIT {
        beyond.extend(found.len().to_be_bytes());
        beyond.extend(found.mtime().to_be_bytes());
        beyond.extend(found.mtime_nsec().to_be_bytes());
    }
    Ok(Digest::of_parts(&[b"file", &text, &beyond]))
}

fn beginning(path: &Path) -> io::Result<Vec<u8>> {
    use rustix::fs::{Mode, OFlags};
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let mut text = Vec::new();
    File::from(rustix::fs::open(path, flags, Mode::empty())?).take(FILE_LIMIT).read_to_end(&mut text)?;
    Ok(text)
}

/// The git directory of a project: `.git` itself, or what the file of that name points to.
fn git_directory(dot_git: &Path) -> PathBuf {
    let base = dot_git.parent().unwrap_or(dot_git);
    pointer(dot_git, base, "gitdir:").unwrap_or_else(|| dot_git.to_owned())
}

/// The path in a pointer file, relative to `base`.
fn pointer(file: &Path, base: &Path, prefix: &str) -> Option<PathBuf> {
    fs::symlink_metadata(file).ok().filter(Metadata::is_file)?;
    let text = beginning(file).ok()?;
    let path = str::from_utf8(&text).ok()?.strip_prefix(prefix)?.trim();
    // Resolved, so that `commondir` pointing back at itself is seen as such.
    base.join(path).canonicalize().ok()
}
