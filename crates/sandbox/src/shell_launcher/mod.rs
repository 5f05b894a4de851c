//! The launcher in front of each shell command of an agent, and the directory it takes its orders from. Knows no
//! verdict: whoever writes the directory does.
//!
//! Claude Code runs `CLAUDE_CODE_SHELL_PREFIX` with one argument: the whole line for bash, in which the model's command
//! is the argument of `eval` (seen with 2.1.330). The launcher enters the profile that was written for exactly this
//! command, else the tightest one, and becomes bash. A line without `eval` is an MCP server.
//!
//! The directory is read-only to the agent. An allowance is therefore not used up by the launcher but taken back by its
//! writer, when the call is over ([`Allowance`] is dropped); until then the same command text may run again.
//!
//! Nobody gains by calling the launcher: it starts inside the domain of whoever calls it, and adds to it.

mod line;
#[cfg(test)]
mod tests;

use crate::confine::{self, Command, Kernel, WITHOUT};
use crate::profile::Profile;
use leashd_types::Digest;
use serde::{Deserialize, Serialize};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, symlink};
use std::path::{Path, PathBuf};

/// The name under which the binary is this launcher. `main` looks at its own name before it starts any thread.
pub const SHELL_LAUNCHER: &str = "leashd-shell";

const TIGHTEST: &str = "shell.json";
const SERVER: &str = "server.json";
const ALLOWANCES: &str = "allowances";
const SERVERS: &str = "servers";
/// Bytes of a profile.
const PROFILE_LIMIT: u64 = 1024 * 1024;
/// Exit status when nothing was run: containment failed.
const NOT_CONTAINED: i32 = 6;

/// Variables that a command does not get: keys of the agent, and ways to talk to it.
const KEPT_BACK: &[&str] = &[
    "ANTHROPIC_",
    "CLAUDE_CODE_OAUTH",
    "CLAUDE_CODE_MESSAGING_",
    "CLAUDE_CODE_SHELL_PREFIX",
    "CLAUDE_CONFIG_DIR",
    "AWS_",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "LEASHD_",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "LD_",
    "BASH_ENV",
];

/// The launcher's directory, seen by its writer.
#[derive(Debug)]
pub struct ShellLauncher {
    directory: PathBuf,
}

/// Profiles of one session.
#[derive(Debug, Serialize, Deserialize)]
struct Orders {
    profile: Profile,
}

impl ShellLauncher {
    /// Writes the launcher into `directory`, which must be private, and readable inside the outer domain. `program` is
    /// leashd's binary; `tightest` is for commands nobody said anything about, `server` for MCP servers.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn create(
        directory: &Path,
        program: &Path,
        tightest: &Profile,
        server: &Profile,
    ) -> io::Result<Self> {
        fs::DirBuilder::new().mode(0o700).recursive(true).create(directory.join(ALLOWANCES))?;
        fs::DirBuilder::new().mode(0o700).create(directory.join(SERVERS))?;
        symlink(program, directory.join(SHELL_LAUNCHER))?;
        write(&directory.join(TIGHTEST), tightest)?;
        write(&directory.join(SERVER), server)?;
        Ok(Self { directory: directory.to_owned() })
    }

    /// What `CLAUDE_CODE_SHELL_PREFIX` has to be. Claude Code takes what follows a space and a dash for arguments, so
    /// the path must not have these.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.directory.join(SHELL_LAUNCHER)
    }

    /// Lets `command`, exactly as the model wrote it, run inside `profile` until the allowance is dropped.
    ///
    /// # Errors
    /// If the file cannot be written, or there is an allowance for this command already.
    pub fn allow(&self, command: &str, profile: &Profile) -> io::Result<Allowance> {
        let path = allowance(&self.directory, command);
        // Complete from the first moment it is seen.
        let new = path.with_extension("new");
        write(&new, profile)?;
        let linked = fs::hard_link(&new, &path);
        fs::remove_file(&new)?;
        linked.map(|()| Allowance { path })
    }
}

