//! `cargo xtask fuzz`: runs the targets of `fuzz/`, each for some seconds, on seeds made from what the repository holds.
//! Knows no target: what must hold stands in `fuzz/src`.
//!
//! Two drivers. libFuzzer follows coverage; it needs a C++ compiler and nothing else: the instrumentation is LLVM's own
//! and asked for through stable flags, so neither a nightly toolchain nor cargo-fuzz is needed, and what runs is built by
//! the compiler that builds what ships. Where there is no C++ compiler the same targets get random edits of the seeds.
//! Sanitizers would find nothing here: the code is safe Rust.

mod seeds;

use crate::steps::{Steps, show, succeed};
use crate::workspace::Workspace;
use anyhow::{Context, Result, bail};
use std::env::consts::{ARCH, OS};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The programs of `fuzz/Cargo.toml`.
const TARGETS: [&str; 5] = ["shell", "judge", "policy", "frames", "audit"];
/// Seconds a target runs.
const SECONDS: u64 = 45;
/// Seconds one input may take; instrumented code with every check is several times slower than what ships.
const TIMEOUT: u64 = 10;
/// Bytes of the longest input that is made, and MiB of memory it may lead to.
const LONGEST: usize = 16 * 1024;
const MEMORY: u64 = 2048;
/// Lines of a failed run that are shown: its end.
const SHOWN_LINES: usize = 40;
/// Bytes of a failing input that are shown.
const SHOWN_BYTES: usize = 2000;

/// What cargo-fuzz gives the compiler as well.
const INSTRUMENTED: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Ccodegen-units=4";

const USAGE: &str = "cargo xtask fuzz [--seconds N] [--target NAME] [--seed N] [--random]

  --seconds N    seconds for each target; 45 without it
  --target NAME  one target: shell, judge, policy, frames, audit
  --seed N       another series of inputs; 1 without it
  --random       random edits even where libFuzzer could be built";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Driver {
    LibFuzzer,
    Random,
}

#[derive(Debug, PartialEq, Eq)]
struct Options {
    seconds: u64,
    targets: Vec<String>,
    seed: u64,
    driver: Option<Driver>,
}

pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<()> {
    let options = parse(arguments)?;
    let driver = options.driver.unwrap_or_else(|| possible(workspace));
    let round = Round { workspace, options: &options, driver };
    let mut steps = Steps::default();
    let mut built = false;
    steps.run("build the fuzz targets", || {
        round.build()?;
        built = true;
        Ok(())
    });
    if built {
        for target in &options.targets {
            steps.run(&format!("fuzz {target}"), || round.fuzz(target));
        }
    }
    steps.finish()
}

fn parse(arguments: &[String]) -> Result<Options> {
    let targets = TARGETS.map(str::to_owned).to_vec();
    let mut options = Options { seconds: SECONDS, targets, seed: 1, driver: None };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut value = || arguments.next().with_context(|| format!("`{argument}` has no value\n\n{USAGE}"));
        match argument.as_str() {
            "--seconds" => options.seconds = value()?.parse().context("--seconds takes a number")?,
            "--seed" => options.seed = value()?.parse().context("--seed takes a number")?,
            "--random" => options.driver = Some(Driver::Random),
            "--target" => {
                let name = value()?;
                if !TARGETS.contains(&name.as_str()) {
                    bail!("there is no target `{name}`; there are {}", TARGETS.join(", "));
                }
                options.targets = vec![name.clone()];
            }
            _ => bail!("unexpected argument `{argument}`\n\n{USAGE}"),
        }
    }
    Ok(options)
}

/// The best driver this machine can build; says which and why.
fn possible(workspace: &Workspace) -> Driver {
    let asked = workspace.command("c++").arg("--version").stdin(Stdio::null()).output();
    if OS == "linux" && asked.is_ok_and(|output| output.status.success()) {
        println!("driver: libFuzzer, guided by coverage");
        return Driver::LibFuzzer;
    }
    println!(
        "driver: random edits, because there is no C++ compiler (`c++`) to build libFuzzer with, or no Linux"
    );
    Driver::Random
}

