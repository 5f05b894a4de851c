//! `leashd sandbox exec|show|prove` as a person calls them: what comes in, what goes out, with which exit status.
#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

use leashd_testkit::Terminal;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// A home and a directory to work in.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("home")).unwrap();
        fs::create_dir(place.path("work")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command<S: AsRef<OsStr>>(&self, args: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_leashd"));
        command.arg("sandbox").args(args).current_dir(self.path("work")).env_clear();
        command.env("HOME", self.path("home")).env("PATH", "/usr/bin:/bin").stdin(Stdio::null());
        command
    }

    fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs a line of shell; `sandbox exec` alone knows nothing of it.
    fn shell(&self, line: &str) -> Output {
        self.run(&["exec", "--", "sh", "-c", line])
    }
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn its_exit_status_is_that_of_the_command() {
    let place = Place::new();
    for (line, status) in [
        ("true", 0),
        ("exit 3", 3),
        ("exit 255", 255),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
        ("kill -SEGV $$", 139),
        ("exec >&- 2>&-; exit 4", 4),
    ] {
        assert_eq!(place.shell(line).status.code(), Some(status), "{line}");
    }
}

#[test]
fn what_cannot_be_done_is_said_with_its_object() {
    let place = Place::new();
    fs::write(place.path("file"), "").unwrap();
    let (file, home) = (place.path("file").display().to_string(), place.path("home").display().to_string());
    let cases: [(&[&str], i32, &[&str]); 12] = [
        (&["exec", "--", "no-such-program"], 127, &["no-such-program", "No such file"]),
        (&["exec", "--", "/etc/passwd"], 126, &["/etc/passwd", "Permission denied"]),
        (&["exec", "--", "--option"], 127, &["--option"]),
        (&["exec", "--", ""], 127, &["cannot run"]),
        (&["exec"], 2, &["<CMD>"]),
        (&["exec", "--no-such-option", "--", "true"], 2, &["--no-such-option"]),
        (&["exec", "--dir", "/no/such", "--", "true"], 2, &["/no/such", "hint: name a directory"]),
        (&["exec", "--dir", &file, "--", "true"], 2, &["not a directory", "hint: name a directory"]),
        (&["exec", "--dir", "", "--", "true"], 2, &["--dir"]),
        (&["exec", "--dir", "/", "--", "true"], 2, &["contains", ".leashd"]),
        (&["exec", "--dir", &home, "--", "true"], 2, &["contains", ".leashd"]),
        (&["exec", "--read", "/no/such", "--", "true"], 2, &["/no/such"]),
    ];
    for (args, status, parts) in cases {
        let output = place.run(args);
        assert_eq!(output.status.code(), Some(status), "{args:?}: {}", said(&output));
        for part in parts {
            assert!(said(&output).contains(part), "{args:?}: no {part:?} in {}", said(&output));
        }
    }
}

#[test]
fn words_arrive_as_they_are() {
    let place = Place::new();
    let args: Vec<OsString> = ["exec", "--", "printf", "%s"].iter().map(OsString::from).collect();
    let odd = OsString::from_vec(b"a\xff\xfe\n b".to_vec());
    assert_eq!(place.run(&[args.clone(), vec![odd.clone()]].concat()).stdout, odd.as_bytes());
    let long = OsString::from("y".repeat(130_000));
    assert_eq!(place.run(&[args, vec![long.clone()]].concat()).stdout, long.as_bytes());
    let many: Vec<OsString> = std::iter::repeat_n(OsString::from("z".repeat(1000)), 1500).collect();
    let count = ["exec", "--", "sh", "-c", "echo $#", "sh"].iter().map(OsString::from);
    assert_eq!(place.run(&count.chain(many).collect::<Vec<_>>()).stdout, b"1500\n");
    // After the command nothing is an option of ours.
    assert_eq!(place.run(&["exec", "echo", "--dir", "--net"]).stdout, b"--dir --net\n");
    let odd = place.0.path().join(OsStr::from_bytes(b"d\xff \n'x"));
    fs::create_dir(&odd).unwrap();
    let output = place.run(&[
        OsStr::new("exec"),
        "--dir".as_ref(),
        odd.as_os_str(),
        "touch".as_ref(),
        "made".as_ref(),
    ]);
    assert!(output.status.success() && odd.join("made").exists(), "{}", said(&output));
}

#[test]
fn its_streams_are_those_of_the_command() {
    let place = Place::new();
    let mut child = place.command(&["exec", "--", "cat"]);
    let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"bytes \xff").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"bytes \xff");
    let output = place.shell("echo out; echo err >&2");
    assert_eq!((output.stdout.as_slice(), output.stderr.as_slice()), (&b"out\n"[..], &b"err\n"[..]));
    for level in ["namespaces", "landlock"] {
        let line = "test -t 0 && echo ready && read x && echo \"got $x\" && exec sleep 60";
        let contained = place.command(&["exec", "--level", level, "--", "sh", "-c", line]);
        let mut command = Command::new("setsid");
        // What is typed is a signal only to a session's own terminal.
        command.args(["--ctty", "--"]).arg(contained.get_program()).args(contained.get_args());
        command
            .current_dir(place.path("work"))
            .env_clear()
            .envs(contained.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let mut terminal = Terminal::spawn(&mut command);
        terminal.expect("ready");
        terminal.type_keys("hello\r");
        terminal.expect("got hello");
        terminal.type_keys("\u{3}");
        assert_eq!(terminal.wait().0, Some(130), "{level}");
    }
}

