//! The walls for real: proof at both levels, as root and as an ordinary user, and how a contained command ends. Has
//! its own `main`, because whoever confines must have one thread, and because it starts itself as the probe.

#![expect(clippy::unwrap_used, clippy::panic, reason = "this whole binary is tests")]

use leashd_sandbox::confine::{
    self, Command, Ended, Error, Groups, Identity, Kernel, Layer, Level, Weakness, Wish,
};
use leashd_sandbox::proof::{Attempt, Outcome, PROBE, Proof, Question, probe_main, prove};
use leashd_sandbox::{
    Access, Caches, Capabilities, Domain, Limits, Network, Presence, Profile, Request, SessionPlaces,
    TOOLCHAINS, Tree,
};
use std::ffi::OsString;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

/// The first argument of a copy of this program that runs one case.
const CASE: &str = "__case";
/// Not the number that whoever has none is shown to have (65534).
const ORDINARY: u32 = 1_900_000_000;
const LIMIT: Duration = Duration::from_secs(20);

type Case = fn(Level);

/// Cases, each run at each level as each user.
const CASES: &[(&str, Case)] = &[
    ("nothing_forbidden_is_possible", nothing_forbidden_is_possible),
    ("status_and_signal_pass", status_and_signal_pass),
    ("git_and_a_compiler_work", git_and_a_compiler_work),
    ("foreign_system_calls_end_the_process", foreign_system_calls_end_the_process),
    ("no_program_no_process", no_program_no_process),
    ("nothing_outlives_the_first_process", nothing_outlives_the_first_process),
    ("a_killed_launcher_takes_the_command_along", a_killed_launcher_takes_the_command_along),
    ("signals_pass", signals_pass),
    ("no_signal_is_held_back_inside", no_signal_is_held_back_inside),
    ("a_command_that_leaves_its_group_is_waited_for", a_command_that_leaves_its_group_is_waited_for),
    ("test_servers_work_in_their_own_network", test_servers_work_in_their_own_network),
    ("limits_hold", limits_hold),
    ("processes_are_counted", processes_are_counted),
    ("domains_nest", domains_nest),
    ("a_link_where_the_project_was_is_refused", a_link_where_the_project_was_is_refused),
    ("what_lies_in_shared_memory_is_refused", what_lies_in_shared_memory_is_refused),
];

fn main() {
    let mut args = std::env::args_os().skip(1);
    let first = args.next().unwrap_or_default();
    if first == PROBE {
        std::process::exit(probe_main(args));
    }
    if first == CASE {
        let name = args.next().unwrap();
        let level = if args.next().unwrap() == "landlock" { Level::Landlock } else { Level::Namespaces };
        return match name.to_str().unwrap() {
            "launcher" => be_launcher(level, args.next().unwrap().to_str().unwrap()),
            "foreign" => foreign(args.next().unwrap().to_str().unwrap()),
            name => CASES.iter().find(|(case, _)| *case == name).unwrap().1(level),
        };
    }
    let filter = first.to_str().filter(|filter| !filter.starts_with('-')).unwrap_or("").to_owned();
    without_landlock_nothing_starts();
    let program = public_copy();
    let users: &[Option<u32>] =
        if Kernel::detect(None).identity == Identity::Root { &[None, Some(ORDINARY)] } else { &[None] };
    let without: Vec<_> = users.iter().filter(|user| !has_namespaces(**user)).collect();
    if !without.is_empty() {
        skip("confine_in_namespaces", &format!("this machine lets no namespaces be made by {without:?}"));
    }
    for (name, _) in CASES.iter().filter(|(name, _)| name.contains(&filter)) {
        for (level, user) in
            ["landlock", "namespaces"].iter().flat_map(|level| users.iter().map(move |user| (level, user)))
        {
            if *level == "namespaces" && without.contains(&user) {
                continue;
            }
            let start = Instant::now();
            let mut case = std::process::Command::new(program.path().join("confine"));
            case.args([CASE, name, level]);
            if let Some(user) = user {
                case.gid(*user).uid(*user);
            }
            let status = case.status().unwrap();
            assert!(status.success(), "{name} at {level} as {user:?}: {status}");
            println!("test {name} {level} {user:?} ... ok ({} ms)", start.elapsed().as_millis());
        }
    }
}

