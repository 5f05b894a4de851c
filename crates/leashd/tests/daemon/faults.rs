//! Every row of docs/faults.md, brought about.

use crate::support::{Place, Said, ends, signal};
use leashd_store::{Options, Store};
use leashd_types::{
    AgentKind, Ask, AskId, AskKind, AskRow, AskState, Attended, CallId, Chat, ConnectorKind, Digest, Kept,
    Mode, Money, SessionId, SessionRow, SessionState, Timestamp, UserId,
};
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::Command;

struct Row {
    fault: String,
    command: Vec<String>,
    message: String,
    exit: i32,
}

fn rows() -> Vec<Row> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/faults.md");
    let text = fs::read_to_string(page).unwrap();
    let table = text.split("<!-- faults -->").nth(1).unwrap().split("<!-- /faults -->").next().unwrap();
    table
        .lines()
        .skip_while(|line| !line.starts_with("|---"))
        .skip(1)
        .filter(|line| line.starts_with('|'))
        .map(row)
        .collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
    let [fault, command, message, exit, _state] = cells.as_slice() else { panic!("{line}") };
    let command = command.trim_matches('`').strip_prefix("leashd ").unwrap();
    Row {
        fault: (*fault).to_owned(),
        command: command.split(' ').map(str::to_owned).collect(),
        message: message.trim_matches('`').to_owned(),
        exit: exit.parse().unwrap(),
    }
}

impl Row {
    /// Runs the row's command: the message and the exit status are the ones promised.
    #[track_caller]
    fn check(&self, place: &Place) -> Said {
        let args: Vec<&str> = self.command.iter().map(String::as_str).collect();
        self.judge(Said::of(&place.leashd(&args)))
    }

    #[track_caller]
    fn judge(&self, said: Said) -> Said {
        let all = format!("{}{}", said.out, said.err);
        assert!(all.contains(&self.message), "{}: {said:?}", self.fault);
        assert_eq!(said.status, Some(self.exit), "{}: {said:?}", self.fault);
        said
    }

    /// The same for a start after which nothing must run.
    #[track_caller]
    fn check_nothing_runs(&self, place: &Place) {
        self.check(place);
        assert!(
            !Path::new(&place.home()).join("run/leashd.sock").exists()
                || self.fault.contains("no socket")
                || self.fault.contains("else where")
        );
    }
}

#[test]
fn each_row_is_true() {
    let mut brought_about = BTreeSet::new();
    for row in rows() {
        bring_about(&row);
        assert!(brought_about.insert(row.fault.clone()), "{} stands there twice", row.fault);
    }
    assert!(brought_about.len() >= 20, "{brought_about:?}");
}

fn bring_about(row: &Row) {
    match row.fault.as_str() {
        "two daemons started at once" => two_at_once(row),
        "daemon killed" => killed(row),
        "config half-written" => {
            let place = Place::new().made();
            place.write("config.yaml", "max_turns: 10\napproved_directories: [\"/tm");
            row.check_nothing_runs(&place);
        }
        "config half-written, then reload" => half_written_reload(row),
        "disk full at the start" => disk_full(row),
        "database locked" => database_locked(row),
        "database corrupt" => unusable_database(row, |file| fs::write(file, vec![b'x'; 8192]).unwrap()),
        "database of a newer leashd" => unusable_database(row, newer_schema),
        "log directory unwritable" => no_log(row),
        "10,000 open asks" => many_asks(row),
        "SIGHUP storm" => storm(row),
        "stale socket" => {
            let place = Place::new().made();
            drop(UnixListener::bind(place.home().join("run/leashd.sock")).unwrap());
            row.check(&place);
            assert_eq!(place.status()["running"], true);
        }
        "something else where the socket belongs" => {
            let place = Place::new().made();
            let file = place.write("run/leashd.sock", "mine");
            row.check_nothing_runs(&place);
            assert_eq!(fs::read_to_string(file).unwrap(), "mine");
        }
        "stale lock" => stale_lock(row),
        "socket path too long" => {
            let place = Place::new();
            let long = place.path("home").join("x".repeat(100)).display().to_string();
            row.check_nothing_runs(&place.with("LEASHD_HOME", long));
        }
        "home open to others" => {
            let place = Place::new().made();
            fs::set_permissions(place.home(), fs::Permissions::from_mode(0o755)).unwrap();
            row.check_nothing_runs(&place);
        }
        "home of somebody else" => {
            let place = Place::new().made();
            // Whoever is not root cannot give away what is theirs; root's is somebody else's to them.
            let place = match std::os::unix::fs::chown(place.home(), Some(12345), None) {
                Ok(()) => place,
                Err(_) => place.with("LEASHD_HOME", "/usr"),
            };
            row.check_nothing_runs(&place);
        }
        "token missing" => broken_door(row, "run/token-terminal"),
        "socket removed while it runs" => broken_door(row, "run/leashd.sock"),
        "daemon that does not react" => stopped_process(row),
        other => panic!("docs/faults.md has a row {other:?} that nothing brings about"),
    }
}

