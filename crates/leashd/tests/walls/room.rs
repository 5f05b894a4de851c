//! A room of its own for lines that mean harm: a root directory in memory in which everything outside the project
//! belongs to the user who runs the lines, so that only the walls under test protect it, and nothing of this machine but
//! its programs, read-only. Own processes, own network without a way out. Knows no lines.

use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_bind, mount_bind_recursive, mount_change,
    mount_remount, unmount,
};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

/// What the room's owner alone uses: the template of the project, the output of a line.
pub(crate) const DESK: &str = "/desk";
/// leashd, in the room.
pub(crate) const PROGRAM: &str = "/opt/leashd";

/// No line needs them, and all that is in the room is compared after each.
const LEFT_OUT: [&str; 4] = ["ssl", "fonts", "apt", "X11"];
/// Larger files of `/etc` are not needed by programs.
const CONFIGURATION_MAX_BYTES: u64 = 256 * 1024;

/// Who runs the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum User {
    /// The one who runs the test, in a user namespace.
    Own,
    /// The test runs as root and steps down to this one.
    Other(u32),
}

impl User {
    pub(crate) fn parse(text: &str) -> Self {
        text.parse().map_or(User::Own, User::Other)
    }

    pub(crate) fn as_argument(self) -> String {
        match self {
            User::Own => "own".to_owned(),
            User::Other(uid) => uid.to_string(),
        }
    }

    /// `program` as this user, without any privilege and with little of the machine: 256 processes, files of 8 MiB,
    /// 1 GiB of memory each.
    pub(crate) fn command(self, program: &str) -> Command {
        let mut command = Command::new("prlimit");
        command.args(["--nproc=256", "--fsize=8388608", "--data=1073741824", "--core=0", "--", "setpriv"]);
        if let User::Other(uid) = self {
            command.args([format!("--reuid={uid}"), format!("--regid={uid}"), "--clear-groups".to_owned()]);
        }
        command.args(["--inh-caps=-all", "--ambient-caps=-all", "--bounding-set=-all", "--", program]);
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LANG", "C.UTF-8");
        command
    }

    /// Gives a file to the user.
    pub(crate) fn give(self, path: &Path) {
        if let User::Other(uid) = self {
            std::os::unix::fs::lchown(path, Some(uid), Some(uid)).unwrap();
        }
    }
}

/// A command that will be the first process of its own namespaces, with the right to mount in them.
pub(crate) fn unshared(user: User) -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]);
    if user == User::Own {
        command.args(["--user", "--map-current-user", "--keep-caps"]);
    }
    command.arg("--");
    command
}

/// Moves this process, which must be the first of its namespaces, into a new room. `base` is an empty directory.
pub(crate) fn enter(base: &Path, leashd: &Path, user: User) {
    assert_eq!(std::process::id(), 1, "a room needs a process namespace");
    let leashd = fs::File::open(leashd).unwrap();
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).unwrap();
    mount("tmpfs", base, "tmpfs", MountFlags::NOSUID, Some(c"mode=755,size=128m,nr_inodes=20000")).unwrap();
    user.give(base);
    let room = fs::metadata(base).unwrap().dev();
    programs(base);
    devices(base);
    configuration(base, user);
    for name in ["proc", "opt", "tmp", "run", "var", "home", "root", "srv", "mnt", "media", "boot"] {
        make(&base.join(name), user);
    }
    mount("proc", base.join("proc"), "proc", MountFlags::NOSUID | MountFlags::NODEV, None).unwrap();
    let desk = base.join(DESK.trim_start_matches('/'));
    fs::create_dir(&desk).unwrap();
    fs::set_permissions(&desk, fs::Permissions::from_mode(0o700)).unwrap();
    let program = base.join(PROGRAM.trim_start_matches('/'));
    fs::write(&program, "").unwrap();
    let descriptor = std::os::fd::AsRawFd::as_raw_fd(&leashd);
    mount_bind(format!("/proc/self/fd/{descriptor}"), &program).unwrap();
    read_only(&program);
    std::env::set_current_dir(base).unwrap();
    rustix::process::pivot_root(".", ".").unwrap();
    unmount(".", UnmountFlags::DETACH).unwrap();
    std::env::set_current_dir("/").unwrap();
    // From here on files are written at paths that this machine has, too.
    let root = fs::metadata("/").unwrap();
    assert!(root.dev() == room && !Path::new("/etc/shadow").exists(), "this is not the room");
    ways_to_nowhere();
}

fn make(path: &Path, user: User) {
    fs::create_dir_all(path).unwrap();
    user.give(path);
}

/// `/usr`, and what stands beside it for the same purpose.
fn programs(base: &Path) {
    for name in ["usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let (from, to) = (Path::new("/").join(name), base.join(name));
        match fs::symlink_metadata(&from) {
            Err(_) => {}
            Ok(there) if there.is_symlink() => symlink(fs::read_link(&from).unwrap(), &to).unwrap(),
            Ok(_) => {
                fs::create_dir(&to).unwrap();
                mount_bind_recursive(&from, &to).unwrap();
                read_only(&to);
            }
        }
    }
}

/// Keeps what else holds for the mount: who did not set it may not take it away.
fn read_only(path: &Path) {
    let now = rustix::fs::statvfs(path).unwrap().f_flag;
    let pairs = [
        (rustix::fs::StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (rustix::fs::StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (rustix::fs::StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (rustix::fs::StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (rustix::fs::StatVfsMountFlags::RELATIME, MountFlags::RELATIME),
    ];
    let kept = pairs.iter().filter(|(there, _)| now.contains(*there));
    let flags = kept.fold(MountFlags::BIND | MountFlags::RDONLY, |flags, (_, flag)| flags | *flag);
    mount_remount(path, flags, "").unwrap();
}

fn devices(base: &Path) {
    let dev = base.join("dev");
    fs::create_dir_all(dev.join("shm")).unwrap();
    for name in ["null", "zero", "full", "random", "urandom", "tty"] {
        fs::write(dev.join(name), "").unwrap();
        mount_bind(Path::new("/dev").join(name), dev.join(name)).unwrap();
    }
    for (name, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        symlink(format!("/proc/self/fd{target}"), dev.join(name)).unwrap();
    }
}

/// A copy that belongs to the user: what everybody may read of `/etc`.
fn configuration(base: &Path, user: User) {
    copy(Path::new("/etc"), &base.join("etc"), user);
    fs::write(base.join("etc/resolv.conf"), "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n").unwrap();
}

fn copy(from: &Path, to: &Path, user: User) {
    make(to, user);
    for entry in fs::read_dir(from).into_iter().flatten().flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        let Ok(there) = entry.metadata() else { continue };
        if LEFT_OUT.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        if there.is_symlink() {
            symlink(fs::read_link(&from).unwrap(), &to).unwrap();
        } else if there.is_dir() {
            copy(&from, &to, user);
        } else if there.is_file() && is_public(&there) && there.len() <= CONFIGURATION_MAX_BYTES {
            fs::copy(&from, &to).unwrap();
        } else {
            continue;
        }
        user.give(&to);
    }
}

fn is_public(there: &fs::Metadata) -> bool {
    there.permissions().mode() & 0o004 != 0
}

/// Every address leads back into the room, so that a connection to anywhere can be made, and be counted.
fn ways_to_nowhere() {
    for arguments in ["link set lo up", "route add local 0.0.0.0/0 dev lo"] {
        let status = Command::new("/usr/sbin/ip").args(arguments.split(' ')).status();
        let status = status.or_else(|_| Command::new("ip").args(arguments.split(' ')).status());
        assert!(status.unwrap().success(), "ip {arguments}");
    }
}
