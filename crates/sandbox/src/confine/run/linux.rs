//! Fork, walls, exec, and the small first process of a pid namespace.
//!
//! A pipe that exec closes tells how it went: nothing on it means that the program runs.

use super::{Command, Ended, Running};
use crate::confine::group::Group;
use crate::confine::seccomp::{Allowed, Filter, Sockets, program};
use crate::confine::{
    Error, Groups, Kernel, Level, Plan, SHARED_MEMORY, Wish, landlock, limits, namespaces, plan,
};
use crate::profile::{Access, Domain, Network, Presence, Profile, Tree};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    DumpableBehavior, Gid, Pid, Signal, Uid, WaitOptions, WaitStatus, getgid, getuid, kill_process,
    set_dumpable_behavior, set_parent_process_death_signal, wait, waitpid,
};
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;

/// Exit code of a child that could not become the program; nobody sees it.
const FAILED: i32 = 125;
/// Bytes of a report.
const REPORT_LIMIT: u64 = 4096;

pub(super) struct Child {
    pid: Pid,
    /// Ended and removed with this.
    _group: Option<Group>,
    /// The signals that were blocked before.
    before: libc::sigset_t,
}

impl std::fmt::Debug for Child {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Child").field(&self.pid).finish()
    }
}

/// What a child needs to become the command.
#[derive(Clone, Copy)]
struct Entry<'a> {
    profile: &'a Profile,
    kernel: &'a Kernel,
    command: &'a Command,
    /// The signals that wait in the command: exec keeps them.
    mask: libc::sigset_t,
    group: Option<&'a Group>,
}

pub(super) fn start(
    profile: &Profile,
    kernel: &Kernel,
    wish: Wish,
    command: &Command,
) -> Result<Running, Error> {
    one_thread()?;
    prepare(profile)?;
    let before = change_mask(&all_signals())?;
    let group = match kernel.groups {
        Groups::Missing => None,
        // Where one cannot be made after all, the plan says so like where there is none.
        Groups::Processes | Groups::ProcessesAndMemory => Group::create(&profile.limits).unwrap_or(None),
    };
    let kernel =
        &Kernel { groups: group.as_ref().map_or(Groups::Missing, |group| group.holds), ..kernel.clone() };
    let entry = Entry { profile, kernel, command, mask: before, group: group.as_ref() };
    let started = match wish {
        Wish::Exactly(level) => start_at(entry, level),
        Wish::Best => match start_at(entry, Level::Namespaces) {
            Err(Error::NoNamespaces(_)) => start_at(entry, Level::Landlock),
            other => other,
        },
    };
    match started {
        Ok((plan, pid)) => Ok(Running { plan, child: Child { pid, _group: group, before } }),
        Err(error) => {
            change_mask(&before)?;
            Err(error)
        }
    }
}

pub(super) fn replace(profile: &Profile, kernel: &Kernel, command: &Command) -> Error {
    let entered = || {
        one_thread()?;
        prepare(profile)?;
        let plan = plan(profile, kernel, Level::Landlock)?;
        Ok((plan, Entry { profile, kernel, command, mask: mask()?, group: None }))
    };
    match entered() {
        Ok((plan, entry)) => enter(entry, &plan),
        Err(error) => error,
    }
}

fn start_at(entry: Entry<'_>, level: Level) -> Result<(Plan, Pid), Error> {
    let plan = plan(entry.profile, entry.kernel, level)?;
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC).map_err(|error| step("making a pipe", error))?;
    // Inside a new user namespace nobody has a number until it is mapped.
    let identity = (getuid(), getgid());
    let forked = match level {
        Level::Landlock => fork(),
        Level::Namespaces => fork_into(namespaces::flags(&entry.profile.network, identity.0))
            .map_err(|error| Error::NoNamespaces(error.to_string())),
    }?;
    let Some(pid) = forked else {
        drop(reader);
        let error = match (entry.group.map_or(Ok(()), Group::enter), level) {
            (Err(source), _) => Error::Step { step: "entering the control group", source },
            (Ok(()), Level::Landlock) => become_program(entry, &plan),
            (Ok(()), Level::Namespaces) => first_process(entry, identity, &plan, &writer),
        };
        report(&writer, &error);
        exit(FAILED)
    };
    drop(writer);
    match read_report(reader)? {
        None => Ok((plan, pid)),
        Some(error) => {
            let _collected = waitpid(Some(pid), WaitOptions::empty());
            Err(error)
        }
    }
}

