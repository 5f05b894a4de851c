//! Settings of the daemon itself: each, set, changes what can be seen from outside.

use crate::support::Place;
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The events of the lines of a log.
fn logged(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    let event =
        |line: &str| serde_json::from_str::<Value>(line).unwrap()["event"].as_str().unwrap().to_owned();
    text.lines().map(event).collect()
}

#[test]
fn what_is_kept_and_where() {
    let place = Place::new().with("LEASHD_STORAGE_BACKEND", "memory");
    place.start();
    assert!(place.expect(0, &["status"]).out.contains("in memory"));
    place.expect(0, &["stop"]);
    assert!(!place.home().join("messages.db").exists());

    let place = Place::new();
    let elsewhere = |name: &str| place.path(name).display().to_string();
    let (storage, logs, audit) = (elsewhere("kept/own.db"), elsewhere("logs"), elsewhere("kept/own.jsonl"));
    let place = place
        .with("LEASHD_STORAGE_PATH", &storage)
        .with("LEASHD_LOG_DIR", &logs)
        .with("LEASHD_AUDIT_LOG_PATH", &audit);
    place.start();
    place.expect(0, &["reload"]);
    place.expect(0, &["stop"]);
    for path in [&storage, &audit, &format!("{logs}/app.log")] {
        assert!(Path::new(path).is_file(), "{path}");
    }
    for path in ["messages.db", "audit.jsonl", "logs/app.log"] {
        assert!(!place.home().join(path).exists(), "{path}");
    }
}

#[test]
fn what_is_logged_and_how_much_of_it_stays() {
    let quiet = Place::new().with("LEASHD_LOG_LEVEL", "ERROR");
    quiet.start();
    quiet.expect(0, &["stop"]);
    assert!(logged(&quiet.home().join("logs/app.log")).is_empty());

    let fill = |backups: &str| {
        let place =
            Place::new().with("LEASHD_LOG_MAX_BYTES", "4096").with("LEASHD_LOG_BACKUP_COUNT", backups);
        place.start();
        for _ in 0..150 {
            assert_eq!(place.request("POST", "/v1/reload", "").0, 200);
        }
        place.expect(0, &["stop"]);
        place
    };
    let log = |place: &Place, name: &str| place.home().join("logs").join(name);
    let place = fill("2");
    for name in ["app.log", "app.log.1", "app.log.2"] {
        let bytes = fs::metadata(log(&place, name)).unwrap().len();
        assert!(bytes <= 4096, "{name} has {bytes} bytes");
    }
    assert!(!log(&place, "app.log.3").exists());
    let place = fill("0");
    assert!(!log(&place, "app.log.1").exists());
}

#[test]
fn how_often_a_person_may_say_something() {
    let say =
        json!({"chat": "t", "command": {"command": "say", "session": "x", "text": "hello"}}).to_string();
    let statuses = |place: &Place| -> Vec<u16> {
        (0..4).map(|_| place.request("POST", "/v1/envelopes", &say).0).collect()
    };
    let place = Place::new();
    place.start();
    assert_eq!(statuses(&place), [404, 404, 404, 404]);
    place.expect(0, &["stop"]);
    let place = Place::new().with("LEASHD_RATE_LIMIT_RPM", "1").with("LEASHD_RATE_LIMIT_BURST", "2");
    place.start();
    assert_eq!(statuses(&place), [404, 404, 429, 429]);
}

#[test]
fn where_work_may_be_done() {
    let place = Place::new();
    let project = place.path("project").display().to_string();
    let open = |place: &Place, directory: &str| {
        let order = json!({"chat": "t", "command": {"command": "open", "order": {"directory": directory}}});
        place.request("POST", "/v1/envelopes", &order.to_string()).0
    };
    let place = place.with("LEASHD_APPROVED_DIRECTORIES", &project);
    place.start();
    assert_eq!((open(&place, &project), open(&place, "/usr")), (200, 422));
}

#[test]
fn whether_there_is_telegram() {
    let without = Place::new().expect(0, &["start"]).err;
    assert!(without.contains("no Telegram token is set"), "{without}");
    // Nobody is there.
    let place = Place::new()
        .with("LEASHD_TELEGRAM_BOT_TOKEN", "1:x")
        .with("LEASHD_TELEGRAM_API_URL", "http://127.0.0.1:9");
    let with = place.expect(0, &["start"]).err;
    assert!(!with.contains("no Telegram token is set"), "{with}");
}
