//! Real process trees. This binary is test, leashd and supervisor in one: which, its first argument says.
#![cfg(target_os = "linux")]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this whole binary is tests"
)]

use leashd_sandbox::{FAILED, Launch, SUPERVISE, Supervised, supervise_main};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What has to be over by then, or the test fails.
const SOON: Duration = Duration::from_secs(2);
/// A generous limit for what takes no time on a quiet machine.
const PATIENCE: Duration = Duration::from_secs(20);
/// The first argument that makes this binary a leashd that waits to be killed.
const LEASHD: &str = "__leashd";
/// The first argument that makes this binary a process whose first thread ends and whose second one stays.
const HEADLESS: &str = "__headless";
/// Marks every process of one test's tree in its environment.
const MARK: &str = "LEASHD_TEST_TREE";

/// Tells a leashd under test whose run it belongs to.
const RUN_VARIABLE: &str = "LEASHD_TEST_RUN";

const TESTS: &[(&str, fn())] = &[
    ("exit_codes_pass_through", exit_codes_pass_through),
    ("streams_are_the_agents_own", streams_are_the_agents_own),
    ("environment_and_directory_are_given", environment_and_directory_are_given),
    ("no_descriptor_leaks", no_descriptor_leaks),
    ("no_core_files_and_no_blocked_signals", no_core_files_and_no_blocked_signals),
    ("the_end_of_the_agent_ends_its_tree", the_end_of_the_agent_ends_its_tree),
    ("stopping_ends_the_tree", stopping_ends_the_tree),
    ("killing_leashd_ends_the_tree", killing_leashd_ends_the_tree),
    ("a_process_without_its_first_thread_is_ended", a_process_without_its_first_thread_is_ended),
    ("killing_the_supervisor_kills_the_agent", killing_the_supervisor_kills_the_agent),
    ("terminating_the_supervisor_ends_the_tree", terminating_the_supervisor_ends_the_tree),
    ("a_request_to_end_is_heard", a_request_to_end_is_heard),
    ("a_request_to_end_is_enforced", a_request_to_end_is_enforced),
    ("a_tree_that_grows_is_ended", a_tree_that_grows_is_ended),
    ("guards_that_restart_each_other_are_ended", guards_that_restart_each_other_are_ended),
    ("orphans_are_reaped_while_the_agent_works", orphans_are_reaped_while_the_agent_works),
    ("the_thread_that_starts_an_agent_may_end", the_thread_that_starts_an_agent_may_end),
    ("a_supervisor_without_a_lifeline_refuses", a_supervisor_without_a_lifeline_refuses),
    ("other_processes_are_left_alone", other_processes_are_left_alone),
];

fn main() {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().unwrap_or_default();
    if first == SUPERVISE {
        std::process::exit(supervise_main(args));
    }
    if first == LEASHD {
        return be_leashd(args.next().unwrap().to_str().unwrap());
    }
    if first == HEADLESS {
        return be_headless();
    }
    let filter = first.to_str().filter(|filter| !filter.starts_with('-')).unwrap_or("").to_owned();
    for (name, test) in TESTS.iter().filter(|(name, _)| name.contains(&filter)) {
        let start = Instant::now();
        test();
        println!("test {name} ... ok ({} ms)", start.elapsed().as_millis());
    }
    if rustix::process::geteuid().is_root() {
        as_an_ordinary_user(&filter);
    }
}

/// The same tests once more, by a user who may not signal everybody. No distribution gives out this number.
fn as_an_ordinary_user(filter: &str) {
    const ORDINARY: u32 = 1_900_000_002;
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    let program = directory.path().join("supervisor");
    fs::copy("/proc/self/exe", &program).unwrap();
    println!("as an ordinary user");
    let status = std::process::Command::new(&program).arg(filter).gid(ORDINARY).uid(ORDINARY).status();
    assert!(status.unwrap().success());
}

/// `script` as an agent under supervision.
fn agent(script: &str) -> Supervised {
    launch("/bin/sh", &["-c", script], &[("PATH", "/usr/bin:/bin")], "/")
}

