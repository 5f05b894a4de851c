//! Changes files of settings in leashd's home: the text around a change stays as it is, the result is read back before it
//! is written, and it is written in one step. What cannot be changed safely is refused.

pub(super) mod lines;

use super::layers::Text;
use super::table::{self, Row};
use super::value::{Raw, Value};
use super::workspaces::Workspaces;
use super::{CONFIG, Loaded, Settings, config_file, config_text, home, layers, load, load_as_if};
use crate::boot;
use crate::clock;
use crate::daemon::lock::Held;
use crate::failure::{Exit, Failure};
use leashd_gate::audit::Record;
use leashd_gate::{AuditLog, Durability, Secrets};
use leashd_sandbox::PrivateDir;
use rustix::fs::{FlockOperation, flock};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Whoever changes settings holds it.
const LOCK: &str = "config.lock";

/// The file of settings while it is changed.
#[derive(Debug)]
pub(crate) struct Edit {
    home: PrivateDir,
    /// Held until the change is done.
    _lock: File,
    before: Option<String>,
    file: String,
    text: String,
    /// What was done, for the audit log and for people.
    done: Vec<String>,
}

impl Edit {
    /// Opens the file of settings, or an empty one, and keeps others from changing it meanwhile.
    pub(crate) fn open() -> Result<Self, Failure> {
        let home = PrivateDir::create(&home()?).map_err(Failure::failed)?;
        let lock = lock(&home)?;
        let before = config_text(home.path())?.map(|text| text.text);
        let text = before.clone().unwrap_or_default();
        let file = home.path().join(CONFIG).display().to_string();
        config_file::read(&file, &text)?;
        Ok(Self { home, _lock: lock, before, file, text, done: Vec::new() })
    }

    pub(crate) fn file(&self) -> &str {
        &self.file
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_new(&self) -> bool {
        self.before.is_none()
    }

    /// What the file says now.
    pub(crate) fn loaded(&self) -> Result<Loaded, Failure> {
        load_as_if(Text { file: self.file.clone(), text: self.text.clone() })
    }

    /// Reads `text` as a value of the setting `key` and sets it.
    pub(crate) fn set_text(&mut self, key: &str, text: &str) -> Result<(), Failure> {
        let row = settable(key)?;
        let value =
            row.parse(&Raw::text(text)).map_err(|why| Failure::usage(format!("{} {why}", row.name)))?;
        self.set(key, &value)
    }

    /// Sets a setting, in the spelling it has in the file, else in this one.
    pub(crate) fn set(&mut self, key: &str, value: &Value) -> Result<(), Failure> {
        let row = settable(key)?;
        let place = self.place_of(row, key)?;
        let yaml = yaml(value);
        let text = match &place {
            Some(entry) => lines::replace(&self.text, &entry.place, &yaml),
            None => lines::add(&self.text, &spelling(row, key), &yaml),
        };
        let spelled = place.map_or_else(|| spelling(row, key), |entry| entry.spelled);
        self.adopt(text, &spelled, row, Some(value))?;
        self.done.push(format!("set {spelled}"));
        Ok(())
    }

    /// Takes a setting out of the file. False if it is not there.
    pub(crate) fn unset(&mut self, key: &str) -> Result<bool, Failure> {
        let row = settable(key)?;
        let Some(entry) = self.place_of(row, key)? else { return Ok(false) };
        let text = lines::remove(&self.text, &entry.place);
        self.adopt(text, &entry.spelled, row, None)?;
        self.done.push(format!("unset {}", entry.spelled));
        Ok(true)
    }

    /// Checks everything, records the change and writes it. Without a change nothing is written.
    pub(crate) fn write(self) -> Result<Loaded, Failure> {
        let after = self.loaded()?;
        if self.before.as_deref() == Some(self.text.as_str()) || (self.is_new() && self.text.is_empty()) {
            return Ok(after);
        }
        record(&after.settings, &format!("{} in {}", self.done.join(", "), self.file))?;
        replace(&self.home, CONFIG, &self.text)?;
        remind(&self.home);
        Ok(after)
    }

    /// Where the file makes the setting. A block that is switched off is meant only if it is named.
    fn place_of(&self, row: &Row, key: &str) -> Result<Option<config_file::Entry>, Failure> {
        let entries = config_file::read(&self.file, &self.text)?;
        let of_row = |entry: &config_file::Entry| entry.row.name == row.name;
        let named = entries.iter().find(|entry| of_row(entry) && entry.spelled == key);
        Ok(named.or_else(|| entries.iter().find(|entry| of_row(entry) && entry.counts)).cloned())
    }

    /// Takes the changed text if it says exactly what it said before, but for the one setting.
    fn adopt(
        &mut self,
        text: String,
        spelled: &str,
        row: &Row,
        wanted: Option<&Value>,
    ) -> Result<(), Failure> {
        let refused = || {
            Failure::failed(format!("{} cannot be changed safely the way {} is written", spelled, self.file))
                .hint("nothing was written; change it with an editor, `leashd config` checks it")
        };
        let others = |text: &str| {
            config_file::read(&self.file, text).map(|entries| {
                let (own, others): (Vec<_>, Vec<_>) =
                    entries.into_iter().partition(|entry| entry.spelled == spelled);
                let others: Vec<_> = others.into_iter().map(|entry| (entry.spelled, entry.raw)).collect();
                (own, others)
            })
        };
        let (_, before) = others(&self.text)?;
        let (own, after) =
            others(&text).map_err(|failure| match failure.message.contains("is set twice") {
                true => failure,
                false => refused(),
            })?;
        let is = match (own.as_slice(), wanted) {
            ([], None) => true,
            ([entry], Some(wanted)) => row.parse(&entry.raw).is_ok_and(|value| value == *wanted),
            _ => false,
        };
        if !is || before != after {
            return Err(refused());
        }
        self.text = text;
        Ok(())
    }
}

/// Changes the file of workspaces, and says what was done to the audit log.
pub(crate) fn workspaces(
    what: &str,
    change: impl FnOnce(&mut Workspaces, &Settings) -> Result<(), Failure>,
) -> Result<Loaded, Failure> {
    let home = PrivateDir::create(&home()?).map_err(Failure::failed)?;
    let _lock = lock(&home)?;
    let Loaded { settings, mut workspaces, .. } = load(None)?;
    change(&mut workspaces, &settings)?;
    let (directory, name) =
        match (workspaces.file.parent(), workspaces.file.file_name().and_then(OsStr::to_str)) {
            (Some(directory), Some(name)) => (PrivateDir::create(directory).map_err(Failure::failed)?, name),
            _ => return Err(Failure::failed(format!("{} is no file", workspaces.file.display()))),
        };
    record(&settings, &format!("{what} in {}", workspaces.file.display()))?;
    replace(&directory, name, &workspaces.text())?;
    remind(&home);
    load(None)
}

/// The setting that `key` names, if a file may make it.
pub(crate) fn settable(key: &str) -> Result<&'static Row, Failure> {
    let row = known(key)?;
    if layers::is_for_files(row) {
        return Ok(row);
    }
    Err(Failure::usage(format!("{} says where {CONFIG} is and cannot stand in it", row.name))
        .hint("set it in the environment"))
}

