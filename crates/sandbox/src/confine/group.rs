//! A control group around a process tree: counts its processes and its memory as a whole, and ends them all. Wherever
//! one can be made without changing anything else on the machine: below the own group (version 1) or beside it
//! (version 2, whose groups hold processes or groups, not both). Root has that; an ordinary user where systemd
//! delegates a tree, which is so for desktop programs and services of the user, not for a login over SSH. Knows no
//! profile.

use super::kernel::Groups;
use crate::profile::Limits;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Access;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a group's directory is called: then come the process that made it and a number.
const NAME: &str = "leashd-";
/// A directory without processes is somebody's who is about to use it, unless it is older.
const STALE: Duration = Duration::from_secs(60);
/// Directories looked at for stale ones.
const SWEPT_MAX: usize = 256;
/// How long a killed process may take to end.
const PATIENCE: Timespec = Timespec { tv_sec: 2, tv_nsec: 0 };
/// Passes over what is left, of which one is enough once nothing new can begin.
const PASSES_MAX: u32 = 8;

/// Where groups are made, and what they hold there.
#[derive(Debug)]
struct Place {
    directory: PathBuf,
    holds: Groups,
}

/// What can be had here. Changes nothing.
pub(super) fn available() -> Groups {
    place().map_or(Groups::Missing, |place| place.holds)
}

fn place() -> Option<Place> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let places = mounts.lines().filter_map(Mount::parse).filter_map(|mount| mount.place(&own));
    places.max_by_key(|place| place.holds)
}

/// One mounted hierarchy.
struct Mount<'a> {
    root: &'a str,
    point: &'a str,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Version {
    /// The hierarchy that counts processes.
    One,
    Two,
}

impl<'a> Mount<'a> {
    /// A line of `/proc/self/mountinfo`.
    fn parse(line: &'a str) -> Option<Self> {
        let (place, kind) = line.split_once(" - ")?;
        let mut place = place.split(' ').skip(3);
        let (root, point) = (place.next()?, place.next()?);
        let mut kind = kind.split(' ');
        let version = match kind.next()? {
            "cgroup2" => Version::Two,
            "cgroup" if kind.nth(1)?.split(',').any(|option| option == "pids") => Version::One,
            _ => return None,
        };
        Some(Self { root, point, version })
    }

    /// `own` is `/proc/self/cgroup`.
    fn place(&self, own: &str) -> Option<Place> {
        let own = own.lines().find_map(|line| {
            let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
            let ours = match self.version {
                Version::One => controllers.split(',').any(|name| name == "pids"),
                Version::Two => controllers.is_empty(),
            };
            ours.then_some(path)
        })?;
        let below = Path::new(own).strip_prefix(self.root).ok()?;
        let directory = Path::new(self.point).join(below);
        match self.version {
            Version::One => {
                let holds = Groups::Processes;
                is_writable(&directory).then_some(Place { directory, holds })
            }
            Version::Two => {
                let beside = directory.parent().filter(|_| below.parent().is_some()).map(Path::to_owned);
                let found = [beside, Some(directory)].into_iter().flatten();
                found.filter_map(Place::delegated).max_by_key(|place| place.holds)
            }
        }
    }
}

impl Place {
    /// A directory of version 2 whose groups have their processes counted, and to which we may move.
    fn delegated(directory: PathBuf) -> Option<Self> {
        let controllers = fs::read_to_string(directory.join("cgroup.subtree_control")).ok()?;
        let has = |name: &str| controllers.split_whitespace().any(|controller| controller == name);
        let holds = match (has("pids"), has("memory")) {
            (true, true) => Groups::ProcessesAndMemory,
            (true, false) => Groups::Processes,
            (false, _) => return None,
        };
        let ours = is_writable(&directory) && is_writable(&directory.join("cgroup.procs"));
        ours.then_some(Self { directory, holds })
    }
}

fn is_writable(path: &Path) -> bool {
    rustix::fs::access(path, Access::WRITE_OK).is_ok()
}

/// A group that was made, removed when it is dropped. Whoever is in it then is killed.
#[derive(Debug)]
pub(super) struct Group {
    directory: PathBuf,
    pub(super) holds: Groups,
    /// Open since before any namespace: whoever writes to it moves in.
    door: File,
}

impl Group {
    /// Nothing where none can be had. The error says what could not be done where one should have been possible.
    pub(super) fn create(limits: &Limits) -> io::Result<Option<Self>> {
        let Some(place) = place() else { return Ok(None) };
        sweep(&place.directory);
        let directory = (0..8_u8)
            .map(|number| place.directory.join(format!("{NAME}{}-{number}", std::process::id())))
            .find(|directory| fs::create_dir(directory).is_ok())
            .ok_or_else(|| io::Error::other(format!("no group in {}", place.directory.display())))?;
        let door = File::options().write(true).open(directory.join("cgroup.procs"));
        let group = match door {
            Ok(door) => Self { directory, holds: place.holds, door },
            Err(error) => {
                let _as_before = fs::remove_dir(&directory);
                return Err(error);
            }
        };
        fs::write(group.directory.join("pids.max"), limits.processes.to_string())?;
        if group.holds == Groups::ProcessesAndMemory {
            fs::write(group.directory.join("memory.max"), memory(limits).to_string())?;
        }
        Ok(Some(group))
    }

