//! Settings: one table, four layers, one typed result. Every value is checked once, with an error that names the setting,
//! the layer and the place.
//!
//! `table` says what there is, `layers` what was said where, `typed` what it means. Only this file and `edit` touch a disk.

pub(crate) mod config_file;
pub(crate) mod edit;
pub(crate) mod layers;
mod place;
mod project_env;
pub(crate) mod table;
#[cfg(test)]
mod tests;
mod tighten;
mod typed;
pub(crate) mod value;
pub(crate) mod workspaces;

pub(crate) use typed::{LogLevel, Privacy, Sandboxing, Settings, Storage, Telegram, Users, Webhook};

use crate::failure::Failure;
use crate::plain_file;
use layers::{Layers, Sources, Text};
use leashd_sandbox::PrivateDir;
use std::ffi::OsString;
use std::fmt;
use std::fs::{self, File};
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use value::Value;
use workspaces::Workspaces;

/// Where variables come from: the process environment, or a table in tests.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The file of settings in leashd's home.
pub(crate) const CONFIG: &str = "config.yaml";

/// Settings with what they come from.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) layers: Layers,
    pub(crate) workspaces: Workspaces,
}

impl Loaded {
    /// The approved directories without those of workspaces.
    pub(crate) fn own_directories(&self) -> Vec<PathBuf> {
        match self.layers.value("LEASHD_APPROVED_DIRECTORIES") {
            Some(Value::List(items)) => {
                items.iter().map(|item| expand_tilde(item, &self.settings.user_home)).collect()
            }
            Some(_) | None => Vec::new(),
        }
    }
}

/// What settings were read from that belongs to no project, as it was at that moment: whoever starts later starts under the
/// same.
#[derive(Clone, Default)]
pub(crate) struct Ground {
    config: Option<Text>,
    pub(crate) workspaces: Workspaces,
}

impl fmt::Debug for Ground {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The file holds secrets.
        formatter.debug_struct("Ground").finish_non_exhaustive()
    }
}

impl Settings {
    /// What a lookup of variables alone says. Reads no file: hooks judge with it.
    pub(crate) fn read(lookup: Lookup<'_>) -> Result<Self, Failure> {
        let layers = Layers::read(&Sources { config: None, project: None, environment: lookup })?;
        typed::settings(&layers, &user_home(lookup)?, lookup)
    }

    /// All layers, with this directory as the project.
    pub(crate) fn from_environment() -> Result<Self, Failure> {
        // A directory that is gone has no `.env` either.
        let directory = std::env::current_dir().ok();
        Self::with_warnings(directory.as_deref())
    }

    /// The same for a session in `directory`, whose project has its say. What it wanted in vain comes along.
    pub(crate) fn for_session(&self, directory: &Path) -> Result<(Self, Vec<String>), Failure> {
        let lookup = |name: &str| std::env::var_os(name);
        let Ground { config, workspaces } = self.ground.as_ref().clone();
        let home = user_home(&lookup)?;
        let loaded = put_together(&lookup, &home, Some(directory), config, |_| Ok(workspaces))?;
        Ok((loaded.settings, loaded.layers.warnings))
    }

    /// All layers; what the project at `directory` wanted in vain is said on standard error.
    pub(crate) fn for_project(directory: &Path) -> Result<Self, Failure> {
        Self::with_warnings(Some(directory))
    }

    fn with_warnings(project: Option<&Path>) -> Result<Self, Failure> {
        let loaded = load(project)?;
        for warning in &loaded.layers.warnings {
            eprintln!("! {warning}");
        }
        Ok(loaded.settings)
    }
}

/// All layers, that of a project only if one is given.
///
/// # Errors
/// The first thing that is wrong.
pub(crate) fn load(project: Option<&Path>) -> Result<Loaded, Failure> {
    load_with(&|name| std::env::var_os(name), project, config_text)
}

/// The same as if `text` were the file of settings.
pub(crate) fn load_as_if(text: Text) -> Result<Loaded, Failure> {
    load_with(&|name| std::env::var_os(name), None, |_| Ok(Some(text)))
}

