//! Installing and uninstalling: shows the change, asks, writes.

use super::file::Found;
use super::{edit, settings_file};
use crate::boot;
use crate::cli::{HookEdit, HookPlace};
use crate::clock;
use crate::commands::hook::status;
use crate::failure::{Exit, Failure};
use crate::hook::{Pinned, line};
use crate::settings::Settings;
use leashd_gate::audit::Record;
use leashd_gate::{AuditLog, Durability, Secrets};
use leashd_sandbox::PrivateDir;
use similar::TextDiff;
use std::io::{BufRead, IsTerminal, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

pub(super) fn install(args: &HookEdit) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let pinned = Pinned::from_environment()?;
    let home = PrivateDir::create(&settings.home).map_err(Failure::failed)?;
    let line = line::of(&program()?, home.path())?;
    let found = Found::read(&settings_file(&settings, &args.place)?)?;
    let text = edit::install(found.text(), &line).map_err(|why| unchanged(&found, &why))?;
    let known = Pinned::read(home.path())?;
    if text == found.text() && known.is_some_and(|known| known.is_like(&pinned)) {
        // The secrets may be others.
        pinned.write(&home)?;
        say!("the hook is installed in {} already", found.path.display());
        return Ok(Exit::Done);
    }
    if text != found.text() {
        show(&found, &text)?;
        if !agreed(args)? {
            return Ok(Exit::Failed);
        }
    }
    record(&settings, &found, "hook installed in")?;
    // First what it judges with, then what makes it judge.
    pinned.write(&home)?;
    if text != found.text() {
        found.replace(&text)?;
    }
    say!("installed in {}; sessions that run already take it up with their next call", found.path.display());
    warn(&args.place)
}

pub(super) fn uninstall(args: &HookEdit) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let found = Found::read(&settings_file(&settings, &args.place)?)?;
    let text = edit::uninstall(found.text()).map_err(|why| unchanged(&found, &why))?;
    if text == found.text() {
        say!("the hook is not installed in {}", found.path.display());
        return Ok(Exit::Done);
    }
    show(&found, &text)?;
    if !agreed(args)? {
        return Ok(Exit::Failed);
    }
    record(&settings, &found, "hook removed from")?;
    found.replace(&text)?;
    say!("removed from {}", found.path.display());
    Ok(Exit::Done)
}

/// This binary, if nobody else can put another in its place.
fn program() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe()?.canonicalize()?;
    let metadata = program.metadata()?;
    if metadata.mode() & 0o022 != 0 {
        return Err(Failure::failed(format!("{} can be written by others", program.display()))
            .hint(format!("chmod go-w '{}'", program.display())));
    }
    Ok(program)
}

fn unchanged(found: &Found, why: &str) -> Failure {
    Failure::failed(format!("{}: {why}", found.path.display()))
        .hint("nothing was written; mend the file first")
}

fn show(found: &Found, text: &str) -> std::io::Result<()> {
    let name = found.path.display().to_string();
    let old = if found.exists() { name.as_str() } else { "/dev/null" };
    let diff = TextDiff::from_lines(found.text(), text);
    say!("{}", diff.unified_diff().context_radius(3).header(old, &name).to_string().trim_end());
    Ok(())
}

fn agreed(args: &HookEdit) -> Result<bool, Failure> {
    if args.yes {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::usage("nothing was written: there is nobody to ask").hint("add --yes"));
    }
    write!(std::io::stdout(), "write it? [y/N] ")?;
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn record(settings: &Settings, found: &Found, what: &str) -> Result<(), Failure> {
    let audit = AuditLog::open(&settings.audit_log, Durability::default(), Secrets::default())
        .map_err(Failure::failed)?;
    let record = Record::Config {
        what: format!("{what} {}", found.path.display()),
        policy_generation: 0,
        user_id: Some(boot::user().as_str().to_owned()),
    };
    audit.append(clock::now(), None, None, record).map_err(Failure::failed)?;
    Ok(())
}

/// What `status` would say against it.
fn warn(place: &HookPlace) -> Result<Exit, Failure> {
    let directory: &Path = &std::env::current_dir()?;
    let report = status::look(directory)?;
    for line in report.complaints() {
        say!("! {line}");
    }
    if place.project {
        say!("only sessions started in {} are judged", directory.display());
    }
    Ok(Exit::Done)
}
