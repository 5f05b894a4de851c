//! Classes of effects: the words a rule's `effects` list is written in. One effect can be of several classes
//! (a forced push is `git`, `git-push` and `force-push`). Classes say what an effect is, never whether it may be.

use std::fmt;
use std::ops::BitOr;

macro_rules! classes {
    ($($(#[$doc:meta])* $name:ident = $text:literal),+ $(,)?) => {
        /// A class of effects, as written in a rule.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Class {
            $($(#[$doc])* $name),+
        }

        impl Class {
            /// Every class, in the order of their declaration.
            pub const ALL: &'static [Class] = &[$(Class::$name),+];

            /// The name used in policy files.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Class::$name => $text),+
                }
            }

            /// The class with this name.
            #[must_use]
            pub fn named(name: &str) -> Option<Class> {
                match name {
                    $($text => Some(Class::$name),)+
                    _ => None,
                }
            }
        }
    };
}

classes! {
    Read = "read",
    Write = "write",
    /// A write to a file that later runs by itself with rights of its own: continuous integration, editor tasks.
    WriteAutomation = "write-automation",
    Delete = "delete",
    DeleteRecursive = "delete-recursive",
    /// `rm -rf` in any spelling.
    DeleteForced = "delete-recursive-forced",
    /// Everything deleted is committed and unchanged: git brings it back.
    DeleteRecoverable = "delete-recoverable",
    Permissions = "permissions",
    /// Everybody may write afterwards (`chmod 777`).
    WorldWritable = "world-writable",
    Network = "network",
    /// Asks another host for something.
    Fetch = "fetch",
    /// Data of this machine goes to another host.
    Send = "send",
    Listen = "listen",
    /// The other end is this machine.
    Loopback = "loopback",
    /// The configured registry of a package manager or a configured remote.
    Configured = "configured-host",
    /// Another host that nothing here is configured to talk to.
    Foreign = "foreign-host",
    /// Runs any code that is not itself one of the commands.
    Runs = "runs",
    InlineCode = "inline-code",
    FileCode = "file-code",
    ProjectCode = "project-code",
    PackageCode = "package-code",
    PipedCode = "piped-code",
    UnknownCode = "unknown-code",
    /// Code of the project while the kernel was proven to hold the boundary.
    ContainedCode = "contained-code",
    Privilege = "privilege",
    Git = "git",
    GitRead = "git-read",
    GitLocal = "git-local",
    GitDiscard = "git-discard",
    GitCommit = "git-commit",
    GitRewrite = "git-rewrite",
    GitFetch = "git-fetch",
    GitPush = "git-push",
    GitConfigure = "git-configure",
    GitUnknown = "git-unknown",
    ForcePush = "force-push",
    /// A push to `main` or `master`, or one that does not say where.
    PushProtected = "push-protected",
    Publish = "publish",
    Database = "database",
    DatabaseQuery = "database-query",
    DatabaseChange = "database-change",
    DatabaseDestroy = "database-destroy",
    DatabaseUnknown = "database-unknown",
    Service = "service",
    ServiceQuery = "service-query",
    ServiceChange = "service-change",
    ServiceDestroy = "service-destroy",
    ServiceUnknown = "service-unknown",
    System = "system",
    /// Signals a process.
    Kill = "kill",
    /// Installs or removes software for the whole machine.
    MachinePackages = "machine-packages",
    /// Runs later, outside the session: cron, at, a unit that starts by itself.
    Scheduled = "scheduled",
    /// Starts another coding agent or talks to leashd.
    Agent = "agent",
    /// Prints or exports a secret that is not a plain file.
    Secret = "secret",
    /// A file that holds credentials: read, written or deleted.
    Credential = "credential",
    /// Sets a variable that changes what later commands run or load.
    Environment = "environment",
    UnknownProgram = "unknown-program",
    /// An unknown program that is given nothing but options, while the kernel holds the boundary.
    ContainedProgram = "contained-program",
}

impl fmt::Display for Class {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Classes(u64);

impl Classes {
    pub(crate) const EMPTY: Classes = Classes(0);

    pub(crate) const fn of(classes: &[Class]) -> Self {
        let mut bits = 0;
        let mut rest = classes;
        while let [first, tail @ ..] = rest {
            bits |= 1_u64 << (*first as u64);
            rest = tail;
        }
        Self(bits)
    }

    pub(crate) const fn with(self, class: Class) -> Self {
        Self(self.0 | 1_u64 << (class as u64))
    }

    pub(crate) const fn without(self, class: Class) -> Self {
        Self(self.0 & !(1_u64 << (class as u64)))
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn meets(self, other: Classes) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) const fn has(self, class: Class) -> bool {
        self.0 & (1_u64 << (class as u64)) != 0
    }
}

impl BitOr for Classes {
    type Output = Classes;

    fn bitor(self, other: Classes) -> Classes {
        Classes(self.0 | other.0)
    }
}

// INVARIANT: the set is one machine word.
const _: () = assert!(Class::ALL.len() <= 64, "more classes than bits");

#[cfg(test)]
mod tests {
    use super::{Class, Classes};

    #[test]
    fn every_class_is_found_by_its_name_and_has_a_bit_of_its_own() {
        for class in Class::ALL {
            assert_eq!(Class::named(class.name()), Some(*class));
            let alone = Classes::of(&[*class]);
            assert!(alone.has(*class));
            assert_eq!(Class::ALL.iter().filter(|other| alone.has(**other)).count(), 1);
        }
    }
}
