//! What a supervisor costs: `/bin/true` through it and directly, in turns. Processor time of the children, which a busy
//! machine distorts less than wall time, and the supervisor's resident memory.
#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a bench that cannot start a process has nothing to measure")]

use leashd_sandbox::{Launch, SUPERVISE, Supervised, supervise_main};
use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: u32 = 300;

fn main() {
    let mut args = std::env::args_os().skip(1);
    if args.next().is_some_and(|first| first == SUPERVISE) {
        std::process::exit(supervise_main(args));
    }
    let mut direct = Cost::default();
    let mut supervised = Cost::default();
    for _ in 0..ROUNDS {
        direct.measure(|| {
            Command::new("/bin/true").env_clear().status().expect("it is there");
        });
        supervised.measure(|| {
            let mut ready = prepare("/bin/true");
            ready.command.status().expect("it starts");
        });
    }
    println!("direct     {direct}");
    println!("supervised {supervised}");
    println!("difference {}", Cost { wall: supervised.wall - direct.wall, cpu: supervised.cpu - direct.cpu });
    println!("resident   {}", resident());
}

fn prepare(program: &str) -> Supervised {
    let supervisor = Path::new("/proc/self/exe");
    let launch = Launch { supervisor, program: Path::new(program), args: &[], env: &[], cwd: Path::new("/") };
    Supervised::command(&launch).expect("a pipe")
}

/// The lines of `/proc/PID/status` that say how much memory an idle supervisor holds.
fn resident() -> String {
    let mut ready = prepare("/bin/cat");
    ready.command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = ready.command.spawn().expect("it starts");
    drop(ready.command);
    let mut input = child.stdin.take().expect("it is piped");
    let mut output = child.stdout.take().expect("it is piped");
    input.write_all(b"x").expect("it reads");
    output.read_exact(&mut [0]).expect("it answers, so the supervisor is at rest");
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    drop(input);
    child.wait().expect("it ends");
    let lines = status.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("RssAnon"));
    lines.map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join(", ")
}

#[derive(Default)]
struct Cost {
    wall: Duration,
    cpu: Duration,
}

impl Cost {
    fn measure(&mut self, job: impl FnOnce()) {
        let (wall, cpu) = (Instant::now(), cpu());
        job();
        self.wall += wall.elapsed();
        self.cpu += self::cpu() - cpu;
    }
}

impl std::fmt::Display for Cost {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (wall, cpu) = (self.wall / ROUNDS, self.cpu / ROUNDS);
        write!(formatter, "wall {wall:>10.1?}  processor {cpu:>10.1?}  (mean of {ROUNDS})")
    }
}

/// Processor time of all ended children.
fn cpu() -> Duration {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    #[expect(unsafe_code, reason = "getrusage has no safe wrapper")]
    // SAFETY: the call fills the structure, which is valid when zeroed anyway.
    let usage = unsafe {
        libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr());
        usage.assume_init()
    };
    let time = |time: libc::timeval| {
        Duration::new(time.tv_sec.unsigned_abs(), 0) + Duration::from_micros(time.tv_usec.unsigned_abs())
    };
    time(usage.ru_utime) + time(usage.ru_stime)
}
