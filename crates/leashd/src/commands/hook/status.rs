//! What stands in the settings: whether the hook is installed and works, for which version, and what weakens it.

use super::command::{EVENTS, TIMEOUT_SECONDS};
use super::installed_line;
use crate::cli::HookPlace;
use crate::failure::{Exit, Failure};
use crate::hook::weakness::{self, Grade, Scope, SettingsFile, Weakness, entries, is_ours, looks_like_ours};
use crate::hook::{Pinned, claude_directory};
use crate::policies;
use crate::settings::Settings;
use leashd_agents::claude::{MINIMUM, Version};
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// For `claude --version` and for one run of the installed hook.
const PATIENCE: Duration = Duration::from_secs(15);
/// An event on which nothing is decided and nothing written.
const PROBE: &str = r#"{"hook_event_name":"StopFailure","session_id":"status"}"#;

/// What was found.
#[derive(Debug)]
pub(crate) struct Report {
    /// Each settings file and what of the hook is in it.
    pub(crate) files: Vec<(SettingsFile, Installed)>,
    pub(crate) agent: AgentFound,
    pub(crate) weaknesses: Vec<Weakness>,
    /// The settings it judges with are those of this environment.
    pub(crate) pinned: PinnedAs,
    /// Why the policies it judges with do not load.
    pub(crate) policy: Option<String>,
}

