//! The agent's configuration directory behind the walls: one for each session, kept for going on with it later. The
//! person's own is not written: its settings run code in sessions nobody contains.

use super::Wanted;
use super::environment::{Login, Variables};
use leashd_types::SessionId;
use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, symlink};
use std::path::{Path, PathBuf};

/// Below the person's home.
const SESSIONS: &str = ".local/state/leashd/agents";
const LOGIN: &str = ".credentials.json";
/// What the person keeps for all projects and the agent reads.
const PERSONAL: [&str; 3] = ["skills", "agents", "commands"];
/// Settings of whoever runs the machine: an agent that cannot read them would not obey them.
const MANAGED: &str = "/etc/claude-code";

pub(super) struct AgentHome {
    pub(super) directory: PathBuf,
    /// The person's own.
    pub(super) personal: Option<PathBuf>,
    /// The file with the login, where the agent has to read it.
    pub(super) credential: Option<PathBuf>,
    pub(super) readable: Vec<PathBuf>,
}

impl AgentHome {
    pub(super) fn prepare(wanted: &Wanted<'_>, variables: &Variables) -> io::Result<Self> {
        let user_home = &wanted.settings.user_home;
        let personal = wanted.config_directory.map_or_else(|| user_home.join(".claude"), Path::to_owned);
        let directory = user_home.join(SESSIONS).join(wanted.session.as_str());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(directory.join("plans"))?;
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
        Ok(Self { directory, personal: Some(personal), credential, readable })
    }
}

/// A session that began outside the walls goes on inside: its transcript is copied, once.
fn bring_transcript(from: &Path, to: &Path, session: &SessionId) -> io::Result<()> {
    let name = format!("{}.jsonl", session.as_str());
    let there = |projects: &Path| {
        let entries = fs::read_dir(projects).into_iter().flatten().flatten();
        entries.map(|entry| entry.path().join(&name)).find(|file| file.is_file())
    };
    let ours = to.join("projects");
    if there(&ours).is_some() {
        return Ok(());
    }
    let Some(file) = there(&from.join("projects")) else { return Ok(()) };
    let Some(project) = file.parent().and_then(Path::file_name) else { return Ok(()) };
    fs::create_dir_all(ours.join(project))?;
    fs::copy(&file, ours.join(project).join(&name)).map(drop)
}
