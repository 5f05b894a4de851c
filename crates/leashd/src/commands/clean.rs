//! `leashd clean`: removes logs and sessions, and only if told so the audit log.

use super::prompt::{Default, Person};
use crate::cli::CleanArgs;
use crate::daemon::process::ERRORS;
use crate::failure::{Exit, Failure};
use crate::settings::edit;
use crate::settings::{Settings, Storage, load};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Below leashd's home; whoever runs in the background holds it.
const LOCK: &str = "run/leashd.lock";
const LOG: &str = "app.log";
/// What SQLite puts beside a database.
const BESIDE: [&str; 4] = ["", "-wal", "-shm", "-journal"];

pub(crate) fn run(args: &CleanArgs) -> Result<Exit, Failure> {
    let settings = load(None)?.settings;
    // Held to the end: nothing starts while its files go.
    let _alone = alone(&settings.home)?;
    let files = files(&settings, args)?;
    if files.is_empty() {
        return said(args, &files, "there is nothing to remove");
    }
    if !args.json || !args.yes {
        for file in &files {
            eprintln!("{}", file.display());
        }
    }
    if !args.yes && !Person::here("add --yes")?.agrees("remove them?", Default::No)? {
        return Err(Failure::failed("nothing was removed"));
    }
    if !args.audit {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        edit::record(&settings, &format!("removed {}", names.join(", ")))?;
    }
    for file in &files {
        match fs::remove_file(file) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Failure::failed(format!("cannot remove {}: {error}", file.display())));
            }
            Ok(()) | Err(_) => {}
        }
    }
    said(args, &files, "removed")
}

fn said(args: &CleanArgs, files: &[PathBuf], done: &str) -> Result<Exit, Failure> {
    if args.json {
        say!("{}", json!({ "v": 1, "removed": files }));
    } else if files.is_empty() {
        say!("{done}");
    } else {
        say!("{done}: {} files", files.len());
    }
    Ok(Exit::Done)
}

/// Nobody works with the files, and nobody starts to.
fn alone(home: &Path) -> Result<Option<File>, Failure> {
    let path = home.join(LOCK);
    let lock = match File::open(&path) {
        Ok(lock) => lock,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(Failure::failed(format!("cannot open {}: {error}", path.display()))),
    };
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Failure::failed(format!("leashd is running and holds {}", path.display()))
            .hint("run `leashd stop` first")
    })?;
    Ok(Some(lock))
}

/// Ordinary files of ours that are there; nothing is removed by a pattern that could be somebody else's.
fn files(settings: &Settings, args: &CleanArgs) -> Result<Vec<PathBuf>, Failure> {
    let mut files = found(&settings.log.directory, |name| name == ERRORS || is_log(name))?;
    if let Storage::Sqlite(database) = &settings.storage {
        files.extend(beside(database, |rest| BESIDE.contains(&rest) || is_draft(rest))?);
    }
    if args.audit {
        files.extend(beside(&settings.audit_log, |rest| rest.is_empty() || is_fragment(rest))?);
    }
    files.retain(|file| fs::symlink_metadata(file).is_ok_and(|found| found.is_file()));
    files.sort();
    Ok(files)
}

/// `app.log` and its rotated backups.
fn is_log(name: &str) -> bool {
    name.strip_prefix(LOG)
        .is_some_and(|rest| rest.is_empty() || rest.strip_prefix('.').is_some_and(is_number))
}

/// `.4711.new` and what stands beside it: of a process that was killed while it made the database.
fn is_draft(rest: &str) -> bool {
    let parts = rest.strip_prefix('.').and_then(|rest| rest.split_once(".new"));
    parts.is_some_and(|(process, end)| is_number(process) && BESIDE.contains(&end))
}

/// `.torn-12-0`: what a process that was killed left of an entry.
fn is_fragment(rest: &str) -> bool {
    let parts = rest.strip_prefix(".torn-").and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(entry, number)| is_number(entry) && is_number(number))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Files whose names begin with that of `file`, by what follows it.
fn beside(file: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let (Some(directory), Some(name)) = (file.parent(), file.file_name().and_then(OsStr::to_str)) else {
        return Ok(Vec::new());
    };
    found(directory, |found| found.strip_prefix(name).is_some_and(&is_wanted))
}

fn found(directory: &Path, is_wanted: impl Fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Failure::failed(format!("cannot read {}: {error}", directory.display()))),
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&is_wanted) {
            found.push(entry.path());
        }
    }
    Ok(found)
}