/// What has to be there before the walls are.
fn prepare(profile: &Profile) -> Result<(), Error> {
    let failed = |path: &std::path::Path, source| Error::Tree {
        path: path.to_owned(),
        what: "directory".to_owned(),
        source,
    };
    for path in &profile.make {
        std::fs::create_dir_all(path).map_err(|source| failed(path, source))?;
    }
    Ok(())
}

fn one_thread() -> Result<(), Error> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|source| Error::Step { step: "counting threads", source })?;
    if threads.count() == 1 { Ok(()) } else { Err(Error::Threads) }
}

/// The command's process: dies with the one that waits for it.
fn become_program(entry: Entry<'_>, plan: &Plan) -> Error {
    match set_parent_process_death_signal(Some(Signal::KILL)) {
        Ok(()) => enter(entry, plan),
        Err(error) => step("tying the command to its launcher", error),
    }
}

/// Puts up every wall around this process and becomes the command.
fn enter(entry: Entry<'_>, plan: &Plan) -> Error {
    let Entry { profile, kernel, command, mask, group: _ } = entry;
    let walls = || -> Result<(), Error> {
        limits::close_descriptors()?;
        std::env::set_current_dir(&command.directory)
            .map_err(|source| Error::Step { step: "entering the working directory", source })?;
        limits::set(&profile.limits, counted(plan))?;
        limits::drop_privileges()?;
        let (filter, ports) = walls_of(profile, kernel, plan);
        let program = program(filter).map_err(|error| Error::Seccomp(error.to_string()))?;
        landlock::restrict(profile, &more_trees(plan), ports)?;
        seccompiler::apply_filter(&program).map_err(|error| Error::Seccomp(error.to_string()))?;
        change_mask(&mask).map(drop)
    };
    if let Err(error) = walls() {
        return error;
    }
    let mut process = std::process::Command::new(&command.program);
    process.args(&command.args).env_clear();
    process.envs(command.environment.iter().map(|(name, value)| (name, value))).envs(&profile.environment);
    let source = process.exec();
    Error::Start { program: command.program.to_string_lossy().into_owned(), source }
}

fn counted(plan: &Plan) -> limits::Counted {
    match plan.level {
        Level::Namespaces if !getuid().is_root() => limits::Counted::Tree,
        Level::Namespaces | Level::Landlock => limits::Counted::User,
    }
}

/// Trees that are there only because the namespaces made them.
fn more_trees(plan: &Plan) -> Vec<Tree> {
    let memory = Tree {
        path: SHARED_MEMORY.into(),
        access: Access::Write,
        presence: Presence::IfThere,
        what: "shared memory".to_owned(),
    };
    if plan.level == Level::Namespaces { vec![memory] } else { Vec::new() }
}

fn walls_of(profile: &Profile, kernel: &Kernel, plan: &Plan) -> (Filter, landlock::Ports) {
    /// From here on Landlock knows the paths of unix sockets.
    const KNOWS_SOCKETS: u32 = 9;
    let allowed = |yes: bool| if yes { Allowed::Yes } else { Allowed::No };
    let own_network = plan.layers.contains(&crate::confine::Layer::Network);
    let (sockets, ports) = match &profile.network {
        Network::Nothing | Network::Doors { .. } if own_network => {
            (Sockets::TcpAndUdp, landlock::Ports::Free)
        }
        Network::Nothing | Network::Doors { .. } => (Sockets::None, landlock::Ports::Held),
        Network::Ports(_) => (Sockets::Tcp, landlock::Ports::Held),
        Network::Enclosed | Network::Anywhere => (Sockets::TcpAndUdp, landlock::Ports::Free),
    };
    let outer = profile.domain == Domain::Outer;
    let filter = Filter {
        sockets,
        unix: allowed(kernel.landlock >= KNOWS_SOCKETS),
        netlink: allowed(outer),
        namespaces: allowed(outer),
    };
    (filter, ports)
}

