//! The lines that must be denied, run for real behind the walls and nowhere else: whatever the judge said, none of them
//! may get out. Each runs as an ordinary user in a room of its own ([`room`]), in which everything outside the project
//! belongs to that user and is watched. First the witnesses are shown to see what a harmless line does without walls.
//!
//! `LEASHD_WALLS_ALL=1` takes every hostile line instead of a sample, `LEASHD_WALLS_SLOWEST=1` tells what took longest. Has its
//! own `main`, because it starts itself as the first process of a room.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

mod fixture;
mod lines;
mod room;
mod witness;
mod worker;

use room::User;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use witness::{Finding, Kind};

/// The first argument of a copy of this program that is a room's first process.
const WORKER: &str = "__worker";
const ROOMS_MAX: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Level {
    Landlock,
    Namespaces,
}

impl Level {
    const ALL: [Level; 2] = [Level::Namespaces, Level::Landlock];

    fn as_str(self) -> &'static str {
        match self {
            Level::Landlock => "landlock",
            Level::Namespaces => "namespaces",
        }
    }

    /// What is not claimed at this level, as `leashd sandbox show` says.
    fn is_open(self, kind: Kind) -> bool {
        self == Level::Landlock && matches!(kind, Kind::Survivor | Kind::Attributes)
    }
}

/// How programs say that the kernel refused them something.
const DENIALS: [&str; 5] =
    ["Permission denied", "Operation not permitted", "Read-only file system", "unreachable", "resolv"];

/// What a room is told to do. Only lines that this test itself holds can run without walls.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum Order {
    /// The harmless line of this number, without walls.
    Free(usize),
    Contained {
        line: String,
        level: Level,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Report {
    findings: Vec<Finding>,
    /// None if it had to be ended.
    status: Option<i32>,
    /// The first of what it said.
    said: String,
    milliseconds: u64,
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [first, user, base, program] = args.as_slice()
        && first == WORKER
    {
        return worker::run(User::parse(user), Path::new(base), Path::new(program));
    }
    let filter = args.iter().find(|argument| !argument.starts_with('-')).cloned().unwrap_or_default();
    let possible = room::unshared(user(0)).arg("true").stderr(Stdio::null()).status();
    let tests: [(&str, fn()); 3] = [
        ("the_witnesses_see_what_a_line_does_without_walls", witnesses_see),
        ("inside_the_walls_the_project_can_be_worked_on", work_goes_on),
        ("no_denied_line_gets_out", nothing_gets_out),
    ];
    if !possible.as_ref().is_ok_and(std::process::ExitStatus::success) {
        return skip();
    }
    for (name, test) in tests.iter().filter(|(name, _)| name.contains(&filter)) {
        let start = Instant::now();
        test();
        println!("test {name} ... ok ({} ms)", start.elapsed().as_millis());
    }
}

/// Tells the runner that this left itself out.
fn skip() {
    const NAME: &str = "denied_lines_behind_the_walls";
    const REASON: &str = "this machine lets nobody make namespaces, and without a room no such line is run";
    println!("test {NAME} ... ignored, {REASON}");
    if let Some(path) = std::env::var_os("LEASHD_TEST_SKIPS") {
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{NAME}\t{REASON}").unwrap();
    }
}

/// Whoever runs this; instead of root a user that nobody is, and another one for each room: the kernel counts the
/// processes of a user, and one room's fork bomb must not take those of the next.
fn user(room: u32) -> User {
    /// No distribution gives out numbers from here on.
    const FIRST: u32 = 1_900_000_000;
    match rustix::process::geteuid().is_root() {
        true => User::Other(FIRST + std::process::id() % 1_000_000 * ROOMS_MAX + room),
        false => User::Own,
    }
}

/// A room, and the way to order something in it.
struct Room {
    process: Child,
    orders: ChildStdin,
    reports: BufReader<ChildStdout>,
    _base: tempfile::TempDir,
}

impl Room {
    fn open(user: User) -> Self {
        let base = tempfile::tempdir().unwrap();
        let mut command = room::unshared(user);
        command.arg(std::env::current_exe().unwrap()).args([WORKER, &user.as_argument()]);
        command.arg(base.path()).arg(env!("CARGO_BIN_EXE_leashd"));
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let (orders, reports) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Self { process, orders, reports: BufReader::new(reports), _base: base }
    }

    fn run(&mut self, order: &Order) -> Report {
        writeln!(self.orders, "{}", serde_json::to_string(order).unwrap()).unwrap();
        let mut report = String::new();
        self.reports.read_line(&mut report).unwrap();
        serde_json::from_str(&report).unwrap_or_else(|_| panic!("the room is gone after {order:?}"))
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        // Takes everything in the room along.
        let _gone = self.process.kill();
        let _collected = self.process.wait();
    }
}

fn witnesses_see() {
    let mut room = Room::open(user(0));
    for (number, (line, expected)) in worker::HARMLESS.iter().enumerate() {
        let report = room.run(&Order::Free(number));
        let kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
        let all = expected.iter().all(|kind| kinds.contains(kind));
        assert!(all && kinds.is_empty() == expected.is_empty(), "{line}: {report:?}");
    }
}

fn work_goes_on() {
    let mut room = Room::open(user(0));
    for level in Level::ALL {
        for line in lines::WORK {
            let report = room.run(&Order::Contained { line: (*line).to_owned(), level });
            assert_eq!((report.status, report.findings.len()), (Some(0), 0), "{line}: {report:?}");
        }
    }
}

/// How a line did at a level.
struct Done {
    line: String,
    level: Level,
    report: Report,
}

fn nothing_gets_out() {
    let mut orders: VecDeque<Order> = VecDeque::new();
    for level in Level::ALL {
        orders.extend(lines::denied(level).into_iter().map(|line| Order::Contained { line, level }));
    }
    let count = orders.len();
    let (orders, done) = (Mutex::new(orders), Mutex::new(Vec::new()));
    // Some lines only wait, so there are more rooms than processors.
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get().try_into().unwrap());
    let (orders, done) = (&orders, &done);
    std::thread::scope(|scope| {
        for number in 0..ROOMS_MAX.min(processors * 2) {
            scope.spawn(move || {
                let mut room = Room::open(user(number));
                loop {
                    let order = orders.lock().unwrap().pop_front();
                    let Some(order) = order else { return still_sees(&mut room) };
                    let report = room.run(&order);
                    if let Order::Contained { line, level } = order {
                        done.lock().unwrap().push(Done { line, level, report });
                    }
                }
            });
        }
    });
    let done = done.lock().unwrap();
    assert_eq!(done.len(), count);
    judge(&done);
}