fn has_namespaces(user: Option<u32>) -> bool {
    let mut command = std::process::Command::new("unshare");
    if user.is_some() || Kernel::detect(None).identity == Identity::User {
        command.args(["--user", "--map-current-user"]);
    }
    if let Some(user) = user {
        command.gid(user).uid(user);
    }
    let made = command.args(["--mount", "--pid", "--net", "--fork", "true"]).output();
    made.is_ok_and(|output| output.status.success())
}

/// Tells the runner that something was left out.
fn skip(name: &str, reason: &str) {
    println!("test {name} ... ignored, {reason}");
    if let Some(path) = std::env::var_os("LEASHD_TEST_SKIPS") {
        let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
        writeln!(file, "{name}\t{reason}").unwrap();
    }
}

/// This program where everybody can read it.
fn public_copy() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::copy("/proc/self/exe", directory.path().join("confine")).unwrap();
    directory
}

/// A project, a home, and what is outside both.
struct Place {
    project: PathBuf,
    outside: PathBuf,
    program: PathBuf,
    profile: Profile,
    _directory: tempfile::TempDir,
}

fn place() -> Place {
    place_with(&Capabilities::default())
}

fn place_with(capabilities: &Capabilities) -> Place {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    let below = |name: &str| {
        fs::create_dir_all(root.join(name)).unwrap();
        root.join(name)
    };
    let (project, outside, home) = (below("home/project"), below("home/.leashd"), below("home"));
    let program = std::env::current_exe().unwrap().canonicalize().unwrap();
    let session = SessionPlaces {
        temporary: below("temporary"),
        program: vec![program.clone()],
        ..SessionPlaces::default()
    };
    let profile = Profile::build(&Request {
        domain: Domain::Inner,
        approved: std::slice::from_ref(&project),
        session: &session,
        home: &home,
        toolchains: TOOLCHAINS,
        caches: Caches::Private,
        cache_directory: &root.join("caches"),
        hidden: std::slice::from_ref(&outside),
        capabilities,
        limits: Limits::default(),
    })
    .unwrap();
    Place { project, outside, program, profile, _directory: directory }
}

impl Place {
    fn command(&self, program: &str, args: &[&str]) -> Command {
        Command {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            environment: vec![
                ("PATH".into(), "/usr/bin:/bin".into()),
                ("HOME".into(), "/nonexistent".into()),
            ],
            directory: self.project.clone(),
        }
    }

    #[track_caller]
    fn sh(&self, level: Level, script: &str) -> Ended {
        let command = self.command("/bin/sh", &["-c", script]);
        let kernel = Kernel::detect(None);
        let running = confine::start(&self.profile, &kernel, Wish::Exactly(level), &command).unwrap();
        assert_eq!(running.plan.level, level);
        running.wait().unwrap()
    }
}

/// A process that may have a lifetime of its own, with this case's launcher in it.
fn launcher(level: Level, script: &str) -> std::process::Child {
    let level = if level == Level::Landlock { "landlock" } else { "namespaces" };
    let mut launcher = std::process::Command::new(std::env::current_exe().unwrap());
    launcher.args([CASE, "launcher", level, script]).stdout(Stdio::piped()).stdin(Stdio::piped());
    launcher.spawn().unwrap()
}

fn be_launcher(level: Level, script: &str) {
    let status = place().sh(level, script).status();
    std::process::exit(status);
}

/// Reads until everybody who could write is gone.
#[track_caller]
fn until_everybody_is_gone(output: &mut impl std::os::fd::AsFd) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let end = Instant::now() + LIMIT;
    let mut bytes = [0_u8; 256];
    loop {
        let left = Timespec::try_from(end.saturating_duration_since(Instant::now())).unwrap();
        let mut fds = [PollFd::new(output, PollFlags::IN)];
        assert!(poll(&mut fds, Some(&left)).unwrap() > 0, "somebody still holds the output");
        if rustix::io::read(&*output, &mut bytes).unwrap() == 0 {
            return;
        }
    }
}

