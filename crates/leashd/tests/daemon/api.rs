//! The daemon's door: who is let in, what is answered, what is refused.

use crate::support::{Place, Said};
use serde_json::{Value, json};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

#[test]
fn nobody_is_answered_without_the_token() {
    let place = Place::new();
    place.start();
    let token = place.token();
    let authorization = |value: &str| format!("Authorization: {value}\r\n");
    for headers in [
        String::new(),
        authorization("Bearer "),
        authorization("Bearer x"),
        authorization(&token),
        authorization(&format!("Basic {token}")),
        authorization(&format!("Bearer {token}x")),
    ] {
        for (method, path) in [("GET", "/v1/status"), ("GET", "/metrics"), ("POST", "/v1/stop"), ("GET", "/")]
        {
            let (status, body) = place.request_with(&headers, method, path, "");
            assert_eq!(status, 401, "{headers:?} {path}: {body}");
            assert!(body["error"].is_string() && body["hint"].is_string(), "{body}");
        }
    }
    assert_eq!(place.request("GET", "/v1/status", "").0, 200);
    let audit = fs::read_to_string(place.home().join("audit.jsonl")).unwrap();
    assert!(audit.contains("turned_away") && audit.contains("wrong token"), "{audit}");
    assert!(!audit.contains(&token));
}

