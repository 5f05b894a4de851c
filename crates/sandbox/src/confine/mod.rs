//! Walls around a process tree: enters a [`Profile`] with what this kernel has, and says what it has not. Knows no
//! rules and no agent.
//!
//! Two levels. *Landlock* with seccomp is the baseline and needs no privilege. *Namespaces* come on top where the
//! kernel lets them: own processes (so that the end of the first one ends them all), read-only mounts, an own network.
//! The order is fixed: namespaces and mounts, then limits and privileges, then Landlock, then seccomp, then exec.
//!
//! What is missing is never passed over: [`Plan::weaknesses`] names it, and without Landlock or seccomp there is no
//! plan at all.

mod entry;
#[cfg(target_os = "linux")]
mod group;
mod handover;
mod kernel;
#[cfg(target_os = "linux")]
mod landlock;
#[cfg(target_os = "linux")]
mod limits;
#[cfg(target_os = "linux")]
mod namespaces;
mod run;
#[cfg(target_os = "linux")]
mod seccomp;

pub use entry::{CONFINE, confine_main};
pub use kernel::{Groups, Identity, Kernel, Support, WITHOUT};
pub use run::{Command, Ended, Running, replace, start};

use crate::profile::{Network, Profile};
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;

/// In namespaces an empty directory of their own.
pub const SHARED_MEMORY: &str = "/dev/shm";

/// How much is put around a process tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    /// Landlock and seccomp.
    Landlock,
    /// The same inside namespaces.
    Namespaces,
}

/// What the caller wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Namespaces if they can be had, else Landlock.
    #[default]
    Best,
    /// Exactly this, or nothing.
    Exactly(Level),
}

/// One wall.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    Landlock,
    Seccomp,
    Limits,
    Processes,
    Mounts,
    Network,
    /// A control group: counts the tree as a whole.
    Group,
}

/// Something a profile asks for that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weakness {
    /// Landlock before 3: files outside can be emptied by whoever may write them.
    Truncate,
    /// Landlock before 5: device files in the trees can be controlled, not only used.
    DeviceControl,
    /// Landlock before 6 and no pid namespace: processes outside can be signalled.
    Signals,
    /// Landlock before 4: TCP goes to every port.
    Ports,
    /// No network namespace: TCP goes to the permitted ports of every host.
    Hosts,
    /// No pid namespace: a process that outlives its supervisor stays.
    Survivors,
    /// No mount namespace: mode, owner and times of one's own files outside can be changed.
    Attributes,
    /// No mount namespace: git's configuration and hooks in the project can be changed; it is noticed afterwards.
    GitOrders,
    /// Root without a pid namespace.
    Root,
    /// No control group, and no user namespace either: processes are counted for the user, if at all.
    ProcessCount,
    /// No control group that counts memory: only each process has a limit.
    MemoryInSum,
}

impl Weakness {
    /// For people.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Weakness::Truncate => "files outside can be emptied (Landlock before version 3)",
            Weakness::DeviceControl => "device files can be controlled (Landlock before version 5)",
            Weakness::Signals => "processes outside can be signalled (Landlock before version 6)",
            Weakness::Ports => "TCP reaches every port (Landlock before version 4)",
            Weakness::Hosts => "TCP reaches the permitted ports on every host (no network namespace)",
            Weakness::Survivors => "a process may outlive its supervisor (no pid namespace)",
            Weakness::Attributes => {
                "mode and times of your files outside can be changed (no mount namespace)"
            }
            Weakness::GitOrders => {
                "git's configuration and hooks can be changed, which is noticed afterwards (no mount namespace)"
            }
            Weakness::Root => "runs as root without a pid namespace",
            Weakness::ProcessCount => {
                "the number of processes is not limited for this alone (no control group, no user namespace)"
            }
            Weakness::MemoryInSum => {
                "memory is limited for each process, not in sum (no control group of version 2)"
            }
        }
    }
}

/// What will be around a process tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub level: Level,
    pub layers: Vec<Layer>,
    pub weaknesses: Vec<Weakness>,
}

/// Why nothing was started, or why it could not be.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("this kernel ({release}) has no {what}, so nothing would hold; use one that has it")]
    Uncontained { release: String, what: &'static str },
    #[error("namespaces cannot be had here: {0}")]
    NoNamespaces(String),
    #[error("the {what} `{path}` cannot be opened for the sandbox: {source}", path = .path.display())]
    Tree { path: PathBuf, what: String, source: io::Error },
    #[error("Landlock refused: {0}")]
    Landlock(String),
    #[error("seccomp refused: {0}")]
    Seccomp(String),
    #[error("{step} failed: {source}")]
    Step { step: &'static str, source: io::Error },
    #[error("cannot run `{program}`: {source}")]
    Start { program: String, source: io::Error },
    #[error("{0}")]
    Inside(String),
    #[error("threads are running: a process tree is confined by a process with one thread")]
    Threads,
}

/// What would be around a process tree at `level` on `kernel`.
///
/// # Errors
/// Without Landlock or seccomp there is no containment to speak of.
pub fn plan(profile: &Profile, kernel: &Kernel, level: Level) -> Result<Plan, Error> {
    let missing = |what| Error::Uncontained { release: kernel.release.clone(), what };
    if kernel.landlock == 0 {
        return Err(missing("Landlock"));
    }
    if kernel.seccomp == Support::Missing {
        return Err(missing("seccomp filters"));
    }
    if level == Level::Landlock && matches!(profile.network, Network::Doors { .. }) {
        return Err(Error::NoNamespaces("this network needs one".to_owned()));
    }
    if level == Level::Namespaces && kernel.namespaces == Support::Missing {
        return Err(Error::NoNamespaces("the kernel is said to have none".to_owned()));
    }
    let mut layers = vec![Layer::Landlock, Layer::Seccomp, Layer::Limits];
    if level == Level::Namespaces {
        layers.extend([Layer::Processes, Layer::Mounts]);
        if profile.network.is_own() {
            layers.push(Layer::Network);
        }
    }
    if kernel.groups != Groups::Missing {
        layers.push(Layer::Group);
    }
    Ok(Plan { level, weaknesses: weaknesses(profile, kernel, &layers), layers })
}

fn weaknesses(profile: &Profile, kernel: &Kernel, layers: &[Layer]) -> Vec<Weakness> {
    let without = |layer| !layers.contains(&layer);
    let ports = matches!(profile.network, Network::Ports(_));
    let root = kernel.identity == Identity::Root;
    let found = [
        (kernel.landlock < 3 && without(Layer::Mounts), Weakness::Truncate),
        (kernel.landlock < 4 && ports, Weakness::Ports),
        (kernel.landlock >= 4 && ports, Weakness::Hosts),
        (kernel.landlock < 5, Weakness::DeviceControl),
        (kernel.landlock < 6 && without(Layer::Processes), Weakness::Signals),
        (without(Layer::Processes), Weakness::Survivors),
        (without(Layer::Mounts), Weakness::Attributes),
        (without(Layer::Mounts) && !profile.guarded.is_empty(), Weakness::GitOrders),
        (root && without(Layer::Processes), Weakness::Root),
        // The user namespace of an ordinary user comes with the others.
        (without(Layer::Group) && (root || without(Layer::Processes)), Weakness::ProcessCount),
        (kernel.groups != Groups::ProcessesAndMemory, Weakness::MemoryInSum),
    ];
    found.into_iter().filter(|(there, _)| *there).map(|(_, weakness)| weakness).collect()
}