fn proof(place: &Place, kernel: &Kernel, wish: Wish) -> Result<Proof, Error> {
    prove(&Question {
        profile: &place.profile,
        kernel,
        wish,
        project: &place.project,
        outside: &place.outside,
        program: &place.program,
        version: "test",
    })
}

/// What cannot succeed on some machines even without walls.
const MAY_BE_UNTRIED: &[Attempt] = &[
    // Only for root.
    Attempt::PacketSocket,
    Attempt::Handle,
    // Not in every kernel.
    Attempt::Vsock,
    Attempt::Mptcp,
    Attempt::IoUring,
    Attempt::Keyring,
    Attempt::UserNamespace,
    Attempt::Mount,
    Attempt::TypeAhead,
    // Where tracing is restricted.
    Attempt::Memory,
    Attempt::Trace,
    Attempt::ReadProcess,
];

fn nothing_forbidden_is_possible(level: Level) {
    let kernel = Kernel::detect(None);
    let proof = proof(&place(), &kernel, Wish::Exactly(level)).unwrap();
    for finding in &proof.findings {
        let untried = finding.outcome == Outcome::Untried && MAY_BE_UNTRIED.contains(&finding.attempt);
        let open = finding.outcome == Outcome::Open && !finding.attempt.is_claimed(&proof.plan);
        assert!(finding.outcome == Outcome::Held || untried || open, "{finding:?}");
    }
    let root_without_processes = kernel.identity == Identity::Root && level == Level::Landlock;
    assert_eq!(proof.holds(), !root_without_processes, "{:?}", proof.failures);
    let text = serde_json::to_string(&proof).unwrap();
    assert_eq!(serde_json::from_str::<Proof>(&text).unwrap(), proof);
}

/// Runs before anything else is confined, in the first process.
fn without_landlock_nothing_starts() {
    let kernel = Kernel::detect(Some("landlock".as_ref()));
    assert_eq!(kernel.landlock, 0);
    let place = place();
    let error = proof(&place, &kernel, Wish::Best).unwrap_err();
    assert!(matches!(error, Error::Uncontained { .. }), "{error}");
    let command = place.command("/bin/sh", &["-c", "echo > ran"]);
    assert!(confine::start(&place.profile, &kernel, Wish::Best, &command).is_err());
    assert!(!place.project.join("ran").exists());
    println!("test without_landlock_nothing_starts ... ok");
}

fn status_and_signal_pass(level: Level) {
    let place = place();
    assert_eq!(place.sh(level, "exit 7"), Ended::Code(7));
    let killed = place.sh(level, "kill -9 $$").status();
    assert_eq!(killed, 137);
}

