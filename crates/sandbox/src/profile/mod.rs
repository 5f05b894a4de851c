//! What one process tree may touch, as a plain value: trees, network, limits. Built by a pure function, shown as JSON,
//! entered by [`crate::confine`]. Knows no kernel and looks at no file.
//!
//! Three domains. The *outer* one holds the agent's process: the project, its own session files, the network only to
//! the ports it is given. The *inner* one holds each shell command: the project and the temporary directory, none of
//! the agent's files, no network unless granted. Each *MCP* server has one of its own, in which the project can be
//! read and not written.
//!
//! What is not listed cannot be opened. There is no rule that forbids, because the kernel has none: a tree that would
//! contain something hidden (credentials, leashd's own state) is refused when the profile is built.

mod system;
#[cfg(test)]
mod tests;
mod toolchains;

pub use toolchains::{Caches, TOOLCHAINS, Toolchain, Variable};

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Which process tree a profile is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Domain {
    /// The agent's own process and everything below it.
    Outer,
    /// One shell command.
    Inner,
    /// One MCP server.
    Mcp,
}

/// What may be done below a path. Each includes the ones before it, except `Device`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    Read,
    /// Read and execute.
    Run,
    /// Read, execute, create, change, delete. No device nodes.
    Write,
    /// Read, write and control what is there; create nothing.
    Device,
}

/// Whether a tree has to be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// Nothing can run without it.
    Required,
    /// Left out where it does not exist.
    IfThere,
}

/// One path with everything below it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tree {
    pub path: PathBuf,
    pub access: Access,
    pub presence: Presence,
    /// What it is, for people: `project`, `toolchain rust`.
    pub what: String,
}

/// Where connections may go.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Nowhere. With a network namespace there still is a loopback interface that nobody else shares.
    #[default]
    Nothing,
    /// TCP to these ports, whatever the host: where leashd's own proxies listen. No UDP.
    Ports(BTreeSet<u16>),
    /// Whatever the network namespace around reaches. For a domain inside another one that holds the network.
    Enclosed,
    /// TCP and UDP to everywhere.
    Anywhere,
}

/// What a person or a verdict granted beyond what the domain has by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capabilities {
    pub network: Network,
    /// More trees that may be read.
    pub read: Vec<PathBuf>,
    /// More trees that may be written. An MCP server gets the project only this way.
    pub write: Vec<PathBuf>,
    /// Variables that go with the capability (`HTTPS_PROXY`).
    pub environment: BTreeMap<String, String>,
}

/// The session's own directories; each belongs to exactly one session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionPlaces {
    /// `TMPDIR` of everything in the session.
    pub temporary: PathBuf,
    /// The agent's configuration directory: written by the agent, unseen by its commands.
    pub config: Option<PathBuf>,
    /// What leashd wrote for this session (launcher, MCP list, allowances): read only.
    pub private: Option<PathBuf>,
    /// What the agent's program needs beyond the system (its installation).
    pub program: Vec<PathBuf>,
    /// A login that the agent itself has to read. Never in the inner domain.
    pub credential: Option<PathBuf>,
}

/// Everything a profile is built from.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    pub domain: Domain,
    /// Real paths. The agent works in the first.
    pub approved: &'a [PathBuf],
    pub session: &'a SessionPlaces,
    /// The person's home.
    pub home: &'a Path,
    pub toolchains: &'a [Toolchain],
    pub caches: Caches,
    /// Where private caches are; belongs to this workspace alone.
    pub cache_directory: &'a Path,
    /// leashd's own state and whatever else nobody inside may see.
    pub hidden: &'a [PathBuf],
    pub capabilities: &'a Capabilities,
    pub limits: Limits,
}

