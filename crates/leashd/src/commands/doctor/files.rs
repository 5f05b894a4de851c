//! leashd's own files: whose they are, who may change them or what stands above them.

use super::Finding;
use crate::failure::Failure;
use crate::hook::PINNED;
use crate::policies;
use crate::settings::Settings;
use leashd_gate::audit;
use leashd_sandbox::{Error, PrivateDir};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

const ANYBODY_WRITES: u32 = 0o022;

pub(super) fn check(settings: &Settings) -> Vec<Finding> {
    let mut findings = vec![home(settings), log(settings), program(), rules(settings)];
    findings.retain(|finding| !finding.says.is_empty());
    findings
}

/// The directory and everything above it: nobody else may put another in its place.
fn home(settings: &Settings) -> Finding {
    const CHECK: &str = "home";
    if !settings.home.exists() {
        return Finding::ok(CHECK, format!("{} is created with the first session", settings.home.display()));
    }
    let home = match PrivateDir::open(&settings.home) {
        Ok(home) => home,
        Err(Error::Unsafe { path, problem, advice }) => {
            return Finding::fail(CHECK, format!("`{}` {problem}", path.display()), advice);
        }
        Err(error) => return Finding::fail(CHECK, error.to_string(), "make it a directory of yours alone"),
    };
    for name in [PINNED, "self-test.json", "trusted.json"] {
        if !home.path().join(name).exists() {
            continue;
        }
        if let Err(error) = home.read(name) {
            return Finding::fail(
                CHECK,
                error.to_string(),
                format!("chmod 600 '{}'", home.path().join(name).display()),
            );
        }
    }
    Finding::ok(CHECK, format!("{} is yours alone", home.path().display()))
}

fn log(settings: &Settings) -> Finding {
    const CHECK: &str = "audit log";
    let path = &settings.audit_log;
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::ok(CHECK, format!("{} is created with the first session", path.display()));
        }
        Err(error) => {
            return Finding::fail(CHECK, format!("{}: {error}", path.display()), "mend its directory");
        }
        Ok(metadata) => metadata,
    };
    let us = rustix::process::geteuid().as_raw();
    if !metadata.is_file() || metadata.uid() != us || metadata.nlink() > 1 {
        let says = format!("{} is not a plain file of yours with one name", path.display());
        return Finding::fail(CHECK, says, "leashd audit verify, then move it aside");
    }
    if metadata.mode() & ANYBODY_WRITES != 0 {
        let says = format!("others may write {}", path.display());
        return Finding::fail(CHECK, says, format!("leashd audit verify && chmod 600 '{}'", path.display()));
    }
    match audit::verify(path) {
        Err(error) => Finding::fail(CHECK, error.to_string(), "leashd audit verify"),
        Ok(report) if !report.is_intact() => {
            Finding::fail(CHECK, crate::commands::audit::describe(path, &report), "leashd audit verify")
        }
        Ok(report) => Finding::ok(CHECK, format!("intact, {} entries", report.entries)),
    }
}

/// The binary that judges.
fn program() -> Finding {
    const CHECK: &str = "program";
    let program = match std::env::current_exe().and_then(|program| program.canonicalize()) {
        Ok(program) => program,
        Err(error) => {
            return Finding::warn(CHECK, format!("it cannot be found: {error}"), "install it again");
        }
    };
    match open_to_others(&program) {
        Some(path) => Finding::fail(
            CHECK,
            format!("others may replace {}: {path} can be written by them", program.display()),
            format!("chmod go-w '{path}', or install leashd elsewhere"),
        ),
        None => Finding::ok(CHECK, format!("{} {}", program.display(), env!("CARGO_PKG_VERSION"))),
    }
}

/// The first of a file and the directories above it that others may write.
pub(super) fn open_to_others(path: &Path) -> Option<String> {
    const STICKY: u32 = 0o1000;
    path.ancestors().find_map(|part| {
        let metadata = fs::symlink_metadata(part).ok()?;
        let kept = metadata.is_dir() && metadata.mode() & STICKY != 0;
        (metadata.mode() & 0o002 != 0 && !kept).then(|| part.display().to_string())
    })
}

/// The policies load, and only their owner changes them.
fn rules(settings: &Settings) -> Finding {
    const CHECK: &str = "policy";
    let directory = std::env::current_dir().unwrap_or_else(|_| "/".into());
    let texts = match policies::texts(settings, &[], &directory) {
        Ok(texts) => texts,
        Err(failure) => return broken(CHECK, failure),
    };
    for source in texts.sources() {
        if let Some(path) =
            Path::new(source.name).is_absolute().then(|| open_to_others(Path::new(source.name))).flatten()
        {
            let says = format!("others may change {}: {path}", source.name);
            return Finding::fail(CHECK, says, format!("chmod go-w '{path}'"));
        }
    }
    match texts.rules() {
        Ok(rules) => Finding::ok(CHECK, format!("{}: {} rules", texts.names().join(", "), rules.len())),
        Err(failure) => broken(CHECK, failure),
    }
}

fn broken(check: &'static str, failure: Failure) -> Finding {
    let fix =
        failure.hint.unwrap_or_else(|| "mend it: nothing starts while it is unclear what it says".to_owned());
    Finding::fail(check, failure.message, fix)
}
