//! The agent as it is found on PATH: its version, and what it says of a settings file. It is run where nothing of a
//! project is.

use leashd_agents::claude::{MINIMUM, Version};
use rustix::fs::{Access, access};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// For each run of a program that should be quick.
const PATIENCE: Duration = Duration::from_secs(15);
/// How `claude doctor` heads what is wrong with settings.
const INVALID: &str = "Invalid settings";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentFound {
    Missing,
    Unsupported(Version),
    Supported(Version),
}

/// The version of the `claude` on PATH.
pub(super) fn find() -> AgentFound {
    let said = program().and_then(|program| run(Command::new(program).arg("--version")).ok());
    match said.and_then(|text| Version::parse(&text)) {
        None => AgentFound::Missing,
        Some(version) if version < MINIMUM => AgentFound::Unsupported(version),
        Some(version) => AgentFound::Supported(version),
    }
}

/// The first thing that Claude Code finds wrong with a person's settings. It looks at a copy, in a home of its own.
pub(super) fn complaint(settings: &Path) -> Option<String> {
    let home = tempfile::Builder::new().prefix("leashd-look-").tempdir().ok()?;
    fs::copy(settings, home.path().join("settings.json")).ok()?;
    let mut command = Command::new(program()?);
    command
        .arg("doctor")
        .env("HOME", home.path())
        .env("CLAUDE_CONFIG_DIR", home.path())
        .env("DISABLE_AUTOUPDATER", "1")
        .env("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1");
    invalid(&run(&mut command).ok()?)
}

/// The first line below the heading, without the name of the file.
fn invalid(said: &str) -> Option<String> {
    let line = said.lines().skip_while(|line| line.trim() != INVALID).nth(1)?;
    Some(line.split_once(" › ").map_or(line, |(_, what)| what).trim_start_matches("- ").to_owned())
}

/// The first `claude` in the absolute directories of PATH: a relative one would be the project's own program.
fn program() -> Option<PathBuf> {
    let directories = std::env::var_os("PATH")?;
    let runs = |program: &PathBuf| program.is_file() && access(program, Access::EXEC_OK).is_ok();
    let programs = std::env::split_paths(&directories).filter(|directory| directory.is_absolute());
    programs.map(|directory| directory.join("claude")).find(runs)
}

fn run(command: &mut Command) -> Result<String, String> {
    // Not where somebody else's files could be taken for the program's own.
    command.current_dir("/").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    let child = command.spawn().map_err(|error| error.to_string())?;
    within(child).map(|(_, text)| text)
}

/// Waits for a program that says little.
pub(super) fn within(mut child: std::process::Child) -> Result<(Option<i32>, String), String> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match child.try_wait() {
            Ok(Some(_)) => break,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                drop(child.kill());
                drop(child.wait());
                return Err(format!("it takes longer than {} s", PATIENCE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    Ok((output.status.code(), leashd_types::visible(&text)))
}

#[cfg(test)]
mod tests {
    use super::invalid;

    #[test]
    fn what_is_wrong_with_settings_is_read() {
        let said = "Claude Code doctor\n\nInvalid settings\n- /h/settings.json › model: Expected string\n- /h/x › y: z\n\nMore\n";
        assert_eq!(invalid(said).as_deref(), Some("model: Expected string"));
        assert_eq!(
            invalid("Invalid settings\n- /h/settings.json: Invalid JSON").as_deref(),
            Some("/h/settings.json: Invalid JSON")
        );
        assert_eq!(invalid("Claude Code doctor\n\nNo installation issues found.\n"), None);
    }
}