impl ShellLauncher {
    /// Gives the MCP server that is started with exactly these words a profile of its own.
    ///
    /// # Errors
    /// If the file cannot be written, or these words have one already.
    pub fn server(&self, words: &[String], profile: &Profile) -> io::Result<()> {
        write(&server(&self.directory, words), profile)
    }
}

/// Lets one command have more than others. Dropping it takes that back.
#[derive(Debug)]
pub struct Allowance {
    path: PathBuf,
}

impl Drop for Allowance {
    fn drop(&mut self) {
        // If it stays, the same command may run again inside the same profile; the session's end removes it.
        let _taken_back = fs::remove_file(&self.path);
    }
}

/// True if `main` was called under the launcher's name.
#[must_use]
pub fn is_shell_launcher(name: &OsStr) -> bool {
    Path::new(name).file_name() == Some(OsStr::new(SHELL_LAUNCHER))
}

/// The launcher itself: returns only if nothing could be run, with the exit status. `name` is what it was called as,
/// `args` are those after it.
pub fn shell_launcher_main(name: &OsStr, args: impl IntoIterator<Item = OsString>) -> i32 {
    let why = match launch(name, args) {
        Ok(never) => match never {},
        Err(why) => why,
    };
    let _nobody_reads = writeln!(io::stderr(), "leashd: {why}; the command was not run");
    NOT_CONTAINED
}

fn launch(
    name: &OsStr,
    args: impl IntoIterator<Item = OsString>,
) -> Result<std::convert::Infallible, String> {
    let directory = Path::new(name).parent().filter(|directory| directory.is_absolute());
    let directory = directory.ok_or("the launcher is called by its absolute path")?;
    let mut args = args.into_iter();
    let (Some(line), None) = (args.next(), args.next()) else {
        return Err("the launcher takes one argument, the command line".to_owned());
    };
    let profile = profile_for(directory, &line)?;
    // It becomes the command itself and makes no control group: that is not worth a look, for every command.
    let mut without = std::env::var_os(WITHOUT).unwrap_or_default();
    without.push(",groups");
    let kernel = Kernel::detect(Some(&without));
    let command = Command {
        program: "/bin/bash".into(),
        args: vec!["-c".into(), line],
        environment: std::env::vars_os().filter(|(name, _)| !is_kept_back(name)).collect(),
        directory: std::env::current_dir().map_err(|error| format!("the working directory: {error}"))?,
    };
    Err(confine::replace(&profile, &kernel, &command).to_string())
}

fn is_kept_back(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    KEPT_BACK.iter().any(|prefix| name.starts_with(prefix.as_bytes()))
}

/// The profile for this very command, else the tightest.
fn profile_for(directory: &Path, line: &OsStr) -> Result<Profile, String> {
    let line = line.to_string_lossy();
    let (own, general) = match line::command(&line) {
        line::Line::Command(command) => (Some(allowance(directory, &command)), TIGHTEST),
        line::Line::NoEval(words) => (Some(server(directory, &words)), SERVER),
        line::Line::Unclear => (None, TIGHTEST),
    };
    match own.as_deref().map(read) {
        Some(Ok(profile)) => return Ok(profile),
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => {
            return Err(format!("the allowance cannot be read: {error}"));
        }
        Some(Err(_)) | None => {}
    }
    read(&directory.join(general)).map_err(|error| format!("{general} of the session: {error}"))
}

fn allowance(directory: &Path, command: &str) -> PathBuf {
    directory.join(ALLOWANCES).join(format!("{}.json", Digest::plain(&[command.as_bytes()])))
}

fn server(directory: &Path, words: &[String]) -> PathBuf {
    let words: Vec<&[u8]> = words.iter().map(String::as_bytes).collect();
    directory.join(SERVERS).join(format!("{}.json", Digest::of_parts(&words)))
}

fn write(path: &Path, profile: &Profile) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    // In one piece: the writer of the library makes a system call of every word.
    file.write_all(&serde_json::to_vec(&Orders { profile: profile.clone() })?)
}

fn read(path: &Path) -> io::Result<Profile> {
    let mut text = Vec::new();
    fs::File::open(path)?.take(PROFILE_LIMIT).read_to_end(&mut text)?;
    Ok(serde_json::from_slice::<Orders>(&text)?.profile)
}
