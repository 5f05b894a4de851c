//! What a command does to the world, said in a closed set of effects. The shell analysis produces them, rules and
//! the hard floor judge them, cards show them.

use serde::{Deserialize, Serialize};

/// One thing a command would do.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "effect")]
pub enum Effect {
    Read {
        path: PathText,
    },
    /// Creates, changes, truncates or moves over.
    Write {
        path: PathText,
    },
    Delete {
        path: PathText,
        depth: Depth,
        force: Force,
    },
    /// Changes owner or mode; `opens` says whether everybody may write afterwards (`chmod 777`).
    Permissions {
        path: PathText,
        depth: Depth,
        opens: Opens,
    },
    /// Talks to another host.
    Network {
        host: Host,
        direction: Direction,
    },
    /// Runs code that is not one of the commands already listed.
    Runs {
        code: CodeSource,
    },
    /// Becomes another user, usually root.
    Privilege {
        via: String,
    },
    Git {
        operation: GitOperation,
        force: Force,
        target: Option<String>,
    },
    /// Makes something public or installable for others (`npm publish`).
    Publishes {
        what: String,
    },
    Database {
        statement: Strength,
    },
    /// Acts on a service that is neither a file nor a database: cloud, cluster, container, code host.
    Service {
        name: String,
        action: Strength,
    },
    System {
        change: SystemChange,
    },
    /// Prints or exports a secret that is not a plain file (`gpg --export-secret-keys`, `env`, `gh auth token`).
    Secret {
        what: String,
    },
    /// Sets a variable that changes what later commands run or load (`PATH`, `LD_PRELOAD`, `GIT_SSH_COMMAND`).
    Environment {
        name: String,
    },
    /// A program the effects table does not know.
    UnknownProgram {
        name: String,
    },
}

/// A path as far as the command line determines it. Joined with the directory the command runs in, `~` expanded,
/// but `.`, `..` and symlinks are still in it: only the file system can resolve those.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PathText {
    /// One absolute path.
    Exact(String),
    /// Paths matching a shell glob; `directory` is the absolute part before the first glob character.
    Glob { directory: String, pattern: String },
    /// Cannot be told from the line; the text says why.
    Unknown(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    Single,
    Recursive,
}

/// Whether a change of permissions lets everybody write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Opens {
    ToEveryone,
    No,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Force {
    Normal,
    Forced,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Asks for something; what is sent is the request itself.
    Fetch,
    /// Data of this machine goes out.
    Send,
    /// Opens a port here.
    Listen,
}

/// The other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Host {
    /// Lower case, no port, no brackets.
    Named(String),
    /// The configured registry of a package manager, a configured git remote…: which, in words.
    Configured(String),
    Unknown(String),
}

/// Code that would run, by where it comes from.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CodeSource {
    /// On the command line itself, in a language the analysis does not read to the end.
    Inline { language: String, text: String },
    /// A file handed to an interpreter, or executed.
    File { path: PathText },
    /// What the project defines for a tool to run: make targets, package scripts, build scripts, tests. `at` is the
    /// project's directory, or a file of it that the tool was told to use.
    Project { tool: String, at: PathText },
    /// Fetched from a package registry and run (`npx some-package`).
    Package { name: String },
    /// Bytes from a pipe or substitution that cannot be folded; `origin` says what produced them.
    Piped { interpreter: String, origin: String },
    /// Cannot be told.
    Unknown { why: String },
}

/// What a git command does. `Read` covers everything that only looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GitOperation {
    Read,
    /// Changes the index or the working tree and can be undone from history (`add`, `switch`, `stash push`).
    Local,
    /// Throws work away that history cannot bring back (`reset --hard`, `clean -f`, `checkout -- .`).
    Discard,
    /// Moves or creates history (`commit`, `merge`, `rebase`, `cherry-pick`, `revert`, `am`, `pull`, `update-ref`).
    Commit,
    /// Rewrites history for good (`filter-branch`, `reflog expire`, `gc --prune=now`).
    Rewrite,
    Fetch,
    /// Leaves the machine (`push`, `send-pack`, `svn dcommit`).
    Push,
    /// Changes configuration, hooks or remotes.
    Configure,
    /// A subcommand that is not known: an alias or an extension.
    Unknown,
}

/// How strong a statement to a database or service is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    Query,
    Change,
    /// Drops, truncates, terminates: what cannot be taken back.
    Destroy,
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemChange {
    Shutdown,
    /// Formats, partitions, overwrites or removes a device, volume or pool.
    Disk,
    /// Creates processes without end.
    ForkBomb,
    Services,
    Users,
    Firewall,
    Kernel,
    Mounts,
    /// Something that runs later or at each start: cron, at, launch agents.
    Scheduled,
    /// Signals a process.
    Kill,
    /// Installs or removes software for the whole machine.
    Packages,
    /// Starts another coding agent or talks to leashd itself.
    Agent,
    Other,
}
