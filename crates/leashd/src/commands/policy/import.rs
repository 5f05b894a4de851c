//! `policy import`: reads another program's rules and writes a policy.

use super::print;
use crate::cli::{ImportArgs, ImportFrom};
use crate::failure::{Exit, Failure};
use crate::settings::Settings;
use leashd_policy::import_claude_settings;
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;

/// Bytes of a settings file.
const FILE_BYTES_MAX: u64 = 4 << 20;

pub(super) fn run(args: &ImportArgs) -> Result<Exit, Failure> {
    match &args.from {
        ImportFrom::ClaudeSettings { file, output } => claude_settings(file, output.as_deref()),
    }
}

fn claude_settings(file: &Path, output: Option<&Path>) -> Result<Exit, Failure> {
    let settings = Settings::from_environment()?;
    let shown = file.display().to_string();
    let home = settings.user_home.to_str().ok_or_else(|| Failure::usage("HOME is not valid UTF-8"))?;
    let imported = import_claude_settings(&read(file)?, &shown, home).map_err(Failure::failed)?;
    match output {
        None => print(&[imported.yaml.trim_end().to_owned()])?,
        Some(output) => {
            write(output, &imported.yaml)?;
            eprintln!("{} rules written to {}", imported.rules, output.display());
        }
    }
    for left in &imported.left_out {
        eprintln!(
            "! not translated: {}: {}",
            leashd_types::visible(&left.what),
            leashd_types::visible(&left.why)
        );
    }
    if imported.wider > 0 {
        eprintln!("! {} rules allow more than they seem to: see the comments", imported.wider);
    }
    Ok(Exit::Done)
}

fn read(file: &Path) -> Result<String, Failure> {
    let failed = |error| Failure::usage(format!("cannot read {}: {error}", file.display()));
    let mut text = String::new();
    let limit = FILE_BYTES_MAX + 1;
    let size = File::open(file).map_err(failed)?.take(limit).read_to_string(&mut text).map_err(failed)?;
    if size as u64 > FILE_BYTES_MAX {
        return Err(Failure::usage(format!("{} has more than {FILE_BYTES_MAX} bytes", file.display())));
    }
    Ok(text)
}

fn write(output: &Path, text: &str) -> Result<(), Failure> {
    let failed = |error| {
        Failure::failed(format!("cannot write {}: {error}", output.display()))
            .hint("an existing file is not overwritten; name a new one")
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(output).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)
}
