//! The one launch recipe: arguments, settings, environment and the files behind them.
//!
//! What the recipe rests on, seen with 2.1.197 and 2.1.330 as one piece:
//! - `permissions.ask: ["*"]` brings every tool call to the permission request, subagents included, whatever the mode.
//! - Empty setting sources load no settings of the repository and none of the person: no hooks, allow rules, `env`,
//!   `apiKeyHelper`, skills or agents of the project. `--strict-mcp-config` does the same for `.mcp.json`.
//! - `disableAllHooks` silences all hooks of settings and plugins; the callbacks registered on the pipe still fire.
//! - A sandbox of Claude Code's own would let Bash pass unasked; `autoAllowBashIfSandboxed: false` prevents it.
//! - `--add-dir` with `CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD` loads CLAUDE.md (with its imports, and
//!   `.claude/rules`) and nothing else of a directory. 2.1.330 follows no import out of it; 2.1.197 does.
//! - `--plugin-dir` gives back a person's own skills, agents and commands, named `personal:…`; hooks and MCP servers of
//!   such a plugin stay off, a skill's shell lines do not run, and what it calls is asked for.

use crate::claude::environment::{value, with_ours};
use crate::claude::request::permission_mode;
use crate::{Conversation, Launch, StartError};
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};

/// What a person keeps in the configuration directory for all projects.
const PERSONAL: &[&str] = &["skills", "agents", "commands"];

/// Everything the process is started with.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) args: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// Where transcripts are.
    pub(crate) config_directory: Option<PathBuf>,
}

/// Writes the files of the launch and puts the command line together.
pub(crate) fn prepare(launch: &Launch) -> Result<Prepared, StartError> {
    let environment = with_ours(&launch.environment, ours(launch));
    let config_directory = launch
        .config_directory
        .clone()
        .or_else(|| value(&environment, "HOME").map(|home| Path::new(home).join(".claude")));
    let theirs = launch.personal_directory.as_deref().or(config_directory.as_deref());
    let personal = personal_directory(launch, theirs)?;
    let mcp = write_mcp_servers(launch)?;
    Ok(Prepared { args: args(launch, &personal, &mcp), environment, config_directory })
}

fn ours(launch: &Launch) -> Vec<(OsString, OsString)> {
    let mut ours: Vec<(OsString, OsString)> = vec![
        ("CLAUDE_CODE_ADDITIONAL_DIRECTORIES_CLAUDE_MD".into(), "1".into()),
        // The truth about idle and running.
        ("CLAUDE_CODE_EMIT_SESSION_STATE_EVENTS".into(), "1".into()),
        ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC".into(), "1".into()),
        ("DISABLE_AUTOUPDATER".into(), "1".into()),
        ("CLAUDE_CODE_MAX_RETRIES".into(), launch.limits.retries.to_string().into()),
        // Shell lines are read as bash before they run; they must not run in another shell.
        ("SHELL".into(), "/bin/bash".into()),
    ];
    if let Some(directory) = &launch.config_directory {
        ours.push(("CLAUDE_CONFIG_DIR".into(), directory.into()));
    }
    if let Some(launcher) = &launch.shell_launcher {
        ours.push(("CLAUDE_CODE_SHELL_PREFIX".into(), launcher.into()));
    }
    if let Some(directory) = &launch.temporary_directory {
        ours.push(("TMPDIR".into(), directory.into()));
        ours.push(("CLAUDE_CODE_TMPDIR".into(), directory.into()));
    }
    ours
}

pub(crate) fn settings() -> Value {
    json!({
        "disableAllHooks": true,
        "disableSkillShellExecution": true,
        // Each host is judged here; the vendor need not be told of it, nor be reached.
        "skipWebFetchPreflight": true,
        "disableWorkflows": true,
        "disableAgentView": true,
        "disableRemoteControl": true,
        "crossSessionInbound": "refuse",
        "useAutoModeDuringPlan": false,
        "enableAllProjectMcpServers": false,
        "permissions": {
            "ask": ["*"],
            "disableAutoMode": "disable",
            "disableBypassPermissionsMode": "disable",
        },
        "sandbox": {"autoAllowBashIfSandboxed": false},
    })
}

