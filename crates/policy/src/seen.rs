//! An effect held against the facts: its classes, where its path lies, what kind of file that is. Everything after
//! this works on what was seen, not on how it was written.

use crate::class::{Class, Classes};
use crate::places::{Located, Where, locate};
use crate::sensitive::{Nature, is_history, nature};
use leashd_types::{
    CodeSource, Containment, Depth, Direction, Effect, Facts, Force, GitOperation, Host, Opens, PathKind,
    PathText, Recovery, Strength, SystemChange,
};

/// One effect, seen in the light of the facts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) effect: &'a Effect,
    pub(crate) classes: Classes,
    pub(crate) path: Option<Located<'a>>,
    pub(crate) nature: Nature,
}

impl Seen<'_> {
    /// True if the effect changes its path.
    pub(crate) fn changes_path(&self) -> bool {
        matches!(self.effect, Effect::Write { .. } | Effect::Delete { .. } | Effect::Permissions { .. })
    }

    pub(crate) fn place(&self) -> Option<Where> {
        self.path.map(|path| path.place)
    }
}

/// The path an effect is about.
pub(crate) fn path_of(effect: &Effect) -> Option<&PathText> {
    match effect {
        Effect::Read { path }
        | Effect::Write { path }
        | Effect::Delete { path, .. }
        | Effect::Permissions { path, .. }
        | Effect::Runs { code: CodeSource::File { path } } => Some(path),
        Effect::Runs { .. }
        | Effect::Network { .. }
        | Effect::Privilege { .. }
        | Effect::Git { .. }
        | Effect::Publishes { .. }
        | Effect::Database { .. }
        | Effect::Service { .. }
        | Effect::System { .. }
        | Effect::Secret { .. }
        | Effect::Environment { .. }
        | Effect::UnknownProgram { .. } => None,
    }
}

/// The host an effect talks to.
pub(crate) fn host_of(effect: &Effect) -> Option<&Host> {
    match effect {
        Effect::Network { host, .. } => Some(host),
        _ => None,
    }
}

pub(crate) fn see<'a>(effect: &'a Effect, facts: &'a Facts, manner: Manner) -> Seen<'a> {
    let mut path = path_of(effect).map(|path| locate(path, facts));
    if let (Effect::Read { .. }, Reads::Names, Some(path)) = (effect, manner.reads, path.as_mut())
        && (matches!(path_of(effect), Some(PathText::Unknown(_))) || path.kind == PathKind::Device)
    {
        // The names of files nobody named before, or of devices, tell nothing.
        path.place = Where::HarmlessDevice;
    }
    if let (Effect::Write { .. }, Some(path)) = (effect, path.as_mut())
        && path.pattern.is_none()
        && path.real.is_some_and(|real| facts.temporary.contains(real))
    {
        // Something new in a directory made for it; taking the directory away is another matter.
        path.place = Where::Temporary;
    }
    let nature = match (effect, path.as_ref()) {
        (Effect::Read { .. }, Some(_)) if manner.reads == Reads::Names => Nature::Ordinary,
        (_, Some(path)) => nature(path, facts),
        (_, None) => Nature::Ordinary,
    };
    let classes = match effect {
        Effect::Read { .. } => Classes::of(&[Class::Read]),
        Effect::Write { .. } => match nature {
            Nature::GitInternal if path.as_ref().is_some_and(is_history) => {
                Classes::of(&[Class::Write, Class::GitRewrite])
            }
            Nature::Automation => Classes::of(&[Class::Write, Class::WriteAutomation]),
            _ => Classes::of(&[Class::Write]),
        },
        Effect::Delete { depth, force, .. } => deletes(*depth, *force, path.as_ref()),
        Effect::Permissions { opens: Opens::ToEveryone, .. } => {
            Classes::of(&[Class::Permissions, Class::WorldWritable])
        }
        Effect::Permissions { opens: Opens::No, .. } => Classes::of(&[Class::Permissions]),
        Effect::Network { host, direction } => network(host, *direction),
        Effect::Runs { code } => runs(code, path.as_ref(), facts),
        Effect::Privilege { .. } => Classes::of(&[Class::Privilege]),
        Effect::Git { operation, force, target } => git(*operation, *force, target.as_deref()),
        Effect::Publishes { .. } => Classes::of(&[Class::Publish]),
        Effect::Database { statement } => Classes::of(&[Class::Database]).with(match statement {
            Strength::Query => Class::DatabaseQuery,
            Strength::Change => Class::DatabaseChange,
            Strength::Destroy => Class::DatabaseDestroy,
            Strength::Unknown => Class::DatabaseUnknown,
        }),
        Effect::Service { action, .. } => Classes::of(&[Class::Service]).with(match action {
            Strength::Query => Class::ServiceQuery,
            Strength::Change => Class::ServiceChange,
            Strength::Destroy => Class::ServiceDestroy,
            Strength::Unknown => Class::ServiceUnknown,
        }),
        Effect::System { change } => match change {
            SystemChange::Kill => Classes::of(&[Class::System, Class::Kill]),
            SystemChange::Scheduled => Classes::of(&[Class::System, Class::Scheduled]),
            SystemChange::Packages => Classes::of(&[Class::System, Class::MachinePackages]),
            SystemChange::Agent => Classes::of(&[Class::System, Class::Agent]),
            _ => Classes::of(&[Class::System]),
        },
        Effect::Secret { .. } => Classes::of(&[Class::Secret]),
        Effect::Environment { .. } => Classes::of(&[Class::Environment]),
        Effect::UnknownProgram { name } => unknown_program(name, manner.bare, facts),
    };
    let classes = if nature == Nature::Credential { classes.with(Class::Credential) } else { classes };
    Seen { effect, classes, path, nature }
}

