//! The agent's configuration directory behind the walls: one for each session, kept for going on with it later. The
//! person's own is not written: its settings run code in sessions nobody contains.
//!
//! A directory that nobody used for a month is cleared when another session starts: what a session is gone on with, the
//! transcripts, stays; without any the directory goes. A session that runs holds a lock on its directory.

#[cfg(test)]
mod tests;

use super::Wanted;
use super::environment::{Login, Variables};
use leashd_types::{AGENT_HOMES, PLANS, SessionId, visible};
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, symlink};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

const LOGIN: &str = ".credentials.json";
/// What the person keeps for all projects and the agent reads.
const PERSONAL: [&str; 3] = ["skills", "agents", "commands"];
/// Settings of whoever runs the machine: an agent that cannot read them would not obey them.
const MANAGED: &str = "/etc/claude-code";
/// In the agent's configuration: what it needs to go on with a session.
const TRANSCRIPTS: &str = "projects";

/// Not used for so long.
const OLD: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// Directories looked at, and cleared, at one start.
const LOOKED_AT_MAX: usize = 4096;
const CLEARED_MAX: usize = 16;
/// Files looked at in one directory.
const FILES_MAX: usize = 64;
/// How often a directory may go just as it is entered.
const TRIES: u8 = 3;

pub(super) struct AgentHome {
    pub(super) directory: PathBuf,
    /// The person's own.
    pub(super) personal: Option<PathBuf>,
    /// The file with the login, where the agent has to read it.
    pub(super) credential: Option<PathBuf>,
    pub(super) readable: Vec<PathBuf>,
    /// Nobody clears the directory while this is open.
    pub(super) in_use: File,
}

impl AgentHome {
    pub(super) fn prepare(wanted: &Wanted<'_>, variables: &Variables) -> io::Result<Self> {
        let user_home = &wanted.settings.user_home;
        let personal = wanted.config_directory.map_or_else(|| user_home.join(".claude"), Path::to_owned);
        let homes = user_home.join(AGENT_HOMES);
        let directory = homes.join(plain(wanted.session)?);
        let in_use = enter(&directory)?;
        clear_old(&homes, SystemTime::now());
        if wanted.resume.is_some() {
            bring_transcript(&personal, &directory, wanted.session)?;
        }
        let login = directory.join(LOGIN);
        let credential = match variables.login {
            Login::File => personal.join(LOGIN).canonicalize().ok(),
            Login::Key { .. } => None,
        };
        match fs::remove_file(&login) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        if let Some(credential) = &credential {
            symlink(credential, &login)?;
        }
        let theirs = PERSONAL.iter().map(|name| personal.join(name)).chain([MANAGED.into()]);
        let readable = theirs.filter_map(|path| path.canonicalize().ok()).collect();
        Ok(Self { directory, personal: Some(personal), credential, readable, in_use })
    }
}

/// Makes the directory and holds it.
fn enter(directory: &Path) -> io::Result<File> {
    for _try in 0..TRIES {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
        own_directory(&directory.join(PLANS))?;
        let held = File::open(directory)?;
        flock(&held, FlockOperation::LockShared)?;
        // It may have been cleared in between.
        if directory.join(PLANS).is_dir() && fs::metadata(directory)?.ino() == held.metadata()?.ino() {
            held.set_modified(SystemTime::now())?;
            return Ok(held);
        }
    }
    Err(io::Error::other(format!("`{}` goes again and again as it is made", directory.display())))
}

/// A directory in one that the agent writes: a link that an agent left there in its place goes. What it leads to would
/// be approved, or written to.
fn own_directory(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_dir() => return Ok(()),
        Ok(_) => fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// What cannot be cleared now is looked at again at the next start.
fn clear_old(homes: &Path, now: SystemTime) {
    let mut left = CLEARED_MAX;
    for entry in fs::read_dir(homes).into_iter().flatten().flatten().take(LOOKED_AT_MAX) {
        if left == 0 {
            return;
        }
        let directory = entry.path();
        let there = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if there && is_old(&directory, now) && !matches!(clear(&directory), Ok(Cleared::Nothing)) {
            left -= 1;
        }
    }
}

/// The agent writes to its directory whenever it does anything.
fn is_old(directory: &Path, now: SystemTime) -> bool {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().take(FILES_MAX);
    let paths = entries.map(|entry| entry.path()).chain([directory.to_owned()]);
    let old = |path: PathBuf| {
        let modified = fs::symlink_metadata(path).and_then(|there| there.modified());
        modified.is_ok_and(|modified| now.duration_since(modified).is_ok_and(|age| age > OLD))
    };
    paths.into_iter().all(old)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cleared {
    /// In use, or cleared before.
    Nothing,
    Something,
}

fn clear(directory: &Path) -> io::Result<Cleared> {
    let held = File::open(directory)?;
    if flock(&held, FlockOperation::NonBlockingLockExclusive).is_err() {
        return Ok(Cleared::Nothing);
    }
    if !has_transcript(&directory.join(TRANSCRIPTS)) {
        return fs::remove_dir_all(directory).map(|()| Cleared::Something);
    }
    let mut cleared = Cleared::Nothing;
    let modified = held.metadata()?.modified()?;
    for entry in fs::read_dir(directory)?.flatten() {
        if entry.file_name() == TRANSCRIPTS {
            continue;
        }
        cleared = Cleared::Something;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    // Clearing is no use: it shall not make the directory young.
    held.set_modified(modified)?;
    Ok(cleared)
}

fn has_transcript(projects: &Path) -> bool {
    let below = |path: &Path| fs::read_dir(path).into_iter().flatten().flatten().take(FILES_MAX);
    let mut files = below(projects).flat_map(|project| below(&project.path()).collect::<Vec<_>>());
    files.any(|file| file.path().extension().is_some_and(|ending| ending == "jsonl"))
}

/// A session's name as that of one directory, which is made, cleared and given to the agent.
fn plain(session: &SessionId) -> io::Result<&str> {
    let name = session.as_str();
    let mut parts = Path::new(name).components();
    match (parts.next(), parts.next()) {
        (Some(Component::Normal(only)), None) if only == name => Ok(name),
        _ => Err(io::Error::other(format!("{} is no name of a session", visible(name)))),
    }
}

/// A session that began outside the walls goes on inside: its transcript is copied, once.
fn bring_transcript(from: &Path, to: &Path, session: &SessionId) -> io::Result<()> {
    let name = format!("{}.jsonl", session.as_str());
    let there = |projects: &Path| {
        let entries = fs::read_dir(projects).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join(&name)).find(|file| file.is_file())
    };
    let ours = to.join(TRANSCRIPTS);
    if there(&ours).is_some() {
        return Ok(());
    }
    let Some(file) = there(&from.join(TRANSCRIPTS)) else { return Ok(()) };
    let Some(project) = file.parent().and_then(Path::file_name) else { return Ok(()) };
    let project = ours.join(project);
    own_directory(&ours)?;
    own_directory(&project)?;
    let copy = project.join(&name);
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    // Only a new file: a link would be written through.
    let mut new = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&copy)?;
    io::copy(&mut File::open(&file)?, &mut new).map(drop)
}