    /// Moves the calling process in; what it starts from then on belongs to the group as well.
    pub(super) fn enter(&self) -> io::Result<()> {
        (&self.door).write_all(b"0")
    }

    /// Ends whoever is in it.
    fn end(&self) -> io::Result<()> {
        for _pass in 0..PASSES_MAX {
            let text = fs::read_to_string(self.directory.join("cgroup.procs"))?;
            let pids: Vec<Pid> = text.lines().filter_map(|line| Pid::from_raw(line.parse().ok()?)).collect();
            if pids.is_empty() {
                break;
            }
            // Nothing begins any more, so that one pass is enough.
            fs::write(self.directory.join("pids.max"), "0")?;
            // The numbers may be others' by now, so each is looked up again once it is held.
            let held: Vec<_> =
                pids.iter().filter_map(|pid| pidfd_open(*pid, PidfdFlags::empty()).ok()).collect();
            let still = fs::read_to_string(self.directory.join("cgroup.procs"))?;
            let is_still = |pid: &Pid| still.lines().any(|line| line == pid.as_raw_pid().to_string());
            if !pids.iter().all(is_still) {
                continue;
            }
            for process in &held {
                let _ended = pidfd_send_signal(process, Signal::KILL);
            }
            for process in &held {
                let _in_time = poll(&mut [PollFd::new(process, PollFlags::IN)], Some(&PATIENCE));
            }
        }
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // What stays is swept by a later start; it is empty or cannot be ended by anybody.
        let _ended = self.end();
        let _removed = fs::remove_dir(&self.directory);
    }
}

/// Bytes for a whole tree: what one process may have, and no more than three quarters of the machine.
fn memory(limits: &Limits) -> u64 {
    let machine = rustix::system::sysinfo();
    let bytes = (machine.totalram as u64).saturating_mul(u64::from(machine.mem_unit));
    limits.memory.min(bytes / 4 * 3)
}

/// Removes groups whose launcher was killed. Only empty ones can be removed.
fn sweep(directory: &Path) {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.file_name().as_encoded_bytes().starts_with(NAME.as_bytes()));
    for entry in ours.take(SWEPT_MAX) {
        let age = entry.metadata().and_then(|there| there.modified()).map(|made| made.elapsed());
        if matches!(age, Ok(Ok(age)) if age > STALE) {
            let _in_use = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where a group would be made, below a directory that stands for `/sys/fs/cgroup`.
    #[track_caller]
    fn check(mounted: &str, own: &str, delegated: &[(&str, &str)], expected: Option<(&str, Groups)>) {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        for (path, controllers) in delegated {
            fs::create_dir_all(root.join(path)).unwrap();
            fs::write(root.join(path).join("cgroup.subtree_control"), controllers).unwrap();
            fs::write(root.join(path).join("cgroup.procs"), "").unwrap();
        }
        let line = mounted.replace("POINT", root.to_str().unwrap());
        let found = Mount::parse(&line).and_then(|mount| mount.place(own));
        let found = found.map(|place| (place.directory, place.holds));
        assert_eq!(found, expected.map(|(path, holds)| (root.join(path), holds)));
    }

    #[test]
    fn a_group_is_made_where_it_counts() {
        const TWO: &str = "31 23 0:28 / POINT rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate";
        const ONE: &str = "39 31 0:36 / POINT rw,relatime - cgroup cgroup rw,pids";
        let both = Groups::ProcessesAndMemory;
        let own = "1:pids:/a/one\n0::/a/two\n";
        check(TWO, own, &[("a", "cpu memory pids"), ("a/two", "")], Some(("a", both)));
        check(TWO, own, &[("a", "pids\n"), ("a/two", "")], Some(("a", Groups::Processes)));
        // Its controllers are in version 1, or not delegated.
        check(TWO, own, &[("a", ""), ("a/two", "")], None);
        check(TWO, "0::/\n", &[("", "memory pids")], Some(("", both)));
        check(ONE, own, &[("a/one", "")], Some(("a/one", Groups::Processes)));
        check(ONE, own, &[("a/two", "")], None);
        check(ONE, "0::/\n", &[("", "")], None);
        check("39 31 0:36 / POINT rw - cgroup cgroup rw,memory", own, &[("a/one", "")], None);
        check("25 31 0:36 / POINT rw - tmpfs tmpfs rw,pids", own, &[("a/one", "")], None);
        // A container sees its own part only.
        check(
            &TWO.replace(" / POINT", " /box POINT"),
            "0::/box/a/two\n",
            &[("a", "memory pids"), ("a/two", "")],
            Some(("a", both)),
        );
        check(&TWO.replace(" / POINT", " /box POINT"), "0::/else\n", &[("", "memory pids")], None);
    }
}
