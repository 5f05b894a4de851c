//! Where a session works, what it goes on with, and what its agent is given: projects, workspaces, conversations, variables.

use crate::daemon::Running;
use crate::support::{Bench, call, script, shell, shown};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};

/// A directory beside the project.
fn beside(bench: &Bench, name: &str) -> PathBuf {
    let directory = bench.rig.path(name);
    fs::create_dir_all(&directory).unwrap();
    directory.canonicalize().unwrap()
}

fn utf8(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn a_project_has_its_say_wherever_a_session_is_started_from() {
    let bench = Bench::new();
    let other = beside(&bench, "other");
    fs::write(other.join(".env"), "LEASHD_DISALLOWED_TOOLS=Bash\nLEASHD_MAX_TURNS=100000\n").unwrap();
    let made = other.join("made");
    let items = [shell(&format!("touch {}", made.display()))];
    let flags = ["--policy", "permissive", "--dir", utf8(&other)];
    let check = |output: std::process::Output| {
        assert_eq!(output.status.code(), Some(4), "{}", shown(&output));
        assert!(!made.exists(), "{}", shown(&output));
        // What it wanted in vain is said.
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("LEASHD_MAX_TURNS does not count"), "{said}");
    };
    check(bench.exec(&[&flags[..], &["--no-daemon"]].concat(), &items));
    let running = Running::start(&bench);
    check(bench.exec(&flags, &items));
    // It has no say elsewhere.
    let elsewhere = bench.exec(&["--policy", "permissive"], &[shell("touch made")]);
    assert_eq!(elsewhere.status.code(), Some(0), "{}", shown(&elsewhere));
    assert!(bench.rig.project().join("made").exists());
    // What is written is not taken over by itself.
    let set = bench.leashd(&["config", "set", "max_turns", "9"]).output().unwrap();
    assert!(String::from_utf8_lossy(&set.stderr).contains("leashd reload takes it over"), "{}", shown(&set));
    // What is broken starts nothing, and is told once.
    fs::write(other.join(".env"), "LEASHD_MAX_TURN=1\n").unwrap();
    let broken = bench.exec(&flags, &items);
    assert_eq!(broken.status.code(), Some(8), "{}", shown(&broken));
    assert!(
        String::from_utf8_lossy(&broken.stderr).contains("did you mean `LEASHD_MAX_TURNS`?"),
        "{}",
        shown(&broken)
    );
    drop(running);
}

