//! The few tools of the scripted agent. They do what the permit says, in the session's directory, and nothing else.

use crate::Launch;
use leashd_sandbox::Supervised;
use leashd_sandbox::confine::CONFINE;
use serde_json::Value;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

pub(super) const NAMES: &[&str] = &["Bash", "Edit", "Read", "Write"];

/// For one command.
const PATIENCE: Duration = Duration::from_secs(30);
/// Characters of an error message.
const MESSAGE: usize = 500;

/// Runs one permitted call.
pub(super) async fn run(launch: &Launch, supervisor: &Path, tool: &str, input: &Value) -> Result<(), String> {
    let text = |name: &str| {
        let found = input.get(name).and_then(Value::as_str);
        found.ok_or_else(|| format!("{tool} needs the text `{name}`"))
    };
    let path = || text("file_path").map(|path| launch.directory.join(path));
    match tool {
        "Bash" => bash(launch, supervisor, text("command")?).await,
        "Read" => read(&path()?).map(drop),
        "Write" => write(&path()?, text("content")?),
        "Edit" => edit(&path()?, text("old_string")?, text("new_string")?),
        other => Err(format!("the scripted agent has no tool {other}")),
    }
}

fn read(path: &PathBuf) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

fn write(path: &PathBuf, content: &str) -> Result<(), String> {
    fs::write(path, content).map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn edit(path: &PathBuf, old: &str, new: &str) -> Result<(), String> {
    let before = read(path)?;
    if before.matches(old).count() != 1 {
        return Err(format!("the text to replace is not exactly once in {}", path.display()));
    }
    write(path, &before.replacen(old, new, 1))
}

/// A shell of its own each time, behind the walls of the launch if there are any, with no environment but a PATH, in a process tree that ends with it.
async fn bash(launch: &Launch, supervisor: &Path, command: &str) -> Result<(), String> {
    const SHELL: &str = "/bin/bash";
    let mut args: Vec<OsString> = ["--noprofile", "--norc", "-c", command].map(OsString::from).to_vec();
    let program = match &launch.walls {
        None => Path::new(SHELL),
        Some(walls) => {
            let first =
                [CONFINE.into(), walls.profile.clone().into(), walls.wish.as_str().into(), SHELL.into()];
            args.splice(0..0, first);
            supervisor
        }
    };
    let environment: [(OsString, OsString); 2] = [
        ("PATH".into(), "/usr/local/bin:/usr/bin:/bin".into()),
        ("HOME".into(), launch.directory.clone().into()),
    ];
    let supervised = Supervised::command(&leashd_sandbox::Launch {
        supervisor,
        program,
        args: &args,
        env: &environment,
        cwd: &launch.directory,
    });
    let Supervised { command, lifeline } = supervised.map_err(|error| error.to_string())?;
    let mut command = Command::from(command);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await;
    lifeline.stop();
    let output = output
        .map_err(|_| format!("the command was stopped after {} s", PATIENCE.as_secs()))?
        .map_err(|error| format!("the command cannot be started: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(complaint.trim().chars().take(MESSAGE).collect())
}
