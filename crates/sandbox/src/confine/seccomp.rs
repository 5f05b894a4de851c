//! The system calls that no contained process may make: what Landlock does not see, and what only an attacker of the
//! kernel wants. Knows no paths.
//!
//! Refused calls fail with EPERM, so that programs go on without them. A call for another architecture, or with an
//! x32 number, ends the process: nothing honest does that, and its numbers mean something else.

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, sock_filter,
};
use std::collections::BTreeMap;

/// Which internet sockets may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sockets {
    None,
    /// TCP only: Landlock holds the ports, and knows nothing of UDP.
    Tcp,
    /// TCP and UDP: the network namespace holds it, or nothing has to.
    TcpAndUdp,
}

/// Whether something is allowed at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Allowed {
    Yes,
    No,
}

/// What differs between domains and kernels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    pub(super) sockets: Sockets,
    /// Unix sockets by `socket(2)`. Only where Landlock knows their paths.
    pub(super) unix: Allowed,
    /// Looking at interfaces and routes.
    pub(super) netlink: Allowed,
    /// Making namespaces: the agent's process needs it to confine its commands further.
    pub(super) namespaces: Allowed,
}

type Rules = BTreeMap<i64, Vec<SeccompRule>>;
type Outcome<T> = Result<T, seccompiler::BackendError>;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;
#[cfg(target_arch = "riscv64")]
const ARCHITECTURE: TargetArch = TargetArch::riscv64;

/// Refused whatever the arguments.
const NEVER: &[libc::c_long] = &[
    // Other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    // Does work outside the filter.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    // Keys of the user, shared with everything else of that user.
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    // The kernel itself.
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_syslog,
    libc::SYS_quotactl,
    libc::SYS_nfsservctl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_vhangup,
    // What is where.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    // Opens files by number, past every path.
    libc::SYS_open_by_handle_at,
    // Newer than the names in libc; the same numbers everywhere.
    OPEN_TREE_ATTR,
];

const OPEN_TREE_ATTR: libc::c_long = 467;
const FCHMODAT2: libc::c_long = 452;

#[cfg(target_arch = "x86_64")]
const NEVER_HERE: &[libc::c_long] = &[
    libc::SYS_kexec_file_load,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
    libc::SYS_lookup_dcookie,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_HERE: &[libc::c_long] = &[];

/// Bits of `clone` and `unshare` that make a namespace.
const NAMESPACES: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];
/// Only `unshare` knows it: in `clone` these bits are the signal.
const NEWTIME: u64 = 0x80;

/// `personality(0xffffffff)` only asks.
const ASK_PERSONALITY: u64 = 0xffff_ffff;
const FASTOPEN: u64 = 0x2000_0000;
const TCP_FASTOPEN_CONNECT: u64 = 30;
const TIOCSTI: u64 = 0x5412;
const TIOCLINUX: u64 = 0x541C;
/// What may be added to a socket's type: nothing, not to block, to close at exec, both.
const TYPE_FLAGS: [u64; 4] = [0, 0o4000, 0o2_000_000, 0o2_004_000];
/// A memory file that can never be executed.
const NOEXEC_SEAL: u64 = 0x8;
/// Either runs a file as somebody else: its owner, its group. A set-group-id directory is refused with it: the call does not
/// say what its path is.
const SET_IDS: [u64; 2] = [0o4000, 0o2000];

/// Builds the program.
pub(super) fn program(filter: Filter) -> Outcome<BpfProgram> {
    let mut rules: Rules = BTreeMap::new();
    for number in NEVER.iter().chain(NEVER_HERE) {
        rules.insert(*number, Vec::new());
    }
    sockets(filter, &mut rules)?;
    arguments(&mut rules)?;
    set_ids(&mut rules)?;
    if filter.namespaces == Allowed::No {
        namespaces(&mut rules)?;
    }
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let compiled = SeccompFilter::new(rules, SeccompAction::Allow, refuse, ARCHITECTURE)?;
    let mut program = prologue(filter.namespaces);
    program.extend(BpfProgram::try_from(compiled)?);
    Ok(program)
}

