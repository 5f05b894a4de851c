//! Files, TCP ports, signals and abstract sockets, held by Landlock. Knows no system call numbers.

use super::Error;
use crate::profile::{Access, Network, Presence, Profile, Tree};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, PathBeneath, RestrictionStatus, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetStatus, Scope, make_bitflags,
};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;
use std::os::fd::OwnedFd;
use std::path::{Component, Path};

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
    if !FileType::from_raw_mode(stat.st_mode).is_dir() {
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
        Access::Write => {
            match rustix::fs::openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
                // Inside of another confinement, whose filter cannot look behind the pointer.
                Err(Errno::NOSYS) => step_by_step(path, flags),
                opened => opened,
            }
        }
        Access::Read | Access::Run | Access::Device => rustix::fs::open(path, flags, Mode::empty()),
    }
}

/// The same where the system has no such call: one name after the other, none of them a link.
fn step_by_step(path: &Path, flags: OFlags) -> Result<OwnedFd, Errno> {
    let mut opened = rustix::fs::open("/", flags | OFlags::DIRECTORY, Mode::empty())?;
    for name in path.components() {
        match name {
            Component::RootDir => {}
            Component::Normal(name) => {
                opened = rustix::fs::openat(&opened, name, flags | OFlags::NOFOLLOW, Mode::empty())?;
                if FileType::from_raw_mode(rustix::fs::fstat(&opened)?.st_mode).is_symlink() {
                    return Err(Errno::LOOP);
                }
            }
            Component::Prefix(_) | Component::CurDir | Component::ParentDir => return Err(Errno::INVAL),
        }
    }
    Ok(opened)
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

#[cfg(test)]
mod tests {
    use super::step_by_step;
    use rustix::fs::OFlags;
    use rustix::io::Errno;
    use std::fs;

    #[test]
    fn no_link_is_followed_on_the_way() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("a/b")).unwrap();
        std::os::unix::fs::symlink("a", root.join("link")).unwrap();
        let open = |name: &str| step_by_step(&root.join(name), OFlags::PATH | OFlags::CLOEXEC).map(drop);
        assert_eq!(open("a/b"), Ok(()));
        assert_eq!(open("link"), Err(Errno::LOOP));
        assert!(open("link/b").is_err());
        assert_eq!(open("a/../a"), Err(Errno::INVAL));
        assert_eq!(open("nothing"), Err(Errno::NOENT));
    }
}
