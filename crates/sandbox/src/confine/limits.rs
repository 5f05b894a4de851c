//! What one process may use up, the descriptors it starts with, and the privileges it keeps.

use super::Error;
use crate::profile::Limits;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{
    CapabilitySet, CapabilitySets, capability_is_in_bounding_set, clear_ambient_capability_set,
    remove_capability_from_bounding_set, set_capabilities, set_no_new_privs,
};
use std::io;

/// What root keeps: to work on files of other owners inside the trees. Nothing that reaches the system.
const KEPT_BY_ROOT: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::FSETID);

/// Processes and threads of a user, where the kernel counts no smaller set: everything else the person runs is among
/// them, and so is every other contained tree, so this keeps the machine alive and holds no tree to its own limit. A
/// limit at "what runs now and so many more" would be wrong as soon as anything else begins or ends.
const PROCESSES_OF_USER: u64 = 8192;

/// Whose processes the kernel counts against the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counted {
    /// Those of the tree: it has a user namespace of its own.
    Tree,
    User,
}

pub(super) fn set(limits: &Limits, counted: Counted) -> Result<(), Error> {
    let processes = match counted {
        Counted::Tree => limits.processes,
        Counted::User => PROCESSES_OF_USER,
    };
    let wanted = [
        (Resource::Nproc, processes),
        (Resource::Data, limits.memory),
        (Resource::Fsize, limits.file_size),
        (Resource::Nofile, limits.open_files),
        (Resource::Core, 0),
    ];
    for (resource, limit) in wanted {
        // Never above what is in force already.
        let now = getrlimit(resource);
        let maximum = now.maximum.map_or(limit, |maximum| maximum.min(limit));
        let current = match resource {
            // Programs that use `select` rely on a low first limit; they may raise it.
            Resource::Nofile => now.current.map_or(maximum, |current| current.min(maximum)),
            _ => maximum,
        };
        setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })
            .map_err(|error| Error::Step { step: "setting limits", source: error.into() })?;
    }
    Ok(())
}

/// Nothing but the standard streams passes. They are closed by the exec that follows.
#[expect(unsafe_code, reason = "close_range has no safe wrapper")]
pub(super) fn close_descriptors() -> Result<(), Error> {
    // SAFETY: marks descriptors to be closed at exec; none is closed now, so nobody's is taken away.
    let closed =
        unsafe { libc::syscall(libc::SYS_close_range, 3, libc::c_uint::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    match closed {
        0 => Ok(()),
        _ => Err(Error::Step { step: "closing inherited files", source: io::Error::last_os_error() }),
    }
}

/// From here on no program gives privileges, and root is little more than the owner of its files.
pub(super) fn drop_privileges() -> Result<(), Error> {
    let failed =
        |source: rustix::io::Errno| Error::Step { step: "dropping privileges", source: source.into() };
    set_no_new_privs(true).map_err(failed)?;
    let now = rustix::thread::capabilities(None).map_err(failed)?;
    if now.permitted.is_empty() {
        return Ok(());
    }
    clear_ambient_capability_set().map_err(failed)?;
    let kept = match rustix::process::geteuid().is_root() {
        true => KEPT_BY_ROOT & now.permitted,
        false => CapabilitySet::empty(),
    };
    for capability in CapabilitySet::all().iter().filter(|capability| !kept.contains(*capability)) {
        // Gone already inside another domain, where the right to drop them is gone too; unknown to an older kernel.
        if capability_is_in_bounding_set(capability).unwrap_or(false) {
            remove_capability_from_bounding_set(capability).map_err(failed)?;
        }
    }
    let sets = CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(failed)
}