#[test]
fn a_daemon_obeys_the_project_it_was_started_for() {
    let bench = Bench::new();
    let other = beside(&bench, "other");
    fs::write(other.join(".env"), "LEASHD_MAX_AGENTS=100000\n").unwrap();
    let wrong = bench.leashd(&["start", "--dir", utf8(&other)]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", shown(&wrong));
}

/// What the model was told in the last request.
fn told(bench: &Bench) -> String {
    bench.rig.api.requests().last().unwrap().to_string()
}

#[track_caller]
fn check_workspace(bench: &Bench, web: &Path) {
    let told = told(bench);
    for part in
        ["You work in the workspace \\\"shop\\\"", utf8(web), "the api speaks JSON", "the web speaks HTML"]
    {
        assert!(told.contains(part), "{part} is missing: {told}");
    }
}

#[test]
fn a_workspace_is_told_and_its_other_directories_are_open() {
    let bench = Bench::new();
    let (api, web) = (beside(&bench, "api"), beside(&bench, "web"));
    fs::write(api.join("CLAUDE.md"), "the api speaks JSON\n").unwrap();
    fs::write(web.join("CLAUDE.md"), "the web speaks HTML\n").unwrap();
    let added = bench.leashd(&["ws", "add", "shop", utf8(&api), utf8(&web)]).output().unwrap();
    assert!(added.status.success(), "{}", shown(&added));

    // Both the file tools and the kernel let it.
    let work = |name: &str| {
        let file = web.join(name);
        [
            call("Write", json!({"file_path": file, "content": "x"})),
            shell(&format!("cp {0} {0}.copy", file.display())),
        ]
    };
    for (name, more) in [("one", &["--no-daemon"][..]), ("two", &[])] {
        let running = more.is_empty().then(|| Running::start(&bench));
        let flags = [&["--policy", "permissive", "--workspace", "shop"], more].concat();
        let output = bench.exec(&flags, &work(name));
        assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
        assert!(web.join(format!("{name}.copy")).exists(), "{}", shown(&output));
        check_workspace(&bench, &web);
        drop(running);
    }

    // A conversation that went there.
    let running = Running::start(&bench);
    let id = "0199f000-0000-7000-8000-000000000007";
    let order = json!({"session": id, "directory": web, "policy": ["permissive"]});
    assert_eq!(running.tell(&json!({"command": "open", "order": order})).0, 200);
    running.turn(id, "hello");
    assert!(!told(&bench).contains("You work in the workspace"));
    let there = json!({"command": "set-directory", "session": id, "directory": api, "workspace": "shop"});
    assert_eq!(running.tell(&there).0, 200);
    running.turn(id, &script(&work("three")));
    assert!(web.join("three.copy").exists());
    check_workspace(&bench, &web);

    let missing = bench.exec(&["--workspace", "shops"], &[]);
    assert_eq!(missing.status.code(), Some(1), "{}", shown(&missing));
    // A directory that is not approved is refused before anything starts.
    let order = json!({"directory": "/usr"});
    let (status, receipt) = running.tell(&json!({"command": "open", "order": order}));
    assert_eq!(status, 422, "{receipt}");
    drop(running);
}

#[test]
fn a_closed_session_goes_on_with_its_last_conversation_where_it_was() {
    let bench = Bench::new();
    let running = Running::start(&bench);
    let id = "0199f000-0000-7000-8000-000000000008";
    let order = json!({"session": id, "directory": bench.rig.project()});
    assert_eq!(running.tell(&json!({"command": "open", "order": order})).0, 200);
    running.turn(id, "the first is forgotten");
    assert_eq!(running.tell(&json!({"command": "clear", "session": id})).0, 200);
    running.turn(id, "the second is remembered");
    assert_eq!(running.tell(&json!({"command": "close", "session": id})).0, 200);
    while running.request("GET", &format!("/v1/sessions/{id}"), "").0 == 200 {}
    // From another place, and another daemon.
    running.say(&["restart"], 0);
    let other = beside(&bench, "other");
    let output = bench.leashd(&["exec", "--resume", id, "the third"]).current_dir(&other).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    let told = told(&bench);
    assert!(told.contains("the second is remembered") && told.contains("the third"), "{told}");
    assert!(!told.contains("the first is forgotten"), "{told}");
    assert!(
        !String::from_utf8_lossy(&output.stderr).contains("cannot be gone on with"),
        "{}",
        shown(&output)
    );
    drop(running);
}

/// The environments of agents: of what works in the project and is no leashd.
fn environments(bench: &Bench) -> Vec<String> {
    let project = bench.rig.project().canonicalize().unwrap();
    let processes = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
    let agents = processes.filter(|process| {
        let at = |link: &str| fs::read_link(process.join(link)).unwrap_or_default();
        let line = fs::read(process.join("cmdline")).unwrap_or_default();
        at("cwd").starts_with(&project)
            && at("exe").file_name().is_some_and(|name| name != "leashd")
            && String::from_utf8_lossy(&line).contains("--permission-prompt-tool")
    });
    let environment = |process: PathBuf| fs::read(process.join("environ")).unwrap_or_default();
    agents.map(|process| String::from_utf8_lossy(&environment(process)).replace('\0', "\n")).collect()
}

#[test]
fn an_agent_gets_named_variables_and_no_others() {
    let bench = Bench::new();
    bench.leashd(&["config", "set", "agent_environment", "WANTED"]).output().unwrap();
    let variables = |command: &mut std::process::Command| {
        command
            .env("LEASHD_LOG_LEVEL", "DEBUG")
            .env("LEASHD_TELEGRAM_API_URL", "http://127.0.0.1:9/hunter2")
            .env("GITHUB_TOKEN", "hunter2")
            .env("AWS_SECRET_ACCESS_KEY", "hunter2")
            .env("DATABASE_URL", "hunter2")
            .env("WANTED", "is there");
    };
    for how in ["daemon", "here"] {
        let running = (how == "daemon").then(|| {
            let mut start = bench.leashd(&["start"]);
            variables(&mut start);
            let started = start.output().unwrap();
            assert!(started.status.success(), "{}", shown(&started));
            Running::found(&bench)
        });
        // Lines that print variables are not for agents; a program of the project's may be run.
        bench.rig.write(
            "project/show.py",
            "import os, time\nopen('seen', 'w').write('\\n'.join(f'{k}={v}' for k, v in os.environ.items()))\n\
             time.sleep(2)\n",
        );
        let prompt = script(&[shell("python3 show.py")]);
        let mut exec = bench.leashd(&["exec", "--policy", "permissive", &prompt]);
        variables(&mut exec);
        exec.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let child = exec.spawn().unwrap();
        let seen = bench.rig.project().join("seen");
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while !fs::read_to_string(&seen).is_ok_and(|text| text.contains("WANTED=")) {
            assert!(std::time::Instant::now() < deadline, "the command did not run");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let mut all = environments(&bench);
        assert!(!all.is_empty(), "no agent was seen");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{how}: {}", shown(&output));
        all.push(fs::read_to_string(&seen).unwrap());
        for environment in all {
            for name in ["PATH=", "HOME=", "LANG=", "WANTED=is there"] {
                assert!(environment.contains(name), "{how}: {name} is missing: {environment}");
            }
            for secret in ["hunter2", "LEASHD_", "GITHUB_TOKEN", "AWS_"] {
                assert!(!environment.contains(secret), "{how}: {secret} is in {environment}");
            }
        }
        fs::remove_file(&seen).unwrap();
        drop(running);
    }
    let wrong = bench.leashd(&["config", "set", "agent_environment", "LD_PRELOAD"]).output().unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{}", shown(&wrong));
}

/// What a turn costs the gate is measured in both its parts.
#[test]
fn the_judgement_alone_is_measured() {
    let bench = Bench::new();
    let running = Running::start(&bench);
    let output = bench.exec(&[], &[shell("pwd")]);
    assert_eq!(output.status.code(), Some(0), "{}", shown(&output));
    assert!(String::from_utf8_lossy(&output.stderr).contains("· contained ("), "{}", shown(&output));
    let Value::String(figures) = running.request("GET", "/metrics", "").1 else { panic!("no figures") };
    let sum = |phase: &str| -> f64 {
        let start = format!("leashd_gate_latency_seconds_sum{{phase=\"{phase}\"}} ");
        let line = figures.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("no {phase}: {figures}")).parse().unwrap()
    };
    assert!(sum("judge") > 0.0 && sum("judge") < sum("durable"), "{figures}");
    drop(running);
}
