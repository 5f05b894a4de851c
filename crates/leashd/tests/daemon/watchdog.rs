//! systemd hears from a daemon whose loop turns, and from no other.

use crate::support::{Place, signal};
use rustix::process::Signal;
use serde_json::json;
use sqlx::{ConnectOptions, raw_sql, sqlite::SqliteConnectOptions};
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// A ping each 50 ms is asked for.
const PATIENCE_MICROS: &str = "100000";
/// So long without one is no coincidence.
const SILENCE: Duration = Duration::from_secs(1);
const SOON: Duration = Duration::from_secs(30);

/// What is heard within `patience`; nothing, if nothing is.
fn hear(listener: &UnixDatagram, patience: Duration) -> Option<String> {
    listener.set_read_timeout(Some(patience)).unwrap();
    let mut buffer = [0_u8; 4096];
    listener.recv(&mut buffer).ok().map(|count| String::from_utf8_lossy(&buffer[..count]).into_owned())
}

fn hear_until(listener: &UnixDatagram, text: &str) {
    let deadline = Instant::now() + SOON;
    while !hear(listener, SOON).unwrap_or_else(|| panic!("no {text}")).contains(text) {
        assert!(Instant::now() < deadline, "no {text}");
    }
}

#[test]
fn a_loop_that_hangs_is_not_said_to_be_alive() {
    let place = Place::new().made();
    let socket = place.path("notify");
    let listener = UnixDatagram::bind(&socket).unwrap();
    let mut command = place.command(&["start", "-f", "--headless"]);
    command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", PATIENCE_MICROS).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    hear_until(&listener, "READY=1");
    hear_until(&listener, "WATCHDOG=1");

    // Nothing can be kept while somebody else writes, and the loop does not turn before what it has is kept.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let file = place.home().join("messages.db");
    let mut writer = runtime.block_on(SqliteConnectOptions::new().filename(file).connect()).unwrap();
    runtime.block_on(raw_sql("BEGIN IMMEDIATE").execute(&mut writer)).unwrap();
    let open =
        json!({"chat": "t", "command": {"command": "open", "order": {"directory": place.path("project")}}});
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| place.request("POST", "/v1/envelopes", &open.to_string()));
        let deadline = Instant::now() + SOON;
        while hear(&listener, SILENCE).is_some() {
            assert!(Instant::now() < deadline, "it is said to be alive");
        }
        runtime.block_on(raw_sql("ROLLBACK").execute(&mut writer)).unwrap();
        hear_until(&listener, "WATCHDOG=1");
        waiting.join().unwrap();
    });
    signal(i32::try_from(child.id()).unwrap(), Signal::TERM);
    hear_until(&listener, "STOPPING=1");
    assert!(child.wait().unwrap().success());
}
