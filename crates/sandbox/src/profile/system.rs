//! What every domain needs of the system: programs, libraries, a little configuration, devices. Nothing here belongs
//! to a person.

use super::{Access, Tree, if_there};

/// Programs and libraries.
const PROGRAMS: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/snap"];

/// Single files and directories of `/etc`: the rest holds keys and password hashes, which root could read.
const CONFIGURATION: &[&str] = &[
    "/etc/alternatives",
    "/etc/bash.bashrc",
    "/etc/bash_completion.d",
    "/etc/ca-certificates",
    "/etc/ca-certificates.conf",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/environment",
    "/etc/fonts",
    "/etc/gai.conf",
    "/etc/gitattributes",
    "/etc/gitconfig",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/inputrc",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/locale.alias",
    "/etc/locale.conf",
    "/etc/localtime",
    "/etc/lsb-release",
    "/etc/magic",
    "/etc/mime.types",
    "/etc/nsswitch.conf",
    "/etc/openssl",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/cert.pem",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/shells",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/terminfo",
    "/etc/timezone",
    "/run/systemd/resolve",
    "/run/current-system",
];

/// Languages keep their own configuration here.
const LANGUAGES: &[&str] = &["/etc/java", "/etc/python3", "/etc/perl", "/etc/maven", "/etc/R"];
/// The versions of Python 3 that name a directory of their own in `/etc`, into which `/usr/lib` links.
const PYTHONS: std::ops::RangeInclusive<u32> = 9..=16;
/// The same for Java, in steps as Debian packages them.
const JAVAS: &[u32] = &[8, 11, 17, 21, 25];

/// What the kernel tells about processes and the machine. Memory and variables of processes outside stay closed: the
/// kernel treats looking at them like tracing.
const KERNEL: &[&str] =
    &["/proc", "/sys/devices/system", "/sys/fs/cgroup", "/sys/kernel/mm/transparent_hugepage"];

const DEVICES: &[&str] = &[
    "/dev/null",
    "/dev/zero",
    "/dev/full",
    "/dev/random",
    "/dev/urandom",
    "/dev/tty",
    "/dev/ptmx",
    "/dev/pts",
];

pub(super) fn trees() -> Vec<Tree> {
    let run = |path: &&str| if_there(*path, Access::Run, "system");
    let read = |path: &&str| if_there(*path, Access::Read, "system");
    let device = |path: &&str| if_there(*path, Access::Device, "device");
    let mut trees: Vec<Tree> = PROGRAMS.iter().map(run).collect();
    trees.extend(CONFIGURATION.iter().chain(LANGUAGES).chain(KERNEL).map(read));
    let versioned = PYTHONS.map(|minor| format!("/etc/python3.{minor}"));
    let versioned = versioned.chain(JAVAS.iter().map(|major| format!("/etc/java-{major}-openjdk")));
    trees.extend(versioned.map(|path| if_there(path, Access::Read, "system")));
    trees.extend(DEVICES.iter().map(device));
    trees
}
