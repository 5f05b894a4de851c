//! Finding and killing all descendants of a process through `/proc`. Knows no supervisor.

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// How often newcomers are looked for before the killing starts. What still forks then is met again by the caller.
const STOPPING_ROUNDS: u32 = 16;

/// Whether a tree is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Everything,
    /// Someone is left that cannot be killed: another user's process, or one stuck in the kernel.
    NotAll,
}

/// One life of a process: the number alone may be somebody else's a moment later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Life {
    pid: Number,
    /// Clock ticks since boot.
    start: u64,
}

/// A process number as `/proc` writes it.
type Number = i32;

/// Stops every descendant of `ancestor`, until no new ones appear, then kills them all. Stopping first keeps those that
/// watch over others from replacing them.
pub(super) fn kill_descendants(ancestor: Pid) {
    let mut stopped = BTreeSet::new();
    for _ in 0..STOPPING_ROUNDS {
        let fresh: Vec<Life> = descendants(ancestor).difference(&stopped).copied().collect();
        if fresh.is_empty() {
            break;
        }
        for life in fresh {
            signal(life, Signal::STOP);
            stopped.insert(life);
        }
    }
    for life in stopped {
        signal(life, Signal::KILL);
    }
}

/// Signals exactly this life. Whoever is gone, or not ours to signal, is left.
fn signal(life: Life, signal: Signal) {
    let Some(pid) = Pid::from_raw(life.pid) else { return };
    let Ok(handle) = pidfd_open(pid, PidfdFlags::empty()) else { return };
    // The handle is of whoever has the number now; the start says whether that is the one we saw.
    if stat_of(life.pid).is_some_and(|stat| stat.start == life.start) {
        let _gone_or_not_ours = pidfd_send_signal(&handle, signal);
    }
}

fn descendants(ancestor: Pid) -> BTreeSet<Life> {
    let mut children: BTreeMap<Number, Vec<Life>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(stat) = stat_of(pid) {
            children.entry(stat.parent).or_default().push(Life { pid, start: stat.start });
        }
    }
    let mut found = BTreeSet::new();
    let mut pending = vec![ancestor.as_raw_nonzero().get()];
    while let Some(parent) = pending.pop() {
        for life in children.remove(&parent).into_iter().flatten() {
            pending.push(life.pid);
            found.insert(life);
        }
    }
    found
}

struct Stat {
    parent: Number,
    start: u64,
}

/// What `/proc/PID/stat` says of a process that is still there. One that looks like a zombie may run on: only its first
/// thread is known to be over.
fn stat_of(pid: Number) -> Option<Stat> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the name in parentheses, and may hold anything, parentheses included.
    let after_name = stat.iter().rposition(|byte| *byte == b')')? + 1;
    let mut fields = str::from_utf8(stat.get(after_name..)?).ok()?.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    // Field 22; the state is field 3.
    let start = fields.nth(17)?.parse().ok()?;
    (!matches!(state, "X" | "x")).then_some(Stat { parent, start })
}