/// The setting that `key` names.
pub(crate) fn known(key: &str) -> Result<&'static Row, Failure> {
    table::find(key).ok_or_else(|| {
        let hint = match config_file::nearest(key) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`leashd config` lists all settings".to_owned(),
        };
        Failure::usage(format!("unknown setting `{}`", leashd_types::visible(key))).hint(hint)
    })
}

/// How a setting that is not in the file yet is spelled there.
fn spelling(row: &Row, key: &str) -> String {
    if row.aliases.contains(&key) { key.to_owned() } else { row.key() }
}

/// A daemon that runs has read its settings.
fn remind(home: &PrivateDir) {
    if let Ok(Held::By(_)) = Held::look(home.path()) {
        eprintln!("leashd runs under the settings before this change; leashd reload takes it over");
    }
}

fn lock(home: &PrivateDir) -> Result<File, Failure> {
    let lock = home.append(LOCK).map_err(Failure::failed)?;
    flock(&lock, FlockOperation::NonBlockingLockExclusive).map_err(|error| {
        let message = format!("cannot lock {}: {error}", home.path().join(LOCK).display());
        Failure::new(Exit::TryLater, message).hint("another leashd is changing settings; try again")
    })?;
    Ok(lock)
}

/// Puts a change into the audit log. No record, no change.
pub(crate) fn record(settings: &Settings, what: &str) -> Result<(), Failure> {
    // As things stand; where they are wrong and the change mends them, as they will stand.
    let log = load(None).map_or_else(|_| settings.audit_log.clone(), |loaded| loaded.settings.audit_log);
    let audit = AuditLog::open(&log, Durability::default(), Secrets::default()).map_err(Failure::failed)?;
    let record = Record::Config {
        what: what.to_owned(),
        policy_generation: 0,
        user_id: Some(boot::user().as_str().to_owned()),
    };
    audit.append(clock::now(), None, None, record).map_err(Failure::failed)?;
    Ok(())
}

/// Writes a file of `directory` in one step, mode 0600.
fn replace(directory: &PrivateDir, name: &str, text: &str) -> Result<(), Failure> {
    let (path, new) = (directory.path().join(name), directory.path().join(format!("{name}.new")));
    let failed = |error: std::io::Error| Failure::failed(format!("cannot write {}: {error}", path.display()));
    remove_if_there(&new).map_err(failed)?;
    let written =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&new, &path)
        });
    if let Err(error) = written {
        // What is half written is of no use to anybody.
        return Err(remove_if_there(&new).map_or_else(failed, |()| failed(error)));
    }
    directory.sync().map_err(Failure::failed)
}

fn remove_if_there(path: &Path) -> std::io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A value on one line of YAML.
fn yaml(value: &Value) -> String {
    match value {
        Value::Text(text) => scalar(text),
        Value::List(items) => {
            format!("[{}]", items.iter().map(|item| scalar(item)).collect::<Vec<_>>().join(", "))
        }
        Value::Json(json) => json.to_string(),
        other => other.to_string(),
    }
}

/// Without quotes where nobody could take it for something else.
fn scalar(text: &str) -> String {
    const WORDS: [&str; 8] = ["true", "false", "yes", "no", "on", "off", "null", "y"];
    let number = !text.is_empty()
        && text.len() <= 18
        && !text.starts_with('0')
        && text.bytes().all(|byte| byte.is_ascii_digit());
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-'))
        && text != "n"
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text));
    if number || plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}
