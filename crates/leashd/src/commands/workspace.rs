//! `leashd ws`: repositories that belong together.

use super::dirs::{check, existing};
use crate::cli::{WsArgs, WsCommand};
use crate::failure::{Exit, Failure};
use crate::settings::edit;
use crate::settings::load;
use crate::settings::workspaces::{Workspace, Workspaces};
use leashd_types::visible;
use serde_json::{Value as Json, json};
use std::path::PathBuf;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Text,
    Json,
}

pub(crate) fn run(args: WsArgs) -> Result<Exit, Failure> {
    let form = if args.json { Form::Json } else { Form::Text };
    match args.command {
        None | Some(WsCommand::List) => {
            let workspaces = load(None)?.workspaces;
            if form == Form::Json {
                let list: Vec<Json> = workspaces.list().iter().map(as_json).collect();
                say!("{}", json!({ "v": 1, "file": workspaces.file, "workspaces": list }));
            } else {
                list(&workspaces)?;
            }
        }
        Some(WsCommand::Show { name }) => {
            let workspaces = load(None)?.workspaces;
            let workspace = workspaces.find(&name).ok_or_else(|| workspaces.none_called(&name))?;
            print(workspace, form)?;
        }
        Some(WsCommand::Add { name, dirs, description }) => {
            let directories: Vec<PathBuf> = dirs.iter().map(|dir| existing(dir)).collect::<Result<_, _>>()?;
            let what = format!("workspace {name}: added {}", joined(&directories));
            let after = edit::workspaces(&what, |workspaces, settings| {
                directories.iter().try_for_each(|directory| check(directory, settings))?;
                workspaces.add(&name, &directories, description.as_deref())
            })?;
            if let Some(workspace) = after.workspaces.find(&name) {
                print(workspace, form)?;
            }
        }
        Some(WsCommand::Remove { name, dirs }) => {
            // It may be gone already: then the path counts as it was given.
            let real =
                |dir: &PathBuf| existing(dir).or_else(|_| std::path::absolute(dir).map_err(Failure::from));
            let directories: Vec<PathBuf> = dirs.iter().map(real).collect::<Result<_, _>>()?;
            let what = format!("workspace {name}: removed {}", joined(&directories));
            let after = edit::workspaces(&what, |workspaces, _| workspaces.remove(&name, &directories))?;
            match after.workspaces.find(&name) {
                Some(workspace) => print(workspace, form)?,
                None if form == Form::Json => say!("{}", json!({ "v": 1, "removed": name })),
                None => say!("removed: {name}"),
            }
        }
    }
    Ok(Exit::Done)
}

fn joined(directories: &[PathBuf]) -> String {
    match directories {
        [] => "all".to_owned(),
        some => some.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", "),
    }
}

fn list(workspaces: &Workspaces) -> std::io::Result<()> {
    if workspaces.list().is_empty() {
        eprintln!("none; `leashd ws add NAME DIR…` makes one");
    }
    for workspace in workspaces.list() {
        let description = workspace.description.as_deref().unwrap_or_default();
        say!("{:<24} {} directories  {}", workspace.name, workspace.directories.len(), visible(description));
    }
    Ok(())
}

fn print(workspace: &Workspace, form: Form) -> std::io::Result<()> {
    if form == Form::Json {
        say!("{}", as_json(workspace));
        return Ok(());
    }
    say!("{}", workspace.name);
    if let Some(description) = &workspace.description {
        say!("  {}", visible(description));
    }
    for directory in &workspace.directories {
        let missing = if directory.is_dir() { "" } else { "  (missing)" };
        say!("  {}{missing}", visible(&directory.to_string_lossy()));
    }
    Ok(())
}

fn as_json(workspace: &Workspace) -> Json {
    let directories: Vec<Json> = workspace
        .directories
        .iter()
        .map(|directory| json!({ "path": directory, "exists": directory.is_dir() }))
        .collect();
    json!({ "v": 1, "name": workspace.name, "description": workspace.description, "directories": directories })
}
