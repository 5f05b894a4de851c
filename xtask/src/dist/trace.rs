//! Runs a program and tells which of its functions are called, in the order of the first time: each has a breakpoint at
//! its first byte, once.

use anyhow::{Context, Result, bail};
use nix::sys::ptrace::{self, Event, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// Waits until it is followed, then becomes `"$@"` with the file `$INPUT` as its standard input.
const STARTER: &str = r#"read -r _ && exec "$@" <"$INPUT""#;
/// The instruction `int3`.
const BREAKPOINT: u8 = 0xcc;

/// A run of the program: what it is called by, its arguments, where, on what input.
#[derive(Debug)]
pub(super) struct Run<'a> {
    pub(super) name: &'a Path,
    pub(super) args: &'a [&'a str],
    pub(super) environment: &'a [(&'a str, &'a Path)],
    pub(super) directory: &'a Path,
    pub(super) input: &'a Path,
}

/// The first bytes of functions.
#[derive(Debug)]
pub(super) struct Entries<'a> {
    program: &'a Path,
    /// Sorted.
    addresses: Vec<u64>,
    /// What stands in the binary from the first to the last.
    code: Vec<u8>,
}

impl<'a> Entries<'a> {
    /// `addresses`: sorted, where the functions of a binary begin that is loaded at a fixed place.
    pub(super) fn new(program: &'a Path, addresses: Vec<u64>) -> Self {
        Self { program, addresses, code: Vec::new() }
    }

    /// Which of them a run comes to, in its processes and threads, until they end or become another program. It has to
    /// end well.
    pub(super) fn reached(&mut self, run: &Run<'_>) -> Result<Vec<u64>> {
        let mut child = Command::new("/bin/sh")
            .args(["-c", STARTER, "sh"])
            .arg(run.name)
            .args(run.args)
            .env_clear()
            .env("INPUT", run.input)
            .envs(run.environment.iter().copied())
            .current_dir(run.directory)
            .stdin(Stdio::piped())
            // Kept open until it ended, and never full: a hook that nobody hears fails.
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a shell")?;
        let pid = Pid::from_raw(i32::try_from(child.id())?);
        let options = Options::PTRACE_O_TRACEEXEC
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_EXITKILL;
        ptrace::seize(pid, options).context("processes may not be followed here (ptrace)")?;
        child.stdin.take().context("it has no standard input")?.write_all(b"\n")?;
        let mut seen = HashSet::new();
        let mut order = Vec::new();
        loop {
            match waitpid(None, Some(WaitPidFlag::__WALL))? {
                WaitStatus::Exited(ended, 0) if ended == pid => return Ok(order),
                WaitStatus::Exited(ended, status) if ended == pid => bail!("{run:?} ended with {status}"),
                WaitStatus::Signaled(ended, signal, _) if ended == pid => {
                    bail!("{run:?} was ended by {signal}")
                }
                WaitStatus::Stopped(stopped, Signal::SIGTRAP) => {
                    let entry = self.step_over(stopped)?;
                    if seen.insert(entry) {
                        order.push(entry);
                    }
                    ptrace::cont(stopped, None)?;
                }
                WaitStatus::Stopped(stopped, signal) => ptrace::cont(stopped, signal)?,
                WaitStatus::PtraceEvent(stopped, _, event) => {
                    if event == Event::PTRACE_EVENT_EXEC as i32 && is(stopped, self.program) {
                        self.arm(stopped)?;
                    }
                    ptrace::cont(stopped, None)?;
                }
                _ => {}
            }
        }
    }

    /// Puts a breakpoint at every entry.
    fn arm(&mut self, process: Pid) -> Result<()> {
        let (Some(first), Some(last)) = (self.addresses.first(), self.addresses.last()) else {
            bail!("no function of {} is known", self.program.display());
        };
        let memory = memory(process)?;
        if self.code.is_empty() {
            self.code = vec![0; usize::try_from(last - first)? + 1];
            memory.read_exact_at(&mut self.code, *first)?;
        }
        let mut armed = self.code.clone();
        for address in &self.addresses {
            *armed.get_mut(usize::try_from(address - first)?).context("addresses are sorted")? = BREAKPOINT;
        }
        memory.write_all_at(&armed, *first).context("cannot write breakpoints")
    }

    /// Takes away the breakpoint that a process or thread stands behind, and has it go on from there. Another thread
    /// may have been first, and another process has its own.
    fn step_over(&self, stopped: Pid) -> Result<u64> {
        let mut registers = ptrace::getregs(stopped)?;
        let entry = registers.rip - 1;
        let first = self.addresses.first().copied().unwrap_or_default();
        let known = self.addresses.binary_search(&entry).is_ok();
        let place = usize::try_from(entry.wrapping_sub(first))?;
        let byte = self.code.get(place).filter(|_| known);
        let byte = byte.with_context(|| format!("it stopped at {entry:#x}, where there is no breakpoint"))?;
        memory(stopped)?.write_all_at(&[*byte], entry)?;
        registers.rip = entry;
        ptrace::setregs(stopped, registers)?;
        Ok(entry)
    }
}

fn memory(process: Pid) -> Result<File> {
    let path = format!("/proc/{process}/mem");
    File::options().read(true).write(true).open(&path).with_context(|| format!("cannot open {path}"))
}

/// True if the process runs `program`.
fn is(process: Pid, program: &Path) -> bool {
    let file = |path: &Path| fs::metadata(path).map(|it| (it.dev(), it.ino())).ok();
    let its = file(Path::new(&format!("/proc/{process}/exe")));
    its.is_some() && its == file(program)
}
