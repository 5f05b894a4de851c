//! Fuzzing without a coverage-guided fuzzer: the seeds, then random edits of them, the same every time for the same
//! number. An input that fails is made smaller, saved and printed. Knows no target.

mod edits;

use edits::{Edits, Random};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// One input may take this long; then it counts as a hang.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of memory the process may hold.
const MEMORY: u64 = 2 << 30;
/// Runs spent on making a failing input smaller.
const SHRINKING: usize = 3000;
/// Bytes of a failing input that are printed.
const SHOWN: usize = 2000;

const USAGE: &str = "usage: TARGET [--seconds N] [--seed N] [--artifacts DIR] [--dictionary FILE] SEED…\n\
    A SEED is a file or a directory of files. With --seconds 0 they are run and nothing else.";

type Check = fn(&[u8]);

struct Options {
    seconds: u64,
    seed: u64,
    artifacts: PathBuf,
    words: Vec<Vec<u8>>,
    seeds: Vec<Vec<u8>>,
}

pub fn main(name: &'static str, check: Check) -> ExitCode {
    let options = match options(std::env::args_os().skip(1)) {
        Ok(options) => options,
        Err(wrong) => {
            eprintln!("{name}: {wrong}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match Run::new(name, check, &options).and_then(|run| run.all(&options)) {
        Ok(Ending::Good) => ExitCode::SUCCESS,
        Ok(Ending::Failed) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::from(2)
        }
    }
}

enum Ending {
    Good,
    Failed,
}

struct Run<'a> {
    name: &'static str,
    check: Check,
    artifacts: &'a Path,
    /// Holds the input that runs: what is there after a crash of the process is what crashed it.
    running: File,
}

impl<'a> Run<'a> {
    fn new(name: &'static str, check: Check, options: &'a Options) -> std::io::Result<Self> {
        fs::create_dir_all(&options.artifacts)?;
        let running = File::create(options.artifacts.join("running"))?;
        Ok(Self { name, check, artifacts: &options.artifacts, running })
    }

    fn all(&self, options: &Options) -> std::io::Result<Ending> {
        println!("{}: random edits of {} seeds, number {}", self.name, options.seeds.len(), options.seed);
        watch(self.name, self.artifacts.join("running"));
        let start = Instant::now();
        let end = Duration::from_secs(options.seconds);
        let mut edits = Edits::new(Random::new(options.seed), &options.seeds, &options.words);
        let mut count = 0_u64;
        for seed in &options.seeds {
            count += 1;
            if let Some(ending) = self.one(seed)? {
                return Ok(ending);
            }
        }
        while start.elapsed() < end {
            count += 1;
            if let Some(ending) = self.one(&edits.next())? {
                return Ok(ending);
            }
        }
        fs::remove_file(self.artifacts.join("running"))?;
        println!("{}: {count} inputs in {} s, nothing found", self.name, start.elapsed().as_secs());
        Ok(Ending::Good)
    }

    fn one(&self, input: &[u8]) -> std::io::Result<Option<Ending>> {
        self.running.set_len(0)?;
        self.running.write_all_at(input, 0)?;
        STARTED.fetch_add(1, Ordering::Relaxed);
        if self.holds(input) {
            return Ok(None);
        }
        // The message stands on the terminal; the many of the shrinking would bury it.
        std::panic::set_hook(Box::new(|_| {}));
        let small = self.shrunk(input.to_vec());
        let path = self.artifacts.join(format!("crash-{:016x}", fingerprint(&small)));
        fs::write(&path, &small)?;
        fs::remove_file(self.artifacts.join("running"))?;
        let shown = small.get(..small.len().min(SHOWN)).unwrap_or_default();
        eprintln!("{}: FAILED; {} bytes, made smaller from {}:", self.name, small.len(), input.len());
        eprintln!("  \"{}\"", shown.escape_ascii());
        eprintln!("  saved as {}", path.display());
        Ok(Some(Ending::Failed))
    }

    fn holds(&self, input: &[u8]) -> bool {
        catch_unwind(AssertUnwindSafe(|| (self.check)(input))).is_ok()
    }

    /// Leaves out ever smaller pieces as long as it still fails.
    fn shrunk(&self, mut input: Vec<u8>) -> Vec<u8> {
        let mut left = SHRINKING;
        let mut piece = input.len().div_ceil(2).max(1);
        loop {
            let mut at = 0;
            while at < input.len() && left > 0 {
                left -= 1;
                STARTED.fetch_add(1, Ordering::Relaxed);
                let mut shorter = input.clone();
                shorter.drain(at..(at + piece).min(input.len()));
                if self.holds(&shorter) { at += piece } else { input = shorter }
            }
            if piece == 1 || left == 0 {
                return input;
            }
            piece = piece.div_ceil(2);
        }
    }
}

/// Inputs started so far: how the watch sees that one takes long.
static STARTED: AtomicU64 = AtomicU64::new(0);

/// Ends the process when an input hangs or eats the memory. The input is in the file `running`.
fn watch(name: &'static str, running: PathBuf) {
    std::thread::spawn(move || {
        let mut last = (STARTED.load(Ordering::Relaxed), Instant::now());
        loop {
            std::thread::sleep(Duration::from_millis(200));
            let now = STARTED.load(Ordering::Relaxed);
            if now != last.0 {
                last = (now, Instant::now());
            }
            let why = if last.1.elapsed() > PATIENCE {
                format!("an input takes longer than {} s", PATIENCE.as_secs())
            } else if resident() > MEMORY {
                format!("more than {} MiB of memory", MEMORY >> 20)
            } else {
                continue;
            };
            let kept = running.with_file_name("too-much");
            let saved = fs::copy(&running, &kept);
            eprintln!("{name}: FAILED; {why}\n  saved as {} ({saved:?} bytes)", kept.display());
            std::process::exit(1);
        }
    });
}

/// Bytes of memory in use; 0 where the system does not say.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").ok();
    let pages = pages.and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

fn options(mut args: impl Iterator<Item = OsString>) -> Result<Options, String> {
    let artifacts = PathBuf::from("artifacts");
    let mut options = Options { seconds: 0, seed: 1, artifacts, words: Vec::new(), seeds: Vec::new() };
    while let Some(arg) = args.next() {
        let name = arg.to_string_lossy().into_owned();
        let mut value = || args.next().ok_or_else(|| format!("{name} has no value"));
        let number = |value: OsString| value.to_string_lossy().parse().map_err(|_| format!("{name}: no number"));
        match arg.to_str() {
            Some("--seconds") => options.seconds = number(value()?)?,
            Some("--seed") => options.seed = number(value()?)?,
            Some("--artifacts") => options.artifacts = value()?.into(),
            Some("--dictionary") => options.words = edits::dictionary(&text(Path::new(&value()?))?)?,
            Some(flag) if flag.starts_with('-') => return Err(format!("there is no {flag}")),
            _ => read_seeds(Path::new(&arg), &mut options.seeds)?,
        }
    }
    if options.seeds.is_empty() {
        return Err("no seeds".to_owned());
    }
    Ok(options)
}

fn read_seeds(path: &Path, seeds: &mut Vec<Vec<u8>>) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path).map_err(failed)?;
        files = entries.map(|entry| Ok(entry?.path())).collect::<Result<_, _>>().map_err(failed)?;
        files.sort();
    }
    for file in files {
        seeds.push(fs::read(&file).map_err(failed)?);
    }
    Ok(())
}

fn text(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// FNV-1a: the name of a saved input, the same for the same bytes.
fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
