//! Files, TCP ports, signals and abstract sockets, held by Landlock. Knows no system call numbers.

use super::Error;
use crate::profile::{Access, Network, Presence, Profile, Tree};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::Path;

/// The newest version this is written for. A right the kernel does not know is left out by the library; what that
/// opens is said by [`super::weaknesses`].
const NEWEST: ABI = ABI::V9;

/// Whether TCP ports are held by Landlock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    Held,
    /// There is nothing to hold, or a network namespace does it.
    Free,
}

/// Confines this process, for good, to the trees of `profile` and to `more` of them.
pub(super) fn restrict(profile: &Profile, more: &[Tree], ports: Ports) -> Result<RestrictionStatus, Error> {
    let failed = |error: landlock::RulesetError| Error::Landlock(error.to_string());
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(NEWEST))
        .and_then(|ruleset| ruleset.scope(make_bitflags!(Scope::{AbstractUnixSocket | Signal})))
        .map_err(failed)?;
    if ports == Ports::Held {
        ruleset = ruleset.handle_access(AccessNet::from_all(NEWEST)).map_err(failed)?;
    }
    let mut created = ruleset.create().map_err(failed)?;
    for tree in profile.trees.iter().chain(more) {
        created = add(created, tree)?;
    }
    if let (Ports::Held, Network::Ports(list)) = (ports, &profile.network) {
        for port in list {
            created = created.add_rule(NetPort::new(*port, AccessNet::ConnectTcp)).map_err(failed)?;
        }
    }
    let status = created.restrict_self().map_err(failed)?;
    match status.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Ok(status),
        RulesetStatus::NotEnforced => Err(Error::Landlock("the kernel does not enforce it".to_owned())),
    }
}

fn add(created: RulesetCreated, tree: &Tree) -> Result<RulesetCreated, Error> {
    let opened = match open(&tree.path, tree.access) {
        Ok(opened) => opened,
        // What cannot be opened cannot be used either.
        Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCESS) if tree.presence == Presence::IfThere => {
            return Ok(created);
        }
        Err(error) => {
            return Err(Error::Tree {
                path: tree.path.clone(),
                what: tree.what.clone(),
                source: error.into(),
            });
        }
    };
    let stat = rustix::fs::fstat(&opened).map_err(|error| Error::Tree {
        path: tree.path.clone(),
        what: tree.what.clone(),
        source: error.into(),
    })?;
    let mut rights = rights(tree.access);
    if !rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir() {
        rights &= AccessFs::from_file(NEWEST);
    }
    created
        .add_rule(PathBeneath::new(opened, rights))
        .map_err(|error| Error::Landlock(format!("{}: {error}", tree.path.display())))
}

/// A writable path is a real path: a link on the way was put there since, perhaps by the agent.
fn open(path: &Path, access: Access) -> Result<OwnedFd, Errno> {
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    match access {
        Access::Write => rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS),
        Access::Read | Access::Run | Access::Device => rustix::fs::open(path, flags, Mode::empty()),
    }
}

fn rights(access: Access) -> BitFlags<AccessFs> {
    let read = make_bitflags!(AccessFs::{ReadFile | ReadDir});
    match access {
        Access::Read => read,
        Access::Run => read | AccessFs::Execute,
        Access::Write => {
            read | make_bitflags!(AccessFs::{
                Execute | WriteFile | Truncate | Refer | RemoveDir | RemoveFile | MakeDir | MakeReg | MakeSym
                    | MakeFifo | MakeSock | ResolveUnix
            })
        }
        Access::Device => make_bitflags!(AccessFs::{ReadFile | ReadDir | WriteFile | Truncate | IoctlDev}),
    }
}
