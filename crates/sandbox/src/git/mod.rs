//! Git, run by leashd itself in a repository that an agent can write to. Whatever the repository says, git runs no
//! program for it: no hook, filter, driver, helper, pager or editor.
//!
//! The repository's configuration is read first and what is in it turned off by name; somebody who writes to it in the
//! moment between can add a driver with a new name. So this is one wall, and the confinement that `Confine` puts
//! around every command is the other. Knows nothing of what is asked of git, or why.

mod config;
mod run;
mod verb;

#[cfg(test)]
mod tests;

pub use run::{GitLimits, GitOutput};
pub use verb::Verb;

use config::{ALWAYS, Scope, Setting, Treatment, UNLESS_PERSONS, parse, treatment};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

/// Keys of a repository that are turned off one by one. More are not written by people.
const KEYS: usize = 2000;

/// Why a command of git was not run, or did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("git cannot be run: {0}; install git")]
    NotRun(std::io::Error),
    #[error("`git {verb}` was ended: it ran for more than {} s", .limit.as_secs())]
    TooSlow { verb: &'static str, limit: std::time::Duration },
    #[error("`git {verb}` was ended: it printed more than {limit} bytes")]
    TooMuch { verb: &'static str, limit: u64 },
    #[error("`git {verb}` failed with exit code {code:?}: {message}")]
    Failed { verb: &'static str, code: Option<i32>, message: String },
    #[error(
        "`{0}` cannot be the name of something for git: it starts with `-` or has a control character in it"
    )]
    NotAName(String),
    #[error("`{0}` is not the name of a branch")]
    NotABranch(String),
    #[error("the configuration of the repository cannot be read: {0}")]
    Configuration(String),
    #[error(
        "the repository sets `{key}`, which decides where data goes to; look at it, remove it with `git config --unset {key}`, or run `git {verb}` yourself"
    )]
    Redirected { key: String, verb: &'static str },
}

/// Whose configuration counts besides what is set here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Configuration {
    /// Nobody's.
    None,
    /// The person's own, with their credential helper and filters, found by way of this home.
    Person { home: PathBuf },
}

/// What kind of other repository may be talked to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transports {
    HttpsAndSsh,
    /// Paths as well. Their hooks run, and their configuration counts: only for repositories no agent can write to.
    LocalToo,
}

/// Puts a command into a confinement: gets the whole command, gives the one to run instead.
#[derive(Clone)]
struct Confine(Arc<dyn Fn(Command) -> Command + Send + Sync>);

impl std::fmt::Debug for Confine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Confine")
    }
}

/// How git is run for one working tree.
#[derive(Clone, Debug)]
pub struct Git {
    program: PathBuf,
    top: PathBuf,
    search_path: OsString,
    configuration: Configuration,
    transports: Transports,
    confine: Confine,
    limits: GitLimits,
}

impl Git {
    /// For the working tree whose top is `top`. `search_path` is the `PATH` git finds its own programs and ssh with: no
    /// directory in it may be one that an agent writes to.
    #[must_use]
    pub fn new(program: &Path, top: &Path, search_path: &OsStr) -> Self {
        Self {
            program: program.to_owned(),
            top: top.to_owned(),
            search_path: search_path.to_owned(),
            configuration: Configuration::None,
            transports: Transports::HttpsAndSsh,
            confine: Confine(Arc::new(std::convert::identity)),
            limits: GitLimits::default(),
        }
    }

    #[must_use]
    pub fn with_configuration(mut self, configuration: Configuration) -> Self {
        self.configuration = configuration;
        self
    }

    #[must_use]
    pub fn with_transports(mut self, transports: Transports) -> Self {
        self.transports = transports;
        self
    }

    #[must_use]
    pub fn with_limits(mut self, limits: GitLimits) -> Self {
        self.limits = limits;
        self
    }

    /// Every command runs inside of `confine`, the one that reads the configuration too.
    #[must_use]
    pub fn confined(mut self, confine: impl Fn(Command) -> Command + Send + Sync + 'static) -> Self {
        self.confine = Confine(Arc::new(confine));
        self
    }