/// The same, with every process of the tree marked.
fn marked_agent(mark: &str, script: &str) -> Supervised {
    launch("/bin/sh", &["-c", script], &[("PATH", "/usr/bin:/bin"), (MARK, &entry(mark))], "/")
}

fn launch(program: &str, args: &[&str], env: &[(&str, &str)], cwd: &str) -> Supervised {
    let args: Vec<OsString> = args.iter().map(OsString::from).collect();
    let env: Vec<(OsString, OsString)> = env.iter().map(|(key, value)| (key.into(), value.into())).collect();
    let supervisor = Path::new("/proc/self/exe");
    let launch =
        Launch { supervisor, program: Path::new(program), args: &args, env: &env, cwd: Path::new(cwd) };
    Supervised::command(&launch).unwrap()
}

/// Waits for the end of a child, and fails if it does not come.
fn end_of(child: &mut Child, limit: Duration) -> ExitStatus {
    let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty()).unwrap();
    assert!(readable(&handle, limit), "still running after {limit:?}");
    child.wait().unwrap()
}

fn readable(fd: impl AsFd, limit: Duration) -> bool {
    let limit = Timespec::try_from(limit).unwrap();
    poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&limit)).unwrap() > 0
}

/// Waits until everyone who held the other end is gone.
fn end_of_file(mut stream: impl Read + AsFd, limit: Duration) -> String {
    let deadline = Instant::now() + limit;
    let mut all = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        assert!(readable(&stream, left), "still open after {limit:?}: {}", String::from_utf8_lossy(&all));
        let mut buffer = [0_u8; 4096];
        match stream.read(&mut buffer).unwrap() {
            0 => return String::from_utf8(all).unwrap(),
            length => all.extend(&buffer[..length]),
        }
    }
}

/// Runs `script` to its end: code, output, errors.
fn run(mut supervised: Supervised) -> (Option<i32>, String, String) {
    supervised.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    let output = end_of_file(child.stdout.take().unwrap(), PATIENCE);
    let errors = end_of_file(child.stderr.take().unwrap(), PATIENCE);
    let status = end_of(&mut child, PATIENCE);
    (status.code(), output, errors)
}

/// The mark of this run, which another run's leftovers do not carry.
fn entry(mark: &str) -> String {
    static RUN: OnceLock<String> = OnceLock::new();
    let run =
        RUN.get_or_init(|| std::env::var(RUN_VARIABLE).unwrap_or_else(|_| std::process::id().to_string()));
    format!("{mark}-{run}")
}

/// Everyone who carries the mark, as `PID COMMAND`.
fn marked(mark: &str) -> Vec<String> {
    let entry = format!("{MARK}={}", entry(mark));
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let environ = fs::read(process.path().join("environ")).unwrap_or_default();
        if environ.split(|byte| *byte == 0).any(|variable| variable == entry.as_bytes()) {
            let command = fs::read_to_string(process.path().join("cmdline")).unwrap_or_default();
            found.push(format!("{} {}", process.file_name().display(), command.replace('\0', " ")));
        }
    }
    found
}

/// Every kind of process that outlives a naive kill: background, own session, double fork, own group, stopped.
const FAMILY: &str = "
    sleep 1000 &
    setsid sh -c 'sleep 1000 & sleep 1000' &
    setsid sh -c '(setsid sleep 1000 &) ; exit' &
    (setsid sh -c '(trap \"\" TERM INT HUP; sleep 1000; sleep 1000) & exit' &)
    sh -c 'kill -STOP $$; sleep 1000' &
    nohup sleep 1000 >/dev/null 2>&1 &
";

/// The number of processes [`FAMILY`] leaves, at least, the agent not counted.
const FAMILY_SIZE: usize = 6;

/// Starts a marked agent that has a family and then runs `rest`. Returns when the family is there.
fn family(mark: &str, rest: &str) -> (Supervised, Child, BufReader<std::process::ChildStdout>) {
    let mut supervised = marked_agent(mark, &format!("{FAMILY} echo ready; {rest}"));
    supervised.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    complete(mark);
    (supervised, child, output)
}

