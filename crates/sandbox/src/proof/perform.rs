//! The attempting side: tries one thing after the other, each in a process of its own, and says nothing about the
//! outcome. Runs outside the walls and inside with the same text.

use super::Attempt;
use super::scene::{Script, WAYS};
use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::net::{AddressFamily, SocketType, ipproto};
use std::ffi::{CString, OsString};
use std::fs;
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};

/// Below the project: written when everything has been tried.
pub(super) const COMPLETED: &str = "completed";

/// The probe itself: what `main` returns when the first argument is [`super::PROBE`]. `args` are those after it.
pub fn probe_main(args: impl IntoIterator<Item = OsString>) -> i32 {
    let script =
        args.into_iter().next().and_then(|script| serde_json::from_str::<Script>(script.to_str()?).ok());
    let Some(script) = script else { return 2 };
    for attempt in Attempt::ALL {
        if let Ok(None) = fork() {
            // The witnesses know; nobody asks the one who tries.
            let _untold = perform(*attempt, &script);
            exit();
        }
        let _collected = rustix::process::wait(rustix::process::WaitOptions::empty());
    }
    i32::from(fs::write(script.project.join(COMPLETED), "").is_err())
}

type Tried = io::Result<()>;

fn perform(attempt: Attempt, script: &Script) -> Tried {
    let outside = |name: &str| script.outside.join(name);
    let inside = |name: &str| script.project.join(name);
    let git = script.project.join(".git");
    let bring = |from: &Path| fs::write(script.loot(attempt), fs::read(from)?);
    let note = |done: Tried| done.and_then(|()| fs::write(script.loot(attempt), "done"));
    match attempt {
        Attempt::Create => fs::write(outside("created"), "x"),
        Attempt::Write => fs::write(outside("written"), "x"),
        Attempt::Truncate => {
            let name = CString::new(outside("truncated").as_os_str().as_bytes())?;
            call(libc::SYS_truncate, [address(name.as_ptr()), 0, 0, 0, 0])
        }
        Attempt::Delete => fs::remove_file(outside("deleted")),
        Attempt::Read => bring(&outside("read")),
        Attempt::List => list(&outside("listed"), &script.loot(attempt)),
        Attempt::ReadThroughLink => {
            symlink(outside("read"), inside("link")).and_then(|()| bring(&inside("link")))
        }
        Attempt::HardLink => fs::hard_link(outside("linked"), script.loot(attempt)),
        Attempt::MoveIn => fs::rename(outside("moved-in"), inside("moved-in")),
        Attempt::MoveOut => {
            fs::write(inside("out"), "x").and_then(|()| fs::rename(inside("out"), outside("moved-out")))
        }
        Attempt::ChangeMode => fs::set_permissions(outside("mode"), fs::Permissions::from_mode(0o644)),
        Attempt::InheritedFile => write_to(script.descriptor),
        Attempt::TcpConnect | Attempt::TcpFastOpen | Attempt::TcpFastOpenOption | Attempt::Mptcp => {
            connect(attempt, script)
        }
        Attempt::Listen => note(listen()),
        Attempt::Udp => {
            let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
            socket.send_to(b"x", (Ipv4Addr::LOCALHOST, script.udp)).map(drop)
        }
        Attempt::UnixSocket => UnixStream::connect(outside("socket")).map(drop),
        Attempt::AbstractSocket => abstract_connect(&script.name),
        Attempt::Vsock => note(socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0).map(drop)),
        Attempt::Netlink => note(socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_ROUTE).map(drop)),
        Attempt::PacketSocket => note(socket(libc::AF_PACKET, libc::SOCK_RAW, 0).map(drop)),
        Attempt::Signal => note(call(libc::SYS_kill, [script.victim.into(), number(libc::SIGKILL), 0, 0, 0])),
        Attempt::Environment => bring(Path::new(&format!("/proc/{}/environ", script.victim))),
        Attempt::Memory => note(fs::File::open(format!("/proc/{}/mem", script.victim)).map(drop)),
        Attempt::Trace => note(call(libc::SYS_ptrace, [PTRACE_SEIZE, script.victim.into(), 0, 0, 0])),
        Attempt::ReadProcess => fs::write(script.loot(attempt), read_process(script)?),
        Attempt::IoUring => {
            let mut parameters = [0_u64; 32];
            note(call(libc::SYS_io_uring_setup, [1, address(parameters.as_mut_ptr()), 0, 0, 0]))
        }
        Attempt::Keyring => note(call(libc::SYS_keyctl, [0, USER_KEYRING, 1, 0, 0])),
        Attempt::UserNamespace => note(call(libc::SYS_unshare, [number(libc::CLONE_NEWUSER), 0, 0, 0, 0])),
        Attempt::Mount => note(mount(&script.project)),
        Attempt::Handle => fs::write(script.loot(attempt), open_by_handle(&outside("handle"))?),
        Attempt::Personality => {
            note(call(libc::SYS_personality, [number(libc::ADDR_NO_RANDOMIZE), 0, 0, 0, 0]))
        }
        Attempt::MemoryProgram => memory_program(&inside("mine"), &script.loot(attempt)),
        Attempt::SetUserId => {
            set_id(&inside("set-id"), 0o2755).or_else(|_| set_id(&inside("set-id"), 0o4755))
        }
        Attempt::TypeAhead => note(type_ahead()),
        Attempt::GitConfig => fs::write(git.join("config"), "[core]\n"),
        Attempt::GitHook => fs::write(git.join("hooks/post-commit"), "#!/bin/sh\n"),
        Attempt::GitMove => fs::rename(&git, inside(".git-moved")),
        Attempt::WriteProject => note(Ok(())),
        Attempt::RunProgram => {
            let mut copy = Command::new("/bin/cp");
            copy.arg(inside("mine")).arg(script.loot(attempt)).stdin(Stdio::null()).status().map(drop)
        }
        Attempt::WriteTemporary => fs::write(script.temporary.join("written"), "x"),
    }
}

