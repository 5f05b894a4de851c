//! leashd is killed while somebody is asked: nothing ran, nothing survives, the record is whole, the session goes on.

use crate::support::{Bench, User, call, script, shell, shown};
use leashd_testkit::Terminal;
use serde_json::json;
use std::fs;
use std::time::{Duration, Instant};

#[test]
fn kill_while_an_ask_is_open() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[shell("ls"), call("Write", json!({"file_path": file, "content": "x"}))]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("WRITE");
    terminal.expect("[a] Approve");
    assert!(!processes_below(&bench).is_empty(), "the agent is running");
    terminal.child.kill().unwrap();
    terminal.child.wait().unwrap();

    let deadline = Instant::now() + Duration::from_secs(5);
    while !processes_below(&bench).is_empty() {
        assert!(Instant::now() < deadline, "survivors: {:?}", processes_below(&bench));
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(!file.exists());
    let verified = bench.verify();
    assert!(verified.status.success(), "{}", shown(&verified));
    let audit = bench.audit();
    assert_eq!(audit.last().unwrap()["decision"], "ask");

    let session = audit.last().unwrap()["session_id"].as_str().unwrap().to_owned();
    let resumed = bench.exec(&["--resume", &session, "--policy", "permissive"], &[shell("pwd")]);
    assert_eq!(resumed.status.code(), Some(0), "{}", shown(&resumed));
    let requests = bench.rig.api.requests();
    let last = requests.last().unwrap().to_string();
    assert!(last.contains("new.txt"), "the earlier conversation is there");
}

/// Who is killed.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Leashd,
    /// Whatever runs in the project: the agent, the one above it, a command.
    Below,
}

#[test]
fn killed_at_any_moment_nothing_stays_and_nothing_ran_without_its_entry() {
    let times: u64 = std::env::var("LEASHD_TEST_KILLS").map_or(10, |times| times.parse().unwrap());
    let (mut finished, mut begun) = (0, 0);
    // Behind each kind of walls that can be proven here: without namespaces only who is not root.
    let mut walls: Vec<(User, &str)> = User::all().iter().map(|user| (*user, "")).collect();
    walls.extend(User::all().iter().filter(|user| !user.is_root()).map(|user| (*user, "namespaces")));
    let kinds = u64::try_from(walls.len()).unwrap();
    for (turn, walls) in (0..times).zip(walls.iter().cycle()) {
        let victim = if (turn / kinds).is_multiple_of(2) { Victim::Leashd } else { Victim::Below };
        // Spread over the life of a session: its start, each command, its end.
        let moment = Duration::from_millis(50 + turn * 3_701 % 2_600);
        let made = kill_at(*walls, victim, moment);
        begun += usize::from(made > 0);
        finished += usize::from(made == COMMANDS);
    }
    assert!(times < 10 || begun > 0, "no kill met a session that was at work");
    assert!(times < 10 || finished < usize::try_from(times).unwrap(), "every kill came too late");
}

const COMMANDS: usize = 6;

