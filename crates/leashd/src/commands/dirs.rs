//! `leashd add-dir`, `remove-dir`, `dirs`: where agents may work.

use super::config::warn_of_environment;
use crate::cli::{DirArgs, DirsArgs};
use crate::failure::{Exit, Failure};
use crate::settings::edit::{Edit, settable};
use crate::settings::layers::Layer;
use crate::settings::value::Value;
use crate::settings::{Loaded, Settings, expand_tilde, load};
use leashd_types::visible;
use serde_json::json;
use std::path::{Path, PathBuf};

const KEY: &str = "approved_directories";

pub(crate) fn add(args: &DirArgs) -> Result<Exit, Failure> {
    let mut edit = Edit::open()?;
    let loaded = edit.loaded()?;
    let directory = existing(&args.path)?;
    check(&directory, &loaded.settings)?;
    if !put(&mut edit, &loaded, &directory)? {
        say!("{} is approved already", directory.display());
        return Ok(Exit::Done);
    }
    warn(&edit.write()?)?;
    say!("approved: {}", directory.display());
    Ok(Exit::Done)
}

pub(crate) fn remove(args: &DirArgs) -> Result<Exit, Failure> {
    let mut edit = Edit::open()?;
    let loaded = edit.loaded()?;
    // It may be gone already: then the path counts as it was given.
    let directory =
        existing(&args.path).or_else(|_| std::path::absolute(&args.path).map_err(Failure::from))?;
    let home = &loaded.settings.user_home;
    let (gone, stay): (Vec<_>, Vec<_>) =
        configured(&loaded)?.into_iter().partition(|item| expand_tilde(item, home) == directory);
    if gone.is_empty() {
        let of_workspace = loaded.workspaces.directories().contains(&directory);
        let hint =
            if of_workspace { "a workspace names it: `leashd ws list`" } else { "`leashd dirs` lists them" };
        return Err(
            Failure::failed(format!("{} does not name {}", edit.file(), directory.display())).hint(hint)
        );
    }
    if stay.is_empty() {
        edit.unset(KEY)?;
    } else {
        edit.set(KEY, &Value::List(stay))?;
    }
    let after = edit.write()?;
    warn(&after)?;
    say!("no longer approved: {}", directory.display());
    if after.settings.approved_directories.is_empty() {
        eprintln!("! nothing is approved now: a session may work in the directory it is started in");
    }
    Ok(Exit::Done)
}

pub(crate) fn list(args: &DirsArgs) -> Result<Exit, Failure> {
    let loaded = load(None)?;
    let directories = &loaded.settings.approved_directories;
    let names = names(directories);
    let own = loaded.own_directories();
    let rows: Vec<_> = directories
        .iter()
        .zip(&names)
        .map(|(path, name)| {
            let from = if own.contains(path) { source(&loaded) } else { "workspace" };
            (name, path, from, path.is_dir())
        })
        .collect();
    if args.json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(name, path, from, exists)| json!({"name": name, "path": path, "from": from, "exists": exists}))
            .collect();
        say!("{}", json!({ "v": 1, "directories": rows }));
        return Ok(Exit::Done);
    }
    if rows.is_empty() {
        eprintln!(
            "none: a session may work in the directory it is started in; `leashd add-dir` approves one"
        );
    }
    for (name, path, from, exists) in rows {
        let missing = if exists { "" } else { "  (missing)" };
        say!("{:<24} {}  {from}{missing}", visible(name), visible(&path.to_string_lossy()));
    }
    Ok(Exit::Done)
}

/// Adds a directory to the list in the file. False if it is there.
pub(super) fn put(edit: &mut Edit, loaded: &Loaded, directory: &Path) -> Result<bool, Failure> {
    let mut items = configured(loaded)?;
    if items.iter().any(|item| expand_tilde(item, &loaded.settings.user_home) == directory) {
        return Ok(false);
    }
    let text = directory
        .to_str()
        .ok_or_else(|| Failure::usage(format!("{} is not valid UTF-8", directory.display())))?;
    items.push(text.to_owned());
    edit.set(KEY, &Value::List(items))?;
    Ok(true)
}

/// The real path of a directory that is there.
pub(super) fn existing(path: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: std::io::Error| {
        Failure::usage(format!("{}: {error}", path.display())).hint("name a directory that exists")
    };
    let real = path.canonicalize().map_err(failed)?;
    if real.is_dir() { Ok(real) } else { Err(Failure::usage(format!("{}: not a directory", path.display()))) }
}

/// Some directories are nobody's project.
pub(super) fn check(directory: &Path, settings: &Settings) -> Result<(), Failure> {
    let home = settings.home.canonicalize().unwrap_or_else(|_| settings.home.clone());
    if directory.starts_with(&home) {
        return Err(Failure::usage(format!("{} holds leashd's own files", directory.display()))
            .hint("approve the directory of a project"));
    }
    if settings.user_home.starts_with(directory) || home.starts_with(directory) {
        return Err(Failure::usage(format!(
            "{} holds your home directory, your keys and leashd's own files",
            directory.display()
        ))
        .hint("approve the directory of a project"));
    }
    Ok(())
}

/// Short names: the last part, or the last two where two directories share it.
fn names(directories: &[PathBuf]) -> Vec<String> {
    let last = |path: &Path, parts: usize| {
        let mut components: Vec<_> =
            path.components().rev().take(parts).map(|part| part.as_os_str().to_string_lossy()).collect();
        components.reverse();
        components.join("/")
    };
    let short: Vec<String> = directories.iter().map(|path| last(path, 1)).collect();
    let shared = |name: &String| short.iter().filter(|other| *other == name).count() > 1;
    let name = |(path, name): (&PathBuf, &String)| if shared(name) { last(path, 2) } else { name.clone() };
    directories.iter().zip(&short).map(name).collect()
}

/// What the file itself names.
fn configured(loaded: &Loaded) -> Result<Vec<String>, Failure> {
    let setting = loaded.layers.setting(settable(KEY)?);
    match setting.and_then(|setting| setting.of(Layer::Config)).map(|given| &given.value) {
        Some(Value::List(items)) => Ok(items.clone()),
        Some(_) | None => Ok(Vec::new()),
    }
}

fn source(loaded: &Loaded) -> &'static str {
    let setting = settable(KEY).ok().and_then(|row| loaded.layers.setting(row));
    setting.and_then(|setting| setting.won()).map_or(Layer::Default, |given| given.layer).name()
}

fn warn(loaded: &Loaded) -> Result<(), Failure> {
    if let Some(setting) = loaded.layers.setting(settable(KEY)?) {
        warn_of_environment(setting);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::names;
    use std::path::PathBuf;

    #[test]
    fn directories_that_share_a_name_are_told_apart() {
        let directories = ["/a/api", "/b/api", "/b/web"].map(PathBuf::from);
        assert_eq!(names(&directories), ["a/api", "b/api", "web"]);
    }
}
