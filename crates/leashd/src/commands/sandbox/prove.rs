//! `leashd sandbox prove`: tries what must not be possible, outside the walls and inside, and keeps what it found.

use super::{failure, place};
use crate::cli::{SandboxCaches, SandboxPlaceArgs, SandboxProveArgs};
use crate::clock;
use crate::commands::out::out;
use crate::containment::proof::{Known, keep_by_hand, record};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use leashd_gate::{AuditLog, Durability, Secrets};
use leashd_sandbox::PrivateDir;
use leashd_sandbox::proof::{Outcome, Proof, Question, prove};
use std::fs;
use std::io::Write;

pub(super) fn run(args: &SandboxProveArgs) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    // Among leashd's own state: what must be out of reach.
    let outside = tempfile::Builder::new().prefix("proof-").tempdir_in(home.path())?;
    let inside = tempfile::Builder::new().prefix("leashd-proof-").tempdir()?;
    let (project, temporary) = (inside.path().join("project"), inside.path().join("temporary"));
    fs::create_dir(&project)?;
    fs::create_dir(&temporary)?;
    let project = project.canonicalize()?;
    let program = std::env::current_exe()?.canonicalize()?;
    let place_args = SandboxPlaceArgs {
        dir: project.clone(),
        net: false,
        read: Vec::new(),
        write: Vec::new(),
        level: args.level,
        caches: Some(SandboxCaches::ReadOnly),
    };
    let place = place::place(&place_args, &temporary, std::slice::from_ref(&program))?;
    let question = Question {
        profile: &place.profile,
        kernel: &place.kernel,
        wish: place.wish,
        project: &project,
        outside: outside.path(),
        program: &program,
        version: env!("CARGO_PKG_VERSION"),
    };
    let proof = prove(&question).map_err(|error| failure(&error))?;
    // Of weaker walls than there could be, no session wants to know.
    if !args.for_session && args.level.is_none() {
        let known = Known { level: proof.plan.level, failures: proof.failures.clone() };
        let audit = AuditLog::open(&settings.audit_log, Durability::default(), Secrets::default());
        let audit = audit.map_err(Failure::failed)?;
        audit.append(clock::now(), None, None, record(Ok(&known))).map_err(Failure::failed)?;
        keep_by_hand(&settings, &known).map_err(Failure::failed)?;
    }
    let out = &mut out();
    if args.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&proof).map_err(Failure::failed)?)?;
    } else {
        print(out, &proof)?;
    }
    Ok(if proof.holds() { Exit::Done } else { Exit::NotContained })
}

fn print(out: &mut impl Write, proof: &Proof) -> std::io::Result<()> {
    let layers: Vec<String> =
        proof.plan.layers.iter().map(|layer| format!("{layer:?}").to_lowercase()).collect();
    writeln!(out, "kernel    {} (Landlock version {})", proof.kernel.release, proof.kernel.landlock)?;
    writeln!(out, "walls     {}", layers.join(", "))?;
    for weakness in &proof.plan.weaknesses {
        writeln!(out, "weaker    {}", weakness.says())?;
    }
    for finding in &proof.findings {
        let outcome = match finding.outcome {
            Outcome::Held => "held",
            Outcome::Broken => "BROKEN",
            Outcome::Refused => "REFUSED",
            Outcome::Untried => "untried",
            Outcome::Open => "open",
        };
        writeln!(out, "{outcome:<9} {}", finding.attempt.says())?;
    }
    for failure in &proof.failures {
        writeln!(out, "failure   {failure}")?;
    }
    writeln!(out, "{}", if proof.holds() { "proven" } else { "NOT PROVEN" })
}
