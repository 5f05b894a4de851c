//! What is really there (paths, files) and the walls around an agent's process tree. The only crate with `unsafe`.
//! Knows no rules.

pub mod confine;
mod error;
mod gather;
pub mod git;
mod git_orders;
mod private;
mod profile;
#[cfg(target_os = "linux")]
pub mod proof;
mod recovery;
mod resolve;
mod seatbelt;
mod shell_launcher;
mod supervisor;

pub use error::{Error, Unresolvable};
pub use gather::gather;
pub use git_orders::{GitChange, GitOrders};
pub use private::PrivateDir;
pub use profile::{
    Access, CREDENTIALS, Caches, Capabilities, Domain, GIT_GUARDED, Limits, Network, Presence, Profile,
    Refused, Request, SessionPlaces, TOOLCHAINS, Toolchain, Tree, Variable,
};
pub use recovery::recovery;
pub use resolve::resolve;
pub use seatbelt::seatbelt;
pub use shell_launcher::{Allowance, SHELL_LAUNCHER, ShellLauncher, is_shell_launcher, shell_launcher_main};
pub use supervisor::{FAILED, Launch, Lifeline, SUPERVISE, Supervised, supervise_main};