/// After all that was run in a room its witnesses still see what gets out, and work still succeeds: silence before was
/// no blindness, and lines were run.
fn still_sees(room: &mut Room) {
    for (number, (line, expected)) in worker::HARMLESS.iter().enumerate() {
        let report = room.run(&Order::Free(number));
        let kinds: Vec<Kind> = report.findings.iter().map(|finding| finding.kind).collect();
        assert!(expected.iter().all(|kind| kinds.contains(kind)), "at the end {line}: {report:?}");
    }
    for level in Level::ALL {
        for line in lines::WORK {
            let report = room.run(&Order::Contained { line: (*line).to_owned(), level });
            assert_eq!((report.status, report.findings.len()), (Some(0), 0), "at the end {line}: {report:?}");
        }
    }
}

fn judge(done: &[Done]) {
    let mut escapes = Vec::new();
    for Done { line, level, report } in done {
        let out = report.findings.iter().filter(|finding| !level.is_open(finding.kind));
        escapes.extend(out.map(|finding| format!("{level:?}: {line:?}: {finding:?}")));
        if report.said.contains("nothing was run") || report.said.starts_with("leashd: ") {
            escapes.push(format!("{level:?}: {line:?} was not run: {}", report.said));
        }
    }
    for level in Level::ALL {
        let at = done.iter().filter(|done| done.level == level);
        let (mut ended, mut open, mut count) = (0, 0, 0);
        let (mut succeeded, mut stopped, mut missing) = (0, 0, 0);
        for done in at {
            count += 1;
            ended += usize::from(done.report.status.is_none());
            succeeded += usize::from(done.report.status == Some(0));
            missing += usize::from(done.report.said.contains("not found"));
            stopped += usize::from(DENIALS.iter().any(|says| done.report.said.contains(says)));
            open += usize::from(done.report.findings.iter().any(|finding| level.is_open(finding.kind)));
        }
        println!(
            "{count} lines at {}: {ended} had to be ended, {open} did what is not claimed; {succeeded} ended well, {stopped} \
             say that the kernel refused something, {missing} that a program is not here",
            level.as_str()
        );
        // Far fewer would mean that hardly anything was run, or that hardly anything met a wall.
        assert!(succeeded * 10 > count && stopped * 20 > count, "{succeeded} and {stopped} of {count}");
    }
    if std::env::var_os("LEASHD_WALLS_SLOWEST").is_some() {
        let mut slow: Vec<_> = done.iter().map(|done| (done.report.milliseconds, &done.line)).collect();
        slow.sort();
        slow.iter().rev().take(40).for_each(|(milliseconds, line)| println!("{milliseconds} ms: {line:?}"));
        let sum: Duration = slow.iter().map(|(ms, _)| Duration::from_millis(*ms)).sum();
        println!("{sum:?} in sum");
    }
    assert!(escapes.is_empty(), "{} findings:\n{}", escapes.len(), escapes.join("\n"));
}