fn two_at_once(row: &Row) {
    let place = Place::new();
    let starts: Vec<_> = (0..4)
        .map(|_| {
            place
                .command(&["start"])
                .stdout(std::process::Stdio::piped())
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    let said: Vec<Said> =
        starts.into_iter().map(|child| Said::of(&child.wait_with_output().unwrap())).collect();
    let (won, lost): (Vec<Said>, Vec<Said>) = said.into_iter().partition(|said| said.status == Some(0));
    assert_eq!(won.len(), 1, "{won:?} {lost:?}");
    let pid = place.pid().unwrap();
    for said in lost {
        let said = row.judge(said);
        assert!(said.err.contains(&format!("pid {pid}")), "{said:?}");
    }
}

fn killed(row: &Row) {
    let place = Place::new();
    let pid = place.start();
    signal(pid, Signal::KILL);
    assert!(ends(pid));
    row.check(&place);
    assert_ne!(place.start(), pid);
}

fn half_written_reload(row: &Row) {
    let place = Place::new().made();
    place.write("config.yaml", "max_turns: 10\n");
    let pid = place.start();
    place.write("config.yaml", "max_turns: 20\napproved_directories: [\"/tm");
    row.check(&place);
    assert_eq!(place.pid(), Some(pid));
    assert!(place.expect(0, &["status"]).out.contains("the old settings stay"));
}

/// No file may grow: what a full disk does to everything that is written.
fn disk_full(row: &Row) {
    let place = Place::new().made();
    let mut command = Command::new("/bin/sh");
    place.environment(&mut command);
    let script =
        format!("trap '' XFSZ; ulimit -f 0; exec {} {}", env!("CARGO_BIN_EXE_leashd"), row.command.join(" "));
    row.judge(Said::of(&command.args(["-c", &script]).output().unwrap()));
    place.start();
}

fn database(place: &Place) -> std::path::PathBuf {
    let status = place.status();
    std::path::PathBuf::from(status["store"].as_str().unwrap())
}

fn database_locked(row: &Row) {
    let place = Place::new();
    place.start();
    let file = database(&place);
    place.expect(0, &["stop"]);
    let before = fs::read(&file).unwrap();
    // SQLite's own locks are locks of this kind.
    let held = File::options().read(true).write(true).open(&file).unwrap();
    fcntl_lock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
    row.check(&place);
    assert_eq!(fs::read(&file).unwrap(), before);
    drop(held);
    place.start();
}

fn unusable_database(row: &Row, spoil: impl Fn(&Path)) {
    let place = Place::new();
    place.start();
    let file = database(&place);
    place.expect(0, &["stop"]);
    spoil(&file);
    let before = fs::read(&file).unwrap();
    row.check_nothing_runs(&place);
    assert_eq!(fs::read(&file).unwrap(), before);
}

/// `user_version` stands at byte 60 of the file (sqlite.org/fileformat.html).
fn newer_schema(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    bytes[60..64].copy_from_slice(&9999_u32.to_be_bytes());
    fs::write(file, bytes).unwrap();
}

fn no_log(row: &Row) {
    let place = Place::new().made();
    let taken = place.write("taken", "a file");
    let place = place.with("LEASHD_LOG_DIR", taken.join("logs").display().to_string());
    row.check(&place);
    let status = place.expect(0, &["status"]).out;
    assert!(status.contains("could not be written"), "{status}");
}

fn many_asks(row: &Row) {
    // More than a store of its own takes at once.
    const ASKS: usize = 12_000;
    let place = Place::new();
    place.start();
    let file = database(&place);
    place.expect(0, &["stop"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&Options::sqlite(&file)).await.unwrap();
        store.keep(vec![Kept::Session(session(&place.path("project")))]).await.unwrap();
        for first in (0..ASKS).step_by(1000) {
            store.keep((first..first + 1000).map(|number| Kept::Ask(ask(number))).collect()).await.unwrap();
        }
        store.close().await.unwrap();
    });
    row.check(&place);
    let asks = |path: &str| place.request("GET", path, "").1.as_array().unwrap().len();
    assert_eq!(asks("/v1/asks"), 0);
    assert_eq!(asks("/v1/asks?all&limit=1000"), 1000);
    let (status, one) = place.request("GET", "/v1/asks/ask-00042", "");
    assert_eq!((status, one["state"].as_str()), (200, Some("withdrawn")), "{one}");
    place.expect(0, &["stop"]);
}

fn session(directory: &Path) -> SessionRow {
    SessionRow {
        session: SessionId::new("0199f000-0000-7000-8000-000000000001"),
        chat: Chat::new(ConnectorKind::Terminal, "old"),
        user: UserId::new("you"),
        agent: AgentKind::default(),
        directory: directory.to_owned(),
        workspace: None,
        mode: Mode::default(),
        model: None,
        policy: Vec::new(),
        agent_session: None,
        state: SessionState::Open,
        current: true,
        created: Timestamp::from_micros(1),
        last_used: Timestamp::from_micros(1),
        turns: 0,
        messages: 0,
        total_cost: Money::ZERO,
        attended: Attended::Somebody,
    }
}

fn ask(number: usize) -> AskRow {
    let kind = AskKind::Confirmation { what: format!("number {number}") };
    AskRow {
        ask: Ask {
            id: AskId::new(format!("ask-{number:05}")),
            session: SessionId::new("0199f000-0000-7000-8000-000000000001"),
            kind,
            digest: Digest::ZERO,
            created: Timestamp::from_micros(2),
            expires: Timestamp::parse("2100-01-01T00:00:00Z").unwrap(),
        },
        call: CallId::new(format!("call-{number}")),
        chat: Chat::new(ConnectorKind::Terminal, "old"),
        state: AskState::Created,
        steps: Vec::new(),
    }
}

fn storm(row: &Row) {
    let place = Place::new().made();
    place.write("config.yaml", "max_turns: 10\n");
    let pid = place.start();
    place.write("config.yaml", "max_turns: 20\n");
    for _ in 0..1000 {
        signal(pid, Signal::HUP);
    }
    // Whatever was asked for before is done before this is answered.
    place.expect(0, &["reload"]);
    row.check(&place);
    assert_eq!(place.pid(), Some(pid));
    let events = place.expect(0, &["events", "--names", "config.reloaded"]).out;
    assert!(events.contains("config.reloaded"), "{events}");
    place.expect(0, &["stop"]);
}

/// The file names a process that lives and has nothing to do with leashd.
fn stale_lock(row: &Row) {
    let place = Place::new().made();
    let mut other = Command::new("sleep").arg("600").spawn().unwrap();
    let line = format!(
        "{{\"pid\":{},\"started\":1,\"version\":\"0\",\"since\":\"2026-01-01T00:00:00Z\"}}",
        other.id()
    );
    place.write("run/leashd.lock", line);
    assert!(place.expect(8, &["stop"]).err.contains("not running"));
    row.check(&place);
    place.expect(0, &["stop"]);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}

fn broken_door(row: &Row, file: &str) {
    let place = Place::new();
    let pid = place.start();
    fs::remove_file(place.home().join(file)).unwrap();
    row.check(&place);
    assert!(place.expect(0, &["stop"]).err.contains("SIGTERM"));
    assert!(ends(pid));
}

/// A process that is stopped takes neither requests nor signals but one.
fn stopped_process(row: &Row) {
    let place = Place::new();
    let pid = place.start();
    signal(pid, Signal::STOP);
    row.check(&place);
    assert!(ends(pid));
    place.start();
}