fn no_program_no_process(level: Level) {
    let place = place();
    fs::write(place.outside.join("program"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(place.outside.join("program"), fs::Permissions::from_mode(0o755)).unwrap();
    for (program, kind) in [
        (PathBuf::from("/nonexistent"), std::io::ErrorKind::NotFound),
        (place.outside.join("program"), std::io::ErrorKind::PermissionDenied),
    ] {
        let command = place.command(program.to_str().unwrap(), &[]);
        let started = confine::start(&place.profile, &Kernel::detect(None), Wish::Exactly(level), &command);
        match started.unwrap_err() {
            Error::Start { source, .. } => assert_eq!(source.kind(), kind),
            error => panic!("{error}"),
        }
    }
}

fn git_and_a_compiler_work(level: Level) {
    let script = "git init -q . && git config user.email e@example.com && git config user.name n && echo a > a && \
                  git add a && git commit -qm first && test -z \"$(git status --porcelain)\" && exit 42";
    let place = place();
    assert_eq!(place.sh(level, script), Ended::Code(42));
    // Now there is something to guard.
    let guarded =
        place.sh(level, "echo b > a && git commit -qam second && git config core.pager x; mv .git moved");
    let config = fs::read_to_string(place.project.join(".git/config"));
    match level {
        Level::Namespaces => assert!(!config.unwrap().contains("pager"), "{guarded:?}"),
        Level::Landlock => assert!(config.is_err(), "moved: nothing is claimed here"),
    }
}

fn nothing_outlives_the_first_process(level: Level) {
    // A control group ends whoever is in it as well.
    if level == Level::Landlock && Kernel::detect(None).groups == Groups::Missing {
        return;
    }
    let mut launcher =
        launcher(level, "setsid sleep 1000 & setsid sh -c 'trap \"\" TERM HUP INT; sleep 1000' & exit 3");
    let mut output = launcher.stdout.take().unwrap();
    until_everybody_is_gone(&mut output);
    assert_eq!(launcher.wait().unwrap().code(), Some(3));
}

fn a_killed_launcher_takes_the_command_along(level: Level) {
    let background = if level == Level::Namespaces { "setsid sleep 1000 & " } else { "" };
    let mut launcher = launcher(level, &format!("{background}echo ready; exec sleep 1000"));
    let mut output = launcher.stdout.take().unwrap();
    output.read_exact(&mut [0_u8; 6]).unwrap();
    launcher.kill().unwrap();
    until_everybody_is_gone(&mut output);
    assert_eq!(launcher.wait().unwrap().signal(), Some(9));
}

fn signals_pass(level: Level) {
    let mut launcher = launcher(level, "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done");
    let mut output = launcher.stdout.take().unwrap();
    output.read_exact(&mut [0_u8; 6]).unwrap();
    rustix::process::kill_process(rustix::process::Pid::from_child(&launcher), rustix::process::Signal::TERM)
        .unwrap();
    assert_eq!(launcher.wait().unwrap().code(), Some(9));
}

fn no_signal_is_held_back_inside(level: Level) {
    let ended = place().sh(level, "grep -q '^SigBlk:.0000000000000000$' /proc/self/status && exit 5");
    assert_eq!(ended, Ended::Code(5));
}

fn a_command_that_leaves_its_group_is_waited_for(level: Level) {
    assert_eq!(place().sh(level, "exec timeout 20 sh -c 'exit 5'"), Ended::Code(5));
    // The same for whom nobody waits but the first process.
    let orphans = "for i in 1 2 3; do (setsid sh -c 'exit 0' &); done; for i in $(seq 100); do \
                   grep -l '^State:.Z' /proc/[0-9]*/status > /dev/null 2>&1 || exit 6; sleep 0.05; done";
    if level == Level::Namespaces {
        assert_eq!(place().sh(level, orphans), Ended::Code(6));
    }
}

fn test_servers_work_in_their_own_network(level: Level) {
    let script = "exec python3 -I -S -c 'import socket; s=socket.socket(); s.bind((\"127.0.0.1\",0)); s.listen(); \
                  c=socket.create_connection(s.getsockname()); raise SystemExit(5)'";
    let ended = place().sh(level, script);
    let expected = if level == Level::Namespaces { 5 } else { 1 };
    assert_eq!(ended, Ended::Code(expected));
    // With the network granted it is the machine's own.
    let capabilities = Capabilities { network: Network::Anywhere, ..Capabilities::default() };
    let place = place_with(&capabilities);
    assert_eq!(place.sh(level, script), Ended::Code(5));
    let kernel = Kernel::detect(None);
    assert!(!confine::plan(&place.profile, &kernel, level).unwrap().layers.contains(&Layer::Network));
}

/// A shell ends when it cannot fork.
fn processes_are_counted(level: Level) {
    let mut place = place();
    place.profile.limits = Limits { processes: 40, ..Limits::default() };
    let script = "i=0; while [ $i -lt 80 ]; do sleep 2 & i=$((i+1)); done 2> /dev/null; exit 5";
    let kernel = Kernel::detect(None);
    let plan = confine::plan(&place.profile, &kernel, level).unwrap();
    let claimed = !plan.weaknesses.contains(&Weakness::ProcessCount);
    let root = kernel.identity == Identity::Root;
    assert_eq!(claimed, kernel.groups != Groups::Missing || (level == Level::Namespaces && !root));
    assert_eq!(place.sh(level, script) == Ended::Code(5), !claimed, "{plan:?}");
    // As if there were no control groups.
    let kernel = Kernel::detect(Some("groups".as_ref()));
    let command = place.command("/bin/sh", &["-c", script]);
    let running = confine::start(&place.profile, &kernel, Wish::Exactly(level), &command).unwrap();
    assert!(!running.plan.layers.contains(&Layer::Group));
    let claimed = !running.plan.weaknesses.contains(&Weakness::ProcessCount);
    assert_eq!(claimed, level == Level::Namespaces && !root);
    assert_eq!(running.wait().unwrap() == Ended::Code(5), !claimed);
}

/// A command that is contained can be contained further, which is how a shell command of a contained agent runs.
fn domains_nest(level: Level) {
    let place = place();
    let program = place.program.to_str().unwrap();
    let command = place.command(program, &[CASE, "launcher", "landlock", "exit 5"]);
    let running =
        confine::start(&place.profile, &Kernel::detect(None), Wish::Exactly(level), &command).unwrap();
    assert_eq!(running.wait().unwrap(), Ended::Code(5));
}

fn limits_hold(level: Level) {
    let mut place = place();
    place.profile.limits = Limits { file_size: 1 << 20, ..Limits::default() };
    let script = "test $(ulimit -c) = 0 && dd if=/dev/zero of=big bs=65536 count=64 2>/dev/null; exit 0";
    assert_eq!(place.sh(level, script), Ended::Code(0));
    assert_eq!(fs::metadata(place.project.join("big")).unwrap().len(), 1 << 20);
}

fn a_link_where_the_project_was_is_refused(level: Level) {
    let place = place();
    fs::remove_dir(&place.project).unwrap();
    std::os::unix::fs::symlink(&place.outside, &place.project).unwrap();
    let command = place.command("/bin/sh", &["-c", "echo > ran"]);
    let started = confine::start(&place.profile, &Kernel::detect(None), Wish::Exactly(level), &command);
    assert!(started.is_err());
    assert!(!place.outside.join("ran").exists());
}

/// In namespaces that directory is another one, in which it would be missed.
fn what_lies_in_shared_memory_is_refused(level: Level) {
    let shared = tempfile::tempdir_in(confine::SHARED_MEMORY).unwrap();
    let mut place = place();
    place.profile.trees.push(Tree {
        path: shared.path().to_owned(),
        access: Access::Read,
        presence: Presence::Required,
        what: "granted".to_owned(),
    });
    let command = place.command("/bin/sh", &["-c", "echo > ran"]);
    let started = confine::start(&place.profile, &Kernel::detect(None), Wish::Exactly(level), &command);
    match level {
        Level::Landlock => assert_eq!(started.unwrap().wait().unwrap(), Ended::Code(0)),
        Level::Namespaces => {
            let error = started.unwrap_err().to_string();
            assert!(error.contains("/dev/shm of its own; use another directory"), "{error}");
        }
    }
    assert_eq!(place.project.join("ran").exists(), level == Level::Landlock);
}

/// Calls whose numbers mean something else: 32-bit ones, and those of x32.
fn foreign_system_calls_end_the_process(level: Level) {
    if !cfg!(target_arch = "x86_64") {
        return;
    }
    const SIGSYS: i32 = 31;
    let place = place();
    for kind in ["i386", "x32"] {
        let program = place.program.to_str().unwrap();
        let outside =
            std::process::Command::new(program).args([CASE, "foreign", "-", kind]).status().unwrap();
        assert_ne!(outside.signal(), Some(SIGSYS), "{kind} cannot be tried here");
        let command = place.command(program, &[CASE, "foreign", "-", kind]);
        let running =
            confine::start(&place.profile, &Kernel::detect(None), Wish::Exactly(level), &command).unwrap();
        assert_eq!(running.wait().unwrap().status(), 128 + SIGSYS, "{kind}");
    }
}

#[cfg(target_arch = "x86_64")]
#[expect(unsafe_code, reason = "there is no other way to make such a call")]
fn foreign(kind: &str) {
    const X32: i64 = 0x4000_0000;
    match kind {
        // SAFETY: getpid in both tables; touches no memory.
        "x32" => drop(unsafe { libc::syscall(X32 | libc::SYS_getpid) }),
        // SAFETY: getpid of the 32-bit table is 20; touches no memory.
        _ => unsafe { std::arch::asm!("int 0x80", inout("rax") 20_i64 => _, options(nostack)) },
    }
    std::io::stdout().flush().unwrap();
}

#[cfg(not(target_arch = "x86_64"))]
fn foreign(_kind: &str) {}
