//! Bad input: one clear error, the documented exit status, nothing half-started. Needs no agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use serde_json::json;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("home")).unwrap();
        fs::create_dir_all(root.path().join("project")).unwrap();
        fs::create_dir_all(root.path().join("bin")).unwrap();
        Self { root }
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.root.path().join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    /// A `claude` that only says a version.
    fn with_claude(self, version: &str) -> Self {
        let script = format!("#!/bin/sh\necho '{version} (Claude Code)'\n");
        let path = self.write("bin/claude", &script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        self
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        self.command(args, variables).output().unwrap()
    }

    fn command(&self, args: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leashd"));
        command
            .args(args)
            .current_dir(self.root.path().join("project"))
            .env_clear()
            .env("HOME", self.root.path().join("home"))
            .env("PATH", format!("{}:/usr/bin:/bin", self.root.path().join("bin").display()))
            .envs(variables.iter().copied());
        command
    }

    /// The one place that checks: the status, and what the error says.
    #[track_caller]
    fn check(&self, args: &[&str], variables: &[(&str, &str)], status: i32, says: &[&str]) {
        let output = self.run(args, variables);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {stderr}");
        for part in says {
            assert!(stderr.contains(part), "{args:?} does not say {part:?}: {stderr}");
        }
        assert!(!stderr.contains("panicked"), "{stderr}");
    }

    fn log(&self) -> std::path::PathBuf {
        self.root.path().join("home/.leashd/audit.jsonl")
    }
}

#[test]
fn a_missing_agent_says_how_to_install_it() {
    Place::new().check(
        &["exec", "hello"],
        &[],
        8,
        &["claude", "not on PATH", "npm install -g @anthropic-ai/claude-code"],
    );
}

#[test]
fn an_agent_that_is_too_old_says_what_is_needed() {
    Place::new().with_claude("1.0.7").check(
        &["exec", "hello"],
        &[],
        8,
        &["1.0.7", "older than", "claude update"],
    );
}

#[test]
fn a_missing_directory() {
    Place::new().with_claude("99.0.0").check(
        &["exec", "--dir", "nowhere", "hello"],
        &[],
        2,
        &["--dir nowhere", "hint:"],
    );
}

#[cfg(target_os = "linux")]
#[test]
fn a_home_that_no_agent_could_start_in() {
    let place = Place::new().with_claude("2.1.300");
    let home = "/dev/shm/leashd-home-of-nobody";
    for args in [&["doctor"][..], &["start"], &["exec", "x"], &["sandbox", "show"]] {
        place.check(args, &[("LEASHD_HOME", home)], 2, &["has a /dev/shm of its own", "set LEASHD_HOME"]);
    }
    assert!(!Path::new(home).exists());
}

#[test]
fn a_directory_that_is_not_approved() {
    let place = Place::new().with_claude("99.0.0");
    let approved = place.root.path().join("home");
    let variables = [("LEASHD_APPROVED_DIRECTORIES", approved.to_str().unwrap())];
    place.check(
        &["exec", "hello"],
        &variables,
        2,
        &["is in no approved directory", "LEASHD_APPROVED_DIRECTORIES"],
    );
}

#[test]
fn an_approved_directory_that_an_agent_can_lead_elsewhere() {
    let place = Place::new();
    let root = place.root.path().canonicalize().unwrap();
    fs::create_dir_all(root.join("project/inside")).unwrap();
    let link = |target: &str, name: &str| std::os::unix::fs::symlink(target, root.join(name)).unwrap();
    link("../home", "project/out");
    link("project/out", "chain");
    link("inside", "project/in");
    link("project", "way");
    let check = |names: &[&str], says: &str| {
        let all: Vec<_> = names.iter().map(|name| root.join(name).display().to_string()).collect();
        place.check(&["git", "status"], &[("LEASHD_APPROVED_DIRECTORIES", &all.join(","))], 2, &[says]);
    };
    for other in ["project/out", "chain", "way/out"] {
        check(&["project", other], "where an agent may have put it");
    }
    // A person's own links, and those that lead nowhere else: the next thing that is wrong comes up.
    for names in [&["way"][..], &["project", "project/in"], &["home", "project"]] {
        check(names, "is in no git repository");
    }
}

#[test]
fn a_policy_that_is_not_there_or_not_right() {
    let place = Place::new().with_claude("99.0.0");
    place.check(&["exec", "--policy", "nowhere", "x"], &[], 2, &["there is no policy nowhere", "dev-tools"]);
    let key = place.write(
        "key.yaml",
        "version: \"1.0\"\nname: mine\nrules:\n  - name: a\n    tol: Bash\n    action: deny\n",
    );
    place.check(&["exec", "--policy", &key, "x"], &[], 2, &["key.yaml", ":5:", "tol", "tool", "^"]);
    let yaml = place.write("bad.yaml", "version: \"1.0\"\nrules: [\n");
    place.check(&["exec", "--policy", &yaml, "x"], &[], 2, &["bad.yaml:2:", "^"]);
    assert!(!place.log().exists(), "nothing was half-started");
}

#[test]
fn an_audit_log_that_cannot_be_written() {
    let place = Place::new().with_claude("99.0.0");
    let file = place.write("file", "");
    let inside_a_file = format!("{file}/audit.jsonl");
    place.check(&["exec", "x"], &[("LEASHD_AUDIT_LOG_PATH", &inside_a_file)], 1, &["audit", "file"]);
}