/// How a settings file carries the hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Installed {
    No,
    /// The command line, which works.
    Yes(String),
    /// What is wrong with it.
    Broken(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AgentFound {
    Missing,
    Unsupported(Version),
    Supported(Version),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PinnedAs {
    Missing,
    Here,
    /// Another environment than this one.
    Elsewhere,
}

pub(super) fn run(place: &HookPlace) -> Result<Exit, Failure> {
    let report = look(&std::env::current_dir()?)?;
    for (file, installed) in &report.files {
        if place.project && file.scope != Scope::Local || place.user && file.scope != Scope::User {
            continue;
        }
        let said = match installed {
            Installed::No => "no hook of leashd".to_owned(),
            Installed::Yes(line) => format!("installed: {line}"),
            Installed::Broken(why) => format!("BROKEN: {why}"),
        };
        println!("{} ({}): {said}", file.scope, file.path.display());
    }
    let agent = match report.agent {
        AgentFound::Missing => "claude is not on PATH".to_owned(),
        AgentFound::Unsupported(version) => format!("Claude Code {version}"),
        AgentFound::Supported(version) => format!("Claude Code {version}: supported"),
    };
    println!("{agent}");
    let complaints = report.complaints();
    for complaint in &complaints {
        println!("! {complaint}");
    }
    for weakness in report.weaknesses.iter().filter(|weakness| !weakness.is_grave()) {
        println!("- {weakness}");
    }
    Ok(if complaints.is_empty() && report.is_installed() { Exit::Done } else { Exit::Failed })
}

impl Report {
    pub(crate) fn is_installed(&self) -> bool {
        self.files.iter().any(|(_, installed)| matches!(installed, Installed::Yes(_)))
    }

    /// What a person should act on.
    pub(crate) fn complaints(&self) -> Vec<String> {
        let mut said: Vec<String> = Vec::new();
        for (file, installed) in &self.files {
            if let Installed::Broken(why) = installed {
                said.push(format!("{} ({}): {why}", file.scope, file.path.display()));
            }
        }
        if let AgentFound::Unsupported(version) = self.agent {
            said.push(format!(
                "Claude Code {version} lets calls through when a hook's shell is killed; {MINIMUM} is the oldest \
                 supported version"
            ));
        }
        if self.pinned == PinnedAs::Elsewhere {
            said.push(
                "the hook judges with other LEASHD_ settings than this shell has; `leashd hook install` takes these over"
                    .to_owned(),
            );
        }
        if let Some(why) = &self.policy {
            said.push(format!("every call here is blocked: {why}"));
        }
        said.extend(
            self.weaknesses.iter().filter(|weakness| weakness.grade == Grade::Grave).map(ToString::to_string),
        );
        said
    }
}

/// Looks at everything that concerns a session in `project`.
pub(crate) fn look(project: &Path) -> Result<Report, Failure> {
    let settings = Settings::from_environment()?;
    let claude = claude_directory(&settings, std::env::var_os("CLAUDE_CONFIG_DIR"));
    let line = installed_line(&settings.home)?;
    let files: Vec<_> = weakness::settings_files(&claude, Some(project))
        .into_iter()
        .map(|file| {
            let installed = installed(&file, project, &line);
            (file, installed)
        })
        .collect();
    let known = Pinned::read(&settings.home)?;
    let pinned = match &known {
        None => PinnedAs::Missing,
        Some(pinned) if pinned.is_like(&Pinned::from_environment()?) => PinnedAs::Here,
        Some(_) => PinnedAs::Elsewhere,
    };
    let judged_with = match &known {
        None => settings,
        Some(known) => known.settings(Some(&settings.home))?,
    };
    let policy = policies::load(&judged_with, &[], project).err().map(|failure| failure.message);
    Ok(Report {
        files,
        agent: agent(),
        weaknesses: weakness::find(&claude, Some(project), &line),
        pinned,
        policy,
    })
}

/// `wanted` is the command line that this leashd writes. No other from a file that travels with a repository is run to see
/// whether it works: the repository would run what it likes, before anybody trusted it.
fn installed(file: &SettingsFile, project: &Path, wanted: &str) -> Installed {
    // A file that cannot be read is a weakness of its own.
    let Ok(Some(settings)) = weakness::read(&file.path) else { return Installed::No };
    let Some(Value::Object(hooks)) = settings.get("hooks") else { return Installed::No };
    let is_ours = |hook: &Value| is_ours(file.scope, wanted, hook);
    let alike = |hook: &Value| looks_like_ours(hook) && !is_ours(hook);
    if hooks.keys().flat_map(|event| entries(hooks, event)).any(alike) && file.scope.is_foreign() {
        let why = "a command in it looks like leashd's and is not the one that `leashd hook install` writes; look at it, \
                   then take it out";
        return Installed::Broken(why.to_owned());
    }
    let mut line = None;
    let mut missing = Vec::new();
    for (event, _) in EVENTS {
        let ours: Vec<_> = entries(hooks, event).filter(|hook| is_ours(hook)).collect();
        match ours.as_slice() {
            [] => missing.push(event),
            [hook, ..] => line = line.or_else(|| hook.get("command").and_then(Value::as_str)),
        }
        if event == "PreToolUse" && !ours.is_empty() && !sees_every_tool(hooks.get(event), is_ours) {
            return Installed::Broken("its matcher for PreToolUse leaves tools out".to_owned());
        }
        let waits =
            |hook: &&Value| hook.get("timeout").and_then(Value::as_u64) < Some(u64::from(TIMEOUT_SECONDS));
        if ours.iter().any(waits) {
            return Installed::Broken(format!("its timeout for {event} is shorter than {TIMEOUT_SECONDS} s"));
        }
    }
    let Some(line) = line else { return Installed::No };
    if !missing.is_empty() {
        return Installed::Broken(format!("it is not installed for {}", missing.join(", ")));
    }
    if !line.trim_end().ends_with("|| exit 2") {
        return Installed::Broken(
            "its command does not end in `|| exit 2`: a hook that is missing lets calls through".to_owned(),
        );
    }
    match probe(line, project) {
        Ok(()) => Installed::Yes(line.to_owned()),
        Err(why) => Installed::Broken(format!("{why}, so it blocks every call; run `leashd hook install`")),
    }
}

fn sees_every_tool(groups: Option<&Value>, is_ours: impl Fn(&Value) -> bool) -> bool {
    let groups = groups.and_then(Value::as_array).into_iter().flatten();
    let ours = |group: &&Value| {
        group.get("hooks").and_then(Value::as_array).is_some_and(|hooks| hooks.iter().any(&is_ours))
    };
    groups
        .filter(ours)
        .any(|group| matches!(group.get("matcher").and_then(Value::as_str), None | Some("" | "*")))
}

/// Runs the installed line as Claude Code would, on an event that changes nothing.
fn probe(line: &str, project: &Path) -> Result<(), String> {
    let mut child = Command::new("/bin/sh")
        .args(["-c", line])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("CLAUDE_PROJECT_DIR", project)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("it cannot be run: {error}"))?;
    if let Some(mut input) = child.stdin.take() {
        // One that ends without reading says why below.
        drop(input.write_all(PROBE.as_bytes()));
    }
    let output = within(child)?;
    if output.0 == Some(0) {
        return Ok(());
    }
    let said = output.1.lines().next().unwrap_or("it says nothing").to_owned();
    Err(format!("it does not work ({said})"))
}

/// Waits for a program that says little.
fn within(mut child: std::process::Child) -> Result<(Option<i32>, String), String> {
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

/// The first program of that name in the absolute directories of a PATH.
fn find(name: &str, path: &OsStr) -> Option<PathBuf> {
    let programs =
        std::env::split_paths(path).filter(|place| place.is_absolute()).map(|place| place.join(name));
    programs
        .into_iter()
        .find(|program| program.is_file() && rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok())
}

fn agent() -> AgentFound {
    // Not by a relative directory of PATH: that would be the project's own program.
    let Some(program) = std::env::var_os("PATH").and_then(|path| find("claude", &path)) else {
        return AgentFound::Missing;
    };
    let spawned = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let said = spawned.map_err(|error| error.to_string()).and_then(within);
    match said.ok().and_then(|(_, text)| Version::parse(&text)) {
        None => AgentFound::Missing,
        Some(version) if version < MINIMUM => AgentFound::Unsupported(version),
        Some(version) => AgentFound::Supported(version),
    }
}
