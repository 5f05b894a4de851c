//! Runs `leashd` where it can reach nothing of this machine.

use leashd_testkit::{Rig, claude_program};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// leashd, the real agent, a scripted model.
pub(crate) struct Bench {
    pub(crate) rig: Rig,
    user: User,
    // Carries the model's server.
    runtime: tokio::runtime::Runtime,
}

/// Who runs leashd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// Whoever runs the tests.
    Own,
    /// An ordinary one, instead of root.
    Ordinary,
}

/// No distribution gives out this number.
const ORDINARY: u32 = 1_900_000_001;

impl User {
    /// Everybody as whom leashd can be tried here.
    pub(crate) fn all() -> &'static [User] {
        let root = rustix::process::geteuid().is_root();
        if root { &[User::Own, User::Ordinary] } else { &[User::Own] }
    }

    pub(crate) fn is_root(self) -> bool {
        self == User::Own && rustix::process::geteuid().is_root()
    }

    /// Whether this machine lets the user make namespaces.
    pub(crate) fn has_namespaces(self) -> bool {
        let mut command = Command::new("unshare");
        if !self.is_root() {
            command.args(["--user", "--map-current-user"]);
        }
        if self == User::Ordinary {
            command.uid(ORDINARY).gid(ORDINARY);
        }
        let made = command.args(["--mount", "--pid", "--net", "--fork", "true"]).output();
        made.is_ok_and(|output| output.status.success())
    }

    /// `program` where the user can reach it.
    fn reach(self, program: &Path) -> PathBuf {
        static COPIES: OnceLock<TempDir> = OnceLock::new();
        let reachable = || {
            let mut command = Command::new(program);
            command.arg("--version").uid(ORDINARY).gid(ORDINARY).output().is_ok()
        };
        if self == User::Own || reachable() {
            return program.to_owned();
        }
        let copies = COPIES.get_or_init(|| TempDir::new().unwrap()).path();
        fs::set_permissions(copies, fs::Permissions::from_mode(0o755)).unwrap();
        let copy = copies.join(program.file_name().unwrap());
        if !copy.exists() {
            let half = tempfile::NamedTempFile::new_in(copies).unwrap();
            fs::copy(program, half.path()).unwrap();
            half.persist(&copy).unwrap();
        }
        copy
    }
}

fn give(path: &Path) {
    std::os::unix::fs::lchown(path, Some(ORDINARY), Some(ORDINARY)).unwrap();
    if fs::symlink_metadata(path).unwrap().is_dir() {
        fs::read_dir(path).unwrap().for_each(|entry| give(&entry.unwrap().path()));
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::of(User::Own)
    }

    /// All that is in it belongs to the user as soon as leashd is run.
    pub(crate) fn of(user: User) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let rig = runtime.block_on(Rig::new());
        let bench = Self { rig, user, runtime };
        bench.know_the_agent();
        bench
    }

    /// Runs what has to wait for servers of the test.
    pub(crate) fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// The agent's self-test takes seconds and its result belongs to the agent, not to a test: it runs once.
    fn know_the_agent(&self) {
        static RESULTS: [OnceLock<Vec<u8>>; 2] = [OnceLock::new(), OnceLock::new()];
        let result = match self.user {
            User::Own => &RESULTS[0],
            User::Ordinary => &RESULTS[1],
        };
        let place = self.rig.home().join(".leashd");
        fs::DirBuilder::new().mode(0o700).create(&place).unwrap();
        let result = result.get_or_init(|| {
            let output = self.exec(&[], &[]);
            assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
            assert!(
                self.audit().iter().any(|entry| entry["event"] == "self_test" && entry["passed"] == true)
            );
            fs::remove_file(self.log()).unwrap();
            fs::read(place.join("self-test.json")).unwrap()
        });
        fs::write(place.join("self-test.json"), result).unwrap();
    }

    /// `leashd ARGS…` in the project.
    pub(crate) fn leashd(&self, args: &[&str]) -> Command {
        let claude = self.user.reach(&claude_program());
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", claude.parent().unwrap().display());
        let mut command = Command::new(self.user.reach(Path::new(env!("CARGO_BIN_EXE_leashd"))));
        if self.user == User::Ordinary {
            give(&self.rig.path(""));
            command.uid(ORDINARY).gid(ORDINARY);
        }
        command
            .args(args)
            .current_dir(self.rig.project())
            .env_clear()
            .env("HOME", self.rig.home())
            .env("PATH", path)
            .env("LANG", "C.UTF-8")
            .env("TERM", "xterm")
            .env("ANTHROPIC_BASE_URL", self.rig.api.url())
            .env("ANTHROPIC_API_KEY", "dummy");
        command
    }

    /// `leashd exec` with a script of tool calls, one turn.
    pub(crate) fn exec(&self, flags: &[&str], items: &[Value]) -> Output {
        let prompt = script(items);
        let args: Vec<&str> = ["exec"].iter().chain(flags).copied().chain([prompt.as_str()]).collect();
        self.leashd(&args).output().unwrap()
    }

    /// The audit log's entries.
    pub(crate) fn audit(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.log()).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.rig.home().join(".leashd/audit.jsonl")
    }

    /// Entries of one event, as `[decision, rule]`.
    pub(crate) fn decisions(&self) -> Vec<(String, String)> {
        let text = |entry: &Value, key: &str| entry[key].as_str().unwrap_or_default().to_owned();
        self.audit()
            .iter()
            .filter(|entry| entry["event"] == "tool_attempt" || entry["event"] == "security_violation")
            .map(|entry| (text(entry, "decision"), text(entry, "matched_rule")))
            .collect()
    }

    pub(crate) fn verify(&self) -> Output {
        self.leashd(&["audit", "verify"]).output().unwrap()
    }
}

/// A prompt that carries the script.
pub(crate) fn script(items: &[Value]) -> String {
    let mut items = items.to_vec();
    items.push(json!({"text": "done"}));
    format!("SCRIPT:{}", Value::Array(items))
}

pub(crate) fn call(tool: &str, input: Value) -> Value {
    json!({"tool": tool, "input": input})
}

pub(crate) fn shell(command: &str) -> Value {
    call("Bash", json!({"command": command}))
}

pub(crate) fn shown(output: &Output) -> String {
    format!(
        "{:?}\nstdout: {}\nstderr: {}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
