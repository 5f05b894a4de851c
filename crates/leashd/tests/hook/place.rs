//! A place with broken and whole surroundings, and the hook run in it.

use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A home with leashd's own directory in it, and a project.
pub(super) struct Place {
    root: TempDir,
}

impl Place {
    pub(super) fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut private = fs::DirBuilder::new();
        private.mode(0o700);
        for directory in ["home", "home/.leashd", "project", "home/.claude"] {
            private.create(root.path().join(directory)).unwrap();
        }
        let place = Self { root };
        place.pin(&[]);
        place
    }

    /// What an installation would keep.
    pub(super) fn pin(&self, variables: &[(&str, &str)]) {
        let mut environment = json!({ "HOME": self.path("home") });
        for (name, value) in variables {
            environment[name] = json!(value);
        }
        self.write_pinned(&json!({ "v": 1, "environment": environment }).to_string());
    }

    pub(super) fn write_pinned(&self, text: &str) {
        let file = self.path("home/.leashd/hook.json");
        fs::write(&file, text).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(0o600)).unwrap();
    }

    pub(super) fn path(&self, relative: &str) -> PathBuf {
        self.root.path().join(relative)
    }

    pub(super) fn event(&self, command: &str) -> String {
        json!({
            "session_id": "s", "cwd": self.path("project"), "permission_mode": "default",
            "hook_event_name": "PreToolUse", "tool_name": "Bash", "tool_input": {"command": command},
            "tool_use_id": "toolu_1"
        })
        .to_string()
    }

    pub(super) fn after(&self, command: &str) -> String {
        self.event(command).replace("PreToolUse", "PostToolUse")
    }

    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leashd"));
        command
            .args(["hook", "--home"])
            .arg(self.path("home/.leashd"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("CLAUDE_PROJECT_DIR", self.path("project"))
            .current_dir(self.path("project"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(super) fn run(&self, event: &str) -> Output {
        feed(&mut self.command(), event)
    }

    /// The decision on a command.
    #[track_caller]
    pub(super) fn decision(&self, command: &str) -> String {
        decision(&self.run(&self.event(command)))
    }

    pub(super) fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.path("home/.leashd/audit.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(super) fn leashd(&self, args: &[&str]) -> Output {
        self.leashd_command(args).output().unwrap()
    }

    pub(super) fn leashd_command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leashd"));
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/bin:/bin")
            .current_dir(self.path("project"))
            .stdin(Stdio::null());
        command
    }
}

pub(super) fn feed(command: &mut Command, event: &str) -> Output {
    let mut child = command.spawn().unwrap();
    // One that ends without reading is judged by how it ends.
    drop(child.stdin.take().unwrap().write_all(event.as_bytes()));
    child.wait_with_output().unwrap()
}

#[track_caller]
pub(super) fn decision(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    answer["hookSpecificOutput"]["permissionDecision"].as_str().unwrap().to_owned()
}

pub(super) fn set(command: &mut Command, name: &str, value: &str) {
    command.env(name, value);
}

pub(super) fn unset(command: &mut Command, name: &str) {
    command.env_remove(name);
}

/// Blocked: status 2, nothing on standard output, one line that says why.
#[track_caller]
pub(super) fn blocked(output: &Output, part: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert!(stderr.starts_with("leashd hook: ") && stderr.contains(part), "no {part:?} in {stderr}");
}
