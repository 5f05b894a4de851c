//! Files for a person at a distance: a path or a glob, each file judged as if the agent read it, recorded, then opened
//! where it was judged and nowhere else.

use crate::directories;
use crate::failure::{Exit, Failure};
use crate::opinion;
use crate::settings::Settings;
use glob::{MatchOptions, Pattern};
use leashd_connectors::FileLimits;
use leashd_gate::Gate;
use leashd_gate::audit::Record;
use leashd_types::{Decision, FileView, PathKind, SessionId, UserId, visible};
use rustix::fs::{Mode, OFlags};
use serde_json::json;
use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Names that a glob is held against. A tree with more is too large to be searched from a phone.
const NAMES_MAX: usize = 50_000;
/// Directories below the one a glob begins in.
const DEPTH_MAX: usize = 32;

pub(super) struct Wanted {
    pub(super) pattern: String,
    pub(super) limits: FileLimits,
}

/// Who reads, and from where.
pub(super) struct Reader {
    pub(super) session: SessionId,
    pub(super) user: UserId,
    pub(super) directory: PathBuf,
}

pub(super) fn read(
    settings: &Settings,
    gate: &Gate,
    reader: &Reader,
    wanted: &Wanted,
) -> Result<Vec<FileView>, Failure> {
    let found = find(&reader.directory, &wanted.pattern)?;
    match found.len() {
        0 => Err(Failure::failed(format!("no file is called {}", visible(&wanted.pattern)))),
        more if more > wanted.limits.files => Err(Failure::failed(format!(
            "{more} files are called {}; at most {} are read at once",
            visible(&wanted.pattern),
            wanted.limits.files
        ))),
        _ => found.iter().map(|path| one(settings, gate, reader, path, wanted.limits.bytes)).collect(),
    }
}

/// The file itself if there is one of that name, else whatever the glob matches.
fn find(directory: &Path, pattern: &str) -> Result<Vec<PathBuf>, Failure> {
    let named = directory.join(pattern);
    if fs::symlink_metadata(&named).is_ok() {
        return Ok(vec![named]);
    }
    let glob =
        Pattern::new(pattern).map_err(|error| Failure::usage(format!("{}: {error}", visible(pattern))))?;
    let mut search = Search { glob, root: directory, names: 0, found: Vec::new() };
    search.below(directory, 0)?;
    search.found.sort();
    Ok(search.found)
}

struct Search<'a> {
    glob: Pattern,
    root: &'a Path,
    names: usize,
    found: Vec<PathBuf>,
}

impl Search<'_> {
    /// Follows no link; hidden names only where the glob says so.
    fn below(&mut self, directory: &Path, depth: usize) -> Result<(), Failure> {
        const OPTIONS: MatchOptions = MatchOptions {
            case_sensitive: true,
            require_literal_separator: true,
            require_literal_leading_dot: true,
        };
        // A directory that cannot be read holds nothing for the agent either.
        for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
            self.names += 1;
            if self.names > NAMES_MAX {
                let message = format!("more than {NAMES_MAX} names below {}", self.root.display());
                return Err(Failure::failed(message).hint("name the file, or a directory it is in"));
            }
            let (path, Ok(kind)) = (entry.path(), entry.file_type()) else { continue };
            let relative = path.strip_prefix(self.root).unwrap_or(&path);
            if kind.is_file() && self.glob.matches_path_with(relative, OPTIONS) {
                self.found.push(path);
            } else if kind.is_dir() && depth < DEPTH_MAX {
                self.below(&path, depth + 1)?;
            }
        }
        Ok(())
    }
}

