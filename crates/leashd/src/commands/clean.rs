//! `leashd clean`: removes logs and sessions, and only if told so the audit log.

use super::prompt::{Default, Person};
use crate::cli::CleanArgs;
use crate::failure::{Exit, Failure};
use crate::settings::edit;
use crate::settings::{Settings, Storage, load};
use rustix::fs::{FlockOperation, flock};
use serde_json::json;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Below leashd's home; whoever runs in the background holds it.
const LOCK: &str = "run/leashd.lock";
const LOG: &str = "app.log";
/// What SQLite puts beside a database.
const BESIDE: [&str; 3] = ["", "-wal", "-shm"];

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
        println!("{}", json!({ "v": 1, "removed": files }));
    } else if files.is_empty() {
        println!("{done}");
    } else {
        println!("{done}: {} files", files.len());
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
    let mut files = logs(&settings.log.directory)?;
    if let Storage::Sqlite(database) = &settings.storage {
        let beside = |end: &&str| {
            let mut name = database.clone().into_os_string();
            name.push(end);
            PathBuf::from(name)
        };
        files.extend(BESIDE.iter().map(beside));
    }
    if args.audit {
        files.push(settings.audit_log.clone());
    }
    files.retain(|file| fs::symlink_metadata(file).is_ok_and(|found| found.is_file()));
    files.sort();
    Ok(files)
}

/// `app.log` and its rotated backups.
fn logs(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        Err(error) => return Err(Failure::failed(format!("cannot read {}: {error}", directory.display()))),
    };
    let mut logs = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let rest = name.to_str().and_then(|name| name.strip_prefix(LOG));
        let number = |rest: &str| {
            rest.strip_prefix('.')
                .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()))
        };
        if rest.is_some_and(|rest| rest.is_empty() || number(rest)) {
            logs.push(entry.path());
        }
    }
    Ok(logs)
}