fn load_with(
    lookup: Lookup<'_>,
    project: Option<&Path>,
    config: impl FnOnce(&Path) -> Result<Option<Text>, Failure>,
) -> Result<Loaded, Failure> {
    let user_home = user_home(lookup)?;
    // It says where the file is, so no file can say it.
    let home = typed::home(lookup, &user_home)?;
    put_together(lookup, &user_home, project, config(&home)?, Workspaces::load)
}

fn put_together(
    lookup: Lookup<'_>,
    user_home: &Path,
    project: Option<&Path>,
    config: Option<Text>,
    workspaces: impl FnOnce(&Settings) -> Result<Workspaces, Failure>,
) -> Result<Loaded, Failure> {
    let project = project.map(|directory| directory.join(project_env::NAME));
    let sources = Sources {
        config,
        project: project.map(|file| read_file(&file, project_env::BYTES_MAX)).transpose()?.flatten(),
        environment: lookup,
    };
    let layers = Layers::read(&sources)?;
    let mut settings = typed::settings(&layers, user_home, lookup)?;
    let workspaces = workspaces(&settings)?;
    settings.add_directories(&workspaces);
    settings.check_places()?;
    settings.ground = Arc::new(Ground { config: sources.config, workspaces: workspaces.clone() });
    Ok(Loaded { settings, layers, workspaces })
}

/// leashd's home, whatever else may be wrong.
pub(crate) fn home() -> Result<PathBuf, Failure> {
    let lookup = |name: &str| std::env::var_os(name);
    typed::home(&lookup, &user_home(&lookup)?)
}

/// The file of settings in `home`, if there is one. It holds secrets and decides what is asked: nobody else may touch it.
pub(crate) fn config_text(home: &Path) -> Result<Option<Text>, Failure> {
    let path = home.join(CONFIG);
    let file = path.display().to_string();
    match fs::symlink_metadata(&path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(unreadable(&file, &error)),
        Ok(_) => {}
    }
    let directory = PrivateDir::open(home).map_err(Failure::failed)?;
    let opened = directory.read(CONFIG).map_err(Failure::failed)?;
    let text = text_of(opened, file, config_file::BYTES_MAX)?;
    if text.text.contains(char::REPLACEMENT_CHARACTER) {
        return Err(Failure::usage(format!("{} is not valid UTF-8", text.file)).hint("save it as plain text"));
    }
    Ok(Some(text))
}

/// A file that may not be there.
fn read_file(path: &Path, limit: u64) -> Result<Option<Text>, Failure> {
    let file = path.display().to_string();
    match fs::metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(unreadable(&file, &error)),
        // A virtual environment of Python may have this name.
        Ok(found) if found.is_dir() => Ok(None),
        Ok(found) if !found.is_file() => Err(Failure::usage(format!("{file} is not an ordinary file"))),
        Ok(_) => {
            let opened = plain_file::open(path).map_err(|error| unreadable(&file, &error))?;
            text_of(opened, file, limit).map(Some)
        }
    }
}

fn text_of(opened: File, file: String, limit: u64) -> Result<Text, Failure> {
    let mut bytes = Vec::new();
    opened.take(limit + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&file, &error))?;
    if bytes.len() as u64 > limit {
        return Err(Failure::usage(format!("{file} has more than {} KiB", limit >> 10)));
    }
    // What is not text is no name or value of ours, but the lines around it may be.
    Ok(Text { file, text: String::from_utf8_lossy(&bytes).into_owned() })
}

fn unreadable(file: &str, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read {file}: {error}"))
        .hint("make it readable, or remove it; nothing starts while it is unclear what it says")
}

fn user_home(lookup: Lookup<'_>) -> Result<PathBuf, Failure> {
    lookup("HOME")
        .filter(|home| !home.is_empty())
        .map(PathBuf::from)
        .ok_or_else(|| Failure::usage("HOME is not set").hint("set HOME to your home directory"))
}

pub(crate) fn expand_tilde(item: &str, user_home: &Path) -> PathBuf {
    match item.strip_prefix('~') {
        Some("") => user_home.to_owned(),
        Some(rest) if rest.starts_with('/') => user_home.join(rest.trim_start_matches('/')),
        Some(_) | None => PathBuf::from(item),
    }
}