/// The first process of the namespaces: makes what is in them, starts the command, collects whoever ends, and takes
/// everybody along when it ends itself.
fn first_process(entry: Entry<'_>, identity: (Uid, Gid), plan: &Plan, writer: &OwnedFd) -> Error {
    let set_up = || -> Result<(), Error> {
        namespaces::set_up(entry.profile, identity)?;
        set_parent_process_death_signal(Some(Signal::KILL))
            .and_then(|()| set_dumpable_behavior(DumpableBehavior::NotDumpable))
            .map_err(|error| step("tying the namespaces to their launcher", error))
    };
    if let Err(error) = set_up() {
        return Error::NoNamespaces(error.to_string());
    }
    match fork() {
        Err(error) => error,
        Ok(None) => become_program(entry, plan),
        Ok(Some(pid)) => {
            // The program holds the other end until it is one.
            close(writer);
            let ended =
                Child { pid, _group: None, before: all_signals() }.wait().map_or(FAILED, Ended::status);
            exit(ended)
        }
    }
}

impl Child {
    pub(super) fn wait(&self) -> Result<Ended, Error> {
        let ended = self.until_end();
        change_mask(&self.before)?;
        ended
    }

    fn until_end(&self) -> Result<Ended, Error> {
        loop {
            let signal = next_signal()?;
            if let Some(ended) = self.collect()? {
                return Ok(ended);
            }
            match signal {
                Received { number: libc::SIGCHLD, .. } => {}
                // A terminal's signal reached the command as well; stopping is all that is left to do.
                Received { number: libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU, .. } => {
                    let _continued = kill_process(rustix::process::getpid(), Signal::STOP);
                }
                Received { from: Sender::Kernel, .. } => {}
                Received { number, from: Sender::Process } => {
                    // INVARIANT: not collected yet, so the number is still the child's.
                    if let Some(signal) = Signal::from_named_raw(number) {
                        let _gone = kill_process(self.pid, signal);
                    }
                }
            }
        }
    }

    /// Collects everybody who ended; how our own child ended, if it did.
    fn collect(&self) -> Result<Option<Ended>, Error> {
        let mut ended = None;
        loop {
            // Any of them: a command may have left the process group.
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid == self.pid => ended = Some(how(status)),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) | Err(Errno::CHILD) => return Ok(ended),
                Err(error) => return Err(step("waiting for the command", error)),
            }
        }
    }
}

fn how(status: WaitStatus) -> Ended {
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => Ended::Code(code),
        (None, Some(signal)) => Ended::Signal(signal),
        (None, None) => Ended::Code(FAILED),
    }
}

fn step(step: &'static str, error: Errno) -> Error {
    Error::Step { step, source: error.into() }
}

/// One byte for the kind, then the text. A start that failed carries the number of the error.
fn report(writer: &OwnedFd, error: &Error) {
    let text = match error {
        Error::NoNamespaces(why) => format!("N{why}"),
        Error::Start { program, source } => format!("S{}:{program}", source.raw_os_error().unwrap_or(0)),
        other => format!("E{other}"),
    };
    let Ok(copy) = writer.try_clone() else { return };
    let _nobody_reads = File::from(copy).write_all(text.as_bytes());
}

fn read_report(reader: OwnedFd) -> Result<Option<Error>, Error> {
    let mut text = String::new();
    File::from(reader)
        .take(REPORT_LIMIT)
        .read_to_string(&mut text)
        .map_err(|source| Error::Step { step: "hearing from the command", source })?;
    let Some(kind) = text.chars().next() else { return Ok(None) };
    let rest = text.get(kind.len_utf8()..).unwrap_or_default();
    Ok(Some(match kind {
        'N' => Error::NoNamespaces(rest.to_owned()),
        'S' => {
            let (number, program) = rest.split_once(':').unwrap_or(("", rest));
            let source = io::Error::from_raw_os_error(number.parse().unwrap_or(0));
            Error::Start { program: program.to_owned(), source }
        }
        _ => Error::Inside(rest.to_owned()),
    }))
}