/// How a command goes about its effects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Manner {
    pub(crate) bare: Bare,
    pub(crate) reads: Reads,
}

/// What of a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reads {
    Contents,
    /// Its name, size and times (`ls`, `stat`).
    Names,
}

/// Whether a command is given anything but options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bare {
    OnlyOptions,
    No,
}

fn unknown_program(name: &str, bare: Bare, facts: &Facts) -> Classes {
    let unknown = Classes::of(&[Class::UnknownProgram]);
    let on_the_path = !name.is_empty() && !name.contains('/');
    if facts.containment == Containment::Proven && bare == Bare::OnlyOptions && on_the_path {
        return unknown.with(Class::ContainedProgram);
    }
    unknown
}

fn deletes(depth: Depth, force: Force, path: Option<&Located<'_>>) -> Classes {
    let mut classes = Classes::of(&[Class::Delete]);
    if depth == Depth::Recursive {
        classes = classes.with(Class::DeleteRecursive);
        if force == Force::Forced {
            classes = classes.with(Class::DeleteForced);
        }
    }
    let recoverable = path.is_some_and(|path| {
        // What is not there (any more) is not what git would bring back.
        let there = path.pattern.is_none() && path.kind != PathKind::Missing;
        path.place == Where::Inside && there && path.recovery == Recovery::Committed
    });
    if recoverable { classes.with(Class::DeleteRecoverable) } else { classes }
}

fn network(host: &Host, direction: Direction) -> Classes {
    let classes = Classes::of(&[Class::Network]);
    if is_loopback(host) {
        return classes.with(Class::Loopback).with(match direction {
            Direction::Fetch | Direction::Send => Class::Loopback,
            Direction::Listen => Class::Listen,
        });
    }
    let classes = match direction {
        Direction::Fetch => classes.with(Class::Fetch),
        Direction::Send => classes.with(Class::Send),
        Direction::Listen => classes.with(Class::Listen),
    };
    classes.with(match host {
        Host::Configured(_) => Class::Configured,
        Host::Named(_) | Host::Unknown(_) => Class::Foreign,
    })
}

/// True if the other end is this machine.
pub(crate) fn is_loopback(host: &Host) -> bool {
    match host {
        Host::Named(name) => {
            matches!(name.as_str(), "localhost" | "::1" | "0.0.0.0" | "ip6-localhost")
                || name.ends_with(".localhost")
                || is_loopback_address(name)
        }
        Host::Configured(_) | Host::Unknown(_) => false,
    }
}

/// `127.0.0.0/8`, written as an address: `127.evil.example` is a name.
fn is_loopback_address(name: &str) -> bool {
    name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn runs(code: &CodeSource, path: Option<&Located<'_>>, facts: &Facts) -> Classes {
    let classes = Classes::of(&[Class::Runs]);
    let contained = facts.containment == Containment::Proven;
    let (class, own) = match code {
        CodeSource::Inline { .. } => (Class::InlineCode, false),
        CodeSource::File { .. } => {
            // Installed programs of the system are tools like any other. A file that is not there yet is written
            // inside the project before it runs, as the agent may.
            let own = path.is_some_and(|path| {
                matches!(path.place, Where::Inside | Where::System)
                    && path.pattern.is_none()
                    && path.kind != PathKind::Device
            });
            // A directory is a project whose tools run what it defines.
            let project =
                path.is_some_and(|path| path.kind == PathKind::Directory && path.place == Where::Inside);
            (if project { Class::ProjectCode } else { Class::FileCode }, own)
        }
        CodeSource::Project { .. } => (Class::ProjectCode, true),
        CodeSource::Package { .. } => (Class::PackageCode, false),
        CodeSource::Piped { .. } => (Class::PipedCode, false),
        CodeSource::Unknown { .. } => (Class::UnknownCode, false),
    };
    let classes = classes.with(class);
    if own && contained { classes.with(Class::ContainedCode) } else { classes }
}

/// Branches that others build on.
const PROTECTED_BRANCHES: &[&str] = &["main", "master", "trunk", "production", "release"];

fn git(operation: GitOperation, force: Force, target: Option<&str>) -> Classes {
    let mut classes = Classes::of(&[Class::Git]).with(match operation {
        GitOperation::Read => Class::GitRead,
        GitOperation::Local => Class::GitLocal,
        GitOperation::Discard => Class::GitDiscard,
        GitOperation::Commit => Class::GitCommit,
        GitOperation::Rewrite => Class::GitRewrite,
        GitOperation::Fetch => Class::GitFetch,
        GitOperation::Push => Class::GitPush,
        GitOperation::Configure => Class::GitConfigure,
        GitOperation::Unknown => Class::GitUnknown,
    });
    if operation == GitOperation::Push {
        if force == Force::Forced {
            classes = classes.with(Class::ForcePush);
        }
        if is_protected_target(target) {
            classes = classes.with(Class::PushProtected);
        }
    }
    classes
}

/// Nothing said, `HEAD` and everything at once could all be the protected branch.
fn is_protected_target(target: Option<&str>) -> bool {
    let Some(target) = target else { return true };
    let branch = target.strip_prefix("refs/heads/").unwrap_or(target);
    let plain = branch.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '/' | '.' | '#'));
    !plain || branch == "HEAD" || PROTECTED_BRANCHES.contains(&branch)
}
