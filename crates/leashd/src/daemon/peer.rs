//! Who is on the other side of the socket. The user decides who may speak at all; that none of our agents is among the
//! process's ancestors is only a second look, because a process number is a snapshot. The token is the door.

use super::life::Stat;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use tokio::net::UnixStream;

/// Generations looked at. A process below more of them is refused.
const GENERATIONS_MAX: usize = 128;

/// Whether a process may be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    Ours {
        pid: i32,
    },
    /// And why, for people and for the audit log.
    Refused {
        pid: Option<i32>,
        reason: String,
    },
}

impl Peer {
    /// Looks at the other end of `stream`. `daemon` is our own number: what descends from it is an agent of ours.
    pub(crate) fn of(stream: &UnixStream, daemon: i32) -> Self {
        let refused = |pid, reason: &str| Self::Refused { pid, reason: reason.to_owned() };
        let credentials = match stream.peer_cred() {
            Ok(credentials) => credentials,
            Err(error) => return refused(None, &format!("who connects cannot be told: {error}")),
        };
        let pid = credentials.pid();
        if credentials.uid() != rustix::process::geteuid().as_raw() {
            return refused(pid, "another user connects");
        }
        if !cfg!(target_os = "linux") {
            return Self::Ours { pid: pid.unwrap_or_default() };
        }
        match pid {
            // A process of another pid namespace has no number here.
            None | Some(0) => refused(None, "the process that connects is not one of this pid namespace"),
            Some(pid) => match contained(pid, daemon, &look) {
                None => Self::Ours { pid },
                Some(reason) => refused(Some(pid), reason),
            },
        }
    }
}

/// What is known of one process.
struct Relative {
    parent: i32,
    /// Whether it is one of our supervisors or launchers.
    holds_an_agent: bool,
}

fn look(pid: i32) -> Option<Relative> {
    let stat = Stat::of(pid)?;
    let line = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    Some(Relative { parent: stat.parent, holds_an_agent: holds_an_agent(&line) })
}

/// A command line with a name of ours means an agent, whoever wrote it: lying about it only shuts the door.
fn holds_an_agent(command_line: &[u8]) -> bool {
    let mut words = command_line.split(|byte| *byte == 0);
    let name = words.next().unwrap_or_default();
    let first = words.next().unwrap_or_default();
    leashd_sandbox::is_shell_launcher(OsStr::from_bytes(name))
        || first == leashd_sandbox::SUPERVISE.as_bytes()
        || first == leashd_sandbox::confine::CONFINE.as_bytes()
}

/// Why a process counts as one of our agents, if it does.
fn contained(pid: i32, daemon: i32, look: &dyn Fn(i32) -> Option<Relative>) -> Option<&'static str> {
    let mut at = pid;
    for _ in 0..GENERATIONS_MAX {
        let Some(relative) = look(at) else { return Some("an ancestor of the process cannot be looked at") };
        if relative.holds_an_agent {
            return Some("the process belongs to an agent");
        }
        // The daemon itself may ask; what it started may not.
        if at != pid && at == daemon {
            return Some("the process was started by an agent of this daemon");
        }
        // The first process of the namespace; above it is nothing that can be seen.
        if at == 1 || relative.parent == 0 {
            return None;
        }
        at = relative.parent;
    }
    Some("the process has too many ancestors to look at")
}

#[cfg(test)]
mod tests {
    use super::{Peer, Relative, contained, holds_an_agent};

    /// `(pid, parent, holds an agent)`.
    #[track_caller]
    fn check(tree: &[(i32, i32, bool)], expected: Option<&str>) {
        let look = |pid| {
            let (_, parent, holds_an_agent) = tree.iter().find(|(it, ..)| *it == pid)?;
            Some(Relative { parent: *parent, holds_an_agent: *holds_an_agent })
        };
        let said = contained(30, 7, &look);
        assert_eq!(said.is_some(), expected.is_some(), "{said:?}");
        assert!(said.unwrap_or_default().contains(expected.unwrap_or_default()), "{said:?}");
    }

    #[test]
    fn nobody_below_an_agent_is_ours() {
        check(&[(30, 20, false), (20, 1, false), (1, 0, false)], None);
        check(&[(30, 0, false)], None);
        check(&[(30, 20, false), (20, 7, true)], Some("belongs to an agent"));
        check(&[(30, 1, true), (1, 0, false)], Some("belongs to an agent"));
        check(&[(30, 7, false), (7, 1, false)], Some("started by an agent"));
        check(&[(30, 20, false)], Some("cannot be looked at"));
        check(&[(30, 30, false)], Some("too many"));
    }

    #[test]
    fn our_own_names_are_known() {
        assert!(holds_an_agent(b"/proc/self/exe\0__supervise\0/usr/bin/claude\0"));
        assert!(holds_an_agent(b"leashd\0__confine\0"));
        for other in [b"bash\0-c\0leashd __supervise\0".as_slice(), b"leashd\0status\0", b""] {
            assert!(!holds_an_agent(other));
        }
    }

    #[tokio::test]
    async fn a_process_of_this_user_is_ours() {
        let (one, _other) = tokio::net::UnixStream::pair().unwrap();
        let own = i32::try_from(std::process::id()).unwrap();
        assert_eq!(Peer::of(&one, own), Peer::Ours { pid: own });
        let parent = i32::try_from(std::os::unix::process::parent_id()).unwrap();
        assert!(matches!(Peer::of(&one, parent), Peer::Refused { .. }));
    }
}
