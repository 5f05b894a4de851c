//! `leashd policy …` through the program itself, on real files. Needs no agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

/// A home, a project and the program.
struct Place {
    root: TempDir,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["home/.leashd", "project/.leashd", "project/src"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn write(&self, name: &str, content: &str) -> String {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }

    fn run_with(&self, args: &[&str], variables: &[(&str, &str)]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_leashd"))
            .arg("policy")
            .args(args)
            .current_dir(self.path("project"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// The one place that checks: the status, what is said and what is not.
    #[track_caller]
    fn check(&self, args: &[&str], status: i32, says: &[&str], not: &[&str]) -> String {
        let output = self.run_with(args, &[]);
        let said =
            format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_eq!(output.status.code(), Some(status), "{args:?}: {said}");
        for part in says {
            assert!(said.contains(part), "{args:?} does not say {part:?}: {said}");
        }
        for part in not {
            assert!(!said.contains(part), "{args:?} says {part:?}: {said}");
        }
        said
    }

    fn json(&self, args: &[&str]) -> Value {
        let output = self.run_with(args, &[]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{args:?}: {error}: {}", String::from_utf8_lossy(&output.stderr)))
    }

    /// Writes an audit log of these entries.
    fn log(&self, entries: &[Value]) {
        let lines: String = entries.iter().map(|entry| format!("{entry}\n")).collect();
        self.write("home/.leashd/audit.jsonl", &lines);
    }

    fn attempt(&self, at: &str, tool: &str, input: Value) -> Value {
        json!({
            "event": "tool_attempt", "timestamp": at, "session_id": "s", "tool_name": tool, "tool_input": input,
            "decision": "allow", "session_mode": "default", "working_directory": self.path("project"),
        })
    }
}

const ALLOW_PUSH: &str = "rules:\n  - name: push\n    commands: [git push]\n    action: allow\n";

#[test]
fn the_examples_of_every_file_are_run() {
    let place = Place::new();
    place.check(&["test"], 0, &["default: ", "leopold: ", "0 files fail"], &[]);
    let mine = place.write(
        "mine.yaml",
        "rules:\n  - name: a\n    commands: [git push]\n    action: deny\n    matches: [git push]\n",
    );
    place.check(&["test", "--policy", &mine], 0, &["mine.yaml: 1 examples hold"], &[]);
    let wrong = place.write(
        "wrong.yaml",
        "rules:\n  - name: a\n    commands: [git push]\n    action: deny\n    matches: [git pull]\n",
    );
    place.check(&["test", "--policy", &wrong], 2, &["wrong.yaml:5", "git pull", "^"], &[]);
    assert_eq!(place.json(&["test", "--json"])["failed"], 0);
}

#[test]
fn the_cases_of_a_file_are_judged() {
    let place = Place::new();
    let cases = place.write(
        "cases.jsonl",
        concat!(
            r#"{"command":"git status","expect":"allow"}"#,
            "\n\n",
            r#"{"command":"git push","expect":"deny"}"#,
            "\n",
            r#"{"tool":"Write","input":{"file_path":"src/a"},"expect":"not-allow","cwd":"."}"#,
            "\n",
            r#"{"command":"git push","expect":"allow","policy":"permissive"}"#,
            "\n",
            r#"{"tool":"Write","input":{"file_path":"src/a"},"expect":"allow","mode":"edit"}"#,
            "\n",
        ),
    );
    let wanted = [
        "cases.jsonl:3: expected deny, got ask by history-and-remote (default:",
        "4 cases, 1 fail",
        "1 are about",
    ];
    place.check(&["test", &cases], 1, &wanted, &["cases.jsonl:1:", "cases.jsonl:4:", "cases.jsonl:6:"]);
    let found = place.json(&["test", "--json", &cases]);
    assert_eq!((&found["failures"][0]["line"], &found["failures"][0]["got"]), (&json!(3), &json!("ask")));
    for (line, says) in [
        ("{\"command\":\"ls\"}", "has no `expect`"),
        ("{\"expect\":\"allow\"}", "neither `command` nor `input`"),
        ("{\"command\":\"ls\",\"expect\":\"maybe\"}", "maybe"),
        ("ls", "expected value"),
    ] {
        let broken = place.write("broken.jsonl", &format!("\n{line}\n"));
        place.check(&["test", &broken], 2, &["broken.jsonl:2", says], &[]);
    }
}

#[test]
fn lint_names_file_and_line() {
    let place = Place::new();
    place.check(&["lint"], 0, &["0 findings"], &["warning"]);
    let mine = place.write(
        "mine.yaml",
        "rules:\n  - name: all\n    tool: Bash\n    action: allow\n  - name: late\n    commands: [git push]\n    action: \
         deny\n  - name: typo\n    tool: bash\n    action: deny\n",
    );
    let wanted = [
        "mine.yaml:2: warning: all:",
        "[over-broad]",
        "mine.yaml:5: warning: late:",
        "[unreachable]",
        "mine.yaml:8: warning: typo:",
        "did you mean `Bash`?",
        "3 rules, 3 findings",
    ];
    place.check(&["lint", "--policy", &mine], 1, &wanted, &[]);
    let found = place.json(&["lint", "--json", "--policy", &mine]);
    assert_eq!(
        (&found["clean"], &found["report"]["findings"][1]["rule"]["line"]),
        (&json!(false), &json!(5))
    );
    let odd = place.write("odd.yaml", "rules:\n  - {name: own, commands: [frobnicate9], action: deny}\n");
    place.check(&["lint", "--policy", &odd], 0, &["note: own", "[unknown-program]", "1 notes"], &[]);
}

#[test]
fn every_program_the_corpus_wants_allowed_is_known() {
    let place = Place::new();
    let corpus = concat!(env!("CARGO_MANIFEST_DIR"), "/../../corpus/commands.jsonl");
    let said = place.json(&["lint", "--coverage", "--corpus", corpus, "--json"]);
    assert_eq!(said["coverage"]["unknown"], json!({}));
    assert!(said["coverage"]["programs"].as_u64().unwrap() > 1000);
    let own = place.write("own.jsonl", "{\"command\":\"frobnicate9 x\",\"expect\":\"allow\"}\n");
    place.check(&["lint", "--coverage", "--corpus", &own], 1, &["1 programs", "frobnicate9 (line 1)"], &[]);
}

#[test]
fn show_is_the_order_of_judgement() {
    let place = Place::new();
    let mine = place.write("mine.yaml", &format!("{ALLOW_PUSH}settings: {{approval_timeout_seconds: 9}}\n"));
    place.write("project/.leashd/policy.yaml", "rules:\n  - {name: slow, tool: Write, action: deny}\n");
    let args = ["show", "--policy", "default", "--policy", &mine];
    let said = place.check(&args, 0, &["force-push", "approval_timeout_seconds: 9  (", "mine.yaml:5)"], &[]);
    let at = |text: &str| said.find(text).unwrap_or_else(|| panic!("{text}: {said}"));
    let order = [
        "floor:",
        "project:",
        "slow (",
        "your files:",
        "push (",
        "built-in:",
        "credential-files (default:",
        "\nsettings\n",
    ];
    let places = order.map(at);
    assert!(places.is_sorted(), "{places:?} {said}");
    let found = place.json(&["show", "--json", "--policy", &mine]);
    assert_eq!(found["layers"][1]["rules"][0]["commands"], json!(["git push"]));
    assert_eq!(
        found["settings"][0],
        json!({"name": "default_action", "value": "require_approval", "from": null})
    );
}

/// What a project says counts for sessions and policy commands, in its directory and below the approved root, and only
/// ever makes things stricter.
#[test]
fn a_projects_own_file_can_only_tighten() {
    let place = Place::new();
    place.check(&["check", "git status"], 0, &[], &[]);
    place.write(
        "project/.leashd/policy.yaml",
        "rules:\n  - {name: no-status, commands: [git status], action: deny}\n  - {name: open, commands: [git push], \
         action: allow}\nsettings: {default_action: allow}\n",
    );
    place.check(&["check", "git status"], 4, &["no-status", "project/.leashd/policy.yaml:2"], &[]);
    place.check(&["check", "git push"], 3, &[], &["open"]);
    place.check(&["check", "frobnicate9 x"], 3, &[], &[]);
    // A directory below is another project unless one approved directory holds both.
    place.check(&["check", "--dir", "src", "git status"], 0, &[], &[]);
    let project = place.path("project").display().to_string();
    let approved = [("LEASHD_APPROVED_DIRECTORIES", project.as_str())];
    let below = place.run_with(&["check", "--dir", "src", "git status"], &approved);
    assert_eq!(below.status.code(), Some(4));
}

#[test]
fn a_broken_project_file_stops_everything() {
    let place = Place::new();
    place.write("project/.leashd/policy.yaml", "rules:\n  - name: a\n    tol: Bash\n    action: deny\n");
    for args in [
        &["check", "ls"][..],
        &["explain", "ls"],
        &["show"],
        &["lint"],
        &["test"],
        &["diff", "default", "strict"],
    ] {
        place.check(args, 2, &[".leashd/policy.yaml:3", "tol"], &[]);
    }
    let exec = Command::new(env!("CARGO_BIN_EXE_leashd"))
        .args(["exec", "x"])
        .current_dir(place.path("project"))
        .env_clear()
        .env("HOME", place.path("home"))
        .env("PATH", claude(&place))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&exec.stderr).into_owned();
    assert!(exec.status.code() == Some(2) && said.contains(".leashd/policy.yaml:3"), "{said}");
    // What is there and is no readable file is no permission either.
    fs::remove_file(place.path("project/.leashd/policy.yaml")).unwrap();
    fs::create_dir(place.path("project/.leashd/policy.yaml")).unwrap();
    place.check(&["check", "ls"], 2, &["not an ordinary file"], &[]);
    fs::remove_dir(place.path("project/.leashd/policy.yaml")).unwrap();
    std::os::unix::fs::symlink("nowhere", place.path("project/.leashd/policy.yaml")).unwrap();
    place.check(&["check", "ls"], 2, &["cannot read the policy"], &[]);
}

/// A directory with a `claude` that only says a version.
fn claude(place: &Place) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let directory = place.path("bin");
    fs::create_dir_all(&directory).unwrap();
    let program = place.write("bin/claude", "#!/bin/sh\necho '99.0.0 (Claude Code)'\n");
    fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

#[test]
fn what_is_loosened_comes_first_and_fails() {
    let place = Place::new();
    let mine = place.write("mine.yaml", ALLOW_PUSH);
    let both = format!("default,{mine}");
    let loosened = ["LOOSENED ask → allow by push (", "git push", "was ask by history-and-remote"];
    place.check(&["diff", "default", &both], 1, &loosened, &["tightened allow"]);
    place.check(&["diff", &both, "default"], 0, &["tightened allow → ask", " 0 loosened"], &["LOOSENED"]);
    let found = place.json(&["diff", "--json", "strict", "permissive"]);
    assert_eq!(found["comparison"]["groups"][0]["change"], "loosened");
    let corpus = place.write("corpus.jsonl", "{\"command\":\"git push\"}\n{\"command\":\"ls\"}\n");
    place.check(
        &["diff", "default", &both, "--corpus", &corpus],
        1,
        &["2 calls: 1 loosened, 0 tightened"],
        &[],
    );
    place.log(&[place.attempt("2026-01-01T00:00:00Z", "Bash", json!({"command": "git push origin x"}))]);
    place.check(&["diff", "default", &both, "--corpus", &corpus], 1, &["3 calls: 2 loosened"], &[]);
    place.check(&["diff", "default", "nowhere"], 2, &["there is no policy nowhere"], &[]);
}

#[test]
fn the_log_is_judged_again() {
    let place = Place::new();
    let mine = place.write("mine.yaml", ALLOW_PUSH);
    place.check(&["simulate", "--policy", &mine], 1, &["there is no audit log"], &[]);
    let early = "2020-01-01T00:00:00Z";
    let late = "2026-01-01T00:00:00Z";
    let push = |at| place.attempt(at, "Bash", json!({"command": "git push"}));
    let mut gone = place.attempt(late, "Bash", json!({"command": "ls"}));
    gone["working_directory"] = json!("/nowhere/at/all");
    place.log(&[
        json!({"event": "session_started", "session_id": "s", "timestamp": early, "working_directory": place.path("project"), "containment": "not-proven"}),
        push(early),
        push(late),
        place.attempt(late, "Write", json!({"file_path": "src/a", "content": "x"})),
        place.attempt(late, "Write", json!({"cut": {"bytes": 99, "sha256": "00"}})),
        place.attempt(late, "Bash", json!({"command": "echo …[cut: 9000 bytes, sha256 00]"})),
        place.attempt(late, "Bash", json!({"command": "curl -H [redacted]"})),
        gone,
        json!({"event": "approval", "session_id": "s", "timestamp": late, "tool_name": "Bash"}),
    ]);
    let wanted = [
        "LOOSENED ask → allow by push (",
        "2× git push",
        "3 calls: 2 loosened",
        "2 calls could not be judged: the log holds only the beginning of the input",
        "1 calls could not be judged: a secret was taken out",
        "1 calls could not be judged: its directory is gone",
    ];
    place.check(&["simulate", "--policy", "default", "--policy", &mine], 1, &wanted, &[]);
    let since =
        ["simulate", "--policy", "default", "--policy", &mine, "--since", "2025-01-01T00:00:00Z", "--json"];
    assert_eq!(place.json(&since)["comparison"]["loosened"], 1);
    place.check(&["simulate", "--policy", "strict"], 0, &["0 loosened"], &["LOOSENED"]);
}

#[test]
fn rules_of_claude_code_are_translated() {
    let place = Place::new();
    let settings = json!({"permissions": {
        "deny": ["Bash(git push:*)", "Read(./secrets/**)"],
        "allow": ["Bash(git:*)", "Skill(x)", "mcp__github"],
    }});
    let file = place.write("settings.json", &settings.to_string());
    let wanted =
        ["# WIDER than it looks: ", "git push --force", "! not translated: allow Skill(x)", "mcp__github__*"];
    place.check(&["import", "claude-settings", &file], 0, &wanted, &[]);
    let output = place.path("imported.yaml").display().to_string();
    let import = ["import", "claude-settings", &file, "--output", &output];
    place.check(&import, 0, &["4 rules written to"], &[]);
    place.check(&import, 1, &["cannot write", "not overwritten"], &[]);
    place.check(&["check", "--policy", &output, "git push"], 4, &["deny Bash(git push:*)"], &[]);
    place.check(&["check", "--policy", &output, "git status"], 0, &["allow Bash(git:*)"], &[]);
    place.check(&["check", "--policy", &output, "cat secrets/x"], 4, &["deny Read(./secrets/**)"], &[]);
    place.check(&["lint", "--policy", &output], 0, &["0 findings"], &[]);
    let wrong = place.write("wrong.json", "[]");
    place.check(&["import", "claude-settings", &wrong], 1, &["wrong.json is not a settings file"], &[]);
}

/// What is hidden in a command stays visible in text and readable in JSON.
#[test]
fn hidden_characters_are_escaped_and_json_stays_json() {
    let place = Place::new();
    let verdict = place.json(&["check", "--json", "echo a\u{200b}b"]);
    assert_eq!(verdict["verdict"]["decision"], "ask");
    place.check(&["check", "echo a\u{200b}b"], 3, &[], &["\u{200b}"]);
}

/// The documentation names every class of effects, every rule of the floor, every built-in policy and every command.
#[test]
fn the_documentation_leaves_nothing_out() {
    let text = include_str!("../../../docs/policies.md");
    let classes = leashd_policy::Class::ALL.iter().map(|class| class.name());
    let floor = leashd_policy::FLOOR.iter().map(|(name, _)| *name);
    for name in classes.chain(floor).chain(leashd_policy::BUILTIN_NAMES) {
        assert!(text.contains(&format!("`{name}`")), "{name} is not in docs/policies.md");
    }
    for command in ["check", "explain", "test", "lint", "show", "diff", "simulate", "import"] {
        assert!(
            text.contains(&format!("policy {command}")) || text.contains(&format!("### {command}")),
            "{command}"
        );
    }
    // The file of the documentation is one.
    let example = text.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    let place = Place::new();
    let mine = place.write("mine.yaml", example);
    place.check(&["test", "--policy", &mine], 0, &["mine.yaml: 5 examples hold"], &[]);
}
