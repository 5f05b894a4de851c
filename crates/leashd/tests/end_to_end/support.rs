//! Runs `leashd` where it can reach nothing of this machine.

use leashd_testkit::{Rig, claude_program};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::sync::OnceLock;

/// leashd, the real agent, a scripted model.
pub(crate) struct Bench {
    pub(crate) rig: Rig,
    // Carries the model's server.
    _runtime: tokio::runtime::Runtime,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let rig = runtime.block_on(Rig::new());
        let bench = Self { rig, _runtime: runtime };
        bench.know_the_agent();
        bench
    }

    /// The agent's self-test takes seconds and its result belongs to the agent, not to a test: it runs once.
    fn know_the_agent(&self) {
        static RESULT: OnceLock<Vec<u8>> = OnceLock::new();
        let place = self.rig.home().join(".leashd");
        fs::DirBuilder::new().mode(0o700).create(&place).unwrap();
        let result = RESULT.get_or_init(|| {
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
        let claude = claude_program();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", claude.parent().unwrap().display());
        let mut command = Command::new(env!("CARGO_BIN_EXE_leashd"));
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
