//! Settings from the command line: the first ones, changes that keep the file, layers as a person sees them, and what is
//! refused without leaving anything half done. Needs no agent.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use rustix::fs::{FlockOperation, flock};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use tempfile::TempDir;

struct Place {
    root: TempDir,
}

/// What a command left behind.
struct Done {
    status: i32,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        for directory in ["home", "project", "other/project"] {
            fs::create_dir_all(root.path().join(directory)).unwrap();
        }
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().canonicalize().unwrap().join(name)
    }

    fn shown(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn config(&self) -> String {
        fs::read_to_string(self.path("home/.leashd/config.yaml")).unwrap_or_default()
    }

    fn write_config(&self, text: &str) {
        self.write("home/.leashd/config.yaml", text);
    }

    /// A private file in a private directory below the home, or an ordinary one elsewhere.
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if name.starts_with("home/") {
            fs::set_permissions(path.parent().unwrap(), fs::Permissions::from_mode(0o700)).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        }
    }

    fn run_with(&self, args: &[&str], variables: &[(&str, &str)], input: &str) -> Done {
        let file = self.path("input");
        fs::write(&file, input).unwrap();
        let output = Command::new(env!("CARGO_BIN_EXE_leashd"))
            .args(args)
            .current_dir(self.path("project"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/bin:/bin")
            .envs(variables.iter().copied())
            .stdin(Stdio::from(fs::File::open(file).unwrap()))
            .output()
            .unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let done = Done {
            status: output.status.code().unwrap(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        };
        assert!(!done.err.contains("panicked"), "{}", done.err);
        done
    }

    /// The one place that checks: the status, and what is said on either stream.
    #[track_caller]
    fn check(&self, args: &[&str], status: i32, says: &[&str]) -> Done {
        let done = self.run_with(args, &[], "");
        done.is(args, status, says)
    }

    #[track_caller]
    fn json(&self, args: &[&str]) -> Value {
        let done = self.check(args, 0, &[]);
        serde_json::from_str(&done.out).unwrap_or_else(|error| panic!("{args:?}: {error}: {}", done.out))
    }

    fn mode(&self, name: &str) -> u32 {
        fs::metadata(self.path(name)).unwrap().permissions().mode() & 0o777
    }
}

impl Done {
    #[track_caller]
    fn is(self, args: &[&str], status: i32, says: &[&str]) -> Self {
        assert_eq!(self.status, status, "{args:?}: {}{}", self.out, self.err);
        for part in says {
            assert!(
                self.out.contains(part) || self.err.contains(part),
                "{args:?} does not say {part:?}: {}{}",
                self.out,
                self.err
            );
        }
        self
    }
}

#[test]
fn a_newcomer_is_set_up_without_a_terminal() {
    let place = Place::new();
    place.check(&["init"], 2, &["nobody to ask", "leashd init --yes --dir ."]);
    assert!(!place.path("home/.leashd/config.yaml").exists());
    let done = place.check(&["init", "--yes", "--dir", "."], 0, &["approved", "config.yaml"]);
    assert!(
        done.out.trim_end().ends_with("next:\n  leashd start\n  leashd exec \"what does this project do?\"")
    );
    assert_eq!(place.config(), format!("approved_directories: [{}]\n", quoted(&place.shown("project"))));
    assert_eq!((place.mode("home/.leashd"), place.mode("home/.leashd/config.yaml")), (0o700, 0o600));
    // Again: nothing is lost, and it says so.
    place.check(&["config", "set", "max_turns", "9"], 0, &[]);
    let before = place.config();
    place.check(&["init", "--yes"], 0, &["is there already", "nothing to change"]);
    assert_eq!(place.config(), before);
    place.check(&["audit", "verify"], 0, &["intact"]);
    let log = fs::read_to_string(place.path("home/.leashd/audit.jsonl")).unwrap();
    assert!(log.contains("set max_turns in"), "{log}");
}

/// As `config set` writes a path: with quotes only if it needs them.
fn quoted(path: &str) -> String {
    let plain = path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_./-".contains(&byte));
    if plain { path.to_owned() } else { Value::from(path).to_string() }
}

#[test]
fn a_token_is_never_shown_nor_logged() {
    let place = Place::new();
    let args = ["init", "--yes", "--telegram-token", "-", "--user-id", "7"];
    place.run_with(&args, &[], "123:hunter2\n").is(&args, 0, &["set the Telegram token"]);
    assert!(
        place.config().contains("bot_token: \"123:hunter2\"\n  allowed_user_ids: [7]"),
        "{}",
        place.config()
    );
    for args in [
        &["config"][..],
        &["config", "--json"],
        &["config", "--explain", "telegram.bot_token"],
        &["config", "--explain", "telegram_bot_token", "--json"],
        &["config", "set", "telegram_bot_token", "456:hunter2"],
    ] {
        let done = place.check(args, 0, &["(hidden)"]);
        assert!(!done.out.contains("hunter2") && !done.err.contains("hunter2"), "{args:?}");
    }
    let log = fs::read_to_string(place.path("home/.leashd/audit.jsonl")).unwrap();
    assert!(!log.contains("hunter2"), "{log}");
}

#[test]
fn a_change_keeps_comments_and_order() {
    let place = Place::new();
    place.write_config(
        "# mine\nmax_turns: 3 # few\n\ntelegram:\n  # who\n  allowed_user_ids:\n    - 1\nsandbox: auto\n",
    );
    place.check(&["config", "set", "LEASHD_MAX_TURNS", "200"], 0, &["LEASHD_MAX_TURNS is 200"]);
    place.check(&["config", "set", "allowed_user_ids", "1,2"], 0, &["1, 2"]);
    place.check(&["config", "unset", "sandbox"], 0, &["LEASHD_SANDBOX is auto"]);
    place.check(&["config", "unset", "sandbox"], 0, &["is not set in"]);
    assert_eq!(
        place.config(),
        "# mine\nmax_turns: 200  # few\n\ntelegram:\n  # who\n  allowed_user_ids: [1, 2]\n"
    );
    assert_eq!(place.mode("home/.leashd/config.yaml"), 0o600);
}

#[test]
fn what_is_wrong_is_refused_and_nothing_is_written() {
    let place = Place::new();
    let before = "max_turns: 3\n";
    place.write_config(before);
    for (args, says) in [
        (&["config", "set", "max_turns", "many"][..], &["LEASHD_MAX_TURNS is \"many\"", "whole number"][..]),
        (&["config", "set", "max_turn", "5"], &["unknown setting `max_turn`", "did you mean `max_turns`?"]),
        (&["config", "set", "home", "/x"], &["cannot stand in it", "environment"]),
        (&["config", "set", "log_dir", "/x/y"], &[]),
        (&["config", "--explain", "nothing"], &["unknown setting"]),
        (&["add-dir", "/"], &["holds your home directory"]),
        (&["add-dir", "../home"], &["holds your home directory"]),
        (&["add-dir", "../home/.leashd"], &["leashd's own files"]),
        (&["add-dir", "nowhere"], &["name a directory that exists"]),
        (&["ws", "add", "a b", "."], &["no name for a workspace"]),
    ] {
        if says.is_empty() {
            continue;
        }
        place.check(args, 2, says);
        assert_eq!(place.config(), before, "{args:?}");
    }
    // State an agent could write is refused as a whole.
    place.check(&["add-dir", "."], 0, &["approved"]);
    let before = place.config();
    place.check(
        &["config", "set", "storage_path", &place.shown("project/x.db")],
        2,
        &["an agent could write it"],
    );
    assert_eq!(place.config(), before);
    // A layout that cannot be changed line by line.
    place.write_config("{max_turns: 3, sandbox: auto}\n");
    place.check(
        &["config", "set", "max_turns", "5"],
        1,
        &["cannot be changed safely", "nothing was written"],
    );
    assert_eq!(place.config(), "{max_turns: 3, sandbox: auto}\n");
    fs::write(place.path("home/.leashd/config.yaml"), b"system_prompt: \xff\n").unwrap();
    place.check(&["config"], 2, &["not valid UTF-8"]);
    // Open to others: it holds tokens and decides what is asked.
    fs::set_permissions(place.path("home/.leashd/config.yaml"), fs::Permissions::from_mode(0o644)).unwrap();
    place.check(&["config"], 1, &["open to others", "chmod 600"]);
}

#[test]
fn a_mistake_in_the_file_stops_every_command_and_can_be_mended() {
    let place = Place::new();
    place.write_config("max_turns: many\n");
    for args in [&["config"][..], &["policy", "show"], &["dirs"], &["exec", "x"]] {
        place.check(args, 2, &["LEASHD_MAX_TURNS is \"many\"", "config.yaml:1:1", "^^^^"]);
    }
    place.check(&["config", "set", "max_turns", "5"], 0, &[]);
    assert_eq!(place.config(), "max_turns: 5\n");
}

#[test]
fn every_layer_is_explained() {
    let place = Place::new();
    place.write_config("# x\nmax_turns: 200\n");
    place.write("project/.env", "SECRET=1\nLEASHD_MAX_TURNS=500\nLEASHD_SANDBOX=required\n");
    let warning = format!("{}:2: LEASHD_MAX_TURNS does not count", place.shown("project/.env"));
    place.check(&["policy", "show"], 0, &[&warning, "200 stays"]);
    let done = place.check(
        &["config", "--explain", "max_turns"],
        0,
        &[
            &format!("config.yaml  200  {}:2", place.shown("home/.leashd/config.yaml")),
            "= 200, from config.yaml",
        ],
    );
    assert!(done.out.contains("does not count: a project may only tighten it"), "{}", done.out);
    let all = place.json(&["config", "--json"]);
    let of =
        |key: &str| all["settings"].as_array().unwrap().iter().find(|it| it["key"] == key).unwrap().clone();
    assert_eq!(
        (of("max_turns")["value"].clone(), of("max_turns")["from"].clone()),
        (200.into(), "config.yaml".into())
    );
    assert_eq!(
        (of("sandbox")["value"].clone(), of("sandbox")["from"].clone()),
        ("required".into(), ".env".into())
    );
    let variables = [("LEASHD_SANDBOX", "off"), ("LEASHD_MAX_TURN", "1")];
    let args = ["config", "--explain", "sandbox", "--json"];
    let done = place.run_with(&args, &variables, "").is(&args, 0, &["did you mean LEASHD_MAX_TURNS?"]);
    let explained: Value = serde_json::from_str(&done.out).unwrap();
    assert_eq!(explained["from"], "environment");
    assert_eq!(explained["layers"].as_array().unwrap().len(), 3);
    place.write("project/.env", "LEASHD_MAX_TRUNS=5\n");
    place.check(&["policy", "show"], 2, &["unknown setting `LEASHD_MAX_TRUNS`", "did you mean"]);
}

#[test]
fn a_tool_that_is_taken_away_is_denied() {
    let place = Place::new();
    place.check(&["policy", "check", "ls"], 0, &[]);
    place.check(&["config", "set", "disallowed_tools", "Bash"], 0, &[]);
    place.check(&["policy", "check", "ls"], 4, &["LEASHD_DISALLOWED_TOOLS"]);
    place.check(&["config", "unset", "disallowed_tools"], 0, &[]);
    place.write("project/.env", "LEASHD_ALLOWED_TOOLS=Read\n");
    place.check(&["policy", "check", "ls"], 4, &["LEASHD_ALLOWED_TOOLS"]);
}

#[test]
fn directories_come_and_go() {
    let place = Place::new();
    place.check(&["dirs"], 0, &["none"]);
    place.check(&["add-dir"], 0, &["approved: "]);
    place.check(&["add-dir", "../other/project"], 0, &["approved: "]);
    place.check(&["add-dir"], 0, &["approved already"]);
    let listed = place.json(&["dirs", "--json"]);
    let names: Vec<_> =
        listed["directories"].as_array().unwrap().iter().map(|it| it["name"].clone()).collect();
    assert_eq!(names.len(), 2);
    assert_eq!(names[1], "other/project");
    fs::remove_dir(place.path("other/project")).unwrap();
    place.check(&["dirs"], 0, &["(missing)"]);
    place.check(&["remove-dir", &place.shown("other/project")], 0, &["no longer approved"]);
    place.check(&["remove-dir", "."], 0, &["nothing is approved now"]);
    place.check(&["remove-dir", "."], 1, &["does not name"]);
    assert_eq!(place.config(), "");
    let args = ["add-dir"];
    let variables = [("LEASHD_APPROVED_DIRECTORIES", "/tmp")];
    place.run_with(&args, &variables, "").is(&args, 0, &["is set in the environment"]);
}

#[test]
fn autonomous_work_is_switched_on_and_off() {
    let place = Place::new();
    place.check(&["autonomous"], 0, &["enabled                false"]);
    place.check(&["autonomous", "enable"], 0, &["policy                 autonomous"]);
    let on = place.json(&["autonomous", "show", "--json"]);
    assert_eq!(
        (&on["enabled"], &on["auto_approver"], &on["auto_pr"]),
        (&true.into(), &true.into(), &false.into())
    );
    assert_eq!(on["policy"], serde_json::json!(["autonomous"]));
    place.check(&["autonomous", "disable"], 0, &["(set up: autonomous)"]);
    let off = place.json(&["autonomous", "--json"]);
    assert_eq!((&off["enabled"], &off["auto_approver"]), (&false.into(), &false.into()));
    place.check(&["autonomous", "setup"], 2, &["nobody to ask", "--yes"]);
    place.check(
        &["autonomous", "setup", "--yes", "--policy", "strict", "--auto-pr", "true", "--base-branch", "1.10"],
        0,
        &["auto_pr                true", "auto_pr_base_branch    1.10", "policy                 strict"],
    );
    place.check(&["autonomous", "disable"], 0, &[]);
    place.check(
        &["autonomous", "enable"],
        0,
        &["policy                 strict", "auto_pr                true"],
    );
    // Two policies would have to be one.
    place.check(&["config", "set", "policy_files", "default"], 0, &["LEASHD_POLICY_FILES is default"]);
    assert!(place.config().contains("  policy: [default]"), "{}", place.config());
}

#[test]
fn workspaces_approve_their_directories() {
    let place = Place::new();
    place.check(&["ws"], 0, &["none"]);
    place.check(&["ws", "show", "saas"], 1, &["there is no workspace saas"]);
    place.check(&["ws", "add", "saas", ".", "--desc", "the \"shop\""], 0, &[&place.shown("project")]);
    let all = place.json(&["ws", "add", "saas", "../other/project", "--json"]);
    assert_eq!(all["directories"].as_array().unwrap().len(), 2);
    assert_eq!(all["description"], "the \"shop\"");
    assert_eq!(place.mode("home/.leashd/workspaces.yaml"), 0o600);
    place.check(&["dirs"], 0, &["other/project", "workspace"]);
    place.check(&["config", "--explain", "approved_directories"], 0, &["from a workspace"]);
    // A directory that is gone keeps nothing else from working.
    fs::remove_dir(place.path("other/project")).unwrap();
    place.check(&["ws", "show", "saas"], 0, &["(missing)"]);
    let dirs = place.json(&["dirs", "--json"]);
    assert_eq!(dirs["directories"].as_array().unwrap().len(), 1);
    place.check(&["ws", "remove", "saas", &place.shown("other/project")], 0, &[&place.shown("project")]);
    place.check(&["ws", "remove", "saas", "."], 0, &["removed: saas"]);
    assert_eq!(place.json(&["ws", "list", "--json"])["workspaces"], serde_json::json!([]));
    // Elsewhere, but not where an agent can write.
    let elsewhere = place.shown("other");
    let args = ["ws", "add", "x", "."];
    place.run_with(&args, &[("LEASHD_WORKSPACE_CONFIG_ROOT", &elsewhere)], "").is(&args, 0, &["project"]);
    assert!(place.path("other/.leashd/workspaces.yaml").exists());
    let project = place.shown("project");
    let variables =
        [("LEASHD_WORKSPACE_CONFIG_ROOT", project.as_str()), ("LEASHD_APPROVED_DIRECTORIES", &project)];
    place.run_with(&["ws"], &variables, "").is(&["ws"], 2, &["an agent could write it"]);
    place.write("home/.leashd/workspaces.yaml", "workspaces:\n  a:\n    dirs: [/]\n");
    place.check(&["ws"], 2, &["workspaces.yaml", "dirs"]);
}

#[test]
fn cleaning_takes_logs_and_sessions_and_asks_for_the_audit_log() {
    let place = Place::new();
    place.check(&["clean", "--yes"], 0, &["nothing to remove"]);
    place.check(&["config", "set", "max_turns", "5"], 0, &[]);
    let gone = [
        "logs/app.log",
        "logs/app.log.1",
        "logs/daemon.log",
        "messages.db",
        "messages.db-wal",
        // What killed processes left.
        "messages.db.4711.new",
        "messages.db.4711.new-journal",
    ];
    let fragment = "audit.jsonl.torn-12-0";
    let stays = [
        "logs/notes.txt",
        "logs/app.log.bak",
        "messages.db.bak",
        "messages.db.old.new",
        "audit.jsonl.torn-x",
        fragment,
        "config.yaml",
        "audit.jsonl",
    ];
    for name in gone.iter().chain(&stays[..6]) {
        place.write(&format!("home/.leashd/{name}"), "x");
    }
    fs::set_permissions(place.path("home/.leashd"), fs::Permissions::from_mode(0o700)).unwrap();
    place.check(&["clean"], 2, &["nobody to ask", "--yes"]);
    // Somebody runs.
    place.write("home/.leashd/run/leashd.lock", "");
    let lock = fs::File::open(place.path("home/.leashd/run/leashd.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    place.check(&["clean", "--yes"], 1, &["leashd is running", "leashd stop"]);
    assert!(gone.iter().all(|name| place.path(&format!("home/.leashd/{name}")).exists()));
    drop(lock);
    let removed = place.json(&["clean", "--yes", "--json"]);
    assert_eq!(removed["removed"].as_array().unwrap().len(), gone.len());
    let there = |name: &str| place.path(&format!("home/.leashd/{name}")).exists();
    assert!(!gone.iter().any(|name| there(name)) && stays.iter().all(|name| there(name)));
    place.check(&["clean", "--yes", "--audit"], 0, &["audit.jsonl"]);
    assert!(!there("audit.jsonl") && !there(fragment) && there("audit.jsonl.torn-x"));
}

#[test]
fn a_half_written_change_is_none() {
    let place = Place::new();
    place.check(&["config", "set", "max_turns", "5"], 0, &[]);
    // What a crash leaves beside the file.
    place.write("home/.leashd/config.yaml.new", "max_tur");
    place.check(&["config", "--explain", "max_turns"], 0, &["= 5"]);
    place.check(&["config", "set", "max_turns", "6"], 0, &["is 6"]);
    assert!(!place.path("home/.leashd/config.yaml.new").exists());
    // Somebody else changes settings right now.
    let lock = fs::File::open(place.path("home/.leashd/config.lock")).unwrap();
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    place.check(&["config", "set", "max_turns", "7"], 75, &["another leashd is changing settings"]);
    assert_eq!(place.config(), "max_turns: 6\n");
    drop(lock);
    // Nothing is changed that cannot be recorded.
    fs::remove_file(place.path("home/.leashd/audit.jsonl")).unwrap();
    fs::create_dir(place.path("home/.leashd/audit.jsonl")).unwrap();
    place.check(&["config", "set", "max_turns", "7"], 1, &["audit"]);
    assert_eq!(place.config(), "max_turns: 6\n");
}

#[test]
fn hooks_judge_with_the_settings_of_the_file_and_no_secret() {
    let place = Place::new();
    place.check(&["config", "set", "telegram_bot_token", "123:hunter2"], 0, &[]);
    place.check(&["config", "set", "policy_files", "strict"], 0, &[]);
    place.check(&["ws", "add", "all", "."], 0, &[]);
    let args = ["hook", "install", "--yes"];
    place.run_with(&args, &[("LEASHD_MCP_SERVERS", r#"{"a":{"env":{"K":"hunter2"}}}"#)], "").is(
        &args,
        0,
        &[],
    );
    let pinned = fs::read_to_string(place.path("home/.leashd/hook.json")).unwrap();
    assert!(!pinned.contains("hunter2"), "{pinned}");
    let pinned: Value = serde_json::from_str(&pinned).unwrap();
    assert_eq!(pinned["environment"]["LEASHD_POLICY_FILES"], "[\"strict\"]");
    let approved = Value::from(vec![place.shown("project")]).to_string();
    assert_eq!(pinned["environment"]["LEASHD_APPROVED_DIRECTORIES"], approved);
}