/// What has to be decided before the compiled rules: x32 numbers, and calls whose flags are behind a pointer. The
/// compiled part checks the architecture itself, but after this one, so it is checked here too.
fn prologue(namespaces: Allowed) -> BpfProgram {
    const LOAD: u16 = 0x20;
    const JUMP_EQUAL: u16 = 0x15;
    const JUMP_SET: u16 = 0x45;
    const RETURN: u16 = 0x06;
    const NUMBER_AT: u32 = 0;
    const ARCHITECTURE_AT: u32 = 4;
    const X32: u32 = 0x4000_0000;
    const KILL_PROCESS: u32 = 0x8000_0000;
    const ERRNO: u32 = 0x0005_0000;
    let line = |code, jt, jf, k| sock_filter { code, jt, jf, k };
    let mut program = vec![
        line(LOAD, 0, 0, ARCHITECTURE_AT),
        line(JUMP_EQUAL, 1, 0, audit_architecture()),
        line(RETURN, 0, 0, KILL_PROCESS),
        line(LOAD, 0, 0, NUMBER_AT),
        line(JUMP_SET, 0, 1, X32),
        line(RETURN, 0, 0, KILL_PROCESS),
    ];
    // "Not there" makes programs use `openat` and `clone`, whose mode and flags can be seen.
    let mut not_there = vec![libc::SYS_openat2];
    if namespaces == Allowed::No {
        not_there.push(libc::SYS_clone3);
    }
    for call in not_there {
        program.push(line(JUMP_EQUAL, 0, 1, u32::try_from(call).unwrap_or(u32::MAX)));
        program.push(line(RETURN, 0, 0, ERRNO | libc::ENOSYS.unsigned_abs()));
    }
    program
}

/// The architecture as the kernel's audit names it: the ELF machine, 64 bits, little endian.
const fn audit_architecture() -> u32 {
    const WIDE_LITTLE: u32 = 0x8000_0000 | 0x4000_0000;
    if cfg!(target_arch = "x86_64") {
        WIDE_LITTLE | 62
    } else if cfg!(target_arch = "aarch64") {
        WIDE_LITTLE | 183
    } else {
        WIDE_LITTLE | 243
    }
}

fn sockets(filter: Filter, rules: &mut Rules) -> Outcome<()> {
    const DOMAIN: u8 = 0;
    const TYPE: u8 = 1;
    const PROTOCOL: u8 = 2;
    let inet = [number(libc::AF_INET), number(libc::AF_INET6)];
    let mut open: Vec<u64> = Vec::new();
    if filter.sockets != Sockets::None {
        open.extend(inet);
    }
    if filter.unix == Allowed::Yes {
        open.push(number(libc::AF_UNIX));
    }
    if filter.netlink == Allowed::Yes {
        open.push(number(libc::AF_NETLINK));
    }
    if open.is_empty() {
        // No condition means: always.
        rules.insert(libc::SYS_socket, Vec::new());
        rules.insert(libc::SYS_socketpair, vec![all([unequal(DOMAIN, number(libc::AF_UNIX))])?]);
        rules.insert(libc::SYS_listen, Vec::new());
        return Ok(());
    }
    let mut refused = vec![all(open.iter().map(|domain| unequal(DOMAIN, *domain)))?];
    if filter.netlink == Allowed::Yes {
        let netlink = equal(DOMAIN, number(libc::AF_NETLINK));
        refused.push(all([netlink, unequal(PROTOCOL, number(libc::NETLINK_ROUTE))])?);
    }
    let (types, protocols): (&[libc::c_int], &[libc::c_int]) = match filter.sockets {
        Sockets::None => (&[], &[]),
        Sockets::Tcp => (&[libc::SOCK_STREAM], &[libc::IPPROTO_IP, libc::IPPROTO_TCP]),
        Sockets::TcpAndUdp => (
            &[libc::SOCK_STREAM, libc::SOCK_DGRAM],
            &[
                libc::IPPROTO_IP,
                libc::IPPROTO_TCP,
                libc::IPPROTO_UDP,
                libc::IPPROTO_ICMP,
                libc::IPPROTO_ICMPV6,
            ],
        ),
    };
    for domain in inet.into_iter().filter(|_| filter.sockets != Sockets::None) {
        let good = types.iter().flat_map(|kind| TYPE_FLAGS.map(|flags| number(*kind) | flags));
        let others = good.map(|kind| unequal(TYPE, kind));
        refused.push(all(std::iter::once(equal(DOMAIN, domain)).chain(others))?);
        let others = protocols.iter().map(|protocol| unequal(PROTOCOL, number(*protocol)));
        refused.push(all(std::iter::once(equal(DOMAIN, domain)).chain(others))?);
    }
    rules.insert(libc::SYS_socket, refused);
    // A pair is connected to itself only.
    rules.insert(libc::SYS_socketpair, vec![all([unequal(DOMAIN, number(libc::AF_UNIX))])?]);
    if filter.sockets != Sockets::TcpAndUdp && filter.unix == Allowed::No {
        // Listening without binding takes any port, past Landlock.
        rules.insert(libc::SYS_listen, Vec::new());
    }
    Ok(())
}

