//! Starting, looking, stopping, being killed.

use crate::support::{Place, Said, ends, mode, signal};
use rustix::process::Signal;
use std::fs;
use std::process::{Command, Stdio};

#[test]
fn a_day_of_a_daemon() {
    let place = Place::new();
    assert!(place.expect(0, &[]).out.contains("leashd init"));
    assert!(place.expect(8, &["status"]).out.contains("not running"));
    assert!(place.expect(8, &["inbox"]).err.contains("leashd start"));
    let started = place.expect(0, &["start"]);
    assert!(started.err.contains("no Telegram token is set"), "{started:?}");
    assert!(place.expect(0, &[]).out.contains("runs as pid"));
    for file in ["run/leashd.sock", "run/leashd.lock", "run/token-terminal"] {
        assert_eq!(mode(&place.home().join(file)), 0o600, "{file}");
    }
    let status = place.expect(0, &["status"]).out;
    for part in ["0 open", "asks        none", "app.log", "terminal (socket)"] {
        assert!(status.contains(part), "{status}");
    }
    for command in ["inbox", "grants", "sessions", "events", "logs"] {
        place.expect(0, &[command]);
    }
    assert!(place.expect(0, &["events"]).out.contains("engine.started"));
    let pid = place.pid().unwrap();
    assert!(place.expect(0, &["stop"]).err.contains("has stopped"));
    assert!(ends(pid));
    assert!(!place.home().join("run/leashd.sock").exists());
    place.expect(8, &["stop"]);
    let logs = place.expect(0, &["logs", "--json"]).out;
    let names: Vec<String> = logs
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["event"].as_str().unwrap().to_owned()
        })
        .collect();
    assert!(names.iter().any(|name| name == "engine_stopped"), "{names:?}");
}

#[test]
fn each_start_goes_on_counting_events_and_has_its_own_token() {
    let place = Place::new();
    let first = place.start();
    let token = place.token();
    place.expect(0, &["restart"]);
    assert_ne!(place.pid().unwrap(), first);
    assert!(ends(first));
    assert_ne!(place.token(), token);
    let events = place.expect(0, &["events", "--json"]).out;
    let first: serde_json::Value = serde_json::from_str(events.lines().next().unwrap()).unwrap();
    assert_eq!(first["seq"], 3, "the start and the end of the first daemon come before: {events}");
}

#[test]
fn killed_it_leaves_nothing_that_keeps_the_next_from_starting() {
    let place = Place::new();
    for _ in 0..3 {
        let pid = place.start();
        signal(pid, Signal::KILL);
        assert!(ends(pid));
        assert!(place.home().join("run/leashd.sock").exists());
        assert!(place.expect(8, &["status"]).out.contains("not running"));
        place.expect(8, &["stop"]);
    }
    place.start();
    assert!(Said::of(&place.leashd(&["audit", "verify"])).status == Some(0));
}

#[test]
fn a_signal_stops_it_as_leashd_stop_does() {
    for wish in [Signal::TERM, Signal::INT] {
        let place = Place::new();
        let pid = place.start();
        signal(pid, wish);
        assert!(ends(pid));
        assert!(!place.home().join("run/leashd.sock").exists());
    }
}

#[test]
fn in_the_foreground_it_runs_until_it_is_told_to_stop() {
    let place = Place::new();
    let mut child = place
        .command(&["start", "--foreground", "--headless"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while place.leashd(&["status"]).status.code() != Some(0) {
        assert!(child.try_wait().unwrap().is_none());
    }
    assert_eq!(place.pid().unwrap(), i32::try_from(child.id()).unwrap());
    // It is ours to collect, so nobody waits for it but us.
    let mut stop = place.command(&["stop"]).stderr(Stdio::null()).spawn().unwrap();
    assert!(child.wait().unwrap().success());
    assert!(stop.wait().unwrap().success());
}

#[test]
fn systemd_is_told_when_it_is_ready_and_when_it_stops() {
    let place = Place::new().made();
    let socket = place.path("notify");
    let listener = std::os::unix::net::UnixDatagram::bind(&socket).unwrap();
    listener.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let mut command = place.command(&["start", "-f", "--headless"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "100000").stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut heard = String::new();
    let hear_until = |text: &str, heard: &mut String| {
        let mut buffer = [0_u8; 4096];
        while !heard.contains(text) {
            let count = listener.recv(&mut buffer).unwrap();
            heard.push_str(&String::from_utf8_lossy(&buffer[..count]));
            heard.push('\n');
        }
    };
    hear_until("READY=1", &mut heard);
    hear_until("WATCHDOG=1", &mut heard);
    heard.clear();
    signal(i32::try_from(child.id()).unwrap(), Signal::HUP);
    hear_until("RELOADING=1", &mut heard);
    hear_until("READY=1", &mut heard);
    signal(i32::try_from(child.id()).unwrap(), Signal::TERM);
    hear_until("STOPPING=1", &mut heard);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_reload_takes_what_is_good_and_leaves_what_is_broken() {
    let place = Place::new().made();
    place.write("config.yaml", "max_turns: 10\n");
    place.start();
    assert!(place.expect(0, &["reload"]).err.contains("nothing changed"));
    place.write("config.yaml", "max_turns: 20\n");
    assert!(place.expect(0, &["reload"]).err.contains("max_turns"));
    place.write("config.yaml", "max_turns: many\n");
    let refused = place.expect(1, &["reload"]);
    assert!(refused.err.contains("config.yaml"), "{refused:?}");
    assert!(place.expect(0, &["status"]).out.contains("REFUSED"));
    // A broken file keeps nobody from ending it.
    place.expect(0, &["stop"]);
}

#[test]
fn what_completes_and_explains_comes_from_the_command_line_itself() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish"] {
        assert!(place.expect(0, &["completion", shell]).out.contains("inbox"), "{shell}");
    }
    assert!(place.expect(0, &["man"]).out.contains(".TH leashd 1"));
    let pages = place.path("pages");
    place.expect(0, &["man", "--output", pages.to_str().unwrap()]);
    assert!(pages.join("leashd-inbox.1").is_file());
    let version: serde_json::Value =
        serde_json::from_str(&place.expect(0, &["version", "--json"]).out).unwrap();
    assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn the_service_file_is_written_and_removed() {
    let place = Place::new().with("XDG_CONFIG_HOME", "");
    let unit = place.path("home/.config/systemd/user/leashd.service");
    assert!(place.expect(0, &["service", "install"]).out.contains("systemctl --user enable"));
    let text = fs::read_to_string(&unit).unwrap();
    assert!(text.contains("Type=notify") && text.contains("start --foreground --headless"), "{text}");
    if Command::new("systemd-analyze").arg("--version").output().is_ok_and(|output| output.status.success()) {
        let verify = Command::new("systemd-analyze").args(["verify", "--user"]).arg(&unit).output().unwrap();
        let said = String::from_utf8_lossy(&verify.stderr).into_owned();
        assert!(!said.contains("leashd.service:"), "{said}");
    }
    place.expect(0, &["service", "uninstall"]);
    assert!(!unit.exists());
}