#[test]
fn settings_name_their_variable() {
    let place = Place::new().with_claude("99.0.0");
    place.check(&["exec", "x"], &[("LEASHD_MAX_TURNS", "many")], 2, &["LEASHD_MAX_TURNS", "many"]);
    place.check(&["exec", "  "], &[], 2, &["the prompt is empty"]);
    place.check(&["exec", "--resume", "latest", "x"], &[], 2, &["--resume latest", "leashd audit tail"]);
}

#[test]
fn an_agent_that_dies_prints_garbage_or_never_answers() {
    for (body, says) in [
        ("exit 3", "left before it answered"),
        ("echo garbage; exit 0", "left before it answered"),
        ("kill -9 $$", "left before it answered"),
    ] {
        let place = Place::new();
        let script = format!(
            "#!/bin/sh\n[ \"$1\" = --version ] && {{ echo '99.0.0 (Claude Code)'; exit; }}\n{body}\n"
        );
        let path = place.write("bin/claude", &script);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        place.check(&["exec", "x"], &[], 8, &[says]);
    }
}

#[test]
fn every_changed_byte_of_the_audit_is_found_and_a_torn_end_is_not_tampering() {
    let place = Place::new();
    let log = small_log(&place);
    let path = log.display().to_string();
    place.check(&["audit", "verify", "--file", &path], &[], 0, &[]);

    let whole = fs::read(&log).unwrap();
    let middle = whole.len() / 2;
    let mut changed = whole.clone();
    changed[middle] ^= 1;
    fs::write(&log, &changed).unwrap();
    let output = place.run(&["audit", "verify", "--file", &path], &[]);
    assert_eq!(output.status.code(), Some(1));
    let line = whole[..middle].iter().filter(|byte| **byte == b'\n').count() + 1;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains(&format!("audit.jsonl:{line}: entry {line}")), "{said}");

    fs::write(&log, &whole[..whole.len() - 20]).unwrap();
    let output = place.run(&["audit", "verify", "--file", &path], &[]);
    assert_eq!(output.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&output.stdout).contains("cut short by a crash"));
}

/// A log with a few entries, written by commands that need no agent.
fn small_log(place: &Place) -> std::path::PathBuf {
    for name in ["one", "two", "three"] {
        place.write(
            "project/.mcp.json",
            &format!("{{\"mcpServers\":{{\"{name}\":{{\"command\":\"true\"}}}}}}"),
        );
        let output = place.run(&["trust"], &[]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert!(Path::new(&place.log()).exists());
    place.log()
}

#[test]
fn trust_is_bound_to_the_content() {
    let place = Place::new().with_claude("99.0.0");
    place.write("project/.mcp.json", "{\"mcpServers\":{\"a\":{\"command\":\"true\"}}}");
    assert!(place.run(&["trust"], &[]).status.success());
    let listed = place.run(&["trust", "--list"], &[]);
    assert!(String::from_utf8_lossy(&listed.stdout).contains(".mcp.json"));
    assert!(place.run(&["trust", "--revoke"], &[]).status.success());
    place.check(&["trust", "--revoke"], &[], 1, &["was not trusted"]);
    place.write("project/.mcp.json", "[]");
    place.check(&["trust"], &[], 1, &["mcpServers", "nothing was trusted"]);
}

#[test]
fn the_log_has_to_be_there_to_be_read() {
    Place::new().check(&["audit", "verify"], &[], 1, &["there is no audit log at", "--file"]);
}

#[test]
fn a_wrong_webhook_is_found_before_anything_starts() {
    let hook = |url: &str, secret: &str, event: &str| {
        json!([{"url": url, "secret": secret, "events": [event]}]).to_string()
    };
    for (hooks, says) in [
        (hook("https://x/hunter2", "hunter2", "*"), "openssl rand -hex 32"),
        (
            hook("http://example.com/hunter2", "0123456789abcdef", "*"),
            "not encrypted and not on this machine",
        ),
        (hook("https://x/hunter2", "0123456789abcdef", "tool.alowed"), "no event is called \"tool.alowed\""),
    ] {
        let place = Place::new().with_claude("99.0.0");
        let output = place.run(&["exec", "x"], &[("LEASHD_WEBHOOKS", &hooks)]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{stderr}");
        assert!(
            stderr.contains("LEASHD_WEBHOOKS") && stderr.contains("entry 1") && stderr.contains(says),
            "{stderr}"
        );
        assert!(!stderr.contains("hunter2"), "{stderr}");
    }
}

/// As before `head`: what a command does is done, whoever reads of it.
#[test]
fn nobody_has_to_read_to_the_end() {
    let place = Place::new();
    fs::create_dir(place.root.path().join("other")).unwrap();
    for args in [
        &["init", "--yes", "--dir", "."][..],
        &["config"],
        &["config", "--explain", "policy_files"],
        &["config", "--json"],
        &["config", "set", "policy_files", "strict"],
        &["ws", "add", "both", "../other"],
        &["ws"],
        &["dirs"],
        &["trust"],
        &["hook", "install", "--yes"],
        &["hook", "status"],
        &["policy", "show"],
        &["sandbox", "show"],
        &["audit", "tail"],
        &["doctor"],
        &["clean", "--yes"],
        &["version"],
        &["--help"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(args, &[]).stdin(Stdio::null()).stdout(writer).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(!err.contains("panicked"), "{args:?}: {err}");
        assert!(!err.contains("Broken pipe"), "{args:?}: {err}");
        assert!(output.status.code().is_some_and(|status| status < 101), "{args:?}: {output:?}");
    }
    let config = fs::read_to_string(place.root.path().join("home/.leashd/config.yaml")).unwrap();
    assert!(config.contains("strict"), "{config}");
}
