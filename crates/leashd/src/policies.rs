//! Which policy texts are in force, and reading them. A bare name, or `policies/NAME.yaml` where no such file exists, is
//! the built-in policy.

use crate::failure::Failure;
use crate::settings::{Settings, expand_tilde};
use leashd_policy::{MAX_BYTES, Rules, Source};
use std::fs;
use std::path::{Path, PathBuf};

/// Without any configuration.
const WHEN_NOTHING_IS_SET: [&str; 2] = ["default", "dev-tools"];

enum Text {
    Builtin(Source<'static>),
    File { shown: String, text: String },
}

/// Loads the policies named on the command line, else in the settings, else the default pair.
pub(crate) fn load(settings: &Settings, named: &[String]) -> Result<Rules, Failure> {
    let names: Vec<&str> = match (named, settings.policy_files.as_slice()) {
        ([], []) => WHEN_NOTHING_IS_SET.to_vec(),
        ([], configured) => configured.iter().map(String::as_str).collect(),
        (named, _) => named.iter().map(String::as_str).collect(),
    };
    let texts = names.iter().map(|name| find(settings, name)).collect::<Result<Vec<_>, _>>()?;
    let sources: Vec<Source<'_>> = texts
        .iter()
        .map(|text| match text {
            Text::Builtin(source) => *source,
            Text::File { shown, text } => Source::user(shown, text),
        })
        .collect();
    Rules::load(&sources).map_err(Failure::usage)
}

fn find(settings: &Settings, name: &str) -> Result<Text, Failure> {
    let path = expand_tilde(name, &settings.user_home);
    if path.is_file() {
        return read(&path);
    }
    let builtin = match Path::new(name).strip_prefix("policies") {
        Ok(file) => file.to_str().filter(|file| file.ends_with(".yaml")),
        Err(_) => Some(name).filter(|name| !name.contains('/')),
    };
    match builtin.and_then(Source::builtin) {
        Some(source) => Ok(Text::Builtin(source)),
        None => Err(Failure::usage(format!("there is no policy {name}")).hint(
            "name a file, or one of default, strict, permissive, dev-tools, autonomous, contained, leopold",
        )),
    }
}

fn read(path: &PathBuf) -> Result<Text, Failure> {
    let shown = path.display().to_string();
    let size = fs::metadata(path).map(|found| found.len()).unwrap_or_default();
    if size > MAX_BYTES as u64 {
        return Err(Failure::usage(format!("the policy {shown} has {size} bytes, more than {MAX_BYTES}")));
    }
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read the policy {shown}: {error}")))?;
    Ok(Text::File { shown, text })
}