    /// Begins a command.
    #[must_use]
    pub fn command(&self, verb: Verb) -> GitCommand<'_> {
        GitCommand { git: self, verb, arguments: vec![], paths: vec![], variables: vec![], settings: vec![] }
    }

    /// A command with nothing of ours in its environment but what makes git harmless.
    fn bare(&self, protocols: &str) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.top).env_clear();
        command.env("PATH", &self.search_path).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        for (name, value) in [
            ("GIT_ALLOW_PROTOCOL", protocols),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ASKPASS", "false"),
            ("SSH_ASKPASS", "false"),
            ("GIT_EDITOR", "false"),
            ("GIT_SEQUENCE_EDITOR", "false"),
            ("GIT_PAGER", "cat"),
            ("GIT_OPTIONAL_LOCKS", "0"),
            ("GIT_LITERAL_PATHSPECS", "1"),
            ("GIT_MERGE_AUTOEDIT", "no"),
        ] {
            command.env(name, value);
        }
        if let Some(above) = self.top.parent() {
            command.env("GIT_CEILING_DIRECTORIES", above);
        }
        match &self.configuration {
            Configuration::None => {
                let nothing = ["GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM"];
                nothing.iter().for_each(|name| {
                    command.env(name, "/dev/null");
                });
                command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_ATTR_NOSYSTEM", "1");
            }
            Configuration::Person { home } => {
                command.env("HOME", home);
            }
        }
        command
    }

    /// Everything that is set, by whom.
    fn settings(&self) -> Result<Vec<Setting>, GitError> {
        let mut command = self.bare("none");
        command.args(["config", "--list", "--null", "--show-scope", "--includes"]);
        let output = run::run((self.confine.0)(command), "config", &self.limits)?;
        let unreadable = |why: &str| GitError::Configuration(why.to_owned());
        if output.code != Some(0) {
            return Err(unreadable(output.errors.trim()));
        }
        let settings = parse(&output.bytes).ok_or_else(|| unreadable("git prints it in another form"))?;
        if settings.len() > KEYS {
            return Err(unreadable("it has more than 2000 values"));
        }
        Ok(settings)
    }

    /// Names of submodules: a nested repository has a configuration of its own, which nothing here overrides.
    fn submodules(&self) -> Result<Vec<String>, GitError> {
        let file = self.top.join(".gitmodules");
        if !file.symlink_metadata().is_ok_and(|it| it.is_file()) {
            return Ok(vec![]);
        }
        let mut command = self.bare("none");
        command.args(["config", "--no-includes", "--null", "--name-only", "--list", "--file"]).arg(&file);
        let output = run::run((self.confine.0)(command), "config", &self.limits)?;
        if output.code != Some(0) {
            return Err(GitError::Configuration(output.errors.trim().to_owned()));
        }
        let text = String::from_utf8(output.bytes)
            .map_err(|_| GitError::Configuration("a name in .gitmodules is not UTF-8".to_owned()))?;
        let names = text.split_terminator('\0').filter_map(|key| {
            let (name, _) = key.strip_prefix("submodule.")?.rsplit_once('.')?;
            Some(name.to_owned())
        });
        Ok(names.take(KEYS).collect())
    }
}

/// One command of git that is being put together. Options are our own words; everything that comes from elsewhere goes
/// in where it cannot be taken for one.
#[derive(Debug)]
pub struct GitCommand<'a> {
    git: &'a Git,
    verb: Verb,
    arguments: Vec<OsString>,
    paths: Vec<OsString>,
    variables: Vec<(&'static str, OsString)>,
    settings: Vec<(String, String)>,
}

