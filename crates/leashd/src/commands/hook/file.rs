//! Reads a settings file and replaces it in one step. A link stays a link: what it leads to is replaced.

use crate::failure::Failure;
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes of one settings file.
const LIMIT: u64 = 4 * 1024 * 1024;

/// A settings file as it was found.
#[derive(Debug)]
pub(super) struct Found {
    /// As named.
    pub(super) path: PathBuf,
    /// Where it really is.
    real: PathBuf,
    /// `None` if there is none yet.
    text: Option<String>,
    mode: u32,
}

impl Found {
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let failed = |why: String| Failure::failed(format!("{}: {why}", path.display()));
        let real = match fs::symlink_metadata(path) {
            Err(error) if matches!(error.kind(), ErrorKind::NotFound) => {
                return Ok(Self { path: path.to_owned(), real: path.to_owned(), text: None, mode: 0o600 });
            }
            Err(error) => return Err(failed(error.to_string())),
            Ok(_) => path.canonicalize().map_err(|error| {
                failed(error.to_string())
                    .hint("it is a link that leads nowhere: remove it, or create what it names")
            })?,
        };
        let file = File::open(&real).map_err(|error| failed(error.to_string()))?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(failed("it is not a file".to_owned()));
        }
        let us = rustix::process::geteuid().as_raw();
        if metadata.uid() != us {
            return Err(failed(format!("it belongs to user {}, not {us}", metadata.uid())));
        }
        let mut text = String::new();
        file.take(LIMIT + 1).read_to_string(&mut text).map_err(|error| failed(error.to_string()))?;
        if text.len() as u64 > LIMIT {
            return Err(failed(format!("it has more than {} MiB", LIMIT >> 20)));
        }
        Ok(Self { path: path.to_owned(), real, text: Some(text), mode: metadata.mode() & 0o7777 })
    }

    pub(super) fn text(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }

    pub(super) fn exists(&self) -> bool {
        self.text.is_some()
    }

    /// Puts `text` in its place: the whole of it or nothing. Whoever changed the file meanwhile wins.
    pub(super) fn replace(&self, text: &str) -> Result<(), Failure> {
        let parent = self.real.parent().unwrap_or(Path::new("/"));
        if !parent.exists() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(parent)?;
        }
        let mut new = tempfile::Builder::new().prefix(".settings-").tempfile_in(parent).map_err(|error| {
            Failure::failed(format!("cannot write beside {}: {error}", self.real.display()))
        })?;
        new.as_file().set_permissions(fs::Permissions::from_mode(self.mode))?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        let now = Self::read(&self.path)?;
        if now.text != self.text || now.real != self.real {
            return Err(Failure::new(
                crate::failure::Exit::TryLater,
                format!("{} changed meanwhile", self.path.display()),
            )
            .hint("nothing was written; run it again"));
        }
        new.persist(&self.real).map_err(|error| Failure::failed(error.error))?;
        File::open(parent)?.sync_all()?;
        Ok(())
    }
}