fn complete(mark: &str) {
    let deadline = Instant::now() + PATIENCE;
    while marked(mark).iter().filter(|process| process.contains("sleep 1000")).count() < FAMILY_SIZE {
        assert!(Instant::now() < deadline, "the family never grew up: {:?}", marked(mark));
        std::thread::yield_now();
    }
}

fn exit_codes_pass_through() {
    let cases =
        [("true", 0), ("exit 7", 7), ("kill -TERM $$", 143), ("kill -KILL $$", 137), ("exit 255", 255)];
    for (script, code) in cases {
        assert_eq!(run(agent(script)).0, Some(code), "{script}");
    }
    let (code, _, errors) = run(launch("/no/such/agent", &[], &[], "/"));
    assert_eq!(code, Some(127));
    assert!(errors.contains("/no/such/agent"), "{errors}");
    let keep = tempfile::tempdir().unwrap();
    let program = keep.path().join("not-executable");
    fs::write(&program, "").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(run(launch(program.to_str().unwrap(), &[], &[], "/")).0, Some(126));
}

fn streams_are_the_agents_own() {
    let mut supervised = launch("/bin/cat", &[], &[], "/");
    supervised.command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    input.write_all(b"first\n").unwrap();
    output.read_line(&mut line).unwrap();
    assert_eq!(line, "first\n");
    input.write_all(&vec![b'x'; 1 << 16]).unwrap();
    drop(input);
    assert_eq!(end_of_file(output.into_inner(), PATIENCE).len(), 1 << 16);
    assert_eq!(end_of(&mut child, PATIENCE).code(), Some(0));

    // The agent closes its output and lives on: its reader sees the end although the supervisor is there.
    let mut supervised = agent("exec >&- 2>&-; exec sleep 1000");
    supervised.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    end_of_file(child.stdout.take().unwrap(), PATIENCE);
    end_of_file(child.stderr.take().unwrap(), PATIENCE);
    assert!(child.try_wait().unwrap().is_none());
    supervised.lifeline.stop();
    assert_eq!(end_of(&mut child, SOON).code(), Some(137));
}

fn environment_and_directory_are_given() {
    let (code, output, _) = run(launch("/usr/bin/env", &[], &[("A", "1"), ("B", "x y")], "/"));
    assert_eq!((code, output.as_str()), (Some(0), "A=1\nB=x y\n"));
    let (_, output, _) = run(launch("/bin/pwd", &[], &[], "/usr/bin"));
    assert_eq!(output.trim(), fs::canonicalize("/usr/bin").unwrap().to_str().unwrap());
}

fn no_descriptor_leaks() {
    // Open across exec, on both sides of the lifeline's number.
    let low = File::open("/dev/null").unwrap();
    rustix::io::fcntl_setfd(&low, rustix::io::FdFlags::empty()).unwrap();
    let high = rustix::io::fcntl_dupfd_cloexec(&low, 200).unwrap();
    rustix::io::fcntl_setfd(&high, rustix::io::FdFlags::empty()).unwrap();
    let (_, output, _) = run(launch("/bin/ls", &["/proc/self/fd"], &[], "/"));
    // 3 is the directory that `ls` itself reads.
    assert_eq!(output.split_whitespace().collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}

fn no_core_files_and_no_blocked_signals() {
    let (_, output, _) = run(agent("ulimit -c; grep -E '^Sig(Blk|Ign):' /proc/self/status"));
    let [core, _, blocked, _, ignored] = output.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{output}")
    };
    // Real-time signals are the C library's.
    let standard = |mask| u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
    assert_eq!((core, standard(blocked), standard(ignored)), ("0", 0, 0), "{output}");
}

fn the_end_of_the_agent_ends_its_tree() {
    let (_supervised, mut child, _output) = family("agent-ends", "read line; exit 5");
    child.stdin.take().unwrap().write_all(b"go\n").unwrap();
    assert_eq!(end_of(&mut child, SOON).code(), Some(5));
    assert_eq!(marked("agent-ends"), [""; 0]);
}

fn stopping_ends_the_tree() {
    let (supervised, mut child, _output) = family("stop", "sleep 1000");
    supervised.lifeline.stop();
    assert_eq!(end_of(&mut child, SOON).code(), Some(137));
    assert_eq!(marked("stop"), [""; 0]);
}

