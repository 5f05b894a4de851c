//! The attempts by name: what each one is, and who claims that it is impossible. Performs nothing.

use crate::confine::{Layer, Plan};
use serde::{Deserialize, Serialize};

/// One thing that is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempt {
    Create,
    Write,
    Truncate,
    Delete,
    Read,
    List,
    ReadThroughLink,
    HardLink,
    MoveIn,
    MoveOut,
    ChangeMode,
    InheritedFile,
    TcpConnect,
    TcpFastOpen,
    TcpFastOpenOption,
    Mptcp,
    Listen,
    Udp,
    UnixSocket,
    AbstractSocket,
    Vsock,
    Netlink,
    PacketSocket,
    Signal,
    Environment,
    Memory,
    Trace,
    ReadProcess,
    IoUring,
    Keyring,
    UserNamespace,
    Mount,
    Handle,
    Personality,
    MemoryProgram,
    SetUserId,
    TypeAhead,
    GitConfig,
    GitHook,
    GitMove,
    WriteProject,
    RunProgram,
    WriteTemporary,
}

impl Attempt {
    /// In the order in which they are tried.
    pub const ALL: &'static [Attempt] = &[
        Attempt::Create,
        Attempt::Write,
        Attempt::Truncate,
        Attempt::Delete,
        Attempt::Read,
        Attempt::List,
        Attempt::ReadThroughLink,
        Attempt::HardLink,
        Attempt::MoveIn,
        Attempt::MoveOut,
        Attempt::ChangeMode,
        Attempt::InheritedFile,
        Attempt::TcpConnect,
        Attempt::TcpFastOpen,
        Attempt::TcpFastOpenOption,
        Attempt::Mptcp,
        Attempt::Listen,
        Attempt::Udp,
        Attempt::UnixSocket,
        Attempt::AbstractSocket,
        Attempt::Vsock,
        Attempt::Netlink,
        Attempt::PacketSocket,
        Attempt::Environment,
        Attempt::Memory,
        Attempt::Trace,
        Attempt::ReadProcess,
        // The last one with that process, which ends.
        Attempt::Signal,
        Attempt::IoUring,
        Attempt::Keyring,
        Attempt::UserNamespace,
        Attempt::Mount,
        Attempt::Handle,
        Attempt::Personality,
        Attempt::MemoryProgram,
        Attempt::SetUserId,
        Attempt::TypeAhead,
        Attempt::GitConfig,
        Attempt::GitHook,
        Attempt::GitMove,
        Attempt::WriteProject,
        Attempt::RunProgram,
        Attempt::WriteTemporary,
    ];

    /// For people.
    #[must_use]
    pub fn says(self) -> &'static str {
        match self {
            Attempt::Create => "creating a file outside",
            Attempt::Write => "changing a file outside",
            Attempt::Truncate => "emptying a file outside",
            Attempt::Delete => "deleting a file outside",
            Attempt::Read => "reading a file outside",
            Attempt::List => "listing a directory outside",
            Attempt::ReadThroughLink => "reading a file outside through a link in the project",
            Attempt::HardLink => "linking a file outside into the project",
            Attempt::MoveIn => "moving a file from outside into the project",
            Attempt::MoveOut => "moving a file out of the project",
            Attempt::ChangeMode => "changing the mode of a file outside",
            Attempt::InheritedFile => "writing to a file that was open in the launcher",
            Attempt::TcpConnect => "a TCP connection",
            Attempt::TcpFastOpen => "a TCP connection by sendto",
            Attempt::TcpFastOpenOption => "a TCP connection by a socket option",
            Attempt::Mptcp => "a multipath TCP connection",
            Attempt::Listen => "listening on a port that others reach",
            Attempt::Udp => "sending UDP",
            Attempt::UnixSocket => "connecting to a unix socket outside",
            Attempt::AbstractSocket => "connecting to an abstract unix socket",
            Attempt::Vsock => "a vsock socket",
            Attempt::Netlink => "a netlink socket",
            Attempt::PacketSocket => "a packet socket",
            Attempt::Signal => "signalling a process outside",
            Attempt::Environment => "reading the environment of a process outside",
            Attempt::Memory => "opening the memory of a process outside",
            Attempt::Trace => "tracing a process outside",
            Attempt::ReadProcess => "reading from a process outside",
            Attempt::IoUring => "an io_uring",
            Attempt::Keyring => "the keyring of the user",
            Attempt::UserNamespace => "making a user namespace",
            Attempt::Mount => "mounting",
            Attempt::Handle => "opening a file by its handle",
            Attempt::Personality => "changing the personality",
            Attempt::MemoryProgram => "running a program out of memory",
            Attempt::SetUserId => "a set-user-id or set-group-id file in the project",
            Attempt::TypeAhead => "typing into a terminal",
            Attempt::GitConfig => "changing .git/config",
            Attempt::GitHook => "planting a git hook",
            Attempt::GitMove => "moving .git away and building it anew",
            Attempt::WriteProject => "writing in the project",
            Attempt::RunProgram => "running a program",
            Attempt::WriteTemporary => "writing in the temporary directory",
        }
    }

    /// Must be possible inside.
    #[must_use]
    pub fn is_granted(self) -> bool {
        matches!(self, Attempt::WriteProject | Attempt::RunProgram | Attempt::WriteTemporary)
    }

    /// Without these no proof.
    #[must_use]
    pub fn is_essential(self) -> bool {
        matches!(
            self,
            Attempt::Create
                | Attempt::Write
                | Attempt::Delete
                | Attempt::Read
                | Attempt::TcpConnect
                | Attempt::Udp
                | Attempt::UnixSocket
                | Attempt::Signal
                | Attempt::Environment
        )
    }

    /// Whether `plan` says that this is impossible.
    #[must_use]
    pub fn is_claimed(self, plan: &Plan) -> bool {
        match self {
            Attempt::ChangeMode | Attempt::GitConfig | Attempt::GitHook | Attempt::GitMove => {
                plan.layers.contains(&Layer::Mounts)
            }
            // Nobody else reaches a port on a loopback interface of one's own.
            Attempt::Listen => !plan.layers.contains(&Layer::Network),
            _ => true,
        }
    }
}
