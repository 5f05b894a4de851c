//! Directories and files that belong to us alone: state, audit, configuration. Knows nothing of what is in them.

#[cfg(test)]
mod tests;

use crate::{Error, resolve};
use rustix::fs::{Mode, OFlags, mkdirat, openat};
use rustix::io::Errno;
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

/// Opening a directory only to go on from it; where there is a way, without the right to list it.
#[cfg(target_os = "linux")]
const STEP: OFlags = OFlags::PATH;
#[cfg(not(target_os = "linux"))]
const STEP: OFlags = OFlags::RDONLY;

const OTHERS: u32 = 0o077;
const GROUP_WRITES: u32 = 0o020;
const ANYBODY_WRITES: u32 = 0o002;
/// In such a directory only the owner of an entry may rename it (`/tmp`).
const STICKY: u32 = 0o1000;

/// A directory that is ours, mode 0700, below directories in which nobody else can put another in its place.
#[derive(Debug)]
pub struct PrivateDir {
    directory: OwnedFd,
    path: PathBuf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum IfMissing {
    Create,
    Fail,
}

impl PrivateDir {
    /// Opens the directory at the absolute `path`, creating it and missing parents with mode 0700. Links on the way
    /// are followed and what they lead to is checked.
    ///
    /// # Errors
    /// If it cannot be created, is not ours, is open to others, or lies below a directory in which somebody else may
    /// rename. Directories writable by our own group are accepted above it: on many systems that group is one person.
    pub fn create(path: &Path) -> Result<Self, Error> {
        Self::reach(path, IfMissing::Create)
    }

    /// Opens the directory at `path`, which must exist.
    ///
    /// # Errors
    /// As [`PrivateDir::create`].
    pub fn open(path: &Path) -> Result<Self, Error> {
        Self::reach(path, IfMissing::Fail)
    }

    /// Its real path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Opens the directory `name` inside, creating it with mode 0700.
    ///
    /// # Errors
    /// As [`PrivateDir::create`]; a link is refused.
    pub fn subdirectory(&self, name: &str) -> Result<Self, Error> {
        let path = self.entry(name)?;
        let directory = step(&self.directory, OsStr::new(name), &path, IfMissing::Create)?;
        private(&metadata(&directory, &path)?, &path, "700")?;
        Ok(Self { directory, path })
    }

    /// Opens the file `name` inside for reading.
    ///
    /// # Errors
    /// If it is missing, a link (of either kind), not ours, or open to others.
    pub fn read(&self, name: &str) -> Result<File, Error> {
        self.file(name, OFlags::RDONLY)
    }

    /// Opens the file `name` inside for reading and appending, creating it with mode 0600.
    ///
    /// # Errors
    /// As [`PrivateDir::read`].
    pub fn append(&self, name: &str) -> Result<File, Error> {
        self.file(name, OFlags::RDWR | OFlags::APPEND | OFlags::CREATE)
    }

    /// Makes created, renamed and removed entries survive a power failure.
    ///
    /// # Errors
    /// If the file system cannot.
    pub fn sync(&self) -> Result<(), Error> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        openat(&self.directory, ".", flags, Mode::empty())
            .and_then(rustix::fs::fsync)
            .map_err(|error| failed("sync", &self.path, error))
    }

    fn reach(path: &Path, if_missing: IfMissing) -> Result<Self, Error> {
        let (real, _) = resolve(path, Path::new("/"))?;
        let mut at = PathBuf::from("/");
        let flags = STEP | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let mut directory =
            rustix::fs::open("/", flags, Mode::empty()).map_err(|e| failed("open", &at, e))?;
        for component in real.as_path().components() {
            // A resolved path has no other kind, but for the root, which is open.
            let Component::Normal(name) = component else { continue };
            above(&metadata(&directory, &at)?, &at)?;
            at.push(name);
            directory = step(&directory, name, &at, if_missing)?;
        }
        private(&metadata(&directory, &at)?, &at, "700")?;
        Ok(Self { directory, path: at })
    }