/// Calls that are refused for some of their arguments.
fn arguments(rules: &mut Rules) -> Outcome<()> {
    // TCP Fast Open connects without `connect`.
    for (call, flags) in [(libc::SYS_sendto, 3), (libc::SYS_sendmsg, 2), (libc::SYS_sendmmsg, 3)] {
        rules.insert(call, vec![all([masked(flags, FASTOPEN, FASTOPEN)])?]);
    }
    let tcp = number(libc::IPPROTO_TCP);
    rules.insert(libc::SYS_setsockopt, vec![all([equal(1, tcp), equal(2, TCP_FASTOPEN_CONNECT)])?]);
    // Typing into the person's terminal.
    rules.insert(libc::SYS_ioctl, vec![all([equal(1, TIOCSTI)])?, all([equal(1, TIOCLINUX)])?]);
    rules.insert(libc::SYS_personality, vec![all([unequal(0, ASK_PERSONALITY)])?]);
    rules.insert(libc::SYS_memfd_create, vec![all([masked(1, NOEXEC_SEAL, 0)])?]);
    Ok(())
}

/// A program that becomes its owner, or of its group, would leave everything here behind as soon as somebody else starts it.
fn set_ids(rules: &mut Rules) -> Outcome<()> {
    let mut calls = vec![(libc::SYS_fchmod, 1), (libc::SYS_fchmodat, 2), (FCHMODAT2, 2)];
    calls.extend([(libc::SYS_openat, 3), (libc::SYS_mknodat, 2)]);
    #[cfg(target_arch = "x86_64")]
    calls.extend([(libc::SYS_chmod, 1), (libc::SYS_open, 2), (libc::SYS_creat, 1), (libc::SYS_mknod, 1)]);
    // The mode means something only if a file is made; otherwise the argument may hold anything.
    let makes = [number(libc::O_CREAT), number(libc::O_TMPFILE) & !number(libc::O_DIRECTORY)];
    for (call, mode) in calls {
        let flags = match call {
            libc::SYS_openat => Some(2),
            #[cfg(target_arch = "x86_64")]
            libc::SYS_open => Some(1),
            _ => None,
        };
        let mut refused = Vec::new();
        for id in SET_IDS {
            let set = || masked(mode, id, id);
            match flags {
                None => refused.push(all([set()])?),
                Some(flags) => {
                    for bit in makes {
                        refused.push(all([set(), masked(flags, bit, bit)])?);
                    }
                }
            }
        }
        rules.insert(call, refused);
    }
    Ok(())
}

fn namespaces(rules: &mut Rules) -> Outcome<()> {
    let bits: Vec<u64> = NAMESPACES.iter().map(|bit| u64::from(bit.cast_unsigned())).collect();
    let any = |bits: &[u64]| bits.iter().map(|bit| all([masked(0, *bit, *bit)])).collect::<Outcome<Vec<_>>>();
    rules.insert(libc::SYS_clone, any(&bits)?);
    let mut unshare = any(&bits)?;
    unshare.push(all([masked(0, NEWTIME, NEWTIME)])?);
    rules.insert(libc::SYS_unshare, unshare);
    Ok(())
}

type Condition = Outcome<SeccompCondition>;

fn all(conditions: impl IntoIterator<Item = Condition>) -> Outcome<SeccompRule> {
    SeccompRule::new(conditions.into_iter().collect::<Outcome<Vec<_>>>()?)
}

fn equal(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn unequal(argument: u8, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

fn masked(argument: u8, mask: u64, value: u64) -> Condition {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}

/// Constants of the C library that are never negative.
fn number(constant: libc::c_int) -> u64 {
    u64::from(constant.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::{Allowed, Filter, Sockets, TYPE_FLAGS, number, program};

    #[test]
    fn the_program_stays_small() {
        // The kernel translates it, and follows it once for each system call there is, at every start.
        let strictest = Filter {
            sockets: Sockets::TcpAndUdp,
            unix: Allowed::No,
            netlink: Allowed::No,
            namespaces: Allowed::No,
        };
        let length = program(strictest).unwrap().len();
        assert!(length < 750, "{length} instructions");
    }

    #[test]
    fn socket_flags_are_those_of_this_system() {
        let (nonblock, close) = (number(libc::SOCK_NONBLOCK), number(libc::SOCK_CLOEXEC));
        assert_eq!(TYPE_FLAGS, [0, nonblock, close, nonblock | close]);
    }
}
