//! What this kernel and this user can hold, found out without changing anything. Knows no profile.

use serde::{Deserialize, Serialize};
use std::ffi::OsStr;

/// What there is to build walls with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kernel {
    /// As `uname -r` says it.
    pub release: String,
    /// Version of Landlock's interface; 0 if there is none.
    pub landlock: u32,
    pub seccomp: Support,
    /// Whether namespaces may be made is only known by trying; this says that nobody forbade it here.
    pub namespaces: Support,
    pub groups: Groups,
    pub identity: Identity,
}

/// What a control group that we may make counts for a whole process tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Groups {
    /// There is none that we may make.
    Missing,
    Processes,
    ProcessesAndMemory,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Support {
    There,
    Missing,
}

/// Who runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    Root,
    User,
}

/// Comma-separated names of what to treat as missing (`landlock`, `seccomp`, `namespaces`, `groups`). Can only take away: a
/// kernel that is said to lack something is one on which less is claimed and more is refused.
pub const WITHOUT: &str = "LEASHD_KERNEL_WITHOUT";

impl Kernel {
    /// Asks the kernel. `without` is the value of [`WITHOUT`].
    #[must_use]
    pub fn detect(without: Option<&OsStr>) -> Self {
        let without = without.map(OsStr::to_string_lossy).unwrap_or_default();
        let missing = |name: &str| without.split(',').any(|item| item.trim() == name);
        let support = |there: bool| if there { Support::There } else { Support::Missing };
        let root = rustix::process::geteuid().is_root();
        Self {
            release: rustix::system::uname().release().to_string_lossy().into_owned(),
            landlock: if missing("landlock") { 0 } else { landlock_version() },
            seccomp: support(!missing("seccomp") && has_seccomp()),
            namespaces: support(!missing("namespaces") && cfg!(target_os = "linux")),
            groups: if missing("groups") { Groups::Missing } else { groups() },
            identity: if root { Identity::Root } else { Identity::User },
        }
    }
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the library does not tell the version")]
fn landlock_version() -> u32 {
    const ASK_VERSION: libc::c_uint = 1;
    // SAFETY: with this flag the call looks at no memory and only returns a number.
    let version = unsafe {
        libc::syscall(libc::SYS_landlock_create_ruleset, std::ptr::null::<libc::c_void>(), 0, ASK_VERSION)
    };
    u32::try_from(version).unwrap_or(0)
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "the call has no safe wrapper")]
fn has_seccomp() -> bool {
    let action: u32 = libc::SECCOMP_RET_ERRNO;
    // SAFETY: the call reads one number, which lives long enough, and changes nothing.
    let available = unsafe {
        libc::syscall(libc::SYS_seccomp, libc::SECCOMP_GET_ACTION_AVAIL, 0, std::ptr::from_ref(&action))
    };
    available == 0
}

#[cfg(target_os = "linux")]
fn groups() -> Groups {
    super::group::available()
}

#[cfg(not(target_os = "linux"))]
fn groups() -> Groups {
    Groups::Missing
}

#[cfg(not(target_os = "linux"))]
fn landlock_version() -> u32 {
    0
}

#[cfg(not(target_os = "linux"))]
fn has_seccomp() -> bool {
    false
}
