//! Where a path lies: inside the approved directories, in a temporary one, among the system locations every tool
//! needs, or outside. Works on facts; a path nobody resolved counts as outside.

use crate::rules::Places;
use leashd_types::{Facts, Matches, PathFact, PathKind, PathText, Recovery, ResolvedPath, glob_may_match};
use std::path::{Path, PathBuf};

/// System locations a tool may read in the course of ordinary work. Trees: the path and everything below.
const READABLE: &[&str] = &[
    "/usr",
    "/bin",
    "/sbin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/opt/homebrew",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/debian_version",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/localtime",
    "/etc/lsb-release",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/pki",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/shells",
    "/etc/ssl",
    "/etc/timezone",
    "/proc/cpuinfo",
    "/proc/filesystems",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/mounts",
    "/proc/stat",
    "/proc/uptime",
    "/proc/version",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
];

/// Devices that hold nothing and break nothing.
const HARMLESS_DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/stdin",
    "/dev/stdout",
    "/dev/stderr",
];

/// The files a process already has open. Trees.
const OPEN_FILES: &[&str] = &["/dev/fd", "/proc/self/fd"];

/// Where a path lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Where {
    Inside,
    Temporary,
    /// A system location that may be read, never written.
    System,
    HarmlessDevice,
    Outside,
    /// The command line does not say which path it is.
    Unknown,
    /// The path is known, the file system could not or was not asked to resolve it.
    Unresolved,
}

impl Where {
    /// The place as rules say it.
    pub(crate) const fn places(self) -> Places {
        match self {
            Where::Inside => Places::INSIDE,
            Where::Temporary => Places::TEMPORARY,
            // A harmless device lies everywhere.
            Where::HarmlessDevice => Places::SYSTEM.and(Places::TEMPORARY).and(Places::INSIDE),
            Where::System => Places::SYSTEM,
            Where::Outside | Where::Unknown | Where::Unresolved => Places::OUTSIDE,
        }
    }
}

/// A path of an effect, located.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located<'a> {
    /// As the command line says it; for a glob the directory before the first glob character.
    pub(crate) asked: &'a str,
    /// The glob after that directory.
    pub(crate) pattern: Option<&'a str>,
    /// What the pattern matches, where that was found out.
    pub(crate) matches: Option<&'a [PathBuf]>,
    pub(crate) real: Option<&'a ResolvedPath>,
    pub(crate) kind: PathKind,
    pub(crate) recovery: Recovery,
    pub(crate) place: Where,
}

impl Located<'_> {
    /// True if the real path is `root` or below.
    pub(crate) fn is_inside(&self, root: &ResolvedPath) -> bool {
        self.real.is_some_and(|real| real.is_inside(root))
    }

    /// True if `path` is at or below what this names: what happens to a whole tree happens to `path`.
    pub(crate) fn holds(&self, path: &Path) -> bool {
        let Some(real) = self.real else { return false };
        match self.pattern {
            None => path.starts_with(real.as_path()),
            Some(pattern) => match path.strip_prefix(real.as_path()) {
                Ok(rest) => {
                    let mut names = rest.components().filter_map(|name| name.as_os_str().to_str());
                    match pattern.strip_prefix("**") {
                        // At any depth.
                        Some(deep) => {
                            let last = deep.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or("*");
                            names.any(|name| glob_may_match(last, name))
                        }
                        None => {
                            names.next().is_some_and(|name| glob_may_match(first_component(pattern), name))
                        }
                    }
                }
                Err(_) => false,
            },
        }
    }

    /// The text shown to people.
    pub(crate) fn shown(&self) -> String {
        match self.pattern {
            Some(pattern) => format!("{}/{pattern}", self.asked.trim_end_matches('/')),
            None => self.asked.to_owned(),
        }
    }
}

/// What a question about a path is asked with.
pub(crate) fn question(path: &PathText) -> Option<&str> {
    match path {
        PathText::Exact(path) => Some(path),
        PathText::Glob { directory, .. } => Some(directory),
        PathText::Unknown(_) => None,
    }
}

pub(crate) fn locate<'a>(path: &'a PathText, facts: &'a Facts) -> Located<'a> {
    let (asked, pattern) = match path {
        PathText::Exact(path) => (path.as_str(), None),
        PathText::Glob { directory, pattern } => {
            let rest = pattern.strip_prefix(directory.as_str()).unwrap_or(pattern).trim_start_matches('/');
            (directory.as_str(), Some(rest))
        }
        PathText::Unknown(why) => {
            return Located {
                asked: why,
                pattern: None,
                matches: None,
                real: None,
                kind: PathKind::Other,
                recovery: Recovery::Unknown,
                place: Where::Unknown,
            };
        }
    };
    let matches = match pattern.and_then(|_| facts.globs.get(path)) {
        Some(Matches::These(found)) => Some(found.as_slice()),
        Some(Matches::Unknown(_)) | None => None,
    };
    match facts.paths.get(asked) {
        Some(PathFact::Resolved { real, kind, recovery }) => {
            let place = place_of(real, *kind, facts);
            // What a glob names is not what its directory is.
            let recovery = if pattern.is_some() { Recovery::Unknown } else { *recovery };
            Located { asked, pattern, matches, real: Some(real), kind: *kind, recovery, place }
        }
        Some(PathFact::Unresolvable(_)) | None => {
            let place =
                if is_harmless_device(Path::new(asked)) { Where::HarmlessDevice } else { Where::Unresolved };
            Located {
                asked,
                pattern,
                matches,
                real: None,
                kind: PathKind::Other,
                recovery: Recovery::Unknown,
                place,
            }
        }
    }
}

fn place_of(real: &ResolvedPath, kind: PathKind, facts: &Facts) -> Where {
    let path = real.as_path();
    if is_harmless_device(path) {
        return Where::HarmlessDevice;
    }
    if kind == PathKind::Device {
        return Where::Outside;
    }
    if facts.approved.iter().any(|root| real.is_inside(root)) {
        return Where::Inside;
    }
    if facts.temporary.iter().any(|root| real.is_inside(root)) {
        return Where::Temporary;
    }
    // The public half of a key pair is made to be shown.
    let public = path.extension().is_some_and(|ending| ending == "pub")
        && path.parent() == Some(facts.home.as_path().join(".ssh").as_path());
    if public || under_any(path, READABLE) { Where::System } else { Where::Outside }
}

fn is_harmless_device(path: &Path) -> bool {
    path.to_str().is_some_and(|path| HARMLESS_DEVICES.contains(&path)) || under_any(path, OPEN_FILES)
}

pub(crate) fn under_any(path: &Path, roots: &[&str]) -> bool {
    let Some(text) = path.to_str() else { return false };
    roots
        .iter()
        .any(|root| text.strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

fn first_component(pattern: &str) -> &str {
    pattern.split('/').next().unwrap_or(pattern)
}

#[cfg(test)]
mod tests {
    use super::under_any;
    use std::path::Path;

    #[test]
    fn trees_end_at_component_borders() {
        assert!(under_any(Path::new("/usr/lib"), &["/usr"]));
        assert!(!under_any(Path::new("/usrlocal"), &["/usr"]));
    }
}