#[test]
fn every_route_answers_in_json() {
    let place = Place::new();
    place.start();
    for path in
        ["/v1/status", "/v1/sessions", "/v1/asks", "/v1/asks?all", "/v1/grants", "/v1/messages?q=x&limit=3"]
    {
        let (status, body) = place.request("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        assert!(body.is_object() || body.is_array(), "{path}: {body}");
    }
    assert!(place.request("GET", "/metrics", "").1.to_string().contains("leashd_build_info"));
    assert!(place.request("GET", "/v1/events?names=engine.*", "").1.to_string().contains("engine.started"));
    let open = json!({"chat": "t", "command": {"command": "interrupt", "session": "none"}}).to_string();
    for (method, path, body, expected) in [
        ("GET", "/nothing", "", 404),
        ("GET", "/v1/asks/none", "", 404),
        ("GET", "/v1/sessions/none", "", 404),
        ("PUT", "/v1/status", "", 405),
        ("GET", "/v1/asks?wrong=1", "", 400),
        ("GET", "/v1/events?names=nothing.such", "", 400),
        ("GET", "/v1/events?since=x", "", 400),
        ("POST", "/v1/envelopes", "", 400),
        ("POST", "/v1/envelopes", "{\"chat\":\"t\"}", 400),
        (
            "POST",
            "/v1/envelopes",
            "{\"chat\":\"\",\"command\":{\"command\":\"stop\",\"session\":\"x\"}}",
            400,
        ),
        (
            "POST",
            "/v1/envelopes",
            "{\"chat\":\"t\",\"from\":\"root\",\"command\":{\"command\":\"stop\",\"session\":\"x\"}}",
            400,
        ),
        ("POST", "/v1/envelopes", open.as_str(), 404),
    ] {
        let (status, answer) = place.request(method, path, body);
        assert_eq!(status, expected, "{method} {path} {body}: {answer}");
        assert!(answer["error"].is_string() || answer["receipt"].is_string(), "{path}: {answer}");
    }
}

/// Another session that may write above a session's directory can put a link there.
#[test]
fn a_session_stays_in_the_directory_it_was_opened_in() {
    const SESSION: &str = "0195a0a0-0000-7000-8000-000000000001";
    let place = Place::new();
    let (project, elsewhere) = (place.path("project"), place.path("elsewhere"));
    fs::create_dir(&elsewhere).unwrap();
    symlink(&project, place.path("named")).unwrap();
    place.start();
    let command = |command: Value| {
        let body = json!({"chat": "t", "command": command}).to_string();
        let (status, receipt) = place.request("POST", "/v1/envelopes", &body);
        assert_eq!(status, 200, "{receipt}");
    };
    // By a link of the person's own: what counts is where it leads now.
    let order = json!({"session": SESSION, "directory": place.path("named")});
    command(json!({"command": "open", "order": order}));
    let view = place.request("GET", &format!("/v1/sessions/{SESSION}"), "").1;
    assert_eq!(view["directory"], json!(project), "{view}");
    fs::rename(&project, place.path("moved")).unwrap();
    symlink(&elsewhere, &project).unwrap();
    place.expect(0, &["restart"]);
    command(json!({"command": "say", "session": SESSION, "text": "go on"}));
    let said = || place.request("GET", "/v1/events?names=session.*", "").1.to_string();
    let deadline = Instant::now() + Duration::from_secs(20);
    while !said().contains("is not the directory it was") {
        assert!(Instant::now() < deadline, "{}", said());
        std::thread::yield_now();
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_and_nothing_else_suffers() {
    let place = Place::new();
    place.start();
    let (status, body) = place.request("POST", "/v1/envelopes", &"x".repeat(33 * 1024 * 1024));
    assert_eq!(status, 413, "{body}");
    assert_eq!(place.request("GET", "/v1/status", "").0, 200);
}

#[test]
fn connections_that_say_nothing_shut_nobody_out_for_long() {
    let place = Place::new();
    let pid = place.start();
    let socket = place.home().join("run/leashd.sock");
    let mut silent: Vec<UnixStream> = (0..64).map(|_| UnixStream::connect(&socket).unwrap()).collect();
    for stream in &mut silent {
        stream.write_all(b"GET / HTT").unwrap();
    }
    // They are cut off once their time for a head is over; whoever waits is served then.
    assert_eq!(place.request("GET", "/v1/status", "").0, 200);
    assert_eq!(place.pid(), Some(pid));
}

/// Behind the walls the socket is not there. Where somebody opens a way to it, descent from a launcher is noticed.
#[test]
fn a_contained_command_cannot_steer_the_daemon() {
    let place = Place::new();
    place.start();
    let program = place.path("project/leashd");
    fs::copy(env!("CARGO_BIN_EXE_leashd"), &program).unwrap();
    let home = place.home().display().to_string();
    let inside = |flags: &[&str], command: &str| {
        let script = format!("LEASHD_HOME={home} ./leashd {command}");
        let mut args = vec!["sandbox", "exec"];
        args.extend(flags);
        args.extend(["--", "/bin/sh", "-c", &script]);
        Said::of(&place.leashd(&args))
    };
    for command in ["stop", "status", "reload", "approve x", "sessions"] {
        let said = inside(&[], command);
        assert_ne!(said.status, Some(0), "{command}: {said:?}");
        assert!(!said.out.contains("runs as pid"), "{command}: {said:?}");
    }
    for command in ["stop", "status", "reload", "approve x"] {
        let said = inside(&["--write", &home], command);
        assert_ne!(said.status, Some(0), "{command}: {said:?}");
        assert!(!said.out.contains("runs as pid"), "{command}: {said:?}");
    }
    assert_eq!(place.status()["running"], true);
}

#[test]
fn who_says_nothing_keeps_nobody_out() {
    let place = Place::new();
    place.start();
    let mut listener = place
        .command(&["events", "-f", "--json"])
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut heard = BufReader::new(listener.stdout.take().unwrap());
    // Somebody who has shown the token is there, and stays.
    while !place.request("GET", "/metrics", "").1.as_str().unwrap().contains("leashd_event_listeners 3") {}
    let connect = || UnixStream::connect(place.home().join("run/leashd.sock")).unwrap();
    let mut silent: Vec<UnixStream> = (0..200).map(|_| connect()).collect();
    silent.iter_mut().step_by(2).for_each(|stream| drop(stream.write_all(b"GET /v1/status HTTP/1.1\r\n")));
    let began = Instant::now();
    for _ in 0..5 {
        assert_eq!(place.request("GET", "/v1/status", "").0, 200);
    }
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    place.expect(0, &["reload"]);
    let mut line = String::new();
    heard.read_line(&mut line).unwrap();
    assert!(line.contains("config.reloaded"), "{line}");
    drop(silent);
    place.expect(0, &["stop"]);
    listener.wait().unwrap();
}