/// How many of the commands ran.
fn kill_at((user, without): (User, &str), victim: Victim, moment: Duration) -> usize {
    let bench = Bench::of(user);
    let line = |number: usize| format!("echo x > made-{number}; sleep 0.1; sleep 300 & sleep 0.1");
    let items: Vec<_> = (0..COMMANDS).map(|number| shell(&line(number))).collect();
    let prompt = script(&items);
    let policy = bench
        .rig
        .write("allow.yaml", "version: \"1.0\"\nname: all\nrules: []\nsettings:\n  default_action: allow\n");
    let mut command = bench.leashd(&["exec", "--policy", &policy.display().to_string(), &prompt]);
    command.env("LEASHD_KERNEL_WITHOUT", without).env("LEASHD_SANDBOX", "required");
    let mut leashd =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(moment);
    match victim {
        Victim::Leashd => leashd.kill().unwrap(),
        Victim::Below => {
            if let Some((process, _)) = found_below(&bench).into_iter().next() {
                let killed = rustix::process::kill_process(process, rustix::process::Signal::KILL);
                assert!(matches!(killed, Ok(()) | Err(rustix::io::Errno::SRCH)), "{killed:?}");
            }
        }
    }
    // Whoever survives may take its time to notice, and has to notice.
    let deadline = Instant::now() + Duration::from_secs(30);
    while leashd.try_wait().unwrap().is_none() || !processes_below(&bench).is_empty() {
        let survivors = processes_below(&bench);
        assert!(Instant::now() < deadline, "{user:?} {without} {victim:?} at {moment:?}: {survivors:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let permitted: Vec<String> = match bench.log().exists() {
        true => {
            assert!(bench.verify().status.success(), "{victim:?} at {moment:?}");
            bench
                .audit()
                .into_iter()
                .filter(|entry| entry["decision"] == "allow")
                .map(|entry| entry.to_string())
                .collect()
        }
        false => Vec::new(),
    };
    let made = (0..COMMANDS).filter(|number| bench.rig.project().join(format!("made-{number}")).exists());
    made.inspect(|number| {
        let name = format!("made-{number}");
        assert!(
            permitted.iter().any(|entry| entry.contains(&name)),
            "{name} has no entry: {victim:?} at {moment:?}"
        );
    })
    .count()
}

#[test]
fn a_person_approves_with_a_key() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("WRITE");
    terminal.expect("+ hello");
    terminal.expect("[a] Approve");
    terminal.type_keys("a");
    terminal.expect("approved");
    terminal.expect("done");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(0), "{rest}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "hello");
}

#[test]
fn a_key_pressed_before_a_card_is_there_is_no_answer_to_it() {
    let bench = Bench::new();
    let (first, second) = (bench.rig.project().join("first"), bench.rig.project().join("second"));
    let write = |file: &std::path::Path| call("Write", json!({"file_path": file, "content": "x"}));
    let prompt = script(&[write(&first), write(&second)]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("[a] Approve");
    // A key too many.
    terminal.type_keys("aa");
    terminal.expect("WRITE");
    terminal.expect("[a] Approve");
    terminal.type_keys("r");
    terminal.wait();
    assert!(first.exists() && !second.exists());
}

#[test]
fn a_person_rejects_with_instructions_that_reach_the_model() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut terminal = Terminal::spawn(&mut bench.leashd(&["exec", &prompt]));
    terminal.expect("[i] Reject with instructions");
    terminal.type_keys("i");
    terminal.expect("What should it do instead?");
    terminal.type_keys("write it in capitals\r");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(4), "{rest}");
    assert!(!file.exists());
    assert!(bench.rig.api.requests().last().unwrap().to_string().contains("write it in capitals"));
}

#[test]
fn nobody_in_time_is_a_denial_of_its_own_kind() {
    let bench = Bench::new();
    let file = bench.rig.project().join("new.txt");
    let prompt = script(&[call("Write", json!({"file_path": file, "content": "hello"}))]);
    let mut command = bench.leashd(&["exec", &prompt]);
    let mut terminal = Terminal::spawn(command.env("LEASHD_APPROVAL_TIMEOUT_SECONDS", "1"));
    terminal.expect("[a] Approve");
    terminal.expect("nobody answered in time");
    let (status, rest) = terminal.wait();
    assert_eq!(status, Some(5), "{rest}");
    assert!(!file.exists());
}

/// Processes that work in the bench's project: the agent's whole tree.
pub(crate) fn processes_below(bench: &Bench) -> Vec<String> {
    found_below(bench).into_iter().map(|(_, line)| line).collect()
}

fn found_below(bench: &Bench) -> Vec<(rustix::process::Pid, String)> {
    let project = bench.rig.project().canonicalize().unwrap();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        if fs::read_link(entry.path().join("cwd")).is_ok_and(|cwd| cwd.starts_with(&project)) {
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let process = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let process = process.and_then(rustix::process::Pid::from_raw);
            found.extend(process.map(|process| (process, String::from_utf8_lossy(&line).replace('\0', " "))));
        }
    }
    found
}
