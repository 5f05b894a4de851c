//! Git for people at a distance: what leashd itself does in a repository that an agent can write to. Hardened, so that
//! the repository runs nothing; contained, so that whatever does run stays in it; recorded before it runs. Asks nobody:
//! whoever calls this did.

mod orders;
mod remote;
mod walls;

use crate::directories;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use leashd_gate::Gate;
use leashd_gate::audit::Record;
use leashd_sandbox::git::{self as hardened, Configuration, GitCommand, GitError, GitLimits, Verb};
use leashd_types::{GitBranch, GitChanges, GitEnd, GitSaid, UserId, visible};
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use walls::Walls;

/// Git is found here, and finds its own programs here: no directory that an agent writes to.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin";
/// Until a command on this machine is ended.
const HERE: Duration = Duration::from_secs(60);
/// The same for one that talks to another host.
const AWAY: Duration = Duration::from_secs(300);
/// Bytes that git may print.
const OUTPUT_MAX: u64 = 8 * 1024 * 1024;
/// Bytes that are kept of it.
const TEXT_MAX: usize = 256 * 1024;
/// Commits of a log.
const LOG_MAX: u32 = 1000;
/// Characters of what an operation is about, in the audit log.
const DETAIL_MAX: usize = 300;

/// Git on behalf of one person.
#[derive(Clone)]
pub(crate) struct Git {
    settings: Settings,
    gate: Arc<Gate>,
    user: UserId,
}

impl Git {
    pub(crate) fn new(settings: Settings, gate: Arc<Gate>, user: UserId) -> Self {
        Self { settings, gate, user }
    }

    pub(crate) async fn status(&self, directory: &Path) -> Result<GitSaid, Failure> {
        let place = self.reads("status", "", directory)?;
        place.run(Verb::Status, |command| Ok(command.option("--short").option("--branch"))).await
    }

    /// Of these paths; without any, of everything.
    pub(crate) async fn diff(
        &self,
        directory: &Path,
        changes: GitChanges,
        paths: &[PathBuf],
    ) -> Result<GitSaid, Failure> {
        let place = self.reads("diff", &shown(paths), directory)?;
        let paths = paths.to_vec();
        let what = match changes {
            GitChanges::All => "HEAD",
            GitChanges::Staged => "--cached",
        };
        place
            .run(Verb::Diff, move |command| {
                Ok(command.option("--stat").option("--patch").option(what).paths(&paths))
            })
            .await
    }

    /// The last `count` commits, newest first.
    pub(crate) async fn log(&self, directory: &Path, count: u32) -> Result<GitSaid, Failure> {
        let count = count.clamp(1, LOG_MAX).to_string();
        let place = self.reads("log", &count, directory)?;
        let format = "--format=%h %ad %an: %s";
        place
            .run(Verb::Log, move |command| {
                Ok(command.value("--max-count", &count).option("--date=short").option(format))
            })
            .await
    }

    pub(crate) async fn branches(&self, directory: &Path) -> Result<GitSaid, Failure> {
        let place = self.reads("branches", "", directory)?;
        place.run(Verb::Branch, |command| Ok(command.option("--all").option("--verbose"))).await
    }

    pub(crate) async fn checkout(
        &self,
        directory: &Path,
        to: &str,
        which: GitBranch,
    ) -> Result<GitSaid, Failure> {
        let place = self.writes("checkout", to, directory)?;
        let to = to.to_owned();
        place
            .run(Verb::Switch, move |command| {
                let command = command.option("--no-track");
                match which {
                    GitBranch::Existing => command.option("--no-guess").name(&to),
                    GitBranch::New => command.option("--create").name(&to),
                }
            })
            .await
    }

    /// These paths; without any, everything.
    pub(crate) async fn add(&self, directory: &Path, paths: &[PathBuf]) -> Result<GitSaid, Failure> {
        let place = self.writes("add", &shown(paths), directory)?;
        let paths = paths.to_vec();
        place
            .run(Verb::Add, move |command| {
                Ok(if paths.is_empty() { command.option("--all") } else { command.paths(&paths) })
            })
            .await
    }