impl GitCommand<'_> {
    /// An option, written in our code.
    #[must_use]
    pub fn option(mut self, option: &'static str) -> Self {
        self.arguments.push(option.into());
        self
    }

    /// `--option=value`: the value may be anything.
    #[must_use]
    pub fn value(mut self, option: &'static str, value: impl AsRef<OsStr>) -> Self {
        let mut argument = OsString::from(option);
        argument.push("=");
        argument.push(value);
        self.arguments.push(argument);
        self
    }

    /// A branch, commit, remote or URL.
    ///
    /// # Errors
    /// If git could take it for an option.
    pub fn name(mut self, name: &str) -> Result<Self, GitError> {
        if name.is_empty() || name.starts_with('-') || name.chars().any(char::is_control) {
            return Err(GitError::NotAName(name.escape_debug().to_string()));
        }
        self.arguments.push(name.into());
        Ok(self)
    }

    /// A branch here and the one of the same name there, and nothing else. With one name alone git asks the
    /// repository's configuration which branch of the other side is meant, and whether by force.
    ///
    /// # Errors
    /// If it is not the plain name of a branch.
    pub fn same_branch(self, name: &str) -> Result<Self, GitError> {
        let odd = |c: char| c.is_whitespace() || "+:*?[\\~^".contains(c);
        if name.is_empty() || name.contains(odd) {
            return Err(GitError::NotABranch(name.escape_debug().to_string()));
        }
        self.name(&format!("refs/heads/{name}:refs/heads/{name}"))
    }

    /// Paths, taken literally.
    #[must_use]
    pub fn paths<P: AsRef<OsStr>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        self.paths.extend(paths.into_iter().map(|path| path.as_ref().to_owned()));
        self
    }

    /// Who commits.
    #[must_use]
    pub fn identity(mut self, name: &str, email: &str) -> Self {
        for (variable, value) in [
            ("GIT_AUTHOR_NAME", name),
            ("GIT_COMMITTER_NAME", name),
            ("GIT_AUTHOR_EMAIL", email),
            ("GIT_COMMITTER_EMAIL", email),
        ] {
            self.variables.push((variable, value.into()));
        }
        self
    }

    /// A value of the configuration that stands above every file. Not on the command line, which everybody can read.
    #[must_use]
    pub fn setting(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.settings.push((key.into(), value.into()));
        self
    }

    /// A variable for git and what it runs to reach another host.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs it, and fails if git does.
    ///
    /// # Errors
    /// See `GitError`.
    pub fn run(self) -> Result<GitOutput, GitError> {
        let verb = self.verb.recipe().0;
        let output = self.attempt()?;
        if output.code == Some(0) {
            return Ok(output);
        }
        Err(GitError::Failed { verb, code: output.code, message: output.errors.trim().to_owned() })
    }

    /// Runs it; the exit code may say something (`diff --quiet`, a merge with conflicts).
    ///
    /// # Errors
    /// If it could not be run to its end.
    pub fn attempt(self) -> Result<GitOutput, GitError> {
        let (verb, command) = self.build()?;
        run::run((self.git.confine.0)(command), verb, &self.git.limits)
    }

    fn build(&self) -> Result<(&'static str, Command), GitError> {
        let (verb, options) = self.verb.recipe();
        let protocols = match (self.verb.connects(), self.git.transports) {
            (false, _) => "none",
            (true, Transports::HttpsAndSsh) => "https:ssh",
            (true, Transports::LocalToo) => "https:ssh:file",
        };
        let mut command = self.git.bare(protocols);
        let overrides = self.overrides(verb)?;
        command.env("GIT_CONFIG_COUNT", overrides.len().to_string());
        // Not on the command line, which every user of the machine can read.
        for (index, (key, value)) in overrides.iter().enumerate() {
            command.env(format!("GIT_CONFIG_KEY_{index}"), key);
            command.env(format!("GIT_CONFIG_VALUE_{index}"), value);
        }
        if !self.verb.begins() {
            command.env("GIT_WORK_TREE", &self.git.top);
        }
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.arg("--no-pager").arg(verb).args(options).args(&self.arguments);
        if !self.paths.is_empty() {
            command.arg("--").args(&self.paths);
        }
        Ok((verb, command))
    }

    /// What is set over the heads of all files, in the order in which the last one wins.
    fn overrides(&self, verb: &'static str) -> Result<Vec<(String, String)>, GitError> {
        let mut overrides: Vec<(String, String)> = Vec::new();
        let mut set = |key: &str, value: &str| overrides.push((key.to_owned(), value.to_owned()));
        let (settings, submodules) = if self.verb.begins() {
            (vec![], vec![])
        } else {
            (self.git.settings()?, self.git.submodules()?)
        };
        let persons = |key: &str| {
            let same = |it: &&Setting| it.scope == Scope::Person && it.key.eq_ignore_ascii_case(key);
            settings.iter().filter(same).map(|it| it.value.clone()).collect::<Vec<_>>()
        };
        ALWAYS.iter().for_each(|(key, value)| set(key, value));
        for (key, off) in UNLESS_PERSONS {
            set(key, off);
            persons(key).iter().for_each(|value| set(key, value));
        }
        for Setting { key, .. } in settings.iter().filter(|it| it.scope == Scope::Repository) {
            match treatment(key) {
                Treatment::Keep => {}
                Treatment::Set(off) => {
                    set(key, off);
                    persons(key).iter().for_each(|value| set(key, value));
                }
                Treatment::NoNetwork if self.verb.connects() => {
                    return Err(GitError::Redirected { key: key.clone(), verb });
                }
                Treatment::NoNetwork => {}
            }
        }
        for name in submodules {
            set(&format!("submodule.{name}.ignore"), "all");
            set(&format!("submodule.{name}.update"), "none");
        }
        self.settings.iter().for_each(|(key, value)| set(key, value));
        Ok(overrides)
    }
}
