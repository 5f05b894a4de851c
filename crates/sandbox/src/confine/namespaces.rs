//! Namespaces around a profile: own processes, own mounts (everything but the writable trees read-only), own network
//! with nothing but loopback and the doors of the profile. Runs in the first process of the new namespaces. Knows no Landlock and no seccomp.

use super::{Error, SHARED_MEMORY};
use crate::profile::{Network, Profile};
use rustix::fs::CWD;
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, mount, mount_bind_recursive, mount_change};
use rustix::process::{Gid, Uid};
use std::ffi::CString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Which namespaces a profile gets, as flags of `clone`.
pub(super) fn flags(network: &Network, uid: Uid) -> libc::c_int {
    let mut flags = libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    if network.is_own() {
        flags |= libc::CLONE_NEWNET;
    }
    // Root needs none, and the files it makes should belong to root.
    if !uid.is_root() {
        flags |= libc::CLONE_NEWUSER;
    }
    flags
}

/// Everything between the making of the namespaces and the confinement proper.
pub(super) fn set_up(profile: &Profile, (uid, gid): (Uid, Gid)) -> Result<(), Error> {
    if !uid.is_root() {
        map_identity(uid, gid)?;
    }
    mounts(profile)?;
    if profile.network.is_own() {
        loopback_up().map_err(|source| Error::Step { step: "starting the loopback interface", source })?;
    }
    match &profile.network {
        Network::Doors { ports, taken_at } => super::handover::hand_over(ports, taken_at),
        Network::Nothing | Network::Ports(_) | Network::Enclosed | Network::Anywhere => Ok(()),
    }
}

/// The same numbers inside as outside, and no others.
fn map_identity(uid: Uid, gid: Gid) -> Result<(), Error> {
    let write = |path: &str, text: String| {
        std::fs::write(path, text).map_err(|source| Error::Step { step: "mapping the user", source })
    };
    write("/proc/self/setgroups", "deny".to_owned())?;
    write("/proc/self/uid_map", format!("{0} {0} 1", uid.as_raw()))?;
    write("/proc/self/gid_map", format!("{0} {0} 1", gid.as_raw()))
}

fn mounts(profile: &Profile) -> Result<(), Error> {
    covered(profile)?;
    let failed = |step| move |source: Errno| Error::Step { step, source: source.into() };
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)
        .map_err(failed("detaching mounts"))?;
    let writable: Vec<&Path> =
        profile.writable().map(|tree| tree.path.as_path()).filter(|path| path.exists()).collect();
    for path in &writable {
        bind(path)?;
    }
    let repositories: Vec<PathBuf> = repositories(profile).collect();
    let guarded: Vec<&PathBuf> = profile.guarded.iter().filter(|path| is_plain(path)).collect();
    // `.git` itself becomes a mount, so that it cannot be moved away from under what is guarded in it.
    for path in repositories.iter().chain(guarded.iter().copied()) {
        bind(path)?;
    }
    set_attributes(Path::new("/"), Change { set: READ_ONLY | NO_SET_ID, clear: 0 }, Extent::Below)?;
    for path in &writable {
        let writable = Change { set: 0, clear: READ_ONLY };
        // A mount further down may be read-only by someone else's decision, which stays.
        set_attributes(path, writable, Extent::Below)
            .or_else(|_| set_attributes(path, writable, Extent::This))?;
    }
    let pointers = repositories.iter().filter(|path| path.is_file());
    for path in pointers.chain(guarded.iter().copied()) {
        set_attributes(path, Change { set: READ_ONLY, clear: 0 }, Extent::Below)?;
    }
    let closed = MountFlags::NOSUID | MountFlags::NODEV;
    mount("tmpfs", SHARED_MEMORY, "tmpfs", closed, Some(c"mode=1777"))
        .map_err(failed("mounting /dev/shm"))?;
    mount("proc", "/proc", "proc", closed | MountFlags::NOEXEC, None::<&std::ffi::CStr>)
        .map_err(failed("mounting /proc"))
}

/// What lies where everything contained gets an own directory would be missed inside, wherever it is first looked for.
fn covered(profile: &Profile) -> Result<(), Error> {
    let below = |path: &Path| path.starts_with(SHARED_MEMORY) && path.exists();
    match profile.trees.iter().find(|tree| below(&tree.path)) {
        None => Ok(()),
        Some(tree) => Err(Error::Tree {
            path: tree.path.clone(),
            what: tree.what.clone(),
            source: io::Error::other(format!(
                "everything contained has a {SHARED_MEMORY} of its own; use another directory"
            )),
        }),
    }
}

/// The `.git` of each project, directory or pointer file, that has something to guard.
fn repositories(profile: &Profile) -> impl Iterator<Item = PathBuf> + '_ {
    let projects = profile.writable().filter(|tree| tree.what == "project");
    projects.map(|tree| tree.path.join(".git")).filter(|path| is_plain(path))
}

/// There, and reached without a link: a mount would follow it to somewhere else.
fn is_plain(path: &Path) -> bool {
    let real = path.canonicalize();
    real.is_ok_and(|real| real == path)
}

fn bind(path: &Path) -> Result<(), Error> {
    mount_bind_recursive(path, path).map_err(|error| Error::Tree {
        path: path.to_owned(),
        what: "mount".to_owned(),
        source: error.into(),
    })
}

const READ_ONLY: u64 = 0x1;
const NO_SET_ID: u64 = 0x2;

/// Attributes of a mount to set and to clear.
#[derive(Clone, Copy)]
struct Change {
    set: u64,
    clear: u64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Extent {
    This,
    Below,
}

/// `struct mount_attr` of the kernel.
#[repr(C)]
struct MountAttributes {
    set: u64,
    clear: u64,
    propagation: u64,
    user_namespace: u64,
}

#[expect(unsafe_code, reason = "mount_setattr has no safe wrapper")]
fn set_attributes(path: &Path, change: Change, extent: Extent) -> Result<(), Error> {
    const RECURSIVE: libc::c_uint = 0x8000;
    let failed = |source| Error::Tree { path: path.to_owned(), what: "mount".to_owned(), source };
    let name = CString::new(path.as_os_str().as_bytes()).map_err(|error| failed(error.into()))?;
    let attributes =
        MountAttributes { set: change.set, clear: change.clear, propagation: 0, user_namespace: 0 };
    let flags = if extent == Extent::Below { RECURSIVE } else { 0 };
    // SAFETY: the name ends with NUL and the structure has the size that is said; both outlive the call, which only
    // reads them.
    let done = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            std::os::fd::AsRawFd::as_raw_fd(&CWD),
            name.as_ptr(),
            flags,
            std::ptr::from_ref(&attributes),
            size_of::<MountAttributes>(),
        )
    };
    if done == 0 { Ok(()) } else { Err(failed(io::Error::last_os_error())) }
}

#[expect(unsafe_code, reason = "interface flags have no safe wrapper")]
fn loopback_up() -> io::Result<()> {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};
    use std::os::fd::AsRawFd;
    let socket = socket_with(AddressFamily::INET, SocketType::DGRAM, SocketFlags::CLOEXEC, None)?;
    // SAFETY: the structure is plain numbers, for which zero is valid.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = i16::try_from(libc::IFF_UP | libc::IFF_RUNNING).unwrap_or(1);
    // SAFETY: the kernel reads the structure, which outlives the call.
    let done = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, std::ptr::from_ref(&request)) };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