    /// What is staged.
    pub(crate) async fn commit(&self, directory: &Path, message: &str) -> Result<GitSaid, Failure> {
        let place = self.writes("commit", message, directory)?;
        let message = message.to_owned();
        place.run(Verb::Commit, move |command| Ok(command.value("--message", &message))).await
    }

    /// Merges a branch of this repository into the one that is checked out.
    pub(crate) async fn merge(&self, directory: &Path, branch: &str) -> Result<GitSaid, Failure> {
        let place = self.writes("merge", branch, directory)?;
        let branch = branch.to_owned();
        place.run(Verb::Merge, move |command| command.name(&branch)).await
    }

    /// Ends a merge that waits for its conflicts to be settled; the tree is as before it.
    pub(crate) async fn abort_merge(&self, directory: &Path) -> Result<GitSaid, Failure> {
        let place = self.writes("merge", "--abort", directory)?;
        place.run(Verb::Merge, |command| Ok(command.option("--abort"))).await
    }

    /// Pushes one branch, never by force, and only to `agreed`, if somebody agreed to an address.
    pub(crate) async fn push(
        &self,
        directory: &Path,
        remote: &str,
        branch: &str,
        agreed: Option<&str>,
    ) -> Result<GitSaid, Failure> {
        self.away(Verb::Push, directory, (remote, branch), agreed).await
    }

    /// Where a push to `remote` goes.
    async fn push_address(&self, directory: &Path, remote: &str) -> Result<String, Failure> {
        let top = self.top(directory)?;
        let look = Place::new(self, top.clone(), Walls::reading(&self.settings, &top)?)?;
        Ok(remote::url(&look, remote, remote::Which::Push).await?.shown())
    }

    /// Fetches one branch and merges it.
    pub(crate) async fn pull(
        &self,
        directory: &Path,
        remote: &str,
        branch: &str,
    ) -> Result<GitSaid, Failure> {
        self.away(Verb::Pull, directory, (remote, branch), None).await
    }

    async fn away(
        &self,
        verb: Verb,
        directory: &Path,
        (remote, branch): (&str, &str),
        agreed: Option<&str>,
    ) -> Result<GitSaid, Failure> {
        if branch.contains(':') || branch.starts_with('+') {
            return Err(failure(GitError::NotABranch(visible(branch))));
        }
        let top = self.top(directory)?;
        let (name, which) = match verb {
            Verb::Push => ("push", remote::Which::Push),
            _ => ("pull", remote::Which::Fetch),
        };
        let look = Place::new(self, top.clone(), Walls::reading(&self.settings, &top)?)?;
        let url = remote::url(&look, remote, which).await?;
        if let Some(agreed) = agreed.filter(|agreed| *agreed != url.shown()) {
            let message = format!("{} is {} now, not {}", visible(remote), url.shown(), visible(agreed));
            return Err(Failure::new(Exit::Denied, message).hint("look who changed it, and begin again"));
        }
        self.record(name, &format!("{remote} {branch} ({})", url.shown()), &top)?;
        let credential = remote::credential(&url).await;
        let walls = Walls::reaching(&self.settings, &top, &url.target(), &self.gate).await?;
        let variables = walls.variables();
        let mut place = Place::new(self, top, walls)?;
        place.time = AWAY;
        let (remote, branch) = (remote.to_owned(), branch.to_owned());
        place
            .run(verb, move |command| {
                let command = variables
                    .into_iter()
                    .fold(command, |command, (name, value)| command.variable(name, value));
                let command = match credential {
                    Some(header) => command.setting(url.header_key(), header),
                    None => command,
                };
                let command = command.name(&remote)?;
                match verb {
                    Verb::Push => command.same_branch(&branch),
                    _ => command.name(&branch),
                }
            })
            .await
    }

    fn reads(&self, operation: &str, detail: &str, directory: &Path) -> Result<Place, Failure> {
        let top = self.top(directory)?;
        self.record(operation, detail, &top)?;
        Place::new(self, top.clone(), Walls::reading(&self.settings, &top)?)
    }

    fn writes(&self, operation: &str, detail: &str, directory: &Path) -> Result<Place, Failure> {
        let top = self.top(directory)?;
        self.record(operation, detail, &top)?;
        Place::new(self, top.clone(), Walls::writing(&self.settings, &top)?)
    }

