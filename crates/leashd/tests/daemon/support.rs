//! A home of its own for each test, and everything said about it.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// The leashd that is tried: the one that was built with the tests, or the one `LEASHD_TEST_PROGRAM` names.
pub(crate) fn program() -> PathBuf {
    std::env::var_os("LEASHD_TEST_PROGRAM").map_or_else(|| env!("CARGO_BIN_EXE_leashd").into(), PathBuf::from)
}

/// A daemon that is left when it is dropped is killed.
pub(crate) struct Place {
    root: TempDir,
    variables: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let root = tempfile::Builder::new().prefix("leashd-daemon-").tempdir().unwrap();
        for directory in ["home", "project"] {
            fs::create_dir(root.path().join(directory)).unwrap();
        }
        Self { root, variables: Vec::new() }
    }

    pub(crate) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.variables.push((name.to_owned(), value.into()));
        self
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// leashd's home.
    pub(crate) fn home(&self) -> PathBuf {
        let named = self.variables.iter().find(|(name, _)| name == "LEASHD_HOME");
        named.map_or_else(|| self.path("home/.leashd"), |(_, value)| PathBuf::from(value))
    }

    /// The home as a start would make it.
    pub(crate) fn made(self) -> Self {
        for directory in [self.home(), self.home().join("run")] {
            fs::create_dir_all(&directory).unwrap();
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        }
        self
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.home().join(name);
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    pub(crate) fn environment(&self, command: &mut Command) {
        command
            .current_dir(self.path("project"))
            .env_clear()
            .env("HOME", self.path("home"))
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(program());
        self.environment(command.args(args));
        command
    }

    pub(crate) fn leashd(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Runs it and expects this exit status.
    #[track_caller]
    pub(crate) fn expect(&self, status: i32, args: &[&str]) -> Said {
        let said = Said::of(&self.leashd(args));
        assert_eq!(said.status, Some(status), "leashd {args:?}: {said:?}");
        said
    }

    /// A daemon that is ready.
    #[track_caller]
    pub(crate) fn start(&self) -> i32 {
        self.expect(0, &["start"]);
        self.pid().unwrap()
    }

    pub(crate) fn status(&self) -> Value {
        serde_json::from_slice(&self.leashd(&["status", "--json"]).stdout).unwrap()
    }

    /// Of the daemon that runs.
    pub(crate) fn pid(&self) -> Option<i32> {
        self.status()["pid"].as_i64().map(|pid| i32::try_from(pid).unwrap())
    }

    pub(crate) fn token(&self) -> String {
        fs::read_to_string(self.home().join("run/token-terminal")).unwrap()
    }

    /// One request with the token: status and body.
    pub(crate) fn request(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let token = format!("Authorization: Bearer {}\r\n", self.token());
        self.request_with(&token, method, path, body)
    }

    pub(crate) fn request_with(&self, headers: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let mut stream = UnixStream::connect(self.home().join("run/leashd.sock")).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: leashd\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
            body.len()
        );
        // The daemon may refuse before it has read everything.
        drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())));
        let mut text = Vec::new();
        drop(stream.read_to_end(&mut text));
        let text = String::from_utf8(text).unwrap();
        let status = text.split(' ').nth(1).unwrap_or_else(|| panic!("no answer: {text:?}")).parse().unwrap();
        let body = text.split_once("\r\n\r\n").unwrap().1;
        (status, serde_json::from_str(body).unwrap_or_else(|_| Value::String(body.to_owned())))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Ok(text) = fs::read_to_string(self.home().join("run/leashd.lock")) else { return };
        let Ok(holder) = serde_json::from_str::<Value>(&text) else { return };
        let pid = holder["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        // Only one that was started here: the number alone may be anybody's by now.
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let ours = self.root.path().display().to_string();
        if String::from_utf8_lossy(&line).contains("leashd")
            && String::from_utf8_lossy(&environment).contains(&ours)
        {
            signal(pid, Signal::KILL);
        }
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    pub(crate) fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let said =
            Self { status: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) };
        assert!(!said.err.contains("panicked"), "{said:?}");
        said
    }
}

pub(crate) fn signal(pid: i32, signal: Signal) {
    if let Some(pid) = Pid::from_raw(pid) {
        let _gone = kill_process(pid, signal);
    }
}

/// Whether the process has ended, waiting for it a while: it is not our child.
pub(crate) fn ends(pid: i32) -> bool {
    let handle = match rustix::process::pidfd_open(
        Pid::from_raw(pid).unwrap(),
        rustix::process::PidfdFlags::empty(),
    ) {
        Ok(handle) => handle,
        Err(_) => return true,
    };
    let patience = rustix::event::Timespec { tv_sec: 30, tv_nsec: 0 };
    let mut wait = [rustix::event::PollFd::new(&handle, rustix::event::PollFlags::IN)];
    rustix::event::poll(&mut wait, Some(&patience)).unwrap() > 0
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}