struct Round<'a> {
    workspace: &'a Workspace,
    options: &'a Options,
    driver: Driver,
}

impl Round<'_> {
    /// Below `target/`: programs, seeds, what libFuzzer collects, logs.
    fn place(&self) -> PathBuf {
        self.workspace.target().join("fuzz").join(match self.driver {
            Driver::LibFuzzer => "guided",
            Driver::Random => "random",
        })
    }

    fn triple() -> String {
        format!("{ARCH}-unknown-linux-gnu")
    }

    fn build(&self) -> Result<()> {
        // The versions that ship are the versions that are fuzzed: cargo adds what only this workspace needs.
        let lock = self.workspace.path("fuzz/Cargo.lock");
        fs::copy(self.workspace.path("Cargo.lock"), &lock)
            .with_context(|| format!("cannot write {}", lock.display()))?;
        let mut build =
            self.workspace.cargo(&["build", "--quiet", "--release", "--manifest-path", "fuzz/Cargo.toml"]);
        build.arg("--target-dir").arg(self.place()).env_remove("CARGO_ENCODED_RUSTFLAGS");
        if self.driver == Driver::LibFuzzer {
            // With a target the flags are for it alone, not for what runs while building.
            build
                .args(["--features", "libfuzzer", "--target", &Self::triple()])
                .env("RUSTFLAGS", INSTRUMENTED);
        }
        for target in &self.options.targets {
            build.args(["--bin", target]);
        }
        succeed(&mut build)
    }

    fn fuzz(&self, target: &str) -> Result<()> {
        let seeds = self.place().join("seeds").join(target);
        seeds::write(self.workspace, target, &seeds)?;
        let artifacts = self.workspace.path("fuzz/artifacts").join(target);
        fs::create_dir_all(&artifacts).with_context(|| format!("cannot create {}", artifacts.display()))?;
        let before = listing(&artifacts)?;
        let mut run = match self.driver {
            Driver::LibFuzzer => self.guided(target, &artifacts)?,
            Driver::Random => self.random(target, &artifacts),
        };
        run.arg(&seeds);
        let found = self.workspace.path("fuzz/regressions").join(target);
        if found.is_dir() {
            run.arg(found);
        }
        let log = self.place().join(format!("{target}.log"));
        let to = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        run.stdin(Stdio::null()).stdout(to.try_clone()?).stderr(to);
        let status = run.status().with_context(|| format!("cannot start `{}`", show(&run)))?;
        let said = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        if status.success() {
            println!("{}", summary(self.driver, &said));
            return Ok(());
        }
        let lines: Vec<&str> = said.lines().collect();
        let end = lines.get(lines.len().saturating_sub(SHOWN_LINES)..).unwrap_or_default();
        eprintln!("{}", end.join("\n"));
        for new in listing(&artifacts)?.iter().filter(|it| !before.contains(it)) {
            let bytes = fs::read(new)?;
            let shown = bytes.get(..bytes.len().min(SHOWN_BYTES)).unwrap_or_default();
            eprintln!("input: {}, {} bytes: \"{}\"", new.display(), bytes.len(), shown.escape_ascii());
        }
        bail!("`{}` failed: {status}; its log is {}", show(&run), log.display());
    }

    fn guided(&self, target: &str, artifacts: &Path) -> Result<Command> {
        let grown = self.place().join("grown").join(target);
        // From an empty start the same seeds and number give the same series.
        if grown.exists() {
            fs::remove_dir_all(&grown)?;
        }
        fs::create_dir_all(&grown)?;
        let program = self.place().join(Self::triple()).join("release").join(target);
        let mut run = self.workspace.command(program);
        run.arg(format!("-max_total_time={}", self.options.seconds))
            .arg(format!("-seed={}", self.options.seed))
            .arg(format!("-timeout={TIMEOUT}"))
            .arg(format!("-rss_limit_mb={MEMORY}"))
            .arg(format!("-max_len={LONGEST}"))
            .arg(format!("-artifact_prefix={}/", artifacts.display()))
            .args(["-print_final_stats=1", "-verbosity=1", "-report_slow_units=2"]);
        let dictionary = self.dictionary(target);
        if dictionary.is_file() {
            run.arg(format!("-dict={}", dictionary.display()));
        }
        run.arg(grown);
        Ok(run)
    }

    fn random(&self, target: &str, artifacts: &Path) -> Command {
        let mut run = self.workspace.command(self.place().join("release").join(target));
        run.args(["--seconds", &self.options.seconds.to_string(), "--seed", &self.options.seed.to_string()]);
        run.arg("--artifacts").arg(artifacts);
        let dictionary = self.dictionary(target);
        if dictionary.is_file() {
            run.arg("--dictionary").arg(dictionary);
        }
        run
    }

    /// A judged call is mostly a shell line.
    fn dictionary(&self, target: &str) -> PathBuf {
        let name = if target == "judge" { "shell" } else { target };
        self.workspace.path("fuzz/dictionaries").join(format!("{name}.dict"))
    }
}

