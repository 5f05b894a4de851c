//! The proof that the walls hold: made by a process of its own, because whoever confines has one thread, and kept until
//! kernel, boot, leashd or agent are others. Every session looks whether it is about this very place; to make it anew each
//! time would be a tenth of what the agent itself takes to start. Knows no session.

use crate::settings::{Sandboxing, Settings};
use leashd_gate::audit::Record;
use leashd_sandbox::PrivateDir;
use leashd_sandbox::confine::{Kernel, Level, Support, WITHOUT};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fmt;
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const FILE: &str = "containment.json";

/// What is known about the walls here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) level: Level,
    /// Why there is no proof; empty if there is one.
    pub(crate) failures: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    of: Place,
    /// The one it was made for, if any.
    agent: Option<Program>,
    level: Level,
    failures: Vec<String>,
}

/// What a proof is about.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    kernel: Kernel,
    /// Settings of a kernel change with a boot, if ever.
    boot: String,
    version: String,
    leashd: Program,
}

/// A program as it lies there.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Program {
    path: PathBuf,
    bytes: u64,
    modified_ns: i64,
}

/// The kept proof if it is about this place and this agent, else a new one, of which `tell` is told. The error says why
/// there are no walls at all.
pub(crate) fn known(
    settings: &Settings,
    agent: Option<&Path>,
    tell: impl FnOnce(Result<&Known, &str>) -> Result<(), String>,
) -> Result<Known, String> {
    let agent = agent.map(Program::at).transpose();
    let agent = agent.map_err(|error| format!("this agent cannot be told from others: {error}"))?;
    if let Some(kept) = kept(settings).filter(|kept| agent.is_none() || kept.agent == agent) {
        return Ok(Known { level: kept.level, failures: kept.failures });
    }
    let made = prove(settings).map(|(level, failures)| Known { level, failures });
    tell(made.as_ref().map_err(String::as_str))?;
    let known = made?;
    keep(settings, agent, &known)?;
    Ok(known)
}

/// Keeps what somebody found out by hand.
pub(crate) fn keep_by_hand(settings: &Settings, known: &Known) -> Result<(), String> {
    keep(settings, None, known)
}

fn keep(settings: &Settings, agent: Option<Program>, known: &Known) -> Result<(), String> {
    let of = Place::here()
        .map_err(|error| format!("this boot and this leashd cannot be told from others: {error}"))?;
    let kept = Kept { of, agent, level: known.level, failures: known.failures.clone() };
    let path = settings.home.join(FILE);
    write(settings, &kept).map_err(|error| format!("{}: {error}", path.display()))
}

fn kept(settings: &Settings) -> Option<Kept> {
    let place = Place::here().ok()?;
    read(&settings.home.join(FILE)).filter(|kept| kept.of == place)
}

/// How the audit log has it.
pub(crate) fn record(known: Result<&Known, &str>) -> Record {
    let (check, detail) = match known {
        Ok(known) => {
            let level = match known.level {
                Level::Landlock => "Landlock",
                Level::Namespaces => "namespaces",
            };
            (format!("containment ({level})"), known.failures.join("; "))
        }
        Err(why) => ("containment".to_owned(), why.to_owned()),
    };
    Record::SelfTest { check, passed: detail.is_empty(), detail }
}

/// What the walls are worth here and now, found out without making a proof. What was proven on another kernel, boot or
/// leashd says nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    SwitchedOff,
    /// The kernel lacks what all of it rests on.
    Impossible(&'static str),
    Unproven,
    Proven(Level),
    Failed(Vec<String>),
}

impl Standing {
    pub(crate) fn here(settings: &Settings) -> Self {
        if settings.sandbox == Sandboxing::Off {
            return Self::SwitchedOff;
        }
        let kernel = Kernel::detect(std::env::var_os(WITHOUT).as_deref());
        match (kernel.landlock, kernel.seccomp) {
            (0, _) => return Self::Impossible("Landlock"),
            (_, Support::Missing) => return Self::Impossible("seccomp"),
            (_, Support::There) => {}
        }
        match kept(settings) {
            None => Self::Unproven,
            Some(known) if known.failures.is_empty() => Self::Proven(known.level),
            Some(known) => Self::Failed(known.failures),
        }
    }
}

impl fmt::Display for Standing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SwitchedOff => formatter.write_str("switched off: LEASHD_SANDBOX=off"),
            Self::Impossible(lacks) => write!(formatter, "nothing would hold: this kernel has no {lacks}"),
            Self::Unproven => formatter.write_str("not proven since this boot began or leashd was installed"),
            Self::Proven(Level::Namespaces) => formatter.write_str("proven, with namespaces"),
            Self::Proven(Level::Landlock) => {
                formatter.write_str("proven, with Landlock and seccomp alone (degraded)")
            }
            Self::Failed(failures) => write!(formatter, "the proof failed: {}", failures.join("; ")),
        }
    }
}

impl Place {
    fn here() -> std::io::Result<Self> {
        let leashd = Program::at(Path::new("/proc/self/exe"));
        Ok(Self {
            kernel: Kernel::detect(std::env::var_os(WITHOUT).as_deref()),
            boot: fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            leashd: leashd.or_else(|_| Program::at(&std::env::current_exe()?))?,
        })
    }
}

impl Program {
    fn at(path: &Path) -> std::io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            path: path.to_owned(),
            bytes: metadata.len(),
            modified_ns: metadata.mtime().saturating_mul(1_000_000_000).saturating_add(metadata.mtime_nsec()),
        })
    }
}

/// `leashd sandbox prove --json`, with the settings of this session.
fn prove(settings: &Settings) -> Result<(Level, Vec<String>), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new(program)
        .args(["sandbox", "prove", "--json", "--for-session"])
        .env("HOME", &settings.user_home)
        .env("LEASHD_HOME", &settings.home)
        .env("LEASHD_AUDIT_LOG_PATH", &settings.audit_log)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("the proof cannot be made: {error}"))?;
    let proof: Option<Value> = serde_json::from_slice(&output.stdout).ok();
    read_proof(proof.as_ref()).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        let first = said.lines().next().unwrap_or("the proof was not made");
        first.trim_start_matches("leashd: ").to_owned()
    })
}

fn read_proof(proof: Option<&Value>) -> Option<(Level, Vec<String>)> {
    let level = proof?.pointer("/plan/level").cloned()?;
    let failures = proof?.get("failures").cloned()?;
    Some((serde_json::from_value(level).ok()?, serde_json::from_value(failures).ok()?))
}

/// A result that cannot be read is no result: the proof is made again.
fn read(path: &Path) -> Option<Kept> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn write(settings: &Settings, kept: &Kept) -> std::io::Result<()> {
    let home = PrivateDir::create(&settings.home).map_err(std::io::Error::other)?;
    let new = home.path().join(format!("{FILE}.{}.new", std::process::id()));
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(serde_json::to_string_pretty(kept)?.as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, home.path().join(FILE))
}
