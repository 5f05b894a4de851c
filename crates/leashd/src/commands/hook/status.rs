//! What stands in the settings: whether the hook is installed and works, for which version, and what weakens it.

use super::agent::{self, AgentFound, within};
use super::command::{EVENTS, TIMEOUT_SECONDS};
use crate::cli::HookPlace;
use crate::commands::out::out;
use crate::failure::{Exit, Failure};
use crate::hook::line::Own;
use crate::hook::weakness::{self, Grade, Scope, SettingsFile, Weakness, entries};
use crate::hook::{Pinned, claude_directory};
use crate::policies;
use crate::settings::Settings;
use leashd_agents::claude::MINIMUM;
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

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
pub(crate) enum PinnedAs {
    Missing,
    Here,
    /// Another environment than this one.
    Elsewhere,
}

pub(super) fn run(place: &HookPlace) -> Result<Exit, Failure> {
    let report = look(&std::env::current_dir()?)?;
    let out = &mut out();
    for (file, installed) in &report.files {
        if place.project && file.scope != Scope::Local || place.user && file.scope != Scope::User {
            continue;
        }
        let said = match installed {
            Installed::No => "no hook of leashd".to_owned(),
            Installed::Yes(line) => format!("installed: {line}"),
            Installed::Broken(why) => format!("BROKEN: {why}"),
        };
        writeln!(out, "{} ({}): {said}", file.scope, file.path.display())?;
    }
    let agent = match report.agent {
        AgentFound::Missing => "claude is not on PATH".to_owned(),
        AgentFound::Unsupported(version) => format!("Claude Code {version}"),
        AgentFound::Supported(version) => format!("Claude Code {version}: supported"),
    };
    writeln!(out, "{agent}")?;
    let complaints = report.complaints();
    for complaint in &complaints {
        writeln!(out, "! {complaint}")?;
    }
    for weakness in report.weaknesses.iter().filter(|weakness| !weakness.is_grave()) {
        writeln!(out, "- {weakness}")?;
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
    let own = Own::in_home(&settings.home);
    let agent = agent::find();
    let files: Vec<_> = weakness::settings_files(&claude, Some(project))
        .into_iter()
        .map(|file| {
            let installed = match installed(&file, &own, project) {
                Installed::Yes(line) => loaded(&file, agent, line),
                other => other,
            };
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
    let weaknesses = weakness::find(&claude, Some(project), &own);
    Ok(Report { files, agent, weaknesses, pinned, policy })
}

/// Whether Claude Code takes the file in which the hook stands. Of a project's it is not asked: it would have to be run
/// on what somebody else may have written.
fn loaded(file: &SettingsFile, agent: AgentFound, line: String) -> Installed {
    if file.scope.is_foreign() || !matches!(agent, AgentFound::Supported(_)) {
        return Installed::Yes(line);
    }
    match agent::complaint(&file.path) {
        None => Installed::Yes(line),
        Some(why) => Installed::Broken(format!(
            "Claude Code finds the file invalid ({why}) and may ignore the whole of it, the hook included"
        )),
    }
}

fn installed(file: &SettingsFile, own: &Own, project: &Path) -> Installed {
    // A file that cannot be read is a weakness of its own.
    let Ok(Some(settings)) = weakness::read(&file.path) else { return Installed::No };
    let Some(Value::Object(hooks)) = settings.get("hooks") else { return Installed::No };
    let is_ours = |hook: &Value| own.is(file.scope, hook);
    let mut line = None;
    let mut missing = Vec::new();
    for (event, _) in EVENTS {
        let ours: Vec<_> = entries(hooks, event).filter(|hook| is_ours(hook)).collect();
        match ours.as_slice() {
            [] => missing.push(event),
            [hook, ..] => line = line.or_else(|| hook.get("command").and_then(Value::as_str)),
        }
        if event == "PreToolUse" && !ours.is_empty() && !sees_every_tool(hooks.get(event), &is_ours) {
            return Installed::Broken("its matcher for PreToolUse leaves tools out".to_owned());
        }
        if let Some(why) = ours.iter().find_map(|hook| is_weaker(hook)) {
            return Installed::Broken(format!("for {event} {why}"));
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

/// Why an entry holds less than the one that is installed.
fn is_weaker(hook: &Value) -> Option<String> {
    const KNOWN: [&str; 7] =
        ["type", "command", "timeout", "onFailure", "statusMessage", "async", "asyncRewake"];
    if hook.get("timeout").and_then(Value::as_u64) < Some(u64::from(TIMEOUT_SECONDS)) {
        return Some(format!("its timeout is shorter than {TIMEOUT_SECONDS} s"));
    }
    if hook.get("type") != Some(&Value::from("command")) {
        return Some("it is not of the type `command`".to_owned());
    }
    if hook.get("onFailure") != Some(&Value::from("block")) {
        return Some(
            "it has no `onFailure: block`: one that is killed or too slow lets calls through".to_owned(),
        );
    }
    let other = hook.as_object()?.keys().find(|key| !KNOWN.contains(&key.as_str()))?;
    Some(format!("it has `{other}`, which may leave calls out and was not installed"))
}

fn sees_every_tool(groups: Option<&Value>, is_ours: &dyn Fn(&Value) -> bool) -> bool {
    let groups = groups.and_then(Value::as_array).into_iter().flatten();
    let ours = |group: &&Value| {
        group.get("hooks").and_then(Value::as_array).is_some_and(|hooks| hooks.iter().any(&is_ours))
    };
    groups.filter(ours).any(|group| match group.get("matcher") {
        None => true,
        Some(matcher) => matches!(matcher.as_str(), Some("" | "*")),
    })
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
