//! `leashd config`: every setting and where it comes from; setting and unsetting them in `config.yaml`.

use super::prompt;
use crate::cli::{ConfigArgs, ConfigCommand};
use crate::failure::{Exit, Failure};
use crate::settings::edit::{self, Edit};
use crate::settings::layers::{Given, Layer, Setting, misspelt};
use crate::settings::table::Row;
use crate::settings::{CONFIG, Loaded, load};
use leashd_types::visible;
use serde_json::{Value as Json, json};

pub(crate) fn run(args: ConfigArgs) -> Result<Exit, Failure> {
    match args.command {
        Some(ConfigCommand::Set { key, value }) => return set(&key, value),
        Some(ConfigCommand::Unset { key }) => return unset(&key),
        None => {}
    }
    let loaded = load(std::env::current_dir().ok().as_deref())?;
    let mut warnings = loaded.layers.warnings.clone();
    warnings.extend(misspelt(std::env::vars_os().filter_map(|(name, _)| name.into_string().ok())));
    for warning in &warnings {
        eprintln!("! {warning}");
    }
    match (&args.explain, args.json) {
        (None, false) => list(&loaded)?,
        (None, true) => {
            let settings: Vec<Json> =
                loaded.layers.settings().iter().map(|it| in_short(&loaded, it)).collect();
            let file = loaded.settings.home.join(CONFIG);
            say!("{}", json!({ "v": 1, "file": file, "settings": settings, "warnings": warnings }));
        }
        (Some(key), false) => explain(&loaded, setting(&loaded, key)?)?,
        (Some(key), true) => say!("{}", in_full(&loaded, setting(&loaded, key)?)),
    }
    Ok(Exit::Done)
}

fn setting<'a>(loaded: &'a Loaded, key: &str) -> Result<&'a Setting, Failure> {
    let row = edit::known(key)?;
    loaded.layers.setting(row).ok_or_else(|| Failure::failed(format!("{} was not read", row.name)))
}

fn list(loaded: &Loaded) -> std::io::Result<()> {
    for setting in loaded.layers.settings() {
        let from = setting.won().map_or_else(|| Layer::Default.name().to_owned(), place);
        say!("{:<32} {:<40} {from}", setting.row.key(), value(setting.row, setting.won()));
    }
    for directory in loaded.workspaces.directories() {
        say!("{:<32} {:<40} workspace", "", visible(&directory.to_string_lossy()));
    }
    Ok(())
}

/// Every layer's say, the earliest first.
fn explain(loaded: &Loaded, setting: &Setting) -> std::io::Result<()> {
    let row = setting.row;
    say!("{} (`{}`)", row.name, row.key());
    say!("{}", row.about);
    say!("  {:<12} {}", "is", row.kind.described().replace('`', ""));
    for layer in Layer::ALL {
        let Some(given) = setting.of(layer) else {
            let nothing = if layer == Layer::Default { row.unset } else { "" };
            say!("  {:<12} {}", layer.name(), if nothing.is_empty() { "-" } else { nothing });
            continue;
        };
        let place = given.place.as_ref().map(|place| format!("  {place}")).unwrap_or_default();
        say!("  {:<12} {}{place}", layer.name(), value(row, Some(given)));
        if let Some(why) = &given.refused {
            say!("  {:<12} does not count: {why}", "");
        }
    }
    let from = setting.won().map_or(Layer::Default, |given| given.layer).name();
    say!("= {}, from {from}", value(row, setting.won()));
    for directory in added(loaded, row) {
        say!("+ {} from a workspace", visible(&directory));
    }
    if !row.deviation.is_empty() {
        say!("unlike the Python leashd: {}", row.deviation);
    }
    Ok(())
}

fn value(row: &Row, given: Option<&Given>) -> String {
    match given {
        Some(given) => visible(&row.shown(&given.value)),
        None => format!("({})", row.unset),
    }
}

fn place(given: &Given) -> String {
    match &given.place {
        Some(place) => place.to_string(),
        None => given.layer.name().to_owned(),
    }
}

/// The approved directories that no layer names.
fn added(loaded: &Loaded, row: &Row) -> Vec<String> {
    let directories = loaded.workspaces.directories().iter();
    match row.name {
        "LEASHD_APPROVED_DIRECTORIES" => {
            directories.map(|path| path.to_string_lossy().into_owned()).collect()
        }
        _ => Vec::new(),
    }
}

fn in_short(loaded: &Loaded, setting: &Setting) -> Json {
    let won = setting.won();
    json!({
        "name": setting.row.name,
        "key": setting.row.key(),
        "value": won.map(|given| setting.row.shown_json(&given.value)),
        "from": won.map_or(Layer::Default, |given| given.layer).name(),
        "at": won.and_then(|given| given.place.as_ref()).map(ToString::to_string),
        "workspaces": added(loaded, setting.row),
    })
}

fn in_full(loaded: &Loaded, setting: &Setting) -> Json {
    let row = setting.row;
    let layers: Vec<Json> = setting
        .given
        .iter()
        .map(|given| {
            json!({
                "from": given.layer.name(),
                "at": given.place.as_ref().map(ToString::to_string),
                "value": row.shown_json(&given.value),
                "refused": given.refused,
            })
        })
        .collect();
    let mut all = in_short(loaded, setting);
    if let Some(map) = all.as_object_mut() {
        map.insert("v".to_owned(), 1.into());
        map.insert("about".to_owned(), row.about.into());
        map.insert("unset".to_owned(), row.unset.into());
        map.insert("layers".to_owned(), layers.into());
    }
    all
}

fn set(key: &str, value: String) -> Result<Exit, Failure> {
    let mut edit = Edit::open()?;
    edit.set_text(key, &prompt::value(value)?)?;
    let loaded = edit.write()?;
    said(&loaded, key, "set")
}

fn unset(key: &str) -> Result<Exit, Failure> {
    let mut edit = Edit::open()?;
    if !edit.unset(key)? {
        say!("{key} is not set in {}", edit.file());
        return Ok(Exit::Done);
    }
    let loaded = edit.write()?;
    said(&loaded, key, "unset")
}

/// What is so now, which need not be what was written.
fn said(loaded: &Loaded, key: &str, done: &str) -> Result<Exit, Failure> {
    let setting = setting(loaded, key)?;
    say!("{done}: {} is {}", setting.row.name, value(setting.row, setting.won()));
    warn_of_environment(setting);
    if let Some(why) = setting.of(Layer::Config).and_then(|given| given.refused.as_ref()) {
        eprintln!("! what {CONFIG} says does not count: {why}");
    }
    Ok(Exit::Done)
}

/// A variable beats what was just written.
pub(super) fn warn_of_environment(setting: &Setting) {
    if setting.of(Layer::Environment).is_some() {
        eprintln!("! {} is set in the environment, which stands above {CONFIG}", setting.row.name);
    }
}
