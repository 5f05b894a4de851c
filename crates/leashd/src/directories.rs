//! The directories of a session: the real ones, those that are approved, and what of ours lies there and is protected.
//! Everything that can be wrong with them is found before anything starts.

use crate::failure::{Exit, Failure};
use crate::policies;
use crate::settings::Settings;
use leashd_types::{Attendance, Containment, Facts, GitGrants, Protected, Protection, ResolvedPath};
use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Links on the way to an approved directory; Linux follows 40.
const LINKS_MAX: usize = 64;

pub(crate) fn real_directory(path: &Path) -> Result<PathBuf, Failure> {
    let real = path.canonicalize().map_err(|error| {
        Failure::usage(format!("--dir {}: {error}", path.display())).hint("name a directory that exists")
    })?;
    if real.is_dir() {
        Ok(real)
    } else {
        Err(Failure::usage(format!("--dir {}: not a directory", path.display())))
    }
}

/// A session's directory, by the real path it had when the session was opened. Whoever may write above it can put a link in
/// its place, which approves nothing.
pub(crate) fn same_directory(path: &Path) -> Result<PathBuf, Failure> {
    let real = real_directory(path)?;
    if real == path {
        return Ok(real);
    }
    let (path, real) = (path.display(), real.display());
    Err(Failure::new(Exit::Denied, format!("{path} is not the directory it was: it leads to {real} now"))
        .hint("find out who put the link there; then open a session in the directory you mean"))
}

/// The approved directories; the session's own is one of them or the only one.
pub(crate) fn approved(settings: &Settings, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    if settings.approved_directories.is_empty() {
        return Ok(vec![directory.to_owned()]);
    }
    let existing = |path: &PathBuf| {
        path.canonicalize().ok().filter(|real| real.is_dir()).ok_or_else(|| {
            let message =
                format!("LEASHD_APPROVED_DIRECTORIES names {}, which is not a directory", path.display());
            Failure::usage(message).hint("create it or take it off the list")
        })
    };
    let approved = settings.approved_directories.iter().map(existing).collect::<Result<Vec<_>, _>>()?;
    for (path, real) in settings.approved_directories.iter().zip(&approved) {
        if let Some((place, root)) = agents_link(path, real, &approved) {
            let message = format!(
                "LEASHD_APPROVED_DIRECTORIES names {}, which leads to {} by a link in {}: that lies in {}, where an agent may \
                 have put it",
                path.display(),
                real.display(),
                place.display(),
                root.display()
            );
            return Err(Failure::usage(message).hint("look at the link, then name the directory it leads to"));
        }
    }
    if approved.iter().any(|approved| directory.starts_with(approved)) {
        return Ok(approved);
    }
    Err(Failure::usage(format!("{} is in no approved directory", directory.display()))
        .hint("add it to LEASHD_APPROVED_DIRECTORIES, or name another with --dir"))
}

/// A link on the way to an approved directory that lies in another one and leads out of it: where it lies, and in which.
fn agents_link<'a>(path: &Path, real: &Path, approved: &'a [PathBuf]) -> Option<(PathBuf, &'a PathBuf)> {
    let leads_out = |place: PathBuf| {
        let root = approved.iter().find(|root| place.starts_with(root) && !real.starts_with(root));
        root.map(|root| (place, root))
    };
    links(path).into_iter().find_map(leads_out)
}

/// The directories in which the links on the way to `path` lie, by their real paths.
fn links(path: &Path) -> Vec<PathBuf> {
    let names = |path: &Path| path.components().map(|name| name.as_os_str().to_owned()).collect::<Vec<_>>();
    let (mut at, mut found) = (PathBuf::from("/"), Vec::new());
    let mut left: VecDeque<OsString> = names(path).into();
    while let Some(name) = left.pop_front() {
        if name == ".." {
            at.pop();
            continue;
        }
        // What begins with a slash begins anew.
        let next = at.join(&name);
        match std::fs::read_link(&next) {
            // It exists, so the system followed all of them and there is an end.
            Ok(target) if found.len() < LINKS_MAX => {
                names(&target).into_iter().rev().for_each(|name| left.push_front(name));
                found.push(at.clone());
            }
            Ok(_) | Err(_) => at = next,
        }
    }
    found
}

pub(crate) fn real(path: &Path) -> Result<ResolvedPath, Failure> {
    leashd_sandbox::resolve(path, Path::new("/"))
        .map(|(real, _)| real)
        .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// What never changes during a session.
pub(crate) fn facts(settings: &Settings, directory: &Path, approved: &[PathBuf]) -> Result<Facts, Failure> {
    let mut temporary = ["/tmp", "/var/tmp"].map(PathBuf::from).to_vec();
    temporary.push(settings.temporary.clone());
    let mut temporary = temporary.iter().map(|path| real(path)).collect::<Result<Vec<_>, _>>()?;
    temporary.sort();
    temporary.dedup();
    Ok(Facts {
        cwd: real(directory)?,
        home: real(&settings.user_home)?,
        approved: approved.iter().map(|path| real(path)).collect::<Result<_, _>>()?,
        temporary,
        protected: protected(settings, real)?,
        containment: Containment::NotProven,
        attendance: Attendance::Attended,
        mode: settings.default_mode,
        git_grants: GitGrants::default(),
        paths: BTreeMap::new(),
        files: BTreeMap::new(),
        globs: BTreeMap::new(),
    })
}

fn protected(
    settings: &Settings,
    real: impl Fn(&Path) -> Result<ResolvedPath, Failure>,
) -> Result<Vec<Protected>, Failure> {
    let own = |path: &Path, protection, what: &str| {
        Ok::<_, Failure>(Protected { path: real(path)?, protection, what: what.to_owned() })
    };
    let mut protected = vec![
        own(&settings.home, Protection::Hidden, "leashd's own files")?,
        own(&settings.audit_log, Protection::Hidden, "the audit log")?,
        own(&settings.log.directory, Protection::Hidden, "leashd's log")?,
        own(&std::env::current_exe()?, Protection::ReadOnly, "leashd itself")?,
    ];
    protected.extend(policy_files(settings, &[])?);
    Ok(protected)
}

/// Policies of the person's, wherever they lie: whoever is judged by one must not change it.
pub(crate) fn policy_files(settings: &Settings, named: &[String]) -> Result<Vec<Protected>, Failure> {
    let file = |path: PathBuf| {
        let what = "a policy that judges the agent".to_owned();
        Ok(Protected { path: real(&path)?, protection: Protection::ReadOnly, what })
    };
    policies::files(settings, named).into_iter().map(file).collect()
}

/// Settings of the agent that carry a hook of ours: they may be read, and changed only by people.
pub(crate) fn agent_settings(files: impl Iterator<Item = PathBuf>) -> Result<Vec<Protected>, Failure> {
    files
        .map(|path| {
            let real = leashd_sandbox::resolve(&path, Path::new("/"))
                .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))?;
            let what = "settings that carry leashd's hook, or can switch it off".to_owned();
            Ok(Protected { path: real.0, protection: Protection::ReadOnly, what })
        })
        .collect()
}