fn listing(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = fs::read_dir(directory)?.map(|it| Ok(it?.path())).collect::<std::io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}

/// One line about a run that found nothing.
fn summary(driver: Driver, said: &str) -> String {
    match driver {
        Driver::Random => said.lines().last().unwrap_or_default().to_owned(),
        Driver::LibFuzzer => {
            let number = |name: &str| {
                let line = said.lines().rfind(|line| line.starts_with(&format!("stat::{name}:")));
                line.and_then(|it| it.rsplit(' ').next()?.parse::<u64>().ok()).unwrap_or(0)
            };
            let covered = said.lines().rfind(|it| it.contains(" cov: "));
            let covered = covered.and_then(|it| it.split(" cov: ").nth(1)?.split(' ').next()).unwrap_or("?");
            format!(
                "{} inputs, {} a second, {covered} places reached, {} new kinds of input, {} MiB at most, slowest {:?}",
                number("number_of_executed_units"),
                number("average_exec_per_sec"),
                number("new_units_added"),
                number("peak_rss_mb"),
                Duration::from_secs(number("slowest_unit_time_sec")),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn reads_its_arguments_and_names_a_wrong_one() {
        let options = parse(&words("--seconds 5 --target audit --seed 7 --random")).unwrap();
        let expected = Options { seconds: 5, targets: words("audit"), seed: 7, driver: Some(Driver::Random) };
        assert_eq!(options, expected);
        assert_eq!(parse(&[]).unwrap().targets, TARGETS);
        for (wrong, says) in [("--target x", "`x`"), ("--seed", "no value"), ("fast", "`fast`")] {
            let error = parse(&words(wrong)).unwrap_err().to_string();
            assert!(error.contains(says), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_good_run_is_one_line() {
        let said = "#8\tDONE   cov: 812 ft: 9 corp: 3/1b\nstat::number_of_executed_units: 900\n\
            stat::average_exec_per_sec:     20\nstat::new_units_added:          4\n\
            stat::slowest_unit_time_sec:    0\nstat::peak_rss_mb:              45\n";
        let line = summary(Driver::LibFuzzer, said);
        assert!(line.starts_with("900 inputs, 20 a second, 812 places reached, 4 new"), "{line}");
        assert_eq!(summary(Driver::Random, "a\nb\n"), "b");
    }

    #[test]
    fn every_target_is_in_the_manifest_and_has_seeds() {
        let workspace = Workspace::find().unwrap();
        let manifest = fs::read_to_string(workspace.path("fuzz/Cargo.toml")).unwrap();
        let place = tempfile::tempdir().unwrap();
        for target in TARGETS {
            assert!(manifest.contains(&format!("path = \"targets/{target}.rs\"")), "{target}");
            seeds::write(&workspace, target, place.path()).unwrap();
            assert!(listing(place.path()).unwrap().len() >= 10, "{target}");
        }
    }
}