/// By changing a file, else by making one with a call whose mode stands behind a pointer.
fn set_id(path: &Path, mode: u32) -> Tried {
    fs::write(path, "")?;
    if fs::set_permissions(path, fs::Permissions::from_mode(mode)).is_ok() {
        return Ok(());
    }
    fs::remove_file(path)?;
    let (flags, mode) = (OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC, Mode::from_raw_mode(mode));
    Ok(rustix::fs::openat2(CWD, path, flags, mode, ResolveFlags::empty()).map(drop)?)
}

const PTRACE_SEIZE: u64 = 0x4206;
/// The keyring of the user, -4.
const USER_KEYRING: u64 = -4_i64 as u64;

fn list(directory: &Path, loot: &Path) -> Tried {
    let mut names = Vec::new();
    for entry in fs::read_dir(directory)? {
        names.extend_from_slice(entry?.file_name().as_bytes());
    }
    fs::write(loot, names)
}

fn connect(attempt: Attempt, script: &Script) -> Tried {
    let way = WAYS.iter().zip(script.tcp).find(|(way, _)| **way == attempt);
    let port = way.map(|(_, port)| port).ok_or(ErrorKind::NotFound)?;
    let to = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    match attempt {
        Attempt::Mptcp => {
            Ok(rustix::net::connect(&socket(libc::AF_INET, libc::SOCK_STREAM, MULTIPATH)?, &to)?)
        }
        Attempt::TcpFastOpen => {
            let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP))?;
            let fast = rustix::net::SendFlags::from_bits_retain(FASTOPEN);
            rustix::net::sendto(&socket, b"x", fast, &to)?;
            Ok(())
        }
        Attempt::TcpFastOpenOption => {
            let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, Some(ipproto::TCP))?;
            let on: libc::c_int = 1;
            let option = number(TCP_FASTOPEN_CONNECT);
            let arguments =
                [number(socket.as_raw_fd()), number(libc::IPPROTO_TCP), option, address(&raw const on), 4];
            call(libc::SYS_setsockopt, arguments)?;
            rustix::net::connect(&socket, &to)?;
            rustix::io::write(&socket, b"x")?;
            Ok(())
        }
        _ => TcpStream::connect(to).map(drop),
    }
}

const MULTIPATH: libc::c_int = 262;
const FASTOPEN: u32 = 0x2000_0000;
const TCP_FASTOPEN_CONNECT: libc::c_int = 30;

fn listen() -> Tried {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::STREAM, None)?;
    Ok(rustix::net::listen(&socket, 1)?)
}

fn abstract_connect(name: &str) -> Tried {
    use std::os::linux::net::SocketAddrExt as _;
    let to = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
    UnixStream::connect_addr(&to).map(drop)
}

fn read_process(script: &Script) -> io::Result<Vec<u8>> {
    const LENGTH: usize = 4096;
    let mut here = vec![0_u8; LENGTH];
    let ours = libc::iovec { iov_base: here.as_mut_ptr().cast(), iov_len: LENGTH };
    let there = script.stack_end.saturating_sub(LENGTH as u64);
    let theirs = [there, LENGTH as u64];
    let arguments = [script.victim.into(), address(&raw const ours), 1, address(theirs.as_ptr()), 1];
    call(libc::SYS_process_vm_readv, arguments)?;
    Ok(here)
}