/// What one process tree may use up. Per process where the kernel counts per process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Processes and threads of the tree, where it has a control group or a user namespace of its own.
    pub processes: u64,
    /// Bytes of private memory of one process; of the tree where it has a control group, but no more there than three
    /// quarters of the machine.
    pub memory: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Open files of one process.
    pub open_files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        const GIB: u64 = 1 << 30;
        /// Builds and test runners start some for each processor, and most of those are threads.
        const PROCESSES: u64 = 512;
        const PROCESSES_PER_PROCESSOR: u64 = 64;
        let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
        let processes = PROCESSES.max(processors.saturating_mul(PROCESSES_PER_PROCESSOR));
        Self { processes, memory: 32 * GIB, file_size: 16 * GIB, open_files: 65_536 }
    }
}

/// What one process tree may touch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    pub domain: Domain,
    pub trees: Vec<Tree>,
    /// Read only although a tree above is writable. Holds where there are mounts; elsewhere changes are noticed.
    pub guarded: Vec<PathBuf>,
    pub network: Network,
    /// The temporary directory.
    pub temporary: PathBuf,
    /// Variables set inside.
    pub environment: BTreeMap<String, String>,
    /// Directories to make before entering, for private caches.
    pub make: Vec<PathBuf>,
    pub limits: Limits,
}

/// Why there is no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error(
        "`{tree}` ({what}) contains `{hidden}`, which nothing contained may see; approve a directory below it"
    )]
    ContainsHidden { tree: PathBuf, what: String, hidden: PathBuf },
    #[error("`{0}` is not an absolute path without `.`, `..` and double slashes")]
    NotAbsolute(PathBuf),
    #[error("no directory is approved; name one")]
    NothingApproved,
}

/// Credentials and other keys, below the home directory. No tree may contain one of them.
pub const CREDENTIALS: &[&str] = &[
    ".ssh",
    ".gnupg",
    ".aws",
    ".azure",
    ".kube",
    ".docker",
    ".netrc",
    ".npmrc",
    ".pypirc",
    ".git-credentials",
    ".config/gh",
    ".config/gcloud",
    ".config/git/credentials",
    ".cargo/credentials",
    ".cargo/credentials.toml",
    ".gem/credentials",
    ".m2/settings.xml",
    ".gradle/gradle.properties",
    ".password-store",
    ".local/share/keyrings",
    ".mozilla",
    ".config/google-chrome",
    ".config/chromium",
];

/// Below each `.git` directory: what makes a later git of the person run code.
pub const GIT_GUARDED: &[&str] = &["config", "config.worktree", "hooks", "info/attributes", "commondir"];

impl Profile {
    /// Builds the profile of one domain.
    ///
    /// # Errors
    /// If a directory is not absolute, or would contain something hidden.
    pub fn build(request: &Request<'_>) -> Result<Self, Refused> {
        let mut trees = system::trees();
        let mut environment = BTreeMap::new();
        let mut make = Vec::new();
        toolchains::add(request, &mut trees, &mut environment, &mut make);
        add_project(request, &mut trees)?;
        add_session(request, &mut trees);
        for path in &request.capabilities.read {
            trees.push(tree(path, Access::Run, "granted"));
        }
        for path in &request.capabilities.write {
            trees.push(tree(path, Access::Write, "granted"));
        }
        environment.insert("TMPDIR".to_owned(), request.session.temporary.display().to_string());
        environment.extend(request.capabilities.environment.clone());
        check(request, &trees)?;
        Ok(Self {
            domain: request.domain,
            guarded: guarded(&trees),
            trees,
            network: request.capabilities.network.clone(),
            temporary: request.session.temporary.clone(),
            environment,
            make,
            limits: request.limits,
        })
    }

    /// The writable trees.
    pub fn writable(&self) -> impl Iterator<Item = &Tree> {
        self.trees.iter().filter(|tree| tree.access == Access::Write)
    }
}

fn tree(path: &Path, access: Access, what: &str) -> Tree {
    Tree { path: path.to_owned(), access, presence: Presence::Required, what: what.to_owned() }
}