#[test]
fn a_signal_reaches_the_command_and_kill_9_leaves_nothing_behind_namespaces() {
    let place = Place::new();
    let line = "trap 'echo got; exit 9' TERM INT HUP; sleep 60 & echo up; wait; wait";
    for level in ["namespaces", "landlock"] {
        for (signal, status) in [(Signal::TERM, 9), (Signal::INT, 9), (Signal::HUP, 9), (Signal::QUIT, 131)] {
            let mut command = place.command(&["exec", "--level", level, "--", "sh", "-c", line]);
            let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "up");
            kill_process(Pid::from_child(&child), signal).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(status), "{level} {signal:?}");
        }
    }
    let mut child = place.command(&["exec", "--level", "namespaces", "--", "sh", "-c", line]);
    let mut child = child.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    // Ends when the last process that could write to it has.
    output.read_to_string(&mut String::new()).unwrap();
}

/// What a kernel lacks is said by all three; nothing is run where nothing would hold.
#[test]
fn a_kernel_that_lacks_something_is_one_on_which_less_is_claimed() {
    let place = Place::new();
    let run = |args: &[&str], without: &str| {
        place.command(args).env("LEASHD_KERNEL_WITHOUT", without).output().unwrap()
    };
    for (without, name) in
        [("landlock", "no Landlock"), ("seccomp", "no seccomp"), ("seccomp,landlock", "no ")]
    {
        for args in [&["exec", "--", "touch", "made"][..], &["show"], &["prove"]] {
            let output = run(args, without);
            assert_eq!(output.status.code(), Some(6), "{without} {args:?}: {}", said(&output));
            assert!(said(&output).contains(name), "{without} {args:?}: {}", said(&output));
        }
        let shown = run(&["show", "--json"], without);
        assert_eq!(shown.status.code(), Some(6));
        let shown: Value = serde_json::from_slice(&shown.stdout).unwrap();
        assert!(shown["plan"].is_null() && shown["refused"].as_str().unwrap().contains(name), "{shown}");
    }
    assert!(!place.path("work/made").exists());
    let weaker = run(&["exec", "--verbose", "--", "touch", "made"], "namespaces");
    assert!(weaker.status.success() && place.path("work/made").exists());
    assert!(
        said(&weaker).contains("without namespaces") && said(&weaker).contains("may outlive"),
        "{}",
        said(&weaker)
    );
    let shown = run(&["show"], "namespaces");
    assert!(
        shown.status.success() && said(&shown).contains("weaker    a process may outlive"),
        "{}",
        said(&shown)
    );
    let root = rustix::process::geteuid().is_root();
    let proven = run(&["prove"], "namespaces");
    assert_eq!(proven.status.code(), Some(if root { 6 } else { 0 }), "{}", said(&proven));
    if root {
        assert!(said(&proven).contains("root is contained only with a pid namespace"), "{}", said(&proven));
    }
    assert_eq!(run(&["exec", "--level", "namespaces", "--", "true"], "namespaces").status.code(), Some(6));
}

#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let place = Place::new();
    for args in [&["show"][..], &["prove"], &["show", "--json"]] {
        let mut child = place.command(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(!said(&output).contains("panicked"), "{args:?}: {}", said(&output));
    }
}