    fn file(&self, name: &str, flags: OFlags) -> Result<File, Error> {
        let path = self.entry(name)?;
        let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = openat(&self.directory, name, flags, Mode::RUSR | Mode::WUSR)
            .map(File::from)
            .map_err(|error| failed("open", &path, error))?;
        let stat = file.metadata().map_err(|source| Error::File {
            action: "look at",
            path: path.clone(),
            source,
        })?;
        if !stat.is_file() || stat.nlink() != 1 {
            return Err(unsafe_path(&path, "is not an ordinary file with one name", "remove it".to_owned()));
        }
        private(&stat, &path, "600")?;
        Ok(file)
    }

    fn entry(&self, name: &str) -> Result<PathBuf, Error> {
        let mut components = Path::new(name).components();
        match (components.next(), components.next()) {
            (Some(Component::Normal(only)), None) if only == name => Ok(self.path.join(name)),
            _ => Err(unsafe_path(
                Path::new(name),
                "is not a plain file name",
                "use one without slashes".to_owned(),
            )),
        }
    }
}

/// Goes one directory down, not through a link.
fn step(parent: &OwnedFd, name: &OsStr, path: &Path, if_missing: IfMissing) -> Result<OwnedFd, Error> {
    let open =
        || openat(parent, name, STEP | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty());
    let opened = match open() {
        Err(Errno::NOENT) if if_missing == IfMissing::Create => {
            match mkdirat(parent, name, Mode::RWXU) {
                // Another of our processes may have been first; what is there now is checked either way.
                Ok(()) | Err(Errno::EXIST) => open(),
                Err(error) => return Err(failed("create", path, error)),
            }
        }
        opened => opened,
    };
    opened.map_err(|error| failed("open", path, error))
}

fn metadata(directory: &OwnedFd, path: &Path) -> Result<Metadata, Error> {
    let cannot = |source| Error::File { action: "look at", path: path.to_owned(), source };
    // `File` asks the descriptor, which works for one that is open for nothing else.
    let copy = directory.try_clone().map_err(cannot)?;
    File::from(copy).metadata().map_err(cannot)
}

/// A directory above ours: nobody else may rename or replace its entries.
fn above(stat: &Metadata, path: &Path) -> Result<(), Error> {
    let mode = stat.mode();
    let (us, our_group) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
    if stat.uid() != us && stat.uid() != 0 {
        let advice = "keep our files below directories of yours or of root".to_owned();
        return Err(unsafe_path(path, "belongs to another user", advice));
    }
    let group = mode & GROUP_WRITES != 0 && stat.gid() != our_group;
    if mode & STICKY == 0 && (group || mode & ANYBODY_WRITES != 0) {
        return Err(unsafe_path(
            path,
            "can be written by others",
            format!("run: chmod go-w '{}'", path.display()),
        ));
    }
    Ok(())
}

/// Ours: nobody else may even read it.
fn private(stat: &Metadata, path: &Path, mode: &str) -> Result<(), Error> {
    if stat.uid() != rustix::process::geteuid().as_raw() {
        return Err(unsafe_path(
            path,
            "belongs to another user",
            "remove it or choose another place".to_owned(),
        ));
    }
    if stat.mode() & OTHERS != 0 {
        let problem = format!("is open to others (mode {:o})", stat.mode() & 0o7777);
        return Err(unsafe_path(path, &problem, format!("run: chmod {mode} '{}'", path.display())));
    }
    Ok(())
}

fn unsafe_path(path: &Path, problem: &str, advice: String) -> Error {
    Error::Unsafe { path: path.to_owned(), problem: problem.to_owned(), advice }
}

fn failed(action: &'static str, path: &Path, error: Errno) -> Error {
    Error::File { action, path: path.to_owned(), source: error.into() }
}