/// In a mount namespace of its own, so that a success stays without consequence.
fn mount(at: &Path) -> Tried {
    let namespaces =
        libc::CLONE_NEWNS | if rustix::process::geteuid().is_root() { 0 } else { libc::CLONE_NEWUSER };
    call(libc::SYS_unshare, [number(namespaces), 0, 0, 0, 0])?;
    rustix::mount::mount_change(
        "/",
        rustix::mount::MountPropagationFlags::PRIVATE | rustix::mount::MountPropagationFlags::REC,
    )?;
    Ok(rustix::mount::mount(
        "tmpfs",
        at.join(".git"),
        "tmpfs",
        rustix::mount::MountFlags::empty(),
        None::<&std::ffi::CStr>,
    )?)
}

fn open_by_handle(path: &Path) -> io::Result<Vec<u8>> {
    const ROOM: usize = 128;
    #[repr(C, align(8))]
    struct Handle {
        bytes: u32,
        kind: i32,
        handle: [u8; ROOM],
    }
    let mut handle = Handle { bytes: ROOM as u32, kind: 0, handle: [0; ROOM] };
    let mut mount_id: libc::c_int = 0;
    let name = CString::new(path.as_os_str().as_bytes())?;
    let root = fs::File::open("/")?;
    let here = libc::AT_FDCWD as u64;
    let arguments = [here, address(name.as_ptr()), address(&raw mut handle), address(&raw mut mount_id), 0];
    call(libc::SYS_name_to_handle_at, arguments)?;
    let mount = fs::File::open(path.parent().unwrap_or(path)).unwrap_or(root);
    let opened = call_for_number(
        libc::SYS_open_by_handle_at,
        [number(mount.as_raw_fd()), address(&raw mut handle), 0, 0, 0],
    )?;
    let mut text = Vec::new();
    io::Read::read_to_end(&mut fs::File::from(owned(opened)?), &mut text)?;
    Ok(text)
}

/// Copies a file with a copy of `cp` that is nowhere on a disk.
fn memory_program(from: &Path, to: &Path) -> Tried {
    let name = c"program";
    let memory = owned(call_for_number(libc::SYS_memfd_create, [address(name.as_ptr()), 0, 0, 0, 0])?)?;
    io::Write::write_all(&mut fs::File::from(memory.try_clone()?), &fs::read("/bin/cp")?)?;
    let program = format!("/proc/self/fd/{}", memory.as_raw_fd());
    Command::new(program).arg(from).arg(to).status().map(drop)
}

/// Types one character into a terminal of its own making.
fn type_ahead() -> Tried {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY)?;
    grantpt(&master)?;
    unlockpt(&master)?;
    let name = ptsname(&master, Vec::new())?;
    rustix::process::setsid()?;
    let terminal = rustix::fs::open(&name, rustix::fs::OFlags::RDWR, rustix::fs::Mode::empty())?;
    let character = b'x';
    call(libc::SYS_ioctl, [number(terminal.as_raw_fd()), libc::TIOCSTI, address(&raw const character), 0, 0])
}

fn write_to(descriptor: i32) -> Tried {
    let text = b"x";
    call(libc::SYS_write, [number(descriptor), address(text.as_ptr()), 1, 0, 0])
}

fn socket(domain: libc::c_int, kind: libc::c_int, protocol: libc::c_int) -> io::Result<OwnedFd> {
    owned(call_for_number(libc::SYS_socket, [number(domain), number(kind), number(protocol), 0, 0])?)
}

fn number(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.addr() as u64
}

fn call(number: libc::c_long, arguments: [u64; 5]) -> Tried {
    call_for_number(number, arguments).map(drop)
}

/// A system call by its number: what is tried here has no wrapper, or must not go through one.
#[expect(unsafe_code, reason = "what is tried here has no safe wrapper")]
fn call_for_number(number: libc::c_long, arguments: [u64; 5]) -> io::Result<libc::c_long> {
    let [a, b, c, d, e] = arguments;
    // SAFETY: every pointer among the arguments is to a value of the caller that is as large as the call wants and
    // outlives it; this process has one thread and ends after its one attempt.
    let result = unsafe { libc::syscall(number, a, b, c, d, e, 0_u64) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

#[expect(unsafe_code, reason = "the descriptor comes as a number")]
fn owned(descriptor: libc::c_long) -> io::Result<OwnedFd> {
    let descriptor = i32::try_from(descriptor).map_err(io::Error::other)?;
    // SAFETY: a system call has just returned it, so nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor) })
}

#[expect(unsafe_code, reason = "fork has no safe wrapper")]
fn fork() -> io::Result<Option<rustix::process::Pid>> {
    // SAFETY: the probe has one thread.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        pid => Ok(rustix::process::Pid::from_raw(pid)),
    }
}

#[expect(unsafe_code, reason = "_exit has no safe wrapper")]
fn exit() -> ! {
    // SAFETY: ends the process.
    unsafe { libc::_exit(0) }
}