fn if_there(path: impl Into<PathBuf>, access: Access, what: &str) -> Tree {
    Tree { path: path.into(), access, presence: Presence::IfThere, what: what.to_owned() }
}

fn add_project(request: &Request<'_>, trees: &mut Vec<Tree>) -> Result<(), Refused> {
    if request.approved.is_empty() {
        return Err(Refused::NothingApproved);
    }
    let access = match request.domain {
        Domain::Outer | Domain::Inner => Access::Write,
        Domain::Mcp => Access::Run,
    };
    trees.extend(request.approved.iter().map(|path| tree(path, access, "project")));
    Ok(())
}

fn add_session(request: &Request<'_>, trees: &mut Vec<Tree>) {
    let session = request.session;
    trees.push(tree(&session.temporary, Access::Write, "temporary directory"));
    match request.domain {
        Domain::Outer => {
            trees.extend(session.config.iter().map(|path| tree(path, Access::Write, "agent configuration")));
            trees.extend(session.private.iter().map(|path| tree(path, Access::Run, "session")));
            trees.extend(session.program.iter().map(|path| tree(path, Access::Run, "agent")));
            trees.extend(session.credential.iter().map(|path| if_there(path, Access::Read, "agent login")));
        }
        // Every command of the agent first reads the snapshot of the shell's functions and aliases.
        Domain::Inner => {
            let parts = ["shell-snapshots", "session-env"];
            let config = session.config.iter().flat_map(|config| parts.map(|part| config.join(part)));
            trees.extend(config.map(|path| if_there(path, Access::Read, "shell snapshot")));
            trees.extend(session.program.iter().map(|path| tree(path, Access::Run, "agent")));
        }
        Domain::Mcp => {}
    }
}

/// In each writable tree that may hold a repository: the files git reads its orders from.
fn guarded(trees: &[Tree]) -> Vec<PathBuf> {
    let projects = trees.iter().filter(|tree| tree.access == Access::Write && tree.what == "project");
    projects.flat_map(|tree| GIT_GUARDED.iter().map(|name| tree.path.join(".git").join(name))).collect()
}

/// Nothing hidden below a tree, and no tree below or at something hidden, unless it is named as the session's own.
fn check(request: &Request<'_>, trees: &[Tree]) -> Result<(), Refused> {
    let credentials = CREDENTIALS.iter().map(|name| request.home.join(name));
    let hidden: Vec<PathBuf> = request.hidden.iter().cloned().chain(credentials).collect();
    let login = request.session.credential.as_deref().filter(|_| request.domain == Domain::Outer);
    // Paths are compared as bytes: this runs before every contained command, a few thousand times.
    for tree in trees {
        if !is_plain(&tree.path) {
            return Err(Refused::NotAbsolute(tree.path.clone()));
        }
        let exempt = |hidden: &Path| login == Some(hidden) && tree.path == hidden;
        let contained = hidden.iter().find(|hidden| is_below(hidden, &tree.path) && !exempt(hidden));
        let inside = |hidden: &&PathBuf| tree.what == "granted" && is_below(&tree.path, hidden);
        if let Some(hidden) = contained.or_else(|| hidden.iter().find(inside)) {
            return Err(Refused::ContainsHidden {
                tree: tree.path.clone(),
                what: tree.what.clone(),
                hidden: hidden.clone(),
            });
        }
    }
    Ok(())
}

/// Whether `path` is `root` or below it. Both are absolute and have neither `.` nor double slashes.
fn is_below(path: &Path, root: &Path) -> bool {
    let rest = path.as_os_str().as_encoded_bytes().strip_prefix(root.as_os_str().as_encoded_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/") || root.parent().is_none())
}

/// Absolute, and spelled the one way there is: no `.`, no `..`, no empty names.
fn is_plain(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    let Some(names) = bytes.strip_prefix(b"/") else { return false };
    let mut names = names.split(|byte| *byte == b'/');
    bytes == b"/" || names.all(|name| !name.is_empty() && name != b"." && name != b"..")
}