/// A signal that arrived, and where from.
struct Received {
    number: libc::c_int,
    from: Sender,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Sender {
    Kernel,
    Process,
}

#[expect(unsafe_code, reason = "signal sets have no safe wrapper")]
fn all_signals() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: the call fills the set before it is read.
    unsafe {
        libc::sigfillset(set.as_mut_ptr());
        set.assume_init()
    }
}

/// Sets which signals wait; which ones did before.
#[expect(unsafe_code, reason = "signal masks have no safe wrapper")]
fn change_mask(mask: &libc::sigset_t) -> Result<libc::sigset_t, Error> {
    let mut before = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: both sets are valid for their use; the mask is that of the only thread.
    unsafe {
        if libc::sigprocmask(libc::SIG_SETMASK, std::ptr::from_ref(mask), before.as_mut_ptr()) == 0 {
            return Ok(before.assume_init());
        }
    }
    Err(Error::Step { step: "setting the signal mask", source: io::Error::last_os_error() })
}

/// The signals that wait now.
#[expect(unsafe_code, reason = "signal masks have no safe wrapper")]
fn mask() -> Result<libc::sigset_t, Error> {
    let mut now = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: without a new set the call only fills the old one, which is valid for writing.
    unsafe {
        if libc::sigprocmask(libc::SIG_BLOCK, std::ptr::null(), now.as_mut_ptr()) == 0 {
            return Ok(now.assume_init());
        }
    }
    Err(Error::Step { step: "reading the signal mask", source: io::Error::last_os_error() })
}

#[expect(unsafe_code, reason = "waiting for signals has no safe wrapper")]
fn next_signal() -> Result<Received, Error> {
    let all = all_signals();
    loop {
        let mut about = MaybeUninit::<libc::siginfo_t>::zeroed();
        // SAFETY: the set is initialised and the structure is valid for writing.
        let number = unsafe { libc::sigwaitinfo(&raw const all, about.as_mut_ptr()) };
        if number > 0 {
            // SAFETY: a structure of plain numbers that was zeroed and then filled.
            let code = unsafe { about.assume_init() }.si_code;
            let from = if code > 0 { Sender::Kernel } else { Sender::Process };
            return Ok(Received { number, from });
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(Error::Step { step: "waiting for signals", source: error });
        }
    }
}

/// Nothing in the child.
#[expect(unsafe_code, reason = "fork has no safe wrapper")]
fn fork() -> Result<Option<Pid>, Error> {
    // SAFETY: this process has one thread, so the child finds every lock as it should be.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(Error::Step { step: "starting a process", source: io::Error::last_os_error() });
    }
    Ok(Pid::from_raw(pid))
}

/// A fork whose child is the first process of new namespaces. Nothing in the child.
#[expect(unsafe_code, reason = "clone has no safe wrapper")]
fn fork_into(flags: libc::c_int) -> io::Result<Option<Pid>> {
    let flags = libc::c_long::from(flags.cast_unsigned() | libc::SIGCHLD.cast_unsigned());
    // SAFETY: no memory is shared and no stack is given, so it is a fork; this process has one thread. The C library
    // is not told, which matters for nothing that the child does: it starts no thread and raises no signal.
    let pid = unsafe { libc::syscall(libc::SYS_clone, flags, 0_usize, 0_usize, 0_usize, 0_usize) };
    match libc::pid_t::try_from(pid) {
        Ok(pid) if pid >= 0 => Ok(Pid::from_raw(pid)),
        Ok(_) | Err(_) => Err(io::Error::last_os_error()),
    }
}

#[expect(unsafe_code, reason = "the descriptor is only borrowed here")]
fn close(writer: &OwnedFd) {
    use std::os::fd::AsRawFd;
    // SAFETY: the caller never returns and uses the descriptor no more; nothing else knows the number.
    unsafe { libc::close(writer.as_raw_fd()) };
}

/// Ends a forked process without what a program does at its end: that belongs to the one it was forked from.
#[expect(unsafe_code, reason = "_exit has no safe wrapper")]
fn exit(code: i32) -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}