/// The other side of [`killing_leashd_ends_the_tree`].
fn be_leashd(mark: &str) {
    let (_supervised, mut child, _output) = family(mark, "sleep 1000");
    println!("{}", child.id());
    child.wait().unwrap();
}

fn killing_leashd_ends_the_tree() {
    let mark = "leashd-killed";
    let mut leashd = std::process::Command::new("/proc/self/exe")
        .args([LEASHD, mark])
        .env(RUN_VARIABLE, std::process::id().to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(leashd.stdout.take().unwrap()).read_line(&mut line).unwrap();
    // An ordinary user does not see its mark. It goes last: whoever was born after this look has to go before it too.
    let supervisor = handle(line.trim());
    let mut tree: Vec<_> = marked(mark).iter().map(|process| handle(process)).collect();
    assert!(tree.len() > FAMILY_SIZE);
    tree.push(supervisor);
    leashd.kill().unwrap();
    let killed = Instant::now();
    leashd.wait().unwrap();
    for process in tree {
        assert!(readable(&process, SOON.saturating_sub(killed.elapsed())), "left: {:?}", marked(mark));
    }
    assert_eq!(marked(mark), [""; 0]);
}

/// The other side of [`a_process_without_its_first_thread_is_ended`]: a process that looks dead and is not.
#[expect(unsafe_code, reason = "only the system call ends one thread and no other")]
fn be_headless() {
    std::thread::spawn(|| {
        println!("ready");
        std::thread::sleep(Duration::from_secs(1000));
    });
    // SAFETY: ends this thread without running anything of it; the other one uses nothing that is its own.
    unsafe { libc::syscall(libc::SYS_exit, 0) };
}

fn a_process_without_its_first_thread_is_ended() {
    let program = std::env::current_exe().unwrap();
    let mut supervised = agent(&format!("setsid {} {HEADLESS} & exec sleep 1000", program.display()));
    supervised.command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    supervised.lifeline.stop();
    assert_eq!(end_of(&mut child, SOON).code(), Some(137));
    end_of_file(output.into_inner(), SOON);
}

fn handle(process: &str) -> rustix::fd::OwnedFd {
    let pid = process.split(' ').next().unwrap().parse().unwrap();
    pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap()
}

/// The limit: what the agent had started stays. This test removes it.
fn killing_the_supervisor_kills_the_agent() {
    let mut supervised = marked_agent("supervisor-killed", "echo ready; exec sleep 1000");
    supervised.command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    child.kill().unwrap();
    end_of_file(output.into_inner(), SOON);
    end_of(&mut child, SOON);
    assert_eq!(marked("supervisor-killed"), [""; 0]);
}

fn terminating_the_supervisor_ends_the_tree() {
    let (_supervised, mut child, _output) = family("supervisor-terminated", "sleep 1000");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    kill_process(Pid::from_child(&child), Signal::HUP).unwrap();
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(end_of(&mut child, SOON).code(), Some(137));
    assert_eq!(marked("supervisor-terminated"), [""; 0]);
}

fn a_request_to_end_is_heard() {
    let cases = [
        ("trap 'echo heard; exit 3' INT", "heard\n", 3),
        ("trap '' INT; trap 'echo late; exit 4' TERM", "late\n", 4),
    ];
    for (trap, answer, code) in cases {
        let (supervised, mut child, output) =
            family("heard", &format!("{trap}; echo trapped; while :; do sleep 0.02; done"));
        let mut output = output;
        output.read_line(&mut String::new()).unwrap();
        supervised.lifeline.terminate(Duration::from_millis(1_500)).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!((line.as_str(), end_of(&mut child, PATIENCE).code()), (answer, Some(code)), "{trap}");
        assert_eq!(marked("heard"), [""; 0]);
    }
}

fn a_request_to_end_is_enforced() {
    let rest = "trap '' INT TERM; echo trapped; while :; do sleep 0.02; done";
    let (supervised, mut child, mut output) = family("enforced", rest);
    output.read_line(&mut String::new()).unwrap();
    let asked = Instant::now();
    supervised.lifeline.terminate(Duration::from_millis(300)).unwrap();
    assert_eq!(end_of(&mut child, SOON).code(), Some(137));
    assert!(asked.elapsed() >= Duration::from_millis(300));
    assert_eq!(marked("enforced"), [""; 0]);
    // Asking one that is gone is no error.
    supervised.lifeline.terminate(Duration::ZERO).unwrap();
}

fn a_tree_that_grows_is_ended() {
    let script = "echo ready; i=0; while [ $i -lt 400 ]; do setsid sh -c 'sleep 1000 & sleep 1000' & i=$((i+1)); done; sleep 1000";
    let mut supervised = marked_agent("grows", script);
    supervised.command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while marked("grows").len() < 30 {
        assert!(Instant::now() < deadline);
    }
    supervised.lifeline.stop();
    assert_eq!(end_of(&mut child, Duration::from_secs(5)).code(), Some(137));
    assert_eq!(marked("grows"), [""; 0]);
}

fn guards_that_restart_each_other_are_ended() {
    // Each loop starts a new sleeper, in a new session, as soon as the last one is gone.
    let guard = "while :; do setsid sleep 1000; done";
    let script = format!("for i in 1 2 3 4; do setsid sh -c '{guard}' & done; echo ready; {guard}");
    let mut supervised = marked_agent("guards", &script);
    supervised.command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let deadline = Instant::now() + PATIENCE;
    while marked("guards").iter().filter(|process| process.contains("sleep 1000")).count() < 5 {
        assert!(Instant::now() < deadline);
    }
    supervised.lifeline.stop();
    assert_eq!(end_of(&mut child, SOON).code(), Some(137));
    assert_eq!(marked("guards"), [""; 0]);
}

fn orphans_are_reaped_while_the_agent_works() {
    // Adopted by the supervisor, and ended: each would stay as a zombie that nobody collects.
    let mut supervised = agent("for i in 1 2 3 4 5; do (true &) ; done; echo ready; sleep 1000");
    supervised.command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = supervised.command.spawn().unwrap();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    let children = format!("/proc/{0}/task/{0}/children", child.id());
    let deadline = Instant::now() + PATIENCE;
    while fs::read_to_string(&children).unwrap().split_whitespace().count() != 1 {
        assert!(Instant::now() < deadline, "{:?}", fs::read_to_string(&children));
        std::thread::yield_now();
    }
    supervised.lifeline.stop();
    end_of(&mut child, SOON);
}

fn the_thread_that_starts_an_agent_may_end() {
    let start = || {
        let mut supervised = launch("/bin/cat", &[], &[], "/");
        supervised.command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let child = supervised.command.spawn().unwrap();
        (child, supervised.lifeline)
    };
    let (mut child, lifeline) = std::thread::spawn(start).join().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(b"alive\n").unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line, "alive\n");
    drop(lifeline);
    assert_eq!(end_of(&mut child, SOON).code(), Some(137));
}

fn a_supervisor_without_a_lifeline_refuses() {
    let cases: [&[&str]; 5] = [&[], &["3"], &["0", "/bin/true"], &["77", "/bin/true"], &["x", "/bin/true"]];
    for args in cases {
        let status = std::process::Command::new("/proc/self/exe")
            .arg(OsStr::new(SUPERVISE))
            .args(args)
            .stderr(Stdio::null())
            .status()
            .unwrap();
        assert_eq!(status.code(), Some(FAILED), "{args:?}");
    }
}

fn other_processes_are_left_alone() {
    let mut sibling = std::process::Command::new("/bin/cat")
        .env(MARK, entry("sibling"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let (other, mut other_child, _other_output) = family("other", "sleep 1000");
    let (supervised, mut child, _output) = family("one", "sleep 1000");
    let before = marked("other").len();
    supervised.lifeline.stop();
    end_of(&mut child, SOON);
    assert_eq!((marked("one").len(), marked("other").len(), marked("sibling").len()), (0, before, 1));
    drop(other);
    end_of(&mut other_child, SOON);
    drop(sibling.stdin.take());
    assert_eq!(end_of(&mut sibling, PATIENCE).code(), Some(0));
}
