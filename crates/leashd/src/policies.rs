//! Which policy texts are in force, and reading them. The name of a built-in policy means that one, whatever file of
//! that name lies in the working directory: a project would write one. A project's own file is found by its place and
//! can only make verdicts stricter.

use crate::failure::Failure;
use crate::plain_file;
use crate::settings::{Settings, expand_tilde};
use leashd_policy::{MAX_BYTES, Rules, Source, ToolLists};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Without any configuration.
const WHEN_NOTHING_IS_SET: [&str; 2] = ["default", "dev-tools"];
/// What a project says, in its directory.
const PROJECT_FILE: (&str, &str) = (".leashd", "policy.yaml");
/// Directories looked through from the session's own up to its approved root.
const DIRECTORIES_MAX: usize = 64;

#[derive(Debug)]
enum Text {
    Builtin(Source<'static>),
    User { shown: String, text: String },
    Project { shown: String, text: String },
}

/// The texts in force, in the order of judgement within each layer.
#[derive(Debug)]
pub(crate) struct Texts {
    texts: Vec<Text>,
    /// The names of the policies asked for, project files left out.
    names: Vec<String>,
    /// The person's, before all rules.
    tools: ToolLists,
}

impl Texts {
    pub(crate) fn sources(&self) -> Vec<Source<'_>> {
        let source = |text| match text {
            &Text::Builtin(source) => source,
            Text::User { shown, text } => Source::user(shown, text),
            Text::Project { shown, text } => Source::project(shown, text),
        };
        self.texts.iter().map(source).collect()
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    /// Whether they say the same, from the same places.
    pub(crate) fn are_those_of(&self, other: &Texts) -> bool {
        let same = |(left, right): (&Text, &Text)| match (left, right) {
            (Text::Builtin(left), Text::Builtin(right)) => left.name == right.name,
            (Text::User { shown, text }, Text::User { shown: other_shown, text: other_text })
            | (Text::Project { shown, text }, Text::Project { shown: other_shown, text: other_text }) => {
                shown == other_shown && text == other_text
            }
            (_, _) => false,
        };
        self.texts.len() == other.texts.len() && self.texts.iter().zip(&other.texts).all(same)
    }

    pub(crate) fn rules(&self) -> Result<Rules, Failure> {
        let rules = Rules::load(&self.sources()).map_err(Failure::usage)?;
        Ok(rules.with_tools(self.tools.clone()))
    }
}

/// Loads the policies named on the command line, else in the settings, else the default pair; with what the project at
/// `directory` says.
pub(crate) fn load(settings: &Settings, named: &[String], directory: &Path) -> Result<Rules, Failure> {
    texts(settings, named, directory)?.rules()
}

/// The texts `load` loads.
pub(crate) fn texts(settings: &Settings, named: &[String], directory: &Path) -> Result<Texts, Failure> {
    let names: Vec<String> = match (named, settings.policy_files.as_slice()) {
        ([], []) => WHEN_NOTHING_IS_SET.map(str::to_owned).to_vec(),
        ([], configured) => configured.to_vec(),
        (named, _) => named.iter().map(|name| meant(name)).collect(),
    };
    let mut texts = names.iter().map(|name| find(settings, name)).collect::<Result<Vec<_>, _>>()?;
    for directory in project_directories(settings, directory) {
        texts.extend(project(&directory)?);
    }
    Ok(Texts { texts, names, tools: settings.tools.clone() })
}

/// The files of the person's among these policies, or without any among those of the settings.
pub(crate) fn files(settings: &Settings, named: &[String]) -> Vec<PathBuf> {
    let names = if named.is_empty() { settings.policy_files.as_slice() } else { named };
    let paths = names.iter().filter(|name| builtin(name).is_none());
    paths.map(|name| expand_tilde(name, &settings.user_home)).filter(|path| path.is_absolute()).collect()
}

/// Where a project's file may stand: in the session's directory and those above it, up to the approved root.
fn project_directories(settings: &Settings, directory: &Path) -> Vec<PathBuf> {
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let directory = real(directory);
    // The outermost approved directory: a file too many only makes things stricter.
    let root = settings
        .approved_directories
        .iter()
        .map(|approved| real(approved))
        .filter(|approved| directory.starts_with(approved))
        .min_by_key(|approved| approved.components().count())
        .unwrap_or_else(|| directory.clone());
    directory
        .ancestors()
        .take_while(|above| above.starts_with(&root))
        .take(DIRECTORIES_MAX)
        .map(Path::to_owned)
        .collect()
}

/// A file that is not there says nothing; one that is there and cannot be read ends everything. A link is not followed:
/// what is wrong with a policy is shown with its text, which would be that of any file the repository names.
fn project(directory: &Path) -> Result<Option<Text>, Failure> {
    let (inner, name) = PROJECT_FILE;
    let shown = directory.join(inner).join(name).display().to_string();
    match plain_file::open_inside(directory, inner, name) {
        Ok(None) => Ok(None),
        Ok(Some(file)) => read(&shown, file).map(|text| Some(Text::Project { shown, text })),
        Err(error) => Err(unreadable(&shown, &error)),
    }
}

/// What somebody means who types it in this directory: a built-in policy by its name, else a file by its whole path.
pub(crate) fn meant(name: &str) -> String {
    match Path::new(name).canonicalize() {
        Ok(path) if builtin(name).is_none() && path.is_file() => path.display().to_string(),
        Ok(_) | Err(_) => name.to_owned(),
    }
}

fn find(settings: &Settings, name: &str) -> Result<Text, Failure> {
    if let Some(source) = builtin(name) {
        return Ok(Text::Builtin(source));
    }
    let path = expand_tilde(name, &settings.user_home);
    // Of a relative path the working directory would say what it is, which a project writes.
    if path.is_absolute() && path.is_file() {
        let shown = path.display().to_string();
        let file = plain_file::open(&path).map_err(|error| unreadable(&shown, &error))?;
        return read(&shown, file).map(|text| Text::User { shown, text });
    }
    let known = "default, strict, permissive, dev-tools, autonomous, contained, leopold";
    Err(Failure::usage(format!("there is no policy {name}"))
        .hint(format!("name one of {known}, or a file: in settings with its whole path, or one with ~")))
}

/// The built-in policy that is called `NAME`, `NAME.yaml` or `policies/NAME.yaml`.
fn builtin(name: &str) -> Option<Source<'static>> {
    let bare = match Path::new(name).strip_prefix("policies") {
        Ok(file) => file.to_str().filter(|file| file.ends_with(".yaml"))?,
        Err(_) => name,
    };
    if bare.contains('/') { None } else { Source::builtin(bare) }
}

fn read(shown: &str, file: File) -> Result<String, Failure> {
    let mut text = String::new();
    let limit = MAX_BYTES as u64 + 1;
    let size = file.take(limit).read_to_string(&mut text).map_err(|error| unreadable(shown, &error))?;
    if size > MAX_BYTES {
        return Err(Failure::usage(format!("the policy {shown} has more than {MAX_BYTES} bytes"))
            .hint("split it, or remove what is not a rule"));
    }
    Ok(text)
}

fn unreadable(shown: &str, error: &std::io::Error) -> Failure {
    Failure::usage(format!("cannot read the policy {shown}: {error}"))
        .hint("make it readable, or remove it; nothing starts while it is unclear what it says")
}