fn one(
    settings: &Settings,
    gate: &Gate,
    reader: &Reader,
    path: &Path,
    bytes_max: u64,
) -> Result<FileView, Failure> {
    let (real, kind) = leashd_sandbox::resolve(path, Path::new("/")).map_err(Failure::failed)?;
    let real = real.as_path();
    let shown = real.strip_prefix(&reader.directory).unwrap_or(real);
    let name = visible(&shown.display().to_string());
    if kind != PathKind::File {
        return Err(Failure::failed(format!("{name} is no file")));
    }
    let approved = directories::approved(settings, &reader.directory)?;
    if !approved.iter().any(|root| real.starts_with(root)) {
        return Err(Failure::new(Exit::Denied, format!("{name} is in no approved directory")));
    }
    // The person who asks is the one who would be asked.
    let path = real.to_str().ok_or_else(|| {
        Failure::failed(format!("{name}: its name is no text, so it cannot be judged")).hint("rename it")
    })?;
    let verdict = opinion::of_call(settings, &reader.directory, "Read", json!({ "file_path": path }))?;
    if verdict.decision == Decision::Deny {
        let why = format!("{name}: {} (rule {})", visible(&verdict.reason), verdict.rule);
        return Err(Failure::new(Exit::Denied, why));
    }
    let record = Record::FileSent { path: real.to_owned(), user_id: reader.user.as_str().to_owned() };
    gate.record(Some(&reader.session), record).map_err(Failure::failed)?;
    let bytes = bytes(real, bytes_max).map_err(|why| Failure::failed(format!("{name}: {why}")))?;
    Ok(FileView { path: shown.to_owned(), bytes })
}

/// What is opened is what was judged: no link was put in its place or in that of a directory above it.
fn bytes(real: &Path, bytes_max: u64) -> Result<Vec<u8>, String> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let opened = rustix::fs::open(real, flags, Mode::empty()).map_err(|error| error.to_string())?;
    let file = File::from(opened);
    let held = file.metadata().map_err(|error| error.to_string())?;
    let (again, _) = leashd_sandbox::resolve(real, Path::new("/")).map_err(|error| error.to_string())?;
    let there = fs::symlink_metadata(real).map_err(|error| error.to_string())?;
    if again.as_path() != real || (there.dev(), there.ino()) != (held.dev(), held.ino()) {
        return Err("it was replaced while it was read".to_owned());
    }
    if !held.is_file() {
        return Err("it is no file".to_owned());
    }
    if held.len() > bytes_max {
        return Err(format!("it has {} bytes; at most {bytes_max} are read", held.len()));
    }
    let mut bytes = Vec::new();
    // It may have grown since.
    file.take(bytes_max).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path, pattern: &str) -> Vec<String> {
        let found = find(directory, pattern).expect("searched");
        let shown = |path: &PathBuf| path.strip_prefix(directory).expect("below").display().to_string();
        found.iter().map(shown).collect()
    }

    #[test]
    fn a_glob_finds_files_and_neither_hidden_ones_nor_links() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path();
        for name in ["a.rs", "b.txt", ".hidden.rs", "deep/c.rs", "deep/er/d.rs"] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().expect("a directory")).expect("made");
            File::create(path).expect("written");
        }
        std::os::unix::fs::symlink("a.rs", root.join("link.rs")).expect("linked");
        assert_eq!(names(root, "*.rs"), ["a.rs"]);
        assert_eq!(names(root, "deep/*.rs"), ["deep/c.rs"]);
        assert_eq!(names(root, "**/*.rs"), ["a.rs", "deep/c.rs", "deep/er/d.rs"]);
        assert_eq!(names(root, "a.rs"), ["a.rs"]);
        assert_eq!(names(root, "*.md"), [""; 0]);
    }

    #[test]
    fn a_pattern_of_many_stars_ends() {
        let place = tempfile::tempdir().expect("a directory");
        File::create(place.path().join("a".repeat(250))).expect("written");
        for pattern in [format!("{}b", "*a".repeat(100)), format!("{}b", "**/".repeat(60) + &"*a".repeat(60))]
        {
            assert_eq!(names(place.path(), &pattern), [""; 0]);
        }
    }

    #[test]
    fn what_became_a_link_is_not_read() {
        let place = tempfile::tempdir().expect("a directory");
        let root = place.path().canonicalize().expect("real");
        fs::create_dir(root.join("secret")).expect("made");
        File::create(root.join("secret/key")).expect("written");
        std::os::unix::fs::symlink("secret", root.join("public")).expect("linked");
        assert!(bytes(&root.join("secret/key"), 10).is_ok());
        let refused = bytes(&root.join("public/key"), 10).expect_err("a link above it");
        assert!(refused.contains("replaced"), "{refused}");
    }
}