/// Values are joined with `=`: one that starts with a dash must not become an option.
fn args(launch: &Launch, personal: &Path, mcp: &Path) -> Vec<OsString> {
    let mut args: Vec<OsString> = [
        "-p",
        "--input-format=stream-json",
        "--output-format=stream-json",
        "--verbose",
        "--include-partial-messages",
        "--permission-prompt-tool=stdio",
        "--setting-sources=",
        "--strict-mcp-config",
    ]
    .iter()
    .map(OsString::from)
    .collect();
    let mut option = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        let mut arg = OsString::from(format!("--{name}="));
        arg.push(value.as_ref());
        args.push(arg);
    };
    option("permission-mode", &permission_mode(launch.mode));
    option("settings", &settings().to_string());
    option("mcp-config", &mcp);
    option("plugin-dir", &personal);
    option("add-dir", &launch.directory);
    option("add-dir", &personal);
    for directory in &launch.additional_directories {
        option("add-dir", directory);
    }
    let session = launch.session.as_str();
    match &launch.conversation {
        Conversation::New => option("session-id", &session),
        Conversation::Fresh(id) => option("session-id", id),
        Conversation::Resume(id) => option("resume", id),
        Conversation::Fork(id) => {
            option("resume", id);
            option("session-id", &session);
        }
    }
    if let Some(model) = &launch.model {
        option("model", model);
    }
    if let Some(turns) = launch.max_turns {
        option("max-turns", &turns.to_string());
    }
    if let Some(prompt) = &launch.system_prompt {
        option("append-system-prompt", prompt);
    }
    if matches!(launch.conversation, Conversation::Fork(_)) {
        args.push("--fork-session".into());
    }
    args
}

/// A plugin that gives the person's own skills, agents, commands and CLAUDE.md back. The links lead to directories that
/// are theirs; the copy of CLAUDE.md is taken now, because imports out of this directory are not followed.
fn personal_directory(launch: &Launch, config: Option<&Path>) -> Result<PathBuf, StartError> {
    let personal = launch.private_directory.join("personal");
    let failed =
        |error: std::io::Error| StartError::Prepare { path: personal.clone(), reason: error.to_string() };
    if personal.exists() {
        fs::remove_dir_all(&personal).map_err(failed)?;
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(personal.join(".claude-plugin")).map_err(failed)?;
    let manifest =
        json!({"name": "personal", "version": "1.0.0", "description": "Your own skills and agents"});
    write_private(&personal.join(".claude-plugin/plugin.json"), manifest.to_string().as_bytes())?;
    let Some(config) = config else { return Ok(personal) };
    for name in PERSONAL {
        let theirs = config.join(name);
        if theirs.is_dir() {
            symlink(&theirs, personal.join(name)).map_err(failed)?;
        }
    }
    if let Ok(memory) = fs::read(config.join("CLAUDE.md")) {
        write_private(&personal.join("CLAUDE.md"), &memory)?;
    }
    Ok(personal)
}

/// In a file and not on the command line, which every user of the machine can read: servers carry tokens.
fn write_mcp_servers(launch: &Launch) -> Result<PathBuf, StartError> {
    let path = launch.private_directory.join("mcp.json");
    write_private(&path, json!({"mcpServers": launch.mcp_servers}).to_string().as_bytes())?;
    Ok(path)
}

fn write_private(path: &Path, content: &[u8]) -> Result<(), StartError> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let written = options.open(path).and_then(|mut file| file.write_all(content));
    written.map_err(|error| StartError::Prepare { path: path.to_owned(), reason: error.to_string() })
}
