//! What walls cost a command: started plainly, behind Landlock and seccomp, and inside namespaces as well, in turn.
//! Prints means and the difference to the plain start; processor time is the number to trust on a busy machine. The
//! start of leashd's own binary is not part of it.
//! `cargo bench -p leashd-sandbox --bench confine`

#![expect(clippy::expect_used, reason = "a benchmark may end by panicking")]

use leashd_sandbox::confine::{self, Command, Kernel, Level, Wish};
use leashd_sandbox::{Caches, Capabilities, Domain, Limits, Profile, Request, SessionPlaces, TOOLCHAINS};
use std::path::Path;
use std::time::{Duration, Instant};

const ROUNDS: u32 = 300;

fn main() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path().canonicalize().expect("it is there");
    let (project, temporary) = (root.join("project"), root.join("temporary"));
    std::fs::create_dir(&project).expect("made");
    std::fs::create_dir(&temporary).expect("made");
    let session = SessionPlaces { temporary, ..SessionPlaces::default() };
    let profile = Profile::build(&Request {
        domain: Domain::Inner,
        approved: std::slice::from_ref(&project),
        session: &session,
        home: Path::new("/home/dev"),
        toolchains: TOOLCHAINS,
        caches: Caches::ReadOnly,
        cache_directory: Path::new("/nonexistent"),
        hidden: &[],
        capabilities: &Capabilities::default(),
        limits: Limits::default(),
    })
    .expect("nothing hidden is in it");
    let kernel = Kernel::detect(None);
    let command = Command {
        program: "/bin/true".into(),
        args: Vec::new(),
        environment: Vec::new(),
        directory: project,
    };
    let (mut plain, mut landlock, mut namespaces) = (Cost::default(), Cost::default(), Cost::default());
    for _ in 0..ROUNDS {
        plain.measure(|| {
            std::process::Command::new("/bin/true").env_clear().status().expect("it runs");
        });
        for (cost, level) in [(&mut landlock, Level::Landlock), (&mut namespaces, Level::Namespaces)] {
            cost.measure(|| {
                let running = confine::start(&profile, &kernel, Wish::Exactly(level), &command);
                running.expect("it starts").wait().expect("it ends");
            });
        }
    }
    println!("plain      {}", plain.mean());
    println!("landlock   {}", landlock.above(&plain));
    println!("namespaces {}", namespaces.above(&plain));
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

    fn mean(&self) -> String {
        format!("wall {:>10.1?}  processor {:>10.1?}", self.wall / ROUNDS, self.cpu / ROUNDS)
    }

    fn above(&self, plain: &Self) -> String {
        let more = self.cpu.saturating_sub(plain.cpu) / ROUNDS;
        format!("{}  more than plain {more:>10.1?}  (mean of {ROUNDS})", self.mean())
    }
}

/// Processor time of this process and its ended children: both sides of a start count.
fn cpu() -> Duration {
    let time = |who| {
        let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
        #[expect(unsafe_code, reason = "getrusage has no safe wrapper")]
        // SAFETY: the call fills the structure, which is valid when zeroed anyway.
        let usage = unsafe {
            libc::getrusage(who, usage.as_mut_ptr());
            usage.assume_init()
        };
        let part = |time: libc::timeval| {
            Duration::new(time.tv_sec.unsigned_abs(), 0) + Duration::from_micros(time.tv_usec.unsigned_abs())
        };
        part(usage.ru_utime) + part(usage.ru_stime)
    };
    time(libc::RUSAGE_SELF) + time(libc::RUSAGE_CHILDREN)
}