    /// The working tree that `directory` is in. No directory above an approved one is looked at.
    fn top(&self, directory: &Path) -> Result<PathBuf, Failure> {
        let directory = directories::real_directory(directory)?;
        let approved = directories::approved(&self.settings, &directory)?;
        let within = |path: &&Path| approved.iter().any(|root| path.starts_with(root));
        let top = directory.ancestors().take_while(within).find(|path| path.join(".git").exists());
        top.map(Path::to_owned).ok_or_else(|| {
            Failure::usage(format!("{} is in no git repository that is approved", directory.display()))
                .hint("name the top of the working tree, or approve it")
        })
    }

    /// Nothing is done that could not be recorded.
    fn record(&self, operation: &str, detail: &str, top: &Path) -> Result<(), Failure> {
        let record = Record::GitOperation {
            operation: operation.to_owned(),
            detail: visible(&detail.chars().take(DETAIL_MAX).collect::<String>()),
            working_directory: top.to_owned(),
            user_id: Some(self.user.as_str().to_owned()),
        };
        self.gate.record(None, record).map(drop).map_err(Failure::failed)
    }
}

/// A repository, with walls around it.
struct Place {
    top: PathBuf,
    program: PathBuf,
    home: PathBuf,
    time: Duration,
    walls: Arc<Walls>,
}

impl Place {
    fn new(git: &Git, top: PathBuf, walls: Walls) -> Result<Self, Failure> {
        let home = git.settings.user_home.clone();
        Ok(Self { top, program: program()?, home, time: HERE, walls: Arc::new(walls) })
    }

    /// For one more command behind the same walls.
    fn again(&self) -> Self {
        let (top, program, home) = (self.top.clone(), self.program.clone(), self.home.clone());
        Self { top, program, home, time: self.time, walls: Arc::clone(&self.walls) }
    }

    /// Blocks a thread of its own until git is done or ended.
    async fn run(
        self,
        verb: Verb,
        put_together: impl FnOnce(GitCommand<'_>) -> Result<GitCommand<'_>, GitError> + Send + 'static,
    ) -> Result<GitSaid, Failure> {
        let work = move || {
            let git = self.hardened();
            put_together(git.command(verb))?.attempt()
        };
        let output = tokio::task::spawn_blocking(work).await.map_err(Failure::failed)?.map_err(failure)?;
        let end = if output.code == Some(0) { GitEnd::Done } else { GitEnd::Refused };
        let mut text = String::from_utf8_lossy(&output.bytes).into_owned();
        if !output.errors.trim().is_empty() {
            text.push_str(&output.errors);
        }
        let cut = cut(&mut text);
        Ok(GitSaid { end, text, cut })
    }

    fn hardened(&self) -> hardened::Git {
        hardened::Git::new(&self.program, &self.top, OsStr::new(SEARCH_PATH))
            .with_configuration(Configuration::Person { home: self.home.clone() })
            .with_limits(GitLimits { time: self.time, output: OUTPUT_MAX })
            .confined(self.walls.confine())
    }
}

fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" ")
}

fn program() -> Result<PathBuf, Failure> {
    let found = SEARCH_PATH.split(':').map(|directory| Path::new(directory).join("git"));
    found
        .into_iter()
        .find(|path| path.is_file())
        .ok_or_else(|| Failure::failed(format!("there is no git in {SEARCH_PATH}")).hint("install git"))
}

fn failure(error: GitError) -> Failure {
    match error {
        GitError::NotAName(_) | GitError::NotABranch(_) => Failure::usage(error),
        GitError::Redirected { .. } => Failure::new(Exit::Denied, error),
        GitError::NotRun(_)
        | GitError::TooSlow { .. }
        | GitError::TooMuch { .. }
        | GitError::Failed { .. }
        | GitError::Configuration(_) => Failure::failed(error),
    }
}

/// Keeps the beginning. How many bytes went.
fn cut(text: &mut String) -> usize {
    let length = text.len();
    if length > TEXT_MAX {
        let end = (0..=TEXT_MAX).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
    }
    length.saturating_sub(text.len())
}
